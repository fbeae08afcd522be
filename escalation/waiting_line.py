"""The line of incidents that came while everybody's hands were full: joining it, and being served from it in turn.

The ladder climbs meanwhile as its terms say: the line never hides an incident from those who can make room.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import duty, instants, notify, story
from escalation.duty import Duty
from escalation.incident import State
from escalation.one_by_one import one_by_one
from escalation.waiting import Waiting, turns
from models.incidents import Incident
from models.session import SYSTEM, Sessions, work

# How many of the line are looked at when hands are free: those behind are behind the same full hands.
_LOOKED_AT = 50


def in_turn(session: Session) -> list[Waiting]:
    """Everything that waits, in the order in which it is served."""
    columns = (Incident.id, Incident.queued_at, Incident.tier, Incident.severity)
    waits = select(*columns).where(Incident.queued_at.is_not(None), Incident.state == State.OPEN.value)
    return turns(Waiting(id, since, tier, severity) for id, since, tier, severity in session.execute(waits) if since)


def join(session: Session, incident: Incident, desk: Duty, now: datetime) -> bool:
    """Put an incident into the line if only room is missing; True when it joined now. The caller holds its row."""
    if incident.queued_at is not None or not desk.order.waits:
        return False
    incident.queued_at = now
    session.flush()  # its own place is read below
    place = [one.incident_id for one in in_turn(session)].index(incident.id) + 1
    why = {passed.name: passed.reason for passed in desk.order.passed if passed.reason.startswith("hands full")}
    words = f"Everybody on duty has their hands full; it waits its turn as number {place}."
    story.tell(session, incident, "queued", words, now, facts={"place": place, "full": why})
    return True


def serve(sessions: Sessions, now: datetime) -> int:
    """Hand what waits to those who have room again, each in a transaction of its own; how many were handed on."""
    with work(sessions, SYSTEM) as session:
        line = [one.incident_id for one in in_turn(session)[:_LOOKED_AT]]
        found = session.execute(select(Incident.id, Incident.customer_id).where(Incident.id.in_(line)))
        whose = {row.id: row.customer_id for row in found}
    turns = [(id, whose[id]) for id in line]
    return one_by_one(sessions, "the line", turns, lambda session, id: _serve(session, id, now))


def _serve(session: Session, incident_id: uuid.UUID, now: datetime) -> bool:
    incident = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
    if incident is None or incident.queued_at is None or incident.state != State.OPEN:
        return False
    desk = duty.on_duty(session, incident, now)
    place = desk.order.first
    if place is None:
        return False
    person = desk.people[place.person_id]
    since = instants.stamp(incident.queued_at)
    incident.queued_at = None
    words = f"{person.name} has room again; it waited since {since}."
    facts = {"person": str(person.id), "why": place.reason}
    story.tell(session, incident, "served", words, now, facts=facts, stamps=[since])
    notify.page(session, incident, person, incident.rung, f"its turn has come: {place.reason}", now)
    story.changed(session, incident, "serve from the line", now)
    return True
