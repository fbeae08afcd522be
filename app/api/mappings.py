"""Declared mappings for agents we have no format for, and which machines a gateway may speak for."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import Field
from sqlalchemy import delete, select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.problems import FieldError, Problem, invalid, not_found
from app.wire import In, Instant, Out, Ref
from models.audit import record
from models.machines import Machine
from models.mappings import GatewayMachine, SourceMapping
from telemetry.formats.mapped import MOST_VALUES, BadMapping, compiled
from telemetry.formats.sources import RESERVED

_PATH = Field(None, max_length=500, description="a path such as $.ts")


class ValueIn(In):
    path: str = Field("$", max_length=500, description="$.a.b, $['a b'], $[0]; * for each")
    metric: str = Field(min_length=1, max_length=200, description="what it is called; {level} and {1} are filled in")
    unit: str = Field("", max_length=40)
    scale: float = Field(1.0, description="value × scale + offset")
    offset: float = 0.0
    words: dict[str, float] | None = Field(None, description="texts that stand for numbers", max_length=100)
    counter: bool = Field(False, description="it only grows, so it becomes a rate")


class NewMapping(In):
    name: str = Field(
        min_length=1, max_length=40, description="also the format behind our prefix: vigie/MACHINE/NAME/…"
    )
    topic: str = Field(min_length=1, max_length=500, description="levels with names: plant/{hall}/{machine}/{sensor}")
    at: str | None = _PATH
    zone: str | None = Field(None, max_length=64, description="of times without an offset, such as Europe/Paris")
    seq: str | None = _PATH
    value: list[ValueIn] = Field(min_length=1, max_length=MOST_VALUES)


class MappingOut(Out):
    id: uuid.UUID
    name: str
    spec: dict[str, Any] = Field(description="as it was written")
    author: str
    created_at: Instant


class MappingList(Out):
    items: list[MappingOut]


class SpokenFor(In):
    machines: list[Ref] = Field(max_length=1000, description="ids or names, of the gateway's customer; all there are")


class Gateway(Out):
    gateway: str
    machines: list[str]


@route("GET", "/mappings", "machines:read", {200: MappingList}, staff=True)
def index(call: Call) -> MappingList:
    """Every declared mapping, the oldest first: the first whose pattern fits a topic reads it."""
    rows = call.session.scalars(select(SourceMapping).order_by(SourceMapping.created_at, SourceMapping.id))
    return MappingList(items=[MappingOut.model_validate(row) for row in rows])


@route("POST", "/mappings", "machines:write", {201: MappingOut}, body=NewMapping, staff=True, problems=("conflict",))
def create(call: Call, body: NewMapping) -> Answer:
    """Declare a mapping. Watchers use it within seconds; letters it would have understood can be replayed."""
    spec = body.model_dump(exclude_none=True, exclude_defaults=True)
    try:
        compiled(spec, RESERVED)
    except BadMapping as problem:
        raise invalid(problem.field, problem.problem, problem.remedy) from None
    if call.session.scalar(select(SourceMapping.id).where(SourceMapping.name == body.name)) is not None:
        wrong = FieldError("name", "is taken by another mapping", "choose another name, or remove that one first")
        raise Problem("conflict", f"{wrong.field} {wrong.problem}.", errors=[wrong])
    row = SourceMapping(name=body.name, spec=spec, author=call.caller.actor, created_at=call.now)
    call.session.add(row)
    call.session.flush()  # the audit names the row
    _recorded(call, "mapping.declared", f"mapping {row.name}", {"topic": body.topic})
    return Answer(MappingOut.model_validate(row), headers={"Location": f"/api/v1/mappings/{row.name}"})


@route("DELETE", "/mappings/{mapping}", "machines:write", {204: None}, staff=True, problems=("not-found",))
def remove(call: Call, *, mapping: str) -> Answer:
    """It is not used any more; what it understood stays."""
    gone = call.session.execute(delete(SourceMapping).where(SourceMapping.name == mapping).returning(SourceMapping.id))
    if gone.first() is None:
        raise not_found("mapping")
    _recorded(call, "mapping.removed", f"mapping {mapping}", {})
    return Answer()


@route("GET", "/machines/{machine}/speaks-for", "machines:read", {200: Gateway}, problems=("not-found",))
def spoken_for(call: Call, *, machine: str) -> Gateway:
    """The machines this one may speak for, as a gateway."""
    return _gateway(call, lookup.machine(call, machine))


@route("PUT", "/machines/{machine}/speaks-for", "machines:write", {200: Gateway}, body=SpokenFor, staff=True,
       problems=("not-found",))  # fmt: skip
def speak_for(call: Call, body: SpokenFor, *, machine: str) -> Gateway:
    """Let this machine speak, as a gateway, for exactly these; an empty list ends it."""
    gateway = lookup.machine(call, machine)
    wanted = {}
    for i, ref in enumerate(body.machines):
        found = lookup.machine(call, ref, f"machines[{i}]")
        lookup.same_customer(found.customer_id, gateway.customer_id, f"machines[{i}]")
        wanted[found.id] = found.name
    call.session.execute(delete(GatewayMachine).where(GatewayMachine.gateway_id == gateway.id))
    for machine_id in wanted:
        call.session.add(
            GatewayMachine(
                customer_id=gateway.customer_id, gateway_id=gateway.id, machine_id=machine_id, created_at=call.now
            )
        )
    call.session.flush()
    facts = {"machines": sorted(wanted.values())}
    record(call.session, actor=call.caller.actor, deed="machine.speaks_for", subject=f"machine {gateway.name}",
           customer_id=gateway.customer_id, facts=facts, now=call.now)  # fmt: skip
    return _gateway(call, gateway)


def _gateway(call: Call, gateway: Machine) -> Gateway:
    names = call.session.scalars(
        select(Machine.name)
        .join(GatewayMachine, GatewayMachine.machine_id == Machine.id)
        .where(GatewayMachine.gateway_id == gateway.id)
        .order_by(Machine.name)
    )
    return Gateway(gateway=gateway.name, machines=list(names))


def _recorded(call: Call, deed: str, subject: str, facts: dict[str, Any]) -> None:
    record(call.session, actor=call.caller.actor, deed=deed, subject=subject, facts=facts, now=call.now)
