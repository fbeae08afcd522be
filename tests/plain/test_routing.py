"""Who takes it: the order, its reasons, and the rule that nobody is alone."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.routing import LEVELS, UNITS, Candidate, Need, needs_second, order, second_for, unit_of

PLANT = uuid.UUID(int=1)
NEED = Need(PLANT, "europe", 1, "senior", "fr")


def somebody(name: str, **more: object) -> Candidate:
    here: dict[str, object] = {"units": frozenset({"europe"}), "level": "senior", **more}
    return Candidate(uuid.uuid5(uuid.NAMESPACE_DNS, name), name, **here)  # type: ignore[arg-type]


def names(*candidates: Candidate) -> list[str]:
    return [place.name for place in order(candidates, NEED).places]


@pytest.mark.parametrize(
    ("zone", "unit"),
    [
        ("Europe/Paris", "europe"),
        ("Africa/Dakar", "europe"),
        ("UTC", "europe"),
        ("America/Denver", "americas"),
        ("Asia/Tokyo", "asia-pacific"),
        ("Pacific/Auckland", "asia-pacific"),
    ],
)
def test_a_customer_is_looked_after_by_the_unit_of_its_zone(zone: str, unit: str) -> None:
    assert unit_of(zone) == unit


def test_the_own_unit_comes_before_skill_and_skill_before_the_named_ones() -> None:
    far = somebody("Far", units=frozenset({"americas"}), named=True)
    junior = somebody("Junior", level="junior", named=True)
    senior = somebody("Senior")
    assert names(far, junior, senior) == ["Senior", "Junior", "Far"]


def test_among_equals_the_named_then_the_language_then_the_less_loaded() -> None:
    busy = somebody("Busy", in_hand=5, languages=frozenset({"fr"}))
    calm = somebody("Calm", in_hand=1, languages=frozenset({"fr"}))
    mute = somebody("Mute")
    named = somebody("Named", named=True, in_hand=9)
    assert names(busy, calm, mute, named) == ["Named", "Calm", "Busy", "Mute"]


def test_a_floor_that_relaxes_says_why() -> None:
    alone = order([somebody("Junior", level="junior")], NEED).places[0]
    assert alone.relaxed == "below the contract's floor (senior): nobody above it is on duty"
    beside = order([somebody("Junior", level="junior"), somebody("Senior")], NEED).places[1]
    assert beside.relaxed == "below the contract's floor (senior): those above it come first"


def test_who_is_passed_over_is_told_why() -> None:
    passed = order(
        [
            somebody("Asleep", units=frozenset()),
            somebody("Deaf", reachable=False),
            somebody("Taken", exclusive=uuid.UUID(int=2)),
            somebody("Ours", exclusive=PLANT),
        ],
        NEED,
    )
    assert {one.name: one.reason for one in passed.passed} == {
        "Asleep": "off duty",
        "Deaf": "no way to reach them is known",
        "Taken": "detached to another account",
    }
    assert [place.name for place in passed.places] == ["Ours"]
    assert passed.first is not None
    assert order([], NEED).first is None


def test_the_gravest_two_severities_are_never_left_to_one() -> None:
    assert [needs_second(severity) for severity in (1, 2, 3, 4)] == [True, True, False, False]
    both = order([somebody("A"), somebody("B")], NEED).places
    beside = second_for(both, both[0].person_id)
    assert beside is not None
    assert beside.name == "B"
    assert second_for(both[:1], both[0].person_id) is None


candidates = st.lists(
    st.builds(
        Candidate,
        st.uuids(),
        st.text(max_size=4),
        st.sampled_from(LEVELS),
        st.frozensets(st.sampled_from(UNITS)),
        st.frozensets(st.sampled_from(["en", "fr"])),
        st.integers(0, 9),
        st.booleans(),
        st.booleans(),
        st.none() | st.just(PLANT) | st.uuids(),
    ),
    max_size=12,
    unique_by=lambda candidate: candidate.person_id,
)
needs = st.builds(Need, st.just(PLANT), st.sampled_from(UNITS), st.integers(1, 4), st.sampled_from(LEVELS))


@given(candidates, needs)
def test_nobody_absent_unreachable_or_detached_elsewhere_is_ever_returned(some: list[Candidate], need: Need) -> None:
    answer = order(some, need)
    by_id = {candidate.person_id: candidate for candidate in some}
    for place in answer.places:
        chosen = by_id[place.person_id]
        assert chosen.units
        assert chosen.reachable
        assert chosen.exclusive in (None, PLANT)
        assert place.reason
        below = LEVELS.index(chosen.level) < LEVELS.index(need.floor)
        assert ("floor" in place.relaxed) == below
    placed, passed = {place.person_id for place in answer.places}, {one.person_id for one in answer.passed}
    assert placed | passed == set(by_id)
    assert not placed & passed


@given(candidates, needs)
def test_the_order_does_not_depend_on_who_was_asked_first(some: list[Candidate], need: Need) -> None:
    assert order(some, need).places == order(reversed(some), need).places
