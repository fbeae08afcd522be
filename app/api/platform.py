"""The platform's own health: processes, the delivery ledger, dead letters."""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import func, select

from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.wire import Instant, Out, Paged, Ref
from models.telemetry import DeadLetter, DeliveryCount, ProcessBeat

_SILENT_AFTER = timedelta(seconds=30)


class Process(Out):
    name: str
    pid: int
    host: str
    state: str
    is_heard: bool = Field(description="whether it said something within half a minute")
    started_at: Instant
    beat_at: Instant
    restarts: int
    why: str = Field(description="of the last end")
    facts: dict[str, Any]


class Processes(Out):
    items: list[Process]


class Count(Out):
    machine: str
    received: int = Field(description="= scored + refused + duplicate + late")
    scored: int
    refused: int
    duplicate: int
    late: int
    missing: int = Field(description="holes seen in the machine's numbering")


class Ledger(Out):
    since: Instant
    items: list[Count] = Field(description="by machine, at most a thousand")
    total: Count


class Letter(Out):
    id: uuid.UUID
    received_at: Instant
    topic: str
    machine: str
    customer_id: uuid.UUID | None
    reason: str
    detail: str
    size: int = Field(description="of the payload, bytes")
    replayed_at: Instant | None


class LetterWhole(Letter):
    payload_base64: str


class Letters(Out):
    items: list[Letter]
    next: str | None


class LetterQuery(Paged):
    machine: Ref | None = Field(None, description="name")
    replayed: bool | None = None


class LedgerQuery(Paged):
    hours: int = Field(24, ge=1, le=720)


@route("GET", "/platform/processes", "platform:read", {200: Processes}, staff=True)
def processes(call: Call) -> Processes:
    """Every process that said something of itself."""
    rows = call.session.scalars(select(ProcessBeat).order_by(ProcessBeat.name))
    names = [name for name in Process.model_fields if name != "is_heard"]
    return Processes(
        items=[
            Process(**{name: getattr(row, name) for name in names}, is_heard=call.now - row.beat_at < _SILENT_AFTER)
            for row in rows
        ]
    )


@route("GET", "/platform/ledger", "platform:read", {200: Ledger}, query=LedgerQuery, staff=True)
def ledger(call: Call, query: LedgerQuery) -> Ledger:
    """What arrived and what became of it, by machine."""
    since = call.now - timedelta(hours=query.hours)
    columns = [getattr(DeliveryCount, name) for name in Count.model_fields if name != "machine"]
    sums = [func.coalesce(func.sum(column), 0).label(column.key) for column in columns]
    recent = DeliveryCount.hour >= since
    by_machine = select(DeliveryCount.machine, *sums).where(recent).group_by(DeliveryCount.machine)
    rows = call.session.execute(by_machine.order_by(DeliveryCount.machine).limit(1000))
    total = call.session.execute(select(*sums).where(recent)).one()
    return Ledger(
        since=since,
        items=[Count(**row._mapping) for row in rows],
        total=Count(machine="", **total._mapping),
    )


@route("GET", "/platform/dead-letters", "platform:read", {200: Letters}, query=LetterQuery, staff=True)
def letters(call: Call, query: LetterQuery) -> Letters:
    """Messages we could not use, newest first, each with its reason."""
    wanted = select(DeadLetter)
    if query.machine is not None:
        wanted = wanted.where(DeadLetter.machine == query.machine)
    if query.replayed is not None:
        done = DeadLetter.replayed_at
        wanted = wanted.where(done.is_not(None) if query.replayed else done.is_(None))
    rows, after = page(call.session, wanted, query, DeadLetter.received_at, DeadLetter.id)
    return Letters(items=[Letter(**_facts(row)) for row in rows], next=after)


@route("GET", "/platform/dead-letters/{letter}", "platform:read", {200: LetterWhole}, staff=True,
       problems=("not-found",))  # fmt: skip
def letter(call: Call, *, letter: str) -> LetterWhole:
    """One of them with its bytes."""
    row = lookup.dead_letter(call, letter)
    return LetterWhole(**_facts(row), payload_base64=base64.b64encode(row.payload).decode())


def _facts(row: DeadLetter) -> dict[str, Any]:
    names = [name for name in Letter.model_fields if name != "size"]
    return {**{name: getattr(row, name) for name in names}, "size": len(row.payload)}
