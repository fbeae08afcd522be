"""The words around what a contract answers: complete in both languages, and said as one says them."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.pages import cover_words
from app.pages.cover_words import ASKS, CHANNEL_WORDS, CHANNELS, GROUPS, LANGUAGES, SAID, moment, named, typeset
from contracts.decision import KINDS

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 5, 14, 0, 29, tzinfo=UTC)  # Thursday 14 May, 02:29 in Paris


def gaps(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_ask_stands_in_one_group_and_has_words() -> None:
    assert sorted(kind for _, kinds in GROUPS for kind in kinds) == sorted(KINDS)
    for language in LANGUAGES:
        assert set(ASKS[language]) == set(KINDS)
        assert set(CHANNEL_WORDS[language]) == set(CHANNELS)
        assert {group for group, _ in GROUPS} <= set(SAID[language])


def test_both_languages_say_the_same_things_with_the_same_facts() -> None:
    assert set(SAID["en"]) == set(SAID["fr"])
    for key, sentence in SAID["en"].items():
        assert gaps(sentence) == gaps(SAID["fr"][key]), key


@pytest.mark.parametrize(
    ("away", "english", "french"),
    [
        (timedelta(hours=2, minutes=11), "04:40", "aujourd’hui à 4\u202fh\u202f40"),
        (timedelta(days=1, hours=5, minutes=31), "Fri 08:00", "vendredi à 8\u202fh"),
        (timedelta(days=18, hours=5, minutes=31), "Mon 1 Jun 2026, 08:00", "lundi 1er juin 2026 à 8\u202fh"),
        (timedelta(days=-3), "Mon 11 May 2026, 02:29", "lundi 11 mai 2026 à 2\u202fh\u202f29"),
    ],
)
def test_an_instant_is_said_as_one_says_it(away: timedelta, english: str, french: str) -> None:
    assert moment(NOW + away, PARIS, NOW, "en") == english
    assert moment(NOW + away, PARIS, NOW, "fr") == french


def test_french_marks_and_hours_keep_together() -> None:
    assert (
        typeset("Fermé ; de 9 h à 17 h : l'heure ?", "fr")
        == "Fermé\u202f; de 9\u202fh à 17\u202fh\u202f: l’heure\u202f?"
    )
    assert typeset("Closed ; at 9 h", "en") == "Closed ; at 9 h"


def test_names_are_listed_in_the_language() -> None:
    assert named(["Ada", "Bo", "Cy"], "en") == "Ada, Bo and Cy"
    assert named(["Ada", "Bo"], "fr") == "Ada et Bo"
    assert (named([], "en"), named([], "fr")) == ("nobody", "personne")


def test_every_sentence_can_be_said() -> None:
    for language in LANGUAGES:
        for key, sentence in SAID[language].items():
            assert cover_words.say(language, key, **dict.fromkeys(gaps(sentence), "x"))
