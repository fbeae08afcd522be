"""Hours in the lab as the desk lives them: what hangs or loses power is missed, called once, and let go of when it is
back. From simulated sensors through log, watcher and silence to incidents, promises and the customer's words."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from escalation import intake, recovering
from escalation.tick import tick
from models.agreements import Contract, ContractLine
from models.customers import Customer, Site
from models.fleet_events import FleetEvent, FleetMember
from models.incidents import Finding, Incident, Promise, TimelineEntry
from models.machines import Machine
from models.notices import Notice
from models.session import SYSTEM, work
from models.telemetry import ProcessBeat
from telemetry import silence
from telemetry.lab import faults, reports
from telemetry.lab.faults import Fault, Kind
from telemetry.lab.hardware import Build
from telemetry.lab.physics import World
from tests.plant import Plant

MINUTE = timedelta(minutes=1)
HISTORY = 100  # minutes, told in one message
HANGS, DARK, LIGHT, ENDS = (timedelta(minutes=m) for m in (4, 14, 34, 78))  # after the first live report
BUILDS = (
    *(Build(f"{owner}-{n}", "web", "Europe/Paris", "B2") for owner in ("uno", "due", "tre") for n in (1, 2)),
    Build("uno-fed", "web", "Europe/Paris", "B2", psus=2, cross_fed=True),
    *(Build(f"{owner}-calm", "database", "Europe/Paris", "A1") for owner in ("uno", "due", "tre")),
    Build("uno-hangs", "web", "Europe/Paris", "A2"),
)
TIERS = {"uno": "platinum", "due": "platinum", "tre": "bronze"}


class Hours:
    """Three customers with machines in one hall; sensors, silence and the desk move by the minute."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.world, self.path = plant, World(BUILDS, seed=5), silence.Path()
        self.begins = plant.now
        self.said = 0
        self.broken: list[tuple[Fault, datetime]] = []
        with work(plant.sessions, SYSTEM) as session:
            for slug, tier in TIERS.items():
                owner = Customer(slug=slug, name=slug.capitalize(), zone="Europe/Paris", created_at=plant.now)
                session.add(owner)
                session.flush()  # the rows below refer to it
                hall = Site(customer_id=owner.id, name="Hall", zone="Europe/Paris", country="FR", created_at=plant.now)
                contract = Contract(
                    customer_id=owner.id, number=f"VC-{slug}", tier=tier, zone="Europe/Paris", state="active",
                    starts_on=date(2026, 1, 1), ends_on=date(2026, 12, 31), created_at=plant.now,
                )  # fmt: skip
                session.add_all([hall, contract])
                session.flush()  # machines and lines refer to them
                session.add(ContractLine(customer_id=owner.id, contract_id=contract.id))
                session.add_all(
                    Machine(customer_id=owner.id, name=b.name, site_id=hall.id, rack=b.rack, created_at=plant.now)
                    for b in BUILDS if b.name.startswith(slug)
                )  # fmt: skip

    def sense(self) -> dict[str, bytes]:
        """A minute of the lab: what each machine that can speak says of it."""
        now = self.plant.now
        for fault, until in list(self.broken):
            if now >= until:
                faults.cure(self.world.state, self.world.builds, fault)
                self.broken.remove((fault, until))
        at_ms = round(now.timestamp() * 1000)
        active = [fault for fault, _ in self.broken if fault.since <= now]
        sample = self.world.step(at_ms, 60, faults.strain(BUILDS, active))
        self.said += 1
        return {
            build.name: reports.report(self.said, at_ms, sample.values[place].tolist())
            for place, build in enumerate(BUILDS) if sample.heard[place]
        }  # fmt: skip

    def learn(self) -> None:
        past: dict[str, list[bytes]] = {build.name: [] for build in BUILDS}
        self.plant.now -= HISTORY * MINUTE
        for _ in range(HISTORY):
            for name, said in self.sense().items():
                past[name].append(said)
            self.plant.now += MINUTE
        for name, some in past.items():
            self.plant.tell(name, reports.message(some))
        self.plant.settle()

    def live(self, until: timedelta) -> None:
        while self.plant.now < self.begins + until:
            self.plant.now += MINUTE
            for name, said in self.sense().items():
                self.plant.tell(name, said)
            self.plant.settle()
            now = self.plant.now
            with work(self.plant.sessions, SYSTEM) as session:
                for part, facts in (("bridge", {"connected": True}), ("watch", {"lag_records": 0})):
                    session.merge(
                        ProcessBeat(name=part, pid=1, state="running", started_at=now, beat_at=now, facts=facts)
                    )
            with work(self.plant.sessions, SYSTEM) as session:
                silence.look(session, self.path, now)
            recovering.settle_all(self.plant.sessions, now, intake.report)
            with work(self.plant.sessions, SYSTEM) as session:
                tick(session, now)

    def incidents(self) -> dict[str, Incident]:
        """By the customer and the machine they stand at."""
        rows = self.plant.one(select(Machine.name, Incident).join(Machine, Machine.id == Incident.machine_id))
        assert len({name for name, _ in rows}) == len(rows), "one machine, one incident"
        return dict(rows)

    def event(self) -> FleetEvent:
        ((event,),) = self.plant.one(select(FleetEvent))
        return event  # type: ignore[no-any-return]  # a row of one column


