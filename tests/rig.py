"""Real processes for the tests: a broker, a bridge, watchers; own ports and folder, each ended by its pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from app.free_port import free_port
from app.offspring import Process
from models.session import SYSTEM, Sessions, work
from telemetry import enrol
from tests import nursery, postgres
from tests.cast import Cast

ROOT = Path(__file__).resolve().parent.parent
BROKERS = ("mosquitto", "embedded")
# Waiting costs nothing when all goes well, and a busy machine takes a minute to import scikit-learn.
PATIENCE_S = 120.0


def until(claim: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """The first truthy answer of `claim`; fails with `what` when it never comes."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        answer = claim()
        if answer:
            return answer
        time.sleep(0.05)
    pytest.fail(f"never happened: {what}")


def need_mosquitto() -> None:
    """Leave a test out, loudly, where there is no Mosquitto."""
    places = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    if shutil.which("mosquitto", path=places) is None:
        pytest.skip("mosquitto is not installed")


@dataclass
class Child:
    """A process of ours and what it said."""

    process: Process
    said: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def words(self) -> str:
        return self.said.read_text(encoding="utf-8", errors="replace")


@dataclass
class Rig:
    """One little plant: a data folder, a database, a broker's port, and the processes started so far."""

    data: Path
    database: str
    sessions: Sessions
    broker_kind: str = "mosquitto"
    extra: dict[str, str] = field(default_factory=dict)
    mqtt_port: int = field(default_factory=free_port)
    children: list[Child] = field(default_factory=list)
    clients: list[mqtt.Client] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        worker = postgres.as_role(self.database, "worker")
        return {
            **os.environ,
            "VIGIE_DATA": str(self.data),
            "VIGIE_DATABASE_URL": worker.replace("vigie_worker", "{role}", 1),
            "VIGIE_MQTT_PORT": str(self.mqtt_port),
            "VIGIE_MQTT_BROKER": self.broker_kind,
            **self.extra,
        }

    def start(self, words: str, **more: str) -> Child:
        """Run `words`, a line of Python that may use `settings`, in a process of its own."""
        program = f"from app.settings import Settings\nsettings = Settings()\n{words}"
        said = self.data / f"{len(self.children)}.log"
        with said.open("wb") as out:
            process = nursery.start(program, environment={**self.environment, **more}, out=out)
        child = Child(process, said)
        self.children.append(child)
        return child

    def broker(self) -> Child:
        child = self.start("from telemetry import broker\nbroker.main(settings)")
        until(lambda: self._answers() or not child.alive, "the broker listens")
        assert child.alive, child.words
        return child

    def bridge(self) -> Child:
        return self.start("from telemetry import bridge\nbridge.main(settings)")

    def watch(self, name: str = "watch") -> Child:
        return self.start(f"from telemetry import watch\nwatch.main(settings, {name!r})")

    def enrol(self, cast: Cast, name: str) -> str:
        """A new machine of Ada's plant; its secret."""
        with work(self.sessions, SYSTEM) as session:
            _, secret = enrol.enrol(session, cast.plant, name, cast.now)
        return secret

    def client(self, name: str, secret: str, **more: Any) -> mqtt.Client:
        """A connected client under a machine's credential, its network loop running."""
        to = more.pop("port", self.mqtt_port)
        client = mqtt.Client(CallbackAPIVersion.VERSION2, more.pop("client_id", name), **more)
        client.username_pw_set(name, secret)
        client.max_inflight_messages_set(500)
        client.max_queued_messages_set(0)
        client.connect("127.0.0.1", to)
        client.loop_start()
        self.clients.append(client)
        until(client.is_connected, f"{name} is connected")
        return client

    def end(self) -> None:
        for client in self.clients:
            client.disconnect()
            client.loop_stop()
        for child in reversed(self.children):
            if child.alive:
                child.process.send_signal(signal.SIGCONT)
                child.kill()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.mqtt_port)) == 0
