"""The rows of the watch floor: what is open, for whom, by when, who is with me, who knew first. Three queries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased, defer

from app import words
from app.clocks import Mark
from app.pages.promises import ChipView, chip_of, is_owed, next_owed
from escalation import handover, roster
from models.customers import Customer, Site
from models.incidents import OPEN_STATES, Incident, Promise
from models.machines import Machine
from models.people import Person

MOST_ROWS = 300  # a floor that holds more than this is a fleet event; the rest is counted, not drawn
NEEDS_TWO = 2  # severity up to which nobody is left alone


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody beside the incident: solid on duty, ring off."""

    name: str
    duty: str = "off"


@dataclass(frozen=True, slots=True)
class FirstView:
    """Who knew first."""

    text: str
    below: str
    lamp: bool


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of the queue."""

    id: str
    label: str
    version: int
    severity: int
    title: str
    where: str
    machine: str
    state: str
    chip: ChipView
    below: str
    due_at: datetime | None
    tier: str
    customer: str
    site: str
    demo: bool
    person: PersonView | None
    person_below: str
    person_alone: bool
    first: FirstView
    group: str
    resting: bool
    href: str

    @property
    def order(self) -> tuple[bool, float, int, str]:
        """Next promise first; what owes nothing last."""
        return (self.due_at is None, self.due_at.timestamp() if self.due_at else 0.0, self.severity, self.label)


@dataclass(slots=True)
class Queue:
    """The watch floor at one instant."""

    groups: list[tuple[str, str, list[RowView]]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    total: int = 0
    broken: int = 0

    @property
    def rows(self) -> list[RowView]:
        return [row for _, _, rows in self.groups for row in rows]

    @property
    def say(self) -> str:
        if not self.total:
            return "no open incident"
        said = words.count(self.total, "open incident")
        return f"{said}, {words.count(self.broken, 'promise')} broken" if self.broken else said


def on_duty(session: Session, now: datetime) -> frozenset[uuid.UUID]:
    """Who is on duty at this instant, by a schedule or a single shift."""
    return frozenset(roster.units_now(session, now))


def person_view(person: Person | None, duty: frozenset[uuid.UUID]) -> PersonView | None:
    """A person chip, or nothing."""
    if person is None:
        return None
    return PersonView(person.name, "on" if person.id in duty else "off")


def knew_first(incident: Incident, now: datetime, zone: tzinfo) -> FirstView:
    """We, and by how long; or they told us."""
    if incident.channel != "telemetry":
        told = incident.customer_told_us_at or incident.opened_at
        return FirstView("they told us", f"{incident.channel}, {words.hour(told, zone, now)}", False)
    if incident.customer_told_us_at is not None:
        said = words.hour(incident.customer_told_us_at, zone, now)
        if incident.customer_told_us_at <= incident.opened_at:
            return FirstView("they knew first", f"they wrote {said}", False)
        return FirstView(words.lead(incident.opened_at, incident.customer_told_us_at), f"they wrote {said}", True)
    if incident.told_customer_at is not None:
        after = words.span((incident.told_customer_at - incident.opened_at).total_seconds())
        return FirstView("we told them", f"after {after}, {words.hour(incident.told_customer_at, zone, now)}", True)
    return FirstView("they don’t know yet", f"opened {words.hour(incident.opened_at, zone, now)}", True)


def read_queue(session: Session, me: uuid.UUID | None, now: datetime, zone: tzinfo) -> Queue:
    """Every open incident in the reach of the session, grouped for the person who looks."""
    owner, second = aliased(Person), aliased(Person)
    # Chosen first, and as an array, so that the rest is looked up by id: behind row-level security the planner believes
    # a customer to have hardly any incidents, and would read all that each of them ever had.
    newest = (
        select(Incident.id)
        .where(Incident.state.in_(OPEN_STATES))
        .order_by(Incident.severity, Incident.opened_at.desc())
        .limit(MOST_ROWS)
        .correlate(None)
    )
    statement = (
        select(Incident, Customer, Machine, Site, owner, second)
        .options(defer(Incident.evidence), defer(Incident.terms), defer(Incident.ladder))
        .join(Customer, Customer.id == Incident.customer_id)
        .outerjoin(Machine, Machine.id == Incident.machine_id)
        .outerjoin(Site, Site.id == Machine.site_id)
        .outerjoin(owner, owner.id == Incident.owner_id)
        .outerjoin(second, second.id == Incident.second_id)
        .where(Incident.id == func.any(func.array(newest.scalar_subquery())))
        .order_by(Incident.severity, Incident.opened_at.desc())
    )
    found = session.execute(statement).all()
    owed = promises_of(session, [row[0].id for row in found])
    taken = handover.taken_over(session, [row[0].id for row in found if row[0].owner_id is not None])
    duty = on_duty(session, now)
    rows = [
        _row(
            incident,
            customer,
            machine,
            site,
            (lead, helper),
            owed[incident.id],
            me,
            duty,
            now,
            zone,
            taken.get((incident.id, incident.owner_id), incident.acknowledged_at),
        )
        for incident, customer, machine, site, lead, helper in found
    ]
    return _grouped(rows, owed, now)


def promises_of(session: Session, incidents: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Promise]]:
    """The promises still owed on each incident."""
    owed: dict[uuid.UUID, list[Promise]] = defaultdict(list)
    if incidents:
        states = ("running", "paused", "breached")
        for promise in session.scalars(
            select(Promise).where(
                Promise.incident_id.in_(incidents), Promise.state.in_(states), Promise.party == "customer"
            )
        ):
            if is_owed(promise):
                owed[promise.incident_id].append(promise)
    return owed


def _row(
    incident: Incident,
    customer: Customer,
    machine: Machine | None,
    site: Site | None,
    people: tuple[Person | None, Person | None],
    owed: list[Promise],
    me: uuid.UUID | None,
    duty: frozenset[uuid.UUID],
    now: datetime,
    zone: tzinfo,
    has_since: datetime | None,
) -> RowView:
    promise = next_owed(owed)
    chip, below = chip_of(promise, now, zone)
    group = _group(incident, me)
    person, person_below, alone = _beside(incident, people, group, duty, now, zone, has_since)
    return RowView(
        id=str(incident.id),
        label=incident.label,
        version=incident.version,
        severity=incident.severity,
        title=incident.title,
        where=_where(incident, now, zone),
        machine=machine.name if machine else "",
        state=incident.state,
        chip=chip,
        below=below,
        due_at=promise.due_at if promise else None,
        tier=incident.tier,
        customer=customer.name,
        site=site.name if site else "",
        demo=incident.demo or customer.demo,
        person=person,
        person_below=person_below,
        person_alone=alone,
        first=knew_first(incident, now, zone),
        group=group,
        resting=chip.urgency == "rest",
        href=f"/incidents/{incident.label}",
    )


def _group(incident: Incident, me: uuid.UUID | None) -> str:
    if me is not None and incident.owner_id == me:
        return "mine"
    if me is not None and incident.second_id == me:
        return "second"
    return "unclaimed" if incident.owner_id is None else "others"


def _where(incident: Incident, now: datetime, zone: tzinfo) -> str:
    since = words.hour(incident.began_at, zone, now)
    if incident.state == "waiting":
        return f"waiting for the {incident.waiting_for}, since {since}"
    if incident.flapping_since is not None:
        return f"since {since}; comes and goes since {words.hour(incident.flapping_since, zone, now)}"
    if incident.condition_ended_at is not None:
        return f"since {since}; ended by itself {words.hour(incident.condition_ended_at, zone, now)}"
    return f"since {since}"


def _beside(
    incident: Incident,
    people: tuple[Person | None, Person | None],
    group: str,
    duty: frozenset[uuid.UUID],
    now: datetime,
    zone: tzinfo,
    seen: datetime | None,
) -> tuple[PersonView | None, str, bool]:
    """Who is with me: the chip, the line below, and whether "nobody" must be said in bold."""
    owner, second = people
    if group == "mine":
        if second is not None and incident.second_accepted_at is not None:
            return person_view(second, duty), "second", False
        if second is not None:
            return person_view(second, duty), "asked, no yes yet", True
        if incident.severity > NEEDS_TWO:
            return None, "nobody needed", False
        since = incident.alone_since or incident.acknowledged_at or incident.opened_at
        return None, f"alone for {words.span((now - since).total_seconds())}", True
    if owner is not None:
        role = "leads" if group == "second" else "has it"
        return person_view(owner, duty), f"{role} since {words.hour(seen, zone, now)}" if seen else role, False
    if incident.acknowledged_at is not None:
        return None, f"seen {words.hour(incident.acknowledged_at, zone, now)}, not claimed", True
    return None, "nobody yet", True


_TITLES = {
    "mine": "Mine",
    "second": "I am second on",
    "unclaimed": "Unclaimed",
    "others": "With colleagues",
}


def _grouped(rows: Iterable[RowView], owed: dict[uuid.UUID, list[Promise]], now: datetime) -> Queue:
    every = sorted(rows, key=lambda row: row.order)
    queue = Queue(total=len(every))
    for key, title in _TITLES.items():
        members = [row for row in every if row.group == key]
        if members:
            queue.groups.append((key, title, members))
    for row in every:
        if row.due_at is None or row.resting:
            continue
        late = row.due_at < now
        weight = "late" if late else "mine" if row.group == "mine" else "other"
        queue.marks.append(Mark(row.due_at, row.customer.split()[0], row.href, weight))  # type: ignore[arg-type]
    queue.broken = sum(1 for several in owed.values() for one in several if one.due_at and one.due_at < now)
    return queue
