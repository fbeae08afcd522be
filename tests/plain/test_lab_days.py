"""Days in the lab, one story a machine: each fault is found as what it is, in time; noise and returns are no news."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import pytest

from telemetry.lab.faults import Kind
from tests.plain.lab_days import LIVE, Days, Story, at, play

HOUR = timedelta(hours=1)
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


@pytest.fixture(scope="module")
def days() -> Days:
    if not os.environ.get("VIGIE_DAYS"):
        pytest.skip("ten days take a minute of processor time: set VIGIE_DAYS=1 to live them")
    return play(STORIES)


def told(days: Days, name: str, since: datetime = LIVE) -> list[str]:
    from_ms = since.timestamp() * 1000
    return [f"{v.cause}: {v.summary}" for v in days.opened.get(name, []) if v.started_ms >= from_ms]


@pytest.mark.parametrize("name", ["noisy", "reboots"])
def test_a_noisy_machine_and_a_reboot_open_nothing(days: Days, name: str) -> None:
    """In ten days, the change of clocks among them."""
    assert told(days, name) == []


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


@pytest.mark.parametrize(("name", "back"), [("silent", DARK + 6 * HOUR), ("dark-1", DARK + 2 * HOUR)])
def test_the_return_of_a_machine_that_hung_or_lost_power_is_no_news(days: Days, name: str, back: datetime) -> None:
    assert days.watching.known[name].last_ms > back.timestamp() * 1000
    assert [said for said in told(days, name, back) if said not in told(days, name, back + 24 * HOUR)] == []
