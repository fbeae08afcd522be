"""A log to write to, a clock to turn, and watchers to sit before it: the watcher's surroundings in store tests."""

from __future__ import annotations

import json
import zlib
from datetime import datetime, timedelta
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from sqlalchemy import func, select

from app.settings import Settings
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount, LogPosition
from telemetry import history
from telemetry.envelope import Envelope, packed
from telemetry.log_postgres import PostgresReader, PostgresWriter
from telemetry.watch import Watcher
from tests import postgres
from tests.cast import Cast


class Plant:
    """A log to write to, a clock to turn, and watchers to sit before it."""

    def __init__(self, url: str, sessions: Sessions, cast: Cast, data: Path) -> None:
        self.url = postgres.as_role(url, "worker")
        self.sessions, self.cast = sessions, cast
        self.now = cast.now
        self.settings = Settings(data=data, database_url=self.url, partitions=2, flush_s=0.01)
        self.writer = PostgresWriter(self.url)
        self.readers: list[PostgresReader] = []
        self.watcher = self.watch("first")

    def watch(self, name: str) -> Watcher:
        reader = PostgresReader(self.url, 2, "watch", f"{name}/x")
        self.readers.append(reader)
        return Watcher(self.settings, self.sessions, reader, f"{name}/x", lambda: self.now)

    def tell(self, machine: str, *payloads: Any, topic: str = "", at: datetime | None = None, **flags: bool) -> None:
        """Put messages into the log as the bridge would; `at` is their arrival."""
        arrived = round((at or self.now).timestamp() * 1000)
        envelopes = [
            Envelope(
                (topic or f"vigie/{machine}/report").encode("utf-8", "surrogateescape"),
                payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
                arrived,
                **flags,
            )
            for payload in payloads
        ]
        kept: Queue[Exception | None] = Queue()
        self.writer.append(zlib.crc32(machine.encode()) % 2, packed(envelopes), kept.put)
        assert kept.get(timeout=30) is None, "the log did not keep what was told"

    def settle(self, watcher: Watcher | None = None) -> None:
        """Until everything in the log is dealt with."""
        watcher = watcher or self.watcher
        for _ in range(200):
            self.now += timedelta(milliseconds=1)
            watcher.turn(0.02)
            with work(self.sessions, SYSTEM) as session:
                ends = dict(session.execute(positions("write")).all())
                done = dict(session.execute(positions("watch")).all())
            if self.writer.away_s() == 0 and all(done.get(p, 0) >= end for p, end in ends.items()):
                return
        pytest.fail("the watcher does not reach the end of the log")

    def one(self, query: Any) -> Any:
        with work(self.sessions, SYSTEM) as session:
            return session.execute(query).all()

    def stored(self, machine_id: Any) -> list[tuple[int, dict[str, float]]]:
        with work(self.sessions, SYSTEM) as session:
            start = self.now - timedelta(days=30)
            return list(history.reports(session, machine_id, None, start, self.now + timedelta(days=1)).rows())

    def ledger(self, machine: str) -> dict[str, int]:
        names = ("received", "scored", "refused", "duplicate", "late", "missing")
        row = self.one(
            select(*(func.coalesce(func.sum(getattr(DeliveryCount, name)), 0) for name in names)).where(
                DeliveryCount.machine == machine
            )
        )[0]
        return {name: count for name, count in zip(names, row, strict=True) if count}


def positions(reader: str) -> Any:
    return select(LogPosition.partition, LogPosition.position).where(LogPosition.reader == reader)


def report(now: datetime, seq: int | None = None, cpu: float = 10.0, **more: Any) -> dict[str, Any]:
    return {"seq": seq, "at": round(now.timestamp() * 1000), "metrics": {"cpu": cpu}, **more}
