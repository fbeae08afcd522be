"""Single shifts, beside the turns of schedules."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem
from app.wire import In, Instant, Out, Paged
from escalation import shifting
from escalation.incident import NotNow
from models.people import Shift


class ShiftIn(In):
    person: uuid.UUID
    unit: Literal["americas", "europe", "asia-pacific"]
    start: Instant
    end: Instant = Field(description="exclusive; at most 31 days after the start")


class ShiftOut(Out):
    id: uuid.UUID
    person_id: uuid.UUID
    unit: str
    starts_at: Instant
    ends_at: Instant


class Shifts(Out):
    items: list[ShiftOut]
    next: str | None


@route("GET", "/duty/shifts", "duty:read", {200: Shifts}, query=Paged, staff=True)
def index(call: Call, query: Paged) -> Shifts:
    """Single shifts that are not over: the oldest start first."""
    ahead = select(Shift).where(Shift.ends_at > call.now)
    rows, after = page(call.session, ahead, query, Shift.starts_at, Shift.id, newest_first=False)
    return Shifts(items=[ShiftOut.model_validate(row) for row in rows], next=after)


@route("POST", "/duty/shifts", "duty:write", {201: ShiftOut}, body=ShiftIn, staff=True, problems=("not-now",))
def add(call: Call, body: ShiftIn) -> ShiftOut:
    """Put one of ours on duty for a zone, beside whatever schedules say."""
    person = lookup.person(call, str(body.person), "person")
    said = shifting.add(call.session, person, body.unit, (body.start, body.end), call.caller.actor, call.now)
    if isinstance(said, NotNow):
        raise Problem("not-now", said.reason, remedy=said.remedy)
    return ShiftOut.model_validate(said)


@route("DELETE", "/duty/shifts/{shift}", "duty:write", {204: None}, staff=True, problems=("not-found",))
def remove(call: Call, *, shift: str) -> Answer:
    """Take it away; one that has begun ends now."""
    shifting.remove(call.session, lookup.shift(call, shift), call.caller.actor, call.now)
    return Answer(status=204)
