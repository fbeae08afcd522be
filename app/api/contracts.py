"""Contracts with their terms and lines."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import BigInteger, cast, func, select, text
from sqlalchemy.orm import Session

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem, invalid, not_found
from app.wire import Country, Day, In, Instant, MaybeLine, Out, Paged, Ref, Zone
from contracts.decision import ContractFacts
from contracts.tiers import DEFAULTS, Terms, Tier
from models.agreements import Contract, ContractLine, ContractTerms
from models.audit import record

TierName = Literal["bronze", "silver", "gold", "platinum"]
State = Literal["draft", "active", "suspended", "cancelled"]
# A cancelled contract stays cancelled: another one is made.
_NEXT_STATES = {"draft": {"active", "cancelled"}, "active": {"suspended", "cancelled"},
                "suspended": {"active", "cancelled"}, "cancelled": set[str]()}  # fmt: skip
_NUMBERING = 0x56434F4E  # advisory lock under which the next number is taken


class LineOut(Out):
    id: uuid.UUID
    machine_id: uuid.UUID | None
    site_id: uuid.UUID | None = Field(description="with machine_id null as well the whole customer is covered")
    starts_on: Day | None
    ends_on: Day | None


class TermsOut(Out):
    id: uuid.UUID | None = Field(description="null while the tier's defaults hold")
    version: int
    effective_at: Instant
    body: dict[str, Any] = Field(description="scope, hours, respond and update budgets, ladder, watching")


class ContractOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    number: str
    tier: str
    state: str
    standing: str = Field(description="the state as dates make it today: active, grace, expired, not_started, …")
    starts_on: Day
    ends_on: Day | None
    zone: str
    country: str
    created_at: Instant


class ContractWhole(ContractOut):
    terms: TermsOut
    lines: list[LineOut]


class ContractPage(Out):
    items: list[ContractOut]
    next: str | None


class ContractQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    tier: TierName | None = None
    state: State | None = None


class NewLine(In):
    machine: Ref | None = Field(None, description="id or name; with neither machine nor site the whole customer")
    site: uuid.UUID | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None


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
    lines: list[NewLine] = Field(default_factory=lambda: [NewLine()], max_length=500,
                                 description="left out: the whole customer is covered")  # fmt: skip


class ContractPatch(In):
    state: State | None = None
    ends_on: Day | None = None
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
    """Make a contract; its first terms are the tier's defaults, as a version of their own."""
    customer = lookup.customer(call, body.customer, "customer")
    _in_order(body.starts_on, body.ends_on, "ends_on")
    row = make(call.session, customer.id, body, call.caller.actor, call.now)
    for place, line in enumerate(body.lines):
        _add_line(call, row, line, f"lines.{place}.")
    call.session.flush()  # the answer names the rows
    return Answer(_whole(call, row), headers={"Location": f"/api/v1/contracts/{row.number}"})


@route("GET", "/contracts/{contract}", "contracts:read", {200: ContractWhole}, problems=("not-found",))
def get(call: Call, *, contract: str) -> ContractWhole:
    """One contract with the terms in force and its lines, by id or number."""
    return _whole(call, lookup.contract(call, contract))


