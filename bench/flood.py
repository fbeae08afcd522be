"""`python -m bench flood`: five thousand machines that lose power within a minute (P8).

25 customers under platinum with 200 machines each, a site and five racks a customer; the log's records come from
memory, as the bridge cuts them, at a steady rate; the watcher and PostgreSQL are the real ones. First a calm minute,
then the one in which each machine loses a power supply at an instant of its own. Told is how long after the arrival of
the report in which a fault first showed its rows were committed, what the minute's CPU a report was beside the calm
one, and what stands in the database: parents, incidents, notices.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import random
import tempfile
import time
import zlib
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import orjson
import psutil
import structlog
from sqlalchemy import func, insert, select

from app import embedded, migrate
from app.settings import Settings
from bench.load import values
from contracts import hours
from models.agreements import Contract, ContractLine
from models.base import new_id
from models.customers import Customer, Site
from models.fleet_events import FleetEvent
from models.incidents import Finding, Incident
from models.machines import Machine
from models.notices import Notice
from models.people import Person, Shift
from models.session import SYSTEM, Sessions, make_engine, make_sessions, work
from telemetry.envelope import Envelope, packed
from telemetry.log import Record
from telemetry.watch import COLLECT, Watcher

CUSTOMERS: Final = 25
A_RACK: Final = 40
PARTITIONS: Final = 4
CUT_S: Final = 0.05  # the bridge fills a record for so long


def main(arguments: list[str]) -> int:
    """Run it and print the table. It lasts for three times `--seconds`, and half a minute."""
    options = argparse.ArgumentParser(prog="python -m bench flood", description=__doc__)
    options.add_argument("--machines", type=int, default=5_000)
    options.add_argument("--seconds", type=float, default=60.0, help="of calm, and of the flood")
    options.add_argument("--every", type=float, default=15.0, help="seconds between two reports of a machine")
    options.add_argument("--quick", action="store_true", help="1,000 machines in 20 s")
    given = options.parse_args(arguments)
    if given.quick:
        given.machines, given.seconds = 1_000, 20.0
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    gc.set_threshold(*COLLECT)  # this and the next as the watcher does at its start
    hours.load_holidays()
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        data = Path(folder)
        data.chmod(0o755)  # the server may run as somebody else
        with embedded.running(data) as cluster:
            migrate.upgrade(cluster.url("vigie_owner"))
            sessions = make_sessions(make_engine(cluster.url("vigie_worker"), name="bench"))
            names = _settle(sessions, given.machines // CUSTOMERS)
            settings = Settings(data=data, database_url=cluster.url("vigie_worker"), partitions=PARTITIONS)
            _run(_Plant(names, settings, sessions, given.every), sessions, given.seconds)
    return 0


def _run(plant: _Plant, sessions: Sessions, seconds: float) -> None:
    plant.minute(plant.every, 0.0)  # each machine is met once
    calm = _Spent()
    calm_late = plant.minute(seconds, 0.0)
    calm.end(plant.sent)
    calm_took = seconds + plant.behind
    flood = _Spent(plant.sent)
    late = plant.minute(seconds, seconds)
    flood.end(plant.sent)
    found = sorted(late)
    at = [1000 * found[round(share * (len(found) - 1))] for share in (0.5, 0.99, 1.0)]
    print(f"P8   {len(plant.names)} machines of {CUSTOMERS} contracts lose power within {seconds:.0f} s, "
          f"{len(plant.names) / plant.every:.0f} reports/s")  # fmt: skip
    print(f"       rows of {len(found)} faults after their report: p50 {at[0]:.0f} ms, p99 {at[1]:.0f} ms, "
          f"most {at[2]:.0f} ms (goal 2000)")  # fmt: skip
    assert not calm_late
    kept = calm_took / (seconds + plant.behind)
    print(f"       ingest, until all of a minute is stored: {100 * kept:.0f} % of its calm rate (goal 80)")
    print(f"       CPU a report, watcher and PostgreSQL: calm {calm.each:.0f} µs, in the flood {flood.each:.0f} µs: "
          f"{flood.each / calm.each:.1f} times")  # fmt: skip
    busy = flood.cpu / flood.wall
    print(f"       the flood took {flood.cpu:.1f} s of CPU in {flood.wall:.0f} s: {100 * busy:.0f} % of a core; "
          f"behind at its end {plant.behind:.1f} s")  # fmt: skip
    with work(sessions, SYSTEM) as session:
        parents = session.scalar(select(func.count(FleetEvent.id)))
        children = session.scalar(select(func.count(Incident.id)))
        findings = session.scalar(select(func.count(Finding.id)))
        people = session.execute(
            select(Incident.contract_id, func.count(Notice.id))
            .join(Notice, Notice.incident_id == Incident.id).group_by(Incident.contract_id)
        ).all()  # fmt: skip
    most = max((count for _, count in people), default=0)
    print(f"       {findings} findings, {parents} parent (goal 1), {children} incidents of {CUSTOMERS} contracts; "
          f"notices a contract: most {most} (goal 1)", flush=True)  # fmt: skip


class _Spent:
    """CPU of this process and its PostgreSQL over a while."""

    def __init__(self, sent: int = 0) -> None:
        self._sent, self._cpu, self._began = sent, _cpu(), time.monotonic()
        self.cpu = self.wall = self.each = 0.0

    def end(self, sent: int) -> None:
        self.cpu, self.wall = _cpu() - self._cpu, time.monotonic() - self._began
        self.each = 1e6 * self.cpu / max(1, sent - self._sent)


def _cpu() -> float:
    total = sum(os.times()[:2])
    for process in psutil.Process().children(recursive=True):
        try:
            used = process.cpu_times()
        except psutil.Error:
            continue  # it ended just now
        total += used.user + used.system
    return total


class _Plant:
    """The machines, their log in memory, and the watcher before it."""

    def __init__(self, names: list[str], settings: Settings, sessions: Sessions, every: float) -> None:
        self.names, self.every = names, every
        self.sent = 0
        self.behind = 0.0
        self.log = _Memory()
        self._rng = random.Random(1)
        self._texts = [orjson.dumps(values(12, self._rng, 4.5))[1:] for _ in range(64)]
        self._failed: set[int] = set()
        self._watcher = Watcher(settings, sessions, self.log, "bench/flood")
        self._patience = settings.flush_s / 10

    def minute(self, seconds: float, failing_within: float) -> list[float]:
        """Report steadily; how long after its arrival each fault's rows were there. All is stored when it returns."""
        fails = {k: self._rng.uniform(0, failing_within) for k in range(len(self.names))} if failing_within else {}
        waiting: dict[int, deque[tuple[int, float]]] = {p: deque() for p in range(PARTITIONS)}
        late: list[float] = []
        began = time.monotonic()
        told, rate = 0, len(self.names) / self.every
        total = round(rate * seconds)
        while told < total or self.log.waiting or any(waiting.values()):
            now = time.monotonic()
            due = min(total, int((now - began) * rate))
            if due - told >= rate * CUT_S or (due == total and told < total):
                for partition, position, arrived in self._publish(range(told, due), began, rate, fails):
                    waiting[partition].append((position, arrived))
                told = due
            self.behind = now - began - told / rate
            self._watcher.turn(self._patience)
            done = time.monotonic()
            for partition, faults in waiting.items():
                seat = self._watcher.seats.get(partition)
                while seat is not None and faults and faults[0][0] < seat.position:
                    late.append(done - faults.popleft()[1])
            if told == total and not any(waiting.values()) and not self._watcher._pending_since:
                break
        self.behind = max(0.0, time.monotonic() - began - seconds)
        return late

    def _publish(
        self, turns: range, began: float, rate: float, fails: dict[int, float]
    ) -> list[tuple[int, int, float]]:
        """Put these reports into the log: partition, position and instant of each in which a fault first shows."""
        pieces: dict[int, list[Envelope]] = {}
        faults: list[tuple[int, float]] = []
        now_ms = time.time_ns() // 1_000_000
        for turn in turns:
            k = turn % len(self.names)
            ill = bool(fails) and turn / rate >= fails[k]
            partition = zlib.crc32(self.names[k].encode()) % PARTITIONS
            if ill and k not in self._failed:
                self._failed.add(k)
                faults.append((partition, began + turn / rate))
            self.sent += 1
            body = b'{"seq":%d,"at":%d,"metrics":{"psu_ok.1":%d,%b}' % (
                self.sent, now_ms, not ill, self._texts[self.sent % 64]
            )  # fmt: skip
            topic = f"vigie/{self.names[k]}/report".encode()
            pieces.setdefault(partition, []).append(Envelope(topic, body, now_ms))
        at = {partition: self.log.append(partition, packed(each)) for partition, each in pieces.items()}
        return [(partition, at[partition], arrived) for partition, arrived in faults]


