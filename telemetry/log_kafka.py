"""The log in Kafka, for where one database is too small. kafka-python is met here and nowhere else.

Offsets are ours, in PostgreSQL beside the effects; Kafka's group only shares the partitions out. There is no reset
policy: a position that is gone is an alarm and never a silent jump.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import (
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
)

from telemetry.log import POLL_BYTES, Done, LogError, PositionGone, Record

log = structlog.get_logger()

# 22 µs a record with these, 62 with the library's 16 KiB batches (and 72 without the crc32c package).
_BATCH_BYTES: Final = 512 << 10
_LINGER_MS: Final = 5
# One message may fill a record alone (telemetry/broker_files.py), and half a megabyte may be there already.
_LARGEST_RECORD: Final = 4 << 20
# The producer itself tries again, in order, for as long as Kafka may be away; the bridge says so meanwhile.
_KEEP_TRYING_MS: Final = 24 * 3600 * 1000
_PAUSE_S: Final = 1.0
_SESSION_MS: Final = 20_000  # a watcher that died is missed for so long
_METADATA_MS: Final = 10_000
_NEWS_S: Final = 15.0
_UNPACKED: Final = 16  # records at once: of the largest, packed well, sixty megabytes


class KafkaWriter:
    """See `telemetry.log.LogWriter`. A thread of its own hands over, because `send` may wait for Kafka."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self._servers, self._topic, self._partitions = servers.split(","), topic, partitions
        self._waiting: deque[tuple[int, bytes, Done]] = deque()
        self._taken: deque[float] = deque()  # instants of records not confirmed yet; confirmations may overtake
        self._news = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def append(self, partition: int, body: bytes, done: Done) -> None:
        with self._news:
            self._waiting.append((partition, body, done))
            self._taken.append(time.monotonic())
            self._news.notify()

    def away_s(self) -> float:
        with self._news:
            return time.monotonic() - self._taken[0] if self._taken else 0.0

    def close(self, timeout_s: float) -> None:
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        producer = self._connected()
        while producer is not None:
            with self._news:
                while not self._waiting and not self._closing:
                    self._news.wait()
                batch, self._waiting = self._waiting, deque()
            if not batch:
                break
            for partition, body, done in batch:
                self._send(producer, partition, body, done)
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=3)

    def _connected(self) -> Any:
        while not self._closing:
            try:
                ensure_topic(self._servers, self._topic, self._partitions)
                return KafkaProducer(
                    bootstrap_servers=self._servers,
                    client_id="vigie-bridge",
                    acks="all",
                    compression_type="lz4",
                    batch_size=_BATCH_BYTES,
                    linger_ms=_LINGER_MS,
                    max_request_size=_LARGEST_RECORD,
                    delivery_timeout_ms=_KEEP_TRYING_MS,
                )
            except KafkaError as problem:
                log.warning("log.away", kind="kafka", why=str(problem), waiting=len(self._waiting))
                time.sleep(_PAUSE_S)
        return None

    def _send(self, producer: Any, partition: int, body: bytes, done: Done) -> None:
        def confirmed(_: object) -> None:
            self._settled()
            done(None)

        def failed(problem: Exception) -> None:
            self._settled()
            done(problem)

        while True:
            try:
                future = producer.send(self._topic, value=body, partition=partition)
            except KafkaError as problem:
                # Not handed over at all (no metadata in time): again, so that the order holds.
                if self._closing or not problem.retriable:
                    failed(problem)
                    return
                log.warning("log.away", kind="kafka", why=str(problem), waiting=len(self._waiting))
                time.sleep(_PAUSE_S)
            else:
                future.add_callback(confirmed)
                future.add_errback(failed)
                return

    def _settled(self) -> None:
        with self._news:
            self._taken.popleft()


