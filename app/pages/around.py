"""What hangs on an incident beside its story: severity as agreed, swarm, help, relations, files, what is like it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import words
from app.identity import Caller
from escalation import agreeing, attaching, deeds, relating, similar, subjects
from escalation.incident import Actor
from escalation.relating import WORDS
from escalation.similar import Like
from models.attachments import Attachment
from models.incidents import Incident
from models.machines import Machine
from models.people import Person
from models.relations import IncidentCause, IncidentRelation
from models.severities import SeverityChange
from models.swarm import Companion, HelpWanted


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what, said smaller beside it, and where it leads."""

    text: str
    beside: str
    href: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody in the swarm, or asked into it. `mine`: the reader's own."""

    id: str
    person: str
    role: str
    words: str
    asked: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Help that is wanted."""

    id: str
    subject: str
    words: str
    beside: str


@dataclass(frozen=True, slots=True)
class Around:
    """Everything around one incident, ready to be drawn."""

    merged_into: str
    workaround: str
    waiting: str
    severity: str
    proposed: str  # what waits for our word, or the customer's
    ours_to_answer: bool
    severities: Sequence[Fact]
    seats: Sequence[Seat]
    asked_me: bool
    help: Sequence[Wanted]
    relations: Sequence[Fact]
    causes: Sequence[Fact]
    files: Sequence[Fact]
    duplicates: Sequence[Fact]
    before: Sequence[Fact]
    undo: str  # what the reader can still take back
    subjects: Sequence[str]


def read_around(session: Session, label: str, who: Caller, now: datetime, zone: tzinfo) -> Around:
    """All of it; the incident is known to be there. A fixed number of bounded questions."""
    number = int(label.upper().removeprefix("VG-"))
    incident = session.scalars(select(Incident).where(Incident.number == number)).one()
    history = agreeing.history(session, incident.id)
    waits = next((one for one in history if one.state == "proposed"), None)
    alike = similar.find(session, incident)
    mine = deeds.open_deeds(session, incident.id, Actor(who.person, who.name), now)
    into = session.get(Incident, incident.merged_into_id) if incident.merged_into_id else None
    seats = _seats(session, incident, who, now, zone)
    return Around(
        merged_into=into.label if into is not None else "",
        workaround=words.hour(incident.workaround_at, zone, now) if incident.workaround_at else "",
        waiting=incident.waiting_reason,
        severity=_agreed(history, now, zone),
        proposed=_proposed(waits),
        ours_to_answer=waits is not None and waits.by_customer,
        severities=[_severity(one, now, zone) for one in history],
        seats=seats,
        asked_me=any(seat.mine and seat.asked and seat.role == "second" for seat in seats),
        help=_help(session, incident, now, zone),
        relations=_relations(session, incident, now, zone),
        causes=_causes(session, incident),
        files=[_file(one, incident, now, zone) for one in attaching.of_incident(session, incident.id)],
        duplicates=[_like(one, zone) for one in alike.duplicates],
        before=[_like(one, zone) for one in alike.before],
        undo=mine[0].act if mine else "",
        subjects=sorted(subjects.SUBJECTS),
    )


def _agreed(history: Sequence[SeverityChange], now: datetime, zone: tzinfo) -> str:
    last = next((one for one in reversed(history) if one.state == "agreed"), None)
    return f"agreed {words.hour(last.answered_at, zone, now)}" if last is not None and last.answered_at else ""


def _proposed(row: SeverityChange | None) -> str:
    if row is None:
        return ""
    whose = "waits for your word" if row.by_customer else "waits for the customer's word"
    return f"{row.by} asks for severity {row.wanted}, {whose}: {row.reason}"


def _severity(row: SeverityChange, now: datetime, zone: tzinfo) -> Fact:
    said = {"set": "holds", "proposed": "proposed", "withdrawn": "withdrawn"}.get(
        row.state, f"{row.state} by {row.answered_by}"
    )
    why = f"; {row.answer}" if row.answer else ""
    return Fact(f"{row.was} to {row.wanted}, {row.by}: {row.reason}", f"{said}{why}, {words.hour(row.at, zone, now)}")


def _seats(session: Session, incident: Incident, who: Caller, now: datetime, zone: tzinfo) -> list[Seat]:
    standing = (
        select(Companion, Person.name)
        .join(Person, Person.id == Companion.person_id)
        .where(Companion.incident_id == incident.id, Companion.state.in_(("asked", "accepted")))
        .order_by(Companion.asked_at, Companion.id)
    )
    found = []
    for row, name in session.execute(standing):
        if row.state == "asked" or row.answered_at is None:
            said = f"asked {words.hour(row.asked_at, zone, now)}"
            if row.answer_by is not None:
                said += f", the next is asked {words.hour(row.answer_by, zone, now)}"
        else:
            said = f"since {words.hour(row.answered_at, zone, now)}"
        role = f"{row.role}, {row.subject}" if row.subject else row.role
        found.append(Seat(str(row.id), name, role, said, row.state == "asked", row.person_id == who.person))
    return found


def _help(session: Session, incident: Incident, now: datetime, zone: tzinfo) -> list[Wanted]:
    wanted = select(HelpWanted).where(HelpWanted.incident_id == incident.id, HelpWanted.ended_at.is_(None))
    return [
        Wanted(str(row.id), row.subject, row.words, f"{row.asked_by}, {words.hour(row.asked_at, zone, now)}")
        for row in session.scalars(wanted.order_by(HelpWanted.asked_at))
    ]


def _relations(session: Session, incident: Incident, now: datetime, zone: tzinfo) -> list[Fact]:
    found = []
    for row in relating.relations_of(session, incident.id):
        is_own = row.incident_id == incident.id
        said = WORDS[row.kind][0 if is_own else 1]
        name, href = _other(session, row, row.other_id if is_own else row.incident_id)
        ends = str(row.id) if row.kind in relating.BY_PEOPLE else ""
        found.append(Fact(f"{said} {name}", f"{row.made_by}, {words.hour(row.made_at, zone, now)}", href, ends))
    return found


def _other(session: Session, row: IncidentRelation, other_id: uuid.UUID | None) -> tuple[str, str]:
    if other_id is None:
        return (f"{row.ref} ({row.party})" if row.party else row.ref), ""
    other = session.get(Incident, other_id)
    return (f"{other.label}, {other.title}", f"/incidents/{other.label}") if other else ("an incident elsewhere", "")


def _causes(session: Session, incident: Incident) -> list[Fact]:
    holds = (
        select(IncidentCause, Machine.name)
        .outerjoin(Machine, Machine.id == IncidentCause.machine_id)
        .where(IncidentCause.incident_id == incident.id, IncidentCause.ended_at.is_(None))
        .order_by(IncidentCause.since, IncidentCause.id)
    )
    return [Fact(row.cause, machine or "no machine", id=str(row.id)) for row, machine in session.execute(holds)]


def _file(row: Attachment, incident: Incident, now: datetime, zone: tzinfo) -> Fact:
    seen = "" if row.public else ", internal"
    beside = f"{attaching.size_words(row.size)}, {row.by}{seen}, {words.hour(row.at, zone, now)}"
    return Fact(row.name, beside, f"/incidents/{incident.label}/files/{row.id}", str(row.id))


def _like(one: Like, zone: tzinfo) -> Fact:
    row = one.incident
    took = ""
    if row.resolved_at is not None:
        took = f", {words.span((row.resolved_at - row.opened_at).total_seconds())}"
    why = ", ".join(one.likeness.reasons)
    helped = f"; what helped: {one.helped}" if one.helped else ""
    beside = f"{why}{helped} ({words.day(row.opened_at, zone)}{took})"
    return Fact(f"{row.label}, {row.title}", beside, f"/incidents/{row.label}", row.label)
