"""How incidents hang together: relations, merging and splitting, and what is like an incident."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.acts import answered, refused
from app.api.decisions import DecisionOut, said_of
from app.api.door import Answer, Call, route
from app.api.incidents import IncidentWhole, shown
from app.wire import In, Instant, Line, MaybeLine, MaybeWords, Out, Ref, Severity
from escalation import merging, relating, similar, splitting
from escalation.incident import NotNow
from escalation.similar import Like
from escalation.splitting import Part
from models.incidents import Incident
from models.relations import IncidentCause, IncidentRelation

_PROBLEMS = ("not-found", "not-now", "changed-meanwhile")
ByPeople = Literal["caused_by", "child_of", "duplicate_of", "related", "change", "vendor_case"]


class RelationIn(In):
    kind: ByPeople
    other: Ref | None = Field(None, description="the other incident, by id or label; not for change and vendor_case")
    ref: MaybeLine = Field("", description="the number of the change or of the vendor's case")
    party: MaybeLine = Field("", description="whose number that is: the vendor's name")
    words: MaybeWords = ""


class RelationOut(Out):
    id: uuid.UUID
    incident_id: uuid.UUID
    incident: str | None = Field(description="label; null: of another customer")
    kind: str = Field(description="read from `incident_id`: it is merged_into, caused_by, child_of … the other")
    other_id: uuid.UUID | None
    other: str | None = Field(description="label; null: of another customer, or no incident")
    ref: str
    party: str
    words: str
    made_by: str
    made_at: Instant


class Relations(Out):
    items: list[RelationOut]


class Merge(In):
    into: Ref = Field(description="the survivor, by id or label")
    reason: MaybeWords = ""


class Split(In):
    title: Line
    reason: Line
    severity: Severity | None = Field(None, description="left out: as grave as the first one")
    causes: list[uuid.UUID] = Field(default=[], max_length=100, description="GET …/causes")
    entries: list[uuid.UUID] = Field(default=[], max_length=200, description="lines of the timeline")
    machine: Ref | None = Field(None, description="where no cause goes: of which machine the new one is")


class WasSplit(Out):
    decision: DecisionOut = Field(description="what the contract said to the new one")
    incident: IncidentWhole | None = Field(description="the new one; null: refused, and nothing was moved")


class CauseOut(Out):
    id: uuid.UUID
    machine_id: uuid.UUID | None
    cause: str
    from_id: uuid.UUID | None = Field(description="the incident it was the own cause of")
    since: Instant


class Causes(Out):
    items: list[CauseOut]


class LikeOut(Out):
    id: uuid.UUID
    label: str
    title: str
    state: str
    opened_at: Instant
    resolved_at: Instant | None
    score: float = Field(description="how alike, from 0 to 1; orders the list and means nothing beyond")
    reasons: list[str]
    helped: str = Field(description="how it was resolved, in the words of then")


class Similar(Out):
    duplicates: list[LikeOut] = Field(description="open, of the same customer: maybe the same problem")
    before: list[LikeOut] = Field(description="over: what was like it, and what helped")


@route("GET", "/incidents/{incident}/relations", "incidents:read", {200: Relations}, problems=("not-found",))
def index(call: Call, *, incident: str) -> Relations:
    """How it stands to others, from either end."""
    row = lookup.incident(call, incident)
    return Relations(items=[_out(call, one) for one in relating.relations_of(call.session, row.id)])


@route("POST", "/incidents/{incident}/relations", "incidents:act", {201: RelationOut}, body=RelationIn, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def relate(call: Call, body: RelationIn, *, incident: str) -> RelationOut:
    """Say how it stands to another incident of the same customer, to a change, or to a vendor's case."""
    row = lookup.incident(call, incident)
    other = lookup.incident(call, body.other, "other").id if body.other is not None else None
    done = relating.relate(
        call.session, row.id, call.actor, call.now, body.kind, other_id=other, ref=body.ref, party=body.party,
        words=body.words,
    )  # fmt: skip
    if isinstance(done, NotNow):
        raise refused(done)
    return _out(call, done)


