"""Faults 16 and 17: watchers join and leave all the time, and one comes back from the dead."""

from __future__ import annotations

import signal
import time

import pytest
from sqlalchemy import select

from models.session import SYSTEM, work
from models.telemetry import LogPosition
from tests.faults import killpoint
from tests.faults.trial import FULL, Trial
from tests.rig import Child, until

# A watcher that is not heard of loses its partitions after 15 s (20 s on Kafka); scaled, sooner.
QUICK = "" if FULL else """
import telemetry.log_kafka, telemetry.log_shares
telemetry.log_kafka._SESSION_MS = 6_000
telemetry.log_shares.LEASE_S = 3.0
telemetry.log_shares._RENEW_S = 1.0
"""  # fmt: skip
LOGS = ("kafka", "postgres")


def watcher(trial: Trial, name: str, before: str = "") -> Child:
    return trial.rig.start(f"{QUICK}{before}from telemetry import watch\nwatch.main(settings, {name!r})")


def positions(trial: Trial) -> dict[int, tuple[int, str]]:
    """Where each partition stands, and whose it is."""
    with work(trial.rig.sessions, SYSTEM) as session:
        rows = session.execute(
            select(LogPosition.partition, LogPosition.position, LogPosition.owner).where(LogPosition.reader == "watch")
        ).all()
    return {row.partition: (row.position, row.owner.split("/")[0]) for row in rows}


@pytest.mark.timeout(900)
def test_16_a_storm_of_joins_and_leaves_strands_no_partition(trial: Trial, kafka: str) -> None:
    trial.on_kafka(kafka)
    machines = trial.enrol(*(f"plant-{number}" for number in range(8)))
    trial.start(watchers=0)
    sitting = {name: watcher(trial, name) for name in ("watch-1", "watch-2", "watch-3")}
    for each in trial.connect(machines):
        each.speak(20)
    until(lambda: len(positions(trial)) == 4, "every partition is taken", 180)
    before, end, turns = positions(trial), time.monotonic() + trial.pace(12, 180), 0
    names = list(sitting)
    while time.monotonic() < end:
        name = names[turns % 3]
        if sitting[name].alive:
            sitting[name].process.send_signal(signal.SIGTERM) if turns % 2 else sitting[name].kill()
            sitting[name].process.wait(30)
        else:
            sitting[name] = watcher(trial, name)
        turns += 1
        time.sleep(2)
    for name in names:
        if not sitting[name].alive:
            sitting[name] = watcher(trial, name)
    trial.settle(120)
    after = positions(trial)
    assert all(after[partition][0] > before.get(partition, (0, ""))[0] for partition in range(4))
    trial.faults = [f"three watchers join and leave, {turns} times in {trial.pace(12, 180):.0f} s"]
    trial.verdict(trial.history())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("where", ["before the transaction", "inside the transaction"])
def test_17_a_watcher_back_from_the_dead_changes_nothing(
    trial: Trial, log: str, where: str, request: pytest.FixtureRequest
) -> None:
    if log == "kafka":
        trial.on_kafka(request.getfixturevalue("kafka"))
    machines = trial.enrol(*(f"plant-{number}" for number in range(6)))
    trial.start(watchers=0)
    # It dawdles where it is to be frozen, so that it is frozen there.
    at = "telemetry.watch:Watcher._store" if where.startswith("before") else "telemetry.history:add"
    zombie = watcher(trial, "watch-1", killpoint.slow(at, 0.5))
    speakers = trial.connect(machines)
    for each in speakers:
        each.speak(20)
    until(lambda: {owner for _, owner in positions(trial).values()} == {"watch-1"}, "it has taken everything", 180)
    until(lambda: _moved(trial), "it stores", 180)
    zombie.process.send_signal(signal.SIGSTOP)
    heir = watcher(trial, "watch-2")

    def taken_over() -> bool:
        nonlocal heir
        if not heir.alive:  # the supervisor starts again what ended
            heir = watcher(trial, "watch-2")
        return {owner for _, owner in positions(trial).values()} == {"watch-2"} and _moved(trial)

    until(taken_over, "another one takes its partitions", trial.pace(60, 120))
    time.sleep(trial.pace(1, 180))
    zombie.process.send_signal(signal.SIGCONT)
    until(
        lambda: any(word in zombie.words for word in ("watch.overtaken", "watch.partition_lost", "watch.store_failed")),
        "its commit is refused", 180,
    )  # fmt: skip
    trial.settle(120)
    trial.faults = [f"{log}: SIGSTOP {where} until another had its partitions, SIGCONT"]
    trial.verdict(trial.history())


def _moved(trial: Trial) -> bool:
    """Whether every partition with messages moves on, compared with a moment ago."""
    before = positions(trial)
    time.sleep(0.8)
    after = positions(trial)
    return any(after[partition][0] > before[partition][0] for partition in before)
