"""The fleet: machines by customer with their state in the vocabulary's marks. A fixed number of queries."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from app import words
from models.agreements import Contract
from models.customers import Customer, Site
from models.incidents import OPEN_STATES, Incident
from models.machines import Machine, MachineState
from telemetry.maintenance import covering
from telemetry.worked_on import windows_of

MOST_MACHINES = 2000  # one page; a fleet larger than this is looked at customer by customer

# How a contract answers for telemetry, as one reads it in a table.
COVERED: Mapping[str, str] = {
    "detect": "watched; opens incidents",
    "shadow": "watched in shadow",
    "watch": "silence and hard faults",
    "collect": "collected only",
    "refused": "refused",
    "": "not asked yet",
}


@dataclass(frozen=True, slots=True)
class StateView:
    """The mark and the words for a machine's state; `unknown` is never healthy and never down."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class MachineRow:
    """One machine in a list."""

    id: uuid.UUID
    name: str
    title: str
    site: str
    state: StateView
    heard: str
    cadence: str
    covered: str
    telemetry: str
    incident: str
    incident_title: str


@dataclass(frozen=True, slots=True)
class CustomerFleet:
    """The machines of one customer, those that need eyes first."""

    slug: str
    name: str
    tier: str
    demo: bool
    machines: list[MachineRow]

    @property
    def heard_words(self) -> str:
        heard = sum(1 for machine in self.machines if machine.state.kind not in ("unknown", "silent"))
        return f"{heard} of {len(self.machines)} heard"


_ORDER = {"incident": 0, "deviates": 1, "unknown": 2, "maintenance": 3, "learning": 4, "healthy": 5, "not covered": 6}


def state_view(state: MachineState | None, has_incident: bool, now: datetime, worked_on: str = "") -> StateView:
    """Three-valued: what we do not hear we do not know, whatever was said before. `worked_on`: what is done to it."""
    if worked_on:
        seen = state_view(state, has_incident, now)
        kind = seen.kind if has_incident else "maintenance"
        return StateView(kind, f"{seen.words}; in maintenance: {worked_on}")
    if has_incident:
        if state is not None and state.speaking != "speaking":
            return StateView("incident", f"open incident; {silence_words(state, now)}")
        return StateView("incident", "open incident")
    if state is not None and state.telemetry == "refused":
        return StateView("not covered", "not covered")
    if state is None or state.last_received_at is None:
        return StateView("unknown", "never heard")
    if state.speaking != "speaking":
        return StateView("unknown", silence_words(state, now))
    if state.telemetry == "collect":
        return StateView("healthy", "heard; not judged")
    if state.health == "deviates":
        return StateView("deviates", "deviates")
    if state.health == "learning":
        return StateView("learning", "learning")
    if state.health == "healthy":
        return StateView("healthy", "healthy")
    return StateView("unknown", "heard; health unknown")


def silence_words(state: MachineState, now: datetime) -> str:
    """How long it has been silent."""
    if state.last_received_at is None:
        return "never heard"
    return f"not heard for {words.span((now - state.last_received_at).total_seconds())}"


def cadence_words(cadence_s: float | None) -> str:
    return f"every {words.span(cadence_s)}" if cadence_s else ""


def tiers(session: Session) -> dict[uuid.UUID, str]:
    """The best tier of an active contract of each customer, whatever its dates say."""
    rank = {"": 0, "bronze": 1, "silver": 2, "gold": 3, "platinum": 4}
    best: dict[uuid.UUID, str] = {}
    for customer_id, tier in session.execute(
        select(Contract.customer_id, Contract.tier).where(Contract.state == "active").distinct()
    ):
        if rank[tier] > rank[best.get(customer_id, "")]:
            best[customer_id] = tier
    return best


