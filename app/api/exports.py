"""`GET /machines/{machine}/history/export`: what a machine sent, as CSV or Parquet, of any length."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy.orm import Session

from app import naming
from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.history import chosen, span_of
from app.front import front
from app.wire import In, Instant, Zone
from models.customers import Customer
from models.machines import Machine
from models.session import Scope, Sessions, work
from telemetry import changes_kept

if TYPE_CHECKING:
    from app.history_files import Rows, Told

_CHUNK = {"reports": timedelta(hours=6), "hours": timedelta(days=30), "days": timedelta(days=366)}


class ExportQuery(In):
    format: Literal["csv", "parquet"] = "csv"
    of: Literal["reports", "hours", "days", "changes"] = Field(
        "reports",
        description="reports as they were sent; the figures of hours or days (UTC), which are kept longer; or what was "
        "told of changes on the machine (releases, restarts)",
    )
    metrics: str = Field("", max_length=4000, pattern=r"^[^\x00-\x1f\x7f]*$",
                         description="names with commas between, as sent or OpenTelemetry's; else all")  # fmt: skip
    names: Literal["sent", "otel"] = "sent"
    start: Instant | None = Field(None, alias="from", description="left out: a day before `to`")
    end: Instant | None = Field(None, alias="to", description="left out: now; the instant itself is not included")
    zone: Zone | None = Field(None, description="of the instants in CSV; left out: the customer's. Parquet has UTC")


@route("GET", "/machines/{machine}/history/export", "machines:read", {200: None}, query=ExportQuery,
       gives=("text/csv; charset=utf-8", "application/vnd.apache.parquet"), problems=("not-found",))  # fmt: skip
def export(call: Call, query: ExportQuery, *, machine: str) -> Answer:
    """Everything a machine sent in a span of up to ten years, a row each instant and metric, streamed; of changes a row
    each.

    `format=parquet` answers with `application/vnd.apache.parquet`. A text that a spreadsheet would run is defused in
    CSV by a quote before it.
    """
    from app import history_files  # numpy comes with it

    row = lookup.machine(call, machine)
    start, end = span_of(call, query.start, query.end)
    zone = ZoneInfo(query.zone or call.session.get_one(Customer, row.customer_id).zone)
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(row, start, end, query.format)}"',
        "Content-Type": history_files.CSV if query.format == "csv" else history_files.PARQUET,
    }
    if query.of == "changes":
        told = [changes(call.session, row.id, start, end)]
        if query.format == "csv":
            return Answer(stream=history_files.changes_as_csv(row.name, told, zone), headers=headers)
        return Answer(stream=history_files.changes_as_parquet(row.name, told), headers=headers)
    wanted = chosen(call.session, row, query.metrics, call.now)
    chunks = _chunks(front().sessions, call.caller.scope, row.id, wanted, start, end, query.of, query.names)
    figures = query.of != "reports"
    if query.format == "csv":
        body = history_files.as_csv(row.name, chunks, zone, figures=figures)
    else:
        body = history_files.as_parquet(row.name, chunks, figures=figures)
    return Answer(stream=body, headers=headers)


def changes(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> list[Told]:
    """What was told of changes on a machine from `start` up to but without `end`; at most fifty a day are kept."""
    told = changes_kept.within(session, [machine_id], start, end)
    return [(round(one.at.timestamp() * 1000), one.kind, one.what, one.told_by) for one in told if one.at < end]


def file_name(machine: Machine, start: datetime, end: datetime, ending: str) -> str:
    """`press-7_20260301T0000Z_20260401T0000Z.csv`."""
    return f"{machine.name}_{start:%Y%m%dT%H%MZ}_{end:%Y%m%dT%H%MZ}.{ending}"


def _chunks(
    sessions: Sessions, scope: Scope, machine_id: uuid.UUID, metrics: list[str] | None, start: datetime, end: datetime,
    of: str, names: naming.Names,
) -> Iterator[Rows]:  # fmt: skip
    """Piece by piece, each read in a transaction of its own: a long download holds none open."""
    for since, until in _parts(start, end, of):
        with work(sessions, scope) as session:
            rows = _piece(session, machine_id, metrics, since, until, of, names)
        yield rows


def pieces(
    session: Session, machine_id: uuid.UUID, metrics: list[str] | None, start: datetime, end: datetime, of: str,
    names: naming.Names,
) -> Iterator[Rows]:  # fmt: skip
    """The same within one transaction."""
    for since, until in _parts(start, end, of):
        yield _piece(session, machine_id, metrics, since, until, of, names)


def _parts(start: datetime, end: datetime, of: str) -> Iterator[tuple[datetime, datetime]]:
    from telemetry import figures, history

    if of != "reports":
        width = figures.HOUR_MS if of == "hours" else figures.DAY_MS
        start = history.instant(round(start.timestamp() * 1000) // width * width)
    while start < end:
        until = min(start + _CHUNK[of], end)
        yield start, until
        start = until


def _piece(
    session: Session, machine_id: uuid.UUID, metrics: list[str] | None, start: datetime, end: datetime, of: str,
    names: naming.Names,
) -> Rows:  # fmt: skip
    from app import history_files
    from telemetry import figures, history, rollups

    if of == "reports":
        return history_files.of_reports(history.reports(session, machine_id, metrics, start, end), names)
    make = rollups.hours if of == "hours" else rollups.days
    found = make(session, machine_id, metrics, start, end)
    return history_files.of_figures(found.at_ms.tolist(), figures.lines(found).items(), names)
