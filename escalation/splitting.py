"""One incident that turns out to be two problems: what belongs to the second is moved to an incident of its own.

The contract is asked for the new one as for any other: it may refuse, and then nothing is moved. What stays is the
first one's own machine and cause with its clocks; the new one has clocks, ladder and owner of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask, Granted
from escalation import deeds, opening, relating, story, words
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from escalation.intake import Answer
from escalation.opening import Case
from models.customers import Customer
from models.decisions import DecisionRow
from models.inbound import InboundAlert
from models.incidents import Finding, Incident, TimelineEntry
from models.relations import IncidentCause


@dataclass(frozen=True, slots=True)
class Part:
    """What is split off: causes it stands for (rows of `incident_causes`), lines of its story, and how it is called."""

    title: str
    reason: str
    severity: int | None = None  # as grave as the first one when not said
    causes: Sequence[uuid.UUID] = ()
    entries: Sequence[uuid.UUID] = ()
    machine_id: uuid.UUID | None = None  # where no cause is named: of which machine the new one is


def split(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    part: Part,
    *,
    expected_version: int | None = None,
) -> Answer | NotNow:
    """Move a part of an incident to a new one. `Answer.incident` is the new one; None: the contract refused it."""
    if not part.title.strip() or not part.reason.strip():
        return NotNow("A part needs a name and a reason.", "Say what the new incident is about, and why.", "value")
    with deeds.remembered(session, [incident_id], "split", actor, now):
        incident = grasp(session, incident_id, Act.SPLIT, now, expected_version)
        if isinstance(incident, NotNow):
            return incident
        causes = _causes(session, incident, part)
        entries = _entries(session, incident, part)
        if isinstance(causes, NotNow):
            return causes
        if isinstance(entries, NotNow):
            return entries
        if not causes and not entries:
            return NotNow("Nothing was chosen to go.", "Choose causes, or lines of the story.", "value")
        return _open(session, incident, causes, entries, part, actor, now)


def _causes(session: Session, incident: Incident, part: Part) -> list[IncidentCause] | NotNow:
    wanted = (IncidentCause.id.in_(part.causes), IncidentCause.incident_id == incident.id)
    found = list(session.scalars(select(IncidentCause).where(*wanted, IncidentCause.ended_at.is_(None))))
    if len(found) != len(set(part.causes)):
        return NotNow("One of these causes is not the incident's.", "Look at what it stands for now.", "absent")
    return found


def _entries(session: Session, incident: Incident, part: Part) -> list[TimelineEntry] | NotNow:
    wanted = (TimelineEntry.id.in_(part.entries), TimelineEntry.incident_id == incident.id)
    found = list(session.scalars(select(TimelineEntry).where(*wanted).order_by(TimelineEntry.at)))
    if len(found) != len(set(part.entries)):
        return NotNow("One of these lines is not in the incident's story.", "Look at it as it is now.", "absent")
    return found


def _open(
    session: Session,
    incident: Incident,
    causes: Sequence[IncidentCause],
    entries: Sequence[TimelineEntry],
    part: Part,
    actor: Actor,
    now: datetime,
) -> Answer:
    machine_id = causes[0].machine_id if causes else part.machine_id
    severity = part.severity or incident.severity
    question = Ask("open_incident", now, severity, machine_id, incident.channel)
    answer, decision, holds = ledger.ask(session, incident.customer_id, question, now, asked_by=actor.name)
    if not isinstance(answer, Granted):
        return Answer(decision, None)
    for row in causes:
        row.ended_at = now
    session.flush()  # the new one stands for them from here on
    case = Case(
        machine_id=machine_id,
        cause=causes[0].cause if causes else f"split:{decision.id}",
        kind=incident.kind,
        channel=incident.channel,
        served_by=incident.served_by,
        severity=severity,
        title=part.title.strip(),
        summary=part.reason.strip(),
        began_at=min([entry.at for entry in entries], default=now),
        told_by_customer=incident.customer_told_us_at is not None and incident.kind == "request",
    )
    made = opening.insert(session, holds, decision, case, now)
    if made is None:
        raise RuntimeError("an incident stood in the way of a new one under the same lock")
    _move(session, incident, made, causes, entries, now)
    _tell(session, incident, made, decision, part, len(entries), actor, now)
    return Answer(decision, made)


def _move(
    session: Session,
    incident: Incident,
    made: Incident,
    causes: Sequence[IncidentCause],
    entries: Sequence[TimelineEntry],
    now: datetime,
) -> None:
    for row in causes:
        of = (Finding.incident_id == incident.id, Finding.machine_id == row.machine_id, Finding.cause == row.cause)
        session.execute(update(Finding).where(*of).values(incident_id=made.id))
        said = (
            func.concat("alert:", InboundAlert.key),
            func.concat("alert:", InboundAlert.door_id, ":", InboundAlert.key),
        )
        alerts = update(InboundAlert).where(InboundAlert.incident_id == incident.id)
        session.execute(alerts.where((said[0] == row.cause) | (said[1] == row.cause)).values(incident_id=made.id))
    for row in causes[1:]:
        session.add(
            IncidentCause(
                customer_id=made.customer_id,
                incident_id=made.id,
                machine_id=row.machine_id,
                cause=row.cause,
                from_id=row.from_id,
                since=now,
            )
        )
    for entry in entries:
        entry.incident_id = made.id
        entry.facts = {**entry.facts, "moved_from": incident.label}
    session.flush()  # the story of the new one begins with what was moved


def _tell(
    session: Session,
    incident: Incident,
    made: Incident,
    decision: DecisionRow,
    part: Part,
    lines: int,
    actor: Actor,
    now: datetime,
) -> None:
    language = session.get_one(Customer, incident.customer_id).language
    here = words.public(language, "split_here", label=incident.label, reason=part.reason.strip())
    opening.begin(session, made, now, public=here, decision=decision, actor=actor)
    relating.add(session, made, "split_from", actor, now, other_id=incident.id, words=part.reason.strip())
    there = words.public(language, "split", label=made.label, title=made.title)
    facts = {"made": made.label, "lines": lines, "decision": str(decision.id)}
    story.tell(session, incident, "split", there, now, actor=actor, public=True, facts=facts)
    story.changed(session, incident, "split", now, actor=actor, facts=facts)
