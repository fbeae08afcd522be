"""Oneself: who the caller is, their browser sessions and their password."""

from __future__ import annotations

import uuid

from pydantic import Field
from sqlalchemy import select, update

from app import identity, limits, passwords
from app.api.door import Answer, Call, route
from app.front import as_house
from app.problems import Problem, invalid, not_found
from app.wire import In, Instant, Out
from models.audit import record
from models.people import Person, WebSession


class Me(Out):
    id: uuid.UUID
    kind: str = Field(description="person or key")
    name: str
    role: str
    email: str
    customer_id: uuid.UUID | None = Field(description="the customer this caller belongs to; null for Vigie's own")
    rights: list[str]


class BrowserSession(Out):
    id: str
    current: bool = Field(description="whether it is the one that asks")
    created_at: Instant
    seen_at: Instant
    expires_at: Instant
    agent: str
    address: str


class BrowserSessions(Out):
    items: list[BrowserSession]


class NewPassword(In):
    current: str | None = Field(None, max_length=200, description="the password so far; null when there was none")
    new: str = Field(min_length=passwords.SHORTEST, max_length=passwords.LONGEST)


@route("GET", "/me", None, {200: Me})
def get(call: Call) -> Me:
    """Who the caller is and what they may do."""
    who = call.caller
    return Me(
        id=who.id,
        kind=who.kind,
        name=who.name,
        role=who.role,
        email=who.email,
        customer_id=who.customer_id,
        rights=sorted(who.scopes),
    )


@route("GET", "/me/sessions", None, {200: BrowserSessions})
def sessions(call: Call) -> BrowserSessions:
    """The caller's browser sessions that still count."""
    live = select(WebSession).where(
        WebSession.person_id == call.caller.id, WebSession.ended_at.is_(None), WebSession.expires_at > call.now
    )
    return BrowserSessions(
        items=[
            BrowserSession(
                id=row.token_hash.hex()[:16],
                current=row.token_hash == call.caller.session_hash,
                created_at=row.created_at,
                seen_at=row.seen_at,
                expires_at=row.expires_at,
                agent=row.agent,
                address=row.address,
            )
            for row in call.session.scalars(live.order_by(WebSession.created_at.desc()))
        ]
    )


@route("DELETE", "/me/sessions/{session}", None, {204: None}, problems=("not-found",))
def end_session(call: Call, *, session: str) -> Answer:
    """End one of the caller's browser sessions, with its streams."""
    mine = select(WebSession).where(WebSession.person_id == call.caller.id, WebSession.ended_at.is_(None))
    for row in call.session.scalars(mine):
        if row.token_hash.hex()[:16] == session:
            identity.end(call.session, call.now, token_hash=row.token_hash)
            return Answer(status=204)
    raise not_found("session")


@route("POST", "/me/password", None, {204: None}, body=NewPassword, problems=("not-allowed",))
def set_password(call: Call, body: NewPassword) -> Answer:
    """Set the caller's password; every other browser session of theirs ends."""
    who = call.caller
    if who.kind != "person":
        raise Problem("not-allowed", "A key has no password.", remedy="Sign in as the person whose password it is.")
    # In a transaction of its own, so that a wrong guess counts.
    with as_house() as house:
        wait = limits.take(house, limits.SIGN_IN_ACCOUNT, f"password:{who.id}", call.now)
    if wait:
        raise Problem("too-often", "Too many tries.", headers={"Retry-After": str(wait)}, remedy="Wait.")
    person = call.session.get_one(Person, who.id)
    if person.password_hash is not None and not passwords.matches(person.password_hash, body.current or ""):
        raise invalid("current", "is not the password so far", "type it again")
    if why := passwords.weakness(body.new, near=(person.name, person.email)):
        raise invalid("new", why, "choose a longer sentence of your own")
    person.password_hash = passwords.hashed(body.new)
    call.session.execute(
        update(WebSession)
        .where(WebSession.person_id == who.id, WebSession.token_hash != who.session_hash)
        .values(ended_at=call.now)
    )
    record(call.session, actor=who.actor, deed="person.password_set", subject=f"person:{who.id}",
           customer_id=who.customer_id, now=call.now)  # fmt: skip
    return Answer(status=204)
