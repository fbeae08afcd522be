"""The embedded log: a PostgreSQL table. psycopg alone, because both sides live on single statements and notifications.

A partition's next position is a row that every append locks, so positions have no gaps and become visible in order:
a reader that saw record 11 has seen record 10.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

import psycopg
import structlog
from sqlalchemy import make_url

from telemetry.log import POLL_BYTES, Done, PositionGone, Record
from telemetry.log_shares import Shares

log = structlog.get_logger()

APPENDED: Final = "vigie_log"  # notified once per transaction of the writer
_OPTIONS: Final = "-c lock_timeout=5000 -c statement_timeout=15000 -c timezone=UTC"
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
# Several small records are read at one wake-up rather than each at its own.
_GATHER_S: Final = 0.1
_MOST_AT_ONCE: Final = 200  # records a transaction

_APPEND = """
WITH head AS (
    INSERT INTO log_positions (reader, partition, position, snapshot_position, owner)
    VALUES ('write', %(partition)s, 1, 0, '')
    ON CONFLICT (reader, partition) DO UPDATE SET position = log_positions.position + 1
    RETURNING position - 1 AS position
)
INSERT INTO log_records (partition, position, appended_at, body)
SELECT %(partition)s, head.position, clock_timestamp(), %(body)s FROM head
"""
# Bodies are summed by the sizes their rows know, and read only as far as they are wanted.
_NEXT = """
SELECT position, body
FROM (
    SELECT position, body, sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS before
    FROM log_records WHERE partition = %s AND position >= %s ORDER BY position LIMIT %s
) AS waiting
WHERE before < %s ORDER BY position
"""


def connect(url: str, name: str) -> psycopg.Connection[Any]:
    """A connection of our own, outside SQLAlchemy's pool."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, application_name=name, options=_OPTIONS, connect_timeout=5)


class PostgresWriter:
    """See `telemetry.log.LogWriter`. One thread, one transaction for all that waits."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: deque[tuple[int, bytes, Done, float]] = deque()
        self._news = threading.Condition()
        self._closing = False
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def append(self, partition: int, body: bytes, done: Done) -> None:
        with self._news:
            self._waiting.append((partition, body, done, time.monotonic()))
            self._news.notify()

    def away_s(self) -> float:
        with self._news:
            return time.monotonic() - self._waiting[0][3] if self._waiting else 0.0

    def close(self, timeout_s: float) -> None:
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            with self._news:
                while not self._waiting and not self._closing:
                    self._news.wait()
                # They stay in the queue until they are durable: what fails is simply tried again, in order.
                batch = [self._waiting[i] for i in range(min(len(self._waiting), _MOST_AT_ONCE))]
            if not batch:
                break
            try:
                self._write(batch)
            except psycopg.Error as problem:
                log.warning("log.away", kind="postgres", why=str(problem).strip(), waiting=len(self._waiting))
                self._drop()
                if self._closing:
                    break
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
                continue
            pause = _FIRST_PAUSE_S
            with self._news:
                for _ in batch:
                    self._waiting.popleft()
            for _, _, done, _ in batch:
                done(None)
        self._drop()

    def _write(self, batch: list[tuple[int, bytes, Done, float]]) -> None:
        if self._connection is None:
            self._connection = connect(self._url, "vigie-log-writer")
        rows = [{"partition": partition, "body": body} for partition, body, _, _ in batch]
        # All writers lock the partitions in the same order.
        rows.sort(key=lambda row: row["partition"])  # type: ignore[arg-type,return-value]  # (int, bytes) values
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(_APPEND, rows)
            cursor.execute("SELECT pg_notify(%s, '')", [APPENDED])

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


class PostgresReader:
    """See `telemetry.log.LogReader`. Partitions are shared by leases (telemetry/log_shares.py)."""

    def __init__(self, url: str, partitions: int, reader: str, owner: str) -> None:
        self._connection = connect(url, "vigie-log-reader")
        self._connection.execute(f"LISTEN {APPENDED}".encode())
        self._shares = Shares(self._connection, partitions, reader, owner)
        self._next: dict[int, int] = {}
        self._unproven: set[int] = set()  # partitions whose first record after a seek was not looked for yet
        self._turn = 0
        self._news = True

    @property
    def held(self) -> frozenset[int]:
        return self._shares.held

    def seek(self, partition: int, position: int) -> None:
        self._next[partition] = position
        self._unproven.add(partition)
        self._news = True

    def poll(self, timeout_s: float, most: int) -> list[Record]:
        until = time.monotonic() + timeout_s
        while True:
            if self._shares.renew(time.monotonic()):
                for partition in self._next.keys() - self.held:
                    del self._next[partition]
                return []  # the caller first looks at what it holds
            if self._news:
                records = self._read(most)
                if records:
                    return records
                self._news = False
            left = min(until - time.monotonic(), self._shares.due_in(time.monotonic()))
            if until - time.monotonic() <= 0:
                return []
            self._wait(max(left, 0.0))

    def release(self, partition: int) -> None:
        self._next.pop(partition, None)
        self._shares.release(partition)

    def end_of(self, partition: int) -> int:
        row = self._connection.execute(
            "SELECT position FROM log_positions WHERE reader = 'write' AND partition = %s", [partition]
        ).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._shares.leave()
        self._connection.close()

    def _wait(self, timeout_s: float) -> None:
        for _ in self._connection.notifies(timeout=timeout_s, stop_after=1):
            self._news = True
        if self._news:
            time.sleep(_GATHER_S)

    def _read(self, most: int) -> list[Record]:
        """From each partition in turn, beginning with another one each time, so that none starves."""
        order = sorted(self._next)
        self._turn += 1
        records: list[Record] = []
        size = 0
        for i in range(len(order)):
            partition = order[(i + self._turn) % len(order)]
            try:
                records += self._read_one(partition, most - len(records), POLL_BYTES - size)
            except psycopg.errors.LockNotAvailable as problem:
                # The writer waits out whoever holds the table, and so do we.
                log.warning("log.away", kind="postgres", why=str(problem).partition("\n")[0])
                break
            size = sum(len(record.body) for record in records)
            if len(records) >= most or size >= POLL_BYTES:
                break
        return records

    def _read_one(self, partition: int, most: int, largest: int) -> list[Record]:
        wanted = self._next[partition]
        rows = self._connection.execute(_NEXT, [partition, wanted, most, largest], binary=True).fetchall()
        if rows:
            if rows[0][0] != wanted:
                raise PositionGone(partition, wanted, rows[0][0])
            self._next[partition] = rows[-1][0] + 1
        elif partition in self._unproven:
            end = self.end_of(partition)
            if wanted > end or (wanted < end and not self._has(partition, wanted)):
                raise PositionGone(partition, wanted, end)
        self._unproven.discard(partition)
        return [Record(partition, position, body) for position, body in rows]

    def _has(self, partition: int, position: int) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM log_records WHERE partition = %s AND position = %s", [partition, position]
        ).fetchone()
        return found is not None
