"""Days in the lab, one story a machine: each fault is found as what it is, in time; noise and returns are no news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telemetry import silence
from telemetry.lab.faults import Kind
from tests.plain.lab_days import ENDS, LIVE, STEP_S, Days, Story, at, play

pytestmark = pytest.mark.timeout(900)  # forty seconds of processor time, which on a busy computer take minutes
HOUR = timedelta(hours=1)
WINTER = datetime(2026, 10, 25, 1, tzinfo=UTC)  # when clocks go back
LEAK, DISK, FAN, DRIVE, NIC, DARK, BOOT, MORE = (at(d) for d in (2.4, 3.3, 4.5, 5.2, 6.4, 7.3, 8.6, 5.4))
STORIES = (
    Story("leaks", breaks=((Kind.LEAK, LEAK, LEAK + 30 * HOUR, 1.0, 0.01),)),
    Story("fills", breaks=((Kind.LOG, DISK, DISK + 40 * HOUR, 1.0, 0.02),)),
    Story("fan", "database", breaks=((Kind.FAN, FAN, FAN + 3 * HOUR, 1.0, 1.0),)),
    Story("drive", "storage", breaks=((Kind.DISK, DRIVE, DRIVE + 48 * HOUR, 1.0, 0.01),)),
    Story("nic", breaks=((Kind.NIC, NIC, NIC + 6 * HOUR, 0.4, 1.0),)),
    Story("silent", breaks=((Kind.SILENT, DARK, DARK + 6 * HOUR, 1.0, 1.0),)),
    Story("dark-1", rack="B2", breaks=((Kind.POWER, DARK, DARK + 2 * HOUR, 1.0, 1.0),)),
    Story("fed-twice", rack="B2", cross_fed=True),
    Story("reboots", breaks=((Kind.SILENT, BOOT, BOOT + timedelta(minutes=10), 1.0, 1.0),)),
    Story("noisy", noise=0.25),
    Story("grows", more_from=MORE),
    Story("backs-up", weekly_job=True),
    Story("calm-web"),
    Story("calm-db", "database"),
)


# Whose fault it is, from when to when, and what of it may be told; an hour later everything is as it was before.
FAULTS = (
    ("leaks", LEAK, LEAK + 30 * HOUR, {"memory"}),
    ("fills", DISK, DISK + 40 * HOUR, {"disk", "disk-speed", "network", "latency", "requests"}),
    ("fan", FAN, FAN + 3 * HOUR, {"fan"}),
    ("drive", DRIVE, DRIVE + 48 * HOUR, {"drive"}),
    ("nic", NIC, NIC + 6 * HOUR, {"network"}),
    ("fed-twice", DARK, DARK + 2 * HOUR, {"psu"}),
)


@pytest.fixture(scope="module")
def days() -> Days:
    return play(STORIES)


def told(days: Days, name: str, since: datetime = LIVE, until: datetime = ENDS) -> list[str]:
    begin, end = since.timestamp() * 1000, until.timestamp() * 1000
    return [f"{v.cause}: {v.summary}" for v in days.opened.get(name, []) if begin <= v.started_ms < end]


@pytest.mark.parametrize(
    "name",
    ["calm-web", "calm-db", "noisy", "reboots", "backs-up", "silent", "dark-1"],
)
def test_where_none_is_due_no_incident_opens(days: Days, name: str) -> None:
    """In ten days, the change of clocks among them: calm machines, a noisy one, a reboot, a weekly job, a return. (That
    a machine says nothing is not told by its readings but by `telemetry/silence.py`.)"""
    assert told(days, name) == []


@pytest.mark.parametrize(("name", "begins", "ends", "kinds"), FAULTS)
def test_a_fault_is_told_while_it_lasts_and_nothing_else_is(
    days: Days, name: str, begins: datetime, ends: datetime, kinds: set[str]
) -> None:
    assert told(days, name, LIVE, begins) == []
    assert told(days, name, ends + HOUR) == []
    assert {said.partition(":")[0] for said in told(days, name)} <= kinds


@pytest.mark.parametrize(("name", "ends"), [(name, ends) for name, _, ends, _ in FAULTS])
def test_what_was_told_is_over_once_it_is_mended(days: Days, name: str, ends: datetime) -> None:
    """Drives aside, whose counters are watched for a day more."""
    over = {v.key: v.at_ms for v in days.ended.get(name, [])}
    grace = 25 * HOUR if name == "drive" else 3 * HOUR
    for verdict in days.opened[name]:
        assert over[verdict.key] <= (ends + grace).timestamp() * 1000, verdict.summary


def test_a_new_level_is_told_once_and_is_normal_from_then_on(days: Days) -> None:
    assert told(days, "grows", LIVE, MORE) == []
    assert len(told(days, "grows", MORE)) <= 1
    assert told(days, "grows", MORE + 24 * HOUR) == []


def test_the_change_of_clocks_is_no_news_to_anybody(days: Days) -> None:
    assert [said for story in STORIES for said in told(days, story.name, WINTER - HOUR)] == []


@pytest.mark.parametrize(
    ("name", "kinds", "begins", "within"),
    [
        ("leaks", {"memory"}, LEAK, 24 * HOUR),  # it is full after some forty hours
        ("fills", {"disk"}, DISK, 24 * HOUR),  # it is full after a day and a half
        ("fan", {"fan"}, FAN, HOUR),
        ("drive", {"drive"}, DRIVE, 6 * HOUR),
        ("nic", {"network"}, NIC, HOUR),
        ("fed-twice", {"psu"}, DARK, HOUR),
    ],
)
def test_each_fault_is_told_as_what_it_is_and_in_time(
    days: Days, name: str, kinds: set[str], begins: datetime, within: timedelta
) -> None:
    assert begins <= days.first(name, *kinds) <= begins + within


@pytest.mark.parametrize(("name", "gone", "back"), [("silent", DARK, 6 * HOUR), ("dark-1", DARK, 2 * HOUR)])
def test_a_machine_that_hangs_or_loses_power_is_missed_and_comes_back(
    days: Days, name: str, gone: datetime, back: timedelta
) -> None:
    """Long enough for silence to be told; its other readings are none the worse for it."""
    assert days.longest_gap(name) >= back > timedelta(seconds=silence.patience_s(STEP_S))
    assert days.watching.known[name].last_ms > (gone + back).timestamp() * 1000


def test_of_a_rack_without_power_only_what_has_a_second_feed_speaks(days: Days) -> None:
    assert days.longest_gap("fed-twice") < HOUR <= days.longest_gap("dark-1")
    assert all(
        days.longest_gap(story.name) < HOUR for story in STORIES if story.rack != "B2" and story.name != "silent"
    )
