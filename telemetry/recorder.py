"""The door to a broker for `vigie record`.

Subscribe, write each message as it comes. Reads only; acknowledges nothing itself.
"""

from __future__ import annotations

import gzip
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from telemetry.recording import Message

CONNECT_S: Final = 10.0
LOOK_S: Final = 0.2  # how often the end is looked for while nothing arrives


class CannotRecord(RuntimeError):
    """The broker cannot be reached or does not let us listen; the text says which."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to listen and as whom."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None


class _Ear:
    """Callbacks only append: what they hear is written by the caller's thread."""

    def __init__(self, topics: Sequence[str]) -> None:
        self.heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.topics = topics
        self.ready = threading.Event()
        self.refusal = ""

    def connected(
        self, client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self.refusal = f"the broker refused the connection: {code}"
            self.ready.set()
            return
        client.subscribe([(t, 1) for t in self.topics])

    def subscribed(
        self, _client: mqtt.Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if all(c.is_failure for c in codes):
            self.refusal = "the broker refused every topic filter"
        self.ready.set()

    def message(self, _client: mqtt.Client, _data: object, m: mqtt.MQTTMessage) -> None:
        now_ms = time.time_ns() // 1_000_000
        try:
            topic = m.topic
        except UnicodeDecodeError:
            return  # a topic that is no text cannot be named in a recording; the broker should not have let it in
        self.heard.put(Message(now_ms, topic, bytes(m.payload), m.qos, m.retain))


def record(
    path: Path, broker: Broker, topics: Sequence[str], *, seconds: float | None = None, most: int | None = None
) -> int:
    """Write messages until ``seconds`` have passed, ``most`` are written, or Ctrl-C.

    Returns how many. Raises ``CannotRecord``.
    """
    ear = _Ear(topics)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="", protocol=mqtt.MQTTv311)
    if broker.user is not None:
        client.username_pw_set(broker.user, broker.password)
    client.on_connect, client.on_subscribe, client.on_message = ear.connected, ear.subscribed, ear.message
    try:
        client.connect(broker.host, broker.port, keepalive=30)
    except OSError as e:
        raise CannotRecord(f"no broker at {broker.host}:{broker.port} ({e})") from None
    client.loop_start()
    try:
        if not ear.ready.wait(CONNECT_S):
            raise CannotRecord(f"the broker at {broker.host}:{broker.port} does not answer")
        if ear.refusal:
            raise CannotRecord(ear.refusal)
        with _file(path) as out:
            return _write(ear.heard, out, None if seconds is None else time.monotonic() + seconds, most)
    finally:
        client.disconnect()
        client.loop_stop()


def _write(heard: queue.SimpleQueue[Message], out: BinaryIO, until: float | None, most: int | None) -> int:
    count = 0
    try:
        while (most is None or count < most) and (until is None or time.monotonic() < until):
            try:
                message = heard.get(timeout=LOOK_S)
            except queue.Empty:
                out.flush()
                continue
            out.write(message.line())
            count += 1
    except KeyboardInterrupt:
        pass  # the way a person ends a recording
    return count


def _file(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "wb", compresslevel=3))  # a GzipFile writes bytes as a file does
    return path.open("wb")
