"""The severity of an incident: proposed by one side, agreed by the other, with its history."""

from __future__ import annotations

import uuid

from pydantic import Field

from app.api import lookup
from app.api.acts import NewSeverity, answered
from app.api.door import Answer, Call, route
from app.api.incidents import IncidentWhole
from app.wire import In, Instant, MaybeWords, Out
from escalation import agreeing

_PROBLEMS = ("not-found", "not-now", "changed-meanwhile")


class SeverityAnswer(In):
    agree: bool
    reason: MaybeWords = Field("", description="needed to refuse")


class SeverityOut(Out):
    id: uuid.UUID
    was: int
    wanted: int
    reason: str
    by: str
    by_customer: bool
    at: Instant
    holds_since: Instant | None = Field(description="since when it was in force; null: it never was")
    state: str = Field(description="proposed, agreed, refused, withdrawn; set: held at once with nobody asked")
    answered_by: str
    answered_at: Instant | None
    answer: str


class Severities(Out):
    items: list[SeverityOut]


@route("GET", "/incidents/{incident}/severities", "incidents:read", {200: Severities}, problems=("not-found",))
def index(call: Call, *, incident: str) -> Severities:
    """Every word on its severity, oldest first."""
    row = lookup.incident(call, incident)
    return Severities(items=[SeverityOut.model_validate(one) for one in agreeing.history(call.session, row.id)])


@route("POST", "/incidents/{incident}/severities", "incidents:open", {200: IncidentWhole}, body=NewSeverity,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def propose(call: Call, body: NewSeverity, *, incident: str) -> Answer:
    """Propose another severity to the other side. A graver one of ours holds at once; everything else when the other
    side agrees."""
    row, version = lookup.incident(call, incident), call.expected_version()
    with call.as_desk():
        done = agreeing.propose(
            call.session, row.id, call.actor, call.now, body.severity, body.reason, expected_version=version
        )
    return answered(call, done)


@route("POST", "/incidents/{incident}/severities/answer", "incidents:open", {200: IncidentWhole}, body=SeverityAnswer,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def answer(call: Call, body: SeverityAnswer, *, incident: str) -> Answer:
    """The other side's word on what is proposed."""
    row, version = lookup.incident(call, incident), call.expected_version()
    with call.as_desk():
        done = agreeing.answer(
            call.session, row.id, call.actor, call.now, body.agree, body.reason, expected_version=version
        )
    return answered(call, done)
