"""What a contract answers: the whole table of asks and tiers, every standing, and words for every rule."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from string import Formatter
from typing import Any

import pytest

from contracts import english, french, words
from contracts.asking import RIGHT, Contact
from contracts.decision import KINDS, Ask, ContractFacts, Decision, Granted, Refused, Shadow, Usage, decide
from contracts.outside import SOLD
from contracts.tiers import DEFAULTS, Tier, Watching

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
    assert "Wed 11 March 2026, 08:00 (Europe/Paris)" in answer.remedy
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


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_spent_allowance_is_refused_with_the_day_it_is_renewed_and_one_that_is_left_is_named(language: str) -> None:
    ask, terms = Ask("site_visit", TEN), DEFAULTS[Tier.GOLD]
    july = date(2026, 7, 1)
    spent = decide(ask, terms, Usage({"visits": 0}, {"visits": july}), TEN, FACTS, language)
    assert isinstance(spent, Refused)
    assert (spent.rule, spent.next_opening) == ("allowance.spent", datetime(2026, 6, 30, 22, 0, tzinfo=UTC))
    assert {"en": "1 July 2026", "fr": "1er juillet 2026"}[language] in spent.remedy
    said(spent)
    last = decide(ask, terms, Usage({"visits": 0}), TEN, FACTS, language)
    assert isinstance(last, Refused)
    assert (last.rule, last.next_opening) == ("allowance.spent", None)
    said(last)
    left = decide(ask, terms, Usage({"visits": 1}), TEN, FACTS, language)
    assert isinstance(left, Granted)
    assert (left.uses, left.units) == ("visits", 1)
    uncounted = decide(ask, terms, Usage(), TEN, FACTS, language)
    assert isinstance(uncounted, Granted)
    assert uncounted.uses == ""


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("renewed", [{}, {"advice_hours": date(2026, 7, 1)}])
def test_more_units_than_are_left_are_refused_with_both_numbers(language: str, renewed: dict[str, date]) -> None:
    ask, usage = Ask("installation_advice", TEN, units=5), Usage({"advice_hours": 3}, renewed)
    short = decide(ask, DEFAULTS[Tier.GOLD], usage, TEN, FACTS, language)
    assert short.rule == "allowance.short"
    assert "3" in short.reason
    assert "5" in short.reason
    said(short)
    enough = decide(Ask("installation_advice", TEN, units=3), DEFAULTS[Tier.GOLD], usage, TEN, FACTS, language)
    assert isinstance(enough, Granted)
    assert (enough.uses, enough.units) == ("advice_hours", 3)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_contact_without_the_right_is_sent_to_those_who_have_it(kind: str, language: str) -> None:
    right = RIGHT.get(kind)
    for others in ({}, {"open": ("Ada", "Bo"), "escalate": ("Ada",), "sign": ("Ada",)}):
        nobody = Contact("Zed", frozenset(), others)
        answer = decide(Ask(kind, TEN, contact=nobody), DEFAULTS[Tier.PLATINUM], Usage(), TEN, FACTS, language)
        assert answer.rule == (f"contact.{right}" if right else answer.rule)
        assert (answer.outcome == "refused") is (right is not None)
        assert right is None or ("Ada" in answer.remedy) is bool(others)
        said(answer)
    may = Contact("Zed", frozenset({"open", "escalate", "sign"}))
    assert decide(Ask(kind, TEN, contact=may), DEFAULTS[Tier.PLATINUM], Usage(), TEN, FACTS).outcome == "granted"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_out_of_contract_every_sold_ask_names_its_price_and_the_emergency_way(language: str) -> None:
    for kind in KINDS:
        answer = decide(Ask(kind, TEN, 1), None, Usage(), TEN, ContractFacts(), language)
        assert isinstance(answer, Refused)
        assert [offer.path for offer in answer.offers] == (["paid", "emergency"] if kind in SOLD else [])
        if kind in SOLD:
            assert ("EUR 360.00" if language == "en" else "360,00 EUR") in answer.remedy or kind == "site_visit"
    visit = decide(Ask("site_visit", TEN), None, Usage(), TEN, ContractFacts())
    assert isinstance(visit, Refused)
    assert [offer.least for offer in visit.offers] == [810_00, 1890_00]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_where_time_is_the_reason_the_next_opening_is_named(language: str) -> None:
    june = replace(FACTS, starts_on=date(2026, 6, 1))
    later = asked("open_incident", facts=june, language=language)
    assert isinstance(later, Refused)
    assert later.next_opening == datetime(2026, 5, 31, 22, 0, tzinfo=UTC)
    coming = replace(FACTS, covered=False, covered_from=date(2026, 4, 1))
    for kind in ("open_incident", "telemetry"):
        line = asked(kind, facts=coming, language=language)
        assert isinstance(line, Refused)
        assert (line.rule, line.next_opening) == ("coverage.machine", datetime(2026, 3, 31, 22, 0, tzinfo=UTC))
        said(line)
    never = replace(DEFAULTS[Tier.BRONZE], hours=dict.fromkeys((1, 2, 3, 4), "Sun 9-10"))
    shut = replace(FACTS, starts_on=None, ends_on=None)
    closed = decide(Ask("out_of_hours", TEN), never, Usage(), TEN, shut, language)
    assert isinstance(closed, Refused)
    assert closed.next_opening == datetime(2026, 3, 15, 8, 0, tzinfo=UTC)
    said(closed)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", ["open_incident", "telemetry"])
@pytest.mark.parametrize("begins", [None, date(2026, 4, 1)])
def test_a_service_on_no_line_is_refused_by_its_own_rule(kind: str, begins: date | None, language: str) -> None:
    ask = Ask(kind, TEN, service="backup")
    answer = decide(
        ask, DEFAULTS[Tier.GOLD], Usage(), TEN, replace(FACTS, covered=False, covered_from=begins), language
    )
    assert answer.rule == "coverage.service"
    said(answer)


def test_what_a_machine_says_by_itself_opens_an_incident_where_detection_does() -> None:
    outcomes = [
        decide(Ask("open_incident", TEN, channel="telemetry"), DEFAULTS[tier], Usage(), TEN, FACTS) for tier in Tier
    ]
    assert [one.outcome for one in outcomes] == ["refused", "refused", "shadow", "granted"]
    assert outcomes[3].rule == "promise.open_incident"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_who_phones_when_it_is_closed_hears_when_the_phone_is_answered_again(language: str) -> None:
    written = decide(Ask("open_incident", NIGHT), DEFAULTS[Tier.SILVER], Usage(), NIGHT, FACTS, language)
    phoned = decide(
        Ask("open_incident", NIGHT, channel="phone"), DEFAULTS[Tier.SILVER], Usage(), NIGHT, FACTS, language
    )
    assert isinstance(phoned, Granted)
    assert isinstance(written, Granted)
    assert phoned.respond_by == written.respond_by
    assert phoned.remedy != written.remedy
    assert phoned.next_opening == datetime(2026, 3, 11, 7, 0, tzinfo=UTC)
    said(phoned)
    said(written)


def test_a_grant_tells_its_promises_and_who_answers_first() -> None:
    answer = asked("open_incident", Tier.GOLD, severity=1)
    assert isinstance(answer, Granted)
    assert [(one.kind, one.by) for one in answer.promises] == [
        ("respond", datetime(2026, 3, 10, 10, 0, tzinfo=UTC)),
        ("update", datetime(2026, 3, 10, 11, 0, tzinfo=UTC)),
    ]
    assert (answer.skill, answer.people) == ("confirmed", ("account engineer", "deputy"))
    second = asked("open_incident", Tier.GOLD, severity=2)
    assert isinstance(second, Granted)
    assert [one.kind for one in second.promises] == ["respond"]


def test_a_raised_severity_counts_from_the_opening() -> None:
    ask = Ask("raise_severity", TEN, 1, since=datetime(2026, 3, 10, 8, 30, tzinfo=UTC))
    answer = decide(ask, DEFAULTS[Tier.GOLD], Usage(), TEN, FACTS)
    assert isinstance(answer, Granted)
    assert answer.respond_by == datetime(2026, 3, 10, 9, 30, tzinfo=UTC)


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
    assert set(english.SENTENCES) == set(french.SENTENCES)
    for rule, pair in english.SENTENCES.items():
        for ours, theirs in zip(pair, french.SENTENCES[rule], strict=True):
            assert bool(ours) == bool(theirs), rule
            assert fields(theirs) == fields(ours), rule


def test_every_sentence_that_is_written_can_be_said() -> None:
    """Whatever no table above brought about is brought about here, so that no fact is ever missing from a sentence."""
    never = replace(DEFAULTS[Tier.BRONZE], hours=dict.fromkeys((1, 2, 3, 4), "Mon 0-1"))
    shut = replace(FACTS, country="", starts_on=None, ends_on=None)
    facts: dict[str, Any] = {
        "number": "VC-7", "tier": Tier.GOLD, "first": Tier.GOLD, "ends": TEN.date(), "starts": TEN.date(),
        "last": TEN.date(), "begins": TEN.date(), "next": TEN.date(), "severity": 2, "hours": "24x7",
        "zone": "Europe/Paris", "ask": "site_visit", "least": (100, "EUR"), "urgent": (100, "EUR"), "name": "Zed",
        "others": ("Ada", "Bo"), "people": ("deputy",), "months": 6, "pool": "visits", "left": 1, "units": 2,
        "opening": TEN, "by": TEN, "budget": never.on_site, "service": "backup",
    }  # fmt: skip
    for language, sentences in words.SENTENCES.items():
        for key in sentences:
            told = words.Said(language, key, facts)
            assert not re.search(r"[{}]|None", told.reason + told.remedy), key
    assert decide(Ask("open_incident", TEN), never, Usage(), TEN, shut).outcome == "granted"


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_every_word_inside_a_french_sentence_is_french() -> None:
    names = {name for terms in DEFAULTS.values() for name in terms.hours.values()}
    assert all(words.hours(name, "fr") != name for name in names)
    assert words.tier(Tier.GOLD, "fr") == "or"
    assert words.budget(DEFAULTS[Tier.BRONZE].respond[4], "fr") == "5 jours ouvrés"
    assert all("_" not in words.ask(kind, "fr") for kind in KINDS)


def test_an_unknown_language_is_answered_in_english() -> None:
    assert asked("telemetry", language="tlh") == asked("telemetry", language="en")
