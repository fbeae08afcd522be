"""One gauge over time, and when it will have reached its limit: robust trends over windows of hours and days. Plain.

A gauge is kept as means of minutes (eight), of five minutes (a day of them) and of hours (a fortnight). What counts as
a trend is said in `telemetry/forecast.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, Final

import numpy as np

QUICK_MS: Final = 60_000
QUICK_KEPT: Final = 8
FINE_MS: Final = 300_000
COARSE_MS: Final = 3_600_000
FINE_KEPT: Final = 288
COARSE_KEPT: Final = 336
DAY_MS: Final = 86_400_000
AHEAD_MS: Final = 4 * DAY_MS
WINDOWS_MS: Final = (2 * COARSE_MS, 8 * COARSE_MS, DAY_MS, AHEAD_MS)  # the longest that sees it speaks
POINTS: Final = 48  # of a window at most; more say little more about a slope
BEYOND: Final = 0.15  # of the range seen before: how far above it a rise must have come
STEADY: Final = 0.8  # share of the way that must be upward
EVEN: Final = 0.4  # the slope of the last third, to that of all
SURE: Final = 2  # looks in a row before an incident opens
OVER: Final = 18  # looks without a forecast before it ends: an hour and a half …
GIVEN_BACK: Final = 0.5  # … or the share of the rise that was cleared or freed, which ends it at once

Point = tuple[int, float, float]  # middle of a bucket, mean, highest


@dataclass(frozen=True, slots=True)
class Outlook:
    """When the limit is reached: most likely, at the earliest, at the latest (none: perhaps never)."""

    at_ms: int
    early_ms: int
    late_ms: int | None
    slope_a_h: float
    window_ms: int
    value: float


@dataclass(slots=True)
class Course:
    """One gauge of one machine over time, rising towards ``limit`` (what falls is kept with its sign turned)."""

    fine: list[Point] = field(default_factory=list)
    coarse: list[Point] = field(default_factory=list)
    open_fine: list[float] = field(default_factory=lambda: [-1.0, 0.0, 0.0, 0.0])  # bucket, sum, count, highest
    open_coarse: list[float] = field(default_factory=lambda: [-1.0, 0.0, 0.0, 0.0])
    seen: int = 0
    unseen: int = 0
    started_ms: int = -1
    quick: list[Point] = field(default_factory=list)
    open_quick: list[float] = field(default_factory=lambda: [-1.0, 0.0, 0.0, 0.0])
    hurried: int = 0  # quick looks in a row that saw it run out
    mended: float | None = None  # standing here or below, what was told of is over
    _known: tuple[int, float, float] = (-1, 0.0, 0.0)  # of all closed hours: the last one, highest, lowest

    def goes_on(self, at_ms: int, value: float) -> bool:
        """Take a value of the minute that is under way, when it is one: no bucket is closed by it."""
        quick = self.open_quick
        if at_ms // QUICK_MS != quick[0]:
            return False
        for bucket in (quick, self.open_fine, self.open_coarse):  # one minute is in one of each
            if value > bucket[3]:
                bucket[3] = value
            bucket[1] += value
            bucket[2] += 1
        return True

    def went_on(self, values: Sequence[float]) -> None:
        """`goes_on` for values of the minute that is under way, known to be so: added one by one, to the same bits."""
        for bucket in (self.open_quick, self.open_fine, self.open_coarse):
            total = bucket[1]
            for value in values:
                total += value
            bucket[1] = total
            bucket[2] += len(values)
            bucket[3] = max(bucket[3], max(values))

    def hear(self, at_ms: int, value: float) -> tuple[bool, bool]:
        """Take a value; whether a fine bucket was closed, so that it is time to look, and whether a minute was."""
        _kept(self.coarse, self.open_coarse, at_ms, value, COARSE_MS, COARSE_KEPT)
        fine = _kept(self.fine, self.open_fine, at_ms, value, FINE_MS, FINE_KEPT)
        return fine, _kept(self.quick, self.open_quick, at_ms, value, QUICK_MS, QUICK_KEPT)

    def outlook(self, limit: float, least: float, now_ms: int) -> Outlook | None:
        """What the longest window that sees a steady rise into the unknown says."""
        if not self.coarse or not self.fine or now_ms - self.coarse[0][0] < DAY_MS:
            return None
        now = median(p[1] for p in self.fine[-3:])  # the last hour's mean would come an hour late
        for window_ms in reversed(WINDOWS_MS):
            before = [p for p in self.coarse if p[0] < now_ms - window_ms]
            if not before:
                continue
            top, bottom = max(p[2] for p in before), min(p[1] for p in before)
            # What lies before a shorter window holds this: where it does not stand above this, it stands above nothing.
            if now >= limit or min(now, self.quick[-1][1]) <= _bar(top, bottom, least):
                return None  # or has been cleared since
            if (found := self._through(window_ms, limit, least, now_ms, now)) is not None:
                return found
        return None

    def at_once(self, limit: float, least: float, now_ms: int) -> Outlook | None:
        """Whether the last minutes climb so that the limit is reached within a quarter of an hour."""
        points = self.quick
        span_ms = QUICK_KEPT * QUICK_MS
        if len(points) < QUICK_KEPT or points[-1][0] - points[0][0] > span_ms:
            return None
        if not self.coarse or now_ms - self.coarse[0][0] < DAY_MS:
            return None
        rise, now = points[-1][1] - points[0][1], points[-1][1]
        if rise < least or now >= limit or any(b[1] <= a[1] for a, b in pairwise(points)):
            return None
        if self._known[0] != self.coarse[-1][0]:
            self._known = (self.coarse[-1][0], max(p[2] for p in self.coarse), min(p[1] for p in self.coarse))
        top = max(self._known[1], *(p[2] for p in self.fine[-12:] if p[0] < points[0][0] - FINE_MS), points[0][2])
        if now <= _bar(top, self._known[2], least):
            return None
        at, value = np.array([p[0] for p in points]) / COARSE_MS, np.array([p[1] for p in points])
        low, slope, high = _slopes(at, value)
        half = QUICK_KEPT // 2
        left_ms = (limit - now) / slope * COARSE_MS
        if low <= 0 or value[-1] - value[half] < EVEN * (value[half] - value[0]) or left_ms > 2 * span_ms:
            return None
        early, late = (limit - now) / high * COARSE_MS, (limit - now) / low * COARSE_MS
        return Outlook(round(now_ms + left_ms), round(now_ms + early), round(now_ms + late), slope, span_ms, now)

    def look(self, fine: bool, limit: float, least: float, at_ms: int) -> Outlook | None:
        """Look ahead, a minute having been closed (and a ``fine`` bucket, perhaps); what is to be told now."""
        seen = soon = self.at_once(limit, least, at_ms) if self.started_ms < 0 else None
        self.hurried = self.hurried + 1 if soon else 0
        if fine:
            seen = self.outlook(limit, least, at_ms) or soon
            self.seen = self.seen + 1 if seen else 0
            self.unseen = 0 if seen else self.unseen + 1
        if self.started_ms >= 0 or seen is None or (self.seen < SURE and self.hurried < SURE):
            return None
        self.started_ms, self.unseen = at_ms, 0
        rise = seen.slope_a_h * seen.window_ms / COARSE_MS
        self.mended = seen.value - GIVEN_BACK * rise
        return seen

    def is_over(self) -> bool:
        """Whether what was told of does not come: nothing sees it any more, or it was cleared."""
        cleared = self.mended is not None and self.quick[-1][1] <= self.mended
        return self.started_ms >= 0 and (cleared or self.unseen >= OVER)

    def _through(self, window_ms: int, limit: float, least: float, now_ms: int, now: float) -> Outlook | None:
        start = now_ms - window_ms
        kept = self.fine if window_ms < DAY_MS else self.coarse
        points = [p for p in kept if p[0] >= start]
        before = [p for p in self.coarse if p[0] < start]
        if len(points) < 12 or points[-1][0] - points[0][0] < 0.8 * window_ms:
            return None
        points = points[:: -(-len(points) // POINTS)] if len(points) > POINTS else points
        at, value = np.array([p[0] for p in points]) / COARSE_MS, np.array([p[1] for p in points])
        rise = now - float(np.median(value[:3]))
        top, bottom = max(p[2] for p in before), min(p[1] for p in before)
        if rise < least or now <= _bar(top, bottom, least):
            return None
        steps = np.diff(value)
        if rise < STEADY * np.abs(steps).sum() and not _steady(value):
            return None
        low, slope, high = _slopes(at, value)
        third = len(at) * 2 // 3
        if low <= 0 or _slopes(at[third:], value[third:])[1] < EVEN * slope:
            return None
        left_ms = (limit - now) / slope * COARSE_MS
        if left_ms > min(window_ms, AHEAD_MS):
            return None
        early, late = (limit - now) / high * COARSE_MS, (limit - now) / low * COARSE_MS
        latest = round(now_ms + late) if late < 10 * AHEAD_MS else None
        return Outlook(round(now_ms + left_ms), round(now_ms + early), latest, slope, window_ms, now)


def _bar(top: float, bottom: float, least: float) -> float:
    """What must be passed to stand above all that was seen."""
    return top + max(0.5 * least, BEYOND * (top - bottom))


def _steady(value: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    """Whether a noisy course climbs block by block."""
    blocks = [float(np.median(b)) for b in np.array_split(value, 6)]
    return all(a < b for a, b in pairwise(blocks))


def _slopes(
    at: np.ndarray[Any, np.dtype[np.float64]], value: np.ndarray[Any, np.dtype[np.float64]]
) -> tuple[float, float, float]:
    """A cautious, the usual and a bold slope an hour, of all pairs at least a third of the window apart."""
    i, j = np.triu_indices(len(at), k=max(1, len(at) // 3))
    low, middle, high = np.quantile((value[j] - value[i]) / (at[j] - at[i]), (0.1, 0.5, 0.9))
    return float(low), float(middle), float(high)


def _kept(ring: list[Point], bucket: list[float], at_ms: int, value: float, step: int, most: int) -> bool:
    number = at_ms // step
    closed = number != bucket[0] and bucket[2] > 0
    if closed:
        ring.append((int(bucket[0]) * step + step // 2, bucket[1] / bucket[2], bucket[3]))
        del ring[:-most]
    if number != bucket[0]:
        bucket[:] = [number, 0.0, 0.0, value]
    bucket[3] = max(bucket[3], value)
    bucket[1] += value
    bucket[2] += 1
    return closed
