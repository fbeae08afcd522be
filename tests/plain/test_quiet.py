"""Quiet hours, by the clock of who is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.quiet import held_until, is_hours

NIGHT = {"channel": "sms", "address": "+33612345678", "quiet": "22:00-07:00"}


@pytest.mark.parametrize(
    ("at", "severity", "until"),
    [
        ("2026-03-10T20:59:00", 3, None),  # 21:59 in Paris
        ("2026-03-10T21:00:00", 3, "2026-03-11T06:00:00"),
        ("2026-03-11T02:00:00", 4, "2026-03-11T06:00:00"),
        ("2026-03-11T06:00:00", 3, None),
        ("2026-03-10T23:00:00", 2, None),  # grave enough to ring
        ("2026-03-28T23:00:00", 3, "2026-03-29T05:00:00"),  # the night that is an hour shorter
        ("2026-10-24T22:00:00", 3, "2026-10-25T06:00:00"),  # and the one that is longer
    ],
)
def test_a_night_is_quiet_for_what_can_wait(at: str, severity: int, until: str | None) -> None:
    found = held_until(NIGHT, "Europe/Paris", severity, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert found == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)


def test_hours_within_a_day_and_another_loudness_count_as_stated() -> None:
    lunch = {"quiet": "12:00-13:00", "loud": "1"}
    noon = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
    assert held_until(lunch, "UTC", 2, noon) == datetime(2026, 3, 10, 13, 0, tzinfo=UTC)
    assert held_until(lunch, "UTC", 1, noon) is None


def test_who_states_no_hours_is_told_at_once() -> None:
    assert held_until({"channel": "email"}, "UTC", 4, datetime(2026, 3, 10, 3, tzinfo=UTC)) is None


@pytest.mark.parametrize("text", ["22:00-07:00", "00:00-23:59"])
def test_hours_are_written_as_two_clocks(text: str) -> None:
    assert is_hours(text)
    assert not is_hours(text + " ")
    assert not is_hours("24:00-07:00")


@given(
    st.integers(0, 2 * 366 * 86400).map(lambda s: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
    st.sampled_from(["Europe/Paris", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata", "Etc/GMT+12"]),
)
def test_what_is_held_is_let_go_within_a_day_and_never_held_again_at_once(at: datetime, zone: str) -> None:
    until = held_until(NIGHT, zone, 4, at)
    if until is not None:
        assert 0 < (until - at).total_seconds() <= 10 * 3600
        assert held_until(NIGHT, zone, 4, until) is None
