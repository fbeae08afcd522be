"""What is normal opens nothing; what is short is caught, what is slow is not smoothed into normality."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from telemetry.features import Array
from telemetry.reading import Heard, Reading
from telemetry.watching import Settings, Verdict, Watching

GRID = 300_000
DAY = 288
T0 = 1_790_000_000_000 // GRID * GRID
NAMES = (
    "requests_s",
    "latency_ms",
    "cpu_util",
    "mem_used_pct",
    "net_rx_mb_s",
    "net_tx_mb_s",
    "procs",
    "tcp_established",
)
LEARNED = 21 * DAY
SHOWN = 3 * DAY
Change = Callable[[Array, Array], None]


def life(seed: int = 1, hour_shift: int = 0) -> Array:
    """Three weeks and three days of a server at five minutes: one load behind all metrics, each with its own noise.
    ``hour_shift`` moves people's day after what was learned."""
    rng = np.random.default_rng(seed)
    step = np.arange(LEARNED + SHOWN)
    people = step + np.where(step >= LEARNED, hour_shift * 12, 0)
    load = 40 + 20 * np.sin(people * 2 * np.pi / DAY) + rng.normal(0, 2, len(step))
    base = np.array([4.0, 0.5, 1.0, 0.2, 0.3, 0.4, 2.0, 5.0])
    x: Array = np.array([20.0, 30.0, 5.0, 40.0, 1.0, 1.0, 150.0, 50.0]) + load[:, None] * base
    x += rng.normal(0, 1, x.shape) * base * 2
    return x


def opened(x: Array) -> list[Verdict]:
    """What a watch that learned the first three weeks says of the rest."""
    watching = Watching(Settings(learn_until_ms=T0 + LEARNED * GRID))
    told: list[Heard] = [
        Reading("srv", T0 + i * GRID, dict(zip(NAMES, row, strict=True)), None, T0 + i * GRID, "native")
        for i, row in enumerate(x.tolist())
    ]
    return [v for v in watching.feed(told) if v.opened]


def reboot(later: Array, _: Array) -> None:
    later[100, :6] = 0.0
    later[100, 6:] = 1.0


def surge(later: Array, spread: Array) -> None:
    # More people for some hours: everything rises as it always rises with them, and falls again.
    later[100:136] += spread * np.interp(np.arange(36), (0, 12, 24, 35), (0, 1, 1, 0))[:, None]


def as_ever(later: Array, _: Array) -> None:
    """Three days like those before."""


@pytest.mark.parametrize("change", [as_ever, surge])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_calm_life_or_one_with_a_busy_evening_opens_nothing(change: Change, seed: int) -> None:
    x = life(seed)
    change(x[LEARNED:], x[:LEARNED].std(axis=0))
    assert [v.summary for v in opened(x)] == []


@pytest.mark.parametrize("shift", [-1, 1])
def test_the_clocks_of_people_may_change_by_an_hour(shift: int) -> None:
    assert [v.summary for v in opened(life(hour_shift=shift))] == []


def test_one_report_of_a_machine_that_boots_opens_at_most_one_condition_and_ends_it() -> None:
    x = life()
    reboot(x[LEARNED:], x)
    assert len(opened(x)) <= 1


@pytest.mark.parametrize(
    ("seed", "shifts"),
    # In the last three the score came down to 0.85 of the threshold within some hours, and noise lifted what was left
    # of the way over it again after thirteen to seventeen.
    [(1, {3: 3.0}), (2, {1: 3.0, 3: 3.0}), (5, {3: 3.0}), (5, {5: 6.0}), (5, {1: 3.0, 2: -2.0, 7: 4.0})],
)
def test_a_level_that_is_new_for_good_is_told_once(seed: int, shifts: dict[int, float]) -> None:
    x = life(seed)
    for metric, sigmas in shifts.items():
        x[LEARNED + 60 :, metric] += sigmas * x[:LEARNED, metric].std()
    assert len(opened(x)) == 1


def test_what_rises_further_from_a_level_that_became_normal_is_told_again() -> None:
    x = life(5)
    for at in (60, 400):
        x[LEARNED + at :, 3] += 3 * x[:LEARNED, 3].std()
    first, second = (v.at_ms - T0 - LEARNED * GRID for v in opened(x))
    assert first == 60 * GRID
    assert 400 * GRID <= second <= 402 * GRID


@pytest.mark.parametrize("steps", [1, 3])
def test_a_short_problem_of_several_metrics_is_caught_at_once(steps: int) -> None:
    x = life()
    at = LEARNED + 150
    x[at : at + steps, 1] *= 4
    x[at : at + steps, [0, 4, 5]] *= 0.3
    assert [v.at_ms for v in opened(x)] == [T0 + at * GRID]


def test_a_problem_that_creeps_in_over_half_a_day_is_caught_before_it_is_full_grown() -> None:
    x = life()
    at = LEARNED + 150
    creep = np.linspace(0, 1, DAY // 2)[:, None]
    x[at : at + DAY // 2, 1:4] += creep * 8 * x[:LEARNED, 1:4].std(axis=0)
    verdicts = opened(x)
    assert verdicts
    assert verdicts[0].at_ms < T0 + (at + DAY // 2) * GRID
