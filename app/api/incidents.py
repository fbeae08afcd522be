"""Incidents: the list, one of them, its timeline, its evidence, and the promises that run on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.wire import Instant, Out, Paged, Ref, Severity
from escalation import incident as life
from escalation import instants, serving
from models.incidents import OPEN_STATES, Incident, TimelineEntry
from models.machines import Machine
from models.people import Person

State = Literal["open", "acknowledged", "working", "waiting", "resolved", "closed"]
Which = Literal["still-open", "open", "acknowledged", "working", "waiting", "resolved", "closed"]


class Somebody(Out):
    id: uuid.UUID
    name: str


class IncidentOut(Out):
    id: uuid.UUID
    label: str = Field(description="as people say it: VG-1001")
    customer_id: uuid.UUID
    machine_id: uuid.UUID | None
    machine: str | None = Field(description="name")
    contract_id: uuid.UUID | None
    decision_id: uuid.UUID | None
    tier: str = Field(description="at the opening")
    cause: str
    kind: str
    channel: str = Field(description="who told us: telemetry, portal, phone, api, …")
    served_by: str = Field(description="how the customer is served now: phone, remote, written")
    severity: int
    state: State
    waiting_for: str
    waiting_reason: str = Field(description="what is waited for, in words the customer reads")
    title: str
    summary: str
    began_at: Instant
    opened_at: Instant
    condition_ended_at: Instant | None
    acknowledged_at: Instant | None
    resolved_at: Instant | None
    closed_at: Instant | None
    workaround_at: Instant | None = Field(description="since when a way around it is in place")
    merged_into_id: uuid.UUID | None = Field(description="the incident that stands for it now")
    customer_told_us_at: Instant | None
    told_customer_at: Instant | None
    owner: Somebody | None
    second: Somebody | None
    second_accepted_at: Instant | None = Field(description="null: asked, and has not said yes; the owner is alone")
    alone_since: Instant | None = Field(description="since when its owner is alone with it; null: nobody is")
    alone_s: float = Field(description="seconds somebody was alone with it before that, in all")
    rung: int = Field(description="the last rung climbed, from 0; -1: none")
    next_rung_at: Instant | None
    evidence_digest: str
    demo: bool
    flapping_since: Instant | None = Field(description="its condition comes and goes: no end is believed at once")
    fleet_event_id: uuid.UUID | None = Field(description="the event of many machines it is its contract's part of")
    version: int = Field(description="counts its changes; also the ETag")
    changed_at: Instant


class IncidentWhole(IncidentOut):
    acts: list[str] = Field(description="what may be done in this state")
    terms: dict[str, Any] = Field(description="frozen at the opening")
    ladder: dict[str, Any] = Field(description="frozen at the opening")


class IncidentPage(Out):
    items: list[IncidentOut]
    next: str | None


class EntryOut(Out):
    id: uuid.UUID
    at: Instant
    kind: str
    actor: str
    public: bool
    text: str
    facts: dict[str, Any]


class Timeline(Out):
    items: list[EntryOut]
    next: str | None


class Evidence(Out):
    incident_id: uuid.UUID
    digest: str = Field(description="SHA-256 of the evidence as it was frozen")
    evidence: dict[str, Any]


class IncidentQuery(Paged):
    state: Which | None = Field(None, description="still-open means every state before resolved")
    customer: Ref | None = Field(None, description="id or slug")
    machine: Ref | None = Field(None, description="id or name")
    severity: Severity | None = None


@route("GET", "/incidents", "incidents:read", {200: IncidentPage}, query=IncidentQuery)
def index(call: Call, query: IncidentQuery) -> IncidentPage:
    """Incidents, newest first."""
    wanted = select(Incident)
    if call.caller.customer_id is not None:
        # Row-level security hides the others anyway; said outright, the index finds theirs among a million.
        wanted = wanted.where(Incident.customer_id == call.caller.customer_id)
    if query.state is not None:
        states = OPEN_STATES if query.state == "still-open" else (query.state,)
        wanted = wanted.where(Incident.state.in_(states))
    if query.customer is not None:
        wanted = wanted.where(Incident.customer_id == lookup.customer(call, query.customer, "customer").id)
    if query.machine is not None:
        wanted = wanted.where(Incident.machine_id == lookup.machine(call, query.machine, "machine").id)
    if query.severity is not None:
        wanted = wanted.where(Incident.severity == query.severity)
    rows, after = page(call.session, wanted, query, Incident.opened_at, Incident.id)
    names = _names(call, rows)
    return IncidentPage(items=[IncidentOut(**_facts(row, names)) for row in rows], next=after)


@route("GET", "/incidents/{incident}", "incidents:read", {200: IncidentWhole}, problems=("not-found",))
def get(call: Call, *, incident: str) -> Answer:
    """One incident, by id or label; its ETag is its version."""
    return shown(call, lookup.incident(call, incident))


@route("GET", "/incidents/{incident}/timeline", "incidents:read", {200: Timeline}, query=Paged,
       problems=("not-found",))  # fmt: skip
def timeline(call: Call, query: Paged, *, incident: str) -> Timeline:
    """Its story, oldest first. A customer reads what is public."""
    row = lookup.incident(call, incident)
    wanted = select(TimelineEntry).where(TimelineEntry.incident_id == row.id)
    if not call.caller.is_staff:
        wanted = wanted.where(TimelineEntry.public)
    rows, after = page(call.session, wanted, query, TimelineEntry.at, TimelineEntry.id, newest_first=False)
    return Timeline(items=[EntryOut.model_validate(one) for one in rows], next=after)


@route("GET", "/incidents/{incident}/evidence", "incidents:read", {200: Evidence}, problems=("not-found",))
def evidence(call: Call, *, incident: str) -> Evidence:
    """What the machine said, frozen at the opening."""
    row = lookup.incident(call, incident)
    return Evidence(incident_id=row.id, digest=row.evidence_digest, evidence=row.evidence)


def shown(call: Call, row: Incident, status: int = 200) -> Answer:
    """The incident as one is shown, under its ETag."""
    whole = IncidentWhole(
        **_facts(row, _names(call, [row])),
        acts=[act.value for act in life.allowed(life.State(row.state))],
        terms=row.terms,
        ladder=row.ladder,
    )
    return Answer(whole, status, {"ETag": f'"{row.version}"'})


def _names(call: Call, rows: Iterable[Incident]) -> dict[uuid.UUID, str]:
    """The names of owners, seconds and machines; a customer may know who works for them, though not list our people."""
    rows = list(rows)
    of_machines = select(Machine.id, Machine.name).where(Machine.id.in_({row.machine_id for row in rows} - {None}))
    names = {row.id: row.name for row in call.session.execute(of_machines)} if rows else {}
    ids = {one for row in rows for one in (row.owner_id, row.second_id) if one is not None}
    if ids:
        with call.as_desk():
            found = call.session.execute(select(Person.id, Person.name).where(Person.id.in_(ids)))
            names |= {row.id: row.name for row in found}
    return names


def _facts(row: Incident, names: dict[uuid.UUID, str]) -> dict[str, Any]:
    told = ("owner", "second", "machine")
    facts = {name: getattr(row, name) for name in IncidentOut.model_fields if name not in told}
    for role, who in (("owner", row.owner_id), ("second", row.second_id)):
        facts[role] = Somebody(id=who, name=names[who]) if who in names else None
    facts["summary"], _ = instants.found(row.summary, row.evidence)
    facts["served_by"] = serving.mode(row)
    facts["machine"] = names.get(row.machine_id) if row.machine_id else None
    return facts
