"""What a machine reported over any span, in as many points as a chart has room for, with what belongs beside it."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import naming
from app.api import lookup
from app.api.door import Call, route
from app.problems import invalid
from app.wire import In, Instant, Out
from escalation import instants
from models.history import HistoryRemoval
from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from telemetry.vocabulary import is_scored

if TYPE_CHECKING:
    from telemetry.figures import Line
    from telemetry.spans import Drawn

LONGEST = timedelta(days=3660)
_MOST_METRICS = 50
_LISTED = timedelta(days=400)  # a metric that was not reported for so long is listed no more
_MOST_FINDINGS = 500


class MetricLine(Out):
    least: list[float | None] = Field(description="null where a point holds no value")
    mean: list[float | None]
    most: list[float | None]
    count: list[int] = Field(description="how many values a point stands for")
    low: list[float] | None = Field(description="lower edge of what was usual; null where not enough is known to say")
    high: list[float] | None
    sent_as: str
    label: str
    unit: str


class WorkedOn(Out):
    start: Instant
    end: Instant
    title: str


class Anomaly(Out):
    id: uuid.UUID
    kind: str
    severity: int
    cause: str
    summary: str
    metrics: list[str] = Field(description="names as sent, most responsible first")
    start: Instant
    end: Instant | None
    shadow: bool
    incident: str | None


class Removed(Out):
    kind: Literal["aged", "erased"]
    what: Literal["reports", "figures"] = Field(description="an erasure takes both")
    start: Instant
    end: Instant
    reports: int
    at: Instant
    by: str
    reason: str


class History(Out):
    machine_id: uuid.UUID
    start: Instant
    end: Instant
    made_of: Literal["reports", "hours", "days"] = Field(
        description="what the points are made of: reports as sent, or roll-ups of hours or days (UTC)"
    )
    reports: int = Field(description="how many reports lie in the span")
    bucket_s: float = Field(description="seconds one point stands for; 0: each point is one report")
    at: list[Instant] = Field(description="the middle of what each point stands for")
    metrics: dict[str, MetricLine]
    maintenance: list[WorkedOn] = Field(description="times in which what it said was kept and not looked at")
    anomalies: list[Anomaly] = Field(description="findings that touch the span, newest first")
    removed: list[Removed] = Field(description="what of the span is no longer there")


class HistoryQuery(In):
    metrics: str = Field("", max_length=4000, pattern=r"^[^\x00-\x1f\x7f]*$",
                         description="names with commas between, as sent or OpenTelemetry's; else all")  # fmt: skip
    names: Literal["sent", "otel"] = Field(
        "sent", description="otel: answer under the names and in the units of OpenTelemetry's conventions, where known"
    )
    start: Instant | None = Field(None, alias="from", description="left out: a day before `to`")
    end: Instant | None = Field(None, alias="to", description="left out: now; the instant itself is not included")
    points: int = Field(600, ge=2, le=2000, description="how many points at most")
    of: Literal["reports", "hours", "days"] | None = Field(
        None, description="left out: the span decides, so that the answer takes milliseconds"
    )


class MetricName(Out):
    name: str = Field(description="as sent")
    label: str
    unit: str
    otel: str = Field(description="its name in OpenTelemetry's conventions; empty where its meaning is not known")
    otel_unit: str
    latest: float | None
    judged: bool = Field(description="whether detection looks at it where the contract lets it")
    state: Literal["speaking", "silent", "unknown"] = Field(
        description="silent: should have spoken and did not; unknown: its machine is, or nobody can tell"
    )
    since: Instant | None = Field(description="of a silence: when it was heard last before")
    last_at: Instant | None = Field(
        description="device time of its newest value; to the hour or day when that is long ago"
    )
    cadence_s: float | None = Field(description="learned seconds between two values; null while not known")
    why: str = Field(description="why its state is unknown")


class MetricNames(Out):
    items: list[MetricName]


@route("GET", "/machines/{machine}/metrics", "machines:read", {200: MetricNames}, problems=("not-found",))
def metrics(call: Call, *, machine: str) -> MetricNames:
    """Every metric a machine reported in the last 400 days: its names, whether it speaks, and in which rhythm."""
    row = lookup.machine(call, machine)
    from telemetry import metric_states

    state = call.session.get(MachineState, row.id)
    latest = dict(state.latest) if state is not None else {}
    shown = [naming.shown(name) for name in known_metrics(call.session, row, call.now)]
    states = metric_states.of(call.session, row, state, [one.sent for one in shown], call.now)
    return MetricNames(
        items=[
            MetricName(
                name=one.sent, label=one.label, unit=one.unit, otel=one.otel, otel_unit=one.otel_unit,
                latest=latest.get(one.sent), judged=is_scored(one.sent), **asdict(states[one.sent]),
            )
            for one in shown
        ]
    )  # fmt: skip


@route("GET", "/machines/{machine}/history", "machines:read", {200: History}, query=HistoryQuery,
       problems=("not-found",))  # fmt: skip
def read(call: Call, query: HistoryQuery, *, machine: str) -> History:
    """A machine's metrics over a span of up to ten years; each point gives the least, mean and most it stands for."""
    from app import expected  # numpy comes with it, and a web process that draws no chart does without
    from telemetry import spans, worked_on

    row = lookup.machine(call, machine)
    start, end = span_of(call, query.start, query.end)
    wanted = chosen(call.session, row, query.metrics, call.now)
    if query.of == "reports" and end - start > spans.LONGEST_OF_REPORTS * 4:
        said = f"lies more than {(spans.LONGEST_OF_REPORTS * 4).days} days before `to`, too long for reports"
        raise invalid("from", said, "ask for hours or days, or take the export")
    drawn = spans.read(call.session, row.id, wanted, start, end, query.points, query.of)
    state = call.session.get(MachineState, row.id)
    bands: dict[str, tuple[list[float], list[float]]] = {}
    anomalies = anomalies_in(call.session, row, start, end)
    if state is not None and state.telemetry in ("shadow", "detect"):
        since = min((one.start for one in anomalies if one.end is None), default=None)
        bands = expected.bands(call.session, row.id, drawn, list(drawn.lines), UTC, since=since)
    return History(
        machine_id=row.id,
        start=start,
        end=end,
        made_of=drawn.made_of,
        reports=drawn.reports,
        bucket_s=drawn.step_ms / 1000,
        at=[datetime.fromtimestamp(at / 1000, UTC) for at in drawn.at_ms.tolist()],
        metrics=_lines(drawn, query.names, bands),
        maintenance=[
            WorkedOn(start=begins, end=ends, title=title)
            for begins, ends, title in worked_on.marks(call.session, row.id, start, end)
        ],
        anomalies=anomalies,
        removed=removed_from(call.session, row.id, start, end),
    )


