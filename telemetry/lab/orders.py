"""Faults and cures as rows: asked for by hand or begun by the story, taken by the running lab, listed for people."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.machines import Machine, MachineState
from models.telemetry import LabOrder, ProcessBeat
from telemetry import part
from telemetry.lab.faults import Fault, Kind

PROCESS = "lab"
CURE = "cure"
BEGUN = "begun"
CURED = "cured"


@dataclass(frozen=True)
class Running:
    """A fault in force; it mends itself at `until`, or stays until somebody cures it."""

    fault: Fault
    until: datetime | None


def place(session: Session, fault: Fault, until: datetime | None, now: datetime) -> None:
    """Ask the running lab for a fault."""
    session.add(_row(fault, until, now))


def place_cure(session: Session, machine: str, now: datetime) -> None:
    """Ask the running lab to mend everything on a machine."""
    session.add(LabOrder(kind=CURE, machine=machine, options={}, asked_at=now))


def note(session: Session, fault: Fault, until: datetime | None, now: datetime) -> None:
    """Write down a fault that the story began by itself."""
    row = _row(fault, until, now)
    row.taken_at, row.outcome = now, BEGUN
    session.add(row)


def note_cure(session: Session, machine: str, now: datetime) -> None:
    """Write down a cure that came by itself."""
    session.add(LabOrder(kind=CURE, machine=machine, options={}, asked_at=now, taken_at=now, outcome=CURED))


def take(session: Session, machines: Collection[str], now: datetime) -> list[LabOrder]:
    """New orders, oldest first, marked as taken; those the lab cannot carry out are answered and left out."""
    waiting = session.scalars(
        select(LabOrder).where(LabOrder.taken_at.is_(None)).order_by(LabOrder.id).with_for_update(skip_locked=True)
    ).all()
    good = []
    for order in waiting:
        order.taken_at = now
        if order.machine not in machines:
            order.outcome = "refused: the lab plays no machine of this name"
        elif order.kind != CURE and order.kind not in set(Kind):
            order.outcome = "refused: no such kind of fault"
        else:
            order.outcome = CURED if order.kind == CURE else BEGUN
            good.append(order)
    return good


def running(session: Session) -> list[Running]:
    """Faults in force: every fault begun on a machine since its last cure."""
    rows: Sequence[LabOrder] = session.scalars(
        select(LabOrder).where(LabOrder.outcome.in_((BEGUN, CURED))).order_by(LabOrder.id)
    ).all()
    by_machine: dict[str, dict[str, Running]] = {}
    for row in rows:
        if row.kind == CURE:
            by_machine.pop(row.machine, None)
        else:
            by_machine.setdefault(row.machine, {})[row.kind] = as_running(row)
    return [found for kinds in by_machine.values() for found in kinds.values()]


def as_running(row: LabOrder) -> Running:
    """The fault an order describes, since the instant it was taken."""
    until = row.options.get("until")
    fault = Fault(
        Kind(row.kind),
        row.machine,
        row.taken_at or row.asked_at,
        float(row.options.get("severity", 1.0)),
        float(row.options.get("speed", 1.0)),
    )
    return Running(fault, datetime.fromisoformat(until) if until else None)


def beat(session: Session, now: datetime, facts: Mapping[str, int]) -> None:
    """Tell the platform page that the lab gets on. The supervisor's own words in the row are left alone."""
    row = {"pid": part.pid(), "host": platform.node(), "beat_at": now, "facts": dict(facts)}
    new = insert(ProcessBeat).values(name=PROCESS, state="running", started_at=now, **row)
    session.execute(new.on_conflict_do_update(index_elements=[ProcessBeat.name], set_=row))


def heard(session: Session, machines: Collection[str]) -> dict[str, tuple[datetime | None, int]]:
    """What the product already has of each machine: device time of the newest report, and the highest number stored."""
    found = session.execute(
        select(Machine.name, MachineState.last_at, MachineState.last_seq)
        .join(MachineState, MachineState.machine_id == Machine.id)
        .where(Machine.name.in_(machines))
    ).all()
    return {name: (at, seq or 0) for name, at, seq in found}


def _row(fault: Fault, until: datetime | None, now: datetime) -> LabOrder:
    options: dict[str, object] = {"severity": fault.severity, "speed": fault.speed}
    if until is not None:
        options["until"] = until.isoformat()
    return LabOrder(kind=fault.kind.value, machine=fault.machine, options=options, asked_at=now)
