"""All partitions of a watcher in one transaction; contracts of many machines in one question."""

from __future__ import annotations

import uuid
import zlib
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from contracts import in_force
from models import audit
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.plant import Plant, report


def test_what_the_seats_of_a_watcher_heard_is_written_in_one_transaction(plant: Plant, cast: Cast) -> None:
    names = ["plant-db-1", "joinery-files"]
    plant.watcher._settings = plant.settings.model_copy(update={"flush_s": 600.0})
    for name in names:
        plant.tell(name, report(plant.now), report(plant.now + timedelta(seconds=1)))
    hear(plant, 4)
    statements: list[str] = []
    engine = plant.sessions.kw["bind"]

    def heard(*given: object) -> None:
        statements.append(" ".join(str(given[2]).split()[:3]))

    event.listen(engine, "before_cursor_execute", heard)
    try:
        plant.watcher._store(list(plant.watcher.seats.values()))
    finally:
        event.remove(engine, "before_cursor_execute", heard)
    for word, times in (("UPDATE log_positions SET", 2), ("INSERT INTO reading_blocks", 1),
                        ("INSERT INTO machine_states", 1), ("INSERT INTO delivery_ledger", 1)):  # fmt: skip
        assert statements.count(word) == times, word
    assert [plant.ledger(name)["scored"] for name in names] == [2, 2]
    assert not plant.watcher._pending_since


def hear(plant: Plant, count: int) -> None:
    """Until so many reports wait to be stored."""
    for _ in range(200):
        if sum(seat.pending.count for seat in plant.watcher.seats.values()) == count:
            return
        plant.watcher.turn(0.02)
    pytest.fail("the watcher does not hear what was told")


def test_a_machine_renamed_meanwhile_stands_as_it_was_heard_last_in_whichever_partition(
    plant: Plant, cast: Cast
) -> None:
    machines = {"plant-db-1": cast.plant_machine, "joinery-files": cast.joinery_machine}
    old = next(name for name in machines if zlib.crc32(name.encode()) % 2 == 1)
    new = next(name for name in (f"renamed-{n}" for n in range(99)) if zlib.crc32(name.encode()) % 2 == 0)
    plant.watcher._settings = plant.settings.model_copy(update={"flush_s": 600.0})
    plant.tell(old, report(plant.now, cpu=1.0))
    hear(plant, 1)
    with work(plant.sessions, SYSTEM) as session:
        session.get_one(Machine, machines[old]).name = new
    plant.now += timedelta(seconds=1)
    plant.tell(new, report(plant.now, cpu=2.0))
    hear(plant, 2)
    plant.watcher._store(list(plant.watcher.seats.values()))
    with work(plant.sessions, SYSTEM) as session:
        state = session.get_one(MachineState, machines[old])
    assert (state.last_at, state.latest) == (plant.now, {"cpu": 2.0})
    assert [metrics["cpu"] for _, metrics in plant.stored(machines[old])] == [1.0, 2.0]


def test_who_lost_one_partition_keeps_what_was_heard_in_the_other(plant: Plant, cast: Cast) -> None:
    names = ["plant-db-1", "joinery-files"]
    for name in names:
        plant.tell(name, report(plant.now, 1))
    plant.settle()
    lost = next(p for p, seat in plant.watcher.seats.items() if "plant-db-1" in seat.heard)
    with work(plant.sessions, SYSTEM) as session:
        session.execute(
            text("UPDATE log_positions SET owner = 'somebody else' WHERE reader = 'watch' AND partition = :lost"),
            {"lost": lost},
        )
    plant.now += timedelta(seconds=60)
    for name in names:
        plant.tell(name, report(plant.now, 2))
    for _ in range(10):
        plant.watcher.turn(0.02)
    assert plant.ledger("plant-db-1") == {"received": 1, "scored": 1}
    assert plant.ledger("joinery-files") == {"received": 2, "scored": 2}


def test_contracts_asked_for_together_answer_as_they_do_one_by_one(sessions: Sessions, cast: Cast) -> None:
    asked = [(cast.plant, cast.plant_machine), (cast.joinery, cast.joinery_machine), (cast.plant, cast.plant_machine)]
    with work(sessions, SYSTEM) as session:
        each = [in_force.standing(session, customer, NOW, machine) for customer, machine in asked]
        assert in_force.standings(session, asked, NOW) == each
        assert each[0].contract_id != each[1].contract_id
        assert in_force.standings(session, [], NOW) == []
        with pytest.raises(LookupError):
            in_force.standings(session, [*asked, (cast.plant, uuid.uuid4())], NOW)
        with pytest.raises(LookupError):
            in_force.standings(session, [(cast.plant, cast.joinery_machine)], NOW)


def test_turns_taken_together_are_the_turns_taken_one_by_one(sessions: Sessions, cast: Cast) -> None:
    taken = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:chain, 42))")
    with work(sessions, SYSTEM) as holder:
        audit.take_all_turns(holder, [cast.plant, cast.joinery, cast.plant])
        with work(sessions, SYSTEM) as other:
            for customer in (cast.plant, cast.joinery):
                assert other.scalar(taken, {"chain": str(customer)}) is False
    with work(sessions, SYSTEM) as later:
        assert later.scalar(taken, {"chain": str(cast.plant)}) is True
