"""What the duty desk's tests share: contracts of any tier, signals, and a look at what was written."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.incident import Actor, NotNow
from escalation.intake import Signal
from models.agreements import Contract, ContractLine
from models.customers import Customer
from models.incidents import Finding, Incident, Promise, TimelineEntry
from models.machines import Machine
from models.notices import Notice
from models.people import NamedPerson, Person
from tests.cast import Cast

__all__ = ["Actor", "Machine", "NamedPerson", "Person"]


def actor(cast: Cast, name: str) -> Actor:
    return Actor(getattr(cast, name), name.capitalize(), is_customer=name in ("ada", "bo", "cy"))


def signal(machine_id: uuid.UUID, at: datetime, cause: str = "memory", **more: Any) -> Signal:
    given: dict[str, Any] = {
        "kind": "anomaly",
        "severity": 2,
        "title": "Memory fills",
        "summary": "Memory in use 93 %, 41 to 55 expected",
        "evidence": {"metrics": [{"name": "mem", "observed": 93.0}]},
        **more,
    }
    return Signal(machine_id, cause, seen_at=at, **given)


def finding(session: Session, cast_machine: uuid.UUID, at: datetime, cause: str = "memory") -> uuid.UUID:
    """A finding as the watcher writes it, before it is reported."""
    machine = session.get_one(Machine, cast_machine)
    row = Finding(
        customer_id=machine.customer_id,
        machine_id=machine.id,
        cause=cause,
        kind="anomaly",
        severity=2,
        started_at=at,
        opened_at=at,
        summary="Memory fills",
        created_at=at,
    )
    session.add(row)
    session.flush()  # its id is reported
    return row.id


def covered_machine(session: Session, name: str, tier: str, now: datetime, **contract: Any) -> uuid.UUID:
    """A customer of its own with one machine under a contract of this tier."""
    customer = Customer(slug=name, name=name.capitalize(), zone="Europe/Paris", created_at=now)
    session.add(customer)
    session.flush()  # the rows below refer to it
    machine = Machine(customer_id=customer.id, name=name, created_at=now)
    given: dict[str, Any] = {
        "state": "active",
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2026, 12, 31),
        **contract,
    }
    terms = Contract(
        customer_id=customer.id, number=f"VC-{name}", tier=tier, zone="Europe/Paris", created_at=now, **given
    )
    session.add_all([machine, terms])
    session.flush()  # the line refers to both
    session.add(ContractLine(customer_id=customer.id, contract_id=terms.id, machine_id=machine.id))
    session.flush()
    return machine.id


def engineer(session: Session, name: str, now: datetime, **more: Any) -> uuid.UUID:
    """One of ours with a mail address."""
    given: dict[str, Any] = {"role": "engineer", "level": "senior", **more}
    address = f"{name.lower()}@house.example"
    person = Person(
        name=name, email=address, notify=[{"channel": "email", "address": address}], created_at=now, **given
    )
    session.add(person)
    session.flush()  # its id is used
    return person.id


def incidents(session: Session) -> list[Incident]:
    return list(session.scalars(select(Incident).order_by(Incident.number)))


def the_incident(session: Session) -> Incident:
    (one,) = incidents(session)
    return one


def told(session: Session) -> list[tuple[str, int, int]]:
    """(who, rung, round) of every notice, in order of writing."""
    rows = select(Notice, Person.name).join(Person, Person.id == Notice.person_id)
    found = session.execute(rows.order_by(Notice.created_at, Notice.rung, Person.name)).all()
    return [(name, notice.rung, notice.round) for notice, name in found]


def story(session: Session, *kinds: str) -> list[str]:
    rows = session.scalars(select(TimelineEntry).order_by(TimelineEntry.at, TimelineEntry.id))
    return [entry.text for entry in rows if not kinds or entry.kind in kinds]


def promises(session: Session) -> list[tuple[str, str, datetime | None]]:
    rows = session.scalars(select(Promise).order_by(Promise.started_at, Promise.kind))
    return [(promise.kind, promise.state, promise.due_at) for promise in rows]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def done(answer: Incident | NotNow) -> Incident:
    assert isinstance(answer, Incident), answer
    return answer
