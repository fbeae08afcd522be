"""Ladders: who is told next and when, held to published cases and to what must always be true."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.ladder import (
    Climb,
    Convention,
    Event,
    Exhausted,
    Ladder,
    Page,
    Rung,
    Step,
    Wait,
    from_json,
    level,
    next_rung,
    overdue,
    play,
    select,
    to_json,
    upcoming,
)

START = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)


def ladder(*minutes: float, convention: Convention = Convention.ESCALATE_AFTER, loops: int = 0) -> Ladder:
    return Ladder(tuple(Rung(timedelta(minutes=m)) for m in minutes), convention, loops)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def paged(played: list[Page]) -> list[tuple[float, int]]:
    return [((page.at - START).total_seconds() / 60, page.rung) for page in played]


def test_the_published_ladder_cases_hold(shared: Path) -> None:
    cases = json.loads((shared / "sla-vectors" / "10-ladders-selection.json").read_text())["cases"]
    played = 0
    for case in cases:
        query = case["query"]
        if query["op"] == "ladder":
            timeout = query.get("ack_timeout_min")
            steps = Ladder(
                tuple(Rung(timedelta(minutes=rule["delay_min"])) for rule in query["rules"]),
                Convention(query["delay_mode"]),
                query["loops"],
                timedelta(minutes=timeout) if timeout is not None else None,
            )
            pages = play(
                steps,
                datetime.fromisoformat(query["start"]),
                [Event(datetime.fromisoformat(event["at"]), event["type"]) for event in query["events"]],
                datetime.fromisoformat(query["until"]),
                lambda index, rules=query["rules"]: rules[index].get("reachable", True),  # type: ignore[misc]
            )
            said: object = [{"at": page.at.strftime("%Y-%m-%dT%H:%M:%SZ"), "rung": page.rung + 1} for page in pages]
            assert said == case["expected"]["pages"], case["id"]
        elif query["op"] == "level":
            reached, notify = level(query["current"], query["requested"])
            assert {"level": reached, "notify": notify} == case["expected"], case["id"]
        else:
            named = select(query["precedence"], query["policies"], query["incident"])
            assert named == case["expected"]["policy"], case["id"]
        played += 1
    assert played == len(cases) > 0


def test_each_convention_reads_the_same_delays_its_own_way() -> None:
    expected = {
        Convention.ESCALATE_AFTER: [(0, 0), (5, 1), (15, 2)],
        Convention.FROM_PREVIOUS: [(5, 0), (15, 1), (35, 2)],
        Convention.FROM_OPENING: [(5, 0), (10, 1), (20, 2)],
    }
    for convention, pages in expected.items():
        assert paged(play(ladder(5, 10, 20, convention=convention), START, [], at(600))) == pages


@pytest.mark.parametrize(
    ("convention", "pages"),
    [
        (Convention.ESCALATE_AFTER, [(0, 0), (5, 2)]),  # no page stands on rung 2, so nothing waits there
        (Convention.FROM_PREVIOUS, [(5, 0), (25, 2)]),  # counted from the last page that was sent
        (Convention.FROM_OPENING, [(5, 0), (20, 2)]),
    ],
)
def test_a_rung_nobody_can_be_reached_on_is_passed_by(convention: Convention, pages: list[tuple[float, int]]) -> None:
    played = play(ladder(5, 10, 20, convention=convention), START, [], at(600), lambda index: index != 1)
    assert paged(played) == pages
    first = upcoming(ladder(5, 10), Climb(START, 0, 0, START), lambda index: index != 1)
    assert isinstance(first, Exhausted)
    assert first.unreachable is False


def test_a_ladder_without_anybody_is_exhausted_and_says_so() -> None:
    assert upcoming(ladder(5, 10, loops=3), Climb(START), lambda _: False) == Exhausted(unreachable=True)
    assert upcoming(Ladder(()), Climb(START)) == Exhausted(unreachable=True)


def test_an_acknowledgement_at_the_instant_of_a_page_beats_it() -> None:
    assert paged(play(ladder(10, 10), START, [Event(at(10), "ack")], at(600))) == [(0, 0)]


def test_a_trigger_while_the_ladder_climbs_changes_nothing() -> None:
    calm = play(ladder(10, 10, 10), START, [], at(600))
    assert play(ladder(10, 10, 10), START, [Event(at(12), "trigger")], at(600)) == calm


def test_a_trigger_after_the_ladder_is_exhausted_or_resolved_starts_it_over() -> None:
    events = [Event(at(60), "trigger")]
    assert paged(play(ladder(10), START, events, at(600))) == [(0, 0), (60, 0)]
    over = [Event(at(5), "resolve"), *events]
    assert paged(play(ladder(10, 10), START, over, at(65))) == [(0, 0), (60, 0)]


def test_editing_the_policy_does_not_touch_a_ladder_that_climbs() -> None:
    calm = play(ladder(10, 10), START, [], at(600))
    assert play(ladder(10, 10), START, [Event(at(3), "policy_edited")], at(600)) == calm


def test_a_repeat_counted_from_the_opening_starts_when_the_pass_before_it_ended() -> None:
    played = play(ladder(5, 15, convention=Convention.FROM_OPENING, loops=1), START, [], at(600))
    assert paged(played) == [(5, 0), (15, 1), (20, 0), (30, 1)]


def test_a_sleep_finds_every_rung_it_missed_in_order() -> None:
    missed = overdue(ladder(10, 10, 10, 60), Climb(START, 0, 0, START), at(25))
    assert [step.index for step in missed] == [1, 2]
    assert next_rung(ladder(10, 10), Climb(START, 0, 0, START), at(4)) == Wait(at(10))


def test_a_level_never_falls_and_never_tells_twice() -> None:
    assert level(None, 2) == (2, True)
    assert level(1, 3) == (3, True)
    assert level(3, 1) == (3, False)


def test_a_blank_policy_matches_nothing_and_no_policy_is_an_answer() -> None:
    assert select(["customer"], [{"level": "customer", "match": None, "name": "old"}], {"customer": None}) is None


ladders = st.builds(
    Ladder,
    st.lists(st.integers(0, 90).map(lambda m: Rung(timedelta(minutes=m), ("duty",), "r")), max_size=5).map(tuple),
    st.sampled_from(Convention),
    st.integers(0, 3),
    st.none() | st.integers(5, 60).map(lambda m: timedelta(minutes=m)),
)


@given(ladders)
def test_a_ladder_survives_being_frozen(some: Ladder) -> None:
    assert from_json(json.loads(json.dumps(to_json(some)))) == some


@given(ladders, st.sets(st.integers(0, 4)))
def test_without_events_pages_never_skip_a_reachable_rung_nor_page_an_unreachable_one(
    some: Ladder, dark: set[int]
) -> None:
    rungs = [page.rung for page in play(some, START, [], at(100_000), lambda index: index not in dark)]
    alive = [index for index in range(len(some.rungs)) if index not in dark]
    assert rungs == alive * (some.loops + 1)


@given(ladders, st.integers(0, 400))
def test_nobody_is_paged_after_an_acknowledgement_without_a_time_out(some: Ladder, minute: int) -> None:
    quiet = Ladder(some.rungs, some.convention, some.loops)
    pages = play(quiet, START, [Event(at(minute), "ack")], at(100_000))
    assert all(page.at < at(minute) for page in pages)


@given(ladders, st.integers(0, 500))
def test_playing_step_by_step_is_playing_at_once(some: Ladder, minute: int) -> None:
    """What the tick does, one rung at a time, is what the preview shows."""
    climb, pages = Climb(START), []
    for tick in range(minute + 1):
        while isinstance(step := next_rung(some, climb, at(tick)), Step):
            pages.append((step.due, step.index))
            climb = climb.onto(step, step.due)
    assert pages == [(page.at, page.rung) for page in play(some, START, [], at(minute))]
