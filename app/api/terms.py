"""The terms of a contract as versions, what a change would do, and changes that wait for a second person."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from app import term_said
from app.api import lookup
from app.api.contracts import Changes
from app.api.door import Answer, Call, route
from app.api.outcome import by, done, refused
from app.api.paging import page
from app.problems import not_found
from app.wire import In, Instant, Line, MaybeLine, Out, Paged, Ref
from contracts import proposals
from contracts.amending import Difference
from contracts.life import CannotBe
from escalation import amended, consequences
from models.agreements import Contract, ContractTerms, TermsProposal

ProposalState = Literal["pending", "confirmed", "rejected"]


class DifferenceOut(Out):
    field: str = Field(description="respond.1, hours.2, scope, …")
    before: Any
    after: Any
    lowers: bool = Field(description="the customer gets less by it")


class VersionOut(Out):
    id: uuid.UUID
    version: int
    effective_at: Instant
    author: str
    reason: str
    confirmed_by: str = Field(description="empty: it needed no second person")
    created_at: Instant
    differences: list[DifferenceOut] = Field(description="from the version before it")
    body: dict[str, Any]


class Versions(Out):
    items: list[VersionOut] = Field(description="in the order in which they take effect, oldest first")


class Change(In):
    changes: Changes
    effective_at: Instant | None = Field(None, description="left out: from now, or from its confirmation")
    reason: Line


class Effect(Out):
    effective_at: Instant
    differences: list[DifferenceOut]
    needs_second: list[str] = Field(description="fields for whose sake a second person must confirm; empty: none")
    body: dict[str, Any] = Field(description="the terms as they would be")
    promises: list[str] = Field(description="what would become of the promises that run, in sentences")


class ProposalOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    contract_id: uuid.UUID
    state: ProposalState
    changes: dict[str, Any]
    effective_at: Instant | None
    reason: str
    needs: list[DifferenceOut]
    author: str
    created_at: Instant
    decided_at: Instant | None
    decided_by: str
    decided_reason: str
    terms_id: uuid.UUID | None = Field(description="the version it became")


class ProposalPage(Out):
    items: list[ProposalOut]
    next: str | None


class Changed(Out):
    version: VersionOut | None = Field(description="the change is in force or settled; null: it waits")
    proposal: ProposalOut | None = Field(description="it waits for a second person")


class ProposalQuery(Paged):
    state: ProposalState | None = None
    contract: Ref | None = Field(None, description="id or number")


class Dropped(In):
    reason: MaybeLine = ""


@route("GET", "/contracts/{contract}/terms", "contracts:read", {200: Versions}, problems=("not-found",))
def versions(call: Call, *, contract: str) -> Versions:
    """Every version of its terms, each with its differences from the one before."""
    row = lookup.contract(call, contract)
    told = [_version(one.row, one.differences) for one in proposals.versions(call.session, row)]
    return Versions(items=told if call.caller.is_staff else [_theirs(one) for one in told])


def _theirs(one: VersionOut) -> VersionOut:
    """A version as the customer reads it: without our own targets."""
    differences = [each for each in one.differences if each.field != "clocks.internal"]
    return one.model_copy(update={"body": term_said.for_customer(one.body), "differences": differences})


@route("POST", "/contracts/{contract}/terms", "contracts:write", {201: Changed, 202: Changed}, body=Change, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def propose(call: Call, body: Change, *, contract: str) -> Answer:
    """Change terms from an instant on. 201: done. 202: it moves the tier or lowers a promise, so a second person must
    confirm it."""
    row = lookup.contract(call, contract)
    made = proposals.propose(
        call.session, row, body.changes, body.reason, by(call), call.now, effective_at=body.effective_at
    )
    if isinstance(made, CannotBe):
        raise refused(made)
    if isinstance(made, TermsProposal):
        waiting = ProposalOut.model_validate(made)
        return Answer(Changed(version=None, proposal=waiting), 202, {"Location": f"/api/v1/proposals/{made.id}"})
    return Answer(Changed(version=_made(call, row, made), proposal=None), 201)


@route("POST", "/contracts/{contract}/terms/preview", "contracts:write", {200: Effect}, body=Change, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def preview(call: Call, body: Change, *, contract: str) -> Effect:
    """What a change would make of the terms; nothing is written."""
    row = lookup.contract(call, contract)
    found = done(proposals.effect(call.session, row, body.changes, body.effective_at, call.now))
    moved = consequences.forecast(call.session, row, "upgrade", found.effective_at, found.after)
    return Effect(
        effective_at=found.effective_at,
        differences=[DifferenceOut.model_validate(one) for one in found.differences],
        needs_second=[one.field for one in found.needs],
        body=found.after.to_json(),
        promises=moved.words("en", row.zone),
    )


@route("GET", "/proposals", "contracts:write", {200: ProposalPage}, query=ProposalQuery, staff=True)
def index(call: Call, query: ProposalQuery) -> ProposalPage:
    """Changes of terms that wait, or waited, for a second person; newest first."""
    wanted = select(TermsProposal)
    if query.state is not None:
        wanted = wanted.where(TermsProposal.state == query.state)
    if query.contract is not None:
        wanted = wanted.where(TermsProposal.contract_id == lookup.contract(call, query.contract, "contract").id)
    rows, after = page(call.session, wanted, query, TermsProposal.created_at, TermsProposal.id)
    return ProposalPage(items=[ProposalOut.model_validate(row) for row in rows], next=after)


@route("GET", "/proposals/{proposal}", "contracts:write", {200: ProposalOut}, staff=True, problems=("not-found",))
def get(call: Call, *, proposal: str) -> ProposalOut:
    """One proposal, by id."""
    return ProposalOut.model_validate(_proposal(call, proposal))


@route("POST", "/proposals/{proposal}/confirm", "contracts:confirm", {200: VersionOut}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def confirm(call: Call, *, proposal: str) -> VersionOut:
    """Put it in force, as somebody else than its author."""
    row = _proposal(call, proposal)
    made = done(proposals.confirm(call.session, row, by(call), call.now))
    return _made(call, lookup.contract(call, str(row.contract_id)), made)


@route("POST", "/proposals/{proposal}/reject", "contracts:write", {200: ProposalOut}, body=Dropped, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def reject(call: Call, body: Dropped, *, proposal: str) -> ProposalOut:
    """Let it drop; its author withdraws it so."""
    row = _proposal(call, proposal)
    return ProposalOut.model_validate(done(proposals.reject(call.session, row, body.reason, by(call), call.now)))


def _made(call: Call, contract: Contract, made: ContractTerms) -> VersionOut:
    """The version as it is told; what runs under the contract follows it at once when it is in force."""
    amended.follow(call.session, contract, made, call.now, actor=call.actor)
    found = {one.row.id: one for one in proposals.versions(call.session, contract)}[made.id]
    return _version(found.row, found.differences)


def _proposal(call: Call, ref: str) -> TermsProposal:
    known = lookup.as_id(ref)
    found = call.session.get(TermsProposal, known) if known is not None else None
    if found is None:
        raise not_found("proposal")
    return found


def _version(row: ContractTerms, found: tuple[Difference, ...]) -> VersionOut:
    names = [name for name in VersionOut.model_fields if name != "differences"]
    differences = [DifferenceOut.model_validate(one) for one in found]
    return VersionOut(**{name: getattr(row, name) for name in names}, differences=differences)
