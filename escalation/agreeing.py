"""The severity, agreed by both sides: one proposes with a reason, the other agrees or refuses, and all of it is kept.

A graver one that we propose holds at once, for nobody waits for a signature when it burns; refused, the one before
holds again. Everything else waits for the other side: what a customer proposes for us, a milder one for the customer.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import notify, promises, seconds, story, words
from escalation.deeds import undoable
from escalation.hands import grasp
from escalation.incident import VIGIE, Act, Actor, NotNow, State
from escalation.routing import needs_second
from models.customers import Customer
from models.incidents import Incident
from models.severities import SeverityChange

SEVERITIES = (1, 2, 3, 4)


def history(session: Session, incident_id: uuid.UUID) -> list[SeverityChange]:
    """Every word on an incident's severity, oldest first."""
    mine = select(SeverityChange).where(SeverityChange.incident_id == incident_id)
    return list(session.scalars(mine.order_by(SeverityChange.at, SeverityChange.id)))


def proposed(session: Session, incident_id: uuid.UUID) -> SeverityChange | None:
    """The word that waits for the other side."""
    waits = (SeverityChange.incident_id == incident_id, SeverityChange.state == "proposed")
    return session.scalar(select(SeverityChange).where(*waits))


def note_down(
    session: Session, incident: Incident, was: int, wanted: int, reason: str, actor: Actor, now: datetime, state: str
) -> SeverityChange:
    """A line of the history; "set" holds at once with nobody asked."""
    row = SeverityChange(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        was=was,
        wanted=wanted,
        reason=reason,
        by=actor.name,
        by_customer=actor.is_customer,
        at=now,
        holds_since=now if state == "set" else None,
        state=state,
    )
    session.add(row)
    return row


def put(session: Session, incident: Incident, severity: int, now: datetime) -> None:
    """Make it hold: the clocks are counted anew, and on the gravest nobody is alone."""
    incident.severity = severity
    promises.retarget(session, incident, now)
    has_owner = incident.owner_id is not None and incident.state in (State.ACKNOWLEDGED, State.WORKING)
    if needs_second(severity) and has_owner and incident.second_id is None:
        seconds.attach(session, incident, now)


