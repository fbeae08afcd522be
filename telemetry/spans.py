"""What a machine reported over any span, in as many points as are wanted: of reports, of hours or of days.

Takes a session. A short span is drawn of the reports themselves; a long one, or one whose reports are no longer kept,
of roll-ups. Which of them it was is said.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.history import ReadingRollup
from telemetry import figures, history, rollups
from telemetry.columns import Columns, Instants
from telemetry.figures import DAY_MS, HOUR_MS, Line

Source = Literal["reports", "hours", "days"]
# Above this the reports of a span are more than an answer in milliseconds can look at: 96 blocks.
LONGEST_OF_REPORTS: Final = timedelta(days=4)
# Above this so are the hours: 732 days of them.
LONGEST_OF_HOURS: Final = timedelta(days=732)
# What stands for most of a day is made of days: a year of them is twelve rows.
_MOST_OF_A_DAY: Final = timedelta(hours=12)


@dataclass(frozen=True)
class Drawn:
    """What a chart needs. `at_ms` is the middle of what a point stands for, or a report's own instant (`step_ms` 0)."""

    at_ms: Instants
    lines: Mapping[str, Line]
    reports: int
    step_ms: int
    made_of: Source
    start_ms: int  # where the first point's stretch begins: a whole hour or day may reach beyond what was asked for
    end_ms: int


def read(
    session: Session,
    machine_id: uuid.UUID,
    metrics: Collection[str] | None,
    start: datetime,
    end: datetime,
    points: int = 600,
    of: Source | None = None,
) -> Drawn:
    """The metrics named (all, when None) from `start` up to but without `end`, in at most `points` points.

    `of` asks for reports, hours or days whatever the span; otherwise the span and the points decide.
    """
    source = of or chosen(start, end, points, _sealed_until(session, machine_id, start, end))
    if source == "reports":
        columns = history.reports(session, machine_id, metrics, start, end)
        if len(columns) <= points:
            return Drawn(columns.at_ms, _plain(columns), len(columns), 0, source, _ms(start), _ms(end))
        found, width = columns, 1
    else:
        width = HOUR_MS if source == "hours" else DAY_MS
        start, end = _floor(start, width), end
        make = rollups.hours if source == "hours" else rollups.days
        found = make(session, machine_id, metrics, start, end)
    from_ms, to_ms = _ms(start), _ms(end)
    step = max(width, -(-(to_ms - from_ms) // points))
    step = -(-step // width) * width
    if source == "reports":
        found = figures.of_reports(found, step, from_ms)
    elif step > width:
        found = figures.summed(found, step, from_ms)
    last = from_ms + -(-(to_ms - from_ms) // step) * step if source != "reports" else to_ms
    return Drawn(found.at_ms + step // 2, figures.lines(found), figures.reports_in(found), step, source, from_ms, last)


def chosen(start: datetime, end: datetime, points: int, sealed_until: datetime | None = None) -> Source:
    """Reports while they are few and kept; days when a point stands for most of one; hours otherwise."""
    span = end - start
    step = span / points
    if step >= _MOST_OF_A_DAY or span > LONGEST_OF_HOURS:
        return "days"
    if span > LONGEST_OF_REPORTS or (sealed_until is not None and start < sealed_until):
        return "hours"
    return "reports"


def _sealed_until(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> datetime | None:
    """Where within the span the days end of which only figures are kept; None when there are none."""
    if end - start > LONGEST_OF_REPORTS:
        return None  # it will not be drawn of reports anyway
    last = session.scalar(
        select(ReadingRollup.starts_at)
        .where(
            ReadingRollup.machine_id == machine_id,
            ReadingRollup.grain == "hour",
            ReadingRollup.starts_at > start - timedelta(days=1),
            ReadingRollup.starts_at < end,
            ReadingRollup.sealed,
        )
        .order_by(ReadingRollup.starts_at.desc())
        .limit(1)
    )
    return None if last is None else last + timedelta(days=1)


def _plain(columns: Columns) -> dict[str, Line]:
    return {
        name: Line(values, values, values, (~np.isnan(values)).astype(np.int64))
        for name, values in columns.values.items()
    }


def _floor(at: datetime, width_ms: int) -> datetime:
    return datetime.fromtimestamp(_ms(at) // width_ms * width_ms / 1000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
