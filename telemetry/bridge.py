"""MQTT in, log out. The bridge never looks inside a message, so none can stop it.

One thread reads the network, fills records, and sends acknowledgements; the log confirms from threads of its own by way
of a queue and a wake-up socket. The session is MQTT 3.1.1 with a fixed client id that is never clean, so the broker
keeps for us what comes while we are away; a message is acknowledged only once the log has it (telemetry/ackwindow.py).
"""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from telemetry import broker_files, mqtt_tls
from telemetry.ackwindow import AckWindow
from telemetry.bridge_desk import Desk, watch_over
from telemetry.bridge_ears import Ears
from telemetry.bridge_reading import READINGS, take_leave
from telemetry.bridge_records import Records
from telemetry.bridge_words import Retained, is_no_report, may_be_ours
from telemetry.log import LogWriter
from telemetry.log_door import open_writer
from telemetry.needs import Needs

log = structlog.get_logger()

KEEPALIVE_S: Final = 8  # a broker that hangs shows after two: sooner than its silence is laid at a machine's door
# QoS 1 is bounded by the broker's window of unacknowledged messages; QoS 0 promises nothing and is bounded here.
UNPROMISED: Final = 20_000
# With so many bytes waiting for the log we stop reading; the broker keeps the rest.
WAITING_BYTES: Final = 256 << 20
MOST_TOPICS: Final = 50_000  # remembered; agents that send one value a topic have hundreds each
_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_SLOW_LOG_S: Final = 10.0


class Refused(RuntimeError):
    """The broker does not let us in; the words say what it said."""


@dataclass
class Counts:
    """What happened since the start; the platform page shows them."""

    received: int = 0
    acknowledged: int = 0
    unpromised_dropped: int = 0  # QoS 0 while the log was away
    forgotten_places: int = 0  # unacknowledged at a reconnect: the broker sends them again
    connects: int = 0
    dropped_by_broker: int = 0


def main(settings: Needs) -> None:
    """Carry until SIGTERM or SIGINT. Ends with an exception, to be started again, when it can do no good any more."""
    secret = broker_files.bridge_secret(settings.bridge_secret)
    writer = open_writer(settings)
    bridge = Bridge(
        writer, settings.partitions, settings.mqtt_username, secret, settings.bridge_name, settings.mqtt_reading
    )
    desk = Desk(
        settings.database_for("worker"), settings.bridge_name, bridge.facts, bridge.publish_receipt,
        bridge.retained.forget, bridge.retained.take_seen, bridge.retained.ask_birth, bridge.retained.ask,
        bridge.ears.want,
    )  # fmt: skip
    bridge.on_forgetful_broker = desk.publish_all_again
    desk.on_rival = bridge.stop

    def stop(number: int, frame: FrameType | None) -> None:
        bridge.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    watch_over(lambda: bridge.turns, 90.0)
    try:
        desk.ask_first()
        bridge.run(*settings.mqtt_line)
    finally:
        desk.close()
        writer.close(5.0)
    if desk.rival is not None:
        raise desk.rival


