"""The rows of canaries: a customer and a contract of their own, under which nobody is ever called, and their machines.

Their contract is of the tier whose telemetry is looked at in the shadow: findings are stored and shown, no incident is
opened, so no promise runs and no ladder is climbed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models import audit
from models.agreements import Contract, ContractLine
from models.base import new_id
from models.canaries import Canary
from models.customers import Customer, Site
from models.machines import Machine
from telemetry import enrol

SLUG: Final = "vigie-canaries"
NAME: Final = "Vigie canaries"
CONTRACT: Final = "VC-CANARY"
TIER: Final = "gold"  # findings in the shadow
TITLE: Final = "canary: its faults are made on purpose, to measure detection"
EVERY_S: Final = 600
LEAST_S, MOST_S, MOST_CANARIES = 300, 86_400, 20


class CanaryError(ValueError):
    """Canaries cannot be installed; the message is a sentence for a person."""


def secrets_file(data: Path) -> Path:
    """Where their MQTT secrets lie: a JSON object, machine → secret."""
    return data / "canary" / "secrets.json"


def install(
    session: Session, now: datetime, known: Mapping[str, str], *, count: int = 1, every_s: int = EVERY_S, actor: str
) -> dict[str, str]:
    """Bring what is missing; every canary's secret by name. Doing it twice changes nothing but the pace.
    Raises `CanaryError`."""
    if not (1 <= count <= MOST_CANARIES and LEAST_S <= every_s <= MOST_S):
        raise CanaryError(f"1 to {MOST_CANARIES} canaries, each broken every {LEAST_S} to {MOST_S} seconds")
    customer = session.scalar(select(Customer).where(Customer.slug == SLUG)) or _customer(session, now)
    site_id = session.scalars(select(Site.id).where(Site.customer_id == customer.id)).first()
    present = {one.name: one for one in session.scalars(select(Machine).where(Machine.customer_id == customer.id))}
    secrets: dict[str, str] = {}
    for name in (f"canary-{number}" for number in range(1, count + 1)):
        machine = present.get(name)
        if machine is None:
            if session.scalar(select(Machine.id).where(Machine.name == name)) is not None:
                raise CanaryError(f"a machine of another customer is called {name}; rename it first")
            machine, secrets[name] = enrol.enrol(
                session, customer.id, name, now, site_id=site_id, title=TITLE, actor=actor
            )
        else:
            secrets[name] = known.get(name) or enrol.rotate(session, machine, now, actor=actor)
        row = session.scalar(select(Canary).where(Canary.machine_id == machine.id))
        if row is None:
            session.add(Canary(customer_id=customer.id, machine_id=machine.id, every_s=every_s, made_at=now,
                               made_by=actor))  # fmt: skip
        else:
            row.every_s = every_s
    facts = {"canaries": sorted(secrets), "every_s": every_s}
    audit.record(session, actor=actor, deed="canary.installed", subject="canaries", now=now, facts=facts)
    return secrets


def remove(session: Session, now: datetime, *, actor: str) -> int:
    """Take them away with all they said; how many there were. The audit keeps its record."""
    customer_id = session.scalar(select(Customer.id).where(Customer.slug == SLUG))
    if customer_id is None:
        return 0
    names = session.scalars(select(Machine.name).where(Machine.customer_id == customer_id)).all()
    session.execute(delete(Customer).where(Customer.id == customer_id))
    audit.record(session, actor=actor, deed="canary.removed", subject="canaries", now=now,
                 facts={"canaries": sorted(names)})  # fmt: skip
    return len(names)


def _customer(session: Session, now: datetime) -> Customer:
    customer = Customer(id=new_id(), slug=SLUG, name=NAME, language="en", zone="UTC", created_at=now)
    session.add(customer)
    session.flush()  # everything below refers to it
    session.add(Site(customer_id=customer.id, name="This desk", zone="UTC", country="", created_at=now))
    today = now.date()
    contract = Contract(
        id=new_id(), customer_id=customer.id, number=CONTRACT, tier=TIER, state="active",
        starts_on=today - timedelta(days=1), ends_on=today + timedelta(days=36500), zone="UTC", country="",
        created_at=now,
    )  # fmt: skip
    session.add(contract)
    session.flush()  # the line refers to the contract
    session.add(ContractLine(customer_id=customer.id, contract_id=contract.id))
    session.flush()
    return customer