class _Revoked(ConsumerRebalanceListener):  # type: ignore[misc]  # the library is not typed
    """Runs on the library's IO loop, so it only takes note."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        self.partitions.update(each.partition for each in revoked)

    def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        pass


class KafkaReader:
    """See `telemetry.log.LogReader`. One consumer group a kind of reader.

    With a `seat`, a name no other reader has, whoever sits there next takes over at once, without a rebalance.
    """

    def __init__(self, servers: str, topic: str, partitions: int, reader: str, seat: str | None = None) -> None:
        ensure_topic(servers.split(","), topic, partitions)
        self._topic = topic
        self._revoked = _Revoked()
        self._held: frozenset[int] = frozenset()
        self._wanted: dict[int, int] = {}  # what comes next, by our own count
        self._ahead: deque[Record] = deque()  # unpacked, and not yet given
        self._consumer = KafkaConsumer(
            bootstrap_servers=servers.split(","),
            client_id=f"vigie-{reader}",
            group_id=f"vigie-{reader}-{topic}",
            group_instance_id=seat,
            enable_auto_commit=False,
            auto_offset_reset="none",
            metadata_max_age_ms=_METADATA_MS,
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_SESSION_MS // 4,
            max_partition_fetch_bytes=_LARGEST_RECORD * 2,
            fetch_max_bytes=POLL_BYTES,  # packed; a larger record comes alone
        )
        self._know(topic, partitions)
        self._consumer.subscribe([topic], listener=self._revoked)

    @property
    def held(self) -> frozenset[int]:
        return self._held

    def seek(self, partition: int, position: int) -> None:
        self._drop(partition)
        self._wanted[partition] = position
        place = TopicPartition(self._topic, partition)
        self._consumer.seek(place, position)
        self._consumer.resume(place)

    def poll(self, timeout_s: float, most: int) -> list[Record]:
        if not self._ahead:
            self._fill(timeout_s, most)
        records: list[Record] = []
        size = 0
        while self._ahead and len(records) < most and size < POLL_BYTES:
            records.append(self._ahead.popleft())
            size += len(records[-1].body)
        return records

    def _fill(self, timeout_s: float, most: int) -> None:
        """A few at a time: how large a record is shows once unpacked. What came before a failure is given next."""
        some = self._polled(timeout_s, min(most, _UNPACKED))
        self._ahead.extend(some)
        while len(some) == _UNPACKED and len(self._ahead) < most and sum(len(r.body) for r in self._ahead) < POLL_BYTES:
            some = self._polled(0.0, _UNPACKED)
            self._ahead.extend(some)

    def _drop(self, partition: int) -> None:
        self._ahead = deque(record for record in self._ahead if record.partition != partition)

    def _polled(self, timeout_s: float, most: int) -> list[Record]:
        records = self._fetched(timeout_s, most)
        assigned = frozenset(each.partition for each in self._consumer.assignment())
        gone, self._revoked.partitions = self._revoked.partitions, set()
        # What was taken from us is seen as lost once, even when it came straight back: its position is forgotten.
        self._held = assigned - gone
        for partition in self._wanted.keys() - self._held:
            del self._wanted[partition]
        self._park(assigned - self._wanted.keys())
        kept = [record for record in records if record.partition in self._wanted]
        for record in kept:
            self._wanted[record.partition] = record.position + 1
        return kept

    def release(self, partition: int) -> None:
        self._wanted.pop(partition, None)
        self._drop(partition)

    def end_of(self, partition: int) -> int:
        place = TopicPartition(self._topic, partition)
        return int(self._consumer.end_offsets([place])[place])

    def close(self) -> None:
        self._consumer.close()

    def _know(self, topic: str, partitions: int) -> None:
        """Before we join the group: who leads it deals out the partitions *it* knows, and none is an answer that stays.

        Raises `LogError` when the broker asked does not tell of them in time.
        """
        until = time.monotonic() + _NEWS_S
        while len(known := self._consumer.partitions_for_topic(topic) or ()) < partitions:
            if time.monotonic() > until:
                raise LogError(f"Kafka tells of {len(known)} partitions of {topic} instead of {partitions}")
            time.sleep(0.1)

    def _park(self, partitions: Iterable[int]) -> None:
        """Until the watcher has said where to begin, a partition has some position, so that the others go on."""
        for partition in partitions:
            place = TopicPartition(self._topic, partition)
            self._consumer.pause(place)
            self._consumer.seek(place, 0)

    def _fetched(self, timeout_s: float, most: int) -> list[Record]:
        try:
            batches = self._consumer.poll(timeout_ms=round(timeout_s * 1000), max_records=most)
        except NoOffsetForPartitionError:
            return []  # newly assigned, and parked below
        except OffsetOutOfRangeError as problem:
            raise self._gone(problem) from problem
        except KafkaError as problem:
            raise LogError(f"Kafka: {problem}") from problem
        return [
            Record(place.partition, message.offset, message.value)
            for place, messages in batches.items()
            for message in messages
        ]

    def _gone(self, problem: Exception) -> LogError:
        places = [TopicPartition(self._topic, partition) for partition in self._wanted]
        oldest = self._consumer.beginning_offsets(places)
        ends = self._consumer.end_offsets(places)
        for place in places:
            wanted = self._wanted[place.partition]
            if not oldest[place] <= wanted <= ends[place]:
                return PositionGone(place.partition, wanted, oldest[place])
        return LogError(f"Kafka: {problem}")


def ensure_topic(servers: list[str], topic: str, partitions: int) -> None:
    """Make the topic when it is not there. Raises `LogError` when it has fewer partitions than we write to."""
    admin = KafkaAdminClient(bootstrap_servers=servers, client_id="vigie-topic")
    try:
        wanted = NewTopic(
            name=topic,
            num_partitions=partitions,
            replication_factor=-1,
            topic_configs={"max.message.bytes": str(_LARGEST_RECORD * 2), "compression.type": "producer"},
        )
        with suppress(TopicAlreadyExistsError):
            admin.create_topics([wanted])
        until = time.monotonic() + _NEWS_S
        # A topic just made is not known everywhere at once.
        while not (there := len(admin.describe_topics([topic])[0]["partitions"])) and time.monotonic() < until:
            time.sleep(0.1)
        if there < partitions:
            raise LogError(f"topic {topic} has {there} partitions, and VIGIE_PARTITIONS asks for {partitions}")
    finally:
        admin.close()
