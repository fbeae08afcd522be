"""Maintenance: data of these times is kept and marked, opens nothing, teaches nothing, and nobody is missed."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import func, select

from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from models.maintenance import MaintenanceWindow
from models.session import SYSTEM, work
from models.telemetry import DeliveryCount, ProcessBeat
from telemetry import silence
from telemetry.worked_on import windows_of
from tests.cast import Cast
from tests.plant import Plant, report

HOUR = timedelta(hours=1)


def work_on(plant: Plant, customer: uuid.UUID, machine: uuid.UUID | None = None, hours: int = 1) -> uuid.UUID:
    window = MaintenanceWindow(
        id=uuid.uuid4(), customer_id=customer, machine_id=machine, title="new disks", starts_at=plant.now,
        ends_at=plant.now + hours * HOUR, created_at=plant.now,
    )  # fmt: skip
    with work(plant.sessions, SYSTEM) as session:
        session.add(window)
        return window.id


def fan(plant: Plant, seq: int, rpm: float) -> None:
    plant.now += timedelta(seconds=10)
    at = round(plant.now.timestamp() * 1000)
    plant.tell("plant-db-1", {"seq": seq, "at": at, "metrics": {"fan_rpm.1": rpm}})
    plant.settle()


def kept(plant: Plant, machine: str) -> int:
    row = plant.one(select(func.sum(DeliveryCount.in_maintenance)).where(DeliveryCount.machine == machine))
    return int(row[0][0] or 0)


def open_findings(plant: Plant) -> list[str]:
    return [cause for (cause,) in plant.one(select(Finding.cause).where(Finding.ended_at.is_(None)))]


def test_a_fault_while_worked_on_is_kept_and_opens_nothing_and_one_that_stays_opens_after(
    plant: Plant, cast: Cast
) -> None:
    for seq in (1, 2):
        fan(plant, seq, 3000)
    work_on(plant, cast.plant, cast.plant_machine)
    plant.now += timedelta(seconds=3)  # as long as the directory may not have heard of it
    for seq in (3, 4, 5):
        fan(plant, seq, 0)
    assert open_findings(plant) == []
    assert len(plant.stored(cast.plant_machine)) == 5
    assert kept(plant, "plant-db-1") == 3
    assert plant.ledger("plant-db-1") == {"received": 5, "scored": 5}
    plant.now += HOUR
    for seq in (6, 7):
        fan(plant, seq, 0)
    assert open_findings(plant) == ["fan:1"]
    assert kept(plant, "plant-db-1") == 3


def test_a_window_of_the_customer_covers_its_machines_and_no_other(plant: Plant, cast: Cast) -> None:
    work_on(plant, cast.joinery)
    with work(plant.sessions, SYSTEM) as session:
        found = windows_of(session, [cast.plant_machine, cast.joinery_machine], plant.now)
    assert set(found) == {cast.joinery_machine}


def test_a_window_of_a_site_covers_what_stands_there(plant: Plant, cast: Cast) -> None:
    with work(plant.sessions, SYSTEM) as session:
        machine = session.get_one(Machine, cast.plant_machine)
        site = machine.site_id
        here = MaintenanceWindow(
            customer_id=cast.plant, site_id=site, title="power", starts_at=plant.now, ends_at=plant.now + HOUR,
            created_at=plant.now,
        )  # fmt: skip
        session.add(here)
    assert site is not None, "the cast's machine stands somewhere"
    with work(plant.sessions, SYSTEM) as session:
        assert cast.plant_machine in windows_of(session, [cast.plant_machine], plant.now)
        session.get_one(Machine, cast.plant_machine).site_id = None
        session.flush()  # the query below reads the table
        assert windows_of(session, [cast.plant_machine], plant.now) == {}


def test_called_off_the_next_fault_opens(plant: Plant, cast: Cast) -> None:
    fan(plant, 1, 3000)
    window = work_on(plant, cast.plant, cast.plant_machine, hours=5)
    plant.now += timedelta(seconds=3)
    fan(plant, 2, 0)
    with work(plant.sessions, SYSTEM) as session:
        session.get_one(MaintenanceWindow, window).ended_at = plant.now
    plant.now += timedelta(seconds=3)
    for seq in (3, 4):
        fan(plant, seq, 0)
    assert open_findings(plant) == ["fan:1"]


def test_nobody_is_missed_while_worked_on_and_the_waiting_begins_when_it_ends(plant: Plant, cast: Cast) -> None:
    for seq in (1, 2, 3, 4):
        plant.now += timedelta(seconds=10)
        plant.tell("plant-db-1", report(plant.now, seq))
        plant.settle()
    work_on(plant, cast.plant, cast.plant_machine)
    path = silence.Path(open_since=plant.now)

    def look() -> str:
        with work(plant.sessions, SYSTEM) as session:
            for name, facts in (("bridge", {"connected": True}), ("watch", {"lag_records": 0})):
                beat = session.get(ProcessBeat, name) or ProcessBeat(
                    name=name, pid=1, state="running", started_at=plant.now
                )
                beat.beat_at, beat.facts = plant.now, facts
                session.add(beat)
            session.flush()  # the look below reads the table
            silence.look(session, path, plant.now)
            return session.get_one(MachineState, cast.plant_machine).speaking

    plant.now += HOUR / 2
    assert look() == "speaking"
    plant.now += HOUR / 2 + timedelta(seconds=20)
    assert look() == "speaking", "twenty seconds after the work ended nothing is late"
    plant.now += timedelta(seconds=60)
    assert look() == "silent"
    assert plant.one(select(Incident.cause).where(Incident.machine_id == cast.plant_machine)) == [("silence",)]
