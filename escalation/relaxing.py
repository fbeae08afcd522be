"""Preferences given up, on record: who has the incident now stands below its floor, or had no room; by whose word."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from escalation import roster, story
from escalation.promises import terms_of
from escalation.routing import CAPACITY, LEVELS
from escalation.subjects import subject_of
from models.duty import Training
from models.incidents import Incident
from models.people import Person
from models.session import as_staff


def note(session: Session, incident: Incident, person_id: uuid.UUID | None, by: str, now: datetime) -> None:
    """Write down that this engineer has it although they stand below the floor; nothing for anybody else.

    `by`: whose word it was, as the end of a sentence ("on their own word", "handed over by Eve").
    """
    floor = terms_of(incident).skill_floor
    if person_id is None or floor == LEVELS[0]:
        return
    with as_staff(session):
        person = session.get(Person, person_id)
        if person is None or person.role != "engineer":
            return
        level = _level(session, person, subject_of(incident.cause), now)
    if LEVELS.index(level) >= LEVELS.index(floor):
        return
    words = f"{person.name} ({level}) stands below the contract's floor ({floor}): relaxed, {by}."
    facts = {"floor": floor, "level": level, "person": str(person.id), "by": by}
    story.tell(session, incident, "relaxed", words, now, facts=facts)


def beyond_room(
    session: Session,
    incident: Incident,
    person_id: uuid.UUID | None,
    by: str,
    now: datetime,
    *,
    instead_of: Collection[uuid.UUID] = (),
) -> None:
    """Write down that this engineer has it with full hands; nothing while they have room. Routing sends them no more
    meanwhile, but who takes one of their own accord is not held back: rigidity is the enemy of service.

    `by` as in `note`; `instead_of`: incidents they had, which this one stands for from now on.
    """
    if person_id is None:
        return
    mode = roster.mode_of(incident.channel, incident.served_by)
    with as_staff(session):
        person = session.get(Person, person_id)
        if person is None or person.role != "engineer":
            return
        held = roster.in_hands(session, person_id, mode, [incident.id, *instead_of])
    room = int(person.capacity.get(mode, CAPACITY[mode]))
    if held < room:
        return
    words = f"{person.name} takes it with hands full ({held} of {room} {mode}), {by}."
    facts = {"mode": mode, "held": held, "room": room, "person": str(person.id), "by": by}
    story.tell(session, incident, "beyond room", words, now, facts=facts)


def _level(session: Session, person: Person, subject: str, now: datetime) -> str:
    """Their level in the subject by a training that holds today where they live; else their general one."""
    today = now.astimezone(ZoneInfo(person.zone)).date()
    holds = (
        Training.person_id == person.id,
        Training.subject == subject,
        or_(Training.expires_on.is_(None), Training.expires_on >= today),
    )
    return session.scalar(select(Training.level).where(*holds)) or person.level
