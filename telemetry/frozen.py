"""Freezing the window: the points behind a verdict, copied into its evidence, so that it shows the same for ever."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from telemetry import history
from telemetry.verdict import Verdict

CALM: Final = timedelta(hours=2)  # before the first sign, so that the eye knows what usual looks like
MOST_METRICS: Final = 6
AT_ONCE: Final = 50  # windows in one question: of a machine that speaks every second half a megabyte each
MOST_POINTS: Final = 240  # a metric; as many as a chart has room for


def with_windows(session: Session, verdicts: Sequence[tuple[uuid.UUID, Verdict, datetime]]) -> list[Mapping[str, Any]]:
    """The evidence of each of these (machine, verdict, first sign) with `series: [{name, at_ms, observed}]`, from two
    hours before the first sign to the report that made us sure.

    `observed` is null where that metric was not reported; a metric never reported has no series.
    """
    wanted = [
        history.Wanted(machine_id, verdict.metrics[:MOST_METRICS], first_sign - CALM, _until(verdict))
        for machine_id, verdict, first_sign in verdicts
    ]
    spans = [
        span
        for first in range(0, len(wanted), AT_ONCE)
        for span in history.read_many(session, wanted[first : first + AT_ONCE], MOST_POINTS)
    ]
    return [_with(verdict, span) for (_, verdict, _), span in zip(verdicts, spans, strict=True)]


def _until(verdict: Verdict) -> datetime:
    return datetime.fromtimestamp(verdict.at_ms / 1000, UTC) + timedelta(milliseconds=1)


def _with(verdict: Verdict, span: history.Span) -> Mapping[str, Any]:
    at_ms = span.at_ms.tolist()
    series = [
        {"name": name, "at_ms": at_ms, "observed": [_short(value) for value in span.lines[name].mean.tolist()]}
        for name in verdict.metrics[:MOST_METRICS]
        if name in span.lines
    ]
    return {**verdict.evidence, "series": series} if series else verdict.evidence


def _short(value: float) -> float | None:
    # Six figures are more than a chart shows.
    return float(f"{value:.6g}") if math.isfinite(value) else None
