"""Ledgers, kept while a trial runs: machines that write down what they sent, and dumps of log and database."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as mqtt
from kafka import KafkaConsumer, TopicPartition
from sqlalchemy import func, select

from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount, LogRecord, ReadingBlock
from telemetry import history
from telemetry.envelope import Envelope, unpacked
from tests.faults.history import Counted, Logged, Outcome, Sent, Stored

METRIC = "told"  # carries the report's number, so that history tells which report a row is


def report(seq: int, at_ms: int, **metrics: float) -> bytes:
    return json.dumps({"seq": seq, "at": at_ms, "metrics": {METRIC: seq, **metrics}}).encode()


class Speaker:
    """One machine: publishes numbered reports and writes down which were acknowledged, and when."""

    def __init__(self, name: str, machine_id: uuid.UUID, client: mqtt.Client) -> None:
        self.name, self.machine_id, self.client = name, machine_id, client
        self._sent: list[tuple[int, float, mqtt.MQTTMessageInfo]] = []
        self._acked: dict[int, float] = {}  # by packet id; a trial stays below 65,535 reports a machine
        self._at_ms = time.time_ns() // 1_000_000 - 60_000
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._others = 0
        self.metrics: dict[str, float] = {}  # what it says beside its number
        client.on_publish = self._published

    @property
    def count(self) -> int:
        return len(self._sent)

    @property
    def acknowledged(self) -> int:
        return max(0, len(self._acked) - self._others)

    @property
    def is_done(self) -> bool:
        """Whether everything it ever published was acknowledged."""
        return len(self._acked) == len(self._sent) + self._others

    def say(self, count: int = 1, **metrics: float) -> None:
        """Publish the next reports, as fast as it goes."""
        assert len(self._sent) + self._others + count < 65_536, "packet ids would come again"
        for _ in range(count):
            # Instants of their own, never ahead of the clock by more than reports came faster than milliseconds.
            self._at_ms = max(self._at_ms + 1, time.time_ns() // 1_000_000 - 60_000)
            body = report(len(self._sent), self._at_ms, **{**self.metrics, **metrics})
            info = self.client.publish(f"vigie/{self.name}/report", body, qos=1)
            self._sent.append((len(self._sent), time.time(), info))

    def tell(self, topic: str, payload: bytes) -> None:
        """Publish something that is no report of the ledger."""
        self._others += 1
        self.client.publish(topic, payload, qos=1)

    def speak(self, a_second: float) -> None:
        """Go on by itself, about so many reports a second, until `hush`."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._talk, args=(1 / a_second,), name=f"speaker-{self.name}")
        self._thread.start()

    def hush(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def ledger(self) -> list[Sent]:
        """What it knows by now: a report is *ok* once its acknowledgement came, and *unknown* before."""
        return [
            Sent(self.name, seq, at, Outcome.OK if info.is_published() else Outcome.UNKNOWN, self._acked.get(info.mid))
            for seq, at, info in list(self._sent)
        ]

    def _talk(self, pause_s: float) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            while due <= time.monotonic():
                self.say()
                due += pause_s
            self._ended.wait(max(0.001, due - time.monotonic()))

    def _published(self, client: mqtt.Client, data: object, mid: int, reason: object, properties: object) -> None:
        self._acked[mid] = time.time()


def whose(packet: bytes) -> tuple[str, int]:
    """Machine and number of a PUBLISH, for the proxy's transcript; ("", -1) when it carries something else."""
    topic, _, rest = packet.partition(b"/report")
    machine = topic.rpartition(b"vigie/")[2]
    with suppress(ValueError, KeyError, TypeError):
        return machine.decode(), int(json.loads(rest[rest.index(b"{") :])["seq"])
    return "", -1


# ---- dumps


def log_in_postgres(sessions: Sessions) -> list[Logged]:
    """Every report in the embedded log, in order of its place."""
    with work(sessions, SYSTEM) as session:
        rows = session.execute(
            select(LogRecord.partition, LogRecord.position, LogRecord.appended_at, LogRecord.body).order_by(
                LogRecord.partition, LogRecord.position
            )
        ).all()
    return [
        Logged(machine, seq, row.partition, row.position, row.appended_at.timestamp())
        for row in rows
        for machine, seq in reports_in(unpacked(row.body))
    ]


def log_in_kafka(servers: str, topic: str) -> list[Logged]:
    """Every report in a topic, in order of its place."""
    consumer = KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[Logged] = []
        while any(consumer.position(place) < ends[place] for place in places):
            for place, messages in consumer.poll(timeout_ms=500).items():
                for message in messages:
                    told = reports_in(unpacked(message.value))
                    found += [Logged(name, seq, place.partition, message.offset) for name, seq in told]
        return found
    finally:
        consumer.close()


def reports_in(envelopes: Iterable[Envelope]) -> Iterator[tuple[str, int]]:
    """(machine, number) of every report of ours; an array of them counts as several, nonsense as none."""
    for envelope in envelopes:
        levels = envelope.topic.split(b"/")
        if len(levels) != 3 or levels[0] != b"vigie" or levels[2] != b"report":
            continue
        try:
            body = json.loads(envelope.payload)
        except ValueError:
            continue
        for each in body if isinstance(body, list) else [body]:
            if isinstance(each, dict) and isinstance(each.get("seq"), int):
                yield levels[1].decode(), each["seq"]


def database(sessions: Sessions, machines: Iterable[tuple[str, uuid.UUID]]) -> list[Stored]:
    """Every report in history, as often as it stands there."""
    now = datetime.now(UTC)
    found: list[Stored] = []
    with work(sessions, SYSTEM) as session:
        for name, machine_id in machines:
            columns = history.reports(session, machine_id, None, now - timedelta(days=2), now + timedelta(hours=1))
            found += [Stored(name, int(values[METRIC])) for _, values in columns.rows() if METRIC in values]
    return found


def delivery(sessions: Sessions, machines: Iterable[str]) -> list[Counted]:
    """The delivery ledger's sums."""
    columns = [getattr(DeliveryCount, name) for name in ("received", "scored", "late", "duplicate", "refused")]
    query = select(DeliveryCount.machine, *map(func.sum, columns)).group_by(DeliveryCount.machine)
    with work(sessions, SYSTEM) as session:
        rows = session.execute(query.where(DeliveryCount.machine.in_(list(machines)))).all()
    return [Counted(row[0], *map(int, row[1:])) for row in rows]


def stored_count(sessions: Sessions) -> int:
    with work(sessions, SYSTEM) as session:
        return int(session.scalar(select(func.coalesce(func.sum(ReadingBlock.reports), 0))) or 0)


class Lag(threading.Thread):
    """How many reports were acknowledged to machines and are not stored yet, looked at every half second."""

    def __init__(self, sessions: Sessions, acknowledged: Callable[[], int]) -> None:
        super().__init__(name="lag", daemon=True)
        self.curve: list[int] = []
        self._sessions, self._acknowledged = sessions, acknowledged
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.5):
            told = self._acknowledged()
            self.curve.append(max(0, told - stored_count(self._sessions)))

    def end(self) -> None:
        self._ended.set()
        self.join(10)
