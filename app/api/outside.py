"""The way on without a contract: what it costs, and taking it."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import func, select

from app.api import lookup
from app.api.acts import Opened
from app.api.decisions import said_of
from app.api.door import Answer, Call, route
from app.api.incidents import shown
from app.problems import Problem, invalid
from app.wire import In, Instant, Line, MaybeWords, Out
from contracts.outside import USUAL, Rates
from escalation import intake, outside_case
from escalation.incident import NotNow
from models.agreements import HouseRates
from models.audit import record

Cents = Annotated[int, Field(ge=0, le=10_000_000, description="of the currency, before tax")]


class RatesOut(Out):
    version: int = Field(description="0: the usual ones")
    effective_at: Instant | None
    author: str
    reason: str
    rates: dict[str, Any]


class NewRates(In):
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = USUAL.currency
    hour: Cents = USUAL.hour
    least_hours: Annotated[int, Field(ge=1, le=100)] = USUAL.least_hours
    visit: Cents = USUAL.visit
    emergency_hour: Cents = USUAL.emergency_hour
    emergency_least_hours: Annotated[int, Field(ge=1, le=100)] = USUAL.emergency_least_hours
    phone: Annotated[str, Field(max_length=40, pattern=r"^[0-9+ ()./-]*$")] = ""
    effective_at: Instant | None = Field(None, description="left out: from now")
    reason: Line


class Acceptance(In):
    path: Literal["paid", "emergency"]
    title: Line
    summary: MaybeWords = ""
    channel: Literal["api", "portal", "phone", "mail"] = "api"


@route("GET", "/rates", "decisions:read", {200: RatesOut})
def rates(call: Call) -> RatesOut:
    """What help costs without a contract, now."""
    row = call.session.scalar(
        select(HouseRates)
        .where(HouseRates.effective_at <= call.now)
        .order_by(HouseRates.effective_at.desc(), HouseRates.version.desc())
        .limit(1)
    )
    if row is None:
        return RatesOut(version=0, effective_at=None, author="", reason="", rates=USUAL.to_json())
    return RatesOut(version=row.version, effective_at=row.effective_at, author=row.author, reason=row.reason,
                    rates=Rates.from_json(row.body).to_json())  # fmt: skip


@route("POST", "/rates", "contracts:confirm", {201: RatesOut}, body=NewRates, staff=True, problems=("conflict",))
def set_rates(call: Call, body: NewRates) -> RatesOut:
    """Set them from an instant on. What was offered before stays as it was offered."""
    if body.effective_at is not None and body.effective_at < call.now:
        raise invalid("effective_at", "lies in the past", "give an instant from now on, or leave it out")
    found = Rates.from_json(body.model_dump(exclude={"effective_at", "reason"}))
    number = (call.session.scalar(select(func.max(HouseRates.version))) or 0) + 1
    row = HouseRates(
        version=number, effective_at=body.effective_at or call.now, body=found.to_json(), author=call.caller.actor,
        reason=body.reason, created_at=call.now,
    )  # fmt: skip
    call.session.add(row)
    facts = {"version": number, "rates": found.to_json(), "reason": body.reason}
    record(call.session, actor=call.caller.actor, deed="rates.set", subject="rates", facts=facts, now=call.now)
    return RatesOut(version=number, effective_at=row.effective_at, author=row.author, reason=row.reason,
                    rates=found.to_json())  # fmt: skip


@route("POST", "/decisions/{decision}/accept", "incidents:open", {201: Opened}, body=Acceptance,
       problems=("not-found", "not-now"))  # fmt: skip
def accept(call: Call, body: Acceptance, *, decision: str) -> Answer:
    """Take a way on that a refusal offered: the case is opened, promised and priced as it was offered."""
    refused: uuid.UUID = lookup.decision(call, decision).id
    asked = intake.Request(severity=3, title=body.title, summary=body.summary, channel=body.channel)
    with call.as_desk():
        answer = outside_case.accept(call.session, refused, body.path, asked, call.actor, call.now)
    if isinstance(answer, NotNow):
        raise Problem("not-now", answer.reason, remedy=answer.remedy)
    assert answer.incident is not None  # taken means opened
    opened = shown(call, answer.incident).body
    whole = Opened.model_validate({"decision": said_of(answer.decision), "incident": opened, "joined": False})
    return Answer(whole, 201, {"Location": f"/api/v1/incidents/{answer.incident.label}"})
