"""Many machines that fail together: one parent, one incident and one call for each contract, and nobody is lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from escalation import intake, recovering
from escalation.intake import Report, Signal
from escalation.tick import tick
from models.agreements import Contract, ContractLine
from models.customers import Customer, Site
from models.fleet_events import FleetEvent, FleetMember
from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.asked import statements
from tests.cast import Cast


class Fleet:
    """Customers with machines, each with a contract that covers everything; a clock turned by hand."""

    def __init__(self, sessions: Sessions, cast: Cast) -> None:
        self.sessions, self.now = sessions, cast.now
        self.machines: dict[str, uuid.UUID] = {}

    def add(
        self, slug: str, count: int, tier: str = "platinum", rack: str = "R1", site: str = "Hall", **more: str
    ) -> None:
        with work(self.sessions, SYSTEM) as session:
            owner = session.scalar(select(Customer).where(Customer.slug == slug))
            if owner is None:
                owner = Customer(slug=slug, name=slug.capitalize(), zone="Europe/Paris", created_at=self.now)
                session.add(owner)
                session.flush()
                contract = Contract(
                    customer_id=owner.id, number=f"VC-{slug}", tier=tier, zone="Europe/Paris", state="active",
                    starts_on=date(2026, 1, 1), ends_on=date(2026, 12, 31), created_at=self.now,
                )  # fmt: skip
                session.add(contract)
                session.flush()
                session.add(ContractLine(customer_id=owner.id, contract_id=contract.id))
            place = session.scalar(select(Site).where(Site.customer_id == owner.id, Site.name == site))
            if place is None:
                place = Site(customer_id=owner.id, name=site, zone="Europe/Paris", country="FR", created_at=self.now)
                session.add(place)
                session.flush()
            for _ in range(count):
                name = f"{slug}-{len(self.machines)}"
                row = Machine(customer_id=owner.id, name=name, site_id=place.id, rack=rack, created_at=self.now, **more)
                session.add(row)
                session.flush()
                self.machines[name] = row.id

    def fail(self, *names: str, cause: str = "silence", after_s: float = 0.0, **more: object) -> list[Report]:
        at = self.now + timedelta(seconds=after_s)
        given = {
            "kind": "silence" if cause == "silence" else "anomaly",
            "title": "The machine has fallen silent",
            **more,
        }
        with work(self.sessions, SYSTEM) as session:
            signals: list[Signal] = []
            for name in names:
                found = desk.finding(session, self.machines[name], at, cause)
                signals.append(
                    desk.signal(self.machines[name], at, cause, finding_id=found, **given)  # type: ignore[arg-type]
                )
            return intake.report_all(session, signals, at)

    def recover(self, *names: str, cause: str = "silence", at: datetime) -> None:
        with work(self.sessions, SYSTEM) as session:
            for name in names:
                intake.condition_ended(session, self.machines[name], cause, at, at)

    def settle(self, now: datetime) -> None:
        recovering.settle_all(self.sessions, now, intake.report)

    def events(self) -> list[FleetEvent]:
        with work(self.sessions, SYSTEM) as session:
            return list(session.scalars(select(FleetEvent).order_by(FleetEvent.number)))

    def incidents(self) -> list[Incident]:
        with work(self.sessions, SYSTEM) as session:
            return desk.incidents(session)

    def calls(self) -> int:
        with work(self.sessions, SYSTEM) as session:
            return session.scalar(select(func.count(Notice.id))) or 0


@pytest.fixture
def fleet(sessions: Sessions, cast: Cast) -> Fleet:
    return Fleet(sessions, cast)


def test_a_rack_of_three_customers_is_one_parent_with_one_child_and_one_call_each(fleet: Fleet) -> None:
    for slug in ("uno", "due", "tre"):
        fleet.add(slug, 4)
    answers = fleet.fail(*fleet.machines)
    (event,) = fleet.events()
    assert (event.place, event.name, event.machines) == ("rack", "R1 at Hall", 12)
    assert event.title == "12 machines in rack R1 at Hall: silence"
    children = fleet.incidents()
    assert len(children) == 3
    assert {child.fleet_event_id for child in children} == {event.id}
    assert all(child.title.startswith("4 machines in rack R1 at Hall: The machine") for child in children)
    assert fleet.calls() == 3
    assert [answer.outcome for answer in answers].count("opened") == 3
    assert {answer.incident_id for answer in answers} == {child.id for child in children}
    with work(fleet.sessions, SYSTEM) as session:
        assert session.scalar(select(func.count(Finding.id)).where(Finding.incident_id.is_(None))) == 0


def test_machines_that_come_one_by_one_join_and_nobody_is_called_again(fleet: Fleet) -> None:
    fleet.add("uno", 6)
    fleet.add("due", 6)
    for at, name in enumerate(fleet.machines):
        fleet.fail(name, after_s=5.0 * at)
    (event,) = fleet.events()
    assert (event.machines, event.place) == (12, "rack")
    assert len(fleet.incidents()) == 2
    assert fleet.calls() == 2
    with work(fleet.sessions, SYSTEM) as session:
        assert session.scalar(select(func.count(FleetMember.id))) == 12


def test_a_single_fault_that_coincides_is_not_swallowed(fleet: Fleet) -> None:
    fleet.add("uno", 5)
    names = list(fleet.machines)
    fleet.fail(*names[:4])
    fleet.fail(names[4], cause="memory", after_s=3, title="Memory fills")
    assert len(fleet.events()) == 1
    assert sorted(incident.cause for incident in fleet.incidents()) == ["memory", "silence"]
    assert fleet.calls() == 2


def test_the_parent_resolves_when_its_machines_have_recovered_and_stayed_well(fleet: Fleet) -> None:
    fleet.add("uno", 3)
    fleet.fail(*fleet.machines)
    later = fleet.now + timedelta(minutes=20)
    names = list(fleet.machines)
    fleet.recover(*names[:2], at=later)
    fleet.settle(later)
    (event,) = fleet.events()
    assert (event.recovered, event.recovered_at, fleet.incidents()[0].condition_ended_at) == (2, None, None)
    fleet.recover(names[2], at=later)
    fleet.settle(later)
    assert fleet.events()[0].recovered_at == later
    assert fleet.incidents()[0].condition_ended_at == later
    fleet.settle(later + recovering.HOLD)
    assert fleet.events()[0].resolved_at == later + recovering.HOLD
    with work(fleet.sessions, SYSTEM) as session:
        tick(session, later + timedelta(minutes=31))
    assert fleet.incidents()[0].state == "resolved"


def test_a_relapse_keeps_the_parent_open(fleet: Fleet) -> None:
    fleet.add("uno", 3)
    fleet.fail(*fleet.machines)
    names = list(fleet.machines)
    later = fleet.now + timedelta(minutes=20)
    fleet.recover(*names, at=later)
    fleet.settle(later)
    fleet.fail(names[0], after_s=20 * 60 + 30)
    fleet.settle(later + recovering.HOLD)
    assert fleet.events()[0].resolved_at is None
    assert len(fleet.incidents()) == 1
    assert fleet.calls() == 1


def test_whoever_stays_broken_when_the_others_are_well_gets_an_incident_of_its_own(fleet: Fleet) -> None:
    fleet.add("uno", 20)
    names = list(fleet.machines)
    fleet.fail(*names)
    later = fleet.now + timedelta(minutes=20)
    fleet.recover(*names[:-1], at=later)
    fleet.settle(later)
    fleet.settle(later + recovering.HOLD)
    (event,) = fleet.events()
    assert event.resolved_at is not None
    child, own = fleet.incidents()
    assert (own.machine_id, own.fleet_event_id, own.state) == (fleet.machines[names[-1]], None, "open")
    assert child.condition_ended_at is None or child.condition_ended_at == later
    assert fleet.calls() == 2


def test_a_contract_that_only_watches_is_counted_in_and_not_called(fleet: Fleet) -> None:
    fleet.add("uno", 3)
    fleet.add("gold", 3, "gold")
    fleet.add("bronze", 3, "bronze")
    fleet.fail(*fleet.machines, cause="latency", title="Latency unusually high")
    (event,) = fleet.events()
    assert event.machines == 9
    assert len(fleet.incidents()) == 1
    with work(fleet.sessions, SYSTEM) as session:
        rows = session.execute(select(FleetMember.answer, func.count()).group_by(FleetMember.answer)).all()
        assert dict(tuple(row) for row in rows) == {"opened": 3, "shadow": 3, "refused": 3}
        assert session.scalar(select(func.count(Finding.id)).where(Finding.shadow)) == 3


def test_a_version_of_software_ties_machines_of_many_sites_together(fleet: Fleet) -> None:
    for number in range(6):
        fleet.add(f"c{number}", 1, site=f"Site {number}", rack=f"K{number}", software="erp 4.2")
    fleet.fail(*fleet.machines, cause="latency", title="Latency unusually high")
    (event,) = fleet.events()
    assert (event.place, event.name, event.machines) == ("software", "erp 4.2", 6)


def test_facts_a_machine_reports_of_itself_are_places_too(fleet: Fleet) -> None:
    for number in range(4):
        fleet.add(f"c{number}", 1, site=f"Site {number}", rack="")
    with work(fleet.sessions, SYSTEM) as session:
        for id in fleet.machines.values():
            owner = session.get_one(Machine, id).customer_id
            session.add(MachineState(machine_id=id, customer_id=owner, facts={"broker": "north"}))
    fleet.fail(*fleet.machines)
    (event,) = fleet.events()
    assert (event.place, event.name) == ("broker", "north")


def roster_reads(sessions: Sessions, deed: Callable[[], object]) -> int:
    """How often `deed` asks what those on duty are trained in, which only a look at the whole roster does."""
    with statements(sessions) as said:
        deed()
    return sum("FROM trainings" in one for one in said)


def test_who_is_on_duty_is_read_once_for_all_contracts_of_a_wave(fleet: Fleet) -> None:
    for slug in ("uno", "due", "tre"):
        fleet.add(slug, 2)
    assert roster_reads(fleet.sessions, lambda: fleet.fail(*fleet.machines)) == 1
    assert len(fleet.incidents()) == fleet.calls() == 3


def test_one_wave_that_opens_nothing_reads_nobody_and_the_next_reads_anew(fleet: Fleet) -> None:
    fleet.add("uno", 1, rack="R1", site="Hall")
    fleet.add("due", 1, rack="R7", site="Yard")
    first, second = fleet.machines
    assert roster_reads(fleet.sessions, lambda: fleet.fail(first, cause="disk:/var")) == 1
    assert roster_reads(fleet.sessions, lambda: fleet.fail(first, cause="disk:/var", after_s=60)) == 0
    with work(fleet.sessions, SYSTEM) as session:
        told = set(session.scalars(select(Notice.person_id)))
        for person in session.scalars(select(Person).where(Person.id.in_(told))):
            person.away_since = fleet.now
    assert roster_reads(fleet.sessions, lambda: fleet.fail(second, cause="memory", after_s=60)) == 1
    with work(fleet.sessions, SYSTEM) as session:
        assert set(session.scalars(select(Notice.person_id))) > told