@route("DELETE", "/relations/{relation}", "incidents:act", {200: RelationOut}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def end(call: Call, *, relation: str) -> RelationOut:
    """It does not hold any more; that it did is kept."""
    done = relating.end(call.session, lookup.relation(call, relation).id, call.actor, call.now)
    if isinstance(done, NotNow):
        raise refused(done)
    return _out(call, done)


@route("POST", "/incidents/{incident}/merge", "incidents:act", {200: IncidentWhole}, body=Merge, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def merge(call: Call, body: Merge, *, incident: str) -> Answer:
    """Merge it into another one of the same customer, and answer with that. Of each promise the earlier stands; notices
    on their way follow; what its opening took from an allowance is given back. Undone within a minute, or by reopening
    it later."""
    row, version = lookup.incident(call, incident), call.expected_version()
    into = lookup.incident(call, body.into, "into")
    done = merging.merge(call.session, row.id, call.actor, call.now, into.id, body.reason, expected_version=version)
    return answered(call, done)


@route("POST", "/incidents/{incident}/split", "incidents:act", {201: WasSplit, 200: WasSplit}, body=Split, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def split(call: Call, body: Split, *, incident: str) -> Answer:
    """Move causes and lines of the story to a new incident. 201: made. 200: the contract refused it, in words."""
    row, version = lookup.incident(call, incident), call.expected_version()
    machine = lookup.machine(call, body.machine, "machine") if body.machine else None
    if machine is not None:
        lookup.same_customer(machine.customer_id, row.customer_id, "machine")
    part = Part(
        body.title, body.reason, body.severity, tuple(body.causes), tuple(body.entries), machine.id if machine else None
    )
    done = splitting.split(call.session, row.id, call.actor, call.now, part, expected_version=version)
    if isinstance(done, NotNow):
        raise refused(done)
    call.session.flush()  # the answer shows numbers the database gives
    if done.incident is None:
        return Answer(WasSplit(decision=said_of(done.decision), incident=None), 200)
    said = shown(call, done.incident)
    assert isinstance(said.body, IncidentWhole)
    headers = {**said.headers, "Location": f"/api/v1/incidents/{said.body.label}"}
    return Answer(WasSplit(decision=said_of(done.decision), incident=said.body), 201, headers)


@route("GET", "/incidents/{incident}/causes", "incidents:read", {200: Causes}, problems=("not-found",))
def causes(call: Call, *, incident: str) -> Causes:
    """What it stands for beside its own machine and cause: what was merged into it."""
    row = lookup.incident(call, incident)
    holds = select(IncidentCause).where(IncidentCause.incident_id == row.id, IncidentCause.ended_at.is_(None))
    found = call.session.scalars(holds.order_by(IncidentCause.since, IncidentCause.id))
    return Causes(items=[CauseOut.model_validate(one) for one in found])


@route("GET", "/incidents/{incident}/similar", "incidents:read", {200: Similar}, problems=("not-found",))
def alike(call: Call, *, incident: str) -> Similar:
    """What may be the same problem, and what was like it before, each with the reasons; within the caller's reach."""
    found = similar.find(call.session, lookup.incident(call, incident))
    return Similar(duplicates=[_like(one) for one in found.duplicates], before=[_like(one) for one in found.before])


def _like(one: Like) -> LikeOut:
    row = one.incident
    return LikeOut(
        id=row.id, label=row.label, title=row.title, state=row.state, opened_at=row.opened_at,
        resolved_at=row.resolved_at, score=one.likeness.score, reasons=list(one.likeness.reasons), helped=one.helped,
    )  # fmt: skip


def _out(call: Call, row: IncidentRelation) -> RelationOut:
    facts = {name: getattr(row, name) for name in RelationOut.model_fields if name not in ("incident", "other")}
    return RelationOut(**facts, incident=_label(call, row.incident_id), other=_label(call, row.other_id))


def _label(call: Call, incident_id: uuid.UUID | None) -> str | None:
    row = call.session.get(Incident, incident_id) if incident_id is not None else None
    return row.label if row is not None else None
