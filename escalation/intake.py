"""The one intake: a signal opens an incident, joins the open one, or is answered by the contract with words."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import allowances, ledger
from contracts.decision import Ask, Contact, Granted
from contracts.ledger import Standing
from contracts.tiers import Watching
from escalation import causes, duty, gathering, instants, opening, recovering, restraining, story, words
from escalation.incident import Actor
from escalation.opening import Case
from escalation.signal import Report as Report
from escalation.signal import Signal as Signal
from escalation.told_plainly import opened_words
from models import audit
from models.customers import Customer
from models.decisions import DecisionRow
from models.incidents import Finding, Incident, TimelineEntry
from models.machines import Machine

# A condition that flaps is told once an hour; every finding is a row anyway.
DAMPED = timedelta(hours=1)


def report(session: Session, signal: Signal, now: datetime) -> Report:
    """Join the open incident of this machine and cause, or ask the contract and do what it says. Never commits.

    For several signals in one transaction use `report_all`, which takes them in an order that cannot deadlock.
    Raises LookupError for a machine that does not exist.
    """
    machine = session.get(Machine, signal.machine_id)
    if machine is None:
        raise LookupError(f"machine {signal.machine_id} is not known")
    # Whoever writes to a customer's incidents takes its audit chain first, so two batches cannot lock crosswise.
    audit.take_turns(session, machine.customer_id)
    finding = session.get(Finding, signal.finding_id, with_for_update=True) if signal.finding_id else None
    if finding is not None and (finding.incident_id or finding.decision_id):
        return Report("known", finding.incident_id, finding.decision_id, "this finding has had its answer")
    incident = _open_incident(session, machine, signal.cause)
    if incident is None and signal.brings:
        incident = causes.symptom_of(session, machine.customer_id, machine.id, signal.cause, signal.brings, now)
    if incident is not None:
        return _join(session, incident, signal, finding, now)
    return _ask(session, machine, signal, finding, now)


def report_all(session: Session, signals: Sequence[Signal], now: datetime) -> list[Report]:
    """Report a batch: what began together as one event, the rest customer by customer and machine by machine.

    Answers stand in the order given.
    """
    gathering.take_lock(session)
    ids = {signal.machine_id for signal in signals}
    found = session.execute(select(Machine.id, Machine.customer_id).where(Machine.id.in_(ids)))
    owners = {row.id: row.customer_id for row in found}
    turns = [(str(owners.get(one.machine_id)), str(one.machine_id), one.cause, at) for at, one in enumerate(signals)]
    with duty.read_once(session, now):
        answers = gathering.take(session, signals, now, report)
        for *_, at in sorted(turns):
            if at not in answers:
                answers[at] = report(session, signals[at], now)
    return [answers[at] for at in range(len(signals))]


def _open_incident(session: Session, machine: Machine, cause: str) -> Incident | None:
    """The open incident of a machine's cause, or the child of a fleet event that stands for it."""
    own = causes.open_incident(session, machine.customer_id, machine.id, cause)
    return own or gathering.child_for(session, machine.id, cause)


def _ask(session: Session, machine: Machine, signal: Signal, finding: Finding | None, now: datetime) -> Report:
    kind = "silence_watch" if signal.kind == "silence" else "detection"
    question = Ask(kind, now, signal.severity, machine.id, "telemetry")
    answer, row, holds = ledger.ask(session, machine.customer_id, question, now)
    if finding is not None:
        finding.decision_id = row.id
        finding.shadow = answer.outcome == "shadow"
    if not isinstance(answer, Granted):
        outcome: Literal["shadow", "refused"] = "shadow" if answer.outcome == "shadow" else "refused"
        return Report(outcome, None, row.id, answer.reason)
    if holds.terms is None or holds.terms.watching is not Watching.DETECT:
        return Report("shown", None, row.id, answer.reason)
    if finding is not None:
        held = None if signal.at_once else restraining.asks(session, holds.contract_id, holds.terms, signal, now)
        finding.held_back, finding.held_words = (held.rule, held.words) if held is not None else ("", "")
        if held is not None:
            return Report("held", None, row.id, held.words)
    return _open(session, machine, signal, finding, row, holds, now)


