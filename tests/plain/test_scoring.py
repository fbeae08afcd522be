"""Reports scored many at once come to the same, and in the same order, as reports scored one by one."""

from __future__ import annotations

import random

import numpy as np

from telemetry.fleet import COLUMNS, NARROW, kind_of
from telemetry.reading import Event, Heard, Reading
from telemetry.snapshots import pack, unpack
from telemetry.watching import Watching

T0 = 1_790_000_000_000 // 60_000 * 60_000
HISTORY = 120  # minutes
NAMES = [f"m{i}" for i in range(6)]


def reading(machine: str, minute: int, rng: random.Random, *, high: float = 0.0) -> Reading:
    at = T0 + minute * 60_000
    metrics = {name: 50 + rng.gauss(0, 1) + high for name in NAMES} | {"disk_used_pct./": 40.0 + high}
    return Reading(machine, at, metrics, None, max(at, T0), "native")


def fleet_of(seed: int, machines: int, minutes: int) -> tuple[list[Heard], list[Heard]]:
    """History of some machines, and what they say afterwards, each several times in a row, trouble included."""
    rng = random.Random(seed)
    names = [f"machine-{k}" for k in range(machines)]
    history: list[Heard] = [reading(name, i - HISTORY - 20, rng) for name in names for i in range(HISTORY)]
    said: list[Heard] = []
    for name in names:
        ill = rng.randrange(5, minutes - 10)
        for i in range(minutes):
            said.append(reading(name, i, rng, high=60.0 if ill <= i < ill + 6 else 0.0))
            if i == ill + 1:
                said.append(Event(name, T0 + i * 60_000 + 5, "psu", 2, "supply 1", T0 + i * 60_000, "native"))
            if i == ill + 4:
                said.append(Event(name, T0 + i * 60_000 + 5, "psu", 0, "", T0 + i * 60_000, "native"))
    said.sort(key=lambda h: (h.at_ms if isinstance(h, Reading | Event) else 0) // 600_000)  # ten in a row
    return history, said


def test_many_in_a_row_come_to_the_same_in_the_same_order_as_one_by_one() -> None:
    history, said = fleet_of(1, 5, 40)
    at_once, one_by_one = Watching(), Watching()
    at_once.feed(history)
    one_by_one.feed(history)
    together = at_once.feed(said)
    single = [verdict for heard in said for verdict in one_by_one.feed([heard])]
    assert {verdict.kind for verdict in single} == {"anomaly", "rule", "event"}
    assert together == single
    assert at_once.snapshot() == one_by_one.snapshot()


def test_every_cut_into_batches_comes_to_the_same() -> None:
    history, said = fleet_of(2, 4, 40)
    whole = Watching()
    whole.feed(history)
    expected = whole.feed(said)
    for seed in range(2):
        rng, cut, verdicts, at = random.Random(seed), Watching(), [], 0
        cut.feed(history)
        while at < len(said):
            size = rng.choice([1, 2, 7, 60])
            verdicts += cut.feed(said[at : at + size])
            at += size
        assert verdicts == expected
        assert cut.snapshot() == whole.snapshot()


def test_scores_are_told_for_every_report_that_is_scored() -> None:
    history, said = fleet_of(3, 3, 30)
    watching = Watching()
    watching.feed(history)
    watching.scores = []
    watching.feed(said)
    readings = [(h.machine, h.at_ms) for h in said if isinstance(h, Reading)]
    assert sorted((machine, at) for machine, at, _ in watching.scores) == sorted(readings)


def test_a_report_with_other_metrics_finds_its_own_rows() -> None:
    history, _ = fleet_of(4, 1, 30)
    watching, rng = Watching(), random.Random(9)
    watching.feed(history)
    watching.feed([reading("machine-0", 1, rng)])
    rows = watching.known["machine-0"].rows
    some = {"m4": 51.0, "m1": 49.0, "never-heard": 7.0}
    watching.feed([Reading("machine-0", T0 + 120_000, some, None, T0 + 120_000, "native")])
    now = watching.fleet.columns["now"][rows]
    names = watching.known["machine-0"].notebook.names
    assert now[names.index("m4")] == 51.0
    assert now[names.index("m1")] == 49.0


def test_a_snapshot_whose_columns_were_wider_is_taken_as_it_was_meant() -> None:
    history, said = fleet_of(5, 2, 30)
    watching = Watching()
    watching.feed(history + said[:20])
    fleet = watching.fleet
    assert {name for name in COLUMNS if kind_of(name) is np.float32} == NARROW
    for name in COLUMNS:
        fleet.columns[name] = fleet.columns[name].astype(float)
    restored, _ = unpack(pack(fleet, watching.known.values()))
    for name, column in restored.columns.items():
        assert column.dtype == np.dtype(kind_of(name)), name
    assert restored.ring.dtype == np.float32


def test_a_value_too_large_for_the_narrow_ring_is_kept_as_large_as_it_can_be() -> None:
    history, _ = fleet_of(6, 1, 30)
    watching, rng = Watching(), random.Random(3)
    watching.feed(history)
    for minute in range(6):
        metrics = dict(reading("machine-0", minute, rng).metrics) | {"m0": 1e300 if minute < 3 else -1e300}
        at = T0 + minute * 60_000
        watching.feed([Reading("machine-0", at, metrics, None, at, "native")])
    assert np.isfinite(watching.fleet.ring).all()
    assert np.isfinite(watching.known["machine-0"].score)
