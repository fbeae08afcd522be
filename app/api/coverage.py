"""Cover by proof: machines that report without a contract, and machines under contract that do not report."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.problems import not_found
from app.wire import In, Instant, Line, Out, Paged, Ref
from contracts import coverage
from models.agreements import CoverageGap
from models.audit import record
from models.machines import Machine

GapKind = Literal["uncovered", "unheard"]


class GapOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    machine_id: uuid.UUID
    machine: str
    kind: GapKind = Field(description="uncovered: it reports without a line in force; unheard: the other way round")
    since: Instant = Field(description="first report without cover, or the last one heard under it")
    found_at: Instant
    ended_at: Instant | None
    told: list[str] = Field(description="names of ours who were told")
    settled_at: Instant | None
    settled_by: str
    settled_reason: str


class GapPage(Out):
    items: list[GapOut]
    next: str | None


class GapQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    kind: GapKind | None = None
    open: bool = Field(True, description="only those that are not over")


class Settlement(In):
    reason: Line = Field(description="what is to be: added to VC-1042, to be retired, …")


@route("GET", "/coverage", "contracts:read", {200: GapPage}, query=GapQuery, staff=True)
def index(call: Call, query: GapQuery) -> GapPage:
    """Where contracts and telemetry disagree, newest first."""
    wanted = select(CoverageGap)
    if query.customer is not None:
        wanted = wanted.where(CoverageGap.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.kind is not None:
        wanted = wanted.where(CoverageGap.kind == query.kind)
    if query.open:
        wanted = wanted.where(CoverageGap.ended_at.is_(None))
    rows, after = page(call.session, wanted, query, CoverageGap.found_at, CoverageGap.id)
    return GapPage(items=[_shown(call, row) for row in rows], next=after)


@route("POST", "/coverage/{gap}/settle", "contracts:write", {200: GapOut}, body=Settlement, staff=True,
       problems=("not-found",))  # fmt: skip
def settle(call: Call, body: Settlement, *, gap: str) -> GapOut:
    """Say what is to be done about it; it stays listed until cover and telemetry agree."""
    known = lookup.as_id(gap)
    row = call.session.get(CoverageGap, known) if known is not None else None
    if row is None:
        raise not_found("gap")
    coverage.settle(row, call.caller.actor, body.reason, call.now)
    record(
        call.session, actor=call.caller.actor, deed="coverage.settled", subject=f"machine:{row.machine_id}",
        customer_id=row.customer_id, facts={"kind": row.kind, "reason": body.reason}, now=call.now,
    )  # fmt: skip
    return _shown(call, row)


def _shown(call: Call, row: CoverageGap) -> GapOut:
    name = call.session.get_one(Machine, row.machine_id).name
    names = [field for field in GapOut.model_fields if field != "machine"]
    return GapOut.model_validate({**{field: getattr(row, field) for field in names}, "machine": name})
