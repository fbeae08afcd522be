"""Service calendars: which instants are open, and what a calendar's JSON form may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import clock, hours

OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
EVERY_DAY = {day: [["00:00", "24:00"]] for day in hours.DAYS}


def is_open(spec: dict[str, Any], at: str) -> bool:
    return clock.is_open(hours.parse(spec), datetime.fromisoformat(at).replace(tzinfo=UTC))


def counted(spec: dict[str, Any], start: str, end: str) -> timedelta:
    begin, stop = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    return clock.elapsed(hours.parse(spec), begin, stop)


@pytest.mark.parametrize(
    ("at", "expected"), [("08:59:59", False), ("09:00:00", True), ("16:59:59", True), ("17:00", False)]
)
def test_an_interval_holds_its_start_and_not_its_end(at: str, expected: bool) -> None:
    assert is_open({"weekly": OFFICE}, f"2026-03-10T{at}") is expected


def test_closed_dates_win_over_date_hours_and_those_over_yearly_closures_and_holidays() -> None:
    spec = {"weekly": OFFICE, "closed_annual": ["12-25"], "date_hours": {"2026-12-25": [["10:00", "12:00"]]}}
    assert is_open(spec, "2026-12-25T11:00")
    assert not is_open(spec, "2026-12-25T12:30")
    assert not is_open({**spec, "closed_dates": ["2026-12-25"]}, "2026-12-25T11:00")
    assert not is_open(spec, "2025-12-25T11:00")
    holiday = {"weekly": OFFICE, "holidays": "FR"}
    assert not is_open(holiday, "2026-07-14T11:00")
    assert is_open({**holiday, "date_hours": {"2026-07-14": [["10:00", "12:00"]]}}, "2026-07-14T11:00")


def test_a_break_is_removed_from_what_is_open_that_day() -> None:
    spec = {"weekly": OFFICE, "breaks": {"2026-03-10": [["12:00", "13:00"]]}}
    assert counted(spec, "2026-03-10T00:00", "2026-03-11T00:00") == timedelta(hours=7)
    assert counted(spec, "2026-03-11T00:00", "2026-03-12T00:00") == timedelta(hours=8)


def test_a_saturday_may_be_worked_by_date() -> None:
    assert is_open({"weekly": OFFICE, "date_hours": {"2026-03-14": [["09:00", "12:00"]]}}, "2026-03-14T10:00")


def test_good_friday_is_a_holiday_in_london_and_not_in_paris() -> None:
    assert not is_open({"tz": "Europe/London", "weekly": OFFICE, "holidays": "GB"}, "2026-04-03T10:00")
    assert is_open({"tz": "Europe/Paris", "weekly": OFFICE, "holidays": "FR"}, "2026-04-03T10:00")


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Europe/Paris", "2026-03-29", 23),
        ("Europe/Paris", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Africa/Casablanca", "2026-02-15", 25),  # summer time pauses for Ramadan
        ("Pacific/Kiritimati", "2026-03-10", 24),
        ("Pacific/Apia", "2011-12-30", 0),  # the day it skipped
    ],
)
def test_a_whole_local_day_counts_the_hours_it_has(zone: str, day: str, expected: float) -> None:
    spec = {"tz": zone, "date_hours": {day: [["00:00", "24:00"]]}}
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)
    around = clock.elapsed(hours.parse(spec), noon - timedelta(days=2), noon + timedelta(days=2))
    assert around == timedelta(hours=expected)


def test_a_missing_hour_cannot_count_and_a_repeated_one_counts_twice() -> None:
    night = {"tz": "Europe/Paris", "weekly": {"sun": [["02:00", "03:00"]]}}
    assert counted(night, "2026-03-28T00:00", "2026-03-30T00:00") == timedelta(0)
    assert counted(night, "2026-10-24T00:00", "2026-10-26T00:00") == timedelta(hours=2)


def test_business_days_step_over_the_day_apia_skipped() -> None:
    office = hours.parse({"tz": "Pacific/Apia", "weekly": OFFICE})
    asked = datetime(2011, 12, 29, 20, 0, tzinfo=UTC)  # Thursday 10:00 in Apia, then 14 hours ahead a day later
    assert clock.business_days(office, asked, 1) == datetime(2012, 1, 1, 20, 0, tzinfo=UTC)  # Monday 10:00


def test_following_the_sun_is_open_where_any_centre_is() -> None:
    centres = [{"tz": zone, "weekly": OFFICE} for zone in ("Australia/Sydney", "Europe/Paris", "America/Los_Angeles")]
    day = ("2026-03-10T00:00", "2026-03-11T00:00")
    # Sydney 22-06, Paris 08-16, Los Angeles 16-24: two hours nobody, two hours both of two.
    assert [counted(each, *day) for each in centres] == [timedelta(hours=8)] * 3
    assert counted({"union": centres}, *day) == timedelta(hours=22)
    assert counted({"intersect": centres}, *day) == timedelta(0)
    assert not is_open({"union": centres}, "2026-03-10T07:00")


def test_an_intersection_is_open_where_all_are() -> None:
    both = {"intersect": [{"weekly": OFFICE}, {"tz": "Europe/Paris", "weekly": OFFICE}]}
    assert counted(both, "2026-03-10T00:00", "2026-03-11T00:00") == timedelta(hours=7)


def test_the_same_form_is_the_same_calendar_with_its_days_already_worked_out() -> None:
    assert hours.parse({"tz": "Europe/Paris", "weekly": OFFICE}) is hours.parse(
        {"weekly": OFFICE, "tz": "Europe/Paris"}
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"tz": "Mars/Olympus"}, "tz: 'Mars/Olympus'"),
        ({"tz": "../etc/passwd"}, "tz: '../etc/passwd'"),
        ({"holidays": "ZZ"}, "holidays: no public holidays"),
        ({"weekly": {"monday": []}}, "weekly: 'monday'"),
        ({"weekly": {"mon": [["9", "17:00"]]}}, "weekly.mon: '9'"),
        ({"weekly": {"mon": [["09:00", "24:01"]]}}, "weekly.mon: '24:01'"),
        ({"weekly": {"mon": [["22:00", "6:00"]]}}, "weekly.mon: '6:00'"),
        ({"closed_dates": ["2026-02-30"]}, "closed_dates: '2026-02-30'"),
        ({"closed_annual": ["13-01"]}, "closed_annual: '2024-13-01'"),
        ({"date_hours": {"soon": []}}, "date_hours: 'soon'"),
        ({"breaks": {"2026-03-10": [["12:00", "11:00"]]}}, "breaks.2026-03-10: an interval"),
        ({"union": []}, "union: needs at least one"),
        ({"intersect": [{"tz": "Nowhere"}]}, "tz: 'Nowhere'"),
    ],
)
def test_a_wrong_calendar_is_refused_by_field(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        hours.parse(spec)
