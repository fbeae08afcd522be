"""What is lost of what was acknowledged, when bridge, Kafka and watcher fall one after another under load (P7)."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import Final

import psutil

from bench import plant
from bench.processes import BenchError, Child, until
from bench.runs import CALM, Stack

AWAY_S: Final = 60.0


@dataclass(frozen=True)
class Losses:
    """Of reports: acknowledged by the broker, stored by us, and told again, which the ledger recognised."""

    acknowledged: int
    stored: int
    again: int

    @property
    def lost(self) -> int:
        return max(0, self.acknowledged - self.stored)


def falling(stack: Stack, load: Child, rate: float = CALM, away_s: float = AWAY_S) -> Losses:
    """Kill -9 the bridge, stop Kafka for `away_s`, kill -9 the watcher; then count."""
    flow = _Flow(load, rate)
    before = plant.ledger(stack.sessions)
    start = flow.granted
    flow.for_s(3)
    _killed(stack, "bridge", "bridge")
    flow.for_s(5)
    kafka = [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]
    for process in kafka:
        process.send_signal(signal.SIGSTOP)
    flow.for_s(away_s if kafka else 0)
    for process in kafka:
        process.send_signal(signal.SIGCONT)
    flow.for_s(5)
    _killed(stack, "watch-1", "watch", "--name", "watch-1")
    flow.for_s(3)
    until(lambda: load.said == str(flow.granted), "the broker has acknowledged all")
    sent = flow.granted - start

    def stored() -> int:
        now = plant.ledger(stack.sessions)
        return now["scored"] + now["late"] - before["scored"] - before["late"]

    try:
        until(lambda: stored() >= sent, "all of it is stored")
    except BenchError:
        print("       not all of it was stored in time")
    return Losses(sent, stored(), plant.ledger(stack.sessions)["duplicate"] - before["duplicate"])


class _Flow:
    """The load at a steady rate."""

    def __init__(self, load: Child, rate: float) -> None:
        self.granted = int(load.said)
        self._load, self._rate = load, rate

    def for_s(self, seconds: float) -> None:
        began, start = time.monotonic(), self.granted
        while (now := time.monotonic() - began) < seconds:
            assert not self._load.ended
            if (due := start + round(now * self._rate)) - self.granted >= 10:
                self.granted = due
                self._load.tell(str(due))
            time.sleep(0.02)


def _killed(stack: Stack, name: str, *argv: str) -> None:
    child = next(child for child in stack.children if child.name == name)
    stack.children.remove(child)
    child.kill()
    stack.vigie(name, *argv)
