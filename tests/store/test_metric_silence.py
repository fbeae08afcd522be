"""A metric nobody hears any more, from the log to an incident and back; also over a watcher that lost its state."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, update

from models.incidents import Finding, Incident
from models.session import SYSTEM, work
from models.telemetry import LogPosition
from telemetry import recording, replay
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


def test_the_same_recording_misses_the_same_metrics_live_and_in_replay(plant: Plant, tmp_path: Path) -> None:
    """Told twice, too late, or before: none of it counts for a rhythm in either."""
    kept = tmp_path / "told.jsonl"
    seq = 0
    with kept.open("w") as out:

        def say(times: int, *names: str, again: bool = False) -> None:
            nonlocal seq
            for _ in range(times):
                seq += 1
                plant.now += timedelta(seconds=10)
                body = report(plant.now, seq, metrics=dict.fromkeys(names, 5.0))
                late = report(plant.now - timedelta(seconds=4), 10_000 + seq, metrics={"cpu_util": 4.0, "fan_rpm": 1.0})
                for one in (body, body, *([late] if again else [])):
                    payload = json.dumps(one)
                    plant.tell("plant-db-1", payload.encode())
                    arrived = round(plant.now.timestamp() * 1000)
                    line = {"t_ms": arrived, "topic": "vigie/plant-db-1/report", "payload": payload}
                    out.write(json.dumps(line) + "\n")
            plant.settle()

        say(30, "cpu_util", "fan_rpm", again=True)
        say(12, "cpu_util")
        say(3, "cpu_util", "fan_rpm")
        say(30, "cpu_util", "fan_rpm", "temp_c.cpu")
        say(9, "cpu_util", "fan_rpm")
    replay.replay(recording.messages(kept), tmp_path / "incidents.csv")
    with (tmp_path / "incidents.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    live = plant.one(select(Finding.id, Finding.cause, Finding.ended_at).where(Finding.kind == "silence"))
    assert {row["cause"] for row in rows} == {"silence:fan_rpm", "silence:temp_c.cpu"}
    assert {(row["incident"], row["cause"], bool(row["end"])) for row in rows} == {
        (str(row.id), row.cause, row.ended_at is not None) for row in live
    }
    replay.replay(
        recording.messages(kept), tmp_path / "later.csv", history_until_ms=round(plant.now.timestamp() * 1000)
    )
    assert len((tmp_path / "later.csv").read_text().splitlines()) == 1
