"""Charts as inline SVG: what was expected, what the machine said, what the lookout saw. Plain.

Nothing has a fixed width: lines lie in a nested, stretched box with strokes that do not scale, words and marks are
placed in per cent of the outer one, so type stays at its size on a phone and at 400 %. No style attribute is written:
the policy of the pages forbids them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise

from markupsafe import Markup, escape

from app import words
from app.ahead import Ahead
from app.axes import gap_of as gap_of
from app.axes import hours_on as hours_on
from app.axes import ticks as ticks
from app.backdrop import Window as Window
from app.backdrop import behind, uprights

AXIS = 18  # px below the plot for the hours
GUTTER = 12  # per cent left of the plot for the values, so that no line crosses them


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over time. `at` in epoch seconds, rising; None is "no value then".

    `low` and `high` bound what was expected, one value for all or one a point.
    """

    label: str
    unit: str
    at: Sequence[float]
    observed: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    expected: Sequence[float | None] = ()
    limit: float | None = None
    name: str = ""
    least: Sequence[float | None] = ()  # how far what a point stands for reaches
    most: Sequence[float | None] = ()
    ahead: Ahead | None = None


def evidence_chart(
    series: Series, window: Window, zone: tzinfo, *, height: int = 110, hours: bool = True,
    found: Sequence[tuple[float, float]] = (),
) -> Markup:  # fmt: skip
    """One metric: grey band, expected line, blue line, amber intervals, hatch where nothing was heard.

    `found`: more intervals, of findings on this metric.
    """
    scale = _Scale.of(series, height)
    parts: list[str] = [*behind(window, found, height), *_grid(scale)]
    inside: list[str] = []
    band = _bounds(series)
    if band is not None:
        inside.append(f'<polygon class="band" points="{_outline(series.at, band, window, scale)}"/>')
    if series.most:
        inside.extend(_reach(series, window, scale))
    if any(value is not None for value in series.expected):
        inside.extend(_lines("exp", series.at, series.expected, window, scale, math.inf))
    if series.ahead is not None:
        inside.extend(_cone(series.ahead, window, scale))
    gap = gap_of(series.at)
    inside.extend(_lines("obs", series.at, series.observed, window, scale, gap))
    parts.extend(_hatches(series.at, window, gap, height))
    parts.append(
        f'<svg width="100%" height="{height}" viewBox="0 0 1000 {height}" preserveAspectRatio="none">'
        f"{''.join(inside)}</svg>"
    )
    parts.extend(_limit(series.limit, scale))
    parts.extend(uprights(window, height))
    parts.extend(_marks(window, height))
    parts.extend(_axis(window, zone, height) if hours else ())
    tall = height + (AXIS if hours else 2)
    said = escape(spoken(series))
    box = f'<svg class="plot" width="100%" height="{tall}" role="img" aria-label="{said}">'
    plot = f'<svg x="{GUTTER}%" width="{100 - GUTTER}%" height="{tall}" overflow="visible">{"".join(parts)}</svg>'
    return Markup(f"{box}{''.join(_values(scale))}{plot}</svg>")


def spark(at: Sequence[float], values: Sequence[float | None], *, height: int = 26) -> Markup:
    """A line without axis, for a table."""
    series = Series("", "", at, values)
    if len(at) < 2:
        return Markup('<svg class="plot spark" width="100%" height="{}" aria-hidden="true"></svg>').format(height)
    window, scale = Window(at[0], at[-1]), _Scale.of(series, height)
    lines = "".join(_lines("obs", at, values, window, scale, gap_of(at)))
    return Markup(
        f'<svg class="plot spark" width="100%" height="{height}" viewBox="0 0 1000 {height}" '
        f'preserveAspectRatio="none" aria-hidden="true">{lines}</svg>'
    )