def span_of(call: Call, start: Instant | None, end: Instant | None) -> tuple[datetime, datetime]:
    """The span that is meant. Raises Problem."""
    until = end or call.now
    since = start or until - timedelta(days=1)
    if since >= until:
        raise invalid("from", "is not before `to`", "give an earlier instant")
    if until - since > LONGEST:
        raise invalid("from", f"lies more than {LONGEST.days} days before `to`", "ask for a shorter span")
    return since, until


def chosen(session: Session, machine: Machine, text: str, now: datetime) -> list[str] | None:
    """The metrics a query names, as sent; None when it names none and means all. Raises Problem."""
    names = naming.split(text)
    if len(names) > _MOST_METRICS:
        raise invalid("metrics", f"names more than {_MOST_METRICS}", "ask in several requests")
    if not names:
        return None
    latest = _latest(session, machine)
    known = latest if all(name in latest for name in names) else known_metrics(session, machine, now)
    return naming.meant(names, known)


def known_metrics(session: Session, machine: Machine, now: datetime) -> list[str]:
    """The metrics of a machine, by the names they were sent under."""
    from telemetry import rollups

    return sorted({*_latest(session, machine), *rollups.metrics_of(session, machine.id, now - _LISTED, now)})


def anomalies_in(session: Session, machine: Machine, start: datetime, end: datetime) -> list[Anomaly]:
    """Findings on a machine that touch a span, newest first."""
    rows = session.execute(
        select(Finding, Incident.number)
        .outerjoin(Incident, Incident.id == Finding.incident_id)
        .where(
            (Finding.machine_id == machine.id) & (Finding.started_at < end),
            Finding.ended_at.is_(None) | (Finding.ended_at > start),
        )
        .order_by(Finding.started_at.desc())
        .limit(_MOST_FINDINGS)
    )
    return [
        Anomaly(
            id=row.id, kind=row.kind, severity=row.severity, cause=row.cause,
            summary=instants.found(row.summary, row.evidence)[0], metrics=list(row.metrics),
            start=row.started_at, end=row.ended_at, shadow=row.shadow, incident=f"VG-{number}" if number else None,
        )
        for row, number in rows
    ]  # fmt: skip


def removed_from(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> list[Removed]:
    """What of a span is no longer there, newest first."""
    rows = session.scalars(
        select(HistoryRemoval)
        .where(HistoryRemoval.machine_id == machine_id, HistoryRemoval.starts_at < end, HistoryRemoval.ends_at > start)
        .order_by(HistoryRemoval.done_at.desc())
        .limit(_MOST_FINDINGS)
    )
    return [
        Removed.model_validate({
            "kind": row.kind, "what": row.what, "start": row.starts_at, "end": row.ends_at, "reports": row.reports,
            "at": row.done_at, "by": row.actor, "reason": row.reason,
        })
        for row in rows
    ]  # fmt: skip


def _latest(session: Session, machine: Machine) -> dict[str, float]:
    return dict(session.scalar(select(MachineState.latest).where(MachineState.machine_id == machine.id)) or {})


def _lines(
    drawn: Drawn, names: naming.Names, bands: dict[str, tuple[list[float], list[float]]]
) -> dict[str, MetricLine]:
    found: dict[str, MetricLine] = {}
    for sent, line in drawn.lines.items():
        one = naming.shown(sent, names)
        # Two agents on one machine may mean the same: the second one keeps its own name.
        name = one.name if one.name not in found else sent
        found[name] = _line(one, line, bands.get(sent))
    return found


def _line(one: naming.Shown, line: Line, band: tuple[list[float], list[float]] | None) -> MetricLine:
    edges = [line.least, line.most]
    low, high = band if band is not None else (None, None)
    if one.factor < 0:  # idle becomes busy: the most of one is the least of the other
        edges.reverse()
        low, high = high, low
    return MetricLine(
        least=_plain(edges[0], one), mean=_plain(line.mean, one), most=_plain(edges[1], one),
        count=line.count.tolist(),
        low=None if low is None else [one.of(value) for value in low],
        high=None if high is None else [one.of(value) for value in high],
        sent_as=one.sent, label=one.label, unit=one.unit,
    )  # fmt: skip


def _plain(values: object, one: naming.Shown) -> list[float | None]:
    """JSON knows no NaN: a point without a value is null."""
    from telemetry.columns import as_sent

    listed: list[float] = as_sent(values).tolist()  # type: ignore[arg-type]  # a numpy array, which this module does not import
    if one.factor == 1 and not one.offset:
        return [value if value == value else None for value in listed]
    return [one.of(value) if value == value else None for value in listed]
