"""Contracts: made, read, changed in state and dates, renewed. Lines, terms and allowances have their own modules."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import select

from app import term_said
from app.api import lookup
from app.api.contract_lines import LineOut, NewLine, cover
from app.api.door import Answer, Call, route
from app.api.outcome import by, done, refused
from app.api.paging import page
from app.wire import Country, Day, In, Instant, MaybeLine, Out, Paged, Ref, Zone
from contracts import contracting, proposals
from contracts.decision import ContractFacts
from contracts.life import NEXT, CannotBe, follows_on
from contracts.terms import Tier
from escalation import consequences
from models.agreements import NOTICE_DAYS, Contract, ContractLine

TierName = Literal["bronze", "silver", "gold", "platinum"]
State = Literal["draft", "active", "suspended", "expired", "cancelled"]
_ENDS: Mapping[str, consequences.Change] = {"suspended": "suspension", "expired": "expiry", "cancelled": "cancellation"}
Changes = Annotated[
    dict[str, Any],
    Field(
        max_length=20,
        description="fields of the terms by name; in hours, respond, allowances and clocks only the entries named "
        "change, null takes one away; a tier brings its usual terms, over which the rest is laid",
        json_schema_extra={"additionalProperties": True},
    ),
]
Worth = Annotated[
    str, Field(pattern=r"^([0-9]{1,12}(\.[0-9]{2})? [A-Z]{3})?$", description="a year, such as 120000 EUR")
]
NoticeDays = Annotated[
    list[Annotated[int, Field(ge=0, le=366)]], Field(max_length=12, description="days before the last day")
]


class TermsOut(Out):
    id: uuid.UUID | None = Field(description="null while the tier's defaults hold")
    version: int
    effective_at: Instant
    author: str
    reason: str
    confirmed_by: str
    body: dict[str, Any] = Field(description="scope, hours, respond and update budgets, ladder, allowances, watching")


class ContractOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    number: str
    tier: str
    state: State
    standing: str = Field(description="the state as dates make it today: active, grace, expired, not_started, …")
    starts_on: Day
    ends_on: Day | None
    zone: str
    country: str
    renews_id: uuid.UUID | None = Field(description="the contract it follows")
    notice_days: list[int]
    worth: str = Field(description="a year, such as 120000 EUR; empty where nobody said")
    created_at: Instant


class ContractWhole(ContractOut):
    terms: TermsOut
    lines: list[LineOut]
    renewed_by: str | None = Field(description="number of the contract that follows")
    may_become: list[str] = Field(description="the states it may be given now")


class ContractPage(Out):
    items: list[ContractOut]
    next: str | None


class ContractQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    tier: TierName | None = None
    state: State | None = None


class NewContract(In):
    customer: Ref = Field(description="id or slug")
    tier: TierName
    starts_on: Day
    ends_on: Day | None = Field(None, description="inclusive, in the contract's own zone")
    state: Literal["draft", "active"] = "active"
    number: Annotated[str, Field(pattern=r"^VC-[A-Za-z0-9-]{1,30}$")] | None = Field(
        None, description="VC-…; given when left out"
    )
    zone: Zone = "UTC"
    country: Country = ""
    notice_days: NoticeDays = Field(default_factory=lambda: list(NOTICE_DAYS))
    worth: Worth = ""
    terms: Changes | None = None
    lines: list[NewLine] = Field(default_factory=lambda: [NewLine()], max_length=500,
                                 description="left out: the whole customer is covered")  # fmt: skip


class ContractPatch(In):
    state: State | None = None
    ends_on: Day | None = None
    notice_days: NoticeDays | None = None
    worth: Worth | None = None
    reason: MaybeLine = ""


class Renewal(In):
    starts_on: Day | None = Field(None, description="left out: the day after the last day of the contract renewed")
    ends_on: Day | None = None
    tier: TierName | None = Field(None, description="left out: as it was")
    state: Literal["draft", "active"] = "draft"
    number: Annotated[str, Field(pattern=r"^VC-[A-Za-z0-9-]{1,30}$")] | None = None
    terms: Changes | None = None
    reason: MaybeLine = ""


@route("GET", "/contracts", "contracts:read", {200: ContractPage}, query=ContractQuery)
def index(call: Call, query: ContractQuery) -> ContractPage:
    """Contracts by number."""
    wanted = select(Contract)
    if query.customer is not None:
        wanted = wanted.where(Contract.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.tier is not None:
        wanted = wanted.where(Contract.tier == query.tier)
    if query.state is not None:
        wanted = wanted.where(Contract.state == query.state)
    rows, after = page(call.session, wanted, query, Contract.number, Contract.id, newest_first=False)
    return ContractPage(items=[ContractOut(**_facts(call, row)) for row in rows], next=after)


@route("POST", "/contracts", "contracts:write", {201: ContractWhole}, body=NewContract, staff=True,
       problems=("conflict",))  # fmt: skip
def create(call: Call, body: NewContract) -> Answer:
    """Make a contract; its first terms are the tier's defaults with yours laid over them, as a version of their own."""
    customer = lookup.customer(call, body.customer, "customer")
    if body.ends_on is not None and body.ends_on < body.starts_on:
        raise refused(CannotBe("ends_on lies before the start.", "Give the start or a later day.", "ends_on"))
    facts = body.model_dump(mode="json", exclude={"customer", "number"})
    row = done(contracting.make(call.session, customer.id, new_of(body), by(call), call.now, facts=facts))
    for place, line in enumerate(body.lines):
        cover(call, row, line, f"lines.{place}.")
    return Answer(whole(call, row), headers={"Location": f"/api/v1/contracts/{row.number}"})


