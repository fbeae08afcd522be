"""What contracts give in a period, what is left of it, and what was taken and given back."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Call, route
from app.api.outcome import by
from app.api.paging import page
from app.problems import Problem, not_found
from app.wire import Day, In, Instant, Line, Out, Paged
from contracts import allowances, in_force
from contracts.allowances import Left
from contracts.in_force import Standing
from contracts.terms import POOLS
from models.agreements import Allowance, AllowanceTaking
from models.audit import record, take_turns

Pool = Literal["cases", "visits", "remote_hours", "advice_hours"]


class AllowanceOut(Out):
    kind: Pool
    period_start: Day
    period_end: Day = Field(description="included")
    granted: int = Field(description="in all, what was ordered on top included")
    extra: int = Field(description="of it ordered on top for this period")
    used: int
    left: int
    renewed_on: Day | None = Field(description="first day of the next period; null: none begins before the end")


class Allowances(Out):
    items: list[AllowanceOut] = Field(description="what is not listed is not counted")


class TakingOut(Out):
    id: uuid.UUID
    kind: Pool
    decision_id: uuid.UUID
    units: int
    taken_at: Instant
    given_back_at: Instant | None
    given_back_by: str
    given_back_reason: str


class TakingPage(Out):
    items: list[TakingOut]
    next: str | None


class More(In):
    units: Annotated[int, Field(ge=1, le=10_000)]
    reason: Line


class Back(In):
    because: Literal["cancelled", "ours"] = Field(description="it was cancelled, or was found to be ours")
    reason: Line


class GivenBack(Out):
    decision_id: uuid.UUID
    given_back: bool = Field(description="false: nothing was taken, or it was given back before")
    units: int


@route("GET", "/contracts/{contract}/allowances", "contracts:read", {200: Allowances}, problems=("not-found",))
def index(call: Call, *, contract: str) -> Allowances:
    """What is left of each allowance in this period."""
    return Allowances(items=[shown(one) for one in _holds(call, contract).left(call.session, call.now).values()])


@route("GET", "/contracts/{contract}/takings", "contracts:read", {200: TakingPage}, query=Paged,
       problems=("not-found",))  # fmt: skip
def takings(call: Call, query: Paged, *, contract: str) -> TakingPage:
    """What each decision took, and what was given back; newest first."""
    row = lookup.contract(call, contract)
    kinds = {one.id: one.kind for one in call.session.scalars(select(Allowance).where(Allowance.contract_id == row.id))}
    wanted = select(AllowanceTaking).where(AllowanceTaking.allowance_id.in_(kinds))
    rows, after = page(call.session, wanted, query, AllowanceTaking.taken_at, AllowanceTaking.id)
    names = [name for name in TakingOut.model_fields if name != "kind"]
    items = [
        TakingOut.model_validate({**{name: getattr(one, name) for name in names}, "kind": kinds[one.allowance_id]})
        for one in rows
    ]
    return TakingPage(items=items, next=after)


@route("POST", "/contracts/{contract}/allowances/{kind}/more", "contracts:write", {200: AllowanceOut}, body=More,
       staff=True, problems=("not-found", "not-now"))  # fmt: skip
def more(call: Call, body: More, *, contract: str, kind: str) -> AllowanceOut:
    """Order more of something for this period."""
    holds = _holds(call, contract)
    if kind not in POOLS:
        raise not_found("allowance")
    take_turns(call.session, holds.customer_id)
    assert holds.span is not None  # of a contract that was found
    assert holds.terms is not None
    row = allowances.order_more(call.session, holds.span, holds.terms, kind, body.units, holds.today(call.now))
    if row is None:
        raise Problem(
            "not-now", f"This contract does not count {kind.replace('_', ' ')}, so nothing needs to be ordered.",
            remedy="Give it an allowance in its terms first.",
        )  # fmt: skip
    record(
        call.session, actor=by(call).name, deed="allowance.ordered", subject=f"contract:{holds.contract_id}",
        customer_id=holds.customer_id, facts={"kind": kind, "units": body.units, "reason": body.reason}, now=call.now,
    )  # fmt: skip
    return shown(holds.left(call.session, call.now)[kind])


@route("POST", "/decisions/{decision}/give-back", "contracts:write", {200: GivenBack}, body=Back, staff=True,
       problems=("not-found",))  # fmt: skip
def give_back(call: Call, body: Back, *, decision: str) -> GivenBack:
    """Give back what a decision took, because its incident was cancelled or found to be ours. Twice is once."""
    row = lookup.decision(call, decision)
    take_turns(call.session, row.customer_id)
    words = f"{body.because}: {body.reason}"
    taking = allowances.give_back(call.session, row.id, by(call).name, words, call.now)
    if taking is not None:
        record(
            call.session, actor=by(call).name, deed="allowance.given_back", subject=f"decision:{row.id}",
            customer_id=row.customer_id, facts={"units": taking.units, "reason": words}, now=call.now,
        )  # fmt: skip
    return GivenBack(decision_id=row.id, given_back=taking is not None, units=taking.units if taking else 0)


def shown(one: Left) -> AllowanceOut:
    """One allowance as it is told."""
    return AllowanceOut.model_validate(
        {
            "kind": one.kind, "period_start": one.period.first, "period_end": one.period.last,
            "granted": one.granted, "extra": one.extra, "used": one.used, "left": one.left,
            "renewed_on": one.renewed_on,
        }
    )  # fmt: skip


def _holds(call: Call, ref: str) -> Standing:
    row = lookup.contract(call, ref)
    return in_force.standing(call.session, row.customer_id, call.now, contract_id=row.id)