@pytest.mark.timeout(300)
def test_what_hangs_or_loses_power_is_one_incident_a_contract_until_it_is_back(plant: Plant) -> None:
    hours = Hours(plant)
    hours.learn()
    hangs, dark, light = (hours.begins + after for after in (HANGS, DARK, LIGHT))
    hours.broken = [(Fault(Kind.SILENT, "uno-hangs", hangs), light), (Fault(Kind.POWER, "uno-1", dark), light)]
    hours.live(DARK - MINUTE)
    # One machine that hangs is one incident, some minutes after its last word and before anybody asks.
    (alone,) = hours.incidents().values()
    assert (alone.cause, alone.kind, alone.fleet_event_id) == ("silence", "silence", None)
    assert alone.began_at is not None
    assert 4 * MINUTE < alone.opened_at - alone.began_at <= 6 * MINUTE

    hours.live(LIGHT - MINUTE)
    # A rack without power is one event, one incident for each contract that has such; what speaks on says its own.
    found = hours.incidents()
    event = hours.event()
    children = {name.partition("-")[0]: one for name, one in found.items() if one.fleet_event_id == event.id}
    assert (event.place, event.name, event.machines) == ("rack", "B2 at Hall", 4)
    assert {(slug, one.cause) for slug, one in children.items()} == {("uno", "silence"), ("due", "silence")}
    assert all(one.title.startswith("2 machines in rack B2 at Hall") for one in children.values())
    assert {name for name, one in found.items() if one.fleet_event_id is None} == {"uno-hangs", "uno-fed"}
    assert found["uno-fed"].cause == "psu:1"
    of_bronze = select(func.count()).select_from(Finding).join(Customer, Customer.id == Finding.customer_id)
    assert plant.one(of_bronze.where(Customer.slug == "tre")) == [(0,)]
    called = select(Notice.incident_id, Notice.person_id, Notice.rung, Notice.round, Notice.channel)
    first = plant.one(called.where(Notice.rung == 0, Notice.round == 0))
    assert {row.incident_id for row in first} == {one.id for one in found.values()}
    assert len(set(first)) == len(first), "nobody is called twice for one incident"
    assert plant.one(select(func.count()).select_from(FleetMember)) == [(4,)]

    hours.live(ENDS)
    # Everything is back: each ends at the report that ended it, resolves by itself, and its promises end with it.
    over = hours.incidents()
    assert over.keys() == found.keys()
    assert hours.event().resolved_at is not None
    for name, one in over.items():
        assert one.condition_ended_at is not None, name
        assert light <= one.condition_ended_at <= light + 5 * MINUTE, name
        assert one.state == "resolved", name
        promises = plant.one(
            select(Promise.kind, Promise.state, Promise.breached_at).where(Promise.incident_id == one.id)
        )
        assert promises, name
        assert not {row.state for row in promises} & {"running", "paused"}, name
        told = select(TimelineEntry.kind, TimelineEntry.public, TimelineEntry.facts)
        ends = plant.one(told.where(TimelineEntry.incident_id == one.id, TimelineEntry.kind == "resolved"))
        assert [(row.public, row.facts) for row in ends] == [(True, {"by": "recovery"})], name
    assert plant.one(select(func.count()).select_from(Finding).where(Finding.ended_at.is_(None))) == [(0,)]
