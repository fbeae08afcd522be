"""Whom a rung's word means, in whatever house: nobody absent, unreachable, or of another account's detachment."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from contracts.ladder_terms import ROLES
from escalation.duty import Duty, beside, whom
from escalation.roster import Roster
from escalation.routing import LEVELS, UNITS, Candidate, Need, order
from models.people import Person

PLANT, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
NAMES = ("ana", "bea", "cid", "dov", "eli")
IDS = {name: uuid.uuid5(uuid.NAMESPACE_DNS, name) for name in NAMES}
WORDS = (
    "duty", "second", "account", *ROLES, "lead", "number-two", "number-one", "schedule:nuit",
    *(f"team:{unit}" for unit in UNITS), *(f"person:{name}@example.org" for name in NAMES), "person:nobody@example.org",
)  # fmt: skip


@st.composite
def houses(draw: st.DrawFn) -> Duty:
    """Five of ours, each as they may be, with an account that names some of them."""
    people, candidates, absent = {}, [], set()
    for name in NAMES:
        role = draw(st.sampled_from(("engineer", "engineer", "manager", "administrator")))
        reachable, away = (
            draw(st.booleans()),
            draw(st.sampled_from(("", "", "absent until 13:00", "in protected time"))),
        )
        notify = [{"channel": "email", "address": f"{name}@example.org"}] if reachable else []
        rungs = draw(st.lists(st.sampled_from(("lead", "number-two", "number-one")), max_size=2))
        people[IDS[name]] = Person(id=IDS[name], name=name, email=f"{name}@example.org", role=role, rungs=rungs,
                                   notify=notify, customer_id=None)  # fmt: skip
        absent |= {IDS[name]} if away.startswith("absent") else set()
        if role == "engineer":
            units = draw(st.frozensets(st.sampled_from(UNITS)))
            alone = draw(st.sampled_from((None, None, PLANT, OTHER)))
            level = draw(st.sampled_from(LEVELS))
            candidates.append(Candidate(IDS[name], name, level, units, reachable=reachable, exclusive=alone, away=away))
    ids = st.sampled_from(tuple(IDS.values()))
    roles = draw(st.dictionaries(st.sampled_from(tuple(ROLES.values())), ids))
    standing = {"nuit": draw(ids)} if draw(st.booleans()) else {}
    known = Roster(people, tuple(candidates), standing, absent=frozenset(absent))
    return Duty(order(candidates, Need(PLANT, "europe", 1)), people, tuple(roles.values()), roles, known)


@given(houses())
def test_no_word_of_a_rung_calls_somebody_absent_unreachable_or_detached_elsewhere(house: Duty) -> None:
    assert house.known is not None
    others = {one.person_id for one in house.known.engineers if one.exclusive == OTHER}
    for place in (place for word in WORDS for place in whom(house, word)):
        assert place.person_id not in house.known.absent
        assert house.people[place.person_id].notify
        assert place.person_id not in others
        assert place.reason


@given(houses(), st.sampled_from([None, *IDS.values()]))
def test_whoever_is_asked_to_stand_beside_is_there_and_somebody_else(house: Duty, owner: uuid.UUID | None) -> None:
    assert house.known is not None
    place = beside(house, owner)
    if place is not None:
        assert place.person_id != owner
        assert place.person_id not in house.known.absent
        assert house.people[place.person_id].notify


@given(houses())
def test_a_lead_is_called_while_anybody_is_there_to_be_one(house: Duty) -> None:
    assert house.known is not None
    there = [one for one in house.people.values() if one.notify and one.id not in house.known.absent]
    if any(one.role in ("manager", "administrator") for one in there):
        assert whom(house, "lead")
