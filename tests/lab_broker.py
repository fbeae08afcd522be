"""A real Mosquitto for tests of what publishes, with a listener that notes everything it carries."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 20.0


def program() -> str:
    """Where Mosquitto is; leaves the test out, loudly, where it is not installed."""
    found = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
    if found is None:
        pytest.skip("Mosquitto is not installed; nothing real to publish to (Debian: apt install mosquitto)")
    return found


@contextmanager
def broker(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A broker on `port` that lets anybody in; ended by its own pid."""
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n")
    process = subprocess.Popen([program(), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(port))
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(claim: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for a claim to become true; fails when it does not."""
    end = time.monotonic() + patience_s
    while not claim():
        if time.monotonic() > end:
            pytest.fail("waited in vain")
        time.sleep(0.02)


@dataclass
class Listener:
    """What the broker carried, in order of arrival: (topic, payload)."""

    client: Client
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def reports(self, machine: str) -> list[dict[str, Any]]:
        """The reports of a machine, arrays taken apart."""
        found: list[dict[str, Any]] = []
        for topic, payload in list(self.heard):
            if topic == f"vigie/{machine}/report":
                body = json.loads(payload)
                found.extend(body if isinstance(body, list) else [body])
        return found

    def statuses(self, machine: str) -> list[str]:
        return [payload.decode() for topic, payload in list(self.heard) if topic == f"vigie/{machine}/status"]

    def receipt(self, machine: str, seq: int) -> None:
        """Say, as the watcher would, that everything up to `seq` is stored."""
        body = json.dumps({"seq": seq})
        self.client.publish(f"vigie/{machine}/receipt", body, qos=1, retain=True).wait_for_publish(PATIENCE_S)


@contextmanager
def listening(port: int) -> Iterator[Listener]:
    client = Client(CallbackAPIVersion.VERSION2, client_id="listener")
    listener = Listener(client)
    ready: list[bool] = []

    def note(_: Client, __: Any, message: MQTTMessage) -> None:
        listener.heard.append((message.topic, message.payload))

    client.on_message = note
    client.on_subscribe = lambda *_: ready.append(True)
    client.connect("127.0.0.1", port)
    client.subscribe("vigie/#", qos=1)
    client.loop_start()
    try:
        until(lambda: bool(ready))
        yield listener
    finally:
        client.disconnect()
        client.loop_stop()
