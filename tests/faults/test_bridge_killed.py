"""Faults 1 and 2: the bridge dies at random, or is asked to stop; what was acknowledged to machines is in the log."""

from __future__ import annotations

import time

import pytest

from tests.faults.trial import Trial
from tests.rig import until


@pytest.mark.timeout(600)
def test_01_a_bridge_killed_at_random_loses_nothing(trial: Trial, kafka: str) -> None:
    trial.on_kafka(kafka)
    kills, most = int(trial.pace(6, 20)), int(trial.pace(4_000, 20_000))
    machines = trial.enrol("plant-a", "plant-b")
    bridge, _ = trial.start()
    speakers = trial.connect(machines)
    for kill in range(kills):
        before = bridge.words.count("bridge.connected")
        for each in speakers:
            each.say(most // kills // len(speakers))
        time.sleep(trial.rng.uniform(0, 0.4))  # while it reads, while the log writes, while it acknowledges
        bridge.kill()
        bridge = trial.bridge()
        trial.faults.append(f"SIGKILL {kill + 1}")
        assert before == 1
    trial.settle()
    trial.faults = [f"bridge SIGKILL × {kills} during {trial.sent:,} messages, on Kafka"]
    trial.verdict(trial.history())


def test_02_a_bridge_asked_to_stop_writes_each_message_once(trial: Trial) -> None:
    machines = trial.enrol("plant-a")
    bridge, _ = trial.start()
    (speaker,) = trial.connect(machines)
    rounds = int(trial.pace(3, 10))
    for _ in range(rounds):
        speaker.speak(1_000)
        before = speaker.acknowledged
        until(lambda: speaker.acknowledged > before + 400, "messages flow")  # noqa: B023  called at once
        assert bridge.stop() == 0
        speaker.hush()
        bridge = trial.bridge()
    trial.settle()
    trial.faults = [f"bridge SIGTERM × {rounds} under load"]
    history = trial.history()
    history.log_once = True
    trial.verdict(history)
