"""A client that names itself only when it connects, as ThingsBoard's do, speaks under its own topics all the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from telemetry import broker_files
from tests.cast import Cast
from tests.rig import BROKERS, Rig, until

pytestmark = pytest.mark.parametrize("rig", BROKERS, indirect=True)

SOURCE = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto" / "vigie_topics.c"
HEADER = Path("/usr/include/mosquitto_plugin.h")


def test_its_words_stand_under_its_own_name(rig: Rig, cast: Cast, request: pytest.FixtureRequest) -> None:
    secret = rig.enrol(cast, "press-7")
    folder = rig.data / "mqtt"
    folder.mkdir(parents=True, exist_ok=True)
    if "mosquitto" in request.node.name:
        compiler = shutil.which("cc")
        if compiler is None or not HEADER.exists():
            pytest.skip("no compiler, or Mosquitto's headers are absent (Debian: mosquitto-dev libmosquitto-dev)")
        made = folder / "vigie_topics.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-Werror", "-Wall", "-Wextra", "-o", made, SOURCE], check=True)
    rig.broker()
    heard: dict[str, bytes] = {}
    ready: list[bool] = []
    bridge = rig.client("vigie-bridge", broker_files.bridge_secret(folder / "bridge.secret"), client_id="bridge")

    def on_message(client: Any, data: Any, message: Any) -> None:
        heard[message.topic] = message.payload

    bridge.on_message = on_message
    bridge.on_subscribe = lambda *_: ready.append(True)
    bridge.subscribe("vigie/#", 1)
    until(lambda: ready, "the bridge has subscribed")
    device = rig.client("press-7", secret, client_id="any")
    device.publish("v1/devices/me/telemetry", b'{"t": 41.5}', 1)
    device.publish("vigie/press-8/thingsboard/v1/devices/me/telemetry", b'{"t": 1}', 1)
    device.publish("v1/gateway/connect", b'{"device": "press-8"}', 1)
    device.publish("v2/t", b'{"t": 42.5}', 1)
    device.publish("v2/a/j", b'{"model": "x"}', 1)
    until(lambda: len(heard) == 4, "all are heard")
    assert heard == {
        "vigie/press-7/thingsboard/v1/devices/me/telemetry": b'{"t": 41.5}',
        "vigie/press-7/thingsboard/v1/gateway/connect": b'{"device": "press-8"}',
        "vigie/press-7/thingsboard/v2/t": b'{"t": 42.5}',
        "vigie/press-7/thingsboard/v2/a/j": b'{"model": "x"}',
    }
