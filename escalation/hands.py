"""Whose hands an incident is in: taking hold of its row, stepping in, and the second who stands beside."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import climbing, duty, notify, promises, story
from escalation.incident import VIGIE, Act, Actor, NotNow, State, after
from escalation.routing import Place, needs_second
from models import audit
from models.incidents import OPEN_STATES, Incident


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
    closed_for = now - incident.closed_at if incident.closed_at is not None else None
    answer = after(act, State(incident.state), closed_for)
    if isinstance(answer, NotNow):
        return answer
    if act is Act.REOPEN and (other := _stands_in_the_way(session, incident)) is not None:
        return NotNow(f"{other.label} is open for the same cause.", "Work on it there.", "duplicate")
    return incident


def _stands_in_the_way(session: Session, incident: Incident) -> Incident | None:
    if incident.machine_id is None:
        return None
    same = (Incident.machine_id == incident.machine_id, Incident.cause == incident.cause)
    return session.scalar(select(Incident).where(*same, Incident.state.in_(OPEN_STATES)))


def step_in(
    session: Session, incident: Incident, state: State, actor: Actor, now: datetime, *, alone: bool = False
) -> None:
    """Somebody of ours has it now: the ladder stops, and on the gravest severities a second is attached.

    `alone`: it is over with this act, so nobody is called to stand beside.
    """
    incident.state = state.value
    incident.acknowledged_at = incident.acknowledged_at or now
    if incident.owner_id is None and not actor.is_customer:
        incident.owner_id = actor.person_id
    climbing.stop(incident)
    promises.meet(session, incident, ("acknowledge",), now)
    if needs_second(incident.severity) and incident.second_id is None and not alone:
        attach(session, incident, now)


def attach(
    session: Session, incident: Incident, now: datetime, *, actor: Actor = VIGIE, person_id: uuid.UUID | None = None
) -> NotNow | None:
    """Put a second beside the owner, and tell them. None when it is done.

    By the house's own rule (`actor` is Vigie) an empty desk is no refusal but a line in the story: somebody is alone.
    """
    desk = duty.on_duty(session, incident, now)
    if person_id is None:
        place = duty.beside(desk, incident.owner_id)
    elif person_id == incident.owner_id or person_id not in desk.people or desk.people[person_id].role == "contact":
        return NotNow("This person cannot be the second.", "Name one of ours who is not the owner.", "person")
    else:
        place = Place(person_id, desk.people[person_id].name, f"{actor.name} asked for them")
    if place is None:
        words = "Nobody is there to stand beside: one engineer is alone on it."
        if actor is VIGIE:
            story.tell(session, incident, "alone", words, now)
            return None
        return NotNow(words, "Escalate, or name a person.", "person")
    incident.second_id = place.person_id
    why = "; ".join(part for part in (place.reason, place.relaxed) if part)
    story.tell(session, incident, "second", f"{place.name} stands beside ({why}).", now, actor=actor)
    text = "You are the second on this incident; nobody of us is alone in front of a problem."
    notify.alert(session, incident, desk.people[place.person_id], text, why, now)
    return None