@route("PATCH", "/contracts/{contract}", "contracts:write", {200: ContractWhole}, body=ContractPatch, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def change(call: Call, body: ContractPatch, *, contract: str) -> ContractWhole:
    """Change state or end; what is frozen into open incidents stays as it was."""
    row = lookup.contract(call, contract)
    if body.state is not None and body.state != row.state:
        if body.state not in _NEXT_STATES[row.state]:
            allowed = ", ".join(sorted(_NEXT_STATES[row.state])) or "nothing any more"
            raise Problem("not-now", f"A contract that is {row.state} cannot become {body.state}.",
                          remedy=f"It may become {allowed}.")  # fmt: skip
        row.state = body.state
    if body.ends_on is not None:
        _in_order(row.starts_on, body.ends_on, "ends_on")
        row.ends_on = body.ends_on
    _write_down(call, row, "contract.changed", body.model_dump(mode="json", exclude_none=True))
    return _whole(call, row)


@route("POST", "/contracts/{contract}/lines", "contracts:write", {201: LineOut}, body=NewLine, staff=True,
       problems=("not-found",))  # fmt: skip
def add_line(call: Call, body: NewLine, *, contract: str) -> LineOut:
    """Cover a machine, a site or the whole customer."""
    row = lookup.contract(call, contract)
    line = _add_line(call, row, body, "")
    call.session.flush()  # the answer names the row
    _write_down(call, row, "contract.line_added", body.model_dump(mode="json", exclude_none=True))
    return LineOut.model_validate(line)


@route("DELETE", "/contracts/{contract}/lines/{line}", "contracts:write", {204: None}, staff=True,
       problems=("not-found",))  # fmt: skip
def remove_line(call: Call, *, contract: str, line: str) -> Answer:
    """Cover it no longer."""
    row = lookup.contract(call, contract)
    found = call.session.get(ContractLine, known) if (known := lookup.as_id(line)) else None
    if found is None or found.contract_id != row.id:
        raise not_found("line")
    call.session.delete(found)
    _write_down(call, row, "contract.line_removed", {"line": str(found.id)})
    return Answer(status=204)


def make(session: Session, customer_id: uuid.UUID, body: NewContract, actor: str, now: datetime) -> Contract:
    """The contract's row and the first version of its terms, without lines."""
    row = Contract(
        customer_id=customer_id,
        number=body.number or _next_number(session),
        **body.model_dump(include={"tier", "state", "starts_on", "ends_on", "zone", "country"}),
        created_at=now,
    )
    session.add(row)
    session.flush()  # terms and lines refer to it; a number that is taken shows here
    # In force from the contract's own first midnight, also when it is entered late.
    midnight = datetime(row.starts_on.year, row.starts_on.month, row.starts_on.day, tzinfo=ZoneInfo(row.zone))
    session.add(
        ContractTerms(
            customer_id=customer_id,
            contract_id=row.id,
            version=1,
            effective_at=midnight.astimezone(UTC),
            body=DEFAULTS[Tier(row.tier)].to_json(),
            author=actor,
            reason=f"defaults of {row.tier}",
            created_at=now,
        )
    )
    record(session, actor=actor, deed="contract.made", subject=f"contract:{row.id}", customer_id=customer_id,
           facts=body.model_dump(mode="json"), now=now)  # fmt: skip
    return row


def _next_number(session: Session) -> str:
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _NUMBERING})
    digits = func.substring(Contract.number, r"^VC-(\d{1,9})$")
    last = session.scalar(select(func.max(cast(digits, BigInteger)))) or 1000
    return f"VC-{last + 1}"


def _in_order(starts: Any, ends: Any, field: str) -> None:
    if starts is not None and ends is not None and ends < starts:
        raise invalid(field, "lies before the start", "give the start or a later day")


def _add_line(call: Call, row: Contract, body: NewLine, where: str) -> ContractLine:
    if body.machine is not None and body.site is not None:
        raise invalid(where + "site", "is given beside a machine", "give one of the two")
    _in_order(body.starts_on, body.ends_on, where + "ends_on")
    machine = lookup.machine(call, body.machine, where + "machine") if body.machine else None
    site = lookup.site(call, str(body.site), where + "site") if body.site else None
    for name, thing in (("machine", machine), ("site", site)):
        if thing is not None and thing.customer_id != row.customer_id:
            raise invalid(where + name, "belongs to another customer", "name one of this contract's customer")
    line = ContractLine(
        customer_id=row.customer_id,
        contract_id=row.id,
        machine_id=machine.id if machine else None,
        site_id=site.id if site else None,
        starts_on=body.starts_on,
        ends_on=body.ends_on,
    )
    call.session.add(line)
    return line


def _facts(call: Call, row: Contract) -> dict[str, Any]:
    facts = ContractFacts(
        row.state, row.number, row.zone, country=row.country, starts_on=row.starts_on, ends_on=row.ends_on
    )
    names = ("id", "customer_id", "number", "tier", "state", "starts_on", "ends_on", "zone", "country", "created_at")
    return {"standing": facts.standing(call.now), **{name: getattr(row, name) for name in names}}


def _whole(call: Call, row: Contract) -> ContractWhole:
    version = call.session.scalar(
        select(ContractTerms)
        .where(ContractTerms.contract_id == row.id, ContractTerms.effective_at <= call.now)
        .order_by(ContractTerms.effective_at.desc(), ContractTerms.version.desc())
        .limit(1)
    ) or call.session.scalar(
        select(ContractTerms).where(ContractTerms.contract_id == row.id).order_by(ContractTerms.effective_at).limit(1)
    )
    lines = call.session.scalars(
        select(ContractLine).where(ContractLine.contract_id == row.id).order_by(ContractLine.id)
    )
    terms = (
        TermsOut(id=version.id, version=version.version, effective_at=version.effective_at, body=version.body)
        if version
        else TermsOut(id=None, version=0, effective_at=row.created_at, body=_defaults(row).to_json())
    )
    shown = [LineOut.model_validate(line) for line in lines]
    return ContractWhole(**_facts(call, row), terms=terms, lines=shown)


def _defaults(row: Contract) -> Terms:
    return DEFAULTS[Tier(row.tier)]


def _write_down(call: Call, row: Contract, deed: str, facts: dict[str, Any]) -> None:
    record(call.session, actor=call.caller.actor, deed=deed, subject=f"contract:{row.id}",
           customer_id=row.customer_id, facts=facts, now=call.now)  # fmt: skip
