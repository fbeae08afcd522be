"""A machine whose clock is off, from its messages to history: right instants, those it sent known, sums that hold."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from models.clocks import ClockCorrection
from models.machines import MachineState
from models.session import SYSTEM, work
from telemetry import clocks_kept
from tests.cast import Cast
from tests.plant import Plant, report

EVENT = "vigie/plant-db-1/event"


def ms(plant: Plant) -> int:
    return round(plant.now.timestamp() * 1000)


def test_history_holds_right_instants_the_ones_sent_are_known_and_the_ledger_adds_up(plant: Plant, cast: Cast) -> None:
    ahead = timedelta(minutes=4)
    arrivals = []
    for seq in range(1, 11):
        plant.tell("plant-db-1", report(plant.now + ahead, seq, cpu=seq))
        arrivals.append(ms(plant))
        plant.now += timedelta(seconds=10)
    plant.tell(
        "plant-db-1", {"at": arrivals[-1] + 240_000, "code": "psu", "severity": 3}, topic="vigie/plant-db-1/event"
    )
    plant.tell("plant-db-1", report(plant.now + timedelta(minutes=11), 11))
    plant.tell("plant-db-1", {"seq": 3, "at": arrivals[2] + 240_000, "metrics": {"cpu": 3}})
    plant.settle()
    assert [at for at, _ in plant.stored(cast.plant_machine)] == arrivals
    assert plant.ledger("plant-db-1") == {"received": 13, "scored": 11, "refused": 1, "duplicate": 1}
    with work(plant.sessions, SYSTEM) as session:
        state = session.get_one(MachineState, cast.plant_machine)
        now = clocks_kept.in_force(session, cast.plant_machine)
    assert state.skew_s == 240.0
    assert round(state.last_at.timestamp() * 1000) == arrivals[-1]
    assert now is not None
    assert (round(now.since.timestamp() * 1000), now.offset_s, now.customer_id) == (arrivals[0], 240.0, cast.plant)


def test_the_correction_outlives_the_watcher_is_written_once_and_ends_when_the_clock_is_right(
    plant: Plant, cast: Cast
) -> None:
    for seq in range(1, 4):
        plant.tell("plant-db-1", report(plant.now + timedelta(minutes=4), seq))
        plant.now += timedelta(seconds=10)
    plant.settle()
    plant.watcher.stopping = True
    plant.watcher.run("first")
    second = plant.watch("second")
    plant.tell("plant-db-1", report(plant.now + timedelta(minutes=4), 4))
    plant.settle(second)
    assert plant.stored(cast.plant_machine)[-1][0] <= ms(plant)
    plant.now += timedelta(seconds=10)
    plant.tell("plant-db-1", report(plant.now - timedelta(seconds=1), 5))
    plant.settle(second)
    rows = plant.one(select(ClockCorrection.offset_s).order_by(ClockCorrection.since))
    assert [offset for (offset,) in rows] == [240.0, 0.0]
    with work(plant.sessions, SYSTEM) as session:
        assert clocks_kept.in_force(session, cast.plant_machine) is None
    assert plant.ledger("plant-db-1") == {"received": 5, "scored": 5}


def test_a_watcher_that_lost_what_it_knew_goes_on_correcting(plant: Plant, cast: Cast) -> None:
    for seq in range(12):  # a clock an hour behind takes a minute to be believed; this one is believed already
        plant.tell("plant-db-1", report(plant.now - timedelta(hours=1), seq))
        plant.now += timedelta(seconds=10)
    plant.settle()
    with work(plant.sessions, SYSTEM) as session:
        known = clocks_kept.clocks(session, [cast.plant_machine, cast.joinery_machine])
        assert {machine: clock.offset_ms for machine, clock in known.items()} == {cast.plant_machine: -3_600_000}
    for seat in plant.watcher.seats.values():
        seat.heard.clear()
    plant.tell("plant-db-1", report(plant.now - timedelta(hours=1), 12))
    arrived = ms(plant)
    plant.settle(plant.watcher)
    assert plant.stored(cast.plant_machine)[-1][0] == arrived
