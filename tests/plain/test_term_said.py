"""Terms as somebody reads them who writes none: every line has words in both languages, and no change is hidden."""

from __future__ import annotations

import string
from typing import Any

import pytest

from app import term_labels, term_said, termtable
from app.pages import contract_words
from contracts.clock_terms import KINDS
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS
from tests.plain.test_termtable import CHANGES, RICH

REST: dict[str, Any] = {
    "hours": {"resolve": "Mon-Fri 22-6", "respond": "calendar:europe or calendar:asia"},
    "internal": {"acknowledge": {"1": {"seconds": 120}}},
    "vendor": {"budget": {"business_days": 1, "at": "16:00"}, "hours": "Mon-Fri 9-17"},
    "zone": "contract",
}


def said(body: dict[str, Any], language: str, *, inside: bool = True) -> dict[str, str]:
    return {row.path: row.said for row in term_said.rows(body, language, inside=inside)}


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_line_of_every_tier_is_said_under_a_label(tier: Tier, language: str) -> None:
    rows = term_said.rows(DEFAULTS[tier].to_json(), language, inside=True)
    assert [row.path for row in rows] == [field.path for field in termtable.FIELDS]
    assert all(row.label and row.said and row.group for row in rows)


def test_every_line_has_a_label_in_both_languages() -> None:
    for language in ("en", "fr"):
        for field in termtable.FIELDS:
            assert term_labels.label(field.path, language)
            assert term_labels.group(field.group, language)
        for kind in KINDS:
            assert term_labels.label(f"clocks.hours.{kind}", language)
            assert term_labels.label(f"clocks.internal.{kind}", language)
    assert set(term_labels.REST["en"]) == set(term_labels.REST["fr"])


def test_a_french_reader_meets_french_values() -> None:
    gold = said(DEFAULTS[Tier.GOLD].to_json(), "fr")
    assert gold["tier"] == "or"
    assert gold["hours.1"] == "jour et nuit"
    assert gold["hours.2"] == "du lundi au samedi de 8 h à 20 h"
    assert gold["respond.4"] == "1 jour ouvré"
    assert gold["skill_floor"] == "confirmé"
    assert gold["named_people"] == "ingénieur de compte, suppléant"
    assert gold["review_months"] == "tous les 6 mois"
    assert gold["allowances.visits"] in ("non compté", *(f"{n} par an" for n in range(100)))
    bronze = said(DEFAULTS[Tier.BRONZE].to_json(), "fr")
    assert bronze["on_site"] == "1 jour ouvré, avant la fermeture"
    assert bronze["named_people"] == "personne"
    assert bronze["review_months"] == "ni dossier ni revue"


def test_what_the_form_keeps_as_json_is_said_line_by_line_and_our_own_targets_to_us_alone() -> None:
    body = Terms.from_json(DEFAULTS[Tier.GOLD].to_json() | {"clocks": REST}).to_json()
    english, french = said(body, "en"), said(body, "fr")
    assert english["clocks.hours.resolve"] == "Mon-Fri 22-6 (next day)"
    assert french["clocks.hours.resolve"] == "du lundi au vendredi de 22 h à 6 h le lendemain"
    assert english["clocks.internal.acknowledge"] == "1: 2 min"
    assert french["clocks.internal.acknowledge"] == "gravité 1 : 2 min"
    assert english["clocks.vendor"] == "1 d at 16:00, counted by Mon-Fri 9-17"
    assert french["clocks.vendor"] == "1 jour ouvré, à 16 h, selon les horaires du lundi au vendredi de 9 h à 17 h"
    assert (english["clocks.zone"], french["clocks.zone"]) == ("the contract", "le contrat")
    outside = said(body, "en", inside=False)
    assert outside["clocks.vendor"] == "1 business day, at 16:00, counted by Mon-Fri 9-17"
    assert outside["respond.4"] == "1 business day"
    assert set(english) - set(outside) == {"clocks.internal.acknowledge"}
    assert "internal" not in term_said.for_customer(body)["clocks"]
    assert term_said.for_customer(DEFAULTS[Tier.GOLD].to_json()) == DEFAULTS[Tier.GOLD].to_json()


@pytest.mark.parametrize("path", sorted(CHANGES))
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_change_of_a_line_is_a_difference_that_reads(path: str, language: str) -> None:
    before = RICH.to_json()
    after = termtable.changed(before, termtable.lines(before) | {path: CHANGES[path]})
    found = term_said.differences(before, after, language, inside=True)
    assert term_labels.label(path, language) in [one.label for one in found] or path == termtable.REST.path
    assert found
    assert all(one.before != one.after for one in found)


def test_a_customer_reads_business_days_and_one_of_us_what_the_form_takes() -> None:
    bronze = DEFAULTS[Tier.BRONZE].to_json()
    assert said(bronze, "en")["on_site"] == "1 d by closing"
    assert said(bronze, "en", inside=False)["on_site"] == "1 business day, by closing time"
    assert said(bronze, "en", inside=False)["respond.4"] == "5 business days"
    assert said(RICH.to_json(), "en", inside=False)["clocks.budgets.resolve"] == "severity 1: 8 h"
    assert said(RICH.to_json(), "en", inside=False)["allowances.visits"] == "4 a year"


def test_a_person_on_a_ladder_is_named_to_us_and_not_to_the_customer() -> None:
    body = DEFAULTS[Tier.GOLD].to_json() | {"ladder": [{"who": "person:dee@example.org", "wait": 120}]}
    assert said(body, "en")["ladder"] == "dee@example.org (2 min)"
    assert said(body, "en", inside=False)["ladder"] == "a person named by us (2 min)"
    assert said(body, "fr", inside=False)["ladder"] == "une personne que nous nommons (2 min)"


def test_the_page_says_the_same_things_with_the_same_facts_in_both_languages() -> None:
    def gaps(sentence: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    for table in (contract_words.SAID, contract_words.DEEDS):
        assert set(table["en"]) == set(table["fr"])
        for key, sentence in table["en"].items():
            assert gaps(sentence) == gaps(table["fr"][key]), key