def spoken(series: Series) -> str:
    """The chart in one sentence, for those who hear it."""
    last = next((value for value in reversed(series.observed) if value is not None), None)
    bounds = _bounds(series)
    said = f"{series.label}: {words.amount(last)} {series.unit}".rstrip()
    if bounds is None:
        return said
    low, high = bounds[0][-1], bounds[1][-1]
    return f"{said}; expected {words.between(low, high)}"


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    height: int

    @classmethod
    def of(cls, series: Series, height: int) -> _Scale:
        bounds = _bounds(series)
        told = (*series.observed, *series.least, *series.most)
        every: list[float] = [value for value in told if value is not None and math.isfinite(value)]
        for row in bounds or ():
            every.extend(value for value in row if math.isfinite(value))
        if series.limit is not None:
            every.append(series.limit)
        if series.ahead is not None:
            every.extend((series.ahead.limit, series.ahead.value))
        if not every:
            return cls(0.0, 1.0, height)
        low, high = min(every), max(every)
        reach = (high - low) or max(abs(high), 1.0) * 0.2
        floor = 0.0 if low >= 0 and low < reach * 0.6 else low - reach * 0.12
        return cls(floor, high + reach * 0.12, height)

    def y(self, value: float) -> float:
        return self.height * (1 - (value - self.low) / ((self.high - self.low) or 1.0))


def _bounds(series: Series) -> tuple[list[float], list[float]] | None:
    lows, highs = _spread(series.low, len(series.at)), _spread(series.high, len(series.at))
    if lows is None and highs is None:
        return None
    seen = [value for value in series.observed if value is not None]
    floor, roof = (min(seen, default=0.0), max(seen, default=1.0))
    lows, highs = (edge or [None] * len(series.at) for edge in (lows, highs))
    pairs = list(zip(lows, highs, strict=True))  # where neither is known, nothing was expected
    low = [math.nan if (a, b) == (None, None) else floor if a is None else a for a, b in pairs]
    high = [math.nan if (a, b) == (None, None) else roof if b is None else b for a, b in pairs]
    return (low, high) if low else None


def _spread(values: Sequence[float | None], length: int) -> list[float | None] | None:
    """One value for all, or one a point; None when nothing is said."""
    if not values or all(value is None for value in values):
        return None
    return [values[0]] * length if len(values) == 1 else list(values)


def _outline(at: Sequence[float], band: tuple[list[float], list[float]], window: Window, scale: _Scale) -> str:
    known = [row for row in zip(at, *band, strict=True) if row[1] == row[1]]
    low, high, begins = [row[1] for row in known], [row[2] for row in known], [row[0] for row in known[:1]]
    if len(set(low)) == 1 and len(set(high)) == 1:  # a flat band needs four corners, and reaches as far as is drawn
        start = window.start if len(known) == len(at) else begins[0]
        at, low, high = (start, window.end), [low[0]] * 2, [high[0]] * 2
    else:
        at = [row[0] for row in known]
    there = [_point(window, scale, moment, value) for moment, value in zip(at, high, strict=True)]
    back = [_point(window, scale, moment, value) for moment, value in zip(at, low, strict=True)]
    return " ".join(there + back[::-1])


def _reach(series: Series, window: Window, scale: _Scale) -> Iterable[str]:
    """From the least to the most of each point, run by run."""
    gap, run = gap_of(series.at), []
    rows = list(zip(series.at, series.least, series.most, strict=True))
    for index, (at, low, high) in enumerate(rows):
        if low is not None and high is not None:
            run.append((at, low, high))
        if run and (low is None or index + 1 == len(rows) or rows[index + 1][0] - at > gap):
            there = [_point(window, scale, moment, most) for moment, _, most in run]
            back = [_point(window, scale, moment, least) for moment, least, _ in run]
            yield f'<polygon class="reached" points="{" ".join(there + back[::-1])}"/>'
            run = []


def _cone(ahead: Ahead, window: Window, scale: _Scale) -> Iterable[str]:
    """What has not happened yet: the dashed likely course within its earliest and its latest."""
    drawn = [
        [_point(window, scale, at, value) for at, value in course(window.end)]
        for course in (ahead.soonest, ahead.latest, ahead.likely_course)
    ]
    yield f'<polygon class="cone" points="{" ".join(drawn[0] + drawn[1][::-1])}"/>'
    yield f'<polyline class="likely" points="{" ".join(drawn[2])}"/>'


