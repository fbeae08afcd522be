"""The platform's own health: processes, canaries, dead letters. The delivery ledger stands in `ledger.py`."""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import select

from app import words
from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.problems import Problem
from app.wire import In, Instant, Line, MaybeLine, Out, Paged, Ref
from escalation import canary_watch
from models import audit
from models.telemetry import DeadLetter, ProcessBeat
from telemetry import again

_SILENT_AFTER = timedelta(seconds=30)


class Process(Out):
    name: str
    pid: int
    host: str
    state: str
    is_heard: bool = Field(description="whether it said something within half a minute")
    started_at: Instant
    beat_at: Instant
    restarts: int
    why: str = Field(description="of the last end")
    facts: dict[str, Any]


class Processes(Out):
    items: list[Process]


class Letter(Out):
    id: uuid.UUID
    received_at: Instant
    topic: str
    machine: str
    customer_id: uuid.UUID | None
    reason: str
    detail: str
    size: int = Field(description="of the payload, bytes")
    first: str = Field(description="its first bytes, as text where they are text")
    last: str = Field(description="its last bytes; empty when the first are all")
    replay_asked_at: Instant | None
    replay_asked_by: str
    replayed_at: Instant | None = Field(description="sent the way again; if it was refused again, as a new letter")


class LetterWhole(Letter):
    payload_base64: str


class Letters(Out):
    items: list[Letter]
    next: str | None


class Again(In):
    reason: Line | None = Field(None, description="only letters of this reason")
    machine: MaybeLine | None = Field(None, description="only letters of this name; empty: of no name")


class Asked(Out):
    asked: int = Field(description="how many letters are sent again within seconds")


class LetterQuery(Paged):
    reason: Line | None = None
    machine: Ref | None = Field(None, description="name")
    replayed: bool | None = None


@route("GET", "/platform/processes", "platform:read", {200: Processes}, staff=True)
def processes(call: Call) -> Processes:
    """Every process that said something of itself."""
    rows = call.session.scalars(select(ProcessBeat).order_by(ProcessBeat.name))
    names = [name for name in Process.model_fields if name != "is_heard"]
    return Processes(
        items=[
            Process(**{name: getattr(row, name) for name in names}, is_heard=call.now - row.beat_at < _SILENT_AFTER)
            for row in rows
        ]
    )


class CanaryOut(Out):
    machine: str
    every_s: int = Field(description="seconds between two faults")
    last_kind: str | None = Field(description="of the newest fault that was found or whose time is up")
    last_began_at: Instant | None
    last_latency_s: float | None = Field(description="from its beginning to its finding being stored; null: not found")
    median_s: float | None = Field(description="of the faults found within a day")
    tried: int = Field(description="faults within a day")
    missed: int = Field(description="of those, not found in time; the auditor raises its alarm at once")


class Canaries(Out):
    items: list[CanaryOut]


@route("GET", "/platform/canaries", "platform:read", {200: Canaries}, staff=True)
def canaries(call: Call) -> Canaries:
    """Detection latency, measured on machines whose faults are made on purpose; nobody is called for them."""
    rows = canary_watch.canaries(call.session, call.now)
    return Canaries(
        items=[
            CanaryOut(
                machine=one.machine, every_s=one.every_s, last_kind=one.last.kind if one.last else None,
                last_began_at=one.last.began_at if one.last else None,
                last_latency_s=one.last.latency_s if one.last else None, median_s=one.median_s, tried=len(one.tried),
                missed=one.missed(call.now),
            )
            for one in rows
        ]
    )  # fmt: skip


@route("GET", "/platform/dead-letters", "platform:read", {200: Letters}, query=LetterQuery, staff=True)
def letters(call: Call, query: LetterQuery) -> Letters:
    """Messages we could not use, newest first, each with its reason."""
    wanted = select(DeadLetter)
    if query.machine is not None:
        wanted = wanted.where(DeadLetter.machine == query.machine)
    if query.reason is not None:
        wanted = wanted.where(DeadLetter.reason == query.reason)
    if query.replayed is not None:
        done = DeadLetter.replayed_at
        wanted = wanted.where(done.is_not(None) if query.replayed else done.is_(None))
    rows, after = page(call.session, wanted, query, DeadLetter.received_at, DeadLetter.id)
    return Letters(items=[Letter(**_facts(row)) for row in rows], next=after)


@route("GET", "/platform/dead-letters/{letter}", "platform:read", {200: LetterWhole}, staff=True,
       problems=("not-found",))  # fmt: skip
def letter(call: Call, *, letter: str) -> LetterWhole:
    """One of them with its bytes."""
    row = lookup.dead_letter(call, letter)
    return LetterWhole(**_facts(row), payload_base64=base64.b64encode(row.payload).decode())


@route("POST", "/platform/dead-letters/{letter}/replay", "platform:write", {202: Letter}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def replay_one(call: Call, *, letter: str) -> Letter:
    """Send it the way again, once what was wrong is mended; within seconds it is judged anew. The ledger moves its
    refusal, so that it was received once."""
    row = lookup.dead_letter(call, letter)
    if not again.ask(call.session, [DeadLetter.id == row.id], call.caller.actor, call.now):
        raise Problem("not-now", "This letter was sent again before, or its topic cannot be read.",
                      remedy="Look for a newer letter of the same machine.")  # fmt: skip
    _record(call, f"letter {row.id}", 1)
    call.session.refresh(row)
    return Letter(**_facts(row))


@route("POST", "/platform/dead-letters/replay", "platform:write", {202: Asked}, body=Again, staff=True)
def replay_all(call: Call, body: Again) -> Asked:
    """Send all that wait the way again, or those of a reason or a machine."""
    which = [
        column == value
        for column, value in ((DeadLetter.reason, body.reason), (DeadLetter.machine, body.machine))
        if value is not None
    ]
    asked = again.ask(call.session, which, call.caller.actor, call.now)
    if asked:
        _record(call, "dead letters", len(asked))
    return Asked(asked=len(asked))


def _record(call: Call, subject: str, letters: int) -> None:
    audit.record(
        call.session, actor=call.caller.actor, deed="letters.asked_again", subject=subject, now=call.now,
        facts={"letters": letters},
    )  # fmt: skip


def _facts(row: DeadLetter) -> dict[str, Any]:
    made = {"size": len(row.payload), "first": words.first_bytes(row.payload), "last": words.last_bytes(row.payload)}
    return {name: getattr(row, name) for name in Letter.model_fields if name not in made} | made
