"""Remote diagnostics: the customer's consent, readings asked of an incident's machine, and what came of them."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.decisions import DecisionOut, said_of
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.identity import need
from app.problems import Problem, not_found
from app.wire import In, Instant, Out, Paged, Ref
from escalation import diagnosis, diagnostics
from escalation.incident import NotNow
from models.decisions import DecisionRow
from models.diagnostics import DiagnosticAsk, DiagnosticConsent

_PROBLEMS = ("not-found", "not-now")


class NewConsent(In):
    customer: Ref | None = Field(None, description="id or slug; a customer's own caller may leave it out")
    machine: Ref | None = Field(None, description="id or name; left out: every machine of the customer")
    until: Instant = Field(description="at most 30 days ahead")


class ConsentOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    machine_id: uuid.UUID | None = Field(description="null: every machine of the customer")
    given_by: str
    given_at: Instant
    until_at: Instant
    revoked_at: Instant | None
    revoked_by: str


class ConsentPage(Out):
    items: list[ConsentOut]
    next: str | None


class ConsentQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")


class NewAsk(In):
    reading: Literal["processes", "disk_usage", "smart", "log_tail"]
    unit: str = Field("", max_length=80, description="of log_tail only, such as sshd.service")
    lines: int = Field(0, ge=0, le=diagnosis.MOST_LINES, description="of log_tail only; 50 when left out")


class AskOut(Out):
    id: uuid.UUID
    incident_id: uuid.UUID
    machine_id: uuid.UUID
    reading: str
    unit: str
    lines: int
    asked_by: str
    asked_at: Instant
    expires_at: Instant = Field(description="without an answer until then it is given up")
    state: str = Field(description="waiting, sent, answered, refused, expired")
    sent_at: Instant | None
    ended_at: Instant | None
    why: str = Field(description="of a refusal")
    taken_at: Instant | None = Field(description="by the machine's clock")
    result: dict[str, Any]


class AskPage(Out):
    items: list[AskOut]


class Asked(Out):
    ask: AskOut | None = Field(description="null when the contract refused")
    decision: DecisionOut | None = Field(description="what the contract said; null when nobody may see it")


@route("GET", "/diagnostics/consents", "machines:read", {200: ConsentPage}, query=ConsentQuery)
def consents(call: Call, query: ConsentQuery) -> ConsentPage:
    """Consents to look at machines, the newest first; those that ended or were taken back included."""
    c = DiagnosticConsent
    wanted = select(c)
    if query.customer is not None:
        wanted = wanted.where(c.customer_id == lookup.customer(call, query.customer, "customer").id)
    rows, after = page(call.session, wanted, query, c.given_at, c.id)
    return ConsentPage(items=[ConsentOut.model_validate(row) for row in rows], next=after)


@route("POST", "/diagnostics/consents", "diagnostics:consent", {201: ConsentOut}, body=NewConsent,
       problems=_PROBLEMS)  # fmt: skip
def consent(call: Call, body: NewConsent) -> Answer:
    """Let us read a machine from afar, for a while. Only a person of the customer can; it can be taken back."""
    customer = lookup.own_customer(call, body.customer)
    machine = lookup.machine(call, body.machine, "machine") if body.machine else None
    if machine is not None:
        lookup.same_customer(machine.customer_id, customer.id, "machine")
    row = diagnostics.consent(call.session, customer.id, machine, call.actor, body.until, call.now)
    if isinstance(row, NotNow):
        raise _not_now(row)
    return Answer(ConsentOut.model_validate(row), 201)


@route("POST", "/diagnostics/consents/{consent}/revoke", "machines:read", {200: ConsentOut}, problems=_PROBLEMS)
def revoke(call: Call, *, consent: str) -> ConsentOut:
    """Take a consent back, at once: nothing more is asked, and what is under way is not kept."""
    row = _consent(call, consent)
    need("incidents:act" if call.caller.is_staff else "diagnostics:consent")
    with call.as_desk():
        if not diagnostics.revoke(call.session, row, call.actor, call.now):
            raise Problem("not-now", "This consent was taken back before.", remedy="Give a new one if you want.")
    return ConsentOut.model_validate(row)


@route("GET", "/incidents/{incident}/diagnostics", "incidents:read", {200: AskPage}, problems=("not-found",))
def index(call: Call, *, incident: str) -> AskPage:
    """What was read of an incident's machine from afar, the newest first."""
    found = lookup.incident(call, incident)
    asked = select(DiagnosticAsk).where(DiagnosticAsk.incident_id == found.id)
    rows = call.session.scalars(asked.order_by(DiagnosticAsk.asked_at.desc(), DiagnosticAsk.id))
    return AskPage(items=[AskOut.model_validate(row) for row in rows])


@route("POST", "/incidents/{incident}/diagnostics", "incidents:act", {202: Asked, 200: Asked}, body=NewAsk, staff=True,
       problems=_PROBLEMS)  # fmt: skip
def ask(call: Call, body: NewAsk, *, incident: str) -> Answer:
    """Ask the incident's machine for a reading. 202: asked; it usually answers within ten seconds, and is given up
    after two minutes. 200: the contract does not include it, in words. Without the customer's consent: not-now."""
    found = lookup.incident(call, incident)
    lines = body.lines or (diagnosis.USUAL_LINES if body.reading == "log_tail" else 0)
    row = diagnostics.ask(call.session, found, body.reading, body.unit, lines, call.actor, call.now)
    if isinstance(row, NotNow):
        raise _not_now(row)
    if isinstance(row, DecisionRow):
        return Answer(Asked(ask=None, decision=said_of(row)), 200)
    granted = call.session.get(DecisionRow, row.decision_id)
    return Answer(Asked(ask=AskOut.model_validate(row), decision=said_of(granted) if granted else None), 202)


def _not_now(answer: NotNow) -> Problem:
    return Problem("not-now", answer.reason, remedy=answer.remedy)


def _consent(call: Call, ref: str) -> DiagnosticConsent:
    """By id, within reach."""
    try:
        row = call.session.get(DiagnosticConsent, uuid.UUID(ref))
    except ValueError:
        row = None
    if row is None:
        raise not_found("consent")
    return row
