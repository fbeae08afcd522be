"""A bridge that is killed loses nothing, whichever way it reads the network."""

from __future__ import annotations

import threading

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import select

from models.session import SYSTEM, Sessions, work
from models.telemetry import LogRecord
from telemetry.bridge_reading import READINGS
from telemetry.envelope import unpacked
from tests.cast import Cast
from tests.rig import Rig, until

KILLS = 3
IN_A_ROW = 10  # messages a publication begins with, so that a kill finds many half way


def logged(sessions: Sessions) -> list[int]:
    with work(sessions, SYSTEM) as session:
        bodies = session.scalars(select(LogRecord.body).order_by(LogRecord.partition, LogRecord.position)).all()
    return [int(envelope.payload) for body in bodies for envelope in unpacked(body) if envelope.payload.isdigit()]


class Machine(threading.Thread):
    """Publishes numbers in bursts until told to stop, and counts what it got a PUBACK for."""

    def __init__(self, client: mqtt.Client, name: str) -> None:
        super().__init__(name=f"machine-{name}")
        self.topic = f"vigie/{name}/report"
        self.client = client
        self.acknowledged: list[int] = []
        self.ended = threading.Event()
        self.sent = 0
        client.on_publish = lambda _client, _data, mid, _reason, _properties: self.acknowledged.append(mid)

    def run(self) -> None:
        while not self.ended.wait(0.05):
            for _ in range(IN_A_ROW):
                self.client.publish(self.topic, b"%d" % self.sent, qos=1)
                self.sent += 1


@pytest.mark.parametrize("reading", sorted(READINGS))
def test_a_bridge_killed_under_load_loses_nothing(rig: Rig, sessions: Sessions, cast: Cast, reading: str) -> None:
    rig.extra = {"VIGIE_MQTT_READING": reading}
    secret = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    machine = Machine(rig.client("plant-a", secret), "plant-a")
    machine.start()
    try:
        for kill in range(KILLS):
            before = len(logged(sessions))
            until(lambda: len(logged(sessions)) > before, f"messages flow before kill {kill}")  # noqa: B023  called at once
            bridge.kill()
            bridge = rig.bridge()
    finally:
        machine.ended.set()
        machine.join()
    until(lambda: len(machine.acknowledged) == machine.sent, "every message is acknowledged to the machine")
    until(lambda: set(logged(sessions)) == set(range(machine.sent)), "every acknowledged message is in the log")
    ordered = list(dict.fromkeys(logged(sessions)))
    assert ordered == sorted(ordered), "of each message the first arrival stands in the machine's order"


@pytest.mark.parametrize("reading", sorted(READINGS))
def test_a_bridge_stopped_politely_writes_each_message_once(
    rig: Rig, sessions: Sessions, cast: Cast, reading: str
) -> None:
    rig.extra = {"VIGIE_MQTT_READING": reading}
    secret = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    machine = Machine(rig.client("plant-a", secret), "plant-a")
    machine.start()
    try:
        until(lambda: logged(sessions), "messages flow")
        assert bridge.stop() == 0
    finally:
        machine.ended.set()
        machine.join()
    rig.bridge()
    until(lambda: len(set(logged(sessions))) == len(machine.acknowledged), "the rest arrives")
    assert len(logged(sessions)) == len(set(logged(sessions)))
