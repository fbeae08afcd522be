"""The tier table, number by number, and terms as stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from contracts import hours
from contracts.tiers import DEFAULTS, AllowanceTerms, Budget, Terms, Tier

# tier: respond by severity, next update, on site, floor, named people, review, telemetry; as the product states it.
TABLE = {
    "bronze": (
        "4 h|8 h|2 business days|5 business days",
        "1 business day",
        "1 business day",
        "junior",
        0,
        0,
        "collect",
    ),
    "silver": ("2 h|4 h|1 business day|3 business days", "4 h", "1 business day", "junior", 0, 0, "watch"),
    "gold": ("1 h|2 h|4 h|1 business day", "1 h", "4 h", "confirmed", 2, 6, "shadow"),
    "platinum": ("15 min|1 h|4 h|1 business day", "30 min", "2 h", "senior", 3, 3, "detect"),
}
HOURS_TABLE = {
    "bronze": ["Mon-Fri 9-17"] * 4,
    "silver": ["Mon-Fri 8-18"] * 4,
    "gold": ["24x7"] + ["Mon-Sat 8-20"] * 3,
    "platinum": ["24x7"] * 4,
}


@pytest.mark.parametrize("tier", Tier)
def test_the_numbers_are_those_of_the_product(tier: Tier) -> None:
    terms = DEFAULTS[tier]
    respond = "|".join(terms.respond[severity].words for severity in (1, 2, 3, 4))
    update = terms.update.words if terms.update else ""
    people = len(terms.named_people)
    said = (respond, update, terms.on_site.words, terms.skill_floor, people, terms.review_months, terms.watching)
    assert said == TABLE[tier]
    assert [terms.hours[severity] for severity in (1, 2, 3, 4)] == HOURS_TABLE[tier]


def test_each_tier_covers_more_than_the_one_below() -> None:
    scopes = [DEFAULTS[tier].scope for tier in Tier]
    assert all(low < high for low, high in pairwise(scopes))
    assert [tier.rank for tier in Tier] == [1, 2, 3, 4]


def test_each_tiers_ladder_starts_on_duty_and_never_waits_for_nothing() -> None:
    for terms in DEFAULTS.values():
        assert terms.ladder[0].who == "duty"
        assert all(rung.wait > 0 for rung in terms.ladder)
    assert DEFAULTS[Tier.PLATINUM].ladder[-1].who == "number-one"


@pytest.mark.parametrize("tier", Tier)
def test_terms_survive_being_stored(tier: Tier) -> None:
    counted = {"visits": AllowanceTerms(4), "remote_hours": AllowanceTerms(10, "quarter")}
    terms = replace(DEFAULTS[tier], grace_days=14, allowances=counted)
    assert Terms.from_json(terms.to_json()) == terms


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("tier", "tin", "tier: 'tin'"),
        ("scope", ["mainframes"], "scope: 'mainframes'"),
        ("hours", {"1": "24x7"}, "hours: needs a value for each"),
        ("hours", dict.fromkeys("1234", "Sundays"), "hours.1: 'Sundays'"),
        ("respond", {**DEFAULTS[Tier.GOLD].to_json()["respond"], "2": {}}, "respond.2: give either"),
        ("respond", {**DEFAULTS[Tier.GOLD].to_json()["respond"], "2": {"seconds": 1.5}}, "respond.2: give either"),
        ("update", {"seconds": 5, "business_days": 1}, "update: give either"),
        ("on_site", {"business_days": -1}, "on_site: give either"),
        ("skill_floor", "wizard", "skill_floor: 'wizard'"),
        ("watching", "closely", "watching: 'closely'"),
        ("review_months", -1, "review_months: -1"),
        ("grace_days", "many", "grace_days: 'many'"),
        ("silence_s", 29, "silence_s: 29 is not a whole number from 30"),
        ("ladder", [{"who": "duty", "wait": -5}], "ladder.wait: -5"),
        ("ladder", [{"who": "nobody", "wait": 5}], "ladder.who: 'nobody'"),
        ("ladder", [], "ladder: needs at least one rung"),
        ("ladder", "duty", "ladder: give a list"),
        ("ladder", ["duty"], "ladder.0: give whom"),
        ("scope", 7, "scope: give a list"),
        ("hours", {**dict.fromkeys("123", "24x7"), "4": 7}, "hours.4: give weekly hours"),
        ("respond", 7, "respond: needs a value for each"),
        ("named_people", [""], "named_people.0: give a duty"),
        ("allowances", [], "allowances: give them by"),
        ("allowances", {"visits": 4}, "allowances.visits: give units"),
        ("allowances", {"visits": {"units": -1}}, "allowances.visits.units: -1"),
        ("allowances", {"visits": {"units": 1, "period": "week"}}, "allowances.visits.period: 'week'"),
        ("allowances", {"lunches": {"units": 1}}, "allowances: 'lunches'"),
        ("review_months", True, "review_months: True"),
        ("ladder", [{"who": "duty"}], "wait: is missing"),
    ],
)
def test_wrong_terms_are_refused_by_field(field: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        Terms.from_json({**DEFAULTS[Tier.GOLD].to_json(), field: value})


OPTIONAL = ("grace_days", "allowances")  # versions written before there were any do not name them


@pytest.mark.parametrize("field", [name for name in DEFAULTS[Tier.GOLD].to_json() if name not in OPTIONAL])
def test_a_missing_field_is_named(field: str) -> None:
    body = DEFAULTS[Tier.GOLD].to_json()
    del body[field]
    with pytest.raises(ValueError, match=f"^{field}: is missing"):
        Terms.from_json(body)


def test_the_calendar_of_a_place_has_its_zone_and_its_holidays() -> None:
    silver, gold = DEFAULTS[Tier.SILVER], DEFAULTS[Tier.GOLD]
    assert silver.calendar(1, "Europe/Paris", "FR") == {
        "tz": "Europe/Paris",
        "weekly": {day: [["08:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        "holidays": "FR",
    }
    assert gold.calendar(1, "Europe/Paris", "FR") == {"tz": "Europe/Paris", "always_open": True}


TUESDAY = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-03-10T09:00", "2026-03-11T17:00"),
        ("2026-03-10T20:00", "2026-03-11T17:00"),  # after closing: still the next business day
        ("2026-03-10T05:00", "2026-03-11T17:00"),
        ("2026-03-13T16:59", "2026-03-16T17:00"),
        ("2026-03-14T12:00", "2026-03-16T17:00"),
    ],
)
def test_next_business_day_on_site_means_by_its_closing_time(start: str, due: str) -> None:
    bronze = DEFAULTS[Tier.BRONZE]
    calendar = hours.parse(bronze.calendar(3, "UTC"))
    asked = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert bronze.on_site.due(calendar, asked) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_closing_time_is_the_last_one_of_the_day() -> None:
    calendar = hours.parse({"weekly": {"wed": [["08:00", "12:00"], ["14:00", "18:00"]]}})
    assert Budget(days=1, closing=True).due(calendar, TUESDAY) == datetime(2026, 3, 11, 18, 0, tzinfo=UTC)


def test_a_calendar_that_never_opens_owes_no_business_day() -> None:
    never = hours.parse({"weekly": {}})
    assert Budget(days=1).due(never, TUESDAY) is None
    assert Budget(days=1, closing=True).due(never, TUESDAY) is None


@pytest.mark.parametrize(
    ("budget", "words"), [(Budget(5400), "90 min"), (Budget(3600), "1 h"), (Budget(days=2), "2 b")]
)
def test_a_budget_says_itself(budget: Budget, words: str) -> None:
    assert budget.words.startswith(words)
