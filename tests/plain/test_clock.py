"""Clocks: their algebra against a reference that walks minute by minute, and the cases worth a name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import clock, hours, running
from contracts.clock import Pause

MINUTE = timedelta(minutes=1)
SPAN = 3 * 24 * 60  # minutes the reference walks
ZONES = (
    "UTC",
    "Europe/Paris",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "America/St_Johns",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)
# Days around which these zones change their clocks, and an ordinary one.
NEAR = ("2026-03-28", "2026-10-24", "2026-04-04", "2026-10-03", "2011-12-29", "2026-02-14", "2026-03-07", "2026-06-10")


def walls() -> st.SearchStrategy[list[list[str]]]:
    def interval(pair: tuple[int, int]) -> list[str]:
        return [f"{minute // 60:02}:{minute % 60:02}" for minute in sorted(pair)]

    minute = st.integers(0, 96).map(lambda quarter: quarter * 15)
    return st.lists(st.tuples(minute, minute).map(interval), max_size=3)


def calendars() -> st.SearchStrategy[dict[str, Any]]:
    dates = st.builds(
        lambda day, n: (date.fromisoformat(day) + timedelta(days=n)).isoformat(),
        st.sampled_from(NEAR),
        st.integers(-1, 3),
    )
    return st.fixed_dictionaries(
        {"tz": st.sampled_from(ZONES), "weekly": st.fixed_dictionaries({day: walls() for day in hours.DAYS})},
        optional={
            "always_open": st.booleans(),
            "closed_dates": st.lists(dates, max_size=1),
            "closed_annual": st.lists(dates.map(lambda day: day[5:]), max_size=1),
            "date_hours": st.dictionaries(dates, walls(), max_size=2),
            "breaks": st.dictionaries(dates, walls(), max_size=2),
        },
    )


STARTS = st.builds(
    lambda day, minutes: datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes),
    st.sampled_from(NEAR),
    st.integers(0, 24 * 60),
)
# Minutes from the start, and how long; None: still running.
PAUSES = st.lists(st.tuples(st.integers(-200, SPAN), st.none() | st.integers(0, 900)), max_size=3)


def pauses_of(start: datetime, given: list[tuple[int, int | None]]) -> list[Pause]:
    found = []
    for after, lasting in given:
        begin = start + after * MINUTE
        found.append(Pause(begin, None if lasting is None else begin + lasting * MINUTE))
    return found


def seconds_of(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 3600 + int(minute) * 60


def open_by_reading(spec: dict[str, Any], at: datetime) -> bool:
    """The rule as written: look at the wall clock, find the day's intervals."""
    local = at.astimezone(ZoneInfo(spec["tz"]))
    day, second = local.date().isoformat(), local.hour * 3600 + local.minute * 60

    def within(spans: list[list[str]]) -> bool:
        return any(seconds_of(start) <= second < seconds_of(end) for start, end in spans)

    if day in spec.get("closed_dates", ()):
        return False
    if day in spec.get("date_hours", {}):
        inside = within(spec["date_hours"][day])
    elif day[5:] in spec.get("closed_annual", ()):
        return False
    else:
        inside = spec.get("always_open", False) or within(spec["weekly"][hours.DAYS[local.weekday()]])
    return inside and not within(spec.get("breaks", {}).get(day, []))


def counted_minutes(spec: dict[str, Any], start: datetime, pauses: list[Pause]) -> list[bool]:
    def stands_still(at: datetime) -> bool:
        return any(pause.start <= at and (pause.end is None or at < pause.end) for pause in pauses)

    minutes = (start + n * MINUTE for n in range(SPAN))
    return [open_by_reading(spec, at) and not stands_still(at) for at in minutes]


