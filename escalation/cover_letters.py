"""Letters about cover: to those who are asked to stand in, and to whoever asked. Takes a session, never commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import outbox, roster, rota
from escalation.duty import ways
from escalation.incident import Actor
from escalation.outbox import NO_RUNG, Draft
from escalation.quiet import held_until
from escalation.words import instant
from models.duty import Cover, DutySchedule, TimeOff
from models.people import Person

_CALM = 3  # a request keeps quiet hours, unless the turn begins within them


def tell_those_asked(session: Session, row: Cover, schedule: DutySchedule, now: datetime) -> None:
    """The one who is asked; where it is anybody, whoever has turns in the schedule and the zone's engineers, without
    those absent then and the one whose turn it is."""
    ours = roster.our_people(session)
    asker = ours.get(row.for_id) if row.for_id else None
    for person in _asked(session, row, schedule, list(ours.values())):
        text = (
            f"{asker.name if asker else 'The house'} asks for cover in {schedule.name}, "
            f"{_span(row, person)}{f': {row.reason}' if row.reason else ''}.\n\n"
            "Take it on the duty board. "
            + ("It is asked of you alone." if row.person_id else "The first to take it has the turn.")
        )
        _send(session, row, person, "Cover is asked for", text, "asked", now)


def tell_who_asked(session: Session, row: Cover, actor: Actor, now: datetime) -> None:
    """What was answered, to the one whose turn it is."""
    asker = session.get(Person, row.for_id) if row.for_id else None
    if asker is None or not asker.active or asker.id == actor.person_id:
        return
    schedule = session.get_one(DutySchedule, row.schedule_id)
    said = {"accepted": "stands in for you", "declined": "cannot stand in for you"}[row.state]
    text = f"{actor.name} {said} in {schedule.name}, {_span(row, asker)}."
    if row.state == "declined":
        text += "\n\nThe turn is still yours. Ask somebody else on the duty board."
    _send(session, row, asker, f"Cover: {actor.name} {said}", text, row.state, now)


def _asked(session: Session, row: Cover, schedule: DutySchedule, ours: list[Person]) -> list[Person]:
    if row.person_id is not None:
        return [person for person in ours if person.id == row.person_id]
    there = (TimeOff.starts_at < row.ends_at, TimeOff.ends_at > row.starts_at, TimeOff.kind == "absent")
    out = {row.for_id, *session.scalars(select(TimeOff.person_id).where(*there))}
    turns = {id for layer in schedule.layers for id in rota.layer(layer).people}
    zone = {person.id for person in ours if person.role == "engineer" and person.unit == schedule.unit}
    return [person for person in ours if person.id in turns | zone and person.id not in out]


def _span(row: Cover, reader: Person) -> str:
    return f"{instant(row.starts_at, reader.zone)} to {instant(row.ends_at, reader.zone)}"


def _send(session: Session, row: Cover, person: Person, subject: str, text: str, about: str, now: datetime) -> None:
    body = {"type": "vigie.house.cover", "text": text, "path": "/duty", "data": {"severity": _CALM}}
    for way in ways(person, _CALM, now):
        if way["channel"] == "pagerduty":  # a trigger there that nothing would ever resolve; the board shows it
            continue
        held = held_until(way, person.zone, _CALM, now)
        soon = held is not None and held >= row.starts_at  # in the morning it would be too late
        draft = Draft(NO_RUNG, 0, way["channel"], way["address"], subject, body, "cover", person.id,
                      None if soon else held)  # fmt: skip
        outbox.enqueue_word(session, None, f"cover/{row.id}/{about}", draft, now)
