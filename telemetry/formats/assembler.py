"""One report a machine and cycle, out of agents that send one value (or one plugin) a message. Plain.

A cycle opens with its first value and takes every name once. It is complete when its machine has been quiet for
``QUIET_MS`` by arrival, or when two younger cycles exist. A value that comes twice opens the next cycle; the one
before stays open meanwhile, so a member that carries its own instant still finds it. Nothing is dropped: what fits
no open cycle makes one of its own.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from telemetry.reading import NO_COUNTERS, NO_DELTAS, NO_FACTS, Reading

QUIET_MS: Final = 1500  # Glances' 470 topics of one cycle arrive within a second; no agent's cycle is shorter than two
SPAN_MS: Final = 2500  # members of one cycle arrive this close
# collectd reads its plugins one after the other and gives each its own instant, within a second and less than its
# shortest interval. Others that give instants give one to a whole round.
READ_MS: Final = {"collectd": 900}


@dataclass(slots=True)
class _Cycle:
    first: Reading
    at_ms: int
    metrics: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    counters: set[str] = field(default_factory=set)
    deltas: dict[str, float] = field(default_factory=dict)
    heard_ms: int = 0
    undated: bool = True  # its members carry no instants of their own

    def takes(self, r: Reading) -> bool:
        if not r.metrics.keys().isdisjoint(self.metrics):
            return False
        if not r.metrics or not self.metrics:
            return abs(r.received_at_ms - self.heard_ms) <= SPAN_MS  # texts belong to no instant in particular
        apart = abs(r.at_ms - self.at_ms)
        if r.at_ms == r.received_at_ms and self.undated:
            return apart <= SPAN_MS
        return apart <= READ_MS.get(r.format, 0)

    def take(self, r: Reading) -> None:
        if r.metrics and not self.metrics:
            self.at_ms, self.undated = r.at_ms, r.at_ms == r.received_at_ms
        self.metrics.update(r.metrics)
        if r.facts:
            self.facts.update(r.facts)
        if r.counters:
            self.counters |= r.counters
        if r.deltas:
            self.deltas.update(r.deltas)
        self.heard_ms = max(self.heard_ms, r.received_at_ms)

    def whole(self) -> Reading:
        f = self.first
        marked, deltas = frozenset(self.counters) or NO_COUNTERS, self.deltas or NO_DELTAS
        facts = self.facts or NO_FACTS
        return Reading(f.machine, self.at_ms, self.metrics, None, self.heard_ms, f.format, facts, marked, deltas)


def _written(kept: list[Any]) -> bytes:
    try:
        return orjson.dumps(kept)
    except TypeError:  # a text holds half a surrogate pair
        return json.dumps(kept).encode()


def _read(state: bytes) -> list[Any]:
    kept: list[Any] = json.loads(zlib.decompress(state)) if state else []
    return kept


class Assembler:
    """Open cycles of every machine. ``add`` and ``flush`` return what became complete, oldest first."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[_Cycle]] = {}

    def add(self, r: Reading) -> list[Reading]:
        """Put one partial reading in; ``received_at_ms`` is its arrival."""
        key = (r.machine, r.format)
        cycles = self._open.setdefault(key, [])
        done = self._complete(cycles, r.received_at_ms)
        for home in reversed(cycles):
            if home.takes(r):
                break
        else:
            home = _Cycle(r, r.at_ms, heard_ms=r.received_at_ms)
            cycles.append(home)
            if len(cycles) > 1:
                cycles.sort(key=lambda c: c.at_ms)
        home.take(r)
        while len(cycles) > 2:
            done.append(cycles.pop(0).whole())
        return done

    def joined(
        self, key: tuple[str, str], name: str, value: float, at_ms: int, received_ms: int, counters: frozenset[str]
    ) -> bool:
        """Put one value of a machine and format where `add` would, when that is its newest cycle and completes none."""
        cycles = self._open.get(key)
        if not cycles or received_ms - cycles[0].heard_ms > QUIET_MS:
            return False
        home = cycles[-1]
        if not home.metrics or name in home.metrics:
            return False
        apart = SPAN_MS if home.undated and at_ms == received_ms else READ_MS.get(key[1], 0)
        if abs(at_ms - home.at_ms) > apart:
            return False
        home.metrics[name] = value
        home.counters |= counters
        if received_ms > home.heard_ms:
            home.heard_ms = received_ms
        return True

    def flush(self, now_ms: int | None) -> list[Reading]:
        """What is complete by ``now_ms`` (an arrival instant); everything when None."""
        done: list[Reading] = []
        for key in list(self._open):
            cycles = self._open[key]
            if now_ms is None:
                done += [c.whole() for c in cycles]
                cycles.clear()
            else:
                done += self._complete(cycles, now_ms)
            if not cycles:
                del self._open[key]
        return sorted(done, key=lambda r: (r.at_ms, r.machine))

    def state(self) -> bytes:
        """Open cycles as bytes; none when there are none."""
        kept = [
            [*key, c.at_ms, c.metrics, c.facts, sorted(c.counters), c.deltas, c.heard_ms, c.undated]
            for key, cycles in self._open.items()
            for c in cycles
        ]
        return zlib.compress(_written(kept), 1) if kept else b""

    def resume(self, state: bytes) -> list[Reading]:
        """Go on with the cycles that were open then, and no others; those that had been complete by then."""
        before, self._open = self._open, {}
        for machine, fmt, at_ms, metrics, facts, counters, deltas, heard_ms, undated in _read(state):
            first = Reading(machine, at_ms, {}, None, heard_ms, fmt)
            cycle = _Cycle(first, at_ms, metrics, facts, set(counters), deltas, heard_ms, undated)
            self._open.setdefault((machine, fmt), []).append(cycle)
        begun = {(key, c.at_ms) for key, cycles in self._open.items() for c in cycles}
        done = [c.whole() for key, cycles in before.items() for c in cycles if (key, c.at_ms) not in begun]
        return sorted(done, key=lambda r: (r.at_ms, r.machine))

    @property
    def waiting(self) -> int:
        """Open cycles."""
        return sum(map(len, self._open.values()))

    @staticmethod
    def _complete(cycles: list[_Cycle], now_ms: int) -> list[Reading]:
        done = []
        while cycles and now_ms - cycles[0].heard_ms > QUIET_MS:
            done.append(cycles.pop(0).whole())
        return done
