"""Doors for other people's alerts: making them, what each sender says is open, and the changes it announced."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.front import front
from app.problems import Problem, invalid
from app.wire import In, Instant, Line, Out, Paged, Ref
from escalation.inbound import doors
from escalation.inbound.body import BadBody
from escalation.inbound.standing import standing
from models.inbound import InboundAlert, InboundChange, InboundDoor

Path = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1fA-Z]+$")]


class DoorSettings(In):
    severities: dict[Word, Annotated[int, Field(ge=1, le=4)]] = Field(
        default_factory=dict, max_length=100, description="the sender's words for how grave it is, in lower case → 1…4"
    )
    one_for: Literal["alert", "group"] = Field("alert", description="what an incident stands for, at an Alertmanager")
    acknowledges: bool = Field(True, description="whether an acknowledgement of the sender stops our ladder")
    token_in_path: bool = Field(
        False, description="whether the token may stand in the path; for senders without headers"
    )
    mapping: dict[Path, Path | Annotated[list[Path], Field(max_length=50)]] = Field(
        default_factory=dict, max_length=20, description="where things stand in the body of a generic hook"
    )


class DoorOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    name: str
    kind: str
    address: str = Field(description="where the sender posts to")
    token_end: str = Field(description="the last four characters of its token")
    machine_id: uuid.UUID | None = Field(description="the machine meant when the sender names none of the customer's")
    settings: dict[str, Any]
    made_by: str
    created_at: Instant
    used_at: Instant | None
    closed_at: Instant | None


class DoorMade(DoorOut):
    token: str | None = Field(description="the token, shown this once; null when a request is repeated")


class DoorPage(Out):
    items: list[DoorOut]
    next: str | None


class DoorList(Paged):
    customer: Ref | None = Field(None, description="id or slug; left out: all within reach")


class NewDoor(In):
    customer: Ref = Field(description="id or slug")
    name: Line
    kind: Literal["alertmanager", "pagerduty", "nagios", "hook"] = Field(description="nagios also takes Icinga's")
    machine: Ref | None = Field(None, description="id or name")
    settings: DoorSettings = DoorSettings()
    token: str | None = Field(
        None, pattern=r"^[A-Za-z0-9._~-]{20,128}$", description="one the sender has already; left out: one is made"
    )


class ChangedDoor(In):
    settings: DoorSettings


class AlertOut(Out):
    id: uuid.UUID
    key: str = Field(description="what it is about, stable over its occurrences")
    state: Literal["triggered", "acknowledged", "resolved"]
    level: str = Field(description="the sender's word for how grave it is")
    severity: int
    title: str
    summary: str
    group_key: str
    starts: str
    triggers: int = Field(description="how often the present occurrence was said")
    occurrence: int = Field(description="how often it began")
    stale: int = Field(description="words that came too late and changed nothing")
    first_at: Instant
    last_at: Instant
    ended_at: Instant | None
    incident_id: uuid.UUID | None
    decision_id: uuid.UUID | None = Field(description="what the contract answered when it was last asked")
    facts: dict[str, Any]


class AlertPage(Out):
    items: list[AlertOut]
    next: str | None


class AlertList(Paged):
    open: bool = Field(False, description="only what is open")


class ChangeOut(Out):
    id: uuid.UUID
    at: Instant
    received_at: Instant
    source: str
    summary: str
    facts: dict[str, Any]


class ChangePage(Out):
    items: list[ChangeOut]
    next: str | None


class StandingOut(Out):
    door: uuid.UUID
    kind: str
    standing: dict[str, Any] = Field(
        description="`firing` and `open_groups`, `incidents` by dedup_key, or `open` by host and service"
    )


@route("GET", "/doors", "doors:read", {200: DoorPage}, query=DoorList)
def index(call: Call, query: DoorList) -> DoorPage:
    """Doors for alerts, newest first; never their token."""
    found = select(InboundDoor)
    if query.customer is not None:
        found = found.where(InboundDoor.customer_id == lookup.customer(call, query.customer, "customer").id)
    rows, after = page(call.session, found, query, InboundDoor.created_at, InboundDoor.id)
    return DoorPage(items=[_out(row) for row in rows], next=after)


@route("POST", "/doors", "doors:write", {201: DoorMade}, body=NewDoor, secret=("token",), problems=("conflict",))
def create(call: Call, body: NewDoor) -> DoorMade:
    """Make a door for one customer's sender of alerts. Its token is shown in this answer only."""
    customer = lookup.customer(call, body.customer, "customer")
    machine = lookup.machine(call, body.machine, "machine") if body.machine else None
    with _field_named():
        door, token = doors.make(
            call.session,
            customer.id,
            body.name,
            body.kind,
            call.caller.actor,
            call.now,
            settings=body.settings.model_dump(exclude_defaults=True),
            machine_id=machine.id if machine else None,
            token=body.token or "",
        )
    return DoorMade(**_out(door).model_dump(), token=token)


