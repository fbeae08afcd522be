"""Remote diagnostics as rows: a customer's consent, what we asked of a machine under it, and what came of it.

Asked only where the contract includes it and a person of the customer has let us, for so long as they said. Each step
is in the incident's story, which the customer reads, and in the audit; the line's facts say all of it once more, for
who tells it in another language. Takes a session, never commits.

Locks are taken in the order of the whole house: the customer's turn, the incident, and only then the ask.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask, Granted
from escalation import diagnosis, instants, story
from escalation.incident import VIGIE, Actor, NotNow
from models import audit
from models.base import new_id
from models.decisions import DecisionRow
from models.diagnostics import DiagnosticAsk, DiagnosticConsent
from models.incidents import Incident
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work

log = structlog.get_logger()

_GIVEN_UP_AT_ONCE: Final = 100  # in one transaction, which holds their customers' turns
_AT_ONCE: Final = 5  # asks of one incident under way; more would only be a way to keep a machine busy
_ENDED: Final = ("resolved", "closed")


# ---- consent


def consent(
    session: Session, customer_id: uuid.UUID, machine: Machine | None, actor: Actor, until: datetime, now: datetime
) -> DiagnosticConsent | NotNow:
    """A person of the customer lets us look, at one machine or at all of theirs, until an instant."""
    if not actor.is_customer or actor.person_id is None:
        return NotNow("Consent is the customer's to give.", "Ask a contact of theirs to give it.", "person")
    if not now + diagnosis.SHORTEST_CONSENT <= until <= now + diagnosis.LONGEST_CONSENT:
        return NotNow("Consent holds for five minutes at least and 30 days at most.", "Give another end.", "value")
    audit.take_turns(session, customer_id)
    row = DiagnosticConsent(
        id=new_id(), customer_id=customer_id, machine_id=machine.id if machine else None,
        given_by_id=actor.person_id, given_by=actor.name, given_at=now, until_at=until,
    )  # fmt: skip
    session.add(row)
    _record(session, customer_id, actor, "diagnostics.consented", machine.name if machine else "every machine", now,
            {"until": until.isoformat()})  # fmt: skip
    return row


def revoke(session: Session, row: DiagnosticConsent, actor: Actor, now: datetime) -> bool:
    """Take a consent back: nothing is asked any more, and what is under way is not kept. False when it was before."""
    audit.take_turns(session, row.customer_id)
    session.refresh(row, with_for_update=True)
    if row.revoked_at is not None:
        return False
    row.revoked_at, row.revoked_by = now, actor.name
    under_way = select(DiagnosticAsk.id).where(DiagnosticAsk.consent_id == row.id, DiagnosticAsk.ended_at.is_(None))
    for asked in _held(session, session.scalars(under_way).all()):
        _end(session, asked, "refused", diagnosis.WITHDRAWN, now)
    machine = session.get(Machine, row.machine_id) if row.machine_id else None
    subject = machine.name if machine else "every machine"
    _record(session, row.customer_id, actor, "diagnostics.consent_revoked", subject, now, {})
    return True


def consent_for(session: Session, machine: Machine, now: datetime) -> DiagnosticConsent | None:
    """The consent under which this machine may be asked now, the one that holds longest."""
    c = DiagnosticConsent
    return session.scalar(
        select(c)
        .where(
            c.customer_id == machine.customer_id,
            or_(c.machine_id == machine.id, c.machine_id.is_(None)),
            c.given_at <= now,
            c.until_at > now,
            c.revoked_at.is_(None),
        )
        .order_by(c.until_at.desc())
        .limit(1)
    )


# ---- asking


def ask(
    session: Session, incident: Incident, reading: str, unit: str, lines: int, actor: Actor, now: datetime
) -> DiagnosticAsk | NotNow | DecisionRow:
    """Ask an incident's machine for a reading. A `DecisionRow` when the contract says no: its words are kept there."""
    wrong = diagnosis.mistake(reading, unit, lines)
    if wrong is not None:
        return NotNow(f"{wrong[0]}: {wrong[1]}.", f"{wrong[2]}.", "value")
    audit.take_turns(session, incident.customer_id)
    session.refresh(incident, with_for_update=True)
    machine = session.get(Machine, incident.machine_id) if incident.machine_id else None
    if machine is None or machine.retired_at is not None:
        return NotNow("This incident is about no machine in service.", "Ask the customer by word.", "absent")
    if incident.state in _ENDED:
        return NotNow("This incident is over.", "Reopen it first.", "state")
    agreed = consent_for(session, machine, now)
    if agreed is None:
        remedy = "Ask a contact of the customer to give it; they find it under Readings from afar of the incident."
        return NotNow(f"No consent to look at {machine.name} is in force.", remedy, "consent")
    open_now = select(DiagnosticAsk.id).where(
        DiagnosticAsk.incident_id == incident.id, DiagnosticAsk.ended_at.is_(None)
    )
    if len(session.scalars(open_now).all()) >= _AT_ONCE:
        return NotNow(f"{_AT_ONCE} readings are under way already.", "Wait for an answer.", "state")
    granted = _granted(session, incident, machine, actor, now)
    if granted.outcome != "granted":
        return granted
    row = DiagnosticAsk(
        id=new_id(), customer_id=incident.customer_id, machine_id=machine.id, incident_id=incident.id,
        consent_id=agreed.id, decision_id=granted.id, reading=reading, unit=unit, lines=lines, asked_by=actor.name,
        asked_at=now, expires_at=min(now + diagnosis.PATIENCE, agreed.until_at), state="waiting", result={},
    )  # fmt: skip
    session.add(row)
    words = f"Asked {machine.name} for {diagnosis.what(reading, unit, lines)}, with {agreed.given_by}'s consent."
    told = _told(row, machine, "asked") | {"consent_of": agreed.given_by}
    hint, quiet = _silent(session, machine, now)
    story.tell(session, incident, "diagnostics", f"{words} {hint}".strip(), now, actor=actor, public=True,
               facts=told | quiet, stamps=instants.within(hint))  # fmt: skip
    facts = {"machine": machine.name, "reading": reading, "unit": unit, "consent": str(agreed.id)}
    story.changed(session, incident, "diagnostics.asked", now, actor=actor, facts=facts)
    return row


