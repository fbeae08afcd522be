"""A night played beforehand says what the ladder would do, and climbs exactly as the ladder climbs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from escalation import ladder as ladders
from escalation.ladder import Convention, Ladder, Rung
from escalation.night import play

TEN_PAST_THREE = datetime(2026, 3, 10, 3, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NIGHT = timedelta(hours=4)


def ladder(*waits: int, **more: object) -> Ladder:
    rungs = tuple(Rung(wait * MINUTE, (f"w{place}",), f"rung {place}") for place, wait in enumerate(waits))
    return Ladder(rungs, **more)  # type: ignore[arg-type]


def test_each_rung_is_called_when_the_one_before_has_had_its_time() -> None:
    night = play(ladder(5, 10, 15), TEN_PAST_THREE, TEN_PAST_THREE + NIGHT, lambda at: [["Dee"], ["Eve"], ["Max"]])
    assert [(line.at.strftime("%H:%M"), line.people) for line in night.lines] == [
        ("03:10", ("Dee",)),
        ("03:15", ("Eve",)),
        ("03:25", ("Max",)),
    ]


def test_a_dark_rung_is_passed_by_and_named() -> None:
    night = play(ladder(5, 10, 15), TEN_PAST_THREE, TEN_PAST_THREE + NIGHT, lambda at: [["Dee"], [], ["Max"]])
    assert [(line.rung, line.passed_by) for line in night.lines] == [(0, ()), (2, ("rung 1",))]


def test_somebody_who_comes_on_duty_meanwhile_is_called() -> None:
    shift = TEN_PAST_THREE + 12 * MINUTE

    def meant(at: datetime) -> Sequence[Sequence[str]]:
        return [["Dee"], ["Eve"], ["Max"] if at >= shift else []]

    night = play(ladder(5, 10, 15), TEN_PAST_THREE, TEN_PAST_THREE + NIGHT, meant)
    assert [line.people for line in night.lines] == [("Dee",), ("Eve",), ("Max",)]


def test_a_night_in_which_nobody_can_be_reached_is_dark() -> None:
    night = play(ladder(5, 10), TEN_PAST_THREE, TEN_PAST_THREE + NIGHT, lambda at: [[], []])
    assert (night.lines, night.dark) == ((), True)


_ladders = st.builds(
    lambda waits, convention, loops: ladder(*sorted(waits), convention=convention, loops=loops),
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.sampled_from(tuple(Convention)),
    st.integers(0, 2),
)


@given(_ladders, st.frozensets(st.integers(0, 4)))
def test_it_climbs_as_the_ladder_itself_is_played(one: Ladder, dark: frozenset[int]) -> None:
    until = TEN_PAST_THREE + NIGHT
    names = [[] if index in dark else ["Somebody"] for index in range(len(one.rungs))]
    expected = ladders.play(one, TEN_PAST_THREE, [], until, lambda index: index not in dark)
    found = play(one, TEN_PAST_THREE, until, lambda at: names)
    assert [(line.at, line.rung) for line in found.lines] == [(page.at, page.rung) for page in expected]
