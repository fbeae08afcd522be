"""Keys for programs."""

from __future__ import annotations

import uuid
from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from app import keys, limits, rights
from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.front import as_house
from app.problems import Problem, invalid
from app.wire import In, Instant, Line, Out, Paged, Ref
from models.people import ApiToken


class TokenOut(Out):
    id: uuid.UUID
    key_id: str = Field(description="the part of the key that is no secret")
    label: str
    customer_id: uuid.UUID | None = Field(description="it sees that customer only; null: it acts as one of ours")
    scopes: list[str]
    created_at: Instant
    expires_at: Instant | None
    used_at: Instant | None
    revoked_at: Instant | None


class TokenMade(TokenOut):
    token: str | None = Field(description="the key itself, shown this once; null when a request is repeated")


class TokenPage(Out):
    items: list[TokenOut]
    next: str | None


class NewToken(In):
    label: Line
    scopes: list[Annotated[str, Field(max_length=40, pattern=r"^[a-z]+:[a-z]+$")]] = Field(min_length=1, max_length=40)
    customer: Ref | None = Field(None, description="id or slug; left out: it acts as one of ours")
    expires_at: Instant | None = None


@route("GET", "/tokens", "tokens:write", {200: TokenPage}, query=Paged, staff=True)
def index(call: Call, query: Paged) -> TokenPage:
    """Keys, newest first; never their secret."""
    rows, after = page(call.session, select(ApiToken), query, ApiToken.created_at, ApiToken.id)
    return TokenPage(items=[TokenOut.model_validate(row) for row in rows], next=after)


@route("POST", "/tokens", "tokens:write", {201: TokenMade}, body=NewToken, staff=True, secret=("token",))
def create(call: Call, body: NewToken) -> TokenMade:
    """Make a key. It may do no more than its maker, today or later."""
    unknown = sorted(set(body.scopes) - rights.RIGHTS.keys())
    if unknown:
        raise invalid("scopes", "has words that are no rights", "use some of " + ", ".join(rights.RIGHTS))
    too_much = sorted(set(body.scopes) - call.caller.scopes)
    if too_much:
        raise Problem(
            "not-allowed", f"Nobody gives away what they lack: {', '.join(too_much)}.", remedy="Ask for less."
        )
    customer = lookup.customer(call, body.customer, "customer") if body.customer else None
    if customer is not None and (beyond := sorted(set(body.scopes) - rights.CUSTOMER_KEY)):
        raise invalid("scopes", "go beyond what a customer may: " + ", ".join(beyond), "leave them out")
    if body.expires_at is not None and body.expires_at <= call.now:
        raise invalid("expires_at", "lies in the past", "give a later instant, or leave it out")
    with as_house() as house:
        wait = limits.take(house, limits.TOKEN_MAKING, str(call.caller.id), call.now)
    if wait:
        raise Problem("too-often", "Too many keys at once.", headers={"Retry-After": str(wait)}, remedy="Wait.")
    made = keys.make(
        call.session,
        label=body.label,
        scopes=body.scopes,
        customer_id=customer.id if customer else None,
        made_by=call.caller.person,
        actor=call.caller.actor,
        now=call.now,
        expires_at=body.expires_at,
    )
    return TokenMade(**TokenOut.model_validate(made.row).model_dump(), token=made.text)


@route("DELETE", "/tokens/{token}", "tokens:write", {204: None}, staff=True, problems=("not-found",))
def revoke(call: Call, *, token: str) -> Answer:
    """End a key at once."""
    keys.revoke(call.session, lookup.token(call, token), actor=call.caller.actor, now=call.now)
    return Answer(status=204)
