"""Faults 7 and 12: no bridge for a while, and one bridge too many."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from escalation import auditor
from models.session import SYSTEM, work
from models.telemetry import ProcessBeat
from telemetry import silence
from tests.faults.trial import Trial
from tests.rig import until


def alarms(trial: Trial, path: silence.Path, after_s: float) -> set[str]:
    """What the watchman would say so long from now, were nobody to come back."""
    now = datetime.now(UTC)
    with work(trial.rig.sessions, SYSTEM) as session:
        silence.look(session, path, now + timedelta(seconds=after_s - 31))
        silence.look(session, path, now + timedelta(seconds=after_s))
        found = {alarm.rule for alarm in auditor.audit_house(session, now + timedelta(seconds=after_s))}
        session.rollback()
    return found


def test_07_what_comes_while_the_bridge_is_away_waits_and_an_alarm_is_raised(trial: Trial) -> None:
    machines = trial.enrol("plant-a", "plant-b")
    bridge, _ = trial.start()
    speakers = trial.connect(machines)
    for each in speakers:
        each.say(50)

    def beat() -> ProcessBeat | None:
        with work(trial.rig.sessions, SYSTEM) as session:
            return session.get(ProcessBeat, "bridge")

    until(beat, "the bridge beats")
    until(lambda: "path_closed" not in alarms(trial, silence.Path(), 0), "the way in is open", 180)
    bridge.kill()
    most = int(trial.pace(10_000, 20_000))
    for each in speakers:
        each.say(most // 2)
    trial.all_acknowledged()
    assert "path_closed" in alarms(trial, silence.Path(), 180)
    trial.bridge()
    trial.settle(90)
    dropped = until(lambda: _dropped(beat()), "the new bridge beats")
    assert dropped == "0"
    trial.faults = [f"bridge away while {most:,} messages came"]
    trial.counts |= {"dropped by the broker": dropped, "alarm": "path_closed"}
    trial.verdict(trial.history())


def _dropped(beat: ProcessBeat | None) -> str:
    """The broker's own count, once the bridge has heard anything at all; as a word, so that none is an answer."""
    return str(beat.facts["dropped_by_broker"]) if beat is not None and beat.facts["received"] else ""


def test_12_a_second_bridge_of_the_same_name_leaves_and_says_why(trial: Trial) -> None:
    machines = trial.enrol("plant-a")
    bridge, proxy = trial.start_behind_proxy()
    (speaker,) = trial.connect(machines)
    speaker.speak(200)

    def beats() -> bool:
        with work(trial.rig.sessions, SYSTEM) as session:
            return session.get(ProcessBeat, "bridge") is not None

    until(beats, "the first one is known")
    began = time.time()
    second = trial.rig.start("from telemetry import bridge\nbridge.main(settings)", VIGIE_MQTT_PORT=str(proxy.port))
    until(lambda: not second.alive, "the second one leaves", trial.pace(60, 180))
    time.sleep(trial.pace(2, 180))
    assert second.process.returncode != 0
    assert "another bridge named bridge is at work" in second.words
    assert f"process {bridge.process.pid}" in second.words
    assert bridge.alive
    connects = [packet for packet in proxy.kinds("CONNECT") if packet.at >= began]
    assert len(connects) <= 2
    bridge.kill()
    third = trial.bridge(VIGIE_MQTT_PORT=str(proxy.port))  # a successor is no rival
    trial.settle()
    assert third.alive
    trial.faults = ["a second bridge of the same name", "the first one killed, a third started"]
    trial.counts["takeovers"] = len(connects)
    trial.verdict(trial.history())
