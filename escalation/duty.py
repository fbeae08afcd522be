"""Who is on duty for a customer now, as routing sees them, and whom a rung's word means."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.ladder_terms import ROLES
from escalation import roster
from escalation.incident import NEVER_ALONE
from escalation.promises import terms_of
from escalation.quiet import in_hours
from escalation.roster import Roster
from escalation.routing import ELSEWHERE, Need, Order, Place, order, second_for, unit_of
from escalation.subjects import subject_of
from escalation.words import rung_name
from models.customers import Customer, Site
from models.incidents import Incident
from models.machines import Machine
from models.people import NamedPerson, Person
from models.session import as_staff

_Named = Mapping[uuid.UUID, dict[str, uuid.UUID]]  # customer → duty → who


@dataclass(frozen=True, slots=True)
class Duty:
    """The order of those on duty, everybody of ours by id, and whom the contract names."""

    order: Order
    people: dict[uuid.UUID, Person]
    named: tuple[uuid.UUID, ...]
    roles: Mapping[str, uuid.UUID] = field(default_factory=dict)  # a named role of the account → who holds it
    known: Roster | None = None  # who holds schedules, and who is on duty in which zone


@dataclass
class _Once:
    now: datetime
    known: Roster | None = None


@contextmanager
def read_once(session: Session, now: datetime) -> Iterator[None]:
    """Within it `on_duty` reads the roster of `now` when it is first asked for it, and not again: for openings of one
    transaction. An opened incident has no owner yet, so it fills nobody's hands.
    """
    session.info[_Once] = _Once(now)
    try:
        yield
    finally:
        del session.info[_Once]


def _roster(session: Session, now: datetime) -> Roster:
    once: _Once | None = session.info.get(_Once)
    if once is None or once.now != now:
        return roster.read(session, now)
    once.known = once.known or roster.read(session, now)
    return once.known


def on_duty(
    session: Session, incident: Incident, now: datetime, known: Roster | None = None, *, mode: str = ""
) -> Duty:
    """Everybody of ours as they stand towards this incident at `now`, whoever's transaction asks.

    `known`: the roster of the same instant, where many incidents are looked at; `mode`: as if it were served this way.
    """
    with as_staff(session):
        known = known or _roster(session, now)
        need = _need(session.get_one(Customer, incident.customer_id), incident, _countries(session, [incident]))
        need = replace(need, mode=mode) if mode else need
        return _as_needed(need, known, _named(session, [incident.customer_id]))


def on_duty_all(
    session: Session, incidents: Sequence[Incident], known: Roster, named: _Named | None = None
) -> list[Duty]:
    """The same for many incidents at once, in their order. At most four queries, whatever their number.

    `named`: customer → duty → whom their contracts name for it, where that is known already.
    """
    whose = {incident.customer_id for incident in incidents}
    with as_staff(session):
        customers = {one.id: one for one in session.scalars(select(Customer).where(Customer.id.in_(whose)))}
        named = _named(session, whose) if named is None else named
        countries = _countries(session, incidents)
    return [_as_needed(_need(customers[one.customer_id], one, countries), known, named) for one in incidents]


def _countries(session: Session, incidents: Sequence[Incident]) -> dict[uuid.UUID, str]:
    """Machine → the country it stands in, where its site says one; and customer → the one country all their sites are
    in, for what is about no machine."""
    machines = {one.machine_id for one in incidents if one.machine_id is not None}
    stand = select(Machine.id, Site.country).join(Site, Site.id == Machine.site_id)
    found = {row[0]: row[1] for row in session.execute(stand.where(Machine.id.in_(machines)))} if machines else {}
    without = {one.customer_id for one in incidents if not found.get(one.machine_id or one.customer_id)}
    return {**found, **_of_customers(session, without)}


def _of_customers(session: Session, customers: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    if not customers:
        return {}
    theirs = select(Site.customer_id, func.min(Site.country)).where(Site.customer_id.in_(customers), Site.country != "")
    one_only = theirs.group_by(Site.customer_id).having(func.count(Site.country.distinct()) == 1)
    return {row[0]: row[1] for row in session.execute(one_only)}


def _need(customer: Customer, incident: Incident, countries: Mapping[uuid.UUID, str]) -> Need:
    return Need(
        customer.id,
        unit_of(customer.zone),
        incident.severity,
        terms_of(incident).skill_floor,
        customer.language,
        subject_of(incident.cause),
        roster.mode_of(incident.channel, incident.served_by),
        countries.get(incident.machine_id or customer.id) or countries.get(customer.id, ""),
        incident.tier,
    )


def for_customer(session: Session, customer_id: uuid.UUID, now: datetime) -> Duty:
    """Everybody of ours as they stand towards a customer, whatever it is about. The caller sees our people."""
    customer = session.get_one(Customer, customer_id)
    country = _of_customers(session, [customer.id]).get(customer.id, "")
    need = Need(customer.id, unit_of(customer.zone), 1, language=customer.language, country=country)
    return _as_needed(need, roster.read(session, now), _named(session, [customer.id]))


def _named(session: Session, customers: Collection[uuid.UUID]) -> _Named:
    """Whom each customer's contracts name, by their duty."""
    found: dict[uuid.UUID, dict[str, uuid.UUID]] = {}
    rows = select(NamedPerson.customer_id, NamedPerson.duty, NamedPerson.person_id)
    for customer_id, word, person_id in session.execute(
        rows.where(NamedPerson.customer_id.in_(customers)).order_by(NamedPerson.duty)
    ):
        found.setdefault(customer_id, {})[word] = person_id
    return found


