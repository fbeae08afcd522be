"""Maintenance: times in which data is kept and marked, and nobody is called for it."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import Field
from sqlalchemy import or_, select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import FieldError, Problem
from app.wire import Day, In, Instant, Line, Out, Paged, Ref, Zone
from models.maintenance import MaintenanceWindow
from telemetry import worked_on
from telemetry.maintenance import Window, mistakes

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Repeats(In):
    weekdays: list[Weekday] = Field(min_length=1, max_length=7, description="must hold the day it begins on")
    every_weeks: int = Field(1, ge=1, le=52)
    until: Day | None = Field(None, description="the last local day it may begin on; left out: until called off")


class NewWindow(In):
    customer: Ref = Field(description="id or slug")
    machine: Ref | None = Field(None, description="id or name; with neither machine nor site: all of the customer")
    site: uuid.UUID | None = None
    title: Line = Field(description="what is done, in a few words")
    starts_at: Instant
    ends_at: Instant = Field(description="at most 31 days later, 7 when it repeats")
    zone: Zone = Field("UTC", description="whose wall clock a repeated window keeps")
    repeats: Repeats | None = None


class WindowOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    machine_id: uuid.UUID | None
    site_id: uuid.UUID | None
    title: str
    starts_at: Instant = Field(description="of the first time")
    ends_at: Instant
    zone: str
    weekdays: list[str] = Field(description="empty: once")
    every_weeks: int
    until: Day | None
    made_by: str
    created_at: Instant
    ended_at: Instant | None = Field(description="called off")
    runs_until: Instant | None = Field(description="null: not running now")


class WindowPage(Out):
    items: list[WindowOut]
    next: str | None


class WindowQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    machine: Ref | None = Field(None, description="id or name; also those of its site and customer")


@route("GET", "/maintenance", "machines:read", {200: WindowPage}, query=WindowQuery)
def index(call: Call, query: WindowQuery) -> WindowPage:
    """Windows of maintenance, the newest first."""
    w = MaintenanceWindow
    wanted = select(w)
    if query.customer is not None:
        wanted = wanted.where(w.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.machine is not None:
        machine = lookup.machine(call, query.machine, "machine")
        wanted = wanted.where(
            w.customer_id == machine.customer_id,
            or_(w.machine_id == machine.id, w.machine_id.is_(None)),
            or_(w.site_id == machine.site_id, w.site_id.is_(None)),
        )
    rows, after = page(call.session, wanted, query, w.created_at, w.id)
    return WindowPage(items=[_shown(call, row) for row in rows], next=after)


@route("POST", "/maintenance", "maintenance:write", {201: WindowOut}, body=NewWindow, staff=True)
def create(call: Call, body: NewWindow) -> Answer:
    """Plan maintenance, once or week by week. What is said in it is kept, opens nothing and teaches nothing."""
    customer = lookup.customer(call, body.customer, "customer")
    machine = lookup.machine(call, body.machine, "machine") if body.machine else None
    site = lookup.site(call, str(body.site), "site") if body.site else None
    if machine is not None and site is not None:
        raise Problem("invalid", "machine and site cannot both be given.",
                      errors=[FieldError("site", "stands beside a machine", "leave one of them out")])  # fmt: skip
    for field, one in (("machine", machine), ("site", site)):
        if one is not None:
            lookup.same_customer(one.customer_id, customer.id, field)
    repeats = body.repeats
    window = Window(
        body.title, body.starts_at, body.ends_at, body.zone, frozenset(repeats.weekdays if repeats else ()),
        repeats.every_weeks if repeats else 1, repeats.until if repeats else None,
    )  # fmt: skip
    wrong = [FieldError(*one) for one in mistakes(window, call.now)]
    if wrong:
        raise Problem("invalid", "This window cannot be planned.", errors=wrong)
    row = worked_on.plan(
        call.session, customer.id, window, call.now, machine_id=machine.id if machine else None,
        site_id=site.id if site else None, actor=call.caller.actor,
    )  # fmt: skip
    call.session.flush()  # its row must stand before it is shown
    return Answer(_shown(call, row), headers={"Location": f"/api/v1/maintenance/{row.id}"})


@route("GET", "/maintenance/{window}", "machines:read", {200: WindowOut}, problems=("not-found",))
def get(call: Call, *, window: str) -> WindowOut:
    """One window."""
    return _shown(call, lookup.window(call, window))


@route("POST", "/maintenance/{window}/end", "maintenance:write", {200: WindowOut}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def end(call: Call, *, window: str) -> WindowOut:
    """Call it off, or end it before its time; what was said in it stays marked."""
    row = lookup.window(call, window)
    if not worked_on.call_off(call.session, row, call.now, actor=call.caller.actor):
        raise Problem("not-now", "This window was called off before.", remedy="Plan a new one.")
    return _shown(call, row)


def _shown(call: Call, row: MaintenanceWindow) -> WindowOut:
    facts = {name: getattr(row, name) for name in WindowOut.model_fields if name != "runs_until"}
    return WindowOut(**facts, runs_until=worked_on.window_of(row).covers(call.now))
