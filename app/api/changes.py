"""Changes on a machine: releases told by it or for it, versions that are others now, restarts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal

from pydantic import Field
from sqlalchemy import or_, select

from app import announcing
from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import FieldError, Problem
from app.wire import In, Instant, Line, Out, Paged, Ref
from models.audit import record
from models.changes import MachineChange
from models.machines import Machine

AHEAD: Final = timedelta(minutes=5)
BACK: Final = timedelta(days=7)
MOST: Final = 500


class ChangeOut(Out):
    id: uuid.UUID
    at: Instant
    kind: Literal["deployment", "restart"]
    what: str = Field(description='as a sentence calls it: "release 2.3.1", "a restart"')
    told_by: str = Field(description="machine, or the door it came through: api, pagerduty")
    told_at: Instant


class ChangesOut(Out):
    items: list[ChangeOut]
    next: str | None


class NewChange(In):
    machines: list[Ref] = Field(min_length=1, max_length=MOST, description="ids or names")
    what: Line = Field(description='what is rolled out, in a few words: "release 2.3.1"')
    at: Instant | None = Field(None, description="when it began; left out: now")


class ChangeTold(Out):
    machines: list[str]
    what: str
    at: Instant


@route("GET", "/machines/{machine}/changes", "machines:read", {200: ChangesOut}, query=Paged, problems=("not-found",))
def index(call: Call, query: Paged, *, machine: str) -> ChangesOut:
    """What was changed on a machine, the newest first."""
    mine = select(MachineChange).where(MachineChange.machine_id == lookup.machine(call, machine).id)
    rows, after = page(call.session, mine, query, MachineChange.at, MachineChange.id)
    return ChangesOut(items=[ChangeOut.model_validate(row) for row in rows], next=after)


@route("POST", "/changes", "reports:write", {202: ChangeTold}, body=NewChange, problems=("busy",))
def tell(call: Call, body: NewChange) -> Answer:
    """Say that something is rolled out on machines. What shifts on them within the hour is taken for it; hard faults,
    limits, errors and what keeps getting worse are told as ever, and name it. 202: it stands in the log; told again
    with the same `at` it counts once."""
    at = body.at or call.now
    if not call.now - BACK <= at <= call.now + AHEAD:
        wrong = FieldError("at", "is not within the last seven days", "give when it began, or leave it out: now")
        raise Problem("invalid", "This change is of another time.", errors=[wrong])
    rows = _machines(call, body.machines)
    names = sorted({row.name for row in rows})
    for customer_id in sorted({row.customer_id for row in rows}):
        theirs = sorted({row.name for row in rows if row.customer_id == customer_id})
        facts = {"machines": theirs[:50], "count": len(theirs), "what": body.what, "at": at.isoformat()}
        record(call.session, actor=call.caller.actor, deed="change.told", subject=f"change {body.what[:100]}",
               customer_id=customer_id, now=call.now, facts=facts)  # fmt: skip
    announcing.announce(names, body.what, at, "api", call.now)
    return Answer(ChangeTold(machines=names, what=body.what, at=at))


def _machines(call: Call, refs: Sequence[str]) -> list[Machine]:
    """Each by id or name, asked for at once. Raises Problem naming every one that is unknown or retired."""
    ids = {ref: by_id for ref in refs if (by_id := lookup.as_id(ref)) is not None}
    named = or_(Machine.id.in_(ids.values()), Machine.name.in_([ref for ref in refs if ref not in ids]))
    known: dict[uuid.UUID | str, Machine] = {}
    for row in call.session.scalars(select(Machine).where(named)):
        known |= {row.id: row, row.name: row}
    rows = [known.get(ids.get(ref, ref)) for ref in refs]
    wrong = [
        FieldError(f"machines.{place}", "names no machine known here", "list what there is: GET /api/v1/machines")
        if row is None
        else FieldError(f"machines.{place}", "is retired", "leave it out")
        for place, row in enumerate(rows)
        if row is None or row.retired_at is not None
    ]
    if wrong:
        raise Problem("invalid", "Some of the machines cannot be told of a change.", errors=wrong)
    return [row for row in rows if row is not None]
