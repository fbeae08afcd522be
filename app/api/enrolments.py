"""Self-enrolment: codes of customers, and the machines that presented one and wait for a person's word."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Annotated, Literal, TypeVar

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem, invalid, not_found
from app.wire import In, Instant, Line, Name, Out, Paged, Ref
from contracts.life import By
from models.enrolment import Enrolment, EnrolmentCode
from telemetry import approving, enrol, enrolling
from telemetry.approving import Foreseen

Row = TypeVar("Row", Enrolment, EnrolmentCode)
State = Literal["pending", "approved", "delivered", "refused", "lapsed"]
Reason = Annotated[str, Field(min_length=3, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$")]


class CodeOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    label: str
    code_end: str = Field(description="its last four characters")
    site_id: uuid.UUID | None
    most_uses: int
    uses: int
    made_by: str
    created_at: Instant
    expires_at: Instant
    revoked_at: Instant | None


class CodeMade(CodeOut):
    code: str | None = Field(description="the code, shown this once; null when a request is repeated")


class CodePage(Out):
    items: list[CodeOut]
    next: str | None


class CodeList(Paged):
    customer: Ref | None = Field(None, description="id or slug; left out: all within reach")


class NewCode(In):
    customer: Ref = Field(description="id or slug")
    label: Line = Field(description="what it is for")
    days: int = Field(14, ge=1, le=365, description="how long it is good for")
    uses: int = Field(1, ge=1, le=10_000, description="for how many machines")
    site: uuid.UUID | None = None


class CoverOut(Out):
    contract: str = Field(description="number of the contract that answers; empty when none does")
    tier: str
    covered: bool = Field(description="whether a line of a contract in force covers it")
    telemetry: str = Field(description="collect, watch, shadow, detect or refused")
    rule: str
    reason: str
    remedy: str


class EnrolmentOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    code_id: uuid.UUID | None
    name: str
    title: str
    source: str
    wants: str = Field(description="secret or certificate")
    facts: dict[str, str] = Field(description="what it says of itself; nobody has checked it")
    address: str
    state: str
    asked_at: Instant
    until: Instant = Field(description="it lapses then, where it stands")
    decided_at: Instant | None
    decided_by: str
    reason: str
    machine_id: uuid.UUID | None
    delivered_at: Instant | None


class EnrolmentWhole(EnrolmentOut):
    cover: CoverOut = Field(description="what its customer's contract answers for it")


class EnrolmentPage(Out):
    items: list[EnrolmentOut]
    next: str | None


class EnrolmentList(Paged):
    customer: Ref | None = Field(None, description="id or slug; left out: all within reach")
    state: State | None = None


class Approval(In):
    name: Name | None = Field(None, description="another name than the one it asked for")
    site: uuid.UUID | None = None
    contract: Ref | None = Field(None, description="id or number: this contract gets a line for it")
    uncovered: bool = Field(False, description="take it although no line covers it")


class Refusal(In):
    reason: Reason = Field(description="the machine is told")


@route("GET", "/enrolment-codes", "machines:write", {200: CodePage}, query=CodeList, staff=True)
def codes(call: Call, query: CodeList) -> CodePage:
    """Codes, newest first."""
    wanted = select(EnrolmentCode)
    if query.customer is not None:
        wanted = wanted.where(EnrolmentCode.customer_id == lookup.customer(call, query.customer, "customer").id)
    rows, after = page(call.session, wanted, query, EnrolmentCode.created_at, EnrolmentCode.id)
    return CodePage(items=[CodeOut.model_validate(row) for row in rows], next=after)


@route("POST", "/enrolment-codes", "machines:write", {201: CodeMade}, body=NewCode, staff=True, secret=("code",))
def make_code(call: Call, body: NewCode) -> Answer:
    """Make a code. It is in this answer and in no other."""
    customer = lookup.customer(call, body.customer, "customer")
    site = lookup.site(call, str(body.site), "site") if body.site else None
    if site is not None:
        lookup.same_customer(site.customer_id, customer.id, "site")
    row, text = enrolling.make_code(
        call.session, customer.id, body.label, call.caller.actor, call.now, lasting=timedelta(days=body.days),
        most_uses=body.uses, site_id=body.site,
    )  # fmt: skip
    return Answer(CodeMade(**CodeOut.model_validate(row).model_dump(), code=text))


@route("POST", "/enrolment-codes/{code}/revoke", "machines:write", {200: CodeOut}, staff=True, problems=("not-found",))
def revoke_code(call: Call, *, code: str) -> CodeOut:
    """It opens nothing any more."""
    row = _found(call, EnrolmentCode, code, "enrolment code")
    enrolling.revoke_code(call.session, row, call.caller.actor, call.now)
    return CodeOut.model_validate(row)


@route("GET", "/enrolments", "machines:write", {200: EnrolmentPage}, query=EnrolmentList, staff=True)
def index(call: Call, query: EnrolmentList) -> EnrolmentPage:
    """Machines that presented a code, newest first."""
    wanted = select(Enrolment)
    if query.customer is not None:
        wanted = wanted.where(Enrolment.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.state is not None:
        wanted = wanted.where(Enrolment.state == query.state)
    rows, after = page(call.session, wanted, query, Enrolment.asked_at, Enrolment.id)
    return EnrolmentPage(items=[EnrolmentOut.model_validate(row) for row in rows], next=after)


@route("GET", "/enrolments/{enrolment}", "machines:write", {200: EnrolmentWhole}, staff=True, problems=("not-found",))
def get(call: Call, *, enrolment: str) -> EnrolmentWhole:
    """One of them, with what its customer's contract answers for it."""
    row = _found(call, Enrolment, enrolment, "enrolment")
    code = call.session.get(EnrolmentCode, row.code_id) if row.code_id else None
    site_id = code.site_id if code else None
    return _whole(row, approving.foresee(call.session, row.customer_id, row.name, call.now, site_id))