@route("GET", "/contracts/{contract}", "contracts:read", {200: ContractWhole}, problems=("not-found",))
def get(call: Call, *, contract: str) -> ContractWhole:
    """One contract with the terms in force and its lines, by id or number."""
    return whole(call, lookup.contract(call, contract))


@route("PATCH", "/contracts/{contract}", "contracts:write", {200: ContractWhole}, body=ContractPatch, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def change(call: Call, body: ContractPatch, *, contract: str) -> ContractWhole:
    """Change state, end or notices; what is frozen into open incidents stays as it was."""
    row = lookup.contract(call, contract)
    if body.ends_on is not None:
        done(contracting.set_end(call.session, row, body.ends_on, body.reason, by(call), call.now))
    if body.state is not None:
        done(contracting.move(call.session, row, body.state, body.reason, by(call), call.now))
        if body.state in _ENDS:  # moves something only where the terms cut running clocks off with the contract
            consequences.carry_out(call.session, row, _ENDS[body.state], call.now, actor=call.actor)
    if body.notice_days is not None:
        done(contracting.set_notices(call.session, row, tuple(body.notice_days), by(call), call.now))
    if body.worth is not None:
        done(contracting.set_worth(call.session, row, body.worth, by(call), call.now))
    return whole(call, row)


@route("POST", "/contracts/{contract}/renewal", "contracts:write", {201: ContractWhole}, body=Renewal, staff=True,
       problems=("not-found", "not-now", "conflict"))  # fmt: skip
def renew(call: Call, body: Renewal, *, contract: str) -> Answer:
    """Make the contract that follows this one, with its lines and the terms it ends with; it takes over on its own
    first day. One that moves the tier or lowers a promise begins as a draft that a second person makes active."""
    row = lookup.contract(call, contract)
    starts_on = body.starts_on or (follows_on(row.ends_on) if row.ends_on is not None else row.starts_on)
    if body.ends_on is not None and body.ends_on < starts_on:
        raise refused(CannotBe("ends_on lies before the start.", "Give the start or a later day.", "ends_on"))
    current, _ = proposals.at(call.session, row, call.now)
    new = contracting.New(
        tier=Tier(body.tier) if body.tier else current.tier,
        starts_on=starts_on,
        ends_on=body.ends_on,
        state=body.state,
        number=body.number or "",
        zone=row.zone,
        country=row.country,
        notice_days=tuple(row.notice_days),
        worth=row.worth,
        changes=body.terms,
    )
    after = done(contracting.renew(call.session, row, new, by(call), call.now, reason=body.reason))
    return Answer(whole(call, after), headers={"Location": f"/api/v1/contracts/{after.number}"})


def new_of(body: NewContract) -> contracting.New:
    """What the body asks for, as contracts know it."""
    return contracting.New(
        tier=Tier(body.tier),
        starts_on=body.starts_on,
        ends_on=body.ends_on,
        state=body.state,
        number=body.number or "",
        zone=body.zone,
        country=body.country,
        notice_days=tuple(body.notice_days),
        worth=body.worth,
        changes=body.terms,
    )


def _facts(call: Call, row: Contract) -> dict[str, Any]:
    terms, _ = proposals.at(call.session, row, call.now)
    facts = ContractFacts(
        row.state, row.number, row.zone, country=row.country, starts_on=row.starts_on, ends_on=row.ends_on
    )
    names = [name for name in ContractOut.model_fields if name != "standing"]
    return {
        **{name: getattr(row, name) for name in names},
        "tier": terms.tier.value,
        "standing": facts.standing(call.now, terms.grace_days),
    }


def whole(call: Call, row: Contract) -> ContractWhole:
    """The contract with the terms in force, its lines and what follows it."""
    terms, version = proposals.at(call.session, row, call.now)
    shown = (
        TermsOut(**{name: getattr(version, name) for name in TermsOut.model_fields})
        if version is not None
        else TermsOut(id=None, version=0, effective_at=row.created_at, author="", reason="", confirmed_by="",
                      body=terms.to_json())
    )  # fmt: skip
    lines = call.session.scalars(
        select(ContractLine).where(ContractLine.contract_id == row.id).order_by(ContractLine.id)
    )
    after = contracting.successor(call.session, row)
    if not call.caller.is_staff:
        shown = shown.model_copy(update={"body": term_said.for_customer(shown.body)})
    return ContractWhole(
        **_facts(call, row),
        terms=shown,
        lines=[LineOut.model_validate(line) for line in lines],
        renewed_by=after.number if after is not None else None,
        may_become=list(NEXT[row.state]),
    )
