"""What was acknowledged to a machine is in the log, whatever happens to the bridge or the log."""

from __future__ import annotations

import threading

import paho.mqtt.client as mqtt
from sqlalchemy import select, text

from models.session import SYSTEM, Sessions, work
from models.telemetry import LogRecord, ProcessBeat
from telemetry.envelope import unpacked
from tests.cast import Cast
from tests.rig import Rig, until

KILLS = 10


def logged(sessions: Sessions) -> list[int]:
    with work(sessions, SYSTEM) as session:
        bodies = session.scalars(select(LogRecord.body)).all()
    return [int(envelope.payload) for body in bodies for envelope in unpacked(body) if envelope.payload.isdigit()]


class Machine(threading.Thread):
    """Publishes numbers until told to stop and remembers those it got a PUBACK for."""

    def __init__(self, client: mqtt.Client, name: str) -> None:
        super().__init__(name=f"machine-{name}")
        self.topic = f"vigie/{name}/report"
        self.client = client
        self.acknowledged: list[int] = []
        self.ended = threading.Event()
        self.sent = 0
        client.on_publish = lambda _client, _data, mid, _reason, _properties: self.acknowledged.append(mid)

    def run(self) -> None:
        while not self.ended.wait(0.004):
            self.client.publish(self.topic, b"%d" % self.sent, qos=1)
            self.sent += 1


def test_a_bridge_killed_ten_times_under_load_loses_nothing(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    secret = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    machine = Machine(rig.client("plant-a", secret), "plant-a")
    machine.start()
    for kill in range(KILLS):
        before = len(logged(sessions))
        until(lambda: len(logged(sessions)) > before, f"messages flow before kill {kill}")  # noqa: B023  called at once
        bridge.kill()
        bridge = rig.bridge()
    machine.ended.set()
    machine.join()
    until(lambda: len(machine.acknowledged) == machine.sent, "every message is acknowledged to the machine")
    until(lambda: set(logged(sessions)) == set(range(machine.sent)), "every acknowledged message is in the log")
    dropped = until(lambda: beat(sessions), "the last bridge beats").facts["dropped_by_broker"]
    assert dropped == 0


def test_a_bridge_stopped_politely_writes_each_message_once(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    secret = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    machine = Machine(rig.client("plant-a", secret), "plant-a")
    machine.start()
    until(lambda: logged(sessions), "messages flow")
    assert bridge.stop() == 0
    machine.ended.set()
    machine.join()
    rig.bridge()
    until(lambda: len(set(logged(sessions))) == len(machine.acknowledged), "the rest arrives")
    assert len(logged(sessions)) == len(set(logged(sessions)))


def test_while_the_log_is_away_nothing_is_acknowledged_and_the_connection_lives(
    rig: Rig, sessions: Sessions, cast: Cast
) -> None:
    secret = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    with work(sessions, SYSTEM) as session:
        # The table cannot be written to: as good as a log that is away, and nobody else is harmed.
        session.execute(text("SET LOCAL lock_timeout = '5s'"))
        session.execute(text("LOCK TABLE log_records IN ACCESS EXCLUSIVE MODE"))
        client = rig.client("plant-a", secret)
        for number in range(500):
            client.publish("vigie/plant-a/report", b"%d" % number, qos=1)
        until(lambda: "log.away" in bridge.words, "the bridge says that the log is away")
        assert "bridge.disconnected" not in bridge.words
    until(lambda: len(logged(sessions)) == 500, "all of it is in the log afterwards")
    assert sorted(logged(sessions)) == list(range(500))
    assert bridge.words.count("bridge.connected") == 1


def beat(sessions: Sessions) -> ProcessBeat | None:
    with work(sessions, SYSTEM) as session:
        return session.get(ProcessBeat, "bridge")
