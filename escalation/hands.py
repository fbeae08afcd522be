"""Whose hands an incident is in: taking hold of its row, and stepping in."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import causes, climbing, promises, relaxing, seconds
from escalation.incident import Act, Actor, NotNow, State, after
from escalation.routing import needs_second
from models import audit
from models.incidents import Incident

# Whoever answers a page or writes under the old number means the incident that number was merged into.
FOLLOWS = frozenset({Act.ACKNOWLEDGE, Act.REPLY, Act.ESCALATE})


def grasp(
    session: Session, incident_id: uuid.UUID, act: Act, now: datetime, expected_version: int | None
) -> Incident | NotNow:
    """Lock the incident and see whether the act fits it. A refusal leaves nothing changed."""
    customer_id = session.scalar(select(Incident.customer_id).where(Incident.id == incident_id))
    if customer_id is None:
        return NotNow("There is no such incident.", "Look it up by its number.", "absent")
    audit.take_turns(session, customer_id)
    incident = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
    if incident is None:
        return NotNow("There is no such incident.", "Look it up by its number.", "absent")
    if expected_version is not None and incident.version != expected_version:
        return NotNow("Somebody changed it meanwhile.", "Look at it as it is now, and decide again.", "version")
    merged_into = causes.survivor(session, incident) if incident.merged_into_id is not None else None
    if merged_into is not None and act in FOLLOWS:
        incident = session.get_one(Incident, merged_into.id, with_for_update=True, populate_existing=True)
    closed_for = now - incident.closed_at if incident.closed_at is not None else None
    answer = after(act, State(incident.state), closed_for)
    if isinstance(answer, NotNow):
        if merged_into is not None:
            return NotNow(f"It was merged into {merged_into.label}.", "Work on it there, or reopen this one.", "merged")
        return answer
    if act is Act.REOPEN and (other := _stands_in_the_way(session, incident)) is not None:
        return NotNow(f"{other.label} is open for the same cause.", "Work on it there.", "duplicate")
    return incident


def _stands_in_the_way(session: Session, incident: Incident) -> Incident | None:
    if incident.machine_id is None:
        return None
    there = causes.open_incident(session, incident.customer_id, incident.machine_id, incident.cause)
    # One that was merged may be taken out again: it does not stand in its own way.
    return None if there is None or there.id == incident.merged_into_id else there


def step_in(
    session: Session,
    incident: Incident,
    state: State,
    actor: Actor,
    now: datetime,
    *,
    alone: bool = False,
    instead_of: Collection[uuid.UUID] = (),
) -> None:
    """Somebody of ours has it now: the ladder stops, and on the gravest severities a second is asked.

    `alone`: it is over with this act, so nobody is called to stand beside. `instead_of`: what they had until now, and
    have as this one from now on.
    """
    incident.state = state.value
    incident.acknowledged_at = incident.acknowledged_at or now
    if incident.owner_id is None and not actor.is_customer:
        incident.owner_id = actor.person_id
        relaxing.note(session, incident, actor.person_id, "on their own word", now)
        if not alone:
            relaxing.beyond_room(session, incident, actor.person_id, "on their own word", now, instead_of=instead_of)
    climbing.acknowledged(incident, now)
    promises.meet(session, incident, ("acknowledge",), now)
    if needs_second(incident.severity) and incident.second_id is None and not alone:
        seconds.attach(session, incident, now)
