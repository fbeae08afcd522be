"""What is done for many machines together spares work and changes no bit: of scores, of verdicts, of state."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest

from telemetry.fleet import RING, Fleet
from telemetry.notebook import Notebook
from telemetry.reading import Heard, Reading
from telemetry.relations import MANY, spread
from telemetry.watching import Watching

T0 = 1_790_000_000_000 // 60_000 * 60_000
HISTORY = 70  # minutes
MACHINES = MANY + 4


def said_by(machine: int, minute: int, rng: random.Random) -> Reading:
    """One of every five has fewer metrics, one of every seven is silent now and then, one of every nine fails."""
    at = T0 + minute * 60_000 + (30_000 if minute % 6 == 5 else 0)
    load = rng.gauss(0, 1)
    count = 4 if machine % 5 == 0 else 7
    high = 40.0 if machine % 9 == 0 and 9 <= minute < 14 else 0.0
    metrics = {f"m{i}": 50 + load * i + rng.gauss(0, 0.5) + high for i in range(count)} | {"disk_used_pct./": 40.0}
    if machine % 3 == 0 and minute % 4 == 1:
        metrics.pop("m1")
    return Reading(f"machine-{machine:02d}", at, metrics, None, max(at, T0), "native")


@pytest.fixture(scope="module")
def taught() -> bytes:
    rng = random.Random(3)
    watching = Watching()
    for machine in range(MACHINES):
        watching.feed([said_by(machine, i - HISTORY - 20, rng) for i in range(HISTORY)])
    watching.feed([said_by(machine, 0, rng) for machine in range(MACHINES)])
    assert all(m.is_fitted for m in watching.known.values())
    return watching.snapshot()


def rounds(minutes: int) -> list[list[Heard]]:
    rng = random.Random(4)
    order = list(range(MACHINES))
    out: list[list[Heard]] = []
    for minute in (m for m in range(1, minutes) if m not in (6, 7, 8)):  # a gap of several steps
        rng.shuffle(order)
        out.append([said_by(k, minute, rng) for k in order if not (k % 7 == 0 and minute % 5 == 0)])
    return out


def test_a_wave_of_many_is_scored_to_the_bit_like_reports_one_by_one(taught: bytes) -> None:
    wide, narrow = Watching.restore(taught), Watching.restore(taught)
    wide.scores, narrow.scores = [], []
    together, single = [], []
    for batch in rounds(18):
        together += wide.feed(batch)
        single += [verdict for heard in batch for verdict in narrow.feed([heard])]
    assert any(verdict.opened for verdict in single)
    assert together == single
    assert wide.scores == narrow.scores
    assert wide.snapshot() == narrow.snapshot()


def test_a_report_of_another_shape_between_two_alike_finds_its_own_rows(taught: bytes) -> None:
    """The way that is remembered for a shape is left for any other."""
    watching = Watching.restore(taught)
    m = watching.known["machine-01"]

    def now_of(**metrics: float) -> dict[str, float]:
        nonlocal minute
        minute += 1
        at = T0 + minute * 60_000
        watching.feed([Reading(m.name, at, metrics, None, at, "native")])
        return dict(zip(m.notebook.names, watching.fleet.columns["now"][m.rows].tolist(), strict=False))

    minute = 1
    for value in (1.0, 2.0):
        assert {"m2": value, "m0": 9.0}.items() <= now_of(m2=value, m0=9.0).items()
    assert {"m0": 3.0, "m2": 4.0}.items() <= now_of(m0=3.0, m2=4.0).items()
    assert {"m2": 5.0, "m0": 6.0, "m3": 7.0}.items() <= now_of(m2=5.0, m0=6.0, m3=7.0).items()
    assert {"m2": 8.0, "m3": 7.0}.items() <= now_of(m2=8.0, fresh=1.0).items()


def test_a_counter_in_a_shape_known_before_is_taken_for_one(taught: bytes) -> None:
    watching = Watching.restore(taught)
    m = watching.known["machine-01"]
    for minute, value in ((1, 50.0), (2, 50.0), (3, 100.0), (4, 160.0)):
        at = T0 + minute * 60_000
        counters = frozenset({"m2"}) if minute > 2 else frozenset()
        watching.feed([Reading(m.name, at, {"m2": value, "m3": 50.0}, None, at, "native", counters=counters)])
    now = watching.fleet.columns["now"][m.rows]
    assert now[m.notebook.names.index("m2")] == 1.0  # 60 in a minute


@pytest.mark.parametrize("sizes", [[3], [2, 2], [4] * 20, [1, 3] * 20])
def test_spreading_is_repeating(sizes: list[int]) -> None:
    each = np.arange(len(sizes)) * 1.5
    assert np.array_equal(spread(each, np.array(sizes)), np.repeat(each, sizes))


def test_a_fleet_restored_has_room_behind_its_last_row(taught: bytes) -> None:
    """The last machine's rings are read past their end."""
    watching = Watching.restore(taught)
    assert len(watching.fleet.ring) > watching.fleet.size
    again = Watching.restore(watching.snapshot())
    assert again.snapshot() == watching.snapshot() == taught