class _Memory:
    """A log reader over records that were appended in this process (`telemetry.log.LogReader`)."""

    held: Final = frozenset(range(PARTITIONS))

    def __init__(self) -> None:
        self.waiting: deque[Record] = deque()
        self._ends = [0] * PARTITIONS

    def append(self, partition: int, body: bytes) -> int:
        position = self._ends[partition]
        self._ends[partition] += 1
        self.waiting.append(Record(partition, position, body))
        return position

    def poll(self, timeout_s: float, most: int) -> list[Record]:
        if not self.waiting:
            time.sleep(min(timeout_s, 0.01))
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def seek(self, partition: int, position: int) -> None:
        """Nothing was read before."""

    def release(self, partition: int) -> None:
        """Nobody else reads."""

    def end_of(self, partition: int) -> int:
        return self._ends[partition]

    def close(self) -> None:
        """Nothing is open."""


def _settle(sessions: Sessions, each: int) -> list[str]:
    """Customers, contracts, halls with racks, machines, and engineers on duty; the machines' names."""
    now = datetime.now(UTC)
    names: list[str] = []
    with work(sessions, SYSTEM) as session:
        for number in range(8):
            ways = [{"channel": "webhook", "address": f"http://127.0.0.1:9/{number}"}]
            person = Person(name=f"Engineer {number}", email=f"e{number}@example.org", role="engineer", level="senior",
                            notify=ways, capacity={"written": 10**6}, created_at=now)  # fmt: skip
            session.add(person)
            session.flush()
            session.add(Shift(person_id=person.id, unit="europe", starts_at=now - timedelta(days=9),
                              ends_at=now + timedelta(days=9)))  # fmt: skip
        for number in range(CUSTOMERS):
            customer = Customer(slug=f"c{number}", name=f"C {number}", zone="Europe/Paris", created_at=now)
            session.add(customer)
            session.flush()
            site = Site(customer_id=customer.id, name="Hall", zone="Europe/Paris", country="FR", created_at=now)
            contract = Contract(customer_id=customer.id, number=f"VC-{number}", tier="platinum", state="active",
                                starts_on=(now - timedelta(days=30)).date(), zone="Europe/Paris",
                                ends_on=(now + timedelta(days=300)).date(), created_at=now)  # fmt: skip
            session.add_all([site, contract])
            session.flush()
            session.add(ContractLine(customer_id=customer.id, contract_id=contract.id))
            rows = [{"id": new_id(), "customer_id": customer.id, "name": f"c{number}-{n}", "site_id": site.id,
                     "title": "", "rack": f"R{n // A_RACK}", "created_at": now} for n in range(each)]  # fmt: skip
            session.execute(insert(Machine), rows)
            names += [str(row["name"]) for row in rows]
    # Machines of all customers take turns.
    random.Random(2).shuffle(names)
    return names
