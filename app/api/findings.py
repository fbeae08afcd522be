"""Findings: what looked wrong, the ones a contract lets us see but not act on included."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import Field
from sqlalchemy import select

from app import found_by
from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.wire import Instant, Out, Paged, Ref
from escalation import instants
from models.incidents import Finding


class FindingOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    machine_id: uuid.UUID
    cause: str
    kind: str
    severity: int
    score: float | None
    started_at: Instant = Field(description="when it began, by the machine's own clock")
    opened_at: Instant = Field(description="time of the report that made us sure")
    ended_at: Instant | None
    summary: str
    metrics: list[str] = Field(description="most responsible first")
    model_digest: str
    shadow: bool = Field(description="the contract lets us see it, not act on it")
    decision_id: uuid.UUID | None
    incident_id: uuid.UUID | None
    verdict: str
    held_back: str = Field(description="admission, budget: by what the desk holds it back; empty: it does not")
    held_words: str = Field(description="the same as a sentence")


class FindingWhole(FindingOut):
    evidence: dict[str, Any]


class FindingPage(Out):
    items: list[FindingOut]
    next: str | None


class FindingQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    machine: Ref | None = Field(None, description="id or name")
    shadow: bool | None = Field(None, description="only shadow ones, or only the others")
    held_back: bool | None = Field(None, description="only those that are held back, or only the others")
    contract: Ref | None = Field(None, description="id or number: whose answer stands behind them")
    start: Instant | None = Field(None, description="opened then or later")
    end: Instant | None = Field(None, description="opened before it")
    ended: bool | None = Field(None, description="only those over, or only those that last")


@route("GET", "/findings", "findings:read", {200: FindingPage}, query=FindingQuery)
def index(call: Call, query: FindingQuery) -> FindingPage:
    """Findings, newest first."""
    wanted = select(Finding)
    if query.customer is not None:
        wanted = wanted.where(Finding.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.machine is not None:
        wanted = wanted.where(Finding.machine_id == lookup.machine(call, query.machine, "machine").id)
    if query.shadow is not None:
        wanted = wanted.where(Finding.shadow.is_(query.shadow))
    if query.held_back is not None:
        wanted = wanted.where(Finding.held_back != "" if query.held_back else Finding.held_back == "")
    if query.contract is not None:
        wanted = wanted.where(found_by.of_contract(lookup.contract(call, query.contract, "contract").id))
    if query.start is not None:
        wanted = wanted.where(Finding.opened_at >= query.start)
    if query.end is not None:
        wanted = wanted.where(Finding.opened_at < query.end)
    if query.ended is not None:
        wanted = wanted.where(Finding.ended_at.is_not(None) if query.ended else Finding.ended_at.is_(None))
    rows, after = page(call.session, wanted, query, Finding.opened_at, Finding.id)
    return FindingPage(items=[FindingOut.model_validate(row).model_copy(update=_told(row)) for row in rows], next=after)


@route("GET", "/findings/{finding}", "findings:read", {200: FindingWhole}, problems=("not-found",))
def get(call: Call, *, finding: str) -> FindingWhole:
    """One finding with its evidence, by id."""
    row = lookup.finding(call, finding)
    return FindingWhole.model_validate(row).model_copy(update=_told(row))


def _told(row: Finding) -> dict[str, str]:
    """Its words with their hours as instants, which a program can read."""
    return {"summary": instants.found(row.summary, row.evidence)[0]}
