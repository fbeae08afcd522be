"""Windows of maintenance as times: once, every so many weeks, over changes of the clock, until they are called off."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.maintenance import WEEKDAYS, Window, covering, last_end

HOUR = timedelta(hours=1)
# A Sunday, 01:30 to 03:30 in Paris, three weeks before the clocks go forward there.
FIRST = datetime(2026, 3, 8, 0, 30, tzinfo=UTC)
SUNDAYS = Window("patches", FIRST, FIRST + 2 * HOUR, "Europe/Paris", frozenset({"sun"}))


def test_a_window_that_happens_once_covers_its_time_and_no_other() -> None:
    once = Window("disks", FIRST, FIRST + 2 * HOUR)
    assert once.covers(FIRST) == once.covers(FIRST + 2 * HOUR - timedelta(seconds=1)) == FIRST + 2 * HOUR
    for outside in (FIRST - timedelta(seconds=1), FIRST + 2 * HOUR, FIRST + timedelta(days=7)):
        assert once.covers(outside) is None


def test_a_weekly_window_keeps_its_wall_clock_time_over_a_change_of_the_clock() -> None:
    spans = list(SUNDAYS.spans(FIRST, FIRST + timedelta(days=29)))
    assert [begins.isoformat() for begins, _ in spans] == [
        "2026-03-08T00:30:00+00:00",
        "2026-03-15T00:30:00+00:00",
        "2026-03-22T00:30:00+00:00",
        "2026-03-29T00:30:00+00:00",  # the clocks go forward at 01:00 UTC
        "2026-04-04T23:30:00+00:00",
    ]
    assert {ends - begins for begins, ends in spans} == {2 * HOUR}


@pytest.mark.parametrize(
    ("begins", "ends", "day", "span"),
    [  # in Paris the clocks go forward on 29 March 2026 at 01:00 UTC, and back on 25 October at 01:00 UTC
        ("01:30", "03:30", "2026-10-25", "23:30 02:30"),  # the hour that comes twice is within
        ("22:00", "06:00", "2026-10-24", "20:00 05:00"),
        ("02:00", "02:30", "2026-10-25", "00:00 01:30"),  # which of the two hours is meant nobody can tell
        ("04:00", "05:00", "2026-10-25", "03:00 04:00"),
        ("02:30", "03:30", "2026-03-29", "01:30 02:30"),  # begins at a time that never was
        ("22:00", "06:00", "2026-03-28", "21:00 05:00"),
    ],
)
def test_when_the_clocks_change_a_window_is_never_shorter_than_planned(
    begins: str, ends: str, day: str, span: str
) -> None:
    zone = ZoneInfo("Europe/Paris")
    start = datetime.combine(date(2026, 3, 7), time.fromisoformat(begins), zone)
    end = datetime.combine(date(2026, 3, 7 if ends > begins else 8), time.fromisoformat(ends), zone)
    window = Window("w", start.astimezone(UTC), end.astimezone(UTC), zone.key, frozenset(WEEKDAYS))
    noon = datetime.combine(date.fromisoformat(day), time(12), UTC)
    around = window.spans(noon - timedelta(days=2), noon + timedelta(days=2))
    found = [(a, b) for a, b in around if f"{a.astimezone(zone):%Y-%m-%d}" == day]
    assert [f"{a:%H:%M} {b:%H:%M}" for a, b in found] == [span]


def test_every_second_week_counts_from_the_week_of_the_first() -> None:
    second = Window("patches", FIRST, FIRST + HOUR, "UTC", frozenset({"sun", "wed"}), every_weeks=2)
    days = [begins.date().isoformat() for begins, _ in second.spans(FIRST, FIRST + timedelta(days=30))]
    assert days == ["2026-03-08", "2026-03-18", "2026-03-22", "2026-04-01", "2026-04-05"]


def test_the_last_day_is_the_last_an_occurrence_begins_on() -> None:
    short = Window("patches", FIRST, FIRST + HOUR, "UTC", frozenset({"sun"}), until=date(2026, 3, 15))
    assert len(list(short.spans(FIRST, FIRST + timedelta(days=60)))) == 2


def test_called_off_it_covers_nothing_more() -> None:
    off = FIRST + timedelta(days=7, hours=1)
    called_off = Window("patches", FIRST, FIRST + 2 * HOUR, "Europe/Paris", frozenset({"sun"}), ended_at=off)
    assert called_off.covers(off - timedelta(seconds=1)) == off
    assert called_off.covers(off) is None
    assert called_off.covers(FIRST + timedelta(days=14)) is None


def test_of_several_windows_the_one_that_ends_last_counts() -> None:
    long = Window("move", FIRST - HOUR, FIRST + 5 * HOUR)
    found = covering([SUNDAYS, long], FIRST)
    assert found == (long, FIRST + 5 * HOUR)
    assert covering([SUNDAYS], FIRST - HOUR) is None


def test_the_last_end_is_told_from_a_window_still_running() -> None:
    assert last_end([SUNDAYS], FIRST + timedelta(days=3)) == FIRST + 2 * HOUR
    assert last_end([SUNDAYS], FIRST + HOUR) is None
    assert last_end([], FIRST) is None


@given(
    minutes=st.integers(0, 60 * 24 * 400),
    lasts=st.integers(1, 60 * 30),
    days=st.frozensets(st.sampled_from(WEEKDAYS), min_size=1),
    every=st.integers(1, 4),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu"]),
)
def test_what_covers_an_instant_is_among_the_spans_around_it(
    minutes: int, lasts: int, days: frozenset[str], every: int, zone: str
) -> None:
    window = Window("w", FIRST, FIRST + timedelta(minutes=lasts), zone, days, every)
    at = FIRST + timedelta(minutes=minutes)
    around = [
        ends for begins, ends in window.spans(at - timedelta(days=3), at + timedelta(days=3)) if begins <= at < ends
    ]
    assert (window.covers(at) is not None) == bool(around)


@pytest.mark.parametrize("weekday", WEEKDAYS)
def test_a_weekday_is_that_of_the_windows_own_zone(weekday: str) -> None:
    late = datetime(2026, 3, 8, 23, 30, tzinfo=UTC)  # Monday half past midnight in Paris
    window = Window("w", late, late + HOUR, "Europe/Paris", frozenset({weekday}))
    first, _ = next(window.spans(late, late + timedelta(days=8)))
    assert (first - late).days == WEEKDAYS.index(weekday)
