"""Freezing the window: the points behind a verdict, copied into its evidence, so that it shows the same for ever."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from telemetry import history
from telemetry.verdict import Verdict

CALM: Final = timedelta(hours=2)  # before the first sign, so that the eye knows what usual looks like
MOST_METRICS: Final = 6
MOST_POINTS: Final = 240  # a metric; as many as a chart has room for


def with_window(session: Session, machine_id: uuid.UUID, verdict: Verdict, first_sign: datetime) -> Mapping[str, Any]:
    """The verdict's evidence with `series: [{name, at_ms, observed}]`, from two hours before the first sign to the
    report that made us sure. `observed` is null where that metric was not reported; a metric never
    reported has no series."""
    names = verdict.metrics[:MOST_METRICS]
    if not names:
        return verdict.evidence
    end = datetime.fromtimestamp(verdict.at_ms / 1000, UTC) + timedelta(milliseconds=1)
    span = history.read(session, machine_id, names, first_sign - CALM, end, MOST_POINTS)
    at_ms = span.at_ms.tolist()
    series = [
        {"name": name, "at_ms": at_ms, "observed": [_short(value) for value in span.lines[name].mean.tolist()]}
        for name in names
        if name in span.lines
    ]
    return {**verdict.evidence, "series": series} if series else verdict.evidence


def _short(value: float) -> float | None:
    # Six figures are more than a chart shows.
    return float(f"{value:.6g}") if math.isfinite(value) else None
