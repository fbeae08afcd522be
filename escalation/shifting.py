"""Single shifts beside schedules: made, and taken away. Takes a session, never commits."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.incident import NotNow
from escalation.routing import UNITS
from models.audit import record
from models.people import Person, Shift

LONGEST = timedelta(days=31)  # a turn that lasts longer is a schedule's


def add(
    session: Session, person: Person, unit: str, span: tuple[datetime, datetime], by: str, now: datetime
) -> Shift | NotNow:
    """Put one of ours on duty for a zone over `span` (end exclusive), beside whatever schedules say."""
    starts_at, ends_at = span
    if person.customer_id is not None or not person.active:
        return NotNow("Only our own people have shifts.", "Name one of ours.", "person")
    if unit not in UNITS:
        return NotNow(f"{unit!r} is no zone of ours.", f"Use one of {', '.join(UNITS)}.", "value")
    if ends_at <= max(starts_at, now):
        return NotNow("It ends before it begins, or is over by now.", "Give a later end.", "value")
    if ends_at - starts_at > LONGEST:
        return NotNow(f"A shift lasts {LONGEST.days} days at the most.", "Make a schedule instead.", "value")
    theirs = (Shift.person_id == person.id, Shift.unit == unit, Shift.starts_at < ends_at, Shift.ends_at > starts_at)
    if session.scalar(select(Shift.id).where(*theirs).limit(1)) is not None:
        return NotNow("They have a shift there within this time.", "Take that one away first.", "state")
    row = Shift(person_id=person.id, unit=unit, starts_at=starts_at, ends_at=ends_at)
    session.add(row)
    session.flush()  # the audit names the row
    _write_down(session, row, "shift.added", by, now)
    return row


def remove(session: Session, row: Shift, by: str, now: datetime) -> None:
    """Take it away. One that has begun ends now, so that it stays known who had it."""
    if row.starts_at < now:
        row.ends_at = min(row.ends_at, now)
    else:
        session.delete(row)
    _write_down(session, row, "shift.removed", by, now)


def _write_down(session: Session, row: Shift, deed: str, by: str, now: datetime) -> None:
    facts = {"person": str(row.person_id), "unit": row.unit, "from": row.starts_at.isoformat(),
             "until": row.ends_at.isoformat()}  # fmt: skip
    record(session, actor=by, deed=deed, subject=f"shift:{row.id}", facts=facts, now=now)
