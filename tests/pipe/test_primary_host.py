"""Sparkplug nodes learn whether their primary host is there, as both versions of the specification say it."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from models.session import Sessions
from telemetry.bridge_words import STATE
from telemetry.broker_access import STATE_2_2
from tests.cast import Cast
from tests.rig import BROKERS, Rig, until

pytestmark = pytest.mark.parametrize("rig", BROKERS, indirect=True)


def test_the_bridge_says_that_it_is_there_and_the_broker_that_it_is_gone(
    rig: Rig, sessions: Sessions, cast: Cast
) -> None:
    secret = rig.enrol(cast, "plant-node")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected", 90)
    client = rig.client("plant-node", secret)
    heard: dict[str, list[bytes]] = {STATE: [], STATE_2_2: []}
    retained: list[bool] = []

    def on_message(client: Any, data: Any, message: Any) -> None:
        heard[message.topic].append(message.payload)
        retained.append(message.retain)

    client.on_message = on_message
    client.subscribe([(STATE, 1), (STATE_2_2, 1)])
    until(lambda: all(heard.values()), "both states are retained", 30)
    assert all(retained)
    first = json.loads(heard[STATE][-1])
    assert first["online"] is True
    assert heard[STATE_2_2][-1] == b"ONLINE"
    bridge.kill()
    until(lambda: json.loads(heard[STATE][-1])["online"] is False, "the broker says the will", 30)
    until(lambda: heard[STATE_2_2][-1] == b"OFFLINE", "and the will in the words of 2.2", 30)
    assert json.loads(heard[STATE][-1])["timestamp"] == first["timestamp"]
    bridge = rig.bridge()
    until(lambda: json.loads(heard[STATE][-1])["online"] is True, "the next session is there", 90)
    until(lambda: heard[STATE_2_2][-1] == b"ONLINE", "and so in the words of 2.2", 30)
    assert json.loads(heard[STATE][-1])["timestamp"] > first["timestamp"]
    bridge.process.send_signal(signal.SIGTERM)
    until(lambda: heard[STATE_2_2][-1] == b"OFFLINE", "the bridge takes its leave", 30)
    until(lambda: json.loads(heard[STATE][-1])["online"] is False, "and says so in both ways", 30)
    assert bridge.process.wait(30) == 0
    assert heard[STATE_2_2][-1] == b"OFFLINE"
