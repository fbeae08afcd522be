"""What a machine reported over any span, in as many points as a chart has room for."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime, timedelta

from pydantic import Field

from app.api import lookup
from app.api.door import Call, route
from app.problems import invalid
from app.wire import In, Instant, Out

# A month at a report every ten seconds is a quarter of a million reports: as much as one answer should read.
LONGEST = timedelta(days=31)
_MOST_METRICS = 50


class MetricLine(Out):
    least: list[float | None] = Field(description="null where a point holds no value")
    mean: list[float | None]
    most: list[float | None]


class WorkedOn(Out):
    start: Instant
    end: Instant
    title: str


class History(Out):
    machine_id: uuid.UUID
    start: Instant
    end: Instant
    reports: int = Field(description="how many reports lie in the span")
    bucket_s: float = Field(description="seconds one point stands for; 0: each point is one report")
    at: list[Instant]
    metrics: dict[str, MetricLine]
    maintenance: list[WorkedOn] = Field(
        description="times in which what it said was kept and not looked at"
    )


class HistoryQuery(In):
    metrics: str = Field("", max_length=4000, pattern=r"^[^\x00-\x1f\x7f]*$",
                         description="names separated by commas; left out: all")  # fmt: skip
    start: Instant | None = Field(None, alias="from", description="left out: a day before `to`")
    end: Instant | None = Field(None, alias="to", description="left out: now; the instant itself is not included")
    points: int = Field(600, ge=2, le=2000, description="how many points at most")


@route("GET", "/machines/{machine}/history", "machines:read", {200: History}, query=HistoryQuery,
       problems=("not-found",))  # fmt: skip
def read(call: Call, query: HistoryQuery, *, machine: str) -> History:
    """A machine's metrics over a span, at most 31 days; each point gives the least, mean and most it stands for."""
    from telemetry import history, worked_on  # numpy comes with it, and a web process that draws no chart does without

    row = lookup.machine(call, machine)
    end = query.end or call.now
    start = query.start or end - timedelta(days=1)
    if start >= end:
        raise invalid("from", "is not before `to`", "give an earlier instant")
    if end - start > LONGEST:
        raise invalid("from", f"lies more than {LONGEST.days} days before `to`", "ask for a shorter span")
    names = {name.strip() for name in query.metrics.split(",")} - {""}
    if len(names) > _MOST_METRICS:
        raise invalid("metrics", f"names more than {_MOST_METRICS}", "ask in several requests")
    span = history.read(call.session, row.id, names or None, start, end, query.points)
    return History(
        machine_id=row.id,
        start=start,
        end=end,
        reports=span.reports,
        bucket_s=span.step_ms / 1000,
        at=[datetime.fromtimestamp(at / 1000, UTC) for at in span.at_ms.tolist()],
        metrics={
            name: MetricLine(least=_plain(line.least), mean=_plain(line.mean), most=_plain(line.most))
            for name, line in span.lines.items()
        },
        maintenance=[
            WorkedOn(start=begins, end=ends, title=title)
            for begins, ends, title in worked_on.marks(call.session, row.id, start, end)
        ],
    )


def _plain(values: object) -> list[float | None]:
    """JSON knows no NaN: a point without a value is null."""
    listed: list[float] = values.tolist()  # type: ignore[attr-defined]  # a numpy array, which this module does not import
    return [value if math.isfinite(value) else None for value in listed]