def _as_needed(need: Need, known: Roster, named_by: _Named) -> Duty:
    by_duty = named_by.get(need.customer_id, {})
    named = tuple(by_duty.values())
    return Duty(order(known.towards(named), need), known.people, named, by_duty, known)


def whom(duty: Duty, word: str) -> list[Place]:
    """The people a rung's word means now, each with the reason; empty when nobody can be reached on it. Nobody who is
    absent, has no way to be reached, or works for another account alone: not by routing, and not by name either."""
    if word == "duty":
        return list(duty.order.places[:1])
    if word == "second":
        return list(duty.order.places[1:2])
    gone = absent(duty) | elsewhere(duty)
    if word == "account":
        chosen = [duty.people[id] for id in duty.named if id in duty.people and id not in gone]
        return _places(chosen, "named for this account")
    holder = duty.roles.get(ROLES["account-engineer"])
    if word == "account-engineer" and holder in gone:
        why = "who is absent" if holder in absent(duty) else f"who is {ELSEWHERE}"
        return _places([duty.people[id] for id in _by_name(duty, "deputy") if id in duty.people],
                       f"deputy of the account engineer, {why}")  # fmt: skip
    if word in ROLES or ":" in word:
        return _places([duty.people[id] for id in _by_name(duty, word) if id in duty.people], rung_name(word))
    there = [person for person in duty.people.values() if person.id not in gone]
    found = _places([person for person in there if word in person.rungs], f"stands on the rung {word}")
    if found or word != "lead":
        return found
    # A house that named no lead, one whose leads are all absent, and a new one that has only its administrator, still
    # must not leave a rung dark.
    named = any(word in person.rungs for person in duty.people.values())
    why = "no lead can be reached" if named else "no lead is named"
    for role in ("manager", "administrator"):
        found = _places([person for person in there if person.role == role], f"{role}; {why}")
        if found:
            return found
    return []


def absent(duty: Duty) -> frozenset[uuid.UUID]:
    """Who is absent, as they themselves have said: a page would ring where nobody is."""
    return duty.known.absent if duty.known is not None else frozenset()


def elsewhere(duty: Duty) -> frozenset[uuid.UUID]:
    """Who works for another account alone."""
    return frozenset(one.person_id for one in duty.order.passed if one.reason == ELSEWHERE)


def _by_name(duty: Duty, word: str) -> list[uuid.UUID]:
    """Whom a role of the account, a schedule, a team or a person's own address means now; those absent are left out."""
    kind, _, name = word.partition(":")
    gone = absent(duty) | elsewhere(duty)
    if word in ROLES:
        holder = duty.roles.get(ROLES[word])
        return [holder] if holder is not None and holder not in gone else []
    if kind == "person":
        return [id for id, person in duty.people.items() if person.email.lower() == name.lower() and id not in gone]
    if duty.known is None:
        return []
    if kind == "schedule":
        holder = duty.known.standing.get(name)
        return [holder] if holder is not None and holder not in gone else []
    return [one.person_id for one in duty.known.engineers if name in one.units and not one.away
            and one.person_id not in gone]  # fmt: skip


def _places(people: Sequence[Person], reason: str) -> list[Place]:
    return [Place(person.id, person.name, reason) for person in people if person.notify]


def ways(person: Person, severity: int, now: datetime) -> list[dict[str, str]]:
    """How to reach somebody at this hour of theirs, best first: two methods at once for the gravest severities, else
    one. Where no way counts at this hour, all do: a preference never makes somebody unreachable.

    What a browser shows is no way to be reached: it comes beside the others.
    """
    reach = [way for way in person.notify if way["channel"] != "browser"]
    shown = [way for way in person.notify if way["channel"] == "browser"]
    best = [way for way in reach if in_hours(way, person.zone, now)] or reach
    if severity > NEVER_ALONE or not best:
        return [*best[:1], *shown]
    # Two methods, not two addresses of one: what takes the mail server down takes both down.
    other = next((way for way in [*best, *reach] if way["channel"] != best[0]["channel"]), None)
    return [best[0], *([other] if other is not None else best[1:2]), *shown]


def methods(person: Person, severity: int, now: datetime) -> list[tuple[str, str]]:
    """(channel, address) of those ways."""
    return [(way["channel"], way["address"]) for way in ways(person, severity, now)]


def beside(duty: Duty, owner: uuid.UUID | None) -> Place | None:
    """Who stands beside the owner: the next on duty, or else a lead, so that nobody is alone at night either."""
    return second_for([*duty.order.places, *whom(duty, "lead")], owner)
