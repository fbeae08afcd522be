"""What a contract answers: the whole table of asks and tiers, every standing, and words for every rule."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from string import Formatter

import pytest

from contracts import english, french, words
from contracts.decision import KINDS, Ask, ContractFacts, Decision, Granted, Refused, Shadow, Usage, decide
from contracts.tiers import DEFAULTS, HOURS, Tier, Watching

TEN = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)  # Tuesday, ten in the morning in Paris
NIGHT = datetime(2026, 3, 10, 21, 0, tzinfo=UTC)
FACTS = ContractFacts(
    "active", "VC-7", "Europe/Paris", country="FR", starts_on=date(2026, 1, 1), ends_on=date(2026, 12, 31)
)
OUT = ("draft", "suspended", "cancelled", "expired", "not_started", "none")

# bronze, silver, gold, platinum: g granted, s shadow, r refused; asked by day.
TABLE = {
    "open_incident": "gggg",
    "raise_severity": "gggg",
    "out_of_hours": "gggg",
    "site_visit": "gggg",
    "spare_part": "gggg",
    "hardware_support": "gggg",
    "software_support": "rggg",
    "installation_advice": "rrgg",
    "named_engineer": "rrgg",
    "dossier_review": "rrgg",
    "escalation": "gggg",
    "telemetry": "gggg",
    "silence_watch": "rggg",
    "detection": "rrsg",
    "proactive_call": "rrrg",
    "remote_administration": "rrrg",
    "remote_diagnostics": "rrrg",
    "detached_engineer": "rrrg",
}


def asked(
    kind: str,
    tier: Tier = Tier.SILVER,
    facts: ContractFacts = FACTS,
    at: datetime = TEN,
    severity: int = 2,
    language: str = "en",
) -> Decision:
    return decide(Ask(kind, at, severity), DEFAULTS[tier], Usage(), at, facts, language)


def in_state(state: str) -> ContractFacts:
    return (
        replace(FACTS, starts_on=date(2026, 6, 1), state="active")
        if state == "not_started"
        else replace(FACTS, state=state)
    )


def test_the_table_names_every_kind_of_ask() -> None:
    assert tuple(TABLE) == KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_tier_answers_each_ask_in_whole_sentences(kind: str, tier: Tier, language: str) -> None:
    answer = asked(kind, tier, language=language)
    assert answer.outcome[0] == TABLE[kind][tier.rank - 1]
    said(answer)


def said(answer: Decision) -> None:
    """Whole sentences, nothing left to fill in, a stable rule, and a way on from every no."""
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", answer.rule)
    assert re.fullmatch(r"[A-ZÀÉ].*\.", answer.reason), answer.reason
    assert re.fullmatch(r"([A-ZÀÉ].*\.)?", answer.remedy), answer.remedy
    assert answer.remedy or isinstance(answer, Granted)
    assert not re.search(r"[{}]|None| - ", answer.reason + answer.remedy)


@pytest.mark.parametrize("state", OUT)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_out_of_contract_every_ask_is_answered_no_with_a_way_on(state: str, kind: str, language: str) -> None:
    answer = asked(kind, Tier.PLATINUM, in_state(state), language=language)
    assert isinstance(answer, Refused)
    assert answer.rule == f"contract.{state}"
    said(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_without_any_contract_every_ask_is_answered_no_with_a_way_on(kind: str) -> None:
    answer = decide(Ask(kind, TEN), None, Usage(), TEN, ContractFacts())
    assert answer.rule == "contract.none"
    said(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_on_no_line_has_only_what_belongs_to_the_customer(kind: str) -> None:
    answer = asked(kind, Tier.PLATINUM, replace(FACTS, covered=False))
    expected = "granted" if kind in ("escalation", "dossier_review", "named_engineer") else "refused"
    assert answer.outcome == expected
    assert expected == "granted" or answer.rule == "coverage.machine"


@pytest.mark.parametrize(
    ("tier", "severity", "at", "respond_by"),
    [
        (Tier.BRONZE, 1, TEN, "2026-03-10T13:00Z"),
        (Tier.BRONZE, 3, TEN, "2026-03-12T09:00Z"),
        (Tier.BRONZE, 2, NIGHT, "2026-03-11T16:00Z"),
        (Tier.SILVER, 1, NIGHT, "2026-03-11T09:00Z"),
        (Tier.GOLD, 1, NIGHT, "2026-03-10T22:00Z"),
        (Tier.GOLD, 2, NIGHT, "2026-03-11T09:00Z"),
        (Tier.PLATINUM, 1, NIGHT, "2026-03-10T21:15Z"),
        (Tier.PLATINUM, 4, NIGHT, "2026-03-11T21:00Z"),
    ],
)
def test_an_incident_is_answered_by_the_instant_of_its_tier_and_severity(
    tier: Tier, severity: int, at: datetime, respond_by: str
) -> None:
    answer = asked("open_incident", tier, at=at, severity=severity)
    assert isinstance(answer, Granted)
    assert answer.respond_by == datetime.fromisoformat(respond_by)
    assert answer.skill == DEFAULTS[tier].skill_floor


def test_the_hours_are_those_of_the_site_and_the_dates_those_of_the_contract() -> None:
    tokyo = replace(FACTS, site_zone="Asia/Tokyo", country="JP")
    answer = asked("open_incident", Tier.SILVER, tokyo, at=datetime(2026, 3, 10, 0, 0, tzinfo=UTC), severity=1)
    assert isinstance(answer, Granted)
    assert answer.respond_by == datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
    last_night = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    assert asked("telemetry", Tier.SILVER, tokyo, at=last_night).outcome == "granted"


def test_out_of_hours_is_refused_with_the_next_opening_where_time_is_the_reason() -> None:
    answer = asked("out_of_hours", Tier.SILVER, at=NIGHT)
    assert isinstance(answer, Refused)
    assert answer.next_opening == datetime(2026, 3, 11, 7, 0, tzinfo=UTC)
    assert "2026-03-11 08:00 Europe/Paris" in answer.remedy
    said(answer)
    assert asked("out_of_hours", Tier.GOLD, at=NIGHT, severity=1).outcome == "granted"


def test_a_visit_on_site_is_owed_by_its_own_promise() -> None:
    answer = asked("site_visit", Tier.GOLD)
    assert isinstance(answer, Granted)
    assert (answer.respond_by, answer.on_site_by) == (None, datetime(2026, 3, 10, 13, 0, tzinfo=UTC))


def test_days_of_grace_are_granted_and_flagged_then_over() -> None:
    terms = replace(DEFAULTS[Tier.PLATINUM], grace_days=7)
    facts = replace(FACTS, ends_on=date(2026, 3, 9))
    graced = decide(Ask("open_incident", TEN, 1), terms, Usage(), TEN, facts)
    assert isinstance(graced, Granted)
    assert graced.rule == "contract.grace"
    assert graced.respond_by == datetime(2026, 3, 10, 9, 15, tzinfo=UTC)
    gold = replace(DEFAULTS[Tier.GOLD], grace_days=7)
    assert isinstance(decide(Ask("detection", TEN), gold, Usage(), TEN, facts), Shadow)
    assert (
        decide(Ask("telemetry", TEN), terms, Usage(), TEN, replace(facts, ends_on=date(2026, 3, 2))).outcome
        == "refused"
    )


def test_a_spent_allowance_is_refused_and_one_that_is_left_is_named() -> None:
    ask, terms = Ask("site_visit", TEN), DEFAULTS[Tier.GOLD]
    spent = decide(ask, terms, Usage({"site_visit": 0}), TEN, FACTS)
    assert spent.rule == "allowance.spent"
    said(spent)
    left = decide(ask, terms, Usage({"site_visit": 1}), TEN, FACTS)
    assert isinstance(left, Granted)
    assert left.uses == "site_visit"
    uncounted = decide(ask, terms, Usage(), TEN, FACTS)
    assert isinstance(uncounted, Granted)
    assert uncounted.uses == ""


def test_edited_terms_decide_not_the_name_of_the_tier() -> None:
    watched = replace(DEFAULTS[Tier.BRONZE], watching=Watching.DETECT)
    answer = decide(Ask("detection", TEN), watched, Usage(), TEN, FACTS)
    assert answer.outcome == "granted"
    assert "bronze" in answer.reason


def test_a_scope_taken_out_of_the_terms_is_refused() -> None:
    without = replace(DEFAULTS[Tier.BRONZE], scope=frozenset())
    for kind in ("hardware_support", "spare_part", "site_visit"):
        answer = decide(Ask(kind, TEN), without, Usage(), TEN, FACTS)
        assert answer.outcome == "refused"
        said(answer)


@pytest.mark.parametrize("field", [{"kind": "free_lunch"}, {"kind": "telemetry", "severity": 0}])
def test_an_ask_that_makes_no_sense_is_refused_at_its_origin(field: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^(ask|severity): "):
        Ask(asked_at=TEN, **field)  # type: ignore[arg-type]  # wrong on purpose


def test_both_languages_have_the_same_rules_with_the_same_facts() -> None:
    assert list(english.SENTENCES) == list(french.SENTENCES)
    for rule, (reason, remedy) in english.SENTENCES.items():
        for ours, theirs in zip((reason, remedy), french.SENTENCES[rule], strict=True):
            assert bool(ours) == bool(theirs), rule
            assert fields(theirs) <= ALLOWED[rule.split(".")[0]] | SHARED, rule
            assert fields(ours) <= ALLOWED[rule.split(".")[0]] | SHARED, rule


SHARED = {"number", "tier", "ends", "starts", "severity"}
ALLOWED: dict[str, set[str]] = {
    "contract": set(),
    "coverage": set(),
    "allowance": {"ask"},
    "telemetry": set(),
    "silence": set(),
    "detection": set(),
    "named": {"people"},
    "review": {"months"},
    "escalation": set(),
    "hours": {"hours", "opening"},
    "promise": {"ask", "budget", "by"},
    "scope": {"ask", "first"},
}


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_every_word_inside_a_french_sentence_is_french() -> None:
    assert all(words.hours(name, "fr") != name for name in HOURS)
    assert words.tier(Tier.GOLD, "fr") == "or"
    assert words.budget(DEFAULTS[Tier.BRONZE].respond[4], "fr") == "5 jours ouvrés"
    assert all("_" not in words.ask(kind, "fr") for kind in KINDS)


def test_an_unknown_language_is_answered_in_english() -> None:
    assert asked("telemetry", language="tlh") == asked("telemetry", language="en")
