"""The demo's rows: invented customers with contracts and machines, our people on duty, and this very host.

Every customer and person made here carries `demo`; all else hangs on them, so taking them away takes everything.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from app import demo_sites
from contracts import hours
from escalation.rota import Layer
from escalation.routing import unit_of
from models import audit
from models.agreements import Contract, ContractLine
from models.base import Json, new_id
from models.customers import Customer, Site
from models.duty import DutySchedule, HouseSite
from models.machines import Machine, MachineState
from models.people import NamedPerson, Person, Shift
from models.reach import ReachProof
from models.telemetry import DeadLetter, DeliveryCount, LabOrder
from telemetry import enrol
from telemetry.lab.cast import COLLEAGUES, HOUSES, Contact, House, Place

ACTOR = "demo"
OURS = House(
    slug="vigie-house",
    name="Vigie house",
    prefix="this-host",
    tier="platinum",
    language="en",
    places=(Place("Here", "UTC", ""),),
    contacts=(Contact("You Yourself", ("open", "escalate", "sign")),),
    machines=(),
)
BEGAN_DAYS_AGO = 200
RUNS_DAYS = 400
EXPIRED_DAYS_AGO = 40
# Who stands on the upper rungs of every ladder; the account's people are the senior engineers of the customer's unit.
RUNGS = {"Wei Jie Ong": "lead", "Joyce Abara": "number-two", "Bertrand Leclair": "number-one"}
DESKS = {"europe": ("Europe", "Europe/Paris"), "americas": ("Americas", "America/Denver"),
         "asia-pacific": ("Asia-Pacific", "Asia/Singapore")}  # fmt: skip
DAY_HOURS = {day: [["07:00", "19:00"]] for day in hours.DAYS}
UNPROVED = "Linh Pham"  # whom no test page has reached yet
NAME_MOST = 63  # as models.machines.MACHINE_NAME allows


class DemoError(Exception):
    """The demo cannot be installed; the message is one sentence for a person."""


@dataclass(frozen=True)
class Count:
    """How much of the demo there is."""

    customers: int
    machines: int
    people: int


def host_machine(hostname: str) -> str:
    """The machine name of the computer we run on."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", hostname.lower()).strip("-._") or "unnamed"
    return f"{OURS.prefix}-{plain}"[:NAME_MOST]


def install(session: Session, now: datetime, hostname: str, known: Mapping[str, str]) -> dict[str, str]:
    """Bring what is missing of the demo; every machine's secret by name afterwards.

    `known` are the secrets already held by the lab: a machine that has one keeps it, any other gets a new one. Doing it
    twice changes nothing. Raises DemoError when a customer who is not of the demo
    bears one of its names.
    """
    _people(session, now)
    secrets: dict[str, str] = {}
    for number, house in enumerate((*HOUSES, OURS), start=1):
        customer, sites = _customer(session, house, number, now)
        wanted = {m.build.name: (m.title, m.build.rack, m.site) for m in house.machines}
        if house is OURS:
            wanted[host_machine(hostname)] = ("this very computer", "", "Here")
            _retire_others(session, customer, set(wanted), now)
        present = {m.name: m for m in session.scalars(select(Machine).where(Machine.customer_id == customer.id))}
        for name, (title, rack, site) in wanted.items():
            if name not in present:
                _, secrets[name] = enrol.enrol(
                    session, customer.id, name, now, site_id=sites[site], title=title, rack=rack, actor=ACTOR
                )
            else:
                secrets[name] = known.get(name) or enrol.rotate(session, present[name], now, actor=ACTOR)
    return secrets


def remove(session: Session, now: datetime) -> Count:
    """Take every row of the demo away, and nothing else; what was there. The audit keeps its record of it."""
    found = count(session)
    customers = select(Customer.id).where(Customer.demo)
    names = session.scalars(select(Machine.name).where(Machine.customer_id.in_(customers))).all()
    # Counted or refused before the machine was known, these have a name and no customer to go with.
    for table in (DeliveryCount, DeadLetter):
        session.execute(delete(table).where(table.machine.in_(names)))
    session.execute(delete(LabOrder))
    session.execute(delete(Customer).where(Customer.demo))
    session.execute(delete(Shift).where(Shift.demo))
    session.execute(delete(DutySchedule).where(DutySchedule.demo))
    session.execute(delete(HouseSite).where(HouseSite.demo))
    session.execute(delete(Person).where(Person.demo))
    session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": enrol.CHANGED})
    if found.customers:
        facts = {"customers": found.customers, "machines": found.machines}
        audit.record(session, actor=ACTOR, deed="demo.removed", subject="demo", facts=facts, now=now)
    return found