def _granted(session: Session, incident: Incident, machine: Machine, actor: Actor, now: datetime) -> DecisionRow:
    """The contract's answer; one given for this incident within the hour still holds."""
    before = session.scalar(
        select(DecisionRow)
        .join(DiagnosticAsk, DiagnosticAsk.decision_id == DecisionRow.id)
        .where(DiagnosticAsk.incident_id == incident.id, DecisionRow.asked_at > now - diagnosis.GRANT_HOLDS)
        .order_by(DecisionRow.asked_at.desc())
        .limit(1)
    )
    question = Ask("remote_diagnostics", now, incident.severity, machine.id)
    if before is not None:
        holds = ledger.standing(session, incident.customer_id, now, machine.id)
        if isinstance(holds.decide(question, now), Granted) and holds.terms_id == before.terms_id:
            return before
    _, kept, _ = ledger.ask(session, incident.customer_id, question, now, asked_by=actor.name)
    return kept


def _silent(session: Session, machine: Machine, now: datetime) -> tuple[str, dict[str, str]]:
    """What to expect of a machine that may not be there, in words and as facts."""
    state = session.get(MachineState, machine.id)
    heard = state.last_received_at if state is not None else None
    if heard is None:
        return "It was never heard, so there may be no answer.", {"heard": "never"}
    if state is not None and (state.speaking != "speaking" or state.said == "offline"):
        at = instants.stamp(heard)
        return f"It was last heard at {at}, so there may be no answer.", {"heard": at}
    return "", {}


def _told(row: DiagnosticAsk, machine: Machine, step: str) -> dict[str, Any]:
    """What a line of the story says, for another language."""
    asked = {"reading": row.reading, "unit": row.unit, "lines": row.lines}
    return {"ask": str(row.id), "step": step, "machine": machine.name, **asked}


# ---- what comes of it


