"""Who takes it: the order, its reasons, and the rule that nobody is alone."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.routing import (
    CAPACITY,
    HOME,
    LEVELS,
    NOWHERE,
    SIZES,
    UNITS,
    Candidate,
    Kept,
    Need,
    Seat,
    needs_second,
    order,
    second_for,
    unit_of,
)
from escalation.subjects import subject_of
from escalation.waiting import LONGEST, Waiting, patience, turns

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
        ("Mexico/General", "americas"),
        ("Singapore", "asia-pacific"),
        ("NZ-CHAT", "asia-pacific"),
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


def test_the_trained_come_first_and_their_level_in_the_subject_counts() -> None:
    about_disks = replace(NEED, subject="storage")
    general = somebody("General")
    trained = somebody("Trained", level="junior", trained={"storage": "senior"})
    novice = somebody("Novice", trained={"storage": "junior"})
    answer = order([novice, general, trained], about_disks)
    assert [place.name for place in answer.places] == ["Trained", "General", "Novice"]
    assert "senior in storage" in answer.places[0].reason
    assert "below the contract's floor (senior)" in answer.places[2].relaxed


def test_expired_training_full_hands_and_absence_are_walls_with_a_reason() -> None:
    need = replace(NEED, subject="storage", mode="phone")
    answer = order(
        [
            somebody("Expired", expired=frozenset({"storage"})),
            somebody("Calling", serving={"phone": 1}),
            somebody("Lunch", away="away until 13:00"),
            somebody("Writing", serving={"written": 9}),
            somebody("Wide", serving={"phone": 1}, capacity={"phone": 2}),
        ],
        need,
    )
    assert {one.name: one.reason for one in answer.passed} == {
        "Expired": "training in storage has expired",
        "Calling": "hands full: 1 of 1 phone",
        "Lunch": "away until 13:00",
    }
    assert {place.name for place in answer.places} == {"Writing", "Wide"}
    assert not answer.waits


def test_it_waits_when_only_room_is_missing_and_not_when_nobody_is_there() -> None:
    full = somebody("Full", serving={"written": 6})
    assert order([full], NEED).waits
    assert not order([somebody("Asleep", units=frozenset())], NEED).waits


def test_one_detached_to_this_account_comes_before_everybody() -> None:
    far = somebody("Far", level="junior", units=frozenset({"americas"}), exclusive=PLANT)
    assert names(somebody("Near"), far) == ["Far", "Near"]


def test_the_words_of_a_cause_say_what_it_is_about() -> None:
    said = {cause: subject_of(cause) for cause in ("fan:1", "disk-full:/var", "network", "cpu", "smart:sda", "odd")}
    assert said == {"fan:1": "hardware", "disk-full:/var": "storage", "network": "network", "cpu": "system",
                    "smart:sda": "storage", "odd": ""}  # fmt: skip


NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
waits = st.builds(
    Waiting,
    st.uuids(),
    st.integers(0, 1440).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    st.sampled_from(("bronze", "silver", "gold", "platinum", "")),
    st.integers(1, 4),
)


@given(st.lists(waits, max_size=20, unique_by=lambda one: one.incident_id))
def test_platinum_goes_first_and_nobody_is_overtaken_for_longer_than_the_limit(queue: list[Waiting]) -> None:
    served = turns(queue)
    assert sorted(one.incident_id for one in served) == sorted(one.incident_id for one in queue)
    for place, one in enumerate(served):
        for later in served[place + 1 :]:
            assert one.since - later.since <= LONGEST
            if one.since == later.since and one.severity == later.severity:
                assert patience(one.tier, 1) <= patience(later.tier, 1)


VELIZY = Seat("Vélizy", "large", frozenset({"FR", "BE"}))
LYON = Seat("Lyon", "small", frozenset({"CH"}))


def test_the_site_that_looks_after_the_country_comes_before_fewer_in_hand() -> None:
    here, there = somebody("Here", seat=VELIZY, in_hand=4), somebody("There", seat=LYON)
    french, swiss = replace(NEED, country="FR"), replace(NEED, country="CH")
    assert [place.name for place in order([here, there], french).places] == ["Here", "There"]
    assert [place.name for place in order([here, there], swiss).places] == ["There", "Here"]
    assert "at Vélizy, a large site that looks after FR, 4 in hand" in order([here], french).places[0].reason
    assert "at Vélizy, a large site, 4 in hand" in order([here], swiss).places[0].reason
    assert names(here, there) == ["There", "Here"]  # nobody can say where it stands: fewer in hand


def test_where_the_sun_is_followed_the_larger_site_carries_the_night() -> None:
    here = frozenset({"americas"})
    home = somebody("Home", seat=Seat("home"), units=here)
    small = somebody("Small", seat=Seat("Boise", "small"), units=here)
    medium = somebody("Medium", seat=Seat("Austin", "medium"), units=here, in_hand=3)
    large = somebody("Large", seat=Seat("Denver", "large"), units=here, in_hand=5)
    answer = order([home, small, medium, large], NEED)
    assert [place.name for place in answer.places] == ["Large", "Medium", "Small", "Home"]
    assert "from home" in answer.places[-1].reason
    by_day = replace(NEED, unit="americas")
    assert [place.name for place in order([large, medium, small, home], by_day).places] == [
        "Small", "Home", "Medium", "Large"]  # fmt: skip


seats = st.builds(
    Seat, st.sampled_from(("", "Vélizy", "Lyon", *HOME)), st.sampled_from(("", *SIZES)),
    st.frozensets(st.sampled_from(("FR", "CH"))),
)  # fmt: skip


@given(seats, seats, st.sampled_from(UNITS), st.sampled_from(("", "FR", "CH")), st.integers(0, 5), st.integers(0, 5))
def test_between_two_who_differ_by_their_site_alone_the_site_decides(
    one: Seat, other: Seat, unit: str, country: str, hand: int, other_hand: int
) -> None:
    need = replace(NEED, unit=unit, country=country)
    first = order([somebody("One", seat=one, in_hand=hand), somebody("Other", seat=other, in_hand=other_hand)], need)
    after = {seat_of: country != "" and country in seat.countries for seat_of, seat in (("One", one), ("Other", other))}
    size, load = {"One": one.rank, "Other": other.rank}, {"One": hand, "Other": other_hand}
    best, next_best = (place.name for place in first.places)
    if after["One"] != after["Other"]:
        assert after[best]
    elif unit != "europe" and size["One"] != size["Other"]:
        assert size[best] < size[next_best]
    elif load["One"] != load["Other"]:
        assert load[best] < load[next_best]
    else:
        assert size[best] <= size[next_best]
    for place in first.places:
        chosen = {"One": one, "Other": other}[place.name]
        assert (chosen.name in place.reason) or chosen.is_home or chosen == NOWHERE
        assert ("looks after" in place.reason) == (after[place.name] and bool(chosen.name) and not chosen.is_home)


kept = st.builds(
    lambda mode, places, whose, held: Kept(mode, places, "x", *whose, held),
    st.sampled_from(tuple(CAPACITY)),
    st.integers(1, 8),
    st.sampled_from([(PLANT, ""), (uuid.UUID(int=2), ""), (None, "platinum"), (None, "gold")]),
    st.integers(0, 8),
)
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
        st.sampled_from(("", "away until 13:00")),
        st.dictionaries(st.sampled_from(("storage", "network")), st.sampled_from(LEVELS)),
        st.frozensets(st.sampled_from(("storage", "network"))),
        st.dictionaries(st.sampled_from(tuple(CAPACITY)), st.integers(0, 8)),
        st.dictionaries(st.sampled_from(tuple(CAPACITY)), st.integers(0, 8)),
        seats,
        st.lists(kept, max_size=3).map(tuple),
    ),
    max_size=12,
    unique_by=lambda candidate: candidate.person_id,
)
needs = st.builds(
    Need,
    st.just(PLANT),
    st.sampled_from(UNITS),
    st.integers(1, 4),
    st.sampled_from(LEVELS),
    st.just("en"),
    st.sampled_from(("", "storage", "network")),
    st.sampled_from(tuple(CAPACITY)),
    st.sampled_from(("", "FR", "CH")),
    st.sampled_from(("", "gold", "platinum")),
)


@given(candidates, needs)
def test_nobody_absent_expired_full_unreachable_or_detached_elsewhere_is_ever_returned(
    some: list[Candidate], need: Need
) -> None:
    answer = order(some, need)
    by_id = {candidate.person_id: candidate for candidate in some}
    for place in answer.places:
        chosen = by_id[place.person_id]
        assert chosen.units
        assert chosen.reachable
        assert chosen.exclusive in (None, PLANT)
        assert place.reason
        assert not chosen.away
        assert need.subject not in chosen.expired
        assert chosen.serving.get(need.mode, 0) < chosen.capacity.get(need.mode, CAPACITY[need.mode])
        others = [one for one in chosen.kept if one.mode == need.mode and not one.is_for(need)]
        reserved = sum(max(0, one.places - one.held) for one in others)
        taken = chosen.serving.get(need.mode, 0) + reserved
        assert taken < chosen.capacity.get(need.mode, CAPACITY[need.mode]), "a place kept for others"
        level = chosen.trained.get(need.subject, chosen.level)
        below = LEVELS.index(level) < LEVELS.index(need.floor)
        assert ("floor" in place.relaxed) == below
    placed, passed = {place.person_id for place in answer.places}, {one.person_id for one in answer.passed}
    assert placed | passed == set(by_id)
    assert not placed & passed


@given(candidates, needs)
def test_the_order_does_not_depend_on_who_was_asked_first(some: list[Candidate], need: Need) -> None:
    assert order(some, need).places == order(reversed(some), need).places


def test_places_kept_for_others_are_full_for_everybody_else_and_open_for_them() -> None:
    platinum = Kept("written", 2, "platinum", tier="platinum")
    dee = somebody("Dee", serving={"written": 4}, kept=(platinum,))
    gold = order([dee], replace(NEED, tier="gold"))
    assert [one.reason for one in gold.passed] == ["hands full for others: 2 written kept for platinum"]
    assert gold.waits, "it joins the line"
    assert order([dee], replace(NEED, tier="platinum")).first is not None
    one_is_held = replace(dee, serving={"written": 4}, kept=(replace(platinum, held=1),))
    assert order([one_is_held], replace(NEED, tier="gold")).first is not None, "one of the two is used by now"
    account = replace(dee, kept=(Kept("phone", 1, "Ada's Plant", PLANT),))
    assert order([account], replace(NEED, mode="phone")).first is not None
    other = order([account], replace(NEED, mode="phone", customer_id=uuid.UUID(int=9)))
    assert other.passed[0].reason == "hands full for others: 1 phone kept for Ada's Plant"
    assert order([account], replace(NEED, customer_id=uuid.UUID(int=9))).first is not None, "in writing nothing is kept"
