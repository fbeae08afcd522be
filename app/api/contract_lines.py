"""The lines of a contract: one machine, one site, one service, or everything, each with days of its own."""

from __future__ import annotations

import uuid
from typing import Annotated

from pydantic import Field

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.outcome import by, done
from app.problems import invalid, not_found
from app.wire import Day, In, Out, Ref
from contracts import covering
from models.agreements import Contract, ContractLine

Service = Annotated[str, Field(max_length=80, pattern=r"^([a-z0-9][a-z0-9 ._-]*)?$")]


class LineOut(Out):
    id: uuid.UUID
    machine_id: uuid.UUID | None
    site_id: uuid.UUID | None
    service: str = Field(description="with neither machine, site nor service the whole customer is covered")
    starts_on: Day | None
    ends_on: Day | None


class NewLine(In):
    machine: Ref | None = Field(None, description="id or name; with no machine, site or service the whole customer")
    site: uuid.UUID | None = None
    service: Service = Field("", description="work that is no machine, such as backup")
    starts_on: Day | None = None
    ends_on: Day | None = None


class LinePatch(In):
    ends_on: Day | None = Field(description="its last day; null: no end of its own")


@route("POST", "/contracts/{contract}/lines", "contracts:write", {201: LineOut}, body=NewLine, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def add_line(call: Call, body: NewLine, *, contract: str) -> LineOut:
    """Cover a machine, a site, a service or the whole customer."""
    return LineOut.model_validate(cover(call, lookup.contract(call, contract), body, ""))


@route("PATCH", "/contracts/{contract}/lines/{line}", "contracts:write", {200: LineOut}, body=LinePatch, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def end_line(call: Call, body: LinePatch, *, contract: str, line: str) -> LineOut:
    """Let a line end with a day."""
    row, found = _found(call, contract, line)
    return LineOut.model_validate(done(covering.end_line(call.session, row, found, body.ends_on, by(call), call.now)))


@route("DELETE", "/contracts/{contract}/lines/{line}", "contracts:write", {204: None}, staff=True,
       problems=("not-found",))  # fmt: skip
def remove_line(call: Call, *, contract: str, line: str) -> Answer:
    """Take away a line that was written in error; to end one that held, give it a last day."""
    row, found = _found(call, contract, line)
    covering.remove_line(call.session, row, found, by(call), call.now)
    return Answer(status=204)


def cover(call: Call, row: Contract, body: NewLine, where: str) -> ContractLine:
    """Write a line. Raises Problem naming the field, which stands under `where` in the body."""
    machine = lookup.machine(call, body.machine, where + "machine") if body.machine else None
    site = lookup.site(call, str(body.site), where + "site") if body.site else None
    for name, thing in (("machine", machine), ("site", site)):
        if thing is not None and thing.customer_id != row.customer_id:
            raise invalid(where + name, "belongs to another customer", "name one of this contract's customer")
    new = covering.NewLine(
        machine.id if machine else None, site.id if site else None, body.service, body.starts_on, body.ends_on
    )
    return done(covering.add_line(call.session, row, new, by(call), call.now), where)


def _found(call: Call, contract: str, line: str) -> tuple[Contract, ContractLine]:
    row = lookup.contract(call, contract)
    found = call.session.get(ContractLine, known) if (known := lookup.as_id(line)) else None
    if found is None or found.contract_id != row.id:
        raise not_found("line")
    return row, found
