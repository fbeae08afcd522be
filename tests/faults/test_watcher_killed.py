"""Faults 14 and 15: the watcher dies at the worst moments; each report is stored once."""

from __future__ import annotations

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
