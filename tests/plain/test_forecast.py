"""Forecasts: what fills, leaks or wears is told ahead with an interval; what comes and goes by itself never."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from telemetry.course import Course as Gauge
from telemetry.forecast import COARSE_MS, DAY_MS, Forecasts, in_words
from telemetry.reading import Reading
from telemetry.verdict import Verdict
from telemetry.watching import Watching

T0 = 1_769_904_000_000
STEP_MS = 300_000.0
Course = Callable[[float], float]  # hours since the start → value


def told(
    course: Course, days: float, metric: str = "disk_used_pct./var", noise: float = 0.15, seed: int = 1
) -> list[Verdict]:
    """What is forecast of a course over days."""
    rng = np.random.default_rng(seed)
    eyes, out = Forecasts(), []
    for i in range(int(days * DAY_MS / STEP_MS)):
        at = T0 + int(i * STEP_MS)
        value = course((at - T0) / COARSE_MS) + rng.normal(0, noise)
        out += eyes.look("m", {metric: float(value)}, at, False)
    return out


def hours(v: Verdict) -> float:
    return (v.at_ms - T0) / COARSE_MS


def test_a_filling_disk_is_told_hours_ahead_with_an_interval_round_the_truth() -> None:
    full_at = 72 + 60 / 5  # from day 3 on five points an hour, from 40 %
    (first, *_) = told(lambda h: 40 + max(0.0, h - 72) * 5, 3.45)
    assert first.opened
    assert first.cause == "disk:/var"
    assert first.title.startswith("/var full in about ")
    assert full_at - hours(first) > 3
    forecast = first.evidence["forecast"]
    assert abs((forecast["at_ms"] - T0) / COARSE_MS - full_at) < 2
    assert forecast["early_ms"] <= forecast["at_ms"] <= forecast["late_ms"]
    assert "move or remove" in first.evidence["cure"]


def test_a_slow_leak_is_told_days_ahead_once() -> None:
    (only,) = told(lambda h: 50 + max(0.0, h - 48) * 0.25, 9.0, "mem_used_pct", noise=0.8)
    assert only.opened
    assert only.cause == "memory"
    left_days = (48 + 200 - hours(only)) / 24
    assert 2 < left_days < 5
    assert "days" in only.title


def test_a_certificate_and_a_worn_drive_are_told_before_the_day() -> None:
    (cert,) = told(lambda h: 9 - h / 24, 7, "cert_days_left.www", noise=0.0)
    assert cert.title == "Certificate www expires in about 4 days"
    assert "less a day" in cert.summary
    (wear,) = told(lambda h: 70 + h / 24 * 2.5, 11, "ssd_wear_pct.nvme0", noise=0.05)
    assert wear.cause == "drive:nvme0"
    assert wear.title.startswith("SSD nvme0 worn out in about ")


@pytest.mark.parametrize(
    ("name", "course"),
    [
        ("sawtooth", lambda h: 40 + (h % 6) * 9),
        ("log rotation at midnight", lambda h: 55 + (h % 24) * 1.7),
        ("weekly rotation", lambda h: 30 + (h % 168) * 0.38),
        ("daily rhythm", lambda h: 60 + 30 * np.sin(h * 2 * np.pi / 24)),
        ("nightly batch", lambda h: 92.0 if h % 24 < 2 else 50.0),
        ("level shift", lambda h: 40.0 if h < 100 else 70.0),
        ("full and still", lambda h: 94.0),
        ("slowly settling", lambda h: 80 - 30 * np.exp(-h / 60)),
    ],
)
def test_what_comes_and_goes_by_itself_is_never_forecast(name: str, course: Course) -> None:
    days = 16 if name == "weekly rotation" else 6
    found = [v for v in told(course, days, noise=0.3) if v.opened]
    # The first week of a week's rhythm looks like any filling disk.
    assert [v for v in found if name != "weekly rotation" or hours(v) > 168] == [], name


def test_noise_alone_is_never_forecast() -> None:
    for seed in range(2):
        assert told(lambda h: 88.0, 5, noise=2.0, seed=seed) == []


def test_a_forecast_ends_when_somebody_cleans_up() -> None:
    course = lambda h: 40 + max(0.0, h - 72) * 5 if h < 80 else 45.0  # noqa: E731
    began, ended = told(course, 4)
    assert (began.opened, ended.opened) == (True, False)
    assert began.key == ended.key
    assert 80 < hours(ended) < 82


def test_history_is_learned_from_and_opens_nothing() -> None:
    eyes = Forecasts()
    found = []
    for i in range(int(3.3 * DAY_MS / STEP_MS)):
        h = i * STEP_MS / COARSE_MS
        found += eyes.look("m", {"disk_used_pct./": 40 + max(0.0, h - 72) * 5}, T0 + int(i * STEP_MS), True)
    assert found == []


def test_state_comes_back_whole() -> None:
    course = [40 + max(0.0, i * STEP_MS / COARSE_MS - 72) * 5 for i in range(int(3.4 * DAY_MS / STEP_MS))]
    whole, first = Forecasts(), Forecasts()
    expected, found, cut = [], [], 900
    for i, v in enumerate(course):
        row = {"disk_used_pct./": v}
        expected += whole.look("m", row, T0 + int(i * STEP_MS), False)
        if i == cut:
            first = Forecasts.restored(json.loads(json.dumps(first.state())))
        found += first.look("m", row, T0 + int(i * STEP_MS), False)
    assert [v.key for v in found] == [v.key for v in expected] != []
    assert first.state() == whole.state()


def test_the_watch_opens_the_forecast_beside_what_else_it_sees() -> None:
    watching = Watching()
    rng = np.random.default_rng(2)
    rows = []
    for i in range(int(3.3 * DAY_MS / 300_000)):
        h = i / 12
        rows.append(
            {"disk_used_pct./var": 40 + max(0.0, h - 72) * 5 + rng.normal(0, 0.1), "cpu_util": 30 + rng.normal(0, 3)}
        )
    readings = [Reading("m", T0 + i * 300_000, r, None, T0 + i * 300_000, "native") for i, r in enumerate(rows)]
    found = watching.feed(readings)
    assert [v.cause for v in found if v.kind == "forecast"] == ["disk:/var"]
    assert "disk:/var" in watching.machines()["m"].open_causes
    again = Watching.restore(watching.snapshot())
    assert again.snapshot() == watching.snapshot()


@pytest.mark.parametrize(
    ("left_h", "words"),
    [(0.3, "in about 20 min"), (6.2, "in about 6 h"), (30, "in about 30 h"), (70, "in about 3 days")],
)
def test_time_left_in_words(left_h: float, words: str) -> None:
    assert in_words(left_h * COARSE_MS) == words


def minutes(course: list[float], cadence_s: int = 10) -> list[Verdict]:
    """A day at 40 %, then one value after the other, a minute apart, told every ten seconds."""
    forecasts, out = Forecasts(), []
    start = 1_800_000_000_000
    begins = start + 25 * COARSE_MS
    for at in range(start, begins, 60_000):
        forecasts.look("m", {"mem_used_pct": 40 + 2 * math.sin(at / 5e6)}, at, False)
    for number in range(len(course) * 60 // cadence_s):
        at = begins + number * cadence_s * 1000
        minute, part = divmod(number * cadence_s, 60)
        before = course[minute - 1] if minute else 40.0
        value = before + (course[minute] - before) * part / 60
        out += forecasts.look("m", {"mem_used_pct": value}, at, False)
    return out


def test_a_leak_of_minutes_is_told_before_memory_is_gone_and_over_when_freed() -> None:
    leak = [40 + 2.0 * minute for minute in range(20)]
    (begun,) = minutes(leak)
    told_after = (begun.at_ms - begun.evidence["since_ms"]) / 60_000
    assert (begun.cause, begun.severity) == ("memory", 2)
    assert told_after <= 10
    left_min = (begun.evidence["forecast"]["at_ms"] - begun.at_ms) / 60_000
    assert 8 <= left_min <= 16
    (_, over) = minutes([*leak, *[41.0] * 4])
    assert not over.opened
    assert over.finding_id == begun.finding_id


@pytest.mark.parametrize(
    "course",
    [
        [40 + 2.0 * min(minute, 6) for minute in range(30)],  # a program that starts and is then content
        [40 + 25 * (1 - math.exp(-minute / 4)) for minute in range(30)],  # a cache that fills
        [40 + 2.0 * (minute % 6) for minute in range(60)],  # a collector of garbage
        [40 + 0.4 * minute for minute in range(30)],  # too slow to be a matter of minutes
    ],
)
def test_what_rises_for_minutes_and_settles_is_no_news(course: list[float]) -> None:
    assert minutes(course) == []


def test_a_course_heard_within_the_minute_is_the_one_heard_step_by_step() -> None:
    rng = np.random.default_rng(3)
    quick, careful, at = Gauge(), Gauge(), T0
    for value in rng.normal(50, 20, 5_000).round(2).tolist():
        at += int(rng.choice([1_000, 15_000, 61_000, 400_000, -90_000]))
        taken = quick.goes_on(at, value)
        closed = (False, False) if taken else quick.hear(at, value)
        assert closed == careful.hear(at, value)
    assert quick == careful


def test_courses_of_an_older_version_are_taken_up() -> None:
    forecasts = Forecasts()
    forecasts.look("m", {"mem_used_pct": 40.0}, 1_800_000_000_000, False)
    old = {name: kept[:7] for name, kept in forecasts.state().items()}
    assert Forecasts.restored(old).courses["mem_used_pct"].open_fine == forecasts.courses["mem_used_pct"].open_fine
    assert Forecasts.restored(forecasts.state()).state() == forecasts.state()