@route("GET", "/doors/{door}", "doors:read", {200: DoorOut}, problems=("not-found",))
def show(call: Call, *, door: str) -> DoorOut:
    """One door."""
    return _out(lookup.door(call, door))


@route("PATCH", "/doors/{door}", "doors:write", {200: DoorOut}, body=ChangedDoor, problems=("not-found",))
def change(call: Call, body: ChangedDoor, *, door: str) -> DoorOut:
    """Give a door other settings, in place of those it has."""
    row = lookup.door(call, door)
    with _field_named():
        doors.change(call.session, row, body.settings.model_dump(exclude_defaults=True), call.caller.actor, call.now)
    return _out(row)


@route(
    "POST", "/doors/{door}/token", "doors:write", {200: DoorMade}, secret=("token",), problems=("not-found", "not-now")
)
def renew(call: Call, *, door: str) -> DoorMade:
    """A new token; the old one opens nothing from now on."""
    row = lookup.door(call, door)
    if row.closed_at is not None:
        raise Problem("not-now", "This door is closed.", remedy="Make a new one.")
    token = doors.renew(call.session, row, call.caller.actor, call.now)
    return DoorMade(**_out(row).model_dump(), token=token)


@route("DELETE", "/doors/{door}", "doors:write", {204: None}, problems=("not-found",))
def close(call: Call, *, door: str) -> Answer:
    """Close a door: nothing comes in any more, and what came stays."""
    doors.close(call.session, lookup.door(call, door), call.caller.actor, call.now)
    return Answer(status=204)


@route("GET", "/doors/{door}/alerts", "doors:read", {200: AlertPage}, query=AlertList, problems=("not-found",))
def alerts(call: Call, query: AlertList, *, door: str) -> AlertPage:
    """What the sender said, condition by condition, those heard of last first."""
    found = select(InboundAlert).where(InboundAlert.door_id == lookup.door(call, door).id)
    if query.open:
        found = found.where(InboundAlert.state != "resolved")
    rows, after = page(call.session, found, query, InboundAlert.last_at, InboundAlert.id)
    return AlertPage(items=[AlertOut.model_validate(row) for row in rows], next=after)


@route("GET", "/doors/{door}/standing", "doors:read", {200: StandingOut}, problems=("not-found",))
def stands(call: Call, *, door: str) -> StandingOut:
    """What is open, in the words of the sender: the form in which `vigie inbound replay` prints it."""
    row = lookup.door(call, door)
    return StandingOut(door=row.id, kind=row.kind, standing=standing(call.session, row))


@route("GET", "/doors/{door}/changes", "doors:read", {200: ChangePage}, query=Paged, problems=("not-found",))
def changes(call: Call, query: Paged, *, door: str) -> ChangePage:
    """Changes the sender announced, the latest first."""
    found = select(InboundChange).where(InboundChange.door_id == lookup.door(call, door).id)
    rows, after = page(call.session, found, query, InboundChange.received_at, InboundChange.id)
    return ChangePage(items=[ChangeOut.model_validate(row) for row in rows], next=after)


def address_of(door: InboundDoor) -> str:
    """Where the sender of a door posts to."""
    path = "/v2/enqueue" if door.kind == "pagerduty" else f"/in/{door.kind}"
    return front().settings.address + path


def _out(row: InboundDoor) -> DoorOut:
    known = {name: getattr(row, name) for name in DoorOut.model_fields if name != "address"}
    return DoorOut(**known, address=address_of(row))


@contextmanager
def _field_named() -> Iterator[None]:
    """What the floor below says of a field, as a problem of the API."""
    try:
        yield
    except BadBody as error:
        raise invalid(error.field, error.problem, error.remedy) from error