def _open(
    session: Session,
    machine: Machine,
    signal: Signal,
    finding: Finding | None,
    row: DecisionRow,
    holds: Standing,
    now: datetime,
) -> Report:
    case = Case(
        machine_id=machine.id,
        cause=signal.cause,
        kind=signal.kind,
        channel="telemetry",
        severity=signal.severity,
        title=signal.title,
        summary=signal.summary,
        began_at=signal.began_at or signal.seen_at,
        evidence=signal.evidence,
    )
    incident = opening.insert(session, holds, row, case, now)
    if incident is None:  # somebody who does not come through this intake was quicker
        there = _open_incident(session, machine, signal.cause)
        if there is None:
            raise RuntimeError("an incident stood in the way of a new one and is gone")
        return _join(session, there, signal, finding, now)
    if finding is not None:
        finding.incident_id = incident.id
    customer = session.get_one(Customer, incident.customer_id)
    public = opened_words(signal.cause, signal.evidence, machine, customer.language)
    opening.begin(session, incident, now, public=public, decision=row)
    return Report("opened", incident.id, row.id, row.reason)


def _join(session: Session, incident: Incident, signal: Signal, finding: Finding | None, now: datetime) -> Report:
    if finding is not None:
        finding.incident_id = incident.id
    report = Report("joined", incident.id, incident.decision_id, f"{incident.label} is open for this cause")
    found = str(signal.finding_id) if signal.finding_id else None
    facts: dict[str, object] = {"finding": found, "seen_at": signal.seen_at.isoformat()}
    seen, stamps = instants.found(signal.summary or signal.title, signal.evidence)
    came_back, worse = incident.condition_ended_at is not None, signal.severity < incident.severity
    gathering.back_again(session, incident, signal.machine_id, signal.cause)
    if came_back:
        opening.back(session, incident, now)
    incident.condition_ended_at = None
    renamed = _is_named_by(session, incident, signal)
    if renamed:
        facts["title"] = {"from": incident.title, "to": signal.title}
        incident.title, incident.summary = signal.title, signal.summary or incident.summary
    if worse:
        opening.worsen(session, incident, signal.severity, seen, now, stamps)
    if worse or not _told_lately(session, incident, "joined", now):
        if came_back:
            customer = session.get_one(Customer, incident.customer_id)
            story.tell(session, incident, "joined", words.public(customer.language, "back"), now, public=True)
        text = f"Seen {'as well' if renamed else 'again'}: {seen}"
        story.tell(session, incident, "joined", text, now, facts=facts, stamps=stamps)
        opening.call_again(session, incident, now)
        story.changed(session, incident, "join", now, facts=facts)
    elif renamed and _is_new(session, incident, signal):
        story.tell(session, incident, "joined", f"Seen as well: {seen}", now, facts=facts, stamps=stamps)
        story.changed(session, incident, "join", now, facts=facts)
    return report


_CERTAIN = ("rule", "event")


def _is_named_by(session: Session, incident: Incident, signal: Signal) -> bool:
    """Whether what joins is surer of what is wrong than the model, which opened it: "Fan 1 has stopped" says more than
    "unusually low". The first that is certain stays; before it, the newest forecast. What a person split off, without
    evidence, has its name from them."""
    if incident.kind != "anomaly" or incident.fleet_event_id is not None or not incident.evidence:
        return False
    if signal.kind not in (*_CERTAIN, "forecast"):
        return False
    others = select(Finding.id).where(Finding.incident_id == incident.id, Finding.kind.in_(_CERTAIN))
    return session.scalar(others.where(Finding.id != signal.finding_id).limit(1)) is None


def _is_new(session: Session, incident: Incident, signal: Signal) -> bool:
    """Whether this is the first of its kind and cause there: a forecast that comes and goes is told once."""
    others = select(Finding.id).where(Finding.incident_id == incident.id, Finding.kind == signal.kind)
    return session.scalar(others.where(Finding.cause == signal.cause, Finding.id != signal.finding_id).limit(1)) is None


def _told_lately(session: Session, incident: Incident, kind: str, now: datetime) -> bool:
    lately = select(TimelineEntry.id).where(
        TimelineEntry.incident_id == incident.id, TimelineEntry.kind == kind, TimelineEntry.at > now - DAMPED
    )
    return session.scalar(lately.limit(1)) is not None


