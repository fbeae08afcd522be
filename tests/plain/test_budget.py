"""Budgets: service time, business days, and relative promises such as "next business day 16:00"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import clock, hours
from contracts.budget import Budget
from contracts.clock import Pause
from contracts.promising import Leg

WEEK = ("mon", "tue", "wed", "thu", "fri")
OFFICE = {"tz": "Europe/Paris", "weekly": {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in WEEK},
          "date_hours": {"2026-03-13": [["09:00", "12:00"]], "2026-03-16": [["17:00", "18:00"]]}}  # fmt: skip
PARIS = hours.parse(OFFICE)
TUESDAY = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)  # half past ten in Paris
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("asked", "budget", "due"),
    [
        (TUESDAY, {"business_days": 1}, "2026-03-11T09:30"),
        (TUESDAY, {"business_days": 1, "by": "closing"}, "2026-03-11T17:00"),
        (TUESDAY, {"business_days": 1, "at": "16:00"}, "2026-03-11T15:00"),
        (TUESDAY, {"business_days": 1, "at": "12:30"}, "2026-03-11T11:00"),  # a pause for lunch: by its beginning
        (TUESDAY, {"business_days": 1, "at": "24:00"}, "2026-03-11T17:00"),  # nobody is there later
        (TUESDAY, {"business_days": 3, "at": "16:00"}, "2026-03-13T11:00"),  # a half day
        (TUESDAY, {"business_days": 4, "at": "16:00"}, "2026-03-16T16:00"),  # opens after it: then
        (TUESDAY, {"business_days": 14, "at": "16:00"}, "2026-03-30T14:00"),  # summer time has begun
        (TUESDAY + timedelta(days=4), {"business_days": 1, "at": "17:30"}, "2026-03-16T16:30"),  # asked on a Saturday
        (TUESDAY, {"seconds": 3600}, "2026-03-10T10:30"),
    ],
)
def test_a_budget_falls_due(asked: datetime, budget: dict[str, Any], due: str) -> None:
    read = Budget.from_json(budget)
    assert read.to_json() == budget
    assert read.due(PARIS, asked) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_calendar_that_never_opens_has_no_business_day() -> None:
    never = hours.parse({})
    for budget in (Budget(days=1), Budget(days=1, closing=True), Budget(days=1, at="16:00")):
        assert budget.due(never, TUESDAY) is None
        assert budget.share(never, TUESDAY, 50) is None


def test_a_share_of_business_days_is_a_share_of_the_service_time_until_they_are_due() -> None:
    budget = Budget(days=1)
    assert budget.share(PARIS, TUESDAY, 100) == budget.due(PARIS, TUESDAY)
    half = budget.share(PARIS, TUESDAY, 50)  # eight hours of service lie between
    assert half == TUESDAY + 5 * HOUR
    assert clock.elapsed(PARIS, TUESDAY, half) == 4 * HOUR


def test_a_pause_moves_a_date_by_its_own_length() -> None:
    leg = Leg(TUESDAY, Budget(days=1), OFFICE)
    held = (Pause(TUESDAY - HOUR, TUESDAY + 24 * HOUR),)  # what lies before the start does not count
    assert leg.due(held) == TUESDAY + 48 * HOUR
    assert Leg(TUESDAY, Budget(3600), OFFICE).due(held) == TUESDAY + 25 * HOUR


@pytest.mark.parametrize(
    "given",
    [
        {}, {"seconds": 0}, {"seconds": 1, "business_days": 1}, {"seconds": True}, {"seconds": 1.5}, {"seconds": -1},
        {"seconds": "60"}, {"business_days": 1, "by": "dusk"}, {"seconds": 60, "by": "closing"}, {"minutes": 5},
        {"business_days": 1, "at": "25:00"}, {"business_days": 1, "at": 16}, {"seconds": 60, "at": "16:00"},
        {"business_days": 1, "by": "closing", "at": "16:00"}, {"seconds": 10**12}, [], None,
    ],
)  # fmt: skip
def test_a_wrong_budget_is_refused_by_field(given: Any) -> None:
    with pytest.raises(ValueError, match=r"^respond\.1"):
        Budget.from_json(given, "respond.1")


def test_what_a_clock_is_open_until() -> None:
    assert clock.next_close(PARIS, TUESDAY) == TUESDAY + 1.5 * HOUR
    assert clock.next_close(PARIS, TUESDAY + 2 * HOUR) is None
    assert clock.next_close(hours.ALWAYS, TUESDAY) is None
    night = hours.parse({"weekly": {"tue": [["20:00", "24:00"]], "wed": [["00:00", "06:00"]]}})
    assert clock.next_close(night, datetime(2026, 3, 10, 21, tzinfo=UTC)) == datetime(2026, 3, 11, 6, tzinfo=UTC)


def test_half_days_end_what_is_open_and_open_nothing() -> None:
    spec = {"weekly": {"thu": [["09:00", "17:00"]]}, "half_days": {"12-24": "12:00", "2026-12-31": "10:00"}}
    read = hours.parse(spec)

    def length(day: str) -> timedelta:
        begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
        return clock.elapsed(read, begin, begin + 24 * HOUR)

    assert [length(day) for day in ("2026-12-24", "2026-12-31", "2027-12-24", "2026-12-17")] == [
        3 * HOUR, HOUR, timedelta(0), 8 * HOUR,
    ]  # fmt: skip


def test_holidays_are_known_by_region_and_several_places_may_be_named() -> None:
    epiphany = datetime(2026, 1, 6, 11, tzinfo=UTC)  # a holiday in Bavaria, not in Berlin
    week = {"tz": "Europe/Berlin", "weekly": {"tue": [["09:00", "17:00"]]}}
    assert [clock.is_open(hours.parse({**week, "holidays": place}), epiphany)
            for place in ("DE", "DE-BE", "DE-BY", ["FR", "DE-BY"])] == [True, True, False, False]  # fmt: skip
