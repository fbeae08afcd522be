"""When what fills, leaks or wears will have reached its limit: time left with an interval, from robust trends. Plain.

A gauge with a limit is kept as means of five minutes (a day of them) and of hours (a fortnight). The trend over a
window is the median of the slopes between all pairs (Theil and Sen), its interval their 10 % and 90 % quantiles. Four
windows are tried, from two hours to four days, and none looks further ahead than it looks back, at most four days: a
weekend and a day, so that there is a working day left.

No forecast is made of what comes and goes by itself. It needs a day of history; the value must stand above anything
seen before the window began (a log that is rotated, a nightly job, a daily rhythm never get there); within the window
it must rise most of the way, and its last third not much slower than the whole.

What runs out within the quarter of an hour is not left to windows of hours: means of minutes are kept as well, and
eight of them in a row that climb to where nothing ever was are enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from telemetry.course import COARSE_MS, DAY_MS, QUICK_MS, Course, Outlook
from telemetry.evidence import clock
from telemetry.synonyms import our_word
from telemetry.verdict import Verdict
from telemetry.vocabulary import amount, word

SOON_MS: Final = 6 * COARSE_MS
_AT_ONCE: Final = 64  # reports of a minute noted before they are counted in


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


class Forecasts:
    """All gauges of one machine."""

    def __init__(self) -> None:
        self.courses: dict[str, Course] = {}
        self._names: tuple[str, ...] = ()
        self._gauges: tuple[tuple[str, Gauge, str, Course], ...] = ()
        self._minute = -1  # that is under way for every gauge of the last report; -1: not for all of them
        self._values: Callable[[Mapping[str, float]], Any] | None = None  # of the gauges in a report
        self._under_way: list[Any] = []  # of that minute, told and not in the courses yet

    def goes_on(self, metrics: Mapping[str, float], at_ms: int) -> bool:
        """Hear a report that says the same metrics as the one before, if no gauge's minute ends by it; else False."""
        if self._values is None:
            return not self._gauges
        if at_ms // QUICK_MS != self._minute:
            return False
        self._under_way.append(self._values(metrics))
        if len(self._under_way) >= _AT_ONCE:
            self._catch_up()
        return True

    def _catch_up(self) -> None:
        """Put what was only noted into the courses."""
        if not self._under_way:
            return
        columns = zip(*self._under_way, strict=True) if len(self._gauges) > 1 else (self._under_way,)
        for (_, gauge, _, course), values in zip(self._gauges, columns, strict=True):
            sign = -1.0 if gauge.falls else 1.0
            course.went_on([sign * float(value) for value in values])
        self._under_way = []

    def look(self, machine: str, metrics: Mapping[str, float], at_ms: int, quiet: bool) -> list[Verdict]:
        """Hear a reading; forecasts that begin or end."""
        self._catch_up()
        if (names := tuple(metrics)) != self._names:
            self._plan(names)
        out: list[Verdict] = []
        for name, gauge, part, course in self._gauges:
            sign = -1.0 if gauge.falls else 1.0
            value = sign * float(metrics[name])
            if course.goes_on(at_ms, value):
                continue  # within the minute, as most values are
            self._minute = -1
            fine, minute = course.hear(at_ms, value)
            if not minute or (quiet and course.started_ms < 0):
                continue
            seen = course.look(fine, sign * gauge.limit, gauge.least, at_ms)
            if seen is not None:
                out.append(_begins(machine, name, gauge, part, seen, at_ms))
            elif course.is_over():
                out.append(_ends(machine, name, gauge, part, course.started_ms, metrics[name], at_ms))
                course.started_ms, course.mended = -1, None
        if self._minute < 0 and self._gauges:
            at_hand = {course.open_quick[0] for _, _, _, course in self._gauges}
            self._minute = at_ms // QUICK_MS if at_hand == {at_ms // QUICK_MS} else -1
        return out

    def _plan(self, names: tuple[str, ...]) -> None:
        self._names, self._minute = names, -1
        known = ((n, *found) for n in names if (found := gauge_of(n)) is not None)
        self._gauges = tuple((*each, self.courses.setdefault(each[0], Course())) for each in known)
        self._values = itemgetter(*(each[0] for each in self._gauges)) if self._gauges else None

    @property
    def is_looking(self) -> bool:
        """Whether anything in reports like the last one is a gauge."""
        return bool(self._gauges)

    def open_causes(self) -> set[str]:
        """Causes of the forecasts that stand."""
        return {_cause(*found) for n, c in self.courses.items() if c.started_ms >= 0 and (found := gauge_of(n))}

    def state(self) -> dict[str, Any]:
        """As JSON."""
        self._catch_up()
        return {
            n: [
                c.fine,
                c.coarse,
                c.open_fine,
                c.open_coarse,
                c.seen,
                c.unseen,
                c.started_ms,
                c.quick,
                c.open_quick,
                c.hurried,
                c.mended,
            ]
            for n, c in self.courses.items()
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Forecasts:
        """The inverse of ``state``."""
        out = cls()
        for name, (fine, coarse, *rest) in state.items():
            fine, coarse = [(a, v, h) for a, v, h in fine], [(a, v, h) for a, v, h in coarse]
            if len(rest) > 5:  # an older version kept no minutes
                rest[5] = [(a, v, h) for a, v, h in rest[5]]
            out.courses[name] = Course(fine, coarse, *rest)
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
    a = "a day" if seen.window_ms >= DAY_MS else "an hour"
    summary = f"{title}: {w.label} {amount(sign * seen.value, w.unit)}, {rate} more {a}, as things go"
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
