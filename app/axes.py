"""Round values and round hours for the axes of charts, and how long a hole must be to be one. Plain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

_STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160, 43200, 86400, 259200)
# A hole of so many usual steps is drawn as "we do not know", but none shorter than a report or two of history.
_GAP_FACTOR = 4.0
_GAP_LEAST_S = 150.0


def ticks(low: float, high: float, most: int = 3) -> list[float]:
    """Round values inside a range, at most `most` of them."""
    reach = high - low
    if reach <= 0 or not math.isfinite(reach):
        return []
    raw = reach / most
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step)
    return [index * step for index in range(first, math.floor(high / step) + 1)]


def hours_on(start: float, end: float, zone: tzinfo, most: int = 7) -> list[tuple[float, str]]:
    """Instants for the axis with their words, at round local times."""
    step = next((minutes for minutes in _STEPS_MIN if (end - start) / 60 / minutes <= most), _STEPS_MIN[-1])
    first = datetime.fromtimestamp(start, UTC).astimezone(zone)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    since = (first - midnight).total_seconds() / 60
    found: list[tuple[float, str]] = []
    at = midnight + timedelta(minutes=math.ceil(since / step) * step)
    while at.timestamp() <= end:
        at_midnight = at.hour == 0 and at.minute == 0
        named = f"{at.day} {at:%b}" if step >= 1440 or (at_midnight and step >= 180) else f"{at:%H:%M}"
        found.append((at.timestamp(), named))
        at += timedelta(minutes=step)
    return found


def usual_step(at: Sequence[float]) -> float:
    """The median distance between points, seconds; infinite when there are fewer than two."""
    steps = sorted(later - earlier for earlier, later in pairwise(at) if later > earlier)
    return steps[len(steps) // 2] if steps else math.inf


def gap_of(at: Sequence[float]) -> float:
    """How long between two points, in seconds, says that the machine was not heard."""
    return max(usual_step(at) * _GAP_FACTOR, _GAP_LEAST_S)
