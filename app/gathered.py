"""Fleet events as they are read: the parent, its children by contract, its machines. For the API and for pages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agreements import Contract
from models.customers import Customer
from models.fleet_events import FleetEvent, FleetMember
from models.incidents import Incident
from models.machines import Machine

ANSWERS = {
    "opened": "incident",
    "shown": "shown, by its contract",
    "shadow": "seen in shadow, by its contract",
    "refused": "not part of its contract",
}


@dataclass(frozen=True, slots=True)
class Child:
    """What one contract has in a fleet event."""

    customer_id: uuid.UUID
    customer: str
    slug: str
    contract_id: uuid.UUID | None
    contract: str | None
    tier: str | None
    incident_id: uuid.UUID | None
    label: str | None
    state: str | None
    answer: str
    machines: int
    recovered: int


@dataclass(frozen=True, slots=True)
class Member:
    """One machine of a fleet event."""

    machine_id: uuid.UUID
    machine: str
    customer: str
    cause: str
    began_at: datetime
    joined_at: datetime
    recovered_at: datetime | None
    released_at: datetime | None


def event_named(session: Session, ref: str) -> FleetEvent | None:
    """By id or label (FE-7); None when there is none within reach."""
    if ref.upper().startswith("FE-") and ref[3:].isascii() and ref[3:].isdigit() and len(ref) <= 18:
        return session.scalar(select(FleetEvent).where(FleetEvent.number == int(ref[3:])))
    try:
        return session.get(FleetEvent, uuid.UUID(ref))
    except ValueError:
        return None


def open_events(session: Session) -> Sequence[FleetEvent]:
    """Events that go on, the newest first."""
    return session.scalars(
        select(FleetEvent).where(FleetEvent.resolved_at.is_(None)).order_by(FleetEvent.opened_at.desc()).limit(50)
    ).all()


def children_of(session: Session, event_id: uuid.UUID) -> list[Child]:
    """Each contract's part, those with an incident first, the most machines first."""
    rows = session.execute(
        select(
            FleetMember.customer_id, Customer.name, Customer.slug, FleetMember.contract_id, Contract.number,
            Contract.tier, func.max(Incident.number), func.max(Incident.state), FleetMember.answer, func.count(),
            func.count(FleetMember.recovered_at),
        )
        .join(Customer, Customer.id == FleetMember.customer_id)
        .outerjoin(Contract, Contract.id == FleetMember.contract_id)
        .outerjoin(Incident, Incident.id == FleetMember.incident_id)
        .where(FleetMember.event_id == event_id)
        .group_by(
            FleetMember.customer_id, Customer.name, Customer.slug, FleetMember.contract_id, Contract.number,
            Contract.tier, FleetMember.answer,
        )
    ).all()  # fmt: skip
    numbers = {row[6] for row in rows if row[6] is not None}
    named = session.execute(select(Incident.number, Incident.id).where(Incident.number.in_(numbers)))
    ids = {row.number: row.id for row in named}
    found = [
        Child(
            customer_id, customer, slug, contract_id, contract, tier, ids.get(number) if number else None,
            f"VG-{number}" if number else None, state, answer, machines, recovered,
        )
        for customer_id, customer, slug, contract_id, contract, tier, number, state, answer, machines, recovered in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.label is None, -one.machines, one.customer, one.answer))


def members_of(
    session: Session, *, event_id: uuid.UUID | None = None, incident_id: uuid.UUID | None = None, limit: int = 200
) -> list[Member]:
    """The machines of an event, or of one child; those still broken first, then by name."""
    mine = FleetMember.event_id == event_id if event_id is not None else FleetMember.incident_id == incident_id
    rows = session.execute(
        select(
            FleetMember.machine_id, Machine.name, Customer.name, FleetMember.cause, FleetMember.began_at,
            FleetMember.joined_at, FleetMember.recovered_at, FleetMember.released_at,
        )
        .join(Machine, Machine.id == FleetMember.machine_id)
        .join(Customer, Customer.id == FleetMember.customer_id)
        .where(mine)
        .order_by(FleetMember.recovered_at.is_not(None), Machine.name)
        .limit(limit)
    )  # fmt: skip
    return [Member(*row) for row in rows]


def standing_of(session: Session, incident_id: uuid.UUID) -> tuple[int, int]:
    """How many machines stand behind a child, and how many of them have recovered."""
    counted = select(func.count(), func.count(FleetMember.recovered_at)).where(FleetMember.incident_id == incident_id)
    machines, recovered = session.execute(counted).one()
    return int(machines), int(recovered)
