"""Evidence as charts: what the detector froze into an incident, over what the machine reported around it. Plain."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any, TypeAlias

from markupsafe import Markup

from app import words
from app.ahead import Ahead, ahead_of
from app.charts import Series, Window, evidence_chart, gap_of
from models.base import Json
from telemetry.rules import is_of_growth

BEFORE = timedelta(hours=2)  # of calm shown before the first sign, so that the eye knows what usual looks like
AFTER = timedelta(minutes=30)
MOST_CHARTS = 6


@dataclass(frozen=True, slots=True)
class Track:
    """One metric as it was reported: epoch seconds and values of the same length."""

    at: Sequence[float]
    values: Sequence[float | None]


# An edge of what was expected: one value, one an instant, or not known.
Edge: TypeAlias = float | Mapping[float, float] | None
Bounds: TypeAlias = tuple[Edge, Edge]


@dataclass(frozen=True, slots=True)
class MetricView:
    """One metric the detector names, with what it saw and what it expected."""

    name: str
    label: str
    unit: str
    observed: float | None
    low: float | None
    high: float | None
    limit: float | None = None
    ahead: Ahead | None = None
    since: float | None = None  # what was expected was expected from then on (epoch seconds); None: at any time

    @property
    def expected(self) -> str:
        return words.between(self.low, self.high)


@dataclass(frozen=True, slots=True)
class ChartView:
    """A chart with the words above it."""

    name: str
    label: str
    unit: str
    said: str
    svg: Markup
    limit: float | None = None
    ahead: Ahead | None = None


def metrics_of(evidence: Json) -> list[MetricView]:
    """The metrics named in the evidence, most responsible first. Unknown shapes give nothing rather than an error."""
    found = []
    ahead, since_ms = ahead_of(evidence), _number(evidence.get("since_ms"))
    has_limit = evidence.get("rule") and not is_of_growth(str(evidence["rule"]))
    for item in evidence.get("metrics") or ():
        name = str((item.get("metric") or item.get("name") or "") if isinstance(item, Mapping) else "")
        if not name:
            continue
        found.append(
            MetricView(
                name=name,
                label=str(item.get("label") or name),
                unit=str(item.get("unit") or ""),
                observed=_number(item.get("observed")),
                low=_number(item.get("low")),
                high=_number(item.get("high")),
                limit=_number(evidence.get("threshold")) if has_limit else None,
                ahead=ahead if ahead is not None and ahead.metric == name else None,
                # What the others let expect moves with them: what it was at the first sign says nothing of before.
                since=since_ms / 1000 if since_ms and item.get("told_by") == "others" else None,
            )
        )
    return found


def frozen_tracks(evidence: Json) -> dict[str, Track]:
    """Points frozen into the evidence itself: `series: [{name, at_ms: […], observed: […]}]`; empty when none are."""
    tracks = {}
    for item in evidence.get("series") or ():
        if isinstance(item, Mapping) and item.get("name") and item.get("at_ms"):
            at = [float(moment) / 1000 for moment in item["at_ms"]]
            values = [_number(value) for value in item.get("observed") or item.get("values") or ()]
            if len(values) == len(at):
                tracks[str(item["name"])] = Track(at, values)
    return tracks


def continued(evidence: Json, reported: Mapping[str, Track]) -> dict[str, Track]:
    """What the evidence froze, and after its last point what the machine reported since."""
    tracks = dict(reported)
    for name, track in frozen_tracks(evidence).items():
        since = reported.get(name)
        later = (
            []
            if since is None
            else [(at, value) for at, value in zip(since.at, since.values, strict=True) if at > track.at[-1]]
        )
        tracks[name] = Track([*track.at, *(at for at, _ in later)], [*track.values, *(value for _, value in later)])
    return tracks


def window_of(evidence: Json, began: datetime, ended: datetime | None, now: datetime) -> Window:
    """From a calm stretch before the first sign to a while after the end, or to now; with a forecast, as far ahead."""
    since_ms = _number(evidence.get("since_ms"))
    lit = min(began.timestamp(), since_ms / 1000 if since_ms else began.timestamp())
    last = min(now, (ended + AFTER) if ended is not None else now)
    last = max(last, began + timedelta(minutes=10))
    start = lit - max(BEFORE.total_seconds(), 0.15 * (began.timestamp() - lit))
    # An incident that stands for days is not drawn in two pixels of calm: the window keeps its proportions.
    longest = 12 * 3600.0
    end = min(last.timestamp(), began.timestamp() + longest)
    lit_to = ended.timestamp() if ended is not None else min(now.timestamp(), end)
    seen_to = now.timestamp() if end >= now.timestamp() - 60 else None
    ahead = ahead_of(evidence)
    if ahead is not None and ended is None and seen_to is not None:
        end = max(end, min(ahead.far_enough(), 2 * seen_to - start))  # what is ahead takes half of it at most
    return Window(start, end, lit, max(lit_to, lit), seen_to)


def charts_of(
    metrics: Sequence[MetricView],
    tracks: Mapping[str, Track],
    window: Window,
    zone: tzinfo,
    now: datetime,
    *,
    height: int = 104,
    most: int = MOST_CHARTS,
) -> list[ChartView]:
    """A chart a metric that has points, in the order of the evidence."""
    drawn = []
    for metric in metrics:
        track = tracks.get(metric.name)
        if track is None or not any(value is not None for value in track.values):
            continue
        series = Series(
            label=metric.label,
            unit=metric.unit,
            at=track.at,
            observed=track.values,
            low=_drawn(metric.low, metric, track),
            high=_drawn(metric.high, metric, track),
            limit=_limit(metric, track) if metric.ahead is None else metric.ahead.limit,
            name=metric.name,
            ahead=metric.ahead,
        )
        newest, found = words.amount(last_of(track)), words.amount(metric.observed)
        goes_on = metric.observed is not None and window.now is not None and newest != found
        said = f"now {newest}; {found} when found" if goes_on else newest if metric.observed is None else found
        if metric.expected:
            said += f"; expected {metric.expected}"
        if metric.ahead is not None:
            said += f"; {metric.ahead.caption(metric.unit, zone, now)}"
        svg = evidence_chart(series, window, zone, height=height)
        drawn.append(ChartView(metric.name, metric.label, metric.unit, said, svg, series.limit, metric.ahead))
        if len(drawn) == most:
            break
    return drawn


def chart_data(
    charts: Sequence[ChartView], tracks: Mapping[str, Track], bounds: Mapping[str, Bounds], window: Window, *,
    reach: Mapping[str, tuple[Track, Track]] | None = None,
    marks: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> Markup:  # fmt: skip
    """The same points for the drawing in the browser, as JSON that is safe inside a script element.

    `reach`: least and most of what each point stands for; `marks`: from when to when something was found.
    """
    shared = with_gaps(sorted({moment for chart in charts for moment in tracks[chart.name].at}))
    series = []
    for chart in charts:
        track, (low, high) = tracks[chart.name], bounds.get(chart.name, (None, None))
        known = dict(zip(track.at, track.values, strict=True))
        told = [moment for moment, value in known.items() if value is not None]
        series.append(
            {
                "name": chart.name,
                "label": chart.label,
                "unit": chart.unit,
                "observed": [_short(known.get(moment)) for moment in shared],
                "low": _edge(low, shared),
                "high": _edge(high, shared),
                "reach": [_spread(edge, shared) for edge in reach[chart.name]]
                if reach and chart.name in reach
                else None,
                "found": [list(span) for span in (marks or {}).get(chart.name, ())],
                "limit": chart.limit,
                "gap": max(gap_of(shared), gap_of(told)) if len(told) > 1 else gap_of(shared),
                "ahead": None if chart.ahead is None else _courses(chart.ahead, window.end),
            }
        )
    body: dict[str, Any] = {  # Any: JSON of mixed shapes, read by static/js/charts.js only
        "at": shared,
        "series": series,
        "start": window.start,
        "end": window.end,
        "lit": [window.lit_from, window.lit_to] if window.lit_from is not None else None,
        "worked": [list(span) for span in window.worked_on],
        "changes": [at for at, _ in window.changes],
        "now": window.now,
        "gap": gap_of(shared),
    }
    return Markup(json.dumps(body, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def bounds_of(metrics: Sequence[MetricView], tracks: Mapping[str, Track]) -> dict[str, Bounds]:
    """What was expected of each, as `chart_data` takes it."""
    return {one.name: (_bound(one.low, one, tracks), _bound(one.high, one, tracks)) for one in metrics}


def _bound(edge: float | None, metric: MetricView, tracks: Mapping[str, Track]) -> Edge:
    if metric.since is None or edge is None or metric.name not in tracks:
        return edge
    return {at: edge for at in tracks[metric.name].at if at >= metric.since}


def _drawn(edge: float | None, metric: MetricView, track: Track) -> Sequence[float | None]:
    if metric.since is None or edge is None:
        return () if edge is None else (edge,)
    return [edge if at >= metric.since else None for at in track.at]


def _courses(ahead: Ahead, end: float) -> dict[str, list[tuple[float, float]]]:
    return {"soonest": ahead.soonest(end), "latest": ahead.latest(end), "likely": ahead.likely_course(end)}


def _spread(track: Track, at: Sequence[float]) -> list[float | None]:
    known = dict(zip(track.at, track.values, strict=True))
    return [_short(known.get(moment)) for moment in at]


def with_gaps(at: list[float]) -> list[float]:
    """Instants with one more inside each hole, where every metric is unknown, so that no line is drawn across it."""
    gap = gap_of(at)
    holes = [(earlier + later) / 2 for earlier, later in pairwise(at) if later - earlier > gap]
    return sorted([*at, *holes]) if holes else at


def _edge(edge: Edge, at: Sequence[float]) -> float | list[float | None] | None:
    """One edge of what was expected: the same for all, or one a point."""
    if isinstance(edge, Mapping):
        return [_short(edge.get(moment)) for moment in at]
    return edge


def last_of(track: Track) -> float | None:
    """The newest known value."""
    return next((value for value in reversed(track.values) if value is not None), None)


def _limit(metric: MetricView, track: Track) -> float | None:
    """A rule's threshold, when the metric is seen crossing it; some rules count what the metric does not show."""
    known = [value for value in track.values if value is not None]
    limit = metric.limit
    return limit if limit is not None and known and min(known) <= limit <= max(known) * 1.02 else None


def around(names: Sequence[str], named: Callable[[str], tuple[str, str]]) -> list[MetricView]:
    """Metrics to show when the evidence names none, as with silence: where the line ends is the picture."""
    return [MetricView(name, *named(name), None, None, None) for name in names[:2]]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value == value and abs(value) != float("inf") else None


def _short(value: float | None) -> float | None:
    """Six figures are more than a screen can show, and half the bytes."""
    return None if value is None else float(f"{value:.6g}")