@undoable("severity")
def set_severity(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    severity: int,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Another severity, 1 gravest to 4, said by one of ours for both sides; it holds at once, and the history keeps
    who said so. The promise of a first response is counted anew from the opening."""
    incident = _grasp(session, incident_id, now, severity, reason, expected_version)
    if isinstance(incident, NotNow):
        return incident
    _withdraw(session, incident, actor, now, "another one was set")
    before = incident.severity
    put(session, incident, severity, now)
    note_down(session, incident, before, severity, reason, actor, now, "set")
    facts = {"from": before, "to": severity}
    text = f"Severity changed from {before} to {severity}: {reason}"
    story.tell(session, incident, "severity", text, now, actor=actor, public=True, facts=facts)
    story.changed(session, incident, "set severity", now, actor=actor, facts=facts)
    return incident


@undoable("propose severity")
def propose(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    severity: int,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Propose another severity to the other side. What the other side has proposed already is thereby agreed to."""
    there = proposed(session, incident_id)
    if there is not None and there.wanted == severity and there.by_customer != actor.is_customer:
        return answer(session, incident_id, actor, now, True, reason, expected_version=expected_version)
    incident = _grasp(session, incident_id, now, severity, reason, expected_version)
    if isinstance(incident, NotNow):
        return incident
    _withdraw(session, incident, actor, now, "proposed anew")
    before = incident.severity
    row = note_down(session, incident, before, severity, reason, actor, now, "proposed")
    holds = severity < before and not actor.is_customer
    language = session.get_one(Customer, incident.customer_id).language
    key = "severity_holds" if holds else "severity_asked"
    text = words.public(language, key, who=actor.name, wanted=severity, was=before, reason=reason)
    if holds:
        row.holds_since = now
        put(session, incident, severity, now)
    facts = {"from": before, "to": severity, "holds": holds}
    story.tell(session, incident, "severity", text, now, actor=actor, public=True, facts=facts)
    if actor.is_customer:
        said = f"{actor.name} asks for severity {severity}: {reason}"
        notify.tell_owner(session, incident, said, "agree to it or say why not", now)
    else:
        notify.tell_customer(session, incident, text, actor, now)
    story.changed(session, incident, "propose severity", now, actor=actor, facts=facts)
    return incident


@undoable("answer on severity")
def answer(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    agrees: bool,
    reason: str = "",
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """The other side's word on what is proposed. A refusal needs a reason."""
    incident = grasp(session, incident_id, Act.SET_SEVERITY, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    row = proposed(session, incident.id)
    if row is None:
        return NotNow("No severity is proposed.", "Propose one, with a reason.")
    if row.by_customer == actor.is_customer:
        side = "the customer" if not actor.is_customer else "Vigie"
        return NotNow("Your own side proposed it.", f"It is for {side} to agree.", "person")
    if not agrees and not reason.strip():
        return NotNow("A refusal needs a reason; the other side reads it.", "Say why.", "value")
    before = incident.severity
    if agrees and row.holds_since is None:
        row.holds_since = now
        put(session, incident, row.wanted, now)
    elif not agrees and row.holds_since is not None:
        put(session, incident, row.was, now)
    row.state, row.answered_by, row.answered_at = "agreed" if agrees else "refused", actor.name, now
    row.answer = reason.strip()
    language = session.get_one(Customer, incident.customer_id).language
    key = "severity_agreed" if agrees else "severity_refused"
    text = words.public(
        language, key, who=actor.name, wanted=row.wanted, now=incident.severity, reason=reason.strip()
    ).strip()
    facts = {"from": before, "to": incident.severity, "agreed": agrees}
    story.tell(session, incident, "severity", text, now, actor=actor, public=True, facts=facts)
    if actor.is_customer:
        notify.tell_owner(session, incident, text, "your proposal was answered", now)
    else:
        notify.tell_customer(session, incident, text, actor, now)
    story.changed(session, incident, "answer severity", now, actor=actor, facts=facts)
    return incident


def worsened(session: Session, incident: Incident, was: int, why: str, now: datetime) -> None:
    """The evidence set a graver one by itself: a line of the history. The caller has changed the incident."""
    overtaken(session, incident, VIGIE, now, "the evidence is graver")
    note_down(session, incident, was, incident.severity, why, VIGIE, now, "set")


def overtaken(session: Session, incident: Incident, actor: Actor, now: datetime, why: str) -> None:
    """A graver one holds than what is proposed: the proposal is over, or its answer would make it milder again. The
    caller has changed the incident. One that is graver still waits for its answer."""
    row = proposed(session, incident.id)
    if row is not None and row.wanted >= incident.severity:
        _withdraw(session, incident, actor, now, why)


def _grasp(
    session: Session, incident_id: uuid.UUID, now: datetime, severity: int, reason: str, version: int | None
) -> Incident | NotNow:
    if severity not in SEVERITIES:
        return NotNow(f"There is no severity {severity}.", "Use 1 (gravest) to 4.", "value")
    if not reason.strip():
        return NotNow("Another severity needs a reason; both sides read it.", "Say why.", "value")
    incident = grasp(session, incident_id, Act.SET_SEVERITY, now, version)
    if isinstance(incident, NotNow):
        return incident
    if incident.severity == severity:
        return NotNow(f"The severity is {severity} already.", "Nothing needs to be done.", "value")
    return incident


def _withdraw(session: Session, incident: Incident, actor: Actor, now: datetime, why: str) -> None:
    row = proposed(session, incident.id)
    if row is not None:
        row.state, row.answered_by, row.answered_at, row.answer = "withdrawn", actor.name, now, why
        session.flush()  # the schema lets one word wait at a time
