"""Looking back at one machine and one instant: what was kept of it, put together for `why`. Takes a session."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask, Granted
from models.decisions import DecisionRow
from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from models.restraints import Restraint, ScoreTrace
from models.telemetry import ReadingBlock
from telemetry import history
from telemetry.maintenance import covering
from telemetry.restraint import ONE_RUN_MS
from telemetry.why import HeldBack, Kept, Raised, Why, explain
from telemetry.worked_on import windows_of

BEFORE: Final = timedelta(minutes=30)  # so far back a last report is looked for
_MINUTE: Final = timedelta(minutes=1)
_SEVERITY: Final = 3  # of the question what the contract would have let us do


def why(session: Session, machine: Machine, at: datetime) -> Why:
    """The answer for a machine within the session's reach, at an instant that is not in the future."""
    return explain(kept_of(session, machine, at))


def kept_of(session: Session, machine: Machine, at: datetime) -> Kept:
    """Everything that is known of a machine around an instant."""
    state = session.get(MachineState, machine.id)
    cadence = state.cadence_s if state is not None and state.cadence_s else 60.0
    reports = history.reports(session, machine.id, None, at - BEFORE, at + timedelta(milliseconds=1)).at_ms
    reported_at = datetime.fromtimestamp(int(reports[-1]) / 1000, at.tzinfo) if len(reports) else None
    if reported_at is None and state is not None and state.last_at is not None and state.last_at <= at:
        reported_at = state.last_at
    first = session.scalar(select(func.min(ReadingBlock.first_at)).where(ReadingBlock.machine_id == machine.id))
    score, score_at = _score(session, machine, at, max(3 * cadence, 120.0))
    watching, said = _contract(session, machine, at)
    window = covering(windows_of(session, [machine.id], at).get(machine.id, ()), at)
    scored_before = select(ScoreTrace.hour).where(ScoreTrace.machine_id == machine.id, ScoreTrace.hour <= at)
    return Kept(
        machine=machine.name,
        at=at,
        score=score,
        score_at=score_at,
        reported_at=reported_at,
        patience_s=max(4 * cadence + 10.0, 60.0),
        first_report_at=first,
        learned=session.scalar(scored_before.limit(1)) is not None,
        watching=watching,
        contract_words=said,
        maintenance=f"{window[0].title}, until {window[1]:%Y-%m-%d %H:%M} UTC" if window else "",
        restraints=_restraints(session, machine, at),
        raised=_raised(session, machine, at),
        enrolled_at=machine.created_at,
    )


def _score(session: Session, machine: Machine, at: datetime, most_s: float) -> tuple[float | None, datetime | None]:
    """The score of the minute, or of the last one before that has any."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    rows = session.execute(
        select(ScoreTrace.hour, ScoreTrace.scores).where(
            ScoreTrace.machine_id == machine.id, ScoreTrace.hour.in_((hour, hour - timedelta(hours=1)))
        )
    )
    known = {row.hour: row.scores for row in rows}
    minute = at.replace(second=0, microsecond=0)
    while (at - minute).total_seconds() <= most_s + 60:
        scores = known.get(minute.replace(minute=0), [])
        value = scores[minute.minute] if minute.minute < len(scores) else None
        if value is not None:
            return float(value), minute
        minute -= _MINUTE
    return None, None


def _contract(session: Session, machine: Machine, at: datetime) -> tuple[str, str]:
    """What the contract let us do then, and what it answered to detection."""
    holds = ledger.standing(session, machine.customer_id, at, machine.id)
    # Ours ask: in English, whatever the customer reads.
    telemetry, detection = (
        holds.decide(Ask(what, asked_at=at, machine_id=machine.id, severity=_SEVERITY), at, language="en")
        for what in ("telemetry", "detection")
    )
    said = "" if isinstance(detection, Granted) else detection.reason
    if not isinstance(telemetry, Granted) or holds.terms is None:
        return "refused", telemetry.reason
    return holds.terms.watching.value, said


def _restraints(session: Session, machine: Machine, at: datetime) -> list[HeldBack]:
    rows = session.scalars(
        select(Restraint)
        .where(
            Restraint.machine_id == machine.id, Restraint.began_at <= at + _MINUTE,
            or_(Restraint.ended_at.is_(None), Restraint.ended_at >= at - timedelta(milliseconds=ONE_RUN_MS) / 6),
            Restraint.began_at > at - timedelta(days=2),
        )
        .order_by(Restraint.began_at.desc())
    )  # fmt: skip
    return [HeldBack(row.rule, row.words, row.score, row.threshold) for row in rows]


def _raised(session: Session, machine: Machine, at: datetime) -> list[Raised]:
    rows = session.execute(
        select(Finding, Incident.number, DecisionRow.reason, DecisionRow.facts["english"]["reason"].as_string())
        .outerjoin(Incident, Incident.id == Finding.incident_id)
        .outerjoin(DecisionRow, DecisionRow.id == Finding.decision_id)
        .where(
            Finding.machine_id == machine.id,
            Finding.opened_at <= at,
            or_(Finding.ended_at.is_(None), Finding.ended_at >= at),
        )
        .order_by(Finding.opened_at)
        .limit(20)
    )
    return [
        Raised(
            finding.cause, finding.summary, finding.opened_at, f"VG-{number}" if number else "", finding.shadow,
            finding.held_back, finding.held_words, english or reason or "",
        )
        for finding, number, reason, english in rows
    ]  # fmt: skip
