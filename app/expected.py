"""What was to be expected of a metric over a span, of reports, hours or days: the band behind the line."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from app.usual import usual_range

if TYPE_CHECKING:
    from telemetry.spans import Drawn

Band = tuple[list[float], list[float]]
# Reports are held against the same hours of the last days, hours against those of the last weeks; and what stands for
# most of a day against whole days.
_REPORTS, _HOURS, _DAYS = timedelta(days=3), timedelta(days=28), timedelta(days=90)
_AS_DAYS_MS = 6 * 3_600_000
_LEAST_DAYS = 14
_TAIL, _ROOM = 0.02, 0.08


def bands(
    session: Session, machine_id: uuid.UUID, drawn: Drawn, names: Sequence[str], zone: tzinfo, *, since: datetime | None
) -> dict[str, Band]:
    """Low and high of each metric at each point; a metric whose past is too short has none.

    `since`: when something that is still wrong began; what came after it does not count as usual.
    """
    from telemetry import spans  # numpy comes with it, and a web process that draws no chart does without

    at = [moment / 1000 for moment in drawn.at_ms.tolist()]
    if not at:
        return {}
    end = _at(max(at))
    if since is not None and since < end:
        end = since
    if drawn.made_of == "reports":
        past = spans.read(session, machine_id, names, min(_at(min(at)), end - _REPORTS), end, 480)
    elif drawn.step_ms < _AS_DAYS_MS:
        past = spans.read(session, machine_id, names, end - _HOURS, end, 1000, "hours")
    else:
        past = spans.read(session, machine_id, names, end - _DAYS, end, 100, "days")
        flat = {name: _of_days(line.mean.tolist(), len(at)) for name, line in past.lines.items()}
        return {name: band for name, band in flat.items() if band is not None}
    past_at = [moment / 1000 for moment in past.at_ms.tolist()]
    offset = (end.astimezone(zone).utcoffset() or timedelta(0)).total_seconds()
    told = {name: usual_range(past_at, _known(line.mean.tolist()), at, offset) for name, line in past.lines.items()}
    return {name: band for name, band in told.items() if band is not None}


def _of_days(means: Sequence[float], points: int) -> Band | None:
    """A day is usual within what other days were."""
    known = sorted(value for value in means if value == value)
    if len(known) < _LEAST_DAYS:
        return None
    last = len(known) - 1
    low, high = known[round(last * _TAIL)], known[round(last * (1 - _TAIL))]
    room = (high - low) * _ROOM
    return [low - room] * points, [high + room] * points


def _known(values: Sequence[float]) -> list[float | None]:
    return [value if value == value else None for value in values]


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
