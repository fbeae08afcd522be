"""When what fills, leaks or wears will have reached its limit: time left with an interval, from robust trends. Plain.

A gauge with a limit is kept as means of five minutes (a day of them) and of hours (a fortnight). The trend over a
window is the median of the slopes between all pairs (Theil and Sen), its interval their 10 % and 90 % quantiles. Four
windows are tried, from two hours to four days, and none looks further ahead than it looks back, at most four days: a
weekend and a day, so that there is a working day left.

No forecast is made of what comes and goes by itself. It needs a day of history; the value must stand above anything
seen before the window began (a log that is rotated, a nightly job, a daily rhythm never get there); within the window
it must rise most of the way, and its last third not much slower than the whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np

from telemetry.evidence import clock
from telemetry.synonyms import our_word
from telemetry.verdict import Verdict
from telemetry.vocabulary import amount, word

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
OVER: Final = 18  # looks without a forecast before it ends: an hour and a half
SOON_MS: Final = 6 * COARSE_MS


@dataclass(frozen=True, slots=True)
class Gauge:
    """Something with a limit. ``{0}`` in the texts is what the pattern's group found."""

    metric: str  # a regular expression for the whole metric name
    limit: float
    cause: str
    title: str  # with {when}
    cure: str
    least: float  # rise over a window below which nothing is said, in the metric's own unit
    falls: bool = False  # it runs out downwards


# fmt: off
GAUGES: Final = (
    Gauge(r"disk_used_pct\.(.+)", 100, "disk:{0}", "{0} full {when}",
          "Find what grows on {0} and rotate, move or remove it, or extend the volume.", 2.0),
    Gauge(r"inodes_used_pct\.(.+)", 100, "inodes:{0}", "{0} out of inodes {when}",
          "Find the folder with the many small files on {0} and clear it.", 2.0),
    Gauge(r"mem_used_pct", 100, "memory", "Memory used up {when}",
          "Find the process that grows, restart it in a quiet hour, then look for the leak.", 4.0),
    Gauge(r"swap_used_pct", 100, "memory", "Swap used up {when}",
          "Find the process that grows, restart it in a quiet hour, then look for the leak.", 4.0),
    Gauge(r"(?:cert|certificate)_days_left(?:\.(.+))?", 0, "certificate:{0}", "Certificate {0} expires {when}",
          "Renew certificate {0} and load it where it is served.", 0.2, falls=True),
    Gauge(r"ssd_wear_pct(?:\.(.+))?", 100, "drive:{0}", "SSD {0} worn out {when}",
          "Order its like and exchange {0} in a planned window; see what writes so much.", 0.2),
    Gauge(r"ssd_life_left_pct(?:\.(.+))?", 0, "drive:{0}", "SSD {0} worn out {when}",
          "Order its like and exchange {0} in a planned window; see what writes so much.", 0.2, falls=True),
)
# fmt: on
_COMPILED: Final = tuple((re.compile(g.metric), g) for g in GAUGES)


