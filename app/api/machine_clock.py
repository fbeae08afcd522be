"""A machine's own clock: how far it is off, and from when on the instants of its reports are corrected."""

from __future__ import annotations

from pydantic import Field

from app.api import lookup
from app.api.door import Call, route
from app.wire import Instant, Out
from models.machines import MachineState
from telemetry import clocks_kept


class CorrectionOut(Out):
    since: Instant = Field(description="arrival of the first report it was applied to")
    offset_s: float = Field(description="the machine's clock less ours: stored instant + this is the one it sent; 0: "
                                        "right again")  # fmt: skip


class ClockOut(Out):
    machine: str
    skew_s: float | None = Field(description="of the last reports, device clock less ours, time on the way included")
    offset_s: float = Field(description="what is taken off its instants now, seconds; 0: its clock is right enough")
    corrections: list[CorrectionOut] = Field(description="newest first, at most 100")


@route("GET", "/machines/{machine}/clock", "machines:read", {200: ClockOut}, problems=("not-found",))
def get(call: Call, *, machine: str) -> ClockOut:
    """How far a machine's clock is off, and since when the instants of what it says are corrected by how much."""
    row = lookup.machine(call, machine)
    state = call.session.get(MachineState, row.id)
    found = clocks_kept.corrections(call.session, row.id)
    return ClockOut(
        machine=row.name,
        skew_s=state.skew_s if state else None,
        offset_s=found[0].offset_s if found else 0.0,
        corrections=[CorrectionOut(since=one.since, offset_s=one.offset_s) for one in found],
    )