def last_heard(session: Session) -> datetime | None:
    """When any machine of the demo was last heard."""
    demos = select(Customer.id).where(Customer.demo)
    return session.scalar(select(func.max(MachineState.last_received_at)).where(MachineState.customer_id.in_(demos)))


def count(session: Session) -> Count:
    """How much of the demo is installed."""
    machines = select(func.count(Machine.id)).join(Customer, Customer.id == Machine.customer_id).where(Customer.demo)
    return Count(
        customers=session.scalar(select(func.count(Customer.id)).where(Customer.demo)) or 0,
        machines=session.scalar(machines.where(Machine.retired_at.is_(None))) or 0,
        people=session.scalar(select(func.count(Person.id)).where(Person.demo)) or 0,
    )


def _customer(session: Session, house: House, number: int, now: datetime) -> tuple[Customer, dict[str, uuid.UUID]]:
    found = session.scalar(select(Customer).where(Customer.slug == house.slug))
    if found is not None:
        if not found.demo:
            raise DemoError(f"a customer of yours is called {house.slug}; the demo will not touch it")
        sites = session.scalars(select(Site).where(Site.customer_id == found.id))
        return found, {site.name: site.id for site in sites}
    main = house.places[0]
    customer = Customer(
        id=new_id(),
        slug=house.slug,
        name=house.name,
        language=house.language,
        zone=main.zone,
        demo=True,
        created_at=now - timedelta(days=BEGAN_DAYS_AGO),
    )
    session.add(customer)
    session.flush()  # everything below refers to the customer
    places = [
        Site(id=new_id(), customer_id=customer.id, name=p.name, zone=p.zone, country=p.country, created_at=now)
        for p in house.places
    ]
    session.add_all(places)
    domain = f"{house.slug}.example"
    session.add_all(_contact(one, customer.id, main.zone, house.language, domain, now) for one in house.contacts)
    _agree(session, house, customer.id, number, now)
    return customer, {site.name: site.id for site in places}


def _agree(session: Session, house: House, customer_id: uuid.UUID, number: int, now: datetime) -> None:
    """A contract over the whole customer, under the terms of its tier."""
    begins = now.date() - timedelta(days=BEGAN_DAYS_AGO)
    ends = now.date() - timedelta(days=EXPIRED_DAYS_AGO) if house.expired else begins + timedelta(days=RUNS_DAYS)
    contract = Contract(
        id=new_id(),
        customer_id=customer_id,
        number=f"DEMO-{number:03}",
        tier=house.tier,
        state="active",
        starts_on=begins,
        ends_on=ends,
        zone=house.places[0].zone,
        country=house.places[0].country,
        created_at=now,  # with its history: nothing was due of it before it was here
    )
    session.add(contract)
    session.flush()  # the line refers to the contract
    session.add(ContractLine(customer_id=customer_id, contract_id=contract.id))
    if house.tier in ("gold", "platinum"):
        session.add_all(_named(session, customer_id, unit_of(house.places[0].zone)))


def _named(session: Session, customer_id: uuid.UUID, unit: str) -> list[NamedPerson]:
    """The account engineer and the deputy a contract of gold or platinum names: the senior engineers of its unit."""
    seniors = select(Person.id).where(Person.demo, Person.role == "engineer", Person.level == "senior")
    chosen = session.scalars(seniors.where(Person.unit == unit).order_by(Person.name).limit(2))
    return [
        NamedPerson(customer_id=customer_id, person_id=person_id, duty=duty)
        for person_id, duty in zip(chosen, ("account engineer", "deputy"), strict=False)
    ]


