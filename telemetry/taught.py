"""Engineers' verdicts, from the rows they are written on to the seats whose machines they teach."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.incidents import Finding
from models.machines import Machine
from telemetry.metric_silence import CAUSE
from telemetry.resuming import KINDS, Unended
from telemetry.seat import Seat
from telemetry.teaching import FORTNIGHT_MS, Case, Judgement
from telemetry.verdict import Verdict

_FORTNIGHT: Final = timedelta(milliseconds=FORTNIGHT_MS)


def give(session: Session, seats: Iterable[Seat], now: datetime) -> None:
    """Tell seats every word of the last fortnight on their machines' findings. Told again, a word changes nothing; a
    word that was changed replaces the one before."""
    words = judgements(session, now)
    for seat in seats:
        seat.watching.judge(words)
        seat.shadow.watching.judge(words)


def unended(session: Session, machine_id: uuid.UUID, name: str) -> list[Unended]:
    """The conditions of a machine that have begun and not ended, the oldest first."""
    rows = session.scalars(
        select(Finding)
        .where(Finding.machine_id == machine_id, Finding.kind.in_(KINDS), Finding.ended_at.is_(None))
        .order_by(Finding.opened_at, Finding.id)
    )
    return [
        Unended(
            name, row.kind, row.cause, _ms(row.opened_at), _ms(row.started_at), row.severity, row.summary,
            tuple(row.metrics), row.evidence,
        )
        for row in rows
    ]  # fmt: skip


def silent_metrics(session: Session, machines: Sequence[uuid.UUID]) -> Sequence[tuple[uuid.UUID, str, int, list[str]]]:
    """Which metrics of these machines are silent by what was found: machine, cause, since when, names."""
    rows = session.execute(
        select(Finding.machine_id, Finding.cause, Finding.opened_at, Finding.evidence)
        .where(Finding.machine_id.in_(machines), Finding.kind == "silence", Finding.ended_at.is_(None),
               Finding.cause.startswith(CAUSE))
    )  # fmt: skip
    return [
        (machine, cause, _ms(opened), list(evidence.get("silent", ()))) for machine, cause, opened, evidence in rows
    ]


def judgements(session: Session, now: datetime) -> list[Judgement]:
    """The last fortnight's words, the oldest first."""
    rows = session.execute(
        select(Finding.id, Machine.name, Finding.verdict, Finding.judged_at, Finding.opened_at, Finding.peak,
               Finding.evidence["signature"], Finding.evidence["peak"], Finding.evidence["threshold"])
        .join(Machine, Machine.id == Finding.machine_id)
        .where(Finding.judged_at.is_not(None), Finding.judged_at > now - _FORTNIGHT, Finding.kind == "anomaly")
        .order_by(Finding.judged_at, Finding.id)
    )  # fmt: skip
    return [
        Judgement(machine, str(finding), word, _ms(judged_at), _case(opened_at, peak, signature, first_peak, threshold))
        for finding, machine, word, judged_at, opened_at, peak, signature, first_peak, threshold in rows
        if judged_at is not None
    ]


def keep_peak(session: Session, ended: Verdict) -> None:
    """How loud it had been, for a watcher that has forgotten it."""
    peak, threshold = ended.evidence.get("peak"), ended.evidence.get("threshold")
    if ended.kind == "anomaly" and isinstance(peak, int | float) and threshold:
        session.execute(update(Finding).where(Finding.id == ended.finding_id).values(peak=peak / threshold))


def _case(
    opened_at: datetime,
    peak: float | None,
    signature: Any,  # JSON: metric → weight; none for what an older version found, or another eye
    first_peak: Any,
    threshold: Any,
) -> Case | None:
    if not isinstance(signature, dict) or not signature:
        return None
    if peak is None:
        peak = float(first_peak) / float(threshold) if first_peak and threshold else 1.0
    return Case(_ms(opened_at), peak, signature)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
