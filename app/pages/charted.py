"""A machine's history as charts over any span: what it said, what was usual, what was found, when it was worked on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from markupsafe import Markup
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import naming, words
from app.charts import Series, Window, evidence_chart
from app.naming import Names, Shown
from app.pages import changed
from app.pages.evidence import Bounds, ChartView, Track, chart_data, last_of
from app.pages.looking import Look
from models.history import HistoryRemoval
from models.incidents import Finding
from models.machines import Machine, MachineState
from telemetry import worked_on

POINTS = 480  # a chart is rarely wider than this on a screen of twelve of them
MADE_OF = {
    "reports": "Each point is a report, or the mean of a few.",
    "hours": "Made of hourly figures: the line is the mean, the light area reaches from the least to the most.",
    "days": "Made of daily figures (UTC): the line is the mean, the light area reaches from the least to the most.",
}


@dataclass(frozen=True, slots=True)
class Charted:
    """Charts of one look, and what is to be said about them."""

    charts: Sequence[ChartView]
    data: Markup | None
    made_of: str = ""
    said: Sequence[str] = ()  # what is missing, and why
    source: str = ""  # reports, hours or days


def charted(
    session: Session, machine: Machine, state: MachineState | None, chosen: Sequence[str], look: Look, names: Names,
    began: datetime | None, now: datetime, zone: tzinfo,
) -> Charted:  # fmt: skip
    """What is usual stands behind a line only where the contract lets us judge: a band and the words "as usual", would
    say that somebody watches a bronze machine, and nobody does."""
    from app import expected  # numpy comes with it, and a web process that draws no chart does without
    from telemetry import spans

    if not chosen:
        return Charted([], None, said=_missing(session, machine, state, look, None, zone, now))
    drawn = spans.read(session, machine.id, list(chosen), look.start, look.end, POINTS)
    judged = state is not None and state.telemetry in ("shadow", "detect")
    bands = expected.bands(session, machine.id, drawn, chosen, zone, since=began) if judged else {}
    window = _window(session, machine, look, began, now)
    found = _findings(session, machine, look)
    at = [moment / 1000 for moment in drawn.at_ms.tolist()]
    charts: list[ChartView] = []
    tracks: dict[str, Track] = {}
    bounds: dict[str, Bounds] = {}
    reach: dict[str, tuple[Track, Track]] = {}
    marks: dict[str, list[tuple[float, float]]] = {}
    for sent in chosen:
        line = drawn.lines.get(sent)
        if line is None:
            continue
        one = naming.shown(sent, names)
        track = Track(at, _scaled(line.mean.tolist(), one))
        if last_of(track) is None:
            continue
        tracks[sent] = track
        low, high = _edges(bands.get(sent), one)
        if low:
            bounds[sent] = (dict(zip(at, low, strict=True)), dict(zip(at, high, strict=True)))
        if drawn.made_of != "reports":
            edges = _scaled(line.least.tolist(), one), _scaled(line.most.tolist(), one)
            reach[sent] = (Track(at, edges[one.factor < 0]), Track(at, edges[one.factor >= 0]))
        marks[sent] = [span for metrics, span in found if sent in metrics or not metrics]
        charts.append(
            _chart(one, track, low, high, reach.get(sent), marks[sent], window, zone, ends_now=bool(look.name))
        )
    first = at[0] if charts and at else None
    return Charted(
        charts,
        chart_data(charts, tracks, bounds, window, reach=reach, marks=marks) if charts else None,
        MADE_OF[drawn.made_of] if charts else "",
        _missing(session, machine, state, look, first, zone, now),
        drawn.made_of,
    )


def _window(session: Session, machine: Machine, look: Look, began: datetime | None, now: datetime) -> Window:
    start, end = look.start.timestamp(), look.end.timestamp()
    lit = max(began, look.start).timestamp() if began is not None and began < look.end else None
    worked = worked_on.marks(session, machine.id, look.start, look.end)
    room = (end - start) * 0.012 if look.end >= now else 0.0
    return Window(
        start, end + room, lit, end if lit else None, end if look.end >= now else None,
        tuple((begins.timestamp(), ends.timestamp()) for begins, ends, _ in worked),
        changed.marks(session, machine, start, end),
    )  # fmt: skip


def _findings(session: Session, machine: Machine, look: Look) -> list[tuple[list[str], tuple[float, float]]]:
    """Metrics named, and from when to when, of every finding that touches the span."""
    rows = session.execute(
        select(Finding.metrics, Finding.started_at, Finding.ended_at)
        .where(
            Finding.machine_id == machine.id,
            Finding.started_at < look.end,
            or_(Finding.ended_at.is_(None), Finding.ended_at > look.start),
        )
        .order_by(Finding.started_at.desc())
        .limit(200)
    )
    return [
        (list(metrics), (max(start, look.start).timestamp(), min(end or look.end, look.end).timestamp()))
        for metrics, start, end in rows
    ]


def _chart(
    one: Shown, track: Track, low: Sequence[float], high: Sequence[float], reach: tuple[Track, Track] | None,
    marks: Sequence[tuple[float, float]], window: Window, zone: tzinfo, *, ends_now: bool,
) -> ChartView:  # fmt: skip
    label = one.name if one.name != one.sent else one.label
    series = Series(
        label, one.unit, track.at, track.values, tuple(low), tuple(high), name=one.sent,
        least=reach[0].values if reach else (), most=reach[1].values if reach else (),
    )  # fmt: skip
    last = last_of(track)
    said = words.amount(last)
    if low and last is not None and ends_now:
        said += ", as usual" if low[-1] <= last <= high[-1] else f"; usual {words.between(low[-1], high[-1])}"
    svg = evidence_chart(series, window, zone, height=92, found=marks)
    return ChartView(one.sent, label, one.unit, said, svg)


def _missing(
    session: Session, machine: Machine, state: MachineState | None, look: Look, first: float | None, zone: tzinfo,
    now: datetime,
) -> list[str]:  # fmt: skip
    """What is not there, or not yet, in sentences."""
    said = []
    if state is not None and state.health == "learning":
        said.append("What is usual is still being learned here: the grey band comes when enough was heard.")
    if first is not None and first - look.start.timestamp() > look.width.total_seconds() * 0.05:
        said.append(f"The first report within this span is of {_when(datetime.fromtimestamp(first, UTC), zone, now)}.")
    rows = session.scalars(
        select(HistoryRemoval)
        .where(
            HistoryRemoval.machine_id == machine.id,
            HistoryRemoval.starts_at < look.end,
            HistoryRemoval.ends_at > look.start,
        )
        .order_by(HistoryRemoval.done_at.desc())
        .limit(5)
    )
    for row in rows:
        start, end = _when(row.starts_at, zone, now), _when(row.ends_at, zone, now)
        if row.kind == "erased":
            by = row.actor if row.reason == "" else f"{row.actor}: {row.reason}"
            said.append(f"{words.count(row.reports, 'report')} from {start} to {end} were erased on request ({by}).")
        elif row.what == "reports":
            said.append(f"Single reports of before {end} are no longer kept; their hourly and daily figures are.")
        else:
            said.append(f"What was reported before {end} is no longer kept.")
    return said


def _edges(band: tuple[list[float], list[float]] | None, one: Shown) -> tuple[list[float], list[float]]:
    if band is None:
        return [], []
    low, high = ([one.of(value) for value in edge] for edge in band)
    return (high, low) if one.factor < 0 else (low, high)


def _scaled(values: Sequence[float], one: Shown) -> list[float | None]:
    return [one.of(value) if value == value else None for value in values]


def _when(at: datetime, zone: tzinfo, now: datetime) -> str:
    return words.hour(at, zone, now) if now - at < timedelta(days=7) else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
