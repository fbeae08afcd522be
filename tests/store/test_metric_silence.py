"""A metric nobody hears any more, from the log to an incident and back; also over a watcher that lost its state."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from models.incidents import Finding, Incident
from models.session import SYSTEM, work
from models.telemetry import LogPosition
from tests.cast import Cast
from tests.plant import Plant, report


def test_a_sensor_that_dies_is_an_incident_until_it_is_heard_again(plant: Plant, cast: Cast) -> None:
    seq = 0

    def say(times: int, **metrics: float) -> None:
        nonlocal seq
        for _ in range(times):
            seq += 1
            plant.now += timedelta(seconds=10)
            for machine in ("plant-db-1", "joinery-files"):
                plant.tell(machine, report(plant.now, seq, metrics=metrics))
        plant.settle()

    say(30, cpu_util=5.0, fan_rpm=1200.0)
    say(8, cpu_util=5.0)
    incidents = select(Incident.machine_id, Incident.cause, Incident.title, Incident.condition_ended_at)
    assert plant.one(incidents) == [(cast.plant_machine, "silence:fan_rpm", "fan_rpm is no longer reported", None)]
    # The next watcher knows of it from its state; one that lost it, from what was found.
    with work(plant.sessions, SYSTEM) as session:
        session.execute(update(LogPosition).values(snapshot=None))
    plant.watcher._reader.close()
    plant.now += timedelta(minutes=5)
    plant.watcher = plant.watch("first")
    say(3, cpu_util=5.0)
    assert plant.one(select(Finding.ended_at)) == [(None,)]
    say(2, cpu_util=5.0, fan_rpm=1200.0)
    ((ended,),) = plant.one(select(Finding.ended_at))
    assert ended is not None
    assert [row.condition_ended_at for row in plant.one(incidents)] == [ended]
