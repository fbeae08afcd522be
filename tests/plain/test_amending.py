"""Changing terms: what a change makes of them, and which differences a second person must confirm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts.amending import FIELDS, carried, changed, differences, needs_second
from contracts.terms import AllowanceTerms
from contracts.tiers import DEFAULTS, Terms, Tier

GOLD = replace(DEFAULTS[Tier.GOLD], grace_days=7, allowances={"visits": AllowanceTerms(4, "year")})
LADDER = GOLD.to_json()["ladder"]

# what is changed → the fields that differ, and those of them that lower a promise
TABLE: list[tuple[dict[str, Any], list[str], list[str]]] = [
    ({"respond": {"1": {"seconds": 1800}}}, ["respond.1"], []),
    ({"respond": {"1": {"seconds": 3601}}}, ["respond.1"], ["respond.1"]),
    ({"respond": {"1": {"seconds": 7200}, "2": {"seconds": 60}}}, ["respond.1", "respond.2"], ["respond.1"]),
    ({"respond": {"4": {"business_days": 2}}}, ["respond.4"], ["respond.4"]),
    ({"respond": {"4": {"business_days": 1, "by": "closing"}}}, ["respond.4"], ["respond.4"]),
    ({"respond": {"4": {"seconds": 12 * 3600}}}, ["respond.4"], []),  # a business day of Mon-Sat 8-20 is 12 h
    ({"respond": {"4": {"seconds": 12 * 3600 + 1}}}, ["respond.4"], ["respond.4"]),
    ({"respond": {"3": {"business_days": 1}}}, ["respond.3"], ["respond.3"]),  # 4 h become a day
    ({"update": {"seconds": 1800}}, ["update"], []),
    ({"update": {"seconds": 7200}}, ["update"], ["update"]),
    ({"update": None}, ["update"], ["update"]),
    ({"on_site": {"seconds": 7200}}, ["on_site"], []),
    ({"on_site": {"business_days": 1, "by": "closing"}}, ["on_site"], ["on_site"]),
    ({"hours": {"2": "24x7"}}, ["hours.2"], []),
    ({"hours": {"2": "Mon-Sat 7-21"}}, ["hours.2"], []),
    ({"hours": {"2": "Mon-Sun 9-20"}}, ["hours.2"], ["hours.2"]),  # longer in all, but not at eight
    ({"hours": {"1": "Mon-Sun 0-24"}}, ["hours.1"], ["hours.1"]),  # public holidays are lost
    ({"scope": ["hardware", "software", "installation", "environment", "tele-alarm"]}, ["scope"], []),
    ({"scope": ["hardware", "tele-alarm"]}, ["scope"], ["scope"]),
    ({"skill_floor": "senior"}, ["skill_floor"], []),
    ({"skill_floor": "junior"}, ["skill_floor"], ["skill_floor"]),
    ({"named_people": ["account engineer", "deputy", "coach"]}, ["named_people"], []),
    ({"named_people": ["account engineer"]}, ["named_people"], ["named_people"]),
    ({"review_months": 3}, ["review_months"], []),
    ({"review_months": 12}, ["review_months"], ["review_months"]),
    ({"review_months": 0}, ["review_months"], ["review_months"]),
    ({"watching": "detect"}, ["watching"], []),
    ({"watching": "watch"}, ["watching"], ["watching"]),
    ({"grace_days": 30}, ["grace_days"], []),
    ({"grace_days": 0}, ["grace_days"], ["grace_days"]),
    ({"false_alarms": 9}, ["false_alarms"], []),
    ({"silence_s": 600}, ["silence_s"], []),
    ({"keep": {"reports": 100}}, ["keep"], []),
    ({"keep": {"reports": 91}}, ["keep"], ["keep"]),  # 92 days are usual for gold
    ({"keep": {"figures": 799}}, ["keep"], ["keep"]),
    ({"allowances": {"visits": {"units": 6}}}, ["allowances.visits"], []),
    ({"allowances": {"visits": {"units": 3}}}, ["allowances.visits"], ["allowances.visits"]),
    ({"allowances": {"visits": {"units": 1, "period": "month"}}}, ["allowances.visits"], []),
    ({"allowances": {"visits": {"units": 1, "period": "half"}}}, ["allowances.visits"], ["allowances.visits"]),
    ({"allowances": {"visits": None}}, ["allowances.visits"], []),
    ({"allowances": {"cases": {"units": 1000}}}, ["allowances.cases"], ["allowances.cases"]),
    ({"ladder": [{"who": "duty", "wait": 60}, *LADDER[1:]]}, ["ladder"], ["ladder"]),
    ({"ladder": [{"who": "duty", "wait": 99_999}, *LADDER[1:]]}, ["ladder"], ["ladder"]),
    ({"ladder": LADDER[:-1]}, ["ladder"], ["ladder"]),
    ({"climbing": {"repeats": 1}}, ["climbing"], ["climbing"]),
    ({"clocks": {"pauses": ["customer"]}}, ["clocks"], ["clocks"]),  # without a rule of its own: a second person looks
]


@pytest.mark.parametrize(("changes", "differ", "lower"), TABLE, ids=[str(row[0])[:70] for row in TABLE])
def test_each_difference_says_whether_it_lowers_a_promise(
    changes: dict[str, Any], differ: list[str], lower: list[str]
) -> None:
    after = changed(GOLD, changes)
    found = differences(GOLD, after)
    assert [one.field for one in found] == differ
    assert [one.field for one in needs_second(GOLD, after)] == lower
    assert differences(after, after) == ()
    assert Terms.from_json(after.to_json()) == after


def test_every_field_of_terms_is_in_the_table() -> None:
    seen = {field.split(".")[0] for _, differ, _ in TABLE for field in differ}
    assert seen == set(FIELDS) - {"tier"}


@pytest.mark.parametrize("tier", [Tier.SILVER, Tier.PLATINUM])
def test_a_change_of_tier_brings_its_terms_and_always_needs_a_second_person(tier: Tier) -> None:
    after = changed(GOLD, {"tier": tier.value, "respond": {"1": {"seconds": 600}}})
    assert after == replace(
        DEFAULTS[tier],
        respond={**DEFAULTS[tier].respond, 1: after.respond[1]},
        grace_days=7,
        allowances=GOLD.allowances,
    )
    assert after.respond[1].seconds == 600
    needs = [one.field for one in needs_second(GOLD, after)]
    assert needs[0] == "tier"
    assert (len(needs) > 1) is (tier is Tier.SILVER)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "changes: name at least one"),
        ({"price": 3}, "price: is no field of terms"),
        ({"tier": "tin"}, "tier: 'tin'"),
        ({"tier": ["gold"]}, r"tier: \['gold'\]"),
        ({"hours": {"5": "24x7"}}, "hours: needs a value for each"),
        ({"hours": {"1": None}}, "hours: needs a value for each"),
        ({"respond": {"1": {"seconds": 0}}}, "respond.1: give either"),
        ({"respond": "soon"}, "respond: needs a value for each"),
        ({"hours": {"1": "Mon-Fri"}}, "hours.1: 'Mon-Fri' is not known"),
        ({"hours": {"1": "Fri-Mon 8-18"}}, "hours.1: .*backwards"),
        ({"hours": {"1": "Mon-Fri 8-18, Fri 9-12"}}, "hours.1: .*twice"),
        ({"hours": {"1": "Mon 18-18"}}, "hours.1: .*no length"),
        ({"hours": {"1": "Mon 8-12 11-13"}}, "hours.1: .*overlap"),
        ({"hours": {"1": "Mon 8-25"}}, "hours.1: .*24"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_by_field(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        changed(GOLD, changes)


def test_a_change_for_sooner_is_carried_into_what_was_settled_for_later_where_that_left_it_alone() -> None:
    later = changed(GOLD, {"respond": {"1": {"seconds": 600}}, "review_months": 3})
    wanted = {"respond": {"1": {"seconds": 1200}, "2": {"seconds": 60}}, "review_months": 12, "grace_days": 9}
    assert carried(GOLD, later, wanted) == {"respond": {"2": {"seconds": 60}}, "grace_days": 9}
    assert carried(GOLD, later, {"tier": "platinum"}) == {}