def test_of_a_minute_told_often_the_last_word_of_each_metric_stands() -> None:
    """Whichever shapes come between, and whoever looks at the row meanwhile."""
    rng, book, told = random.Random(8), Notebook(), dict[str, float]()
    minutes: dict[int, dict[str, float]] = {}
    shapes = [("a", "b", "c"), ("b",), ("d", "a"), ("c", "b", "a")]
    for turn in range(400):
        at = T0 + turn * 7_000
        said = {name: rng.random() for name in shapes[0 if rng.random() < 0.7 else rng.randrange(4)]}
        told = minutes.setdefault(at // 60_000, {})
        told |= said
        book.note(at, book.columns(tuple(said)), list(said.values()))
        if turn % 13 == 0:
            step, row, there = book.open_row()
            assert step == at // 60_000
            assert {n: row[book.index[n]] for n in book.names if there[book.index[n]]} == told
        if turn % 31 == 0:
            book = copy.deepcopy(book)
    book.close()
    kept = {
        step: {n: row[i] for i, n in enumerate(book.names[: len(row)]) if not np.isnan(row[i])}
        for step, row in zip(book.steps, book.rows, strict=True)
    }
    assert kept == {step: {n: np.float32(v) for n, v in told.items()} for step, told in minutes.items()}


@pytest.mark.parametrize("most", [1, 3, RING, 3 * RING])
def test_a_ring_takes_what_was_closed_once_for_every_step_of_a_gap(most: int) -> None:
    rng = np.random.default_rng(most)
    fleet = Fleet()
    rows = rng.permutation(fleet.add(200))  # the last of them is read past its end
    fleet.ring[1:201] = rng.random((200, RING))
    closed, steps = rng.random(200), rng.integers(1, most + 1, 200)
    expected = fleet.ring.copy()
    for row, value, times in zip(rows.tolist(), closed.tolist(), steps.tolist(), strict=True):
        expected[row] = [*expected[row], *[np.float32(value)] * times][-RING:]
    pushed = fleet._pushed(rows, closed, steps.astype(float), one_step=most == 1)
    assert np.array_equal(fleet.ring, expected)
    assert np.array_equal(pushed, expected[rows])


def test_what_the_largest_numbers_differ_by_is_a_number_still() -> None:
    """Drivers say so for "no value now": plus and minus the largest there is."""
    fleet = Fleet()
    rows, grid = fleet.add(1), np.full(1, 60.0)
    for step, value in enumerate([5.0, 1.7e308, -1.7e308, 1.7e308, *[5.0] * RING]):
        fleet.hear(rows, np.array([value]), np.array([float(step)]), grid)
        assert np.isfinite([fleet.columns[name][rows] for name in ("now", "fast_now", "day")]).all()
        assert not np.isnan(fleet.own_surprise(rows)).any()
