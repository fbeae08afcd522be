"""Taking a mail through a door: a word on the incident it answers, or a new one by the intake of everybody who asks.

A mail that comes twice is known by its Message-ID. Whoever writes is a contact of the door's customer, known by their
address, or somebody the mail server let in: their words are kept as a note, and the contract decides on what they ask.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts import ledger
from escalation import acts, causes, intake
from escalation.attic import Attic
from escalation.inbound import mail_answers, posted_files
from escalation.inbound.mail import Mail
from escalation.inbound.posted_files import Kept
from escalation.incident import Actor, NotNow
from escalation.intake import Request
from models import audit
from models.decisions import DecisionRow
from models.inbound import InboundAlert, InboundDoor
from models.incidents import Incident
from models.machines import Machine
from models.notices import Notice
from models.people import Person
from models.session import as_staff


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a mail: opened, joined, answered, noted, known, ignored, or the contract's word."""

    outcome: str
    incident: Incident | None = None
    decision: DecisionRow | None = None
    files: tuple[Kept, ...] = ()


def take(session: Session, attic: Attic, door: InboundDoor, mail: Mail, now: datetime) -> Posted:
    """Take one mail. Never commits. The caller's transaction sees the door's customer and our own people.

    Raises AtticFull when the disk has no room for its files; then nothing of it may be kept, and it may come again.
    """
    if mail.by_itself:
        return Posted("ignored")
    audit.take_turns(session, door.customer_id)
    before = _row(session, door, mail.id)
    if before is not None:
        before.triggers, before.last_at = before.triggers + 1, now
        return Posted("known", session.get(Incident, before.incident_id) if before.incident_id else None)
    writer = _contact(session, door, mail)
    actor = Actor(writer.id, writer.name, is_customer=True) if writer else Actor(None, mail.name or mail.address)
    posted = _answer(session, door, mail, actor, now) or _open(session, door, mail, writer, actor, now)
    if posted.incident is not None:
        kept = posted_files.keep(session, attic, posted.incident, mail, actor, writer, now)
        posted = replace(posted, files=tuple(kept))
    elif posted.decision is not None:
        mail_answers.not_opened(session, door, mail, posted.decision, writer, now)
    _keep(session, door, mail, posted, now)
    return posted


def _answer(session: Session, door: InboundDoor, mail: Mail, actor: Actor, now: datetime) -> Posted | None:
    """A word on the incident that the mail stands in line with; None where there is none, or it is over for good."""
    incident = next(_meant(session, door, mail), None)
    if incident is None:
        return None
    incident = causes.survivor(session, incident)
    text = mail.text or mail.subject or f"(A mail of {actor.name} without words.)"
    if actor.is_customer:
        done = acts.reply(session, incident.id, actor, now, text)
    else:
        done = acts.note(session, incident.id, actor, now, f"{mail.address} wrote by mail: {text}")
    if isinstance(done, NotNow):
        return None
    return Posted("answered" if actor.is_customer else "noted", incident)


def _meant(session: Session, door: InboundDoor, mail: Mail) -> Iterator[Incident]:
    """Incidents of this customer that the mail may answer: by a letter of ours, by an earlier mail, by its subject."""
    mine = select(Incident).where(Incident.customer_id == door.customer_id)
    for answered in mail.answers:
        row = _row(session, door, answered)
        id = row.incident_id if row is not None else _incident_of(session, answered)
        found = session.scalar(mine.where(Incident.id == id)) if id is not None else None
        if found is not None:
            yield found
    if mail.label is not None:
        found = session.scalar(mine.where(Incident.number == mail.label))
        if found is not None:
            yield found


def _incident_of(session: Session, message_id: str) -> uuid.UUID | None:
    """The incident of a letter of ours, whose Message-ID is its notice's id, or its thread's."""
    try:
        id = uuid.UUID(message_id.partition("@")[0])
    except ValueError:
        return None
    with as_staff(session):
        return session.scalar(select(Notice.incident_id).where(Notice.id == id)) or id


def _open(
    session: Session, door: InboundDoor, mail: Mail, writer: Person | None, actor: Actor, now: datetime
) -> Posted:
    machine = _machine(session, door, mail.machine)
    asked = Request(
        mail.severity,
        mail.subject or f"Mail of {mail.name or mail.address}",
        mail.text or mail.subject,
        machine,
        mail.cause,
        "mail",
        ledger.contact_of(session, writer.id) if writer is not None else None,
    )
    answer = intake.open_by_person(session, door.customer_id, asked, actor, now)
    if answer.incident is None:
        return Posted(answer.decision.outcome, None, answer.decision)
    return Posted("joined" if answer.joined else "opened", answer.incident, answer.decision)


def _machine(session: Session, door: InboundDoor, name: str) -> uuid.UUID | None:
    named = select(Machine.id).where(Machine.customer_id == door.customer_id, func.lower(Machine.name) == name)
    return (session.scalar(named) if name else None) or door.machine_id


def _contact(session: Session, door: InboundDoor, mail: Mail) -> Person | None:
    theirs = (Person.customer_id == door.customer_id, Person.active, func.lower(Person.email) == mail.address)
    return session.scalar(select(Person).where(*theirs))


def _row(session: Session, door: InboundDoor, message_id: str) -> InboundAlert | None:
    mine = (InboundAlert.door_id == door.id, InboundAlert.key == _key(message_id))
    return session.scalar(select(InboundAlert).where(*mine).execution_options(populate_existing=True))


def _key(message_id: str) -> str:
    return f"mail:{message_id}"


def _keep(session: Session, door: InboundDoor, mail: Mail, posted: Posted, now: datetime) -> None:
    """Remember the mail, so that it does nothing twice and what answers it is known. It holds nothing open."""
    row = InboundAlert(
        customer_id=door.customer_id, door_id=door.id, key=_key(mail.id), sender_keys=[mail.id], state="resolved",
        triggers=1, occurrence=1, stale=0, number=0, first_at=now, last_at=now, ended_at=now, severity=mail.severity,
        title=mail.subject[:200], summary=mail.text[:2000], level="", starts="", group_key="",
        facts={"from": mail.address, "name": mail.name, "files": [file.name[:200] for file in mail.files]},
        incident_id=posted.incident.id if posted.incident is not None else None,
        decision_id=posted.decision.id if posted.decision is not None else None,
    )  # fmt: skip
    session.add(row)
    session.flush()  # the next mail may answer this one
