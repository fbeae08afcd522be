"""Erasing what a machine sent: what would go, and, once that was seen and said again, doing it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from app.api import lookup
from app.api.door import Call, route
from app.api.history import Removed, removed_from, span_of
from app.problems import Problem, invalid
from app.wire import In, Instant, Line, Out
from models.machines import Machine

if TYPE_CHECKING:
    from telemetry.erasing import Extent

STAYS = (
    "Incidents keep the points frozen into them and their sentences, as the record of what was done, unless `evidence` "
    "is true. The delivery ledger keeps its sums and says how many were erased. The log of messages, kept for replay "
    "after a fault, loses its copy when its time is up."
)


class ErasureQuery(In):
    start: Instant | None = Field(None, alias="from", description="left out: a day before `to`")
    end: Instant | None = Field(None, alias="to", description="not included itself; not later than now; left out: now")


class Erasable(Out):
    machine_id: uuid.UUID
    machine: str
    start: Instant
    end: Instant
    reports: int
    hours_of_figures: int = Field(description="roll-ups; one whose reports are no longer kept goes as a whole hour")
    first_at: Instant | None
    last_at: Instant | None
    unreadable_messages: int
    changes: int = Field(description="told of the machine: releases, other versions, restarts")
    models: int = Field(description="fitted from these reports; what is usual is learned anew of what stays")
    newest_values: bool = Field(description="whether the newest values and facts of the machine are among them")
    findings_with_points: int
    incidents_with_points: int
    stays: str
    seen: str = Field(description="to be sent with the erasure: what was seen is what goes")


class Erasure(In):
    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")
    seen: str = Field(pattern=r"^[0-9a-f]{16}$", description="`seen` of the preview")
    confirm: str = Field(max_length=63, description="the machine's name, said once more")
    reason: Line
    evidence: bool = Field(False, description="also the points of the span frozen into findings and incidents")


class Kept(Out):
    reports_days: int
    figures_days: int
    removed: list[Removed] = Field(description="newest first")


@route("GET", "/machines/{machine}/history/kept", "machines:read", {200: Kept}, problems=("not-found",))
def kept(call: Call, *, machine: str) -> Kept:
    """How long its contract keeps what a machine sends, and what has gone: aged out, or erased by whom and why."""
    from telemetry import retention

    row = lookup.machine(call, machine)
    days = retention.keeping_of(call.session, row.customer_id, row.id, call.now)
    first, last = datetime.min.replace(tzinfo=call.now.tzinfo), datetime.max.replace(tzinfo=call.now.tzinfo)
    return Kept(
        reports_days=days.reports_days, figures_days=days.figures_days,
        removed=removed_from(call.session, row.id, first, last),
    )  # fmt: skip


@route("GET", "/machines/{machine}/history/erasure", "machines:read", {200: Erasable}, query=ErasureQuery,
       problems=("not-found",))  # fmt: skip
def preview(call: Call, query: ErasureQuery, *, machine: str) -> Erasable:
    """What would go if the span was erased. Changes nothing."""
    row = lookup.machine(call, machine)
    return told(row, *seen(call, row, query.start, query.end))


@route("POST", "/machines/{machine}/history/erasure", "history:erase", {201: Removed}, body=Erasure,
       problems=("not-found", "not-now"))  # fmt: skip
def erase(call: Call, body: Erasure, *, machine: str) -> Removed:
    """Erase what the preview told of. It cannot be undone; it is on record who asked for it, and why."""
    row = lookup.machine(call, machine)
    return do(call, row, body)


def seen(
    call: Call, machine: Machine, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime, Extent]:
    """What would go. Raises Problem for a span that cannot be erased."""
    from telemetry import erasing

    since, until = span_of(call, start, end)
    if until > call.now:
        raise invalid("to", "lies ahead", "erase up to now at most; what is still to come can be refused by its sender")
    return since, until, erasing.preview(call.session, machine, since, until)


def told(machine: Machine, start: datetime, end: datetime, extent: Extent) -> Erasable:
    """A preview as it is answered."""
    return Erasable(
        machine_id=machine.id, machine=machine.name, start=start, end=end, reports=extent.reports,
        hours_of_figures=extent.figures, first_at=extent.first_at, last_at=extent.last_at,
        unreadable_messages=extent.letters, changes=extent.changes, models=extent.models,
        newest_values=extent.newest_values, findings_with_points=extent.findings,
        incidents_with_points=extent.incidents, stays=STAYS, seen=extent.seen(machine.id, start, end),
    )  # fmt: skip


def do(call: Call, machine: Machine, asked: Erasure) -> Removed:
    """Erase. Raises Problem when it was not confirmed, or is no longer what was seen."""
    from telemetry import erasing

    if asked.confirm != machine.name:
        raise invalid("confirm", "is not the name of the machine", f"say {machine.name}, if that is the one")
    start, end, extent = seen(call, machine, asked.start, asked.end)
    if extent.is_nothing:
        raise Problem("not-now", "There is nothing of this machine in the span.", remedy="Look at the span again.")
    try:
        with call.as_desk():
            row = erasing.erase(
                call.session, machine, start, end, seen=asked.seen, actor=call.caller.actor, reason=asked.reason,
                now=call.now, with_evidence=asked.evidence,
            )  # fmt: skip
    except erasing.Changed:
        said = "What would be erased is no longer what was seen."
        raise Problem("not-now", said, remedy="Look at the preview again, and send its `seen`.") from None
    return Removed.model_validate({
        "kind": row.kind, "what": row.what, "start": row.starts_at, "end": row.ends_at, "reports": row.reports,
        "at": row.done_at, "by": row.actor, "reason": row.reason,
    })  # fmt: skip
