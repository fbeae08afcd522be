"""`python -m bench detection`: what a scored report costs, what a machine weighs, what learning costs.

With `--against KIND --data FOLDER` (the labelled example folder, its scorer beside it): this product, scikit-learn's
IsolationForest and a PCA residual over the same histories, thresholds without labels, one table.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson

from bench import yardsticks
from telemetry.formats import Decoder
from telemetry.reading import Heard, Reading
from telemetry.training import fitted
from telemetry.watch import COLLECT
from telemetry.watching import Watching

MACHINES: Final = 500
WAVES: Final = (500, 100, 20)  # reports that are scored together
LEARNED: Final = 10  # machines that learn; the others are copies of theirs, under names of their own
METRICS: Final = 38
HISTORY: Final = 3 * 1440  # minutes
ROUNDS: Final = 60
T0: Final = 1_790_000_000_000 // 60_000 * 60_000


def main(arguments: list[str]) -> int:
    """Run as asked; the exit code."""
    options = argparse.ArgumentParser(prog="python -m bench detection", description=__doc__)
    options.add_argument("--against", choices=("smd", "asd", "svc"), help="labelled kind to compare on")
    options.add_argument("--data", help="folder with data/ and scoring/")
    given = options.parse_args(arguments)
    if given.against:
        if not given.data:
            options.error("--against needs --data")
        return yardsticks.table(given.against, given.data)
    for related in (True, False):
        _costs(related)
    _training()
    return 0


@dataclass(frozen=True)
class ScoreCost:
    """CPU microseconds a report, in waves of so many."""

    wave: int
    orjson: float
    decode: float
    score: float
    watching: Watching

    @property
    def ours(self) -> float:
        return self.decode + self.score


def values(machine: int, minutes: int, related: bool) -> np.ndarray:
    """A daily load all metrics share, or noise of each one's own."""
    rng = np.random.default_rng(machine)
    load = 50 + 20 * np.sin(np.arange(minutes) * 2 * np.pi / 1440) + rng.normal(0, 3, minutes)
    own = (
        rng.normal(0, 2, (minutes, METRICS))
        if related
        else rng.standard_t(2, (minutes, METRICS)) * rng.integers(0, 2, (minutes, 1))
    )
    return np.round((load[:, None] if related else 0.0) + own, 3)


def cost(metrics: int, related: bool, waves: tuple[int, ...] = WAVES) -> list[ScoreCost]:
    """What a report of this width costs to decode and to score, in waves of so many, a report a machine."""
    watching, tables, names = _taught(metrics, related)
    blob = watching.snapshot()
    payloads = [
        [
            orjson.dumps({"seq": i, "at": T0 + i * 60_000, "metrics": dict(zip(names, row.tolist(), strict=True))})
            for row in (table[HISTORY + i] for table in tables)
        ]
        for i in range(1, ROUNDS)
    ]
    return [_cost(Watching.restore(blob), payloads, wave) for wave in waves]


def _taught(metrics: int, related: bool) -> tuple[Watching, list[np.ndarray], list[str]]:
    from bench import states  # it uses the values made here

    watching = Watching()
    names = [f"m{i:02d}" for i in range(metrics)]
    tables = [values(k, HISTORY + ROUNDS, related)[:, :metrics] for k in range(LEARNED)]
    for minute, received in ((range(-HISTORY, 0), T0), (range(1), T0)):
        told: list[Heard] = [
            Reading(f"machine-{k}", T0 + i * 60_000, dict(zip(names, row, strict=True)), None, received, "native")
            for k, table in enumerate(tables)
            for i, row in zip(minute, table[minute.start + HISTORY : minute.stop + HISTORY].tolist(), strict=True)
        ]
        watching.feed(told)  # history, and the first report after it, which fits
    states.multiplied(watching, names, MACHINES, LEARNED)
    return watching, tables, names


def _cost(watching: Watching, payloads: list[list[bytes]], wave: int) -> ScoreCost:
    gc.set_threshold(*COLLECT)  # as the watcher does
    decoder, plain, decoding, scoring = Decoder(), [], [], []
    turns = max(1, min(MACHINES // wave, 5))  # of machines, so that no wave finds in the cache what the last one left
    for i, bodies in enumerate(payloads):
        for turn in range(turns):
            batch = [(f"vigie/machine-{k}/report", bodies[k % LEARNED]) for k in range(turn * wave, (turn + 1) * wave)]
            began = time.process_time()
            for _, body in batch:
                orjson.loads(body)
            loaded = time.process_time()
            heard = [h for topic, body in batch for h in decoder.decode(topic, body, T0 + (i + 1) * 60_000)]
            decoded = time.process_time()
            watching.feed(heard)
            done = time.process_time()
            if i > 1:  # by then it knows its way
                plain.append(loaded - began)
                decoding.append(decoded - loaded)
                scoring.append(done - decoded)
    base, decode, score = (1e6 * float(np.median(x)) / wave for x in (plain, decoding, scoring))
    return ScoreCost(wave, base, decode, score, watching)


def _costs(related: bool) -> None:
    found = cost(METRICS, related)
    watching = found[0].watching
    trusted = watching.classes.of(watching.known["machine-0"]).trusted
    rule = "rule" if trusted else "do not rule"
    print(f"{METRICS} metrics, {LEARNED} machines learned and copied to {MACHINES}, relations {rule}:")
    for one in found:
        print(f"  waves of {one.wave}: orjson.loads {one.orjson:.1f} µs, decode {one.decode:.1f} µs, rules and score "
              f"{one.score:.1f} µs a report; decode and score / orjson {one.ours / one.orjson:.1f}; "
              f"{METRICS / one.ours:.2f} million samples/s")  # fmt: skip
    print(f"  snapshot {len(watching.snapshot()) / MACHINES / 1024:.1f} KiB a machine, compressed")
    from bench import states

    print()
    for what, size in states.bytes_a_series().items():
        print(f"  in memory, {what:<13} {size * METRICS / 1024:5.1f} KiB a machine")
    print(f"  in memory, relations     {3 * METRICS * METRICS * 4 / 1024:5.1f} KiB a machine\n", flush=True)


def _training() -> None:
    for metrics, minutes in ((METRICS, HISTORY), (METRICS, 16 * 1440)):
        table = values(1, minutes, True)
        began = time.process_time()
        fitted(table, [f"m{i}" for i in range(metrics)], 60.0)
        took = time.process_time() - began
        print(
            f"learning {metrics} metrics from {minutes // 1440} days of minutes: {took:.2f} s of CPU a machine, "
            f"{took * 1000 / 60:.0f} min for 1,000 machines on one core"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
