"""Faults 14 and 15: the watcher dies at the worst moments; each report is stored once, each condition found once."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from models.incidents import Finding, Incident
from models.session import SYSTEM, work
from tests.faults import killpoint
from tests.faults.trial import Trial
from tests.rig import until

# Where the watcher dies: (function, before or after, in words). All but the first two lie inside the transaction.
AFTER_COMMIT = (
    ("telemetry.seat:Seat.forget_pending", "before", "after the commit, before it knows"),
    ("telemetry.log_kafka:KafkaReader.poll", "before", "after the commit, before it reads on"),
)
INSIDE = (
    ("telemetry.positions:move", "after", "after the position"),
    ("telemetry.history:add", "after", "after the history"),
    ("telemetry.deliveries:Deliveries.write", "after", "after the delivery ledger"),
    ("telemetry.effects:_tell", "before", "before the incidents"),
    ("telemetry.effects:store", "after", "before the commit"),
    ("telemetry.positions:keep_snapshot", "after", "before a snapshot is committed"),
)


def die_at(trial: Trial, points: tuple[tuple[str, str, str], ...], rounds: int) -> None:
    """Watchers that die at each point in turn, several times; the last one lives until everything has arrived."""
    machines = trial.enrol("plant-a", "plant-b")
    trial.start(watchers=0)
    speakers = trial.connect(machines)
    for each in speakers:
        each.speak(trial.pace(40, 100))
    for _ in range(rounds):
        for where, when, words in points:
            nth = trial.rng.randint(1, 3)
            armed = killpoint.prelude(where, "before" if when == "before" else "after", nth)
            child = trial.rig.start(f"{armed}from telemetry import watch\nwatch.main(settings, 'watch-1')")
            trial.event(speakers[0])
            until(lambda: not child.alive, f"it dies {words}", 180)  # noqa: B023  called at once
            assert child.process.returncode == -9, child.words
            trial.faults.append(f"SIGKILL {words} ({nth}.)")
    trial.rig.watch("watch-1")
    trial.settle()


def one_incident(trial: Trial) -> None:
    with work(trial.rig.sessions, SYSTEM) as session:
        assert session.scalar(select(func.count(Incident.id)).where(Incident.cause == "event:ecc")) == 1
        assert session.scalar(select(func.count(Finding.id)).where(Finding.cause == "event:ecc")) == 1


@pytest.mark.timeout(900)
def test_14_a_watcher_that_dies_after_the_commit_counts_nothing_twice(trial: Trial, kafka: str) -> None:
    trial.on_kafka(kafka)
    die_at(trial, AFTER_COMMIT, int(trial.pace(1, 4)))
    one_incident(trial)
    trial.verdict(trial.history())


@pytest.mark.timeout(900)
def test_15_a_watcher_that_dies_inside_the_transaction_loses_nothing(trial: Trial) -> None:
    die_at(trial, INSIDE, int(trial.pace(1, 4)))
    one_incident(trial)
    trial.verdict(trial.history())


def vitals(at: datetime, *, ill: bool = False) -> dict[str, float]:
    wave = math.sin(at.timestamp() / 3600) + 0.3 * math.sin(at.timestamp() / 97)
    return {
        "cpu_util": 30 + 5 * wave, "mem_used_pct": 40 + 2 * wave, "latency_ms": 20 + 3 * wave, "procs": 200 + 9 * wave,
        "fan_rpm.1": 3000 + 90 * wave, **({"fan_rpm.1": 0.0, "latency_ms": 300.0, "procs": 900.0} if ill else {}),
    }  # fmt: skip


@pytest.mark.timeout(600)
def test_15_what_had_begun_before_a_kill_ends_when_the_next_watcher_hears_so(trial: Trial) -> None:
    """The watcher never kept a snapshot; the fan it had called stopped turns again before the next one listens."""
    trial.rig.extra |= {"VIGIE_FLUSH_S": "0.3", "VIGIE_SNAPSHOT_S": "3600"}
    (name, (_, secret)) = next(iter(trial.enrol("plant-a").items()))
    trial.rig.broker()
    trial.bridge()
    watcher = trial.rig.watch("watch-1")
    client = trial.rig.client(name, secret)
    seq = 0
    now = datetime.now(UTC)

    def tells(first: timedelta, last: timedelta, every_s: int, *, ill: bool = False) -> None:
        """Dated, so that ten minutes are told in a breath; what is younger than a quarter of an hour counts as live."""
        nonlocal seq
        reports: list[dict[str, Any]] = []
        at = now - first
        while at < now - last:
            seq += 1
            reports.append({"seq": seq, "at": round(at.timestamp() * 1000), "metrics": vitals(at, ill=ill)})
            at += timedelta(seconds=every_s)
        client.publish(f"vigie/{name}/report", json.dumps(reports), qos=1).wait_for_publish(120)

    def found() -> dict[str, list[bool]]:
        """Of each kind of finding: which are over."""
        with work(trial.rig.sessions, SYSTEM) as session:
            rows = session.execute(select(Finding.kind, Finding.ended_at).where(Finding.cause == "fan:1")).all()
        return {kind: [row.ended_at is not None for row in rows if row.kind == kind] for kind, _ in rows}

    def over() -> bool:
        with work(trial.rig.sessions, SYSTEM) as session:
            return session.scalars(select(Incident.condition_ended_at)).all()[:1] not in ([], [None])

    tells(timedelta(hours=4), timedelta(minutes=12), 60)
    tells(timedelta(minutes=12), timedelta(minutes=10), 10)
    tells(timedelta(minutes=10), timedelta(minutes=8), 10, ill=True)
    until(lambda: found() == {"rule": [False], "anomaly": [False]}, "rule and model find the fan stopped", 180)
    watcher.kill()
    tells(timedelta(minutes=8), timedelta(minutes=3), 10)
    trial.rig.watch("watch-1")
    until(over, "the condition is over, so that the incident resolves by itself", 180)
    assert found() == {"rule": [True], "anomaly": [True]}
    with work(trial.rig.sessions, SYSTEM) as session:
        assert session.scalar(select(func.count(Incident.id))) == 1
    trial.faults = ["SIGKILL before the first snapshot, with a hard fault and the model's condition open"]
    trial.say_passed()