@settings(max_examples=150, deadline=None, print_blob=True)
@given(calendars(), STARTS, PAUSES, st.integers(0, SPAN), st.integers(1, 2000))
def test_clocks_agree_with_a_walk_minute_by_minute(
    spec: dict[str, Any], start: datetime, given: list[tuple[int, int | None]], until: int, budget: int
) -> None:
    pauses, calendar = pauses_of(start, given), hours.parse(spec)
    walked = counted_minutes(spec, start, pauses)
    end = start + until * MINUTE
    assert clock.elapsed(calendar, start, end, pauses) == sum(walked[:until]) * MINUTE
    found = clock.due(calendar, start, budget * MINUTE, pauses)
    reached = [n + 1 for n, total in enumerate(running_total(walked)) if total == budget]
    if reached:
        assert found == start + reached[0] * MINUTE
    else:
        assert found is None or found > start + SPAN * MINUTE


def running_total(walked: list[bool]) -> list[int]:
    total, totals = 0, []
    for each in walked:
        total += each
        totals.append(total)
    return totals


@settings(max_examples=300, deadline=None, print_blob=True)
@given(calendars(), STARTS, PAUSES, st.integers(1, 10**6), st.integers(0, 10**6))
def test_due_never_falls_in_closed_time_uses_the_whole_budget_and_grows_with_it(
    spec: dict[str, Any], start: datetime, given: list[tuple[int, int | None]], budget_s: int, more_s: int
) -> None:
    pauses, calendar = pauses_of(start, given), hours.parse(spec)
    budget, more = timedelta(seconds=budget_s), timedelta(seconds=budget_s + more_s)
    due = clock.due(calendar, start, budget, pauses)
    if due is None:
        assert clock.due(calendar, start, more, pauses) is None
        return
    assert clock.elapsed(calendar, start, due, pauses) == budget
    assert clock.elapsed(calendar, start, due - timedelta(seconds=1), pauses) == budget - timedelta(seconds=1)
    assert clock.is_open(calendar, due - timedelta(seconds=1))
    later = clock.due(calendar, start, more, pauses)
    assert later is None or later >= due


@settings(max_examples=200, deadline=None, print_blob=True)
@given(calendars(), STARTS, PAUSES, st.integers(0, 10**6))
def test_segments_follow_each_other_and_the_counted_ones_sum_to_the_elapsed_time(
    spec: dict[str, Any], start: datetime, given: list[tuple[int, int | None]], lasting_s: int
) -> None:
    pauses, calendar, end = pauses_of(start, given), hours.parse(spec), start + timedelta(seconds=lasting_s)
    parts = clock.segments(calendar, start, end, pauses)
    edges = [start, *(part.end for part in parts)]
    assert [part.start for part in parts] == edges[:-1]
    assert edges[-1] == end
    counted = sum((part.end - part.start for part in parts if part.kind == "counted"), timedelta(0))
    assert counted == clock.elapsed(calendar, start, end, pauses)
    for part in parts:
        assert clock.is_open(calendar, part.start) is (part.kind != "closed")