@route("POST", "/enrolments/{enrolment}/approve", "machines:write", {200: EnrolmentWhole}, body=Approval, staff=True,
       problems=("not-found", "not-now", "conflict"))  # fmt: skip
def approve(call: Call, body: Approval, *, enrolment: str) -> EnrolmentWhole:
    """Take it into the books; it may fetch its credential then. 409 when no line covers it and nobody said so."""
    row = _found(call, Enrolment, enrolment, "enrolment")
    site = lookup.site(call, str(body.site), "site") if body.site else None
    contract = lookup.contract(call, body.contract, "contract") if body.contract else None
    for given, field in ((site, "site"), (contract, "contract")):
        if given is not None:
            lookup.same_customer(given.customer_id, row.customer_id, field)
    if contract is not None and not call.caller.may("contracts:write"):
        raise Problem("not-allowed", "A line of a contract takes the right contracts:write.", remedy="Ask a manager.")
    code = call.session.get(EnrolmentCode, row.code_id) if row.code_id else None
    site_id = site.id if site else code.site_id if code else None
    by = By(call.caller.actor, f"{call.caller.kind}:{call.caller.id}")
    try:
        _, stands = approving.approve(
            call.session, row, by, call.now, name=body.name or "", site_id=site_id, contract=contract,
            uncovered=body.uncovered,
        )  # fmt: skip
    except enrol.NoName as problem:
        raise invalid("name", f"cannot be used: {problem}", "choose another name") from None
    except enrolling.NotNow as problem:
        raise Problem("not-now", str(problem), remedy=problem.remedy) from None
    return _whole(row, stands)


@route("POST", "/enrolments/{enrolment}/refuse", "machines:write", {200: EnrolmentOut}, body=Refusal, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def refuse(call: Call, body: Refusal, *, enrolment: str) -> EnrolmentOut:
    """Say no; the machine is told the reason."""
    row = _found(call, Enrolment, enrolment, "enrolment")
    try:
        enrolling.refuse(call.session, row, body.reason, call.caller.actor, call.now)
    except enrolling.NotNow as problem:
        raise Problem("not-now", str(problem), remedy=problem.remedy) from None
    return EnrolmentOut.model_validate(row)


@route("POST", "/enrolments/{enrolment}/again", "machines:write", {200: EnrolmentOut}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def again(call: Call, *, enrolment: str) -> EnrolmentOut:
    """The credential got lost on its way: what was delivered ends, and it may be fetched once more."""
    row = _found(call, Enrolment, enrolment, "enrolment")
    try:
        enrolling.again(call.session, row, call.caller.actor, call.now)
    except enrolling.NotNow as problem:
        raise Problem("not-now", str(problem), remedy=problem.remedy) from None
    return EnrolmentOut.model_validate(row)


def _whole(row: Enrolment, stands: Foreseen) -> EnrolmentWhole:
    return EnrolmentWhole(**EnrolmentOut.model_validate(row).model_dump(), cover=CoverOut.model_validate(stands))


def _found(call: Call, kind: type[Row], ref: str, what: str) -> Row:
    try:
        row = call.session.get(kind, uuid.UUID(ref), with_for_update=True)
    except ValueError:
        row = None
    if row is None:
        raise not_found(what)
    return row
