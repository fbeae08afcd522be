"""What a machine weighs in a watcher, and whether a report costs the same among a million series (P10).

The state is synthetic and says so: one machine is learned from three days of related metrics, and every other gets a
copy of what was learned under a name of its own, relations included. Then machines drawn at random report in batches.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import psutil

from bench.detection import HISTORY, T0, values
from telemetry.admission import Heard as Known
from telemetry.fleet import COLUMNS, HOT, LEARNED, RING, Fleet, kind_of
from telemetry.machine import Machine
from telemetry.reading import Reading
from telemetry.watching import Watching

SIZES: Final = (1_000, 10_000, 26_316, 100_000, 1_000_000)  # the third: a million series of 38 metrics
BATCH: Final = 500
ROUNDS: Final = 24
_LEAVE: Final = 0.5  # of the memory that is free: others need it too


@dataclass(frozen=True)
class State:
    """Measured with so many machines. Bytes a machine, CPU microseconds a report."""

    machines: int
    resident: float
    cost: float


def bytes_a_series() -> dict[str, int]:
    """What a row of the fleet holds, by what it is for."""
    width = {name: np.dtype(kind_of(name)).itemsize for name in COLUMNS}
    fleet = Fleet()
    return {
        "hot columns": sum(width[name] for name in HOT) + 2,
        "closed steps": RING * fleet.ring.itemsize,
        "learned": sum(width[name] for name in LEARNED),
        "seasonal": fleet.slots[0].nbytes,
    }


def measured(metrics: int, sizes: tuple[int, ...] = SIZES) -> tuple[list[State], list[str]]:
    """Each size that fits into memory, and words on those that do not."""
    found: list[State] = []
    left_out: list[str] = []
    for size in sizes:
        free = psutil.virtual_memory().available
        need = found[-1].resident * size if found else 0.0
        if need > _LEAVE * free:
            left_out.append(
                f"{size:,} machines would need {need / 2**30:.0f} GiB; {free / 2**30:.0f} GiB are free here"
            )
            continue
        found.append(_state(metrics, size))
        gc.collect()
    return found, left_out


def _state(metrics: int, size: int) -> State:
    names = [f"m{i:02d}" for i in range(metrics)]
    watching = Watching()
    table = values(1, HISTORY + 2, related=True)[:, :metrics]
    first = [_reading("machine-0", i - HISTORY, names, row, T0) for i, row in enumerate(table[:HISTORY].tolist())]
    watching.feed(first)
    watching.feed([_reading("machine-0", 1, names, table[-1].tolist())])
    gc.collect()
    before = psutil.Process().memory_info().rss
    multiplied(watching, names, size)
    admitted = {name: Known() for name in watching.known}
    told = [dict(zip(names, row, strict=True)) for row in (table[-64:] + 0.0).tolist()]
    everyone = list(watching.known)
    for start in range(0, size, BATCH):  # each has spoken once, as any machine that is watched has
        batch = [_reading(name, 2, names, table[-1].tolist()) for name in everyone[start : start + BATCH]]
        watching.feed(batch)
        for reading in batch:
            admitted[reading.machine].admit(reading, retained=False, future_tolerance_ms=0)
    gc.collect()
    resident = (psutil.Process().memory_info().rss - before) / size
    rng, took = random.Random(size), []
    for turn in range(ROUNDS):
        batch = [
            replace(_reading(name, 3 + turn, [], []), metrics=dict(rng.choice(told)))
            for name in rng.sample(everyone, min(BATCH, size))
        ]
        began = time.process_time()
        watching.feed(batch)
        took.append((time.process_time() - began) / len(batch))
    return State(size, resident, 1e6 * float(np.median(took)))


def multiplied(watching: Watching, names: list[str], size: int, learned: int = 1) -> None:
    """More machines, up to `size`, like the first `learned` ones in turn, each with what it learned as its own."""
    fleet = watching.fleet
    rows = fleet.add((size - learned) * len(names)).reshape(size - learned, len(names))
    for i in range(learned, size):
        like, own = watching.known[f"machine-{i % learned}"], rows[i - learned].copy()
        for column in fleet.columns.values():
            column[own] = column[like.rows]
        for kept in (fleet.ring, fleet.slots, fleet.ages):
            kept[own] = kept[like.rows]
        m = Machine(f"machine-{i}")
        m.notebook.columns(tuple(names))
        m.rows = own
        if like.links is not None:
            m.links = replace(like.links, rows=own, weights=like.links.weights.copy())
        m.grid_s, m.step, m.learned_s, m.calm = like.grid_s, like.step, like.learned_s, like.calm
        m.lineage, m.last_ms, m.cadence_ms = dict(like.lineage), like.last_ms, like.cadence_ms
        watching.known[m.name] = m
        watching.classes.join(m)


def _reading(machine: str, minute: int, names: list[str], row: list[float], received: int | None = None) -> Reading:
    at = T0 + minute * 60_000
    return Reading(machine, at, dict(zip(names, row, strict=True)), None, received or at, "native")


def table(metrics: int, sizes: tuple[int, ...] = SIZES) -> list[State]:
    """Print it."""
    each = bytes_a_series()
    print(f"P10  state of a machine with {metrics} metrics, synthetic (one machine's, copied under other names)")
    for what, size in each.items():
        print(f"       {what:<14}{size:5d} bytes a series {size * metrics / 1024:8.1f} KiB a machine")
    print(f"       relations                          {3 * metrics * metrics * 4 / 1024:8.1f} KiB a machine")
    found, left_out = measured(metrics, sizes)
    for state in found:
        ratio = state.cost / found[0].cost
        print(
            f"       {state.machines:>9,} machines {state.resident / 1024:7.1f} KiB resident a machine, "
            f"{state.cost:6.1f} µs a report, {ratio:.2f} x the smallest (goal 1.3)",
            flush=True,
        )
    for words in left_out:
        print(f"       {words}")
    return found


if __name__ == "__main__":
    table(int(sys.argv[1]), tuple(int(size) for size in sys.argv[2:]) or SIZES)
