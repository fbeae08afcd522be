"""What is usual for a metric at an hour of the day, from its own recent past. Plain.

Only for the eye: the machine page shows it as the grey band. What the detector expected is in its evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

LEAST_POINTS = 12  # fewer in an hour's bin say nothing about that hour
_TAIL = 0.02
_ROOM = 0.08  # of the range, on both sides: a band that touches the line would look like an alarm


def usual_range(
    past_at: Sequence[float], past: Sequence[float | None], at: Sequence[float], offset_s: float = 0.0
) -> tuple[list[float], list[float]] | None:
    """Low and high for each instant of `at`; None while the past is too short. `offset_s`: local time minus UTC.

    The band of an hour is taken from that hour of each past day and its two neighbours, without the outermost 2 %.
    """
    bins: dict[int, list[float]] = defaultdict(list)
    for moment, value in zip(past_at, past, strict=True):
        if value is not None:
            bins[_hour(moment, offset_s)].append(value)
    every = sorted(value for values in bins.values() for value in values)
    if len(every) < LEAST_POINTS * 4:
        return None
    whole = _middle(every)
    edges: dict[int, tuple[float, float]] = {}
    for hour in range(24):
        near = sorted(bins[(hour - 1) % 24] + bins[hour] + bins[(hour + 1) % 24])
        edges[hour] = _middle(near) if len(near) >= LEAST_POINTS else whole
    low, high = [], []
    for moment in at:
        first, share = _between(moment, offset_s)
        here, there = edges[first], edges[(first + 1) % 24]
        low.append(here[0] + share * (there[0] - here[0]))
        high.append(here[1] + share * (there[1] - here[1]))
    return low, high


def _hour(moment: float, offset_s: float) -> int:
    return int((moment + offset_s) // 3600) % 24


def _between(moment: float, offset_s: float) -> tuple[int, float]:
    """The hour whose middle lies before the moment, and how far it is towards the next middle, 0 to 1."""
    shifted = (moment + offset_s - 1800) / 3600
    return int(shifted // 1) % 24, shifted % 1


def _middle(values: Sequence[float]) -> tuple[float, float]:
    last = len(values) - 1
    low, high = values[round(last * _TAIL)], values[round(last * (1 - _TAIL))]
    room = (high - low) * _ROOM
    return low - room if low - room >= 0 or low < 0 else 0.0, high + room
