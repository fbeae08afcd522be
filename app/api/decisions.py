"""What contracts answered, what they would answer now, and asking them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Uuid, bindparam, select, text

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.front import front
from app.identity import need
from app.problems import Problem, invalid
from app.wire import In, Instant, Language, Out, Paged, Ref, Severity
from contracts import allowances, decision, ledger
from contracts.decision import Ask, Contact
from models.audit import record, take_turns
from models.decisions import DecisionRow
from models.incidents import Incident
from models.session import work

Outcome = Literal["granted", "shadow", "refused"]
Kind = Literal[
    "open_incident", "raise_severity", "out_of_hours", "site_visit", "spare_part", "hardware_support",
    "software_support", "installation_advice", "named_engineer", "dossier_review", "escalation", "telemetry",
    "silence_watch", "detection", "proactive_call", "remote_administration", "remote_diagnostics", "detached_engineer",
]  # fmt: skip
Channel = Literal["api", "portal", "phone", "mail", "chat", "sms", "app", "telemetry"]
Service = Annotated[str, Field(max_length=80, pattern=r"^([a-z0-9][a-z0-9 ._-]*)?$")]
Units = Annotated[int, Field(ge=1, le=1000, description="how many of what an allowance counts: hours, visits")]


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
        description="respond_by, promises, next_opening, skill, people, uses, offers, why, …; "
        "english: the words as the desk reads them"
    )


class DecisionPage(Out):
    items: list[DecisionOut]
    next: str | None


class DecisionQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    machine: Ref | None = Field(None, description="id or name")
    decision: Outcome | None = None
    ask: Kind | None = None


class Asking(In):
    ask: Kind
    customer: Ref | None = Field(None, description="id or slug; a customer's own caller may leave it out")
    contract: Ref | None = Field(None, description="id or number: this one and no other")
    machine: Ref | None = Field(None, description="id or name")
    service: Service = Field("", description="work that is no machine, by its name on the contract")
    severity: Severity = 3
    channel: Channel = "api"
    units: Units = 1


class Preview(Asking):
    language: Language | None = Field(None, description="left out: the customer's")


class PreviewQuery(In):
    language: Language | None = Field(None, description="left out: the customer's")


class LeftOut(Out):
    left: int
    renewed_on: str | None = Field(description="first day of the next period")


class Would(Out):
    decision: Outcome
    rule: str
    reason: str
    remedy: str
    facts: dict[str, Any]
    contract: str | None = Field(description="number of the contract that answers; null when there is none")
    why: list[str] = Field(description="why this contract answers and the customer's others do not, one sentence each")
    left: dict[str, LeftOut] = Field(description="of each allowance of the contract, before this ask")


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


@route("POST", "/decisions", "decisions:read", {201: DecisionOut}, body=Asking)
def create(call: Call, body: Asking) -> Answer:
    """Ask a contract, take what the answer uses up, and keep it. A refusal is an answer too."""
    if call.caller.is_staff:
        need("incidents:open")
    if body.ask == "open_incident":
        raise invalid("ask", "is asked where the incident is opened", "send it to POST /api/v1/incidents")
    question = _question(call, body)
    take_turns(call.session, question.customer_id)
    answer, row, _ = ledger.ask(
        call.session, question.customer_id, question.ask, call.now, asked_by=call.caller.actor,
        contract_id=question.contract_id,
    )  # fmt: skip
    taken = {"uses": answer.uses, "units": answer.units} if isinstance(answer, decision.Granted) and answer.uses else {}
    record(
        call.session, actor=call.caller.actor, deed=f"asked.{answer.outcome}", subject=f"decision:{row.id}",
        customer_id=question.customer_id, facts={"ask": body.ask, "rule": row.rule, **taken}, now=call.now,
    )  # fmt: skip
    return Answer(said_of(row), headers={"Location": f"/api/v1/decisions/{row.id}"})


@route("GET", "/decisions/preview", "decisions:read", {200: Would}, query=Preview)
def would(call: Call, query: Preview) -> Would:
    """Would this be granted now? Nothing is written down and nothing used up."""
    return _would(call, query, query.language)


@route("POST", "/decisions/preview", "decisions:read", {200: Would}, body=Preview, query=PreviewQuery)
def preview(call: Call, body: Preview, query: PreviewQuery) -> Would:
    """The same, asked in a body."""
    return _would(call, body, body.language or query.language)


def _would(call: Call, asking: Asking, language: str | None) -> Would:
    question = _question(call, asking)
    language = language or question.language
    holds, left, answer = ledger.preview(
        call.session, question.customer_id, question.ask, call.now, contract_id=question.contract_id, language=language
    )
    facts = ledger.all_facts(holds, question.ask, answer, language)
    return Would(
        decision=answer.outcome,
        rule=answer.rule,
        reason=answer.reason,
        remedy=answer.remedy,
        facts=facts,
        contract=holds.facts.number or None,
        why=facts.get("why", []),
        left={kind: _left(one) for kind, one in left.items()},
    )


def _left(one: allowances.Left) -> LeftOut:
    return LeftOut(left=one.left, renewed_on=one.renewed_on.isoformat() if one.renewed_on else None)


@dataclass(frozen=True, slots=True)
class _Question:
    customer_id: uuid.UUID
    language: str
    contract_id: uuid.UUID | None
    ask: Ask


_REFS = text(
    "SELECT c.id, c.language, m.id AS machine_id FROM customers c"
    " LEFT JOIN machines m ON m.customer_id = c.id AND (m.id = :machine_id OR m.name = :machine)"
    " WHERE c.id = :customer_id OR c.slug = :customer"
).bindparams(bindparam("customer_id", type_=Uuid()), bindparam("machine_id", type_=Uuid()))


def _question(call: Call, body: Asking) -> _Question:
    """Who asks what, of which contract. Raises Problem naming a field that fits nothing, or not the others."""
    customer, machine, contract = _subjects(call, body)
    asked = Ask(
        kind=body.ask,
        asked_at=call.now,
        severity=body.severity,
        machine_id=machine,
        channel=body.channel,
        service=body.service,
        units=body.units,
        contact=contact_of(call),
    )
    return _Question(customer[0], customer[1], contract, asked)


def _subjects(
    call: Call, body: Asking
) -> tuple[tuple[uuid.UUID, str], uuid.UUID | None, uuid.UUID | None]:  # fmt: skip
    """Customer (with language), machine and contract. The usual question names customer and machine, and is asked all
    the time, so it is one question to the database; whatever is not found so is looked up with its own words."""
    own = str(call.caller.customer_id) if call.caller.customer_id is not None else None
    ref = body.customer or own
    if body.contract is None and ref is not None and (own is None or ref == own):
        refs = {"customer_id": lookup.as_id(ref), "customer": ref, "machine": body.machine,
                "machine_id": lookup.as_id(body.machine) if body.machine else None}  # fmt: skip
        row = call.session.execute(_REFS, refs).one_or_none()
        if row is not None and (row.machine_id is not None) is (body.machine is not None):
            return (row.id, row.language), row.machine_id, None
    contract = lookup.contract(call, body.contract, "contract") if body.contract else None
    customer = lookup.own_customer(call, body.customer or (str(contract.customer_id) if contract else None))
    machine = lookup.machine(call, body.machine, "machine") if body.machine else None
    for name, thing in (("machine", machine), ("contract", contract)):
        if thing is not None:
            lookup.same_customer(thing.customer_id, customer.id, name)
    return (customer.id, customer.language), machine.id if machine else None, contract.id if contract else None


def contact_of(call: Call) -> Contact | None:
    """The caller as a contract knows the customer's people; a customer's key may what its scopes say."""
    if call.caller.is_staff:
        return None
    found = ledger.contact_of(call.session, call.caller.person)
    if found is not None:
        return found
    words = (("open", "incidents:open"), ("escalate", "incidents:escalate"))
    return Contact(call.caller.actor, frozenset(word for word, right in words if call.caller.may(right)))


def not_by_contract(call: Call, incident: Incident) -> Problem:
    """A contact asked for escalation without the right to it: the contract's words, which are kept as a decision.

    Kept in a transaction of its own, because a problem rolls back the one it is raised in.
    """
    with work(front().sessions, call.caller.scope) as session:
        contact = ledger.contact_of(session, call.caller.person)
        asked = Ask("escalation", call.now, incident.severity, incident.machine_id, contact=contact)
        answer, _, _ = ledger.ask(session, incident.customer_id, asked, call.now, asked_by=call.caller.actor)
    return Problem("not-allowed", answer.reason, remedy=answer.remedy)


def said_of(row: DecisionRow) -> DecisionOut:
    """A kept decision as it is told."""
    names = [name for name in DecisionOut.model_fields if name != "decision"]
    return DecisionOut(**{name: getattr(row, name) for name in names}, decision=row.outcome)
