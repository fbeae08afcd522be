"""The security log: who tried what they may not, at the broker and at our doors."""

from __future__ import annotations

import uuid

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.wire import Instant, Out, Paged, Ref
from models.security import SecurityEvent
from telemetry.security import KINDS


class AttemptOut(Out):
    id: uuid.UUID
    kind: str = Field(description="; ".join(f"{kind}: {said}" for kind, said in KINDS.items()))
    username: str = Field(description="the name that was given, which need not be anybody's; empty: not known")
    address: str
    client: str = Field(description="the client id that was given, where it is known")
    detail: str = Field(description="the topic, the size, or the broker's words")
    door: str = Field(description="which way they came: over MQTT, or through a web door")
    done: str = Field(description="what we did about it")
    count: int = Field(description="how often, within the ten minutes from `slot`")
    slot: Instant
    first_at: Instant
    last_at: Instant
    machine_id: uuid.UUID | None
    customer_id: uuid.UUID | None


class AttemptPage(Out):
    items: list[AttemptOut]
    next: str | None


class AttemptList(Paged):
    kind: str | None = Field(None, max_length=40, pattern="^[a-z_]+$")
    machine: Ref | None = Field(None, description="id or name")
    address: str | None = Field(None, max_length=64, pattern=r"^[0-9a-fA-F.:]+$")


@route("GET", "/security-events", "platform:read", {200: AttemptPage}, query=AttemptList, staff=True)
def index(call: Call, query: AttemptList) -> AttemptPage:
    """Attempts, the latest first; what repeats within ten minutes is one of them, counted."""
    wanted = select(SecurityEvent)
    if query.kind is not None:
        wanted = wanted.where(SecurityEvent.kind == query.kind)
    if query.address is not None:
        wanted = wanted.where(SecurityEvent.address == query.address)
    if query.machine is not None:
        wanted = wanted.where(SecurityEvent.machine_id == lookup.machine(call, query.machine, "machine").id)
    rows, after = page(call.session, wanted, query, SecurityEvent.last_at, SecurityEvent.id)
    return AttemptPage(items=[AttemptOut.model_validate(row) for row in rows], next=after)
