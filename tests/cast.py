"""The fixed cast of the tests.

*Ada* runs a platinum plant, *Bo* works for her, *Cy* has a bronze contract elsewhere and must never see Ada's things,
*Dee* is on duty, *Eve* is her second, *Max* manages, *Root* administers.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from models.agreements import Contract, ContractLine
from models.customers import Customer, Site
from models.machines import Machine
from models.people import Person, Shift

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)  # a Tuesday, ten in the morning in Paris


@dataclass(frozen=True)
class Cast:
    """Ids of the cast; `now` is the instant the house was settled."""

    now: datetime
    plant: uuid.UUID  # Ada's customer, platinum
    joinery: uuid.UUID  # Cy's customer, bronze
    ada: uuid.UUID
    bo: uuid.UUID
    cy: uuid.UUID
    dee: uuid.UUID
    eve: uuid.UUID
    max: uuid.UUID
    root: uuid.UUID
    plant_contract: uuid.UUID
    joinery_contract: uuid.UUID
    plant_machine: uuid.UUID  # "plant-db-1"
    joinery_machine: uuid.UUID  # "joinery-files"


def settle(session: Session, now: datetime = NOW) -> Cast:
    """Bring the cast into an empty database."""
    ids = {name: uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.cast") for name in Cast.__dataclass_fields__ if name != "now"}
    mail = {"channel": "email"}

    def person(name: str, role: str, customer: uuid.UUID | None = None, **more: object) -> Person:
        address = f"{name}@example.org"
        return Person(
            id=ids[name],
            name=name.capitalize(),
            email=address,
            role=role,
            customer_id=customer,
            zone="Europe/Paris",
            notify=[{**mail, "address": address}],
            created_at=now,
            **more,
        )

    session.add_all(
        [
            Customer(id=ids["plant"], slug="plant", name="Ada's Plant", zone="Europe/Paris", created_at=now),
            Customer(id=ids["joinery"], slug="joinery", name="Cy Joinery", zone="Europe/London", created_at=now),
        ]
    )
    session.flush()  # rows below refer to the customers
    plant_site = Site(customer_id=ids["plant"], name="Mill", zone="Europe/Paris", country="FR", created_at=now)
    joinery_site = Site(customer_id=ids["joinery"], name="Yard", zone="Europe/London", country="GB", created_at=now)
    session.add_all([plant_site, joinery_site])
    session.add_all(
        [
            person("ada", "contact", ids["plant"], may=["open", "escalate", "sign"]),
            person("bo", "contact", ids["plant"], may=["open"]),
            person("cy", "contact", ids["joinery"], may=["open", "escalate", "sign"]),
            person("dee", "engineer", level="senior"),
            person("eve", "engineer", level="senior"),
            person("max", "manager"),
            person("root", "administrator"),
        ]
    )
    session.flush()  # shifts and machines refer to people and sites
    for name in ("dee", "eve"):
        session.add(
            Shift(
                person_id=ids[name],
                unit="europe",
                starts_at=now - timedelta(hours=2),
                ends_at=now + timedelta(days=30),
            )
        )
    for whose, site, tier, machine in (
        ("plant", plant_site, "platinum", "plant-db-1"),
        ("joinery", joinery_site, "bronze", "joinery-files"),
    ):
        session.add(
            Machine(id=ids[f"{whose}_machine"], customer_id=ids[whose], name=machine, site_id=site.id, created_at=now)
        )
        session.add(
            Contract(
                id=ids[f"{whose}_contract"],
                customer_id=ids[whose],
                number=f"VC-{whose}",
                tier=tier,
                state="active",
                starts_on=date(2026, 1, 1),
                ends_on=date(2026, 12, 31),
                zone=site.zone,
                country=site.country,
                created_at=now,
            )
        )
        session.flush()  # lines refer to the contract and the machine
        session.add(
            ContractLine(
                customer_id=ids[whose], contract_id=ids[f"{whose}_contract"], machine_id=ids[f"{whose}_machine"]
            )
        )
    session.flush()
    return Cast(now=now, **ids)
