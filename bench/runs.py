"""What the bench does: our pipeline at full load and at a calm rate, and the naive one at full load."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app import embedded, migrate
from bench import plant
from bench.load import Machine
from bench.processes import PATIENCE_S, BenchError, Child, Meter, until
from models.session import Sessions, make_engine, make_sessions
from telemetry.log_kafka import ensure_topic

MACHINES: Final = 200
FAULTY: Final = 30  # for the latency; each fails once
# Reports published and not yet stored: so many that our pipeline never waits for work. What is no incident is stored
# every 5 s, so with 20,000 it would be offered some 4,000 reports a second, a third of what it takes.
AHEAD: Final = 150_000
GRANT: Final = 1_000
CALM: Final = 100  # reports a second
_PARTITIONS: Final = 4


@dataclass
class Stack:
    """The processes of a run. `environment` is how they find each other."""

    data: Path
    port: int
    environment: dict[str, str]
    sessions: Sessions
    secrets: dict[str, str]
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, *argv: str) -> Child:
        child = Child(name, list(argv), self.environment, self.data)
        self.children.append(child)
        return child

    def vigie(self, name: str, *argv: str) -> Child:
        return self.start(name, "-m", "app.cli", *(argv or (name,)))

    def end(self, *names: str) -> None:
        """These, or all, in the opposite order of their start."""
        for child in reversed(self.children[:]):
            if not names or child.name in names:
                child.end()
                self.children.remove(child)

    def named(self) -> dict[int, str]:
        return {child.process.pid: {"broker": "Mosquitto"}.get(child.name, child.name) for child in self.children}


@dataclass(frozen=True)
class Cost:
    """CPU seconds by group for so many reports, and how long it took."""

    reports: int
    seconds: float
    cpu: dict[str, float]

    def each(self, group: str) -> float:
        """Microseconds of CPU a report."""
        return 1e6 * self.cpu.get(group, 0.0) / self.reports


def prepare(
    data: Path, cluster: embedded.Cluster, port: int, kafka: str | None, log: str, machines: int = MACHINES
) -> Stack:
    """Schema and machines; nothing started yet but the servers."""
    migrate.upgrade(cluster.url("vigie_owner"))
    engine = make_engine(cluster.url("vigie_worker"), name="bench")
    sessions = make_sessions(engine)
    names = [f"bench-{i:03d}" for i in range(machines)] + [f"faulty-{i:02d}" for i in range(FAULTY)]
    environment = {
        "VIGIE_DATA": str(data), "VIGIE_DATABASE_URL": cluster.url("{role}"), "VIGIE_MQTT_PORT": str(port),
        "VIGIE_LOG": log, "VIGIE_KAFKA_SERVERS": kafka or "", "VIGIE_PARTITIONS": str(_PARTITIONS),
        "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2",
    }  # fmt: skip
    return Stack(data, port, environment, sessions, plant.settle(sessions, names))


def loaded(stack: Stack, metrics: int) -> Child:
    """The machines, connected, their history sent."""
    names = stack.data / "machines.json"
    names.write_text(json.dumps({name: s for name, s in stack.secrets.items() if name.startswith("bench-")}))
    load = stack.start("load", "-m", "bench.load", str(stack.port), str(names), str(metrics))
    until(lambda: load.ended or load.said == "history", "the machines have sent their history")
    return load


def ours(stack: Stack, watchers: int, metrics: int) -> Child:
    """Start our bridge and watchers, and return the load once every machine is watched by its model."""
    for i in range(watchers):
        stack.vigie("watch", "watch", "--name", f"watch-{i + 1}")
    bridge = stack.vigie("bridge")
    said = stack.data / "bridge.log"
    until(lambda: bridge.ended or "bridge.connected" in said.read_text(), "the bridge is connected")
    load = loaded(stack, metrics)
    machines = sum(name.startswith("bench-") for name in stack.secrets)
    drive(load, lambda: plant.received(stack.sessions), 0, 2 * machines)
    until(lambda: plant.healthy(stack.sessions) >= machines, "every machine is watched by its model")
    # Writing one down costs the watcher as much as thousands of reports, and happens once.
    until(lambda: plant.learned(stack.sessions) >= machines, "every model is on the shelf")
    return load


def full_load(meter: Meter, load: Child, done: Callable[[], int], seconds: float, ahead: int = AHEAD) -> Cost:
    """Publish as fast as is stored for so long, at most so many ahead, and count until all of it is stored."""
    already = int(load.said) if load.said.isdigit() else 0
    offset = done() - already
    before, began = meter.read(), time.monotonic()
    total = drive(load, lambda: done() - offset, already, None, seconds, ahead)
    after, took = meter.read(), time.monotonic() - began
    return Cost(total - already, took, {group: used - before.get(group, 0.0) for group, used in after.items()})


def drive(
    load: Child, done: Callable[[], int], granted: int, most: int | None, seconds: float = 60.0, ahead: int = AHEAD
) -> int:
    """Let the load publish, at most `ahead` of what is done, until `seconds` or `most`; returns when all is done."""
    end = time.monotonic() + seconds
    base = done() if most is not None else 0
    start = granted
    while time.monotonic() < end and (most is None or granted - start < most):
        assert not load.ended
        told = int(load.said) if load.said.isdigit() else start
        if granted - told < 2 * GRANT and (most is not None or granted - done() < ahead):
            granted += GRANT
            load.tell(str(granted))
        else:
            time.sleep(0.02)
    until(lambda: load.said == str(granted), "the broker has acknowledged all")
    until(lambda: done() >= base + (granted - start if most is not None else granted), "all of it is stored")
    return granted


def naive(stack: Stack, meter: Meter, kafka: str, metrics: int, seconds: float) -> Cost:
    """The naive pipeline on the same Mosquitto and the same Kafka."""
    ensure_topic([kafka], "bench.naive", _PARTITIONS)
    watch = stack.start("naive watch", "-m", "bench.naive", "watch", kafka, "bench.naive")
    secret = stack.data / "mqtt" / "bridge.secret"
    bridge = stack.start(
        "naive bridge", "-m", "bench.naive", "bridge", str(stack.port), "vigie-bridge", str(secret), kafka,
        "bench.naive",
    )  # fmt: skip
    until(lambda: bridge.ended or bridge.said == "ready", "the naive bridge is connected")
    until(lambda: watch.ended or watch.said, "the naive watcher reads")

    def done() -> int:
        assert not watch.ended
        return int(watch.said)

    load = next(child for child in stack.children if child.name == "load")
    cost = full_load(meter, load, done, seconds)
    stack.end("naive bridge", "naive watch")
    return cost


def latencies(stack: Stack, load: Child, calm: float = CALM) -> list[float]:
    """Seconds from a faulty machine's PUBLISH to its incident's row, at a calm rate of reports by the others."""
    fleet = {
        name: Machine(stack.port, name, secret) for name, secret in stack.secrets.items() if name.startswith("faulty")
    }
    told: dict[str, float] = {}
    found: dict[str, float] = {}
    waiting = list(fleet)
    granted, began = int(load.said), time.monotonic()
    start, next_fault = granted, began + 2.0
    while len(found) < len(fleet):
        now = time.monotonic()
        if now - began > PATIENCE_S:
            raise BenchError(f"only {len(found)} of {len(fleet)} faults became incidents")
        if (due := start + round((now - began) * calm)) - granted >= 10:
            granted = due
            load.tell(str(granted))
        if waiting and now >= next_fault:
            next_fault = now + 0.5
            name = waiting.pop()
            at = time.time_ns() // 1_000_000
            told[name] = time.monotonic()
            fleet[name].publish([b'{"seq": 1, "at": %d, "metrics": {"cpu_util": 20, "disk_used_pct./": 99}}' % at])
        if len(told) > len(found):
            for name in plant.incidents(stack.sessions).keys() & told.keys() - found.keys():
                found[name] = time.monotonic() - told[name]
        time.sleep(0.01)
    return sorted(found.values())
