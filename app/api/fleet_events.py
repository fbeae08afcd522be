"""Fleet events: one problem on many machines at once, its parent for us, and the machines behind a contract's child."""

from __future__ import annotations

import uuid

from pydantic import Field
from sqlalchemy import select

from app import gathered
from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.problems import not_found
from app.wire import Instant, Out, Paged
from models.fleet_events import FleetEvent


class EventOut(Out):
    id: uuid.UUID
    label: str = Field(description="as people say it: FE-7")
    place: str = Field(description="what its machines share: broker, rack, site, software, customer or fleet")
    name: str = Field(description="of that rack, site, version; empty for the whole fleet")
    problem: str
    severity: int
    title: str
    chance: float = Field(description="how often a day so many would begin together by chance")
    began_at: Instant
    opened_at: Instant
    machines: int
    recovered: int
    recovered_at: Instant | None = Field(description="since then enough of them are well for an end")
    resolved_at: Instant | None
    version: int
    changed_at: Instant


class ChildOut(Out):
    customer_id: uuid.UUID
    customer: str
    contract_id: uuid.UUID | None
    contract: str | None = Field(description="number; null where no contract answers")
    tier: str | None
    incident_id: uuid.UUID | None
    label: str | None = Field(description="of its incident; null where its contract opens none")
    state: str | None
    answer: str = Field(description="opened, shown, shadow or refused")
    machines: int
    recovered: int


class MemberOut(Out):
    machine_id: uuid.UUID
    machine: str
    cause: str
    began_at: Instant
    joined_at: Instant
    recovered_at: Instant | None
    released_at: Instant | None = Field(description="the event ended without it: it got an incident of its own")


class EventWhole(EventOut):
    children: list[ChildOut]
    members: list[MemberOut] = Field(description="at most 200, those still broken first")


class EventPage(Out):
    items: list[EventOut]
    next: str | None


class EventQuery(Paged):
    open: bool | None = Field(None, description="only those that go on, or only those that are over")


class Behind(Out):
    machines: int
    recovered: int
    items: list[MemberOut] = Field(description="at most 200, those still broken first")


@route("GET", "/fleet-events", "incidents:read", {200: EventPage}, query=EventQuery, staff=True)
def index(call: Call, query: EventQuery) -> EventPage:
    """Fleet events, newest first."""
    wanted = select(FleetEvent)
    if query.open is not None:
        wanted = wanted.where(FleetEvent.resolved_at.is_(None) if query.open else FleetEvent.resolved_at.is_not(None))
    rows, after = page(call.session, wanted, query, FleetEvent.opened_at, FleetEvent.id)
    return EventPage(items=[EventOut.model_validate(row) for row in rows], next=after)


@route("GET", "/fleet-events/{event}", "incidents:read", {200: EventWhole}, staff=True, problems=("not-found",))
def get(call: Call, *, event: str) -> EventWhole:
    """One event with its children by contract, by id or label."""
    row = gathered.event_named(call.session, event)
    if row is None:
        raise not_found("fleet event")
    return EventWhole(
        **EventOut.model_validate(row).model_dump(),
        children=[ChildOut.model_validate(one) for one in gathered.children_of(call.session, row.id)],
        members=[MemberOut.model_validate(one) for one in gathered.members_of(call.session, event_id=row.id)],
    )


@route("GET", "/incidents/{incident}/machines", "incidents:read", {200: Behind}, problems=("not-found",))
def machines(call: Call, *, incident: str) -> Behind:
    """The machines an incident stands for, where it is a contract's part of a fleet event; else none are listed."""
    row = lookup.incident(call, incident)
    count, recovered = gathered.standing_of(call.session, row.id)
    members = gathered.members_of(call.session, incident_id=row.id)
    return Behind(machines=count, recovered=recovered, items=[MemberOut.model_validate(one) for one in members])
