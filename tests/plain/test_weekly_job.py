"""A weekly batch job that history held twice is a habit to the whole detector, also when the clocks have changed."""

from __future__ import annotations

import numpy as np
import pytest

from telemetry.features import Array
from telemetry.reading import Heard, Reading
from telemetry.watching import Settings, Verdict, Watching

GRID = 600_000
DAY = 144
WEEK = 7 * DAY
T0 = 1_789_948_800_000  # a Monday at midnight, UTC
NAMES = ("requests_s", "latency_ms", "cpu_util", "mem_used_pct", "disk_busy_pct", "net_tx_mb_s")
JOB = np.array([0.0, 4.0, 45.0, 3.0, 70.0, 90.0])


def life(weeks: int, seed: int = 3) -> Array:
    rng = np.random.default_rng(seed)
    step = np.arange(weeks * WEEK)
    load = 40 + 20 * np.sin(step * 2 * np.pi / DAY) + rng.normal(0, 2, len(step))
    base = np.array([4.0, 0.5, 0.6, 0.1, 0.2, 0.4])
    x: Array = np.array([20.0, 30.0, 5.0, 40.0, 3.0, 1.0]) + load[:, None] * base
    return x + rng.normal(0, 1, x.shape) * base * 2


def job(x: Array, week: int, *, hour: float = 2.0, hours: float = 2.0, loud: float = 1.0) -> None:
    """Sunday night's job of one week."""
    begins = week * WEEK + 6 * DAY + round(hour * 6)
    x[begins : begins + round(hours * 6)] += JOB * loud


def opened(x: Array, learned: int) -> list[Verdict]:
    watching = Watching(Settings(learn_until_ms=T0 + learned * WEEK * GRID))
    told: list[Heard] = [
        Reading("srv", T0 + i * GRID, dict(zip(NAMES, row, strict=True)), None, T0 + i * GRID, "native")
        for i, row in enumerate(x.tolist())
    ]
    return [v for v in watching.feed(told) if v.opened]


def weeks_of(verdicts: list[Verdict]) -> list[int]:
    return sorted({(v.started_ms - T0) // GRID // WEEK for v in verdicts})


def test_two_weeks_in_history_make_the_third_no_news() -> None:
    x = life(4)
    for week in range(4):
        job(x, week, hour=2.0 if week < 3 else 3.0)  # the clocks go back before the fourth
    assert [v.summary for v in opened(x, learned=2)] == []


@pytest.mark.parametrize("change", [{"hour": 8.0}, {"loud": 3.0}])
def test_the_same_at_another_hour_or_far_louder_is_news(change: dict[str, float]) -> None:
    x = life(3)
    for week in range(2):
        job(x, week)
    job(x, 2, **change)
    assert weeks_of(opened(x, learned=2)) == [2]


def test_a_job_that_history_held_a_little_below_the_threshold_is_no_news_a_little_above() -> None:
    x = life(4)
    for week, loud in enumerate((0.025, 0.025, 0.04, 0.04)):
        job(x, week, loud=loud)
    assert [v.summary for v in opened(x, learned=2)] == []