OFFICE = hours.parse({"weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}})
NEVER = hours.parse({"weekly": {}})
TUESDAY = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_pause_at_night_stops_nothing() -> None:
    night = [Pause(TUESDAY + 9 * HOUR, TUESDAY + 20 * HOUR)]
    assert clock.due(OFFICE, TUESDAY, 10 * HOUR, night) == clock.due(OFFICE, TUESDAY, 10 * HOUR)


def test_nothing_is_due_while_a_pause_runs_unless_the_budget_ran_out_before_it() -> None:
    running_pause = [Pause(TUESDAY + HOUR)]
    assert clock.due(OFFICE, TUESDAY, 2 * HOUR, running_pause) is None
    assert clock.due(OFFICE, TUESDAY, HOUR, running_pause) == TUESDAY + HOUR


def test_a_calendar_that_never_opens_owes_nothing() -> None:
    assert clock.due(NEVER, TUESDAY, HOUR) is None
    assert clock.next_open(NEVER, TUESDAY) is None
    assert clock.outcome(NEVER, TUESDAY, HOUR, TUESDAY + 9000 * HOUR) == ("met", None)


def test_a_budget_of_nothing_is_due_at_once() -> None:
    assert clock.due(OFFICE, TUESDAY, timedelta(0)) == TUESDAY


def test_a_paused_stretch_carries_its_reason() -> None:
    pauses = [Pause(TUESDAY + HOUR, TUESDAY + 2 * HOUR, "customer"), Pause(TUESDAY + 3 * HOUR, None, "vendor")]
    parts = clock.segments(OFFICE, TUESDAY, TUESDAY + 4 * HOUR, pauses)
    assert [(part.kind, part.reason) for part in parts] == [
        ("counted", ""),
        ("paused", "customer"),
        ("counted", ""),
        ("paused", "vendor"),
    ]


@pytest.mark.parametrize(("stop", "state"), [(HOUR, "met"), (HOUR + timedelta(seconds=1), "breached")])
def test_stopping_at_the_due_instant_is_in_time(stop: timedelta, state: str) -> None:
    assert clock.outcome(OFFICE, TUESDAY, HOUR, TUESDAY + stop)[0] == state


def test_a_union_is_read_in_the_zone_of_its_first_part() -> None:
    union = hours.parse({"union": [{"intersect": [{"tz": "Asia/Tokyo"}]}, {"tz": "Europe/Paris"}]})
    assert clock.zone_of(union) == "Asia/Tokyo"


def test_a_raised_severity_is_late_from_the_change_when_its_budget_was_gone_by_then() -> None:
    raised = running.Retargeted(TUESDAY + 3 * HOUR, OFFICE, HOUR)
    course = running.run(TUESDAY, OFFICE, 8 * HOUR, [raised], TUESDAY + 4 * HOUR)
    assert (course.state, course.breached_at) == ("breached", TUESDAY + 3 * HOUR)


def test_a_restarted_clock_counts_from_the_change() -> None:
    raised = running.Retargeted(TUESDAY + 3 * HOUR, OFFICE, HOUR, from_opening=False)
    course = running.run(TUESDAY, OFFICE, 8 * HOUR, [raised], TUESDAY + 3 * HOUR)
    assert (course.state, course.due) == ("running", TUESDAY + 4 * HOUR)


def test_an_upgrade_never_worsens_a_promise() -> None:
    upgrade = running.Upgraded(TUESDAY + HOUR, OFFICE, 4 * HOUR)
    assert running.run(TUESDAY, OFFICE, 2 * HOUR, [upgrade], TUESDAY + HOUR).due == TUESDAY + 2 * HOUR


def test_a_breach_stands_whatever_comes_later() -> None:
    lowered = running.Retargeted(TUESDAY + 2 * HOUR, OFFICE, 8 * HOUR)
    course = running.run(TUESDAY, OFFICE, HOUR, [lowered], TUESDAY + 3 * HOUR)
    assert (course.state, course.breached_at) == ("breached", TUESDAY + HOUR)


def test_what_has_not_happened_yet_is_not_heard_and_a_second_pause_is_the_first() -> None:
    events = [
        running.Cancelled(TUESDAY + 5 * HOUR),
        running.Resumed(TUESDAY + 3 * HOUR),
        running.Paused(TUESDAY + 2 * HOUR),
        running.Paused(TUESDAY + HOUR),
    ]
    course = running.run(TUESDAY, OFFICE, 2 * HOUR, events, TUESDAY + 3 * HOUR)
    assert (course.state, course.due, course.elapsed) == ("running", TUESDAY + 4 * HOUR, HOUR)
    cancelled = running.run(
        TUESDAY, OFFICE, 8 * HOUR, [*events, running.Resumed(TUESDAY + 6 * HOUR)], TUESDAY + 7 * HOUR
    )
    assert (cancelled.state, cancelled.due, cancelled.breached_at) == ("cancelled", None, None)
