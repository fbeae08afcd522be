"""Where machines stand and what they run: what they may have in common, as declared or as their own facts say."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import in_force
from escalation.together import Spot
from models.agreements import Contract, ContractLine
from models.customers import Customer, Site
from models.machines import Machine, MachineState

# Facts a machine reports of itself that name what it runs; what is declared comes first.
SOFTWARE_FACTS: Final = ("software", "software_version", "version", "image", "firmware", "bios", "os", "kernel")
_LONGEST: Final = 120  # characters of a fact that names a spot


@dataclass(frozen=True, slots=True)
class Place:
    """One machine, with what it may share with others."""

    machine_id: uuid.UUID
    customer_id: uuid.UUID
    site_id: uuid.UUID | None
    name: str
    spots: tuple[Spot, ...]


def places_of(session: Session, machines: Collection[uuid.UUID]) -> dict[uuid.UUID, Place]:
    """Each of these machines that exists, with its spots."""
    if not machines:
        return {}
    rows = session.execute(
        select(
            Machine.id, Machine.customer_id, Machine.site_id, Machine.name, Machine.rack, Machine.software,
            Machine.broker, Site.name.label("site"), Customer.slug.label("customer"), MachineState.facts,
        )
        .join(Customer, Customer.id == Machine.customer_id)
        .outerjoin(Site, Site.id == Machine.site_id)
        .outerjoin(MachineState, MachineState.machine_id == Machine.id)
        .where(Machine.id.in_(machines))
    )  # fmt: skip
    return {row.id: Place(row.id, row.customer_id, row.site_id, row.name, spots_of(row)) for row in rows}


def spots_of(row: Any) -> tuple[Spot, ...]:
    """The spots of a row of a machine, the narrowest kind first. What is declared counts before what it says itself."""
    facts: Mapping[str, Any] = row.facts or {}

    def told(name: str) -> str:
        value = facts.get(name)
        return str(value).strip()[:_LONGEST] if isinstance(value, str | int | float) else ""

    site, rack, broker = row.site or told("site"), row.rack or told("rack"), row.broker or told("broker")
    software = [row.software] if row.software else []
    software += [f"{name} {value}" for name in SOFTWARE_FACTS if (value := told(name)) and value != row.software]
    spots = [Spot("broker", broker)] if broker else []
    if rack:
        # A rack's number alone is no place: every site has a rack 1.
        spots.append(Spot("rack", f"{rack} at {site}" if site else rack))
    if site:
        spots.append(Spot("site", site))
    spots += [Spot("software", one) for one in software]
    return (*spots, Spot("customer", row.customer))


def contracts_of(
    session: Session, places: Collection[Place], now: datetime
) -> dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID | None]]:
    """(customer, contract that answers now; None: none) of each machine. Machines that are covered alike are asked for
    once."""
    lines = _lines(session, places)
    alike: dict[tuple[object, ...], list[Place]] = defaultdict(list)
    for place in places:
        alike[place.customer_id, place.site_id, lines.get(place.machine_id, ())].append(place)
    found: dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID | None]] = {}
    asked = [(some[0].customer_id, some[0].machine_id) for some in alike.values()]
    for some, holds in zip(alike.values(), in_force.standings(session, asked, now), strict=True):
        found |= {place.machine_id: (place.customer_id, holds.contract_id) for place in some}
    return found


Line = tuple[uuid.UUID, date | None, date | None]


def _lines(session: Session, places: Collection[Place]) -> dict[uuid.UUID, tuple[Line, ...]]:
    """What names a machine itself: contract, first and last day of each such line."""
    rows = session.execute(
        select(ContractLine.machine_id, ContractLine.contract_id, ContractLine.starts_on, ContractLine.ends_on)
        .join(Contract, Contract.id == ContractLine.contract_id)
        .where(
            ContractLine.customer_id.in_({place.customer_id for place in places}), ContractLine.machine_id.is_not(None)
        )
        .order_by(ContractLine.contract_id, ContractLine.starts_on)
    )
    found: dict[uuid.UUID, tuple[Line, ...]] = defaultdict(tuple)
    for machine_id, contract_id, starts_on, ends_on in rows:
        assert machine_id is not None  # asked for
        found[machine_id] += ((contract_id, starts_on, ends_on),)
    return found
