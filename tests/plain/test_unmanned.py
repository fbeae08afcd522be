"""Hours nobody has: what is left of a span when everybody's turns are taken from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.unmanned import uncovered, words

START = datetime(2026, 3, 10, 9, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ([], [(0, 600)]),
        ([(0, 600)], []),
        ([(-60, 300), (300, 900)], []),
        ([(0, 100), (200, 600)], [(100, 200)]),
        ([(200, 600), (0, 250)], []),
        ([(50, 60), (55, 58)], [(0, 50), (60, 600)]),
        ([(0, 599)], [(599, 600)]),
    ],
)
def test_what_nobody_has_is_a_gap(taken: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    spans = [(at(low), at(high)) for low, high in taken]
    assert uncovered(at(0), at(600), spans) == [(at(low), at(high)) for low, high in left]


@given(st.lists(st.tuples(st.integers(-100, 700), st.integers(1, 300)), max_size=8))
def test_every_minute_is_taken_or_in_one_gap(given_turns: list[tuple[int, int]]) -> None:
    taken = [(at(low), at(low + length)) for low, length in given_turns]
    found = uncovered(at(0), at(600), taken)
    for minute in range(600):
        is_taken = any(low <= at(minute) < high for low, high in taken)
        assert sum(low <= at(minute) < high for low, high in found) == (0 if is_taken else 1)


def test_a_gap_is_said_while_it_is_ahead_and_when_it_is_here() -> None:
    ahead = words((at(60), at(120)), at(0))
    assert ahead == (
        "Nobody will be on duty anywhere from 2026-03-10 10:00 to 2026-03-10 11:00 UTC. "
        "Ask for cover, or change a schedule."
    )
    assert words((at(0), at(120)), at(0)).startswith("Nobody is on duty anywhere until 2026-03-10 11:00 UTC.")
