"""Escalations of a case or an account: asked for, owned, kept moving by a promised next word, ended with words."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem, not_found
from app.wire import In, Instant, MaybeWords, Out, Paged, Ref, Words
from escalation import pressing, unsaying
from escalation.incident import NotNow
from models.escalations import Escalation
from models.people import Person

Why = Literal["no-progress", "promise-missed", "severity", "repeated", "communication", "risk"]


class EscalationIn(In):
    customer: Ref | None = Field(None, description="id or slug; a customer's own caller may leave it out")
    incident: Ref | None = Field(None, description="the case; none: the whole account")
    reason: Why
    words: Words
    exit_criteria: MaybeWords = Field("", description="what would end it")


class Say(In):
    trend: Literal["improving", "steady", "worsening"]
    words: Words
    next_word_at: Instant = Field(description="when the next word comes: a promise")
    exit_criteria: MaybeWords | None = None
    owner: uuid.UUID | None = Field(None, description="who answers for it from now on")


class End(In):
    words: Words = Field(description="what was reached")


class EscalationOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    incident_id: uuid.UUID | None = Field(description="null: of the account")
    reason: str
    words: str
    asked_by: str
    by_customer: bool
    owner: str = Field(description="who answers for it")
    exit_criteria: str
    trend: str
    asked_at: Instant
    next_word_at: Instant
    ended_at: Instant | None
    ended_words: str
    history: list[dict[str, Any]] = Field(
        description="at, who, trend, words, next_word_at, undone {at, by}; newest last"
    )


class EscalationPage(Out):
    items: list[EscalationOut]
    next: str | None


class EscalationQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    running: bool | None = Field(None, description="only those that run, or only those that ended")


@route("GET", "/escalations", "incidents:read", {200: EscalationPage}, query=EscalationQuery)
def index(call: Call, query: EscalationQuery) -> EscalationPage:
    """Escalations, newest first."""
    wanted = select(Escalation)
    if query.customer is not None:
        wanted = wanted.where(Escalation.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.running is not None:
        ended = Escalation.ended_at.is_not(None)
        wanted = wanted.where(~ended if query.running else ended)
    rows, after = page(call.session, wanted, query, Escalation.asked_at, Escalation.id)
    return EscalationPage(items=[_shown(call, row) for row in rows], next=after)


@route("POST", "/escalations", "incidents:escalate", {201: EscalationOut, 200: EscalationOut}, body=EscalationIn,
       problems=("not-now",))  # fmt: skip
def create(call: Call, body: EscalationIn) -> Answer:
    """Ask for one. 201: it runs now. 200: one ran already and was joined."""
    customer = lookup.own_customer(call, body.customer) if body.customer or not body.incident else None
    incident = lookup.incident(call, body.incident, "incident") if body.incident else None
    if customer is not None and incident is not None:
        lookup.same_customer(incident.customer_id, customer.id, "incident")
    customer_id = incident.customer_id if incident is not None else customer.id if customer is not None else None
    if customer_id is None:
        raise not_found("customer")
    with call.as_desk():
        said = pressing.ask(call.session, customer_id, call.actor, body.reason, body.words, call.now,
                            incident=incident, exit_criteria=body.exit_criteria)  # fmt: skip
    if isinstance(said, NotNow):
        raise Problem("not-now", said.reason, remedy=said.remedy)
    row, is_new = said
    return Answer(_shown(call, row), 201 if is_new else 200, {"Location": f"/api/v1/escalations/{row.id}"})


@route("GET", "/escalations/{escalation}", "incidents:read", {200: EscalationOut}, problems=("not-found",))
def get(call: Call, *, escalation: str) -> EscalationOut:
    """One escalation with its history."""
    return _shown(call, lookup.escalation(call, escalation))


@route("POST", "/escalations/{escalation}/say", "incidents:act", {200: EscalationOut}, body=Say, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def say(call: Call, body: Say, *, escalation: str) -> EscalationOut:
    """A word on how it goes, and when the next one comes."""
    row = lookup.escalation(call, escalation)
    done = pressing.say(call.session, row.id, call.actor, call.now, trend=body.trend, words=body.words,
                        next_word_at=body.next_word_at, exit_criteria=body.exit_criteria,
                        owner_id=body.owner)  # fmt: skip
    return _done(call, done)


@route("POST", "/escalations/{escalation}/end", "incidents:act", {200: EscalationOut}, body=End, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def end(call: Call, body: End, *, escalation: str) -> EscalationOut:
    """De-escalate, with words on what was reached."""
    row = lookup.escalation(call, escalation)
    return _done(call, pressing.end(call.session, row.id, call.actor, call.now, body.words))


@route("POST", "/escalations/{escalation}/undo", "incidents:escalate", {200: EscalationOut},
       problems=("not-found", "not-now"))  # fmt: skip
def undo(call: Call, *, escalation: str) -> EscalationOut:
    """Take the caller's own newest word on it back, within a minute: asking, saying, passing on, ending."""
    row = lookup.escalation(call, escalation)
    with call.as_desk():
        done = unsaying.undo(call.session, row.id, call.actor, call.now)
    return _done(call, done)


def _done(call: Call, said: Escalation | NotNow) -> EscalationOut:
    if isinstance(said, NotNow):
        raise Problem("not-now", said.reason, remedy=said.remedy)
    return _shown(call, said)


def _shown(call: Call, row: Escalation) -> EscalationOut:
    with call.as_desk():
        owner = call.session.get(Person, row.owner_id) if row.owner_id else None
    facts = {name: getattr(row, name) for name in EscalationOut.model_fields if name not in ("owner", "history")}
    history = [{name: value for name, value in line.items() if name != "undo"} for line in row.history]
    return EscalationOut(owner=owner.name if owner is not None else "nobody yet", history=history, **facts)
