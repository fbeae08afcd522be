"""Changes from their messages to rows: each once, whoever told of it, and whoever lost its state knows them again."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from models.changes import MachineChange
from models.incidents import Finding
from models.machines import Machine
from models.session import SYSTEM, work
from models.telemetry import LogPosition
from telemetry import changes, changes_kept, erasing
from telemetry.directory import Known
from tests.cast import Cast
from tests.plant import Plant, report

EVENT = "vigie/plant-db-1/event"
TOLD = select(MachineChange.what, MachineChange.told_by, MachineChange.customer_id).order_by(MachineChange.at)


def release(plant: Plant, what: str = "release 2.3.1", code: str = "deployment") -> None:
    at = plant.now.isoformat()
    plant.tell("plant-db-1", {"code": code, "severity": "info", "text": what, "at": at}, topic=EVENT)


def test_a_release_is_written_once_however_it_was_told_and_is_no_finding(plant: Plant, cast: Cast) -> None:
    for seq in range(1, 4):
        plant.tell("plant-db-1", report(plant.now, seq, cpu=seq) | {"facts": {"software": f"erp 4.{seq > 2:d}"}})
        plant.now += timedelta(minutes=1)
    release(plant)
    release(plant)
    plant.now += timedelta(minutes=1)
    release(plant, "release 2.3.2", "deployment:api")
    plant.settle()
    assert plant.one(TOLD) == [
        ("software erp 4.1 (erp 4.0 before)", "machine", cast.plant),
        ("release 2.3.1", "machine", cast.plant),
        ("release 2.3.2", "api", cast.plant),
    ]
    assert plant.one(select(func.count()).select_from(Finding)) == [(0,)]


def test_who_tells_of_changes_all_day_long_fills_no_table(plant: Plant) -> None:
    for seq in range(80):
        release(plant, f"build {seq}")
        plant.now += timedelta(seconds=1)
        if seq in (30, 60):
            plant.settle()
    plant.settle()
    assert plant.one(select(func.count()).select_from(MachineChange)) == [(changes.MOST_KEPT,)]


def test_what_is_heard_again_takes_no_room_from_what_is_new(plant: Plant, cast: Cast) -> None:
    whose = Known(cast.plant_machine, cast.plant, "plant-db-1", "detect", "", plant.now)
    at_ms = round(plant.now.timestamp() * 1000)
    told = [(whose, changes.Change("plant-db-1", at_ms + n, "deployment", f"build {n}", "api")) for n in range(40)]
    for heard in (told[:30], told):
        with work(plant.sessions, SYSTEM) as session:
            changes_kept.store(session, heard, plant.now)
    assert plant.one(select(func.count()).select_from(MachineChange)) == [(40,)]


def test_a_watcher_that_lost_its_state_knows_what_was_changed(plant: Plant) -> None:
    plant.tell("plant-db-1", report(plant.now, 1))
    release(plant)
    plant.settle()
    plant.watcher.stopping = True
    plant.watcher.run("first")
    with work(plant.sessions, SYSTEM) as session:
        session.execute(update(LogPosition).values(snapshot=None))
    plant.now += timedelta(minutes=1)
    second = plant.watch("second")
    plant.tell("plant-db-1", report(plant.now, 2))
    plant.settle(second)
    known = [m for seat in second.seats.values() for m in seat.watching.known.values()]
    assert [what for m in known for _, _, what in m.lately.told] == ["release 2.3.1"]


def test_what_is_learned_anew_of_history_tells_of_no_change_again_and_of_none_to_another_machine(
    plant: Plant, cast: Cast
) -> None:
    for seq, uptime in enumerate((5000, 5060, 30, 90), 1):
        plant.tell("plant-db-1", report(plant.now, seq) | {"metrics": {"cpu": 1.0, "uptime_s": uptime}})
        plant.now += timedelta(minutes=1)
    release(plant)
    plant.settle()
    both = ["a restart", "release 2.3.1"]
    assert [what for what, *_ in plant.one(TOLD)] == both
    start, end = plant.now - timedelta(hours=2), plant.now - timedelta(hours=1)
    with work(plant.sessions, SYSTEM) as session:
        machine = session.get_one(Machine, cast.plant_machine)
        seen = erasing.preview(session, machine, start, end).seen(machine.id, start, end)
        erasing.erase(session, machine, start, end, seen=seen, actor="Ada", reason="", now=plant.now)
    plant.watcher._beat("watch")
    (lately,) = [m.lately for seat in plant.watcher.seats.values() for m in seat.watching.known.values()]
    assert [what for _, _, what in lately.told] == both, "it was learned anew, and what stays is known"
    for stranger in ("nobody-1", "stranger"):  # on either partition
        plant.tell(stranger, report(plant.now, 1))
    plant.settle()
    assert [what for what, *_ in plant.one(TOLD)] == both


def test_what_was_told_of_an_erased_span_is_erased_with_it(plant: Plant, cast: Cast) -> None:
    release(plant)
    plant.now += timedelta(hours=2)
    release(plant, "release 2.3.2")
    plant.settle()
    start, end = plant.now - timedelta(hours=3), plant.now - timedelta(hours=1)
    with work(plant.sessions, SYSTEM) as session:
        machine = session.get_one(Machine, cast.plant_machine)
        seen = erasing.preview(session, machine, start, end).seen(machine.id, start, end)
        erasing.erase(session, machine, start, end, seen=seen, actor="Ada", reason="", now=plant.now)
    assert [what for what, *_ in plant.one(TOLD)] == ["release 2.3.2"]
