"""Machines, the credential each one speaks with, and what is known of them now."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.front import front
from app.problems import Problem, invalid
from app.wire import In, Instant, MaybeLine, Name, Out, Paged, Ref
from models.audit import record
from models.machines import Machine, MachineCredential, MachineState
from telemetry import enrol, placing

Source = Literal["native", "collectd", "glances", "telegraf", "values", "linux2mqtt", "psmqtt", "prometheus", "nagios",
                 "sparkplug", "thingsboard"]  # fmt: skip


class StateOut(Out):
    speaking: str = Field(description="speaking, silent (should have spoken and did not) or unknown")
    since: Instant | None
    health: str = Field(description="healthy, deviates (a finding is open), learning or unknown")
    last_at: Instant | None = Field(description="device time of the newest report")
    last_received_at: Instant | None
    last_seq: int | None = Field(description="everything up to it is stored")
    cadence_s: float | None
    skew_s: float | None = Field(description="device clock minus ours, seconds")
    telemetry: str = Field(description="how its contract answered: collect, watch, shadow, detect, refused")
    latest: dict[str, Any] = Field(description="metric → newest value")


class MachineOut(Out):
    id: uuid.UUID
    customer_id: uuid.UUID
    name: str
    title: str
    site_id: uuid.UUID | None
    rack: str
    software: str = Field(description='what it runs, with version: "erp 4.2"')
    broker: str = Field(description="through which broker it speaks, where there are several")
    source: str
    created_at: Instant
    retired_at: Instant | None


class MachineWhole(MachineOut):
    state: StateOut | None = Field(description="null until it was first heard")
    has_credential: bool


class MachinePage(Out):
    items: list[MachineOut]
    next: str | None


class Mqtt(Out):
    host: str
    port: int
    tls: bool = Field(description="whether that port speaks TLS 1.3")
    username: str
    password: str | None = Field(description="shown this once, kept nowhere; null when a request is repeated")
    topic: str = Field(description="where it reports; it may publish below vigie/USERNAME/ only")


class Enrolled(MachineOut):
    mqtt: Mqtt


class MachineQuery(Paged):
    customer: Ref | None = Field(None, description="id or slug")
    retired: bool = Field(False, description="also those that are retired")


class NewMachine(In):
    customer: Ref = Field(description="id or slug")
    name: Name
    title: MaybeLine = ""
    site: uuid.UUID | None = None
    rack: MaybeLine = ""
    source: Source = Field("native", description="which agent it speaks through")


@route("GET", "/machines", "machines:read", {200: MachinePage}, query=MachineQuery)
def index(call: Call, query: MachineQuery) -> MachinePage:
    """Machines by name."""
    wanted = select(Machine)
    if query.customer is not None:
        wanted = wanted.where(Machine.customer_id == lookup.customer(call, query.customer, "customer").id)
    if not query.retired:
        wanted = wanted.where(Machine.retired_at.is_(None))
    rows, after = page(call.session, wanted, query, Machine.name, Machine.id, newest_first=False)
    return MachinePage(items=[MachineOut.model_validate(row) for row in rows], next=after)


@route("POST", "/machines", "machines:write", {201: Enrolled}, body=NewMachine, staff=True,
       problems=("conflict",), secret=("mqtt.password",))  # fmt: skip
def create(call: Call, body: NewMachine) -> Answer:
    """Enrol a machine. Its MQTT password is in this answer and in no other."""
    customer = lookup.customer(call, body.customer, "customer")
    site = lookup.site(call, str(body.site), "site") if body.site else None
    if site is not None:
        lookup.same_customer(site.customer_id, customer.id, "site")
    try:
        enrol.check_name(body.name)
    except enrol.NoName as problem:
        raise invalid("name", f"cannot be used: {problem}", "choose another name") from None
    row, secret = enrol.enrol(
        call.session,
        customer.id,
        body.name,
        call.now,
        site_id=site.id if site else None,
        title=body.title,
        rack=body.rack,
        source=body.source,
        actor=call.caller.actor,
    )
    return Answer(_enrolled(row, secret), headers={"Location": f"/api/v1/machines/{row.name}"})


@route("GET", "/machines/{machine}", "machines:read", {200: MachineWhole}, problems=("not-found",))
def get(call: Call, *, machine: str) -> MachineWhole:
    """One machine with its state, by id or name."""
    return _whole(call, lookup.machine(call, machine))


@route("POST", "/machines/{machine}/rotate", "machines:write", {200: Enrolled}, staff=True,
       problems=("not-found", "not-now"), secret=("mqtt.password",))  # fmt: skip
def rotate(call: Call, *, machine: str) -> Enrolled:
    """A new password in place of the old one, which ends at once."""
    row = lookup.machine(call, machine)
    if row.retired_at is not None:
        raise Problem("not-now", "A retired machine has no credential.", remedy="Enrol it anew under another name.")
    return _enrolled(row, enrol.rotate(call.session, row, call.now, actor=call.caller.actor))


class Placing(In):
    site: uuid.UUID | None = Field(None, description="of the machine's own customer; null: as it is")
    rack: MaybeLine | None = Field(None, description="empty takes it back; null: as it is")
    software: MaybeLine | None = Field(None, description="what it runs, with version; null: as it is")
    broker: MaybeLine | None = Field(None, description="through which broker it speaks; null: as it is")


@route("POST", "/machines/{machine}/place", "machines:write", {200: MachineWhole}, body=Placing, staff=True,
       problems=("not-found",))  # fmt: skip
def place(call: Call, body: Placing, *, machine: str) -> MachineWhole:
    """Declare where it stands and what it runs: when many machines fail together, that is what they share."""
    row = lookup.machine(call, machine)
    site = lookup.site(call, str(body.site), "site") if body.site else None
    if site is not None:
        lookup.same_customer(site.customer_id, row.customer_id, "site")
    declared = {name: value for name in placing.FIELDS if (value := getattr(body, name)) is not None}
    placing.place(call.session, row, declared, call.now, site=site, actor=call.caller.actor)
    return _whole(call, row)


@route("POST", "/machines/{machine}/retire", "machines:write", {200: MachineWhole}, staff=True,
       problems=("not-found",))  # fmt: skip
def retire(call: Call, *, machine: str) -> MachineWhole:
    """It leaves service: its credential ends, its history stays."""
    row = lookup.machine(call, machine)
    if row.retired_at is None:
        row.retired_at = call.now
        enrol.revoke(call.session, row, call.now, actor=call.caller.actor)
        record(call.session, actor=call.caller.actor, deed="machine.retired", subject=f"machine {row.name}",
               customer_id=row.customer_id, now=call.now)  # fmt: skip
    return _whole(call, row)


def _whole(call: Call, row: Machine) -> MachineWhole:
    state = call.session.get(MachineState, row.id)
    live = select(MachineCredential.id).where(
        MachineCredential.machine_id == row.id, MachineCredential.revoked_at.is_(None)
    )
    return MachineWhole(
        **MachineOut.model_validate(row).model_dump(),
        state=StateOut.model_validate(state) if state is not None else None,
        has_credential=call.session.scalar(live) is not None,
    )


def _enrolled(row: Machine, secret: str) -> Enrolled:
    settings = front().settings
    mqtt = Mqtt(
        host=settings.mqtt_public_host or settings.mqtt_host,
        port=settings.mqtt_tls_port or settings.mqtt_port,
        tls=bool(settings.mqtt_tls_port),
        username=row.name,
        password=secret,
        topic=f"vigie/{row.name}/report",
    )
    return Enrolled(**MachineOut.model_validate(row).model_dump(), mqtt=mqtt)
