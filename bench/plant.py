"""The customer of the bench: one platinum contract over all its machines; and what the database says of progress."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from models.agreements import Contract, ContractLine
from models.artefacts import ModelArtefact
from models.customers import Customer, Site
from models.incidents import Finding
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount
from telemetry import enrol


def settle(sessions: Sessions, names: list[str]) -> dict[str, str]:
    """Bring customer, contract and machines; the machines' secrets by name."""
    now = datetime.now(UTC)
    with work(sessions, SYSTEM) as session:
        customer = Customer(slug="bench", name="Bench", zone="UTC", created_at=now)
        session.add(customer)
        session.flush()  # everything below refers to it
        site = Site(customer_id=customer.id, name="Bench", zone="UTC", country="FR", created_at=now)
        contract = Contract(
            customer_id=customer.id, number="VC-bench", tier="platinum", state="active", zone="UTC", country="FR",
            starts_on=(now - timedelta(days=30)).date(), ends_on=(now + timedelta(days=300)).date(), created_at=now,
        )  # fmt: skip
        session.add_all([site, contract])
        session.flush()
        secrets = {}
        for name in names:
            machine, secrets[name] = enrol.enrol(session, customer.id, name, now, site_id=site.id, actor="bench")
            session.add(ContractLine(customer_id=customer.id, contract_id=contract.id, machine_id=machine.id))
    return secrets


def received(sessions: Sessions) -> int:
    """Reports that are in history, in one transaction with everything else that is kept of them."""
    with work(sessions, SYSTEM) as session:
        return int(session.scalar(select(func.coalesce(func.sum(DeliveryCount.received), 0))) or 0)


def ledger(sessions: Sessions) -> dict[str, int]:
    """The delivery ledger's sums over all machines."""
    columns = ("received", "scored", "refused", "duplicate", "late")
    with work(sessions, SYSTEM) as session:
        row = session.execute(select(*(func.coalesce(func.sum(getattr(DeliveryCount, c)), 0) for c in columns))).one()
    return dict(zip(columns, map(int, row), strict=True))


def healthy(sessions: Sessions) -> int:
    """Machines the model watches, none of them in trouble."""
    with work(sessions, SYSTEM) as session:
        return int(session.scalar(select(func.count()).where(MachineState.health == "healthy")) or 0)


def learned(sessions: Sessions) -> int:
    """Machines whose model has been written down."""
    with work(sessions, SYSTEM) as session:
        return int(session.scalar(select(func.count(func.distinct(ModelArtefact.machine_id)))) or 0)


def incidents(sessions: Sessions) -> dict[str, str]:
    """Machine to kind, of every finding: a row of one transaction with its incident, which many machines may share."""
    with work(sessions, SYSTEM) as session:
        rows = session.execute(select(Machine.name, Finding.kind).join(Finding, Finding.machine_id == Machine.id))
        return {row.name: row.kind for row in rows}