class Bridge:
    """Not thread-safe but for `stop`, `facts` and `publish_receipt`."""

    def __init__(
        self, writer: LogWriter, partitions: int, username: str, secret: str, client_id: str, reading: str = "quick"
    ) -> None:
        self.counts = Counts()
        self.retained, self.ears = Retained(secret), Ears()
        self.turns = 0  # of the loop: progress, for the watchdog
        self.on_forgetful_broker: Callable[[], None] = lambda: None
        self._writer = writer
        self._window = AckWindow()
        self._records = Records(writer, partitions, self._wake)
        self._aside: list[int] = []  # places of messages that are not for the log
        self._stopping = self._up = False
        self._answer: str | None = None  # the broker's last refusal
        self._ear, self._bell = socket.socketpair()
        for end in (self._ear, self._bell):
            end.setblocking(False)
        self._client = self._make_client(client_id, username, secret)
        self._reading = READINGS[reading](self._client, self._take)
        self._partition_of: dict[bytes, int] = {}  # of topics that carry telemetry whatever their payload
        self._records.named, self.ears.on_change = self.ears.machine_in, self._partition_of.clear

    def _make_client(self, client_id: str, username: str, secret: str) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=False, manual_ack=True, reconnect_on_failure=False
        )
        client.username_pw_set(username, secret)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        return client

    # ---- the loop

    def run(self, host: str, port: int, ca: Path | None = None) -> None:
        """Until `stop`, connecting again by itself; over TLS when given the `ca` that signed the broker's certificate.
        Raises `Refused` when the broker does not know us, `LogError` when the log is lost for this process, `TlsError`.
        """
        if ca is not None:
            self._client.tls_set_context(mqtt_tls.context(mqtt_tls.Tls(ca)))
        tries = 0
        while not self._stopping:
            self.retained.make_will(self._client, host, port, ca)
            try:
                self._client.connect(host, port, KEEPALIVE_S)
            except OSError as problem:
                log.warning("bridge.broker_away", host=host, port=port, why=mqtt_tls.said(problem))
            else:
                before, since = self.counts.connects, time.monotonic()
                while self._client.socket() is not None and not self._stopping:
                    self._turn()
                # A line that does not last is not asked for faster: two of one name would take it from each other.
                if self.counts.connects > before and time.monotonic() - since >= _PAUSES_S[-1]:
                    tries = 0
                if self._answer is not None:
                    raise Refused(f"the broker at {host}:{port} refused {self._answer}")
            if not self._stopping:
                self._rest(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
                tries += 1
        self._say_goodbye()

    def stop(self) -> None:
        """End soon, politely: what was taken is written and acknowledged first."""
        self._stopping = True
        self._wake()

    def _turn(self) -> None:
        self.turns += 1
        sock = self._client.socket()
        if sock is None:
            return
        readable: list[Any] = [self._ear]
        patience, pause = self._records.patience(), self._reading.pause()
        if pause > 0:
            patience = min(patience, pause)
        elif self._records.waiting_bytes < WAITING_BYTES:
            readable.append(sock)
        writable = [sock] if self._client.want_write() else []
        ready, free, _ = select.select(readable, writable, [], patience)
        if self._ear in ready:
            self._ear.recv(4096)
        if sock in ready:
            self._reading.read()
            while mqtt_tls.has_more(sock) and self._client.socket() is sock:
                self._reading.read()
        self._settle()
        if free or self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()
        self._records.write_due()

    def _rest(self, pause: float) -> None:
        until = time.monotonic() + pause
        while not self._stopping and (left := until - time.monotonic()) > 0:
            self.turns += 1
            if select.select([self._ear], [], [], min(left, 1.0))[0]:
                self._ear.recv(4096)
            self._settle()

    def _say_goodbye(self) -> None:
        """What came in is written, and acknowledged if the log is quick; the broker keeps the rest."""
        self._records.write_all()
        until = time.monotonic() + 3.0
        while self._client.socket() is not None and len(self._window) and time.monotonic() < until:
            if select.select([self._ear], [], [], 0.1)[0]:
                self._ear.recv(4096)
            self._settle()
        self.retained.say_there(self._client, online=False)
        take_leave(self._client)
        told = self.retained.receipts
        log.info("bridge.stopped", unacknowledged=len(self._window), receipts=told, **vars(self.counts))

    # ---- what paho tells us; these only take note

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._answer = str(reason)
            return
        self.counts.connects += 1
        self.counts.forgotten_places += self._window.reconnect()
        self._up = True
        log.info("bridge.connected", session_present=flags.session_present)
        if not flags.session_present:
            self.on_forgetful_broker()
        self.ears.begin(client)

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._up = False
        if not self._stopping and self._answer is None:
            log.warning("bridge.disconnected", why=str(reason), unacknowledged=len(self._window))

    def _take(self, first: int, topic: bytes, packet_id: int, payload: bytes, arrived_ms: int) -> None:
        """A message, by the first byte of its packet: bit 0 says retained, bit 3 sent again."""
        place = self._window.open(packet_id) if packet_id else None
        if first & 1 and topic.startswith(b"vigie/"):
            self.retained.saw(topic.split(b"/", 2)[1])
        partition = self._partition_of.get(topic)
        if partition is None:
            if self._is_ours(topic, payload):
                if place is not None:
                    self._aside.append(place)
                return
            partition = self._placed(topic)
        self.counts.received += 1
        if place is None and self._records.unpromised >= UNPROMISED:
            self.counts.unpromised_dropped += 1
            return
        marks = {"retained": bool(first & 1), "duplicate": bool(first & 8)}
        self._records.add(partition, topic, payload, arrived_ms, place, **marks)

    def _placed(self, topic: bytes) -> int:
        """The topic's partition, remembered where no payload could make it a word of our own."""
        partition = self._records.partition_of(topic)
        if not may_be_ours(topic):
            if len(self._partition_of) >= MOST_TOPICS:
                self._partition_of.clear()
            self._partition_of[topic] = partition
        return partition

    def _is_ours(self, topic: bytes, payload: bytes) -> bool:
        """Not telemetry: the echo of what we publish ourselves, and the broker's word about dropped messages."""
        if topic.startswith(b"$SYS/"):
            dropped = int(payload) if payload.isdigit() else 0
            if dropped > self.counts.dropped_by_broker:
                log.error("bridge.broker_dropped_messages", dropped=dropped)
            self.counts.dropped_by_broker = dropped
            return True
        return is_no_report(topic.split(b"/", 3), payload)

    def _settle(self) -> None:
        """Acknowledge what the log has confirmed, and publish receipts that wait."""
        places, self._aside = self._aside + self._records.confirmed(), []
        if places:
            released = self._window.confirm(places)
            if self._up:  # else it comes again on the next connection, where its id may be another message's by now
                self._reading.acknowledge(released)
                self.counts.acknowledged += len(released)
        if self._up:
            self.retained.tell(self._client)
            self.ears.follow(self._client)

    # ---- for other threads

    def publish_receipt(self, machine: str, seq: int) -> None:
        """Tell a machine that everything up to `seq` is stored; told once connected."""
        self.retained.publish(machine, seq)
        self._wake()

    def facts(self) -> dict[str, Any]:
        away = self._writer.away_s()
        if away > _SLOW_LOG_S:
            log.warning("bridge.log_away", seconds=round(away), unacknowledged=len(self._window))
        return {
            "received": self.counts.received,
            "unacknowledged": len(self._window),
            "log_away_s": round(away, 1),
            "dropped_by_broker": self.counts.dropped_by_broker,
            "unpromised_dropped": self.counts.unpromised_dropped,
            "connected": self._up,
            "acknowledged": self.counts.acknowledged,
        }

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # enough wake-ups wait already
            self._bell.send(b"\0")