def answered(session: Session, machine_id: uuid.UUID, ask_id: str, body: Mapping[str, Any], now: datetime) -> bool:
    """File what a machine answered. False, and nothing kept, when nobody waits for it: unknown, told before, too late,
    another machine's, or after the consent was taken back.
    """
    try:
        wanted = uuid.UUID(ask_id)
    except ValueError:
        return False
    mine = select(DiagnosticAsk.id).where(DiagnosticAsk.id == wanted, DiagnosticAsk.machine_id == machine_id)
    row = next(iter(_held(session, session.scalars(mine.where(DiagnosticAsk.ended_at.is_(None))).all())), None)
    if row is None or row.expires_at < now:
        log.info("diagnostics.answer_not_awaited", ask=str(wanted))
        return False
    at = body.get("at")
    if isinstance(at, int) and 0 <= at < 4_102_444_800_000:
        row.taken_at = datetime.fromtimestamp(at / 1000, UTC)
    result = body.get("result")
    if isinstance(result, dict):
        row.result = diagnosis.bounded(result)
        _end(session, row, "answered", "", now)
    else:
        _end(session, row, "refused", str(diagnosis.bounded(str(body.get("refused", "without a reason"))))[:200], now)
    return True


def expire(session: Session, now: datetime) -> int:
    """Give up what was not answered in time, and say so. How many."""
    late = select(DiagnosticAsk.id).where(DiagnosticAsk.ended_at.is_(None), DiagnosticAsk.expires_at <= now)
    rows = _held(session, session.scalars(late.order_by(DiagnosticAsk.asked_at).limit(_GIVEN_UP_AT_ONCE)).all())
    for row in rows:
        agreed = session.get_one(DiagnosticConsent, row.consent_id)
        is_over = agreed.until_at <= row.expires_at  # it was asked so late that the consent ended before the patience
        _end(session, row, "refused" if is_over else "expired", diagnosis.LAPSED if is_over else "", now)
    return len(rows)


def expiring_loop(sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that gives up what was not answered; every few seconds is often enough."""

    def body(now: datetime) -> None:
        with work(sessions, SYSTEM) as session:
            expire(session, now)

    return body


def _held(session: Session, asks: Sequence[uuid.UUID]) -> list[DiagnosticAsk]:
    """Those of these asks that are still under way, once their customers' turns, their incidents and they are held."""
    if not asks:
        return []
    d = DiagnosticAsk
    named = session.execute(select(d.customer_id, d.incident_id).where(d.id.in_(asks))).all()
    audit.take_all_turns(session, [row.customer_id for row in named])
    theirs = Incident.id.in_([row.incident_id for row in named])
    again = {"populate_existing": True}  # as they are now that they are ours
    session.scalars(
        select(Incident).where(theirs).order_by(Incident.id).with_for_update(), execution_options=again
    ).all()
    mine = select(d).where(d.id.in_(asks), d.ended_at.is_(None)).order_by(d.asked_at, d.id).with_for_update()
    return list(session.scalars(mine, execution_options=again))


def _end(session: Session, row: DiagnosticAsk, state: str, why: str, now: datetime) -> None:
    was_sent = row.state == "sent"
    row.state, row.why, row.ended_at = state, why, now
    incident = session.get_one(Incident, row.incident_id)
    machine = session.get_one(Machine, row.machine_id)
    wanted = diagnosis.what(row.reading, row.unit, row.lines)
    facts, hint = _told(row, machine, state), ""
    match state:
        case "answered":
            words = f"{machine.name} answered with {wanted}: {diagnosis.summary(row.reading, row.result)}."
            facts |= diagnosis.gist(row.reading, row.result)
        case "refused":
            words = f"{machine.name} was not asked on, or did not tell {wanted}: {why}."
            facts["why"] = why
        case _:
            reached = "it was sent, and no answer came" if was_sent else "it could not be sent"
            minutes = diagnosis.PATIENCE.seconds // 60
            hint, quiet = _silent(session, machine, now)
            words = f"No word from {machine.name} on {wanted} within {minutes} minutes: {reached}. {hint}".strip()
            facts |= {"minutes": minutes, "sent": was_sent, **quiet}
    story.tell(session, incident, "diagnostics", words, now, public=True, facts=facts, stamps=instants.within(hint))
    story.changed(session, incident, f"diagnostics.{state}", now, actor=VIGIE, facts={"ask": str(row.id)})


def _record(
    session: Session, customer_id: uuid.UUID, actor: Actor, deed: str, subject: str, now: datetime,
    facts: Mapping[str, Any],
) -> None:  # fmt: skip
    session.flush()  # the audit names what is written
    audit.record(
        session, actor=actor.name, deed=deed, subject=f"diagnostics of {subject}", now=now, customer_id=customer_id,
        facts=dict(facts),
    )  # fmt: skip
