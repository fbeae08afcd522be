"""Opening an incident: the row with terms, ladder and evidence frozen into it, its promises, its first notices."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from contracts.ledger import Standing
from escalation import agreeing, climbing, flapping, ladder, promises, story
from escalation.incident import VIGIE, Actor, State
from models.customers import Customer
from models.decisions import DecisionRow
from models.incidents import Incident

# A ladder that nobody answered to its end is climbed again for a new sign, but not for every flap.
_CALL_AGAIN = timedelta(hours=1)
_DAMPED = timedelta(minutes=10)
_STILL_OPEN = text("state in ('open','acknowledged','working','waiting')")


@dataclass(frozen=True, slots=True)
class Case:
    """What an incident is about. `evidence` is JSON."""

    machine_id: uuid.UUID | None
    cause: str
    kind: str
    channel: str
    severity: int
    title: str
    summary: str
    began_at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    told_by_customer: bool = False
    served_by: str = ""  # where it is another way than the channel says


def canonical(evidence: Mapping[str, Any]) -> bytes:
    """Evidence in the one form its digest is taken over: sorted keys, no spaces, UTF-8. ValueError for NaN."""
    return json.dumps(evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(evidence: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(evidence)).hexdigest()


def insert(session: Session, holds: Standing, row: DecisionRow, case: Case, now: datetime) -> Incident | None:
    """Write the incident; None when one is open already for this machine and cause (the schema allows no second)."""
    if holds.terms is None:
        raise ValueError("an incident needs terms to be frozen into it")
    frozen: dict[str, Any] = json.loads(canonical(case.evidence))
    values = upsert(Incident).values(
        customer_id=holds.customer_id,
        machine_id=case.machine_id,
        contract_id=holds.contract_id,
        terms_id=holds.terms_id,
        decision_id=row.id,
        tier=holds.terms.tier.value,
        cause=case.cause,
        kind=case.kind,
        channel=case.channel,
        served_by=case.served_by,
        severity=case.severity,
        title=case.title,
        summary=case.summary,
        began_at=case.began_at,
        opened_at=now,
        customer_told_us_at=now if case.told_by_customer else None,
        terms=promises.freeze(holds.terms, holds.facts.site_zone or holds.facts.zone, holds.facts.country),
        ladder=ladder.to_json(climbing.ladder_of(holds.terms)),
        evidence=frozen,
        evidence_digest=digest(frozen),
        demo=session.get_one(Customer, holds.customer_id).demo,
        changed_at=now,
    )
    once = values.on_conflict_do_nothing(index_elements=["machine_id", "cause"], index_where=_STILL_OPEN)
    written = session.execute(once.returning(Incident.id)).scalar_one_or_none()
    return session.get_one(Incident, written, with_for_update=True) if written is not None else None


def begin(
    session: Session, incident: Incident, now: datetime, *, public: str, decision: DecisionRow, actor: Actor = VIGIE
) -> None:
    """Start the clocks and the ladder, and tell the first line of the story."""
    promises.begin(session, incident, incident.opened_at)
    facts = {"decision": str(decision.id), "rule": decision.rule, "evidence": incident.evidence_digest}
    story.tell(session, incident, "opened", public, now, actor=actor, public=True, facts=facts)
    session.flush()  # the first notices tell what is owed
    climbing.start(session, incident, now)
    story.record(session, incident, "open", now, actor=actor, facts={**facts, "cause": incident.cause})


def worsen(
    session: Session, incident: Incident, severity: int, why: str, now: datetime, stamps: Sequence[str] = ()
) -> None:
    """The evidence got graver: a higher severity, its promises counted from the opening. The caller counts it."""
    before, incident.severity = incident.severity, severity
    promises.retarget(session, incident, now)
    agreeing.worsened(session, incident, before, why, now)
    words = f"Severity raised from {before} to {severity}: {why}"
    story.tell(session, incident, "severity", words, now, facts={"from": before, "to": severity}, stamps=stamps)


def call_again(session: Session, incident: Incident, now: datetime) -> None:
    """A new sign on an incident whose ladder ended without anybody: it is climbed again."""
    ended = incident.next_rung_at is None and incident.state == State.OPEN
    if ended and (incident.climbed_at is None or now - incident.climbed_at >= _CALL_AGAIN):
        climbing.start(session, incident, now)


def back(session: Session, incident: Incident, now: datetime) -> None:
    """What it is about had ended and has come back. Where somebody has acknowledged it and nobody works on it, that is
    a new trigger: it is open again, its owner stays, and its ladder starts over.

    A sign of what goes on is no trigger, however often it is said; nor is the next of what comes and goes by the
    minute: that it flaps is what was acknowledged. Within `_DAMPED` of the last page whoever was called is about it.
    """
    flapping.note(session, incident, now)
    if incident.state != State.ACKNOWLEDGED or incident.flapping_since is not None:
        return
    if incident.climbed_at is not None and now - incident.climbed_at < _DAMPED:
        return
    incident.state = State.OPEN.value
    words = "It had ended and is back after it was acknowledged: the ladder starts over."
    story.tell(session, incident, "rung", words, now, facts={"triggered_anew": True})
    climbing.start(session, incident, now)
    story.changed(session, incident, "triggered anew", now)


def ask_again(session: Session, incident: Incident, words: str, actor: Actor, now: datetime) -> None:
    """Somebody asks for what is open already: their words join it."""
    if actor.is_customer and incident.customer_told_us_at is None:
        incident.customer_told_us_at = now
    story.tell(session, incident, "joined", words, now, actor=actor, public=True)
    call_again(session, incident, now)
    story.changed(session, incident, "join", now, actor=actor)
