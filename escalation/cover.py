"""Asking somebody to stand in for a turn of duty, and what they answer. Takes a session, never commits."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import cover_letters, roster, rota
from escalation.incident import Actor, NotNow
from models import audit
from models.duty import Cover, DutySchedule, TimeOff
from models.people import Person

ANSWERS = ("accepted", "declined", "withdrawn")


def ask(
    session: Session,
    schedule: DutySchedule,
    actor: Actor,
    span: tuple[datetime, datetime],
    now: datetime,
    *,
    person_id: uuid.UUID | None = None,
    for_id: uuid.UUID | None = None,
    reason: str = "",
) -> Cover | NotNow:
    """Ask for cover over `span` (end exclusive): of one person, or of whoever takes it first."""
    starts_at, ends_at = span
    if ends_at <= starts_at:
        return NotNow("The cover ends before it begins.", "Give a later end.", "value")
    if ends_at <= now:
        return NotNow("The time to be covered is over.", "Give a time that lies ahead.", "value")
    if ends_at - starts_at > rota.LONGEST:
        return NotNow(f"A cover lasts {rota.LONGEST.days} days at the most.", "Change the schedule instead.", "value")
    if person_id is not None:
        person = session.get(Person, person_id)
        if person is None or person.customer_id is not None or not person.active:
            return NotNow("Only one of ours can cover a turn.", "Name one of ours, or nobody to ask all.", "person")
    row = Cover(
        schedule_id=schedule.id,
        for_id=for_id or actor.person_id,
        person_id=person_id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        asked_at=now,
    )
    session.add(row)
    session.flush()  # the audit names the row
    _write_down(session, row, "cover.asked", actor, now)
    cover_letters.tell_those_asked(session, row, schedule, now)
    return row


def answer(session: Session, cover_id: uuid.UUID, actor: Actor, word: str, now: datetime) -> Cover | NotNow:
    """Accept, decline or withdraw what was asked. The first to accept has it; from then on they are on duty. What was
    asked of anybody goes on being asked of the others when one declines."""
    if word not in ANSWERS:
        return NotNow(f"{word!r} is no answer.", f"Use one of {', '.join(ANSWERS)}.", "value")
    row = session.get(Cover, cover_id, with_for_update=True, populate_existing=True)
    if row is None:
        return NotNow("There is no such cover.", "Look at the duty board.", "absent")
    if row.state != "asked":
        return NotNow(f"This cover is {row.state} already.", "Ask for another one.", "state")
    if row.ends_at <= now:
        return NotNow("The time to be covered is over.", "Nothing needs to be done.", "state")
    if word == "withdrawn":
        if actor.person_id != row.for_id:
            return NotNow("Only whoever asked can withdraw it.", "Decline it instead.", "person")
    elif row.person_id is not None and row.person_id != actor.person_id:
        return NotNow("Somebody else was asked.", "Let them answer, or let the asker ask everybody.", "person")
    if word == "accepted":
        if actor.person_id is None:
            return NotNow("A program cannot stand in for a person.", "Let a person accept it.", "person")
        if _is_theirs(session, row, actor.person_id):
            return NotNow("It is your own turn that is to be covered.", "Let somebody else take it.", "person")
        if away := _absent(session, actor.person_id, row):
            said = f"You are absent from {away.starts_at:%Y-%m-%d %H:%M} to {away.ends_at:%Y-%m-%d %H:%M} UTC."
            return NotNow(said, "Take that absence back first, or decline the cover.", "person")
        row.person_id = actor.person_id
    _write_down(session, row, f"cover.{word}", actor, now)
    if word == "declined" and row.person_id is None:
        return row
    row.state, row.answered_at = word, now
    if word != "withdrawn":
        cover_letters.tell_who_asked(session, row, actor, now)
    return row


def _is_theirs(session: Session, row: Cover, person_id: uuid.UUID) -> bool:
    """Whether they are on duty the whole of this time anyway: nobody stands in for themselves. A turn of theirs that
    somebody else covers by now is not theirs, and may come back to them."""
    drawn = roster.schedules(session, row.starts_at, row.ends_at)
    schedule = next((one for found, one in drawn if found.id == row.schedule_id), None)
    if schedule is None:
        return False
    return all(one.person == person_id for one in rota.stretches(schedule, row.starts_at, row.ends_at))


def _absent(session: Session, person_id: uuid.UUID, row: Cover) -> TimeOff | None:
    """An absence of theirs within the time to be covered: it would be a gap again."""
    there = (TimeOff.starts_at < row.ends_at, TimeOff.ends_at > row.starts_at, TimeOff.kind == "absent")
    off = select(TimeOff).where(TimeOff.person_id == person_id, *there)
    return session.scalars(off.order_by(TimeOff.starts_at).limit(1)).first()


def _write_down(session: Session, row: Cover, deed: str, actor: Actor, now: datetime) -> None:
    facts = {"from": row.starts_at.isoformat(), "until": row.ends_at.isoformat(),
             "by": str(row.person_id) if row.person_id else "anybody"}  # fmt: skip
    audit.record(session, actor=actor.name, deed=deed, subject=f"cover:{row.id}", facts=facts, now=now)
