"""What contracts answered, and what they would answer now."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.wire import In, Instant, Out, Paged, Ref, Severity
from contracts import decision, ledger
from models.agreements import Allowance
from models.decisions import DecisionRow

Outcome = Literal["granted", "shadow", "refused"]
Kind = Literal[
    "open_incident", "raise_severity", "out_of_hours", "site_visit", "spare_part", "hardware_support",
    "software_support", "installation_advice", "named_engineer", "dossier_review", "escalation", "telemetry",
    "silence_watch", "detection", "proactive_call", "remote_administration", "remote_diagnostics", "detached_engineer",
]  # fmt: skip


class DecisionOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    contract_id: uuid.UUID | None
    machine_id: uuid.UUID | None
    ask: str
    severity: int | None
    asked_at: Instant
    asked_by: str
    decision: Outcome
    rule: str
    reason: str
    remedy: str
    facts: dict[str, Any] = Field(
        description="respond_by, next_opening, skill, …; english: the words as the desk reads them"
    )


class DecisionPage(Out):
    items: list[DecisionOut]
    next: str | None


class DecisionQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    machine: Ref | None = Field(None, description="id or name")
    decision: Outcome | None = None
    ask: Kind | None = None


class Preview(In):
    ask: Kind
    customer: Ref | None = Field(None, description="id or slug; a customer's own caller may leave it out")
    machine: Ref | None = Field(None, description="id or name")
    severity: Severity = 3


class Would(Out):
    decision: Outcome
    rule: str
    reason: str
    remedy: str
    facts: dict[str, Any]
    contract: str | None = Field(description="number of the contract that answers; null when there is none")


@route("GET", "/decisions", "decisions:read", {200: DecisionPage}, query=DecisionQuery)
def index(call: Call, query: DecisionQuery) -> DecisionPage:
    """Decisions, newest first."""
    wanted = select(DecisionRow)
    if query.customer is not None:
        wanted = wanted.where(DecisionRow.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.machine is not None:
        wanted = wanted.where(DecisionRow.machine_id == lookup.machine(call, query.machine, "machine").id)
    if query.decision is not None:
        wanted = wanted.where(DecisionRow.outcome == query.decision)
    if query.ask is not None:
        wanted = wanted.where(DecisionRow.ask == query.ask)
    rows, after = page(call.session, wanted, query, DecisionRow.asked_at, DecisionRow.id)
    return DecisionPage(items=[said_of(row) for row in rows], next=after)


@route("GET", "/decisions/{decision}", "decisions:read", {200: DecisionOut}, problems=("not-found",))
def get(call: Call, *, decision: str) -> DecisionOut:
    """One decision, by id."""
    return said_of(lookup.decision(call, decision))


@route("POST", "/decisions/preview", "decisions:read", {200: Would}, body=Preview)
def preview(call: Call, body: Preview) -> Would:
    """Would this be granted now? Nothing is written down and nothing used up."""
    customer = lookup.own_customer(call, body.customer)
    machine = lookup.machine(call, body.machine, "machine") if body.machine else None
    if machine is not None:
        lookup.same_customer(machine.customer_id, customer.id, "machine")
    holds = ledger.standing(call.session, customer.id, call.now, machine.id if machine else None)
    asked = decision.Ask(body.ask, call.now, body.severity, machine.id if machine else None)
    answer = holds.decide(asked, call.now, _left(call, holds.contract_id, body.ask))
    return Would(
        decision=answer.outcome,
        rule=answer.rule,
        reason=answer.reason,
        remedy=answer.remedy,
        facts=ledger.facts_of(answer),
        contract=holds.facts.number or None,
    )


def _left(call: Call, contract_id: uuid.UUID | None, ask: str) -> decision.Usage:
    """What is left of an allowance, read without a lock: nothing is taken."""
    today = call.now.date()
    row = call.session.scalar(
        select(Allowance).where(
            Allowance.contract_id == contract_id,
            Allowance.kind == ask,
            Allowance.period_start <= today,
            Allowance.period_end >= today,
        )
    )
    return decision.Usage({ask: row.granted - row.used} if row is not None else {})


def said_of(row: DecisionRow) -> DecisionOut:
    """A kept decision as it is told."""
    names = [name for name in DecisionOut.model_fields if name != "decision"]
    return DecisionOut(**{name: getattr(row, name) for name in names}, decision=row.outcome)
