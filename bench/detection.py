"""`python -m bench detection`: what a scored report costs, what a machine weighs, what learning costs.

With `--against KIND --data FOLDER` (the labelled example folder, its scorer beside it): this product, scikit-learn's
IsolationForest and a PCA residual over the same histories, thresholds without labels, one table.
"""

from __future__ import annotations

import argparse
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
from telemetry.watching import Watching

MACHINES: Final = 100
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
    """CPU microseconds a report."""

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


def cost(metrics: int, related: bool, machines: int = MACHINES) -> ScoreCost:
    """What a report of this width costs to decode and to score, in batches of one report a machine."""
    watching = Watching()
    names = [f"m{i:02d}" for i in range(metrics)]
    tables = [values(k, HISTORY + ROUNDS, related)[:, :metrics] for k in range(machines)]
    for k, table in enumerate(tables):
        told: list[Heard] = [
            Reading(f"machine-{k}", T0 + (i - HISTORY) * 60_000, dict(zip(names, row, strict=True)), None, T0, "native")
            for i, row in enumerate(table[:HISTORY].tolist())
        ]
        watching.feed(told)
    payloads = [
        [
            orjson.dumps({"seq": i, "at": T0 + i * 60_000, "metrics": dict(zip(names, row.tolist(), strict=True))})
            for row in (t[HISTORY + i] for t in tables)
        ]
        for i in range(ROUNDS)
    ]  # fmt: skip
    decoder, plain, decoding, scoring = Decoder(), [], [], []
    for i, batch in enumerate(payloads):
        began = time.process_time()
        for body in batch:
            orjson.loads(body)
        loaded = time.process_time()
        heard = [
            h
            for k, body in enumerate(batch)
            for h in decoder.decode(f"vigie/machine-{k}/report", body, T0 + i * 60_000)
        ]
        decoded = time.process_time()
        watching.feed(heard)
        done = time.process_time()
        if i > 2:  # the first round fits
            plain.append(loaded - began)
            decoding.append(decoded - loaded)
            scoring.append(done - decoded)
    base, decode, score = (1e6 * float(np.median(x)) / machines for x in (plain, decoding, scoring))
    return ScoreCost(base, decode, score, watching)


def _costs(related: bool) -> None:
    found = cost(METRICS, related)
    base, decode, score, watching = found.orjson, found.decode, found.score, found.watching
    trusted = watching.classes.of(watching.known["machine-0"]).trusted
    rule = "rule" if trusted else "do not rule"
    print(f"{MACHINES} machines, {METRICS} metrics, batches of {MACHINES}, relations {rule}:")
    print(f"  orjson.loads {base:.1f} µs, decode {decode:.1f} µs, rules and score {score:.1f} µs a report")
    print(
        f"  decode and score / orjson {(decode + score) / base:.1f}; {METRICS / (decode + score):.2f} million samples/s"
    )
    print(f"  snapshot {len(watching.snapshot()) / MACHINES / 1024:.1f} KiB a machine, compressed")
    from bench import states  # it uses the values made here

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