def condition_ended(
    session: Session,
    machine_id: uuid.UUID,
    cause: str,
    at: datetime,
    now: datetime,
    finding_id: uuid.UUID | None = None,
) -> None:
    """The condition is over since `at`: says so on the finding and on the open incident. Twice is the same as once.

    Whether the incident ends too is decided later and elsewhere (`tick`): a condition that flaps must not.
    """
    machine = session.get(Machine, machine_id)
    if machine is None:
        raise LookupError(f"machine {machine_id} is not known")
    audit.take_turns(session, machine.customer_id)
    mine = [Finding.id == finding_id] if finding_id else [Finding.machine_id == machine_id, Finding.cause == cause]
    for finding in session.scalars(select(Finding).where(*mine, Finding.ended_at.is_(None)).with_for_update()):
        finding.ended_at = at
    session.flush()  # the question below counts what is still going on
    recovering.member_recovered(session, machine_id, cause, at)
    incident = _open_incident(session, machine, cause)
    if incident is None or incident.condition_ended_at is not None:
        return
    going_on = select(Finding.id).where(Finding.incident_id == incident.id, Finding.ended_at.is_(None)).limit(1)
    if session.scalar(going_on) is not None:
        return
    incident.condition_ended_at = at
    if not _told_lately(session, incident, "ended", now):
        customer = session.get_one(Customer, incident.customer_id)
        text, facts = words.ended(customer.language, at, incident.opened_at), {"at": at.isoformat()}
        story.tell(session, incident, "ended", text, now, public=True, facts=facts, stamps=[instants.stamp(at)])
    story.changed(session, incident, "condition ended", now, facts={"at": at.isoformat()})


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks us to look at."""

    severity: int
    title: str
    summary: str = ""
    machine_id: uuid.UUID | None = None
    cause: str = ""  # empty: a cause of its own, so that it joins nothing
    channel: str = "api"  # api, portal, phone, mail
    contact: Contact | None = None  # the customer's person who asks, with their rights under the contract


@dataclass(frozen=True, slots=True)
class Answer:
    """What the contract said, and the incident when it was granted (an open one on the same cause is joined)."""

    decision: DecisionRow
    incident: Incident | None
    joined: bool = False


def case_of(request: Request, row: DecisionRow, actor: Actor, now: datetime) -> Case:
    """What a person asks for, as an incident is opened on it."""
    return Case(
        machine_id=request.machine_id,
        cause=request.cause or f"asked:{row.id}",
        kind="request",
        channel=request.channel,
        severity=request.severity,
        title=request.title,
        summary=request.summary,
        began_at=now,
        told_by_customer=actor.is_customer,
    )


def open_by_person(session: Session, customer_id: uuid.UUID, request: Request, actor: Actor, now: datetime) -> Answer:
    """Open an incident that a person asks for. A refusal is an answer with its words, and is recorded as well.

    Raises LookupError when the customer, or the machine among the customer's, is not known.
    """
    audit.take_turns(session, customer_id)
    question = Ask("open_incident", now, request.severity, request.machine_id, request.channel, contact=request.contact)
    answer, row, holds = ledger.ask(session, customer_id, question, now, asked_by=actor.name)
    if not isinstance(answer, Granted):
        audit.record(
            session,
            actor=actor.name,
            deed="refuse incident",
            subject=request.title,
            customer_id=customer_id,
            facts={"rule": row.rule, "decision": str(row.id)},
            now=now,
        )
        return Answer(row, None)
    case = case_of(request, row, actor, now)
    joins = bool(request.machine_id and request.cause)
    there = causes.open_incident(session, customer_id, request.machine_id, request.cause) if joins else None
    incident = opening.insert(session, holds, row, case, now) if there is None else None
    if incident is None:
        if there is None:
            raise RuntimeError("an incident stood in the way of a new one and is gone")
        # The incident that is joined was counted when it was opened.
        allowances.give_back(session, row.id, "Vigie", f"it joined {there.label}", now)
        opening.ask_again(session, there, request.summary or request.title, actor, now)
        return Answer(row, there, joined=True)
    customer = session.get_one(Customer, customer_id)
    opening.begin(
        session, incident, now, public=words.public(customer.language, "opened_asked"), decision=row, actor=actor
    )
    return Answer(row, incident)
