"""What happens every week at its hour is a habit the third time; anything else is news."""

from __future__ import annotations

from telemetry.habits import WEEK_MS, Habits

HOUR = 3_600_000
BACKUP = {"disk_busy": 0.8, "net_mb_s": 0.6}
LEAK = {"mem_used_pct": 1.0}
START = 1_790_000_000_000


def seen(*starts: int, signature: dict[str, float] = BACKUP, peak: float = 2.0, lasts: int = 2 * HOUR) -> Habits:
    habits = Habits()
    for number, start in enumerate(starts):
        habits.note(start, peak, signature, f"finding {number}")
        habits.go_on(start + lasts, peak)
    return habits


def test_the_third_week_is_a_habit_and_the_second_is_not() -> None:
    assert seen(START).usual(BACKUP, 2.0, START + WEEK_MS, {}) is None
    assert seen(START, START + WEEK_MS).usual(BACKUP, 2.0, START + 2 * WEEK_MS, {}) is not None


def test_an_hour_earlier_or_later_is_the_same_hour_when_clocks_change() -> None:
    habits = seen(START, START + WEEK_MS)
    for shift in (-HOUR, HOUR):
        assert habits.usual(BACKUP, 2.0, START + 2 * WEEK_MS + shift, {}) is not None
    assert habits.usual(BACKUP, 2.0, START + 2 * WEEK_MS - 3 * HOUR, {}) is None


def test_louder_longer_or_unlike_is_news() -> None:
    habits = seen(START, START + WEEK_MS)
    third = START + 2 * WEEK_MS
    assert habits.usual(BACKUP, 3.5, third, {}) is None
    assert habits.usual(LEAK, 2.0, third, {}) is None
    habits.note(third, 2.0, BACKUP)
    for minutes in range(0, 300, 10):
        at = third + minutes * 60_000
        held = habits.usual(BACKUP, 2.0, at, {}) is not None
        assert held is (minutes <= 210)  # half as long again, and half an hour
        habits.note(at, 2.0, BACKUP)


def test_what_an_engineer_confirmed_is_no_habit() -> None:
    habits = seen(START, START + WEEK_MS)
    assert habits.usual(BACKUP, 2.0, START + 2 * WEEK_MS, {"finding 1": ("true", START)}) is None


def test_what_recurs_daily_is_a_problem_that_recurs() -> None:
    days = [START + day * 24 * HOUR for day in range(14)]
    assert seen(*days).usual(BACKUP, 2.0, START + 2 * WEEK_MS, {}) is None


def test_a_snapshot_gives_the_same_habits() -> None:
    habits = seen(START, START + WEEK_MS)
    assert Habits.restored(habits.state()) == habits


def weeks(*peaks: float) -> Habits:
    """One time a week of these peaks, those below the threshold as what only came near."""
    habits = Habits()
    for week, peak in enumerate(peaks):
        at = START + week * WEEK_MS
        (habits.near if peak < 1.0 else habits.note)(at, peak, BACKUP)
    return habits


def test_a_week_in_which_the_job_only_came_near_the_threshold_counts() -> None:
    third = START + 2 * WEEK_MS
    assert weeks(1.1, 0.7).usual(BACKUP, 1.2, third, {}) is not None
    assert weeks(0.7, 0.8).usual(BACKUP, 1.2, third, {}) is not None
    assert weeks(0.7, 0.8).usual(BACKUP, 1.3, third, {}) is None, "half as loud again as the louder of the two"


def test_what_only_came_near_is_no_habit_where_as_much_comes_at_other_times() -> None:
    habits = weeks(0.7, 0.8)
    habits.near(START + 9 * 24 * HOUR, 0.75, BACKUP)
    assert habits.usual(BACKUP, 1.1, START + 2 * WEEK_MS, {}) is not None
    habits.near(START + 10 * 24 * HOUR, 0.9, BACKUP)
    assert habits.usual(BACKUP, 1.1, START + 2 * WEEK_MS, {}) is None


def test_other_metrics_of_the_same_kinds_are_the_same_job() -> None:
    habits = seen(START, START + WEEK_MS, signature={"cpu_util": 0.7, "net_rx_mb_s": 0.7})
    third = START + 2 * WEEK_MS
    assert habits.usual({"load_1": 0.7, "tcp_established": 0.7}, 2.0, third, {}) is not None
    assert habits.usual({"mem_used_pct": 0.7, "swap_used_pct": 0.7}, 2.0, third, {}) is None


def test_an_approach_and_an_end_are_no_times_of_their_own() -> None:
    habits = Habits()
    for minute, ratio in enumerate((0.7, 0.9, 0.8, 1.2, 1.1, 0.9, 0.7)):
        at = START + minute * 60_000
        if ratio >= 1.0:
            habits.note(at, ratio, BACKUP)
        elif habits.comes_near(at, ratio):
            habits.near(at, ratio, LEAK)
    (one,) = habits.seen
    assert (one.started_ms, one.peak, one.signature) == (START + 3 * 60_000, 1.2, BACKUP)


def test_where_relations_judge_the_third_day_is_a_habit_and_the_second_is_not() -> None:
    day = 24 * HOUR
    twice = seen(START, START + day, lasts=HOUR // 6)
    assert seen(START, lasts=HOUR // 6).usual(BACKUP, 2.0, START + day, {}, daily=True) is None
    assert twice.usual(BACKUP, 2.0, START + 2 * day + HOUR, {}, daily=True) is not None  # clocks went back
    assert twice.usual(BACKUP, 2.0, START + 2 * day, {}) is None
    assert twice.usual(BACKUP, 3.5, START + 2 * day, {}, daily=True) is None
    assert twice.usual(BACKUP, 2.0, START + 2 * day, {"finding 1": ("true", START)}, daily=True) is None


def test_what_comes_at_other_hours_too_or_takes_long_is_no_daily_habit() -> None:
    day = 24 * HOUR
    other = seen(START, START + 8 * HOUR, START + day, lasts=HOUR // 6)
    assert other.usual(BACKUP, 2.0, START + 2 * day, {}, daily=True) is None
    long = seen(START, START + day, lasts=3 * HOUR)
    assert long.usual(BACKUP, 2.0, START + 2 * day, {}, daily=True) is None
