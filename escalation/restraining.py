"""What the desk holds back of what detection finds, so that engineers believe what opens: admission and false alarms.

Only the model's own findings are held back; hard faults, events, silence and fleet events never are. *Admission*: while
so many of a contract's model incidents are open, the next must be louder than the K-th loudest of them. *False alarms*:
when engineers dismissed more of them within a week than the contract puts up with, a new one must be louder, a quarter
more for each one too many, and at most twice as loud; verdicts grow old after a week, and a person may lift it at once.
Nothing is held back silently: the finding says by what and why, and opens by itself once it no longer has to wait.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.terms import Terms
from escalation.signal import Signal
from models import audit
from models.agreements import Contract
from models.incidents import OPEN_STATES, Finding, Incident
from models.session import SYSTEM, Sessions, work

MOST_OPEN: Final = 12  # K: model incidents a contract has open before the next must beat the K-th loudest
WEEK: Final = timedelta(days=7)
LOUDER: Final = 0.25  # more of the threshold for each false alarm too many
MOST: Final = 2.0
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """How much is asked of a contract's next model incident, and why."""

    open: int  # model incidents
    admission: float  # strength of the K-th loudest, 0 while fewer are open
    dismissed: int  # incidents judged benign or false within the last week, however many findings stand under each
    budget: int  # of those, a week

    @property
    def louder(self) -> float:
        """Times the threshold that false alarms ask for; 1.0: nothing."""
        return min(1.0 + LOUDER * max(0, self.dismissed - self.budget), MOST)

    @property
    def needed(self) -> float:
        return max(self.admission, self.louder)

    @property
    def backs_off(self) -> bool:
        return self.louder > 1.0


@dataclass(frozen=True, slots=True)
class Restraint:
    """Why a finding does not open an incident now."""

    rule: str  # admission, budget
    words: str


def strength(evidence: Mapping[str, Any]) -> float:
    """How loud it is, in thresholds; 1.0 where that was not kept."""
    peak, threshold = evidence.get("peak"), evidence.get("threshold")
    return float(peak) / float(threshold) if isinstance(peak, int | float) and threshold else 1.0


def weigh(stands: Standing, loud: float) -> Restraint | None:
    """Whether so loud a finding has to wait. Plain."""
    if loud <= stands.admission:
        return Restraint(
            "admission",
            f"Held back because {stands.open} incidents of the model are open on this contract: the next must be "
            f"louder than {stands.admission:.2f} times the threshold, and it is at {loud:.2f}.",
        )
    if loud < stands.louder:
        return Restraint(
            "budget",
            f"Held back because {stands.dismissed} incidents were dismissed on this contract within a week, where "
            f"{stands.budget} are put up with: it must reach {stands.louder:.2f} times the threshold, and is at "
            f"{loud:.2f}.",
        )
    return None


def standing(session: Session, contract_id: uuid.UUID, terms: Terms, now: datetime) -> Standing:
    """How a contract stands now."""
    loud = Incident.evidence["peak"].as_float() / func.nullif(Incident.evidence["threshold"].as_float(), 0)
    mine = (Incident.contract_id == contract_id, Incident.state.in_(OPEN_STATES), Incident.kind == "anomaly",
            Incident.fleet_event_id.is_(None))  # fmt: skip
    opened = int(session.scalar(select(func.count()).select_from(Incident).where(*mine)) or 0)
    admission = 0.0
    if opened >= MOST_OPEN:
        loudest = select(func.coalesce(loud, 1.0)).where(*mine).order_by(func.coalesce(loud, 1.0).desc())
        admission = float(session.scalar(loudest.offset(MOST_OPEN - 1).limit(1)) or 1.0)
    lifted = session.scalar(select(Contract.false_alarms_from).where(Contract.id == contract_id))
    since = max(now - WEEK, lifted) if lifted is not None else now - WEEK
    dismissed = session.scalar(
        select(func.count(Finding.incident_id.distinct()))
        .join(Incident, Incident.id == Finding.incident_id)
        .where(
            Incident.contract_id == contract_id, Finding.kind == "anomaly", Finding.verdict.in_(("benign", "false")),
            Finding.judged_at > since, Finding.judged_at <= now,
        )
    )  # fmt: skip
    return Standing(opened, admission, int(dismissed or 0), terms.false_alarms_a_week)


def asks(
    session: Session, contract_id: uuid.UUID | None, terms: Terms, signal: Signal, now: datetime
) -> Restraint | None:
    """Whether this signal has to wait; None: it may open an incident."""
    if signal.kind != "anomaly" or contract_id is None:
        return None
    return weigh(standing(session, contract_id, terms, now), strength(signal.evidence))


def lift(session: Session, contract: Contract, actor: str, now: datetime) -> None:
    """A person ends a contract's back-off at once: verdicts up to now no longer count towards it."""
    audit.take_turns(session, contract.customer_id)
    before = contract.false_alarms_from
    contract.false_alarms_from = now
    audit.record(
        session, actor=actor, deed="contract.back_off_lifted", subject=f"contract {contract.number}", now=now,
        customer_id=contract.customer_id, facts={"before": before.isoformat() if before else None},
    )  # fmt: skip


def take_back(session: Session, contract: Contract, actor: str, now: datetime) -> None:
    """The lifting is taken back: the week's verdicts count again."""
    audit.take_turns(session, contract.customer_id)
    contract.false_alarms_from = None
    audit.record(
        session, actor=actor, deed="contract.back_off_restored", subject=f"contract {contract.number}", now=now,
        customer_id=contract.customer_id,
    )  # fmt: skip


def waiting(session: Session) -> list[Finding]:
    """Findings that are held back and still go on, the loudest first."""
    rows = session.scalars(
        select(Finding)
        .where(Finding.held_back != "", Finding.ended_at.is_(None))
        .order_by(Finding.opened_at)
        .limit(_AT_ONCE)
    ).all()
    return sorted(rows, key=lambda row: (-strength(row.evidence), row.opened_at, row.id))


def waiting_ids(sessions: Sessions) -> list[uuid.UUID]:
    """The ids of those."""
    with work(sessions, SYSTEM) as session:
        return [row.id for row in waiting(session)]