def expired_today(session: Session, today: datetime) -> frozenset[uuid.UUID]:
    """Customers whose every active contract has ended."""
    last = select(Contract.customer_id).where(Contract.state == "active").group_by(Contract.customer_id)
    over = last.having(func.max(func.coalesce(Contract.ends_on, today.date())) < today.date())
    return frozenset(session.scalars(over))


def read_fleet(session: Session, now: datetime, customer_id: uuid.UUID | None = None) -> list[CustomerFleet]:
    """Every machine in reach, by customer; customers with something to look at first."""
    statement = (
        select(Machine, MachineState, Site.name, Customer)
        .options(defer(MachineState.latest), defer(MachineState.facts))
        .join(Customer, Customer.id == Machine.customer_id)
        .outerjoin(MachineState, MachineState.machine_id == Machine.id)
        .outerjoin(Site, Site.id == Machine.site_id)
        .where(Machine.retired_at.is_(None))
        .order_by(Customer.name, Machine.name)
        .limit(MOST_MACHINES)
    )
    if customer_id is not None:
        statement = statement.where(Machine.customer_id == customer_id)
    open_ones = open_incidents(session, customer_id)
    worked = _worked_on(session, now, customer_id)
    tier_of = tiers(session)
    expired = expired_today(session, now)
    fleets: dict[uuid.UUID, CustomerFleet] = {}
    for machine, state, site, customer in session.execute(statement):
        fleet = fleets.get(customer.id)
        if fleet is None:
            tier = "" if customer.id in expired else tier_of.get(customer.id, "")
            fleet = fleets[customer.id] = CustomerFleet(customer.slug, customer.name, tier, customer.demo, [])
        row = machine_row(machine, state, site or "", open_ones.get(machine.id), now, worked.get(machine.id, ""))
        fleet.machines.append(row)
    for fleet in fleets.values():
        fleet.machines.sort(key=lambda machine: (_ORDER.get(machine.state.kind, 9), machine.name))
    return sorted(fleets.values(), key=lambda one: (_ORDER.get(one.machines[0].state.kind, 9), one.name))


def _worked_on(session: Session, now: datetime, customer_id: uuid.UUID | None) -> dict[uuid.UUID, str]:
    """What is being done now to machines in maintenance."""
    statement = select(Machine.id).where(Machine.retired_at.is_(None)).limit(MOST_MACHINES)
    if customer_id is not None:
        statement = statement.where(Machine.customer_id == customer_id)
    windows = windows_of(session, list(session.scalars(statement)), now)
    running = {machine_id: covering(some, now) for machine_id, some in windows.items()}
    return {machine_id: found[0].title for machine_id, found in running.items() if found is not None}


def open_incidents(session: Session, customer_id: uuid.UUID | None = None) -> dict[uuid.UUID, tuple[str, str]]:
    """Machine → label and title of its gravest open incident."""
    statement = (
        select(Incident.machine_id, Incident.number, Incident.title)
        .where(Incident.state.in_(OPEN_STATES), Incident.machine_id.is_not(None))
        .order_by(Incident.severity.desc(), Incident.opened_at)
    )
    if customer_id is not None:
        statement = statement.where(Incident.customer_id == customer_id)
    rows = session.execute(statement)
    return {machine_id: (f"VG-{number}", title) for machine_id, number, title in rows if machine_id is not None}


def machine_row(
    machine: Machine, state: MachineState | None, site: str, incident: tuple[str, str] | None, now: datetime,
    worked_on: str = "",
) -> MachineRow:  # fmt: skip
    """One line of a list of machines."""
    telemetry = state.telemetry if state else ""
    return MachineRow(
        id=machine.id,
        name=machine.name,
        title=machine.title,
        site=site,
        state=state_view(state, incident is not None, now, worked_on),
        heard=words.ago(state.last_received_at if state else None, now),
        cadence=cadence_words(state.cadence_s if state else None),
        covered=COVERED.get(telemetry, telemetry),
        telemetry=telemetry,
        incident=incident[0] if incident else "",
        incident_title=incident[1] if incident else "",
    )
