"""What stands beside an incident: people, notices with where they have come to, and what happened here before."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import words
from app.pages.queue import PersonView, person_view
from escalation import alone
from models.incidents import Finding, Incident, TimelineEntry
from models.notices import Notice
from models.people import Person

_HANDS = ("offered", "handover_accepted", "handover_refused", "handover_withdrawn", "claimed")


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice with where it has come to."""

    person: str
    channel: str
    why: str
    words: str


@dataclass(frozen=True, slots=True)
class BeforeView:
    """An earlier incident of the same machine."""

    label: str
    title: str
    words: str


def people(
    incident: Incident,
    owner: Person | None,
    second: Person | None,
    duty: frozenset[uuid.UUID],
    now: datetime,
    zone: tzinfo,
    story: Sequence[TimelineEntry],
    stays_until: datetime | None,
) -> list[tuple[PersonView, str]]:
    """Who is with it, since when its owner has it, and until when they stay with it after their turn."""
    shown_people, since = [], has_since(incident, story)
    for person, role in ((owner, "leads"), (second, "second")):
        shown = person_view(person, duty)
        if shown is not None:
            said = f"{role} since {words.hour(since, zone, now)}" if since and role == "leads" else role
            if role == "second" and incident.second_accepted_at is None:
                said = "asked, no yes yet"
            lonely = alone.seconds(incident, now) if role == "leads" else 0
            if lonely >= words.MINUTE:
                said = f"{said}; {words.span(lonely)} alone in all"
            if role == "leads" and stays_until is not None and stays_until > now:
                said = f"{said}; stays until {words.hour(stays_until, zone, now)}"
            shown_people.append((shown, said))
    return shown_people


def passed_on(
    session: Session, incident_id: uuid.UUID, newest: Sequence[TimelineEntry], most: int
) -> list[TimelineEntry]:
    """The lines that tell in whose hands it was, out of its newest; asked for where older ones are not among these."""
    if len(newest) < most:
        return [entry for entry in newest if entry.kind in _HANDS]
    told = select(TimelineEntry).where(TimelineEntry.incident_id == incident_id, TimelineEntry.kind.in_(_HANDS))
    return list(session.scalars(told.order_by(TimelineEntry.at.desc()).limit(most)))


def has_since(incident: Incident, story: Sequence[TimelineEntry]) -> datetime | None:
    """Since when the owner has it: the last time they took it, of whomever; else since somebody acknowledged it."""
    took = [
        entry.at
        for entry in story
        if entry.kind in ("claimed", "handover_accepted")
        and entry.person_id == incident.owner_id
        and not entry.facts.get("undone")
    ]
    return max(took) if took and incident.owner_id is not None else incident.acknowledged_at


def contacts(session: Session, customer_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """The customer's people by name."""
    rows = session.execute(select(Person.id, Person.name).where(Person.customer_id == customer_id, Person.active))
    return dict(rows.all())


def notices(session: Session, incident_id: uuid.UUID, now: datetime, zone: tzinfo) -> list[NoticeView]:
    rows = session.execute(
        select(Notice, Person)
        .outerjoin(Person, Person.id == Notice.person_id)
        .where(Notice.incident_id == incident_id)
        .order_by(Notice.due_at.desc())
        .limit(20)
    )
    return [
        NoticeView(
            person=person.name if person else notice.address,
            channel=notice.channel,
            why=notice.why or f"rung {notice.rung + 1}",
            words=delivery_words(notice, now, zone),
        )
        for notice, person in rows
    ]


def delivery_words(notice: Notice, now: datetime, zone: tzinfo) -> str:
    """Where a notice has come to."""
    if notice.settled_at is not None:
        # "taken" by the channel; "delivered" or "failed" only where somebody out there reported it
        said = f": {notice.receipt['said']}" if notice.state == "failed" and notice.receipt.get("said") else ""
        return f"{notice.state} {words.hour(notice.settled_at, zone, now)}{said}"
    if notice.given_up_at is not None:
        return f"{notice.state} {words.hour(notice.given_up_at, zone, now)}: {notice.last_error or 'no reason given'}"
    if notice.tries:
        return f"try {notice.tries + 1} at {words.hour(notice.next_try_at, zone, now)}; {notice.last_error}"
    if notice.next_try_at > now:
        return f"leaves {words.hour(notice.next_try_at, zone, now)}"
    return "leaves now"


def next_rung(incident: Incident, now: datetime, zone: tzinfo) -> str:
    if incident.next_rung_at is None:
        return ""
    if incident.next_rung_at <= now:
        return "The next rung is due now."
    return f"Not acknowledged by {words.hour(incident.next_rung_at, zone, now)}, the next rung is called."


def before(session: Session, incident: Incident, zone: tzinfo) -> list[BeforeView]:
    if incident.machine_id is None:
        return []
    rows = session.execute(
        select(Incident.number, Incident.title, Incident.opened_at, Incident.resolved_at)
        .where(Incident.machine_id == incident.machine_id, Incident.id != incident.id)
        .where(Incident.opened_at > incident.opened_at - timedelta(days=365))
        .order_by((Incident.cause == incident.cause).desc(), Incident.opened_at.desc())
        .limit(3)
    )
    found = []
    for number, title, opened_at, resolved_at in rows:
        took = f", {words.span((resolved_at - opened_at).total_seconds())}" if resolved_at else ", open"
        found.append(BeforeView(f"VG-{number}", title, f"{words.day(opened_at, zone)}{took}"))
    return found


def verdict(session: Session, incident_id: uuid.UUID) -> str | None:
    """What an engineer judged it; empty: nobody has yet; None: people told us of it, and no alarm is to be judged."""
    return session.scalar(select(func.max(Finding.verdict)).where(Finding.incident_id == incident_id))
