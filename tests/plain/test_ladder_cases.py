"""Ladders no published case speaks of, one line each; minutes are counted from the opening."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.ladder import Climb, Convention, Event, Exhausted, Ladder, Rung, overdue, play, upcoming

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # half an hour before the clocks of Europe go forward
AFTER, PREVIOUS, OPENING = Convention.ESCALATE_AFTER, Convention.FROM_PREVIOUS, Convention.FROM_OPENING


@dataclass(frozen=True)
class Night:
    """`deaf`: rungs nobody can be reached on, from 1; `happens`: (minute, what)."""

    convention: Convention
    delays: tuple[float, ...]
    pages: tuple[tuple[float, int], ...]
    loops: int = 0
    happens: tuple[tuple[float, str], ...] = ()
    deaf: frozenset[int] = field(default_factory=frozenset)
    wears_off: float | None = None


CASES = {
    "counted from the page before, the first waits as well": Night(PREVIOUS, (5, 10, 15), ((5, 1), (15, 2), (30, 3))),
    "counted from the page before, a repeat waits its first delay": Night(
        PREVIOUS, (5, 10), ((5, 1), (15, 2), (20, 1), (30, 2)), loops=1),
    "counted from the page before, over a deaf rung": Night(
        PREVIOUS, (5, 10, 15), ((5, 1), (20, 3)), deaf=frozenset({2})),
    "counted from the opening, one delay for all": Night(OPENING, (10, 10, 10), ((10, 1), (10, 2), (10, 3))),
    "counted from the opening, a shorter delay after a longer": Night(
        OPENING, (10, 5, 20), ((10, 1), (10, 2), (20, 3))),
    "counted from the opening, a repeat from the last page": Night(
        OPENING, (0, 10), ((0, 1), (10, 2), (10, 1), (20, 2)), loops=1),
    "counted from the opening, the first rung is deaf": Night(OPENING, (0, 10), ((10, 2),), deaf=frozenset({1})),
    "counted from the opening, the last is deaf, repeated": Night(
        OPENING, (0, 10), ((0, 1), (0, 1)), loops=1, deaf=frozenset({2})),
    "how long on each, the last one's wait is for the repeat": Night(
        AFTER, (5, 20), ((0, 1), (5, 2), (25, 1), (30, 2)), loops=1),
    "how long on each, no wait at all": Night(AFTER, (0, 0, 0), ((0, 1), (0, 2), (0, 3))),
    "how long on each, a deaf first rung is not waited for": Night(AFTER, (30, 5), ((0, 2),), deaf=frozenset({1})),
    "how long on each, a deaf rung in the middle": Night(
        AFTER, (5, 30, 5), ((0, 1), (5, 3)), deaf=frozenset({2})),
    "acknowledged at once, before the first page of the opening": Night(AFTER, (5, 5), (), happens=((0, "ack"),)),
    "acknowledged between two, then worn off": Night(
        AFTER, (5, 5), ((0, 1), (33, 1), (38, 2)), happens=((3, "ack"),), wears_off=30),
    "acknowledged again before it wears off": Night(
        AFTER, (5, 5), ((0, 1), (53, 1), (58, 2)), happens=((3, "ack"), (23, "ack")), wears_off=30),
    "resolved while an acknowledgement wears off": Night(
        AFTER, (5, 5), ((0, 1),), happens=((3, "ack"), (20, "resolve")), wears_off=30),
    "acknowledged after it was resolved changes nothing": Night(
        AFTER, (5, 5), ((0, 1),), happens=((3, "resolve"), (4, "ack")), wears_off=10),
    "triggered after exhaustion, then acknowledged": Night(
        AFTER, (5, 5), ((0, 1), (5, 2), (60, 1)), happens=((60, "trigger"), (62, "ack"))),
    "edited twice while it climbs": Night(
        AFTER, (5, 5), ((0, 1), (5, 2)), happens=((1, "policy_edited"), (4, "policy_edited"))),
    "triggered, resolved and triggered at one instant": Night(
        AFTER, (5, 5), ((0, 1), (3, 1), (8, 2)), happens=((3, "trigger"), (3, "resolve"), (3, "trigger"))),
    "resolved at the very instant of a page": Night(AFTER, (5, 5), ((0, 1),), happens=((5, "resolve"),)),
    "nine repeats, then silence": Night(AFTER, (1,), tuple((float(n), 1) for n in range(10)), loops=9),
    "no rung at all": Night(AFTER, (), (), loops=3),
    "everybody deaf, repeated": Night(PREVIOUS, (1, 1), (), loops=9, deaf=frozenset({1, 2})),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_night_is_played_as_it_reads(name: str) -> None:
    case = CASES[name]
    climbed = Ladder(
        tuple(Rung(timedelta(minutes=delay)) for delay in case.delays), case.convention, case.loops,
        timedelta(minutes=case.wears_off) if case.wears_off is not None else None,
    )  # fmt: skip
    events = [Event(START + timedelta(minutes=minute), kind) for minute, kind in case.happens]  # type: ignore[arg-type]
    played = play(climbed, START, events, START + timedelta(days=1), lambda index: index + 1 not in case.deaf)
    assert [((page.at - START).total_seconds() / 60, page.rung + 1) for page in played] == list(case.pages)


def test_a_ladder_of_deaf_rungs_alone_was_never_heard_and_says_so() -> None:
    climbed = Ladder((Rung(timedelta(0)), Rung(timedelta(0))), loops=9)
    assert upcoming(climbed, Climb(START), lambda _: False) == Exhausted(unreachable=True)
    heard = Climb(START, 0, 0, START)
    assert upcoming(climbed, heard, lambda _: False) == Exhausted(unreachable=False)


ladders = st.builds(
    Ladder,
    st.lists(st.integers(0, 90).map(lambda m: Rung(timedelta(minutes=m))), max_size=5).map(tuple),
    st.sampled_from(Convention),
    st.integers(0, 3),
)


@given(ladders, st.frozensets(st.integers(0, 4)), st.integers(0, 600))
def test_pages_never_go_back_in_time_and_each_pass_climbs(some: Ladder, deaf: frozenset[int], minute: int) -> None:
    steps = overdue(some, Climb(START), START + timedelta(minutes=minute), lambda index: index not in deaf)
    for before, after in pairwise(steps):
        assert before.due <= after.due
        assert (before.loop, before.index) < (after.loop, after.index)
