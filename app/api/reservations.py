"""Places of somebody's room kept for an account or a tier."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import Field
from sqlalchemy import or_, select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem, invalid
from app.wire import In, Instant, MaybeLine, Out, Paged, Ref
from contracts.tiers import Tier
from escalation import reserving
from escalation.incident import NotNow
from models.duty import Reservation


class ReservationIn(In):
    person: uuid.UUID
    customer: Ref | None = Field(None, description="for this account; or else `tier`")
    tier: Literal["bronze", "silver", "gold", "platinum"] | None = Field(
        None, description="for every account of this tier; or else `customer`"
    )
    mode: Literal["phone", "remote", "written"] = "written"
    places: int = Field(ge=1, le=reserving.MOST, description="how many customers at a time")
    start: Instant | None = Field(None, description="default: now")
    end: Instant | None = Field(None, description="none: until it is ended")
    reason: MaybeLine = ""


class ReservationOut(Out):
    id: uuid.UUID
    person_id: uuid.UUID
    customer_id: uuid.UUID | None
    tier: str
    mode: str
    places: int
    starts_at: Instant
    ends_at: Instant | None
    reason: str
    made_by: str


class Reservations(Out):
    items: list[ReservationOut]
    next: str | None


@route("GET", "/reservations", "duty:read", {200: Reservations}, query=Paged, staff=True)
def index(call: Call, query: Paged) -> Reservations:
    """What is kept, now or later: the oldest start first."""
    ahead = select(Reservation).where(or_(Reservation.ends_at.is_(None), Reservation.ends_at > call.now))
    rows, after = page(call.session, ahead, query, Reservation.starts_at, Reservation.id, newest_first=False)
    return Reservations(items=[ReservationOut.model_validate(row) for row in rows], next=after)


@route("POST", "/reservations", "duty:write", {201: ReservationOut}, body=ReservationIn, staff=True,
       problems=("not-now",))  # fmt: skip
def reserve(call: Call, body: ReservationIn) -> ReservationOut:
    """Keep places of an engineer's room for an account or a tier: routing passes them over for others where no other
    place is free. A person's own word, a claim or an accepted hand-over, is not bound by it."""
    if (body.customer is None) == (body.tier is None):
        raise invalid("customer", "and tier: one of both says whose the places are", "name a customer, or a tier")
    person = lookup.person(call, str(body.person), "person")
    whose = Tier(body.tier) if body.tier else lookup.customer(call, str(body.customer), "customer")
    said = reserving.reserve(call.session, person, whose, body.mode, body.places, call.caller.actor, call.now,
                             start=body.start, end=body.end, reason=body.reason)  # fmt: skip
    if isinstance(said, NotNow):
        raise Problem("not-now", said.reason, remedy=said.remedy)
    return ReservationOut.model_validate(said)


@route("DELETE", "/reservations/{reservation}", "duty:write", {204: None}, staff=True, problems=("not-found",))
def release(call: Call, *, reservation: str) -> Answer:
    """The places are everybody's again."""
    reserving.release(call.session, lookup.reservation(call, reservation), call.caller.actor, call.now)
    return Answer(status=204)
