"""Who is on duty for a customer now, as routing sees them, and whom a rung's word means."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.incident import NEVER_ALONE
from escalation.promises import terms_of
from escalation.routing import Candidate, Need, Order, Place, order, second_for, unit_of
from models.customers import Customer
from models.incidents import OPEN_STATES, Incident
from models.people import NamedPerson, Person, Shift
from models.session import as_staff


@dataclass(frozen=True, slots=True)
class Duty:
    """The order of those on duty, everybody of ours by id, and whom the contract names."""

    order: Order
    people: dict[uuid.UUID, Person]
    named: tuple[uuid.UUID, ...]


def on_duty(session: Session, incident: Incident, now: datetime) -> Duty:
    """Everybody of ours as they stand towards this incident at `now`, whoever's transaction asks."""
    with as_staff(session):
        return _on_duty(session, incident, now)


def _on_duty(session: Session, incident: Incident, now: datetime) -> Duty:
    customer = session.get_one(Customer, incident.customer_id)
    people = {
        person.id: person
        for person in session.scalars(
            select(Person).where(Person.customer_id.is_(None), Person.active).order_by(Person.name)
        )
    }
    units: dict[uuid.UUID, set[str]] = {}
    shifts = select(Shift.person_id, Shift.unit).where(Shift.starts_at <= now, Shift.ends_at > now)
    for person_id, unit in session.execute(shifts):
        units.setdefault(person_id, set()).add(unit)
    owned = select(Incident.owner_id, func.count()).where(
        Incident.state.in_(OPEN_STATES), Incident.owner_id.is_not(None)
    )
    in_hand = {row[0]: row[1] for row in session.execute(owned.group_by(Incident.owner_id))}
    named = tuple(
        session.scalars(
            select(NamedPerson.person_id).where(NamedPerson.customer_id == customer.id).order_by(NamedPerson.duty)
        )
    )
    need = Need(
        customer.id, unit_of(customer.zone), incident.severity, terms_of(incident).skill_floor, customer.language
    )
    candidates = [
        Candidate(
            person.id,
            person.name,
            person.level,
            frozenset(units.get(person.id, ())),
            frozenset(person.languages),
            in_hand.get(person.id, 0),
            bool(person.notify),
            person.id in named,
        )
        for person in people.values()
        if person.role == "engineer"
    ]
    return Duty(order(candidates, need), people, named)


def whom(duty: Duty, word: str) -> list[Place]:
    """The people a rung's word means now, each with the reason; empty when nobody can be reached on it."""
    if word == "duty":
        return list(duty.order.places[:1])
    if word == "second":
        return list(duty.order.places[1:2])
    if word == "account":
        chosen = [duty.people[id] for id in duty.named if id in duty.people]
        return _places(chosen, "named for this account")
    chosen = [person for person in duty.people.values() if word in person.rungs]
    if chosen or word != "lead":
        return _places(chosen, f"stands on the rung {word}")
    # A house that named no lead, and a new one that has only its administrator, still must not leave a rung dark.
    for role in ("manager", "administrator"):
        found = _places([person for person in duty.people.values() if person.role == role], f"{role}; no lead is named")
        if found:
            return found
    return []


def _places(people: Sequence[Person], reason: str) -> list[Place]:
    return [Place(person.id, person.name, reason) for person in people if person.notify]


def methods(person: Person, severity: int) -> list[tuple[str, str]]:
    """(channel, address) to try, best first: two ways at once for the gravest severities, else one."""
    ways = [(way["channel"], way["address"]) for way in person.notify]
    return ways[: 2 if severity <= NEVER_ALONE else 1]


def beside(duty: Duty, owner: uuid.UUID | None) -> Place | None:
    """Who stands beside the owner: the next on duty, or else a lead, so that nobody is alone at night either."""
    return second_for([*duty.order.places, *whom(duty, "lead")], owner)
