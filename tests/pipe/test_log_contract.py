"""One contract, two doors: what the log promises, held against the PostgreSQL table and a real Kafka."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from telemetry.log import POLL_BYTES, LogReader, LogWriter, PositionGone, Record
from telemetry.log_kafka import KafkaReader, KafkaWriter
from telemetry.log_postgres import PostgresReader, PostgresWriter
from tests import postgres
from tests.kafka_server import kafka  # noqa: F401  a fixture, used by name
from tests.rig import until

PARTITIONS = 3


@dataclass
class Seated:
    """A reader as a watcher uses it: what is dealt out to it once more is read on from where it was."""

    reader: LogReader
    places: dict[int, int] = field(default_factory=dict)

    @property
    def held(self) -> frozenset[int]:
        return self.reader.held

    def seek(self, partition: int, position: int) -> None:
        self.places[partition] = position
        self.reader.seek(partition, position)

    def poll(self, timeout_s: float, most: int) -> list[Record]:
        before = self.reader.held
        records = self.reader.poll(timeout_s, most)
        self.places |= {record.partition: record.position + 1 for record in records}
        for partition in (self.reader.held - before) & self.places.keys():
            self.reader.seek(partition, self.places[partition])
        return records

    def release(self, partition: int) -> None:
        self.places.pop(partition, None)
        self.reader.release(partition)

    def end_of(self, partition: int) -> int:
        return self.reader.end_of(partition)

    def close(self) -> None:
        self.reader.close()


@dataclass
class Log:
    """Writers and readers of one log; each is closed at the end."""

    make_writer: Callable[[], LogWriter]
    make_reader: Callable[[str], LogReader]
    writers: list[LogWriter] = field(default_factory=list)
    readers: list[LogReader] = field(default_factory=list)

    def writer(self) -> LogWriter:
        self.writers.append(self.make_writer())
        return self.writers[-1]

    def reader(self, owner: str) -> LogReader:
        self.readers.append(Seated(self.make_reader(owner)))
        return self.readers[-1]

    def write(self, writer: LogWriter, *records: tuple[int, bytes]) -> None:
        """Append and wait for every confirmation."""
        confirmed = threading.Semaphore(0)
        problems: list[Exception] = []

        def done(problem: Exception | None) -> None:
            if problem is not None:
                problems.append(problem)
            confirmed.release()

        for partition, body in records:
            writer.append(partition, body, done)
        for _ in records:
            assert confirmed.acquire(timeout=30)
        assert problems == []


@pytest.fixture(params=["postgres", "kafka"])
def log(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    if request.param == "postgres":
        url = postgres.as_role(request.getfixturevalue("database"), "worker")
        monkeypatch.setattr("telemetry.log_shares._RENEW_S", 0.2)
        a_log = Log(lambda: PostgresWriter(url), lambda owner: PostgresReader(url, PARTITIONS, "watch", owner))
    else:
        servers, topic = request.getfixturevalue("kafka"), f"contract-{uuid.uuid4().hex}"
        a_log = Log(
            lambda: KafkaWriter(servers, topic, PARTITIONS),
            lambda _: KafkaReader(servers, topic, PARTITIONS, "watch"),
        )
    yield a_log
    for writer in a_log.writers:
        writer.close(10)
    for reader in a_log.readers:
        reader.close()


def sit(reader: LogReader, *others: LogReader, want: int) -> frozenset[int]:
    """Poll until `reader` holds `want` partitions or more; the others poll too and let go of what they lose."""

    def settled() -> bool:
        for each in (reader, *others):
            before = each.held
            each.poll(0.1, 10)
            for lost in before - each.held:
                each.release(lost)
        return len(reader.held) >= want

    until(settled, f"a reader holds {want} partitions", 200)
    return reader.held


def read(reader: LogReader, count: int) -> list[Record]:
    records: list[Record] = []

    def enough() -> bool:
        records.extend(reader.poll(0.2, 100))
        return len(records) >= count

    until(enough, f"{count} records arrive")
    return records


def from_the_start(reader: LogReader, want: int = PARTITIONS) -> None:
    for partition in sit(reader, want=want):
        reader.seek(partition, 0)


def bodies(records: list[Record], partition: int) -> list[bytes]:
    return [record.body for record in records if record.partition == partition]


def test_what_is_appended_is_read_in_its_partitions_order(log: Log) -> None:
    told = [(i % PARTITIONS, b"%d" % i) for i in range(60)]
    log.write(log.writer(), *told)
    reader = log.reader("one/a")
    from_the_start(reader)
    records = read(reader, 60)
    for partition in range(PARTITIONS):
        assert bodies(records, partition) == [body for where, body in told if where == partition]
        assert [r.position for r in records if r.partition == partition] == list(range(20))
        assert reader.end_of(partition) == 20


def test_a_megabyte_is_a_record_like_any_other(log: Log) -> None:
    large = b"\xa5" * 1_500_000
    log.write(log.writer(), (0, b""), (0, large), (0, b"after"))
    reader = log.reader("one/a")
    from_the_start(reader)
    assert bodies(read(reader, 3), 0) == [b"", large, b"after"]


def test_full_records_are_read_a_few_at_a_time_however_many_are_asked_for(log: Log) -> None:
    """A reader that was used to small ones asks for a thousand. They may be packed well: reports are alike."""
    full = [os.urandom(1 << 10) * (1 << 10) for _ in range(24)]
    log.write(log.writer(), *[(at % 2, body) for at, body in enumerate(full)])
    reader = log.reader("one/a")
    from_the_start(reader)
    polls: list[list[Record]] = []

    def everything_came() -> bool:
        polls.append(reader.poll(0.5, 1_000))
        return sum(map(len, polls)) >= len(full)

    until(everything_came, "all of them arrive")
    assert max(sum(len(record.body) for record in poll) for poll in polls) <= 2 * POLL_BYTES
    everything = [record for poll in polls for record in poll]
    assert bodies(everything, 0) == full[::2]
    assert bodies(everything, 1) == full[1::2]


def test_reading_goes_on_from_the_position_asked_for(log: Log) -> None:
    log.write(log.writer(), *[(1, b"%d" % i) for i in range(10)])
    reader = log.reader("one/a")
    sit(reader, want=PARTITIONS)
    reader.seek(1, 7)
    assert bodies(read(reader, 3), 1) == [b"7", b"8", b"9"]
    reader.seek(1, 0)
    assert bodies(read(reader, 10), 1) == [b"%d" % i for i in range(10)]


def test_what_is_written_while_we_wait_arrives(log: Log) -> None:
    writer = log.writer()
    log.write(writer, (0, b"old"))
    reader = log.reader("one/a")
    from_the_start(reader)
    assert bodies(read(reader, 1), 0) == [b"old"]
    assert reader.poll(0.2, 10) == []
    log.write(writer, (2, b"news"))
    assert bodies(read(reader, 1), 2) == [b"news"]


def test_a_position_the_log_never_reached_is_an_alarm_and_no_jump(log: Log) -> None:
    log.write(log.writer(), (0, b"first"))
    reader = log.reader("one/a")
    sit(reader, want=PARTITIONS)
    reader.seek(0, 50)

    with pytest.raises(PositionGone) as alarm:
        until(lambda: reader.poll(0.2, 10), "anything at all")
    assert (alarm.value.partition, alarm.value.wanted) == (0, 50)


def test_two_writers_lose_nothing_of_each_other(log: Log) -> None:
    one, two = log.writer(), log.writer()
    threads = [
        threading.Thread(target=log.write, args=(writer, *[(0, name + b"%d" % i) for i in range(50)]))
        for writer, name in ((one, b"a"), (two, b"b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = log.reader("one/a")
    from_the_start(reader)
    told = bodies(read(reader, 100), 0)
    for name in (b"a", b"b"):
        assert [body for body in told if body.startswith(name)] == [name + b"%d" % i for i in range(50)]


def test_two_readers_share_and_the_survivor_takes_over(log: Log) -> None:
    one = log.reader("one/a")
    from_the_start(one)
    two = log.reader("two/a")
    sit(two, one, want=1)

    def shared() -> bool:
        # What a reader holds is as of its last poll: one of them may still tell of the time before the sharing.
        one.poll(0.05, 1), two.poll(0.05, 1)
        return len(one.held) + len(two.held) == PARTITIONS == len(one.held | two.held)

    until(shared, "each partition is held by one of them", 90)
    one.close()
    log.readers.remove(one)
    sit(two, want=PARTITIONS)


def test_closing_a_writer_writes_what_it_took(log: Log) -> None:
    writer = log.writer()
    writer.append(0, b"last words", lambda problem: None)
    writer.close(20)
    assert writer.away_s() == 0
    reader = log.reader("one/a")
    from_the_start(reader)
    assert bodies(read(reader, 1), 0) == [b"last words"]