def _contact(contact: Contact, customer_id: uuid.UUID, zone: str, language: str, domain: str, now: datetime) -> Person:
    address = f"{_plain(contact.name)}@{domain}"
    return Person(
        customer_id=customer_id,
        name=contact.name,
        email=address,
        role="contact",
        zone=zone,
        languages=[language],
        may=list(contact.may),
        notify=[{"channel": "email", "address": address}],
        demo=True,
        created_at=now,
    )


def _people(session: Session, now: datetime) -> None:
    """Our own: engineers of three zones, a duty manager each, their schedules, and proofs that they can be reached."""
    present = {p.email: p.id for p in session.scalars(select(Person).where(Person.demo, Person.customer_id.is_(None)))}
    for one in COLLEAGUES:
        address = f"{_plain(one.name)}@vigie.example"
        if address not in present:
            person = Person(
                id=new_id(),
                name=one.name,
                email=address,
                role=one.role,
                level=one.level,
                unit=one.unit,
                zone=one.zone,
                languages=list(one.languages),
                notify=[{"channel": "email", "address": address}],
                rungs=[RUNGS[one.name]] if one.name in RUNGS else [],
                demo=True,
                created_at=now,
            )
            session.add(person)
            present[address] = person.id
    session.flush()  # schedules and proofs refer to people
    ids = {one.name: present[f"{_plain(one.name)}@vigie.example"] for one in COLLEAGUES}
    demo_sites.settle(session, session.scalars(select(Person).where(Person.id.in_(ids.values()))), now)
    _schedules(session, ids, now)
    _proofs(session, ids, now)


def _schedules(session: Session, ids: Mapping[str, uuid.UUID], now: datetime) -> None:
    """Three schedules a zone: a senior and a second around the clock, by day and by night in turn, and a manager."""
    session.execute(delete(Shift).where(Shift.demo))  # how an older demo planned its duty
    present = set(session.scalars(select(DutySchedule.name)))
    monday = now.date() - timedelta(days=now.weekday() + 7)
    for unit, (title, zone) in DESKS.items():
        desk = [ids[c.name] for c in COLLEAGUES if c.unit == unit and c.role == "engineer"]
        managers = [ids[c.name] for c in COLLEAGUES if c.unit == unit and c.role == "manager"]
        seats = {"first": desk[0::2], "second": desk[1::2]}
        plans = {f"{title}, {seat}": [_layer("day", pair, monday, DAY_HOURS), _layer("night", pair[::-1], monday)]
                 for seat, pair in seats.items()}  # fmt: skip
        plans[f"{title}, duty manager"] = [_layer("", managers, monday)]
        for name, layers in plans.items():
            if name not in present:
                session.add(DutySchedule(name=name, unit=unit, zone=zone, layers=layers, demo=True, changed_at=now))


def _layer(name: str, people: list[uuid.UUID], first_day: date, weekly: Json | None = None) -> Json:
    return Layer(tuple(people), first_day, 7, time(7), name, weekly=weekly).to_json()


def _proofs(session: Session, ids: Mapping[str, uuid.UUID], now: datetime) -> None:
    """Invented people answer invented test pages, all but one, so that the duty board shows both."""
    known = set(session.scalars(select(ReachProof.person_id)))
    for number, (name, id) in enumerate(sorted(ids.items())):
        if id not in known and name != UNPROVED:
            asked = now - timedelta(days=2, minutes=7 * number)
            session.add(ReachProof(person_id=id, channel="email", address=f"{_plain(name)}@vigie.example",
                                   confirmed_at=asked - timedelta(days=30), tested_at=asked, answered_by="the link",
                                   answered_at=asked + timedelta(seconds=9 + 13 * (number % 5))))  # fmt: skip


def _retire_others(session: Session, customer: Customer, names: set[str], now: datetime) -> None:
    """A computer that changed its name is a new machine; the old name will not report again."""
    for machine in session.scalars(select(Machine).where(Machine.customer_id == customer.id)):
        if machine.name in names:
            machine.retired_at = None
        elif machine.name.startswith(OURS.prefix) and machine.retired_at is None:
            machine.retired_at = now
            enrol.revoke(session, machine, now, actor=ACTOR)


def _plain(name: str) -> str:
    """A name as the left part of an address: "Solène Barbier" → "solene.barbier"."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", ".", ascii_only).strip(".")