@lru_cache(maxsize=20_000)
def gauge_of(metric: str) -> tuple[Gauge, str] | None:
    """The gauge a metric is, whatever its agent calls it, with what its group found."""
    ours = our_word(metric)
    for pattern, gauge in _COMPILED:
        if found := pattern.fullmatch(ours):
            return gauge, (found.group(1) or "") if pattern.groups else ""
    return None


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

    def hear(self, at_ms: int, value: float) -> bool:
        """Take a value; whether a fine bucket was closed, so that it is time to look ahead."""
        _kept(self.coarse, self.open_coarse, at_ms, value, COARSE_MS, COARSE_KEPT)
        return _kept(self.fine, self.open_fine, at_ms, value, FINE_MS, FINE_KEPT)

    def outlook(self, limit: float, least: float, now_ms: int) -> Outlook | None:
        """What the longest window that sees a steady rise into the unknown says."""
        if not self.coarse or not self.fine or now_ms - self.coarse[0][0] < DAY_MS:
            return None
        for window_ms in reversed(WINDOWS_MS):
            if (found := self._through(window_ms, limit, least, now_ms)) is not None:
                return found
        return None

    def _through(self, window_ms: int, limit: float, least: float, now_ms: int) -> Outlook | None:
        start = now_ms - window_ms
        kept = self.fine if window_ms < DAY_MS else self.coarse
        points = [p for p in kept if p[0] >= start]
        before = [p for p in self.coarse if p[0] < start]
        if len(points) < 12 or points[-1][0] - points[0][0] < 0.8 * window_ms or not before:
            return None
        points = points[:: -(-len(points) // POINTS)] if len(points) > POINTS else points
        at, value = np.array([p[0] for p in points]) / COARSE_MS, np.array([p[1] for p in points])
        now = float(np.median([p[1] for p in self.fine[-3:]]))  # the last hour's mean would come an hour late
        rise = now - float(np.median(value[:3]))
        top, bottom = max(p[2] for p in before), min(p[1] for p in before)
        if rise < least or now <= top + max(0.5 * least, BEYOND * (top - bottom)) or now >= limit:
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


class Forecasts:
    """All gauges of one machine."""

    def __init__(self) -> None:
        self.courses: dict[str, Course] = {}
        self._names: tuple[str, ...] = ()
        self._gauges: tuple[tuple[str, Gauge, str], ...] = ()

    def look(self, machine: str, metrics: Mapping[str, float], at_ms: int, quiet: bool) -> list[Verdict]:
        """Hear a reading; forecasts that begin or end."""
        if (names := tuple(metrics)) != self._names:
            self._names = names
            self._gauges = tuple((n, *found) for n in names if (found := gauge_of(n)) is not None)
        out: list[Verdict] = []
        for name, gauge, part in self._gauges:
            course = self.courses.setdefault(name, Course())
            sign = -1.0 if gauge.falls else 1.0
            if not course.hear(at_ms, sign * float(metrics[name])) or (quiet and course.started_ms < 0):
                continue
            seen = course.outlook(sign * gauge.limit, gauge.least, at_ms)
            course.seen = course.seen + 1 if seen else 0
            course.unseen = 0 if seen else course.unseen + 1
            if course.started_ms < 0 and seen and course.seen >= SURE:
                course.started_ms = at_ms
                out.append(_begins(machine, name, gauge, part, seen, at_ms))
            elif course.started_ms >= 0 and course.unseen >= OVER:
                out.append(_ends(machine, name, gauge, part, course.started_ms, metrics[name], at_ms))
                course.started_ms = -1
        return out

    @property
    def is_looking(self) -> bool:
        """Whether anything in reports like the last one is a gauge."""
        return bool(self._gauges)

    def open_causes(self) -> set[str]:
        """Causes of the forecasts that stand."""
        return {_cause(*found) for n, c in self.courses.items() if c.started_ms >= 0 and (found := gauge_of(n))}

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            n: [c.fine, c.coarse, c.open_fine, c.open_coarse, c.seen, c.unseen, c.started_ms]
            for n, c in self.courses.items()
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Forecasts:
        """The inverse of ``state``."""
        out = cls()
        for name, (fine, coarse, *rest) in state.items():
            out.courses[name] = Course([(a, v, h) for a, v, h in fine], [(a, v, h) for a, v, h in coarse], *rest)
        return out


def in_words(left_ms: float) -> str:
    """ "in about 6 h"."""
    if left_ms < 1.5 * COARSE_MS:
        return f"in about {max(5, round(left_ms / 300_000) * 5)} min"
    if left_ms < 2 * DAY_MS:
        return f"in about {round(left_ms / COARSE_MS)} h"
    return f"in about {round(left_ms / DAY_MS)} days"


def _cause(gauge: Gauge, part: str) -> str:
    return gauge.cause.format(part).rstrip(":")


def _begins(machine: str, name: str, gauge: Gauge, part: str, seen: Outlook, at_ms: int) -> Verdict:
    title = " ".join(gauge.title.format(part, when=in_words(seen.at_ms - at_ms)).split())
    w, sign = word(name), -1.0 if gauge.falls else 1.0
    rate = amount(abs(seen.slope_a_h) * (24 if seen.window_ms >= DAY_MS else 1), w.unit)
    a = "day" if seen.window_ms >= DAY_MS else "hour"
    summary = f"{title}: {w.label} {amount(sign * seen.value, w.unit)}, {rate} more a {a}, as things go"
    summary = summary.replace(" more ", " less ") if gauge.falls else summary
    evidence: dict[str, Any] = {
        "since_ms": at_ms - seen.window_ms,
        "cure": gauge.cure.format(part).replace("  ", " "),
        "threshold": gauge.limit,
        "forecast": {
            "metric": name, "limit": gauge.limit, "at_ms": seen.at_ms, "early_ms": seen.early_ms,
            "late_ms": seen.late_ms, "a_h": float(f"{sign * seen.slope_a_h:.4g}"), "window_s": seen.window_ms // 1000,
        },
        "metrics": [{"metric": name, "label": w.label, "unit": w.unit, "observed": round(sign * seen.value, 3)}],
    }  # fmt: skip
    grave = 2 if seen.at_ms - at_ms <= SOON_MS else 3
    hours = round((seen.at_ms - at_ms) / COARSE_MS, 2)
    return Verdict(
        machine, _cause(gauge, part), "forecast", grave, hours, at_ms, at_ms, (name,), title, summary, evidence, True
    )


def _ends(machine: str, name: str, gauge: Gauge, part: str, started_ms: int, value: float, at_ms: int) -> Verdict:
    w = word(name)
    summary = f"{w.label} no longer runs towards its limit since {clock(at_ms)} ({amount(value, w.unit)})"
    return Verdict(
        machine, _cause(gauge, part), "forecast", 4, 0.0, at_ms, started_ms, (name,), w.label, summary, {}, False
    )