def _point(window: Window, scale: _Scale, at: float, value: float) -> str:
    return f"{window.x(at) * 10:.1f},{scale.y(value):.1f}"


def _lines(
    kind: str, at: Sequence[float], values: Sequence[float | None], window: Window, scale: _Scale, widest: float
) -> Iterable[str]:
    """Run by run. What is told more rarely than the machine reports is one line all the same, until it stays away by
    its own rhythm or nothing is heard at all; what stands alone is a dot."""
    spread = [values[0]] * len(at) if len(values) == 1 else values
    told = [(moment, v) for moment, v in zip(at, spread, strict=True) if v is not None and math.isfinite(v)]
    own = max(widest, gap_of([moment for moment, _ in told]))
    if widest == math.inf:  # nothing is heard of it: it breaks where it is not known
        holes = [moment for moment, v in zip(at, spread, strict=True) if v is None or not math.isfinite(v)]
    else:
        holes = [later for earlier, later in pairwise(at) if later - earlier > widest]
    run: list[str] = []
    last = -math.inf
    for moment, value in told:
        if run and (moment - last > own or bisect_right(holes, last) < bisect_right(holes, moment)):
            yield _polyline(kind, run)
            run = []
        run.append(_point(window, scale, moment, value))
        last = moment
    if run:
        yield _polyline(kind, run)


def _polyline(kind: str, run: Sequence[str]) -> str:
    return f'<polyline class="{kind}" points="{" ".join(run if len(run) > 1 else [*run, *run])}"/>'


def _grid(scale: _Scale) -> Iterable[str]:
    for _, y in _heights(scale):
        yield f'<line class="grid" x1="0" x2="100%" y1="{y:.0f}" y2="{y:.0f}"/>'


def _values(scale: _Scale) -> Iterable[str]:
    """The values of the grid, in the gutter."""
    for value, y in _heights(scale):
        yield f'<text class="tick" x="{GUTTER - 2}%" y="{y + 4:.0f}" text-anchor="end">{words.amount(value)}</text>'


def _heights(scale: _Scale) -> list[tuple[float, float]]:
    placed = [(value, scale.y(value)) for value in ticks(scale.low, scale.high)]
    return [(value, y) for value, y in placed if 6 < y <= scale.height]


def _hatches(at: Sequence[float], window: Window, gap: float, height: int) -> Iterable[str]:
    """Holes between points, and the end when the machine has not been heard up to now."""
    ends = [*at, window.now] if window.now is not None and at else list(at)
    for earlier, later in pairwise(ends):
        if later - earlier > gap and later > window.start:
            left, right = window.x(earlier), window.x(later)
            yield (
                f'<rect class="unknown" fill="url(#hatch)" x="{left:.2f}%" y="0" '
                f'width="{right - left:.2f}%" height="{height}"/>'
            )


def _limit(limit: float | None, scale: _Scale) -> Iterable[str]:
    if limit is None:
        return
    y = scale.y(limit)
    yield f'<line class="limit" x1="0" x2="100%" y1="{y:.0f}" y2="{y:.0f}"/>'
    above = y - 4 if y > 16 else y + 13
    yield f'<text class="said" x="4" y="{above:.0f}">limit {words.amount(limit)}</text>'


def _marks(window: Window, height: int) -> Iterable[str]:
    yield f'<line class="axis" x1="0" x2="100%" y1="{height}" y2="{height}"/>'
    if window.now is not None and window.start < window.now < window.end:
        x = window.x(window.now)
        yield f'<line class="now" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="{height}"/>'


def _axis(window: Window, zone: tzinfo, height: int) -> Iterable[str]:
    for at, named in hours_on(window.start, window.end, zone):
        x = window.x(at)
        yield f'<line class="axis" x1="{x:.2f}%" x2="{x:.2f}%" y1="{height}" y2="{height + 4}"/>'
        if 3 < x < 97:
            yield f'<text x="{x:.2f}%" y="{height + 15}" text-anchor="middle">{named}</text>'
