"""The words a contract answers in; the sentences of each language stand in a table of their own. Plain.

A sentence is never put together from fragments: a language orders its words its own way. What stands inside one (a
tier, a budget, an instant) is written out only when somebody reads it, because most answers are only acted upon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from contracts import english, explain_words, french, hour_words
from contracts.budget import Budget
from contracts.terms import Tier

SENTENCES: Mapping[str, Mapping[str, tuple[str, str]]] = {"en": english.SENTENCES, "fr": french.SENTENCES}
LANGUAGES = tuple(SENTENCES)
_TIERS = {"fr": {"bronze": "bronze", "silver": "argent", "gold": "or", "platinum": "platine"}}
_AND = {"en": "and", "fr": "et"}


def tier(given: Tier, language: str) -> str:
    return _TIERS.get(language, {}).get(given.value, given.value)


def ask(kind: str, language: str) -> str:
    """What is asked for, as it stands inside a sentence."""
    return (french.ASKS if language == "fr" else english.ASKS).get(kind, kind.replace("_", " "))


def pool(kind: str, language: str) -> str:
    """What an allowance counts, as it stands inside a sentence."""
    return (french.POOLS if language == "fr" else english.POOLS).get(kind, kind.replace("_", " "))


def duty(name: str, language: str) -> str:
    """The duty of a named person; one the house made up is said as it is written."""
    return french.DUTIES.get(name, name) if language == "fr" else name


def hours(name: str, language: str) -> str:
    """Hours as they stand inside a sentence."""
    return hour_words.said(name, language)


def budget(given: Budget, language: str) -> str:
    if language != "fr" or not given.days:
        return given.words
    return f"{given.days} jour{'s' if given.days > 1 else ''} ouvré{'s' if given.days > 1 else ''}"


def money(cents: int, currency: str, language: str) -> str:
    """ "EUR 180.00", "180,00 EUR"."""
    whole = f"{cents // 100}{',' if language == 'fr' else '.'}{cents % 100:02d}"
    return f"{whole} {currency}" if language == "fr" else f"{currency} {whole}"


def listed(names: Sequence[str], language: str) -> str:
    """ "Ada, Bo and Cy"."""
    return f" {_AND[language]} ".join(part for part in (", ".join(names[:-1]), names[-1] if names else "") if part)


class Facts(Protocol):
    """Whatever knows facts by their names."""

    def __getitem__(self, name: str) -> Any: ...  # Any: see Said.facts


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of a rule and the facts in it, written out when it is read."""

    language: str  # one of LANGUAGES
    key: str
    facts: Mapping[str, Any]  # Any: what `_write` knows how to say
    more: Facts | None = None  # where a fact is looked up that is not among them

    @property
    def reason(self) -> str:
        """Raises KeyError for a rule without words: a test walks them all."""
        return self._fill(SENTENCES[self.language][self.key][0])

    @property
    def remedy(self) -> str:
        return self._fill(SENTENCES[self.language][self.key][1])

    def _fill(self, sentence: str) -> str:
        return sentence.format_map(_Facts(self.language, self.facts, self.more)) if "{" in sentence else sentence


class _Facts:
    """Facts by name, each written out in a language; the shape `format_map` wants."""

    def __init__(self, language: str, facts: Mapping[str, Any], more: Facts | None) -> None:
        self._language, self._facts, self._more = language, facts, more

    def raw(self, name: str) -> Any:  # Any: see Said.facts
        return self._facts[name] if name in self._facts or self._more is None else self._more[name]

    def __getitem__(self, name: str) -> str:
        return _write(name, self.raw(name), self._language, self)


def _write(name: str, value: Any, language: str, facts: _Facts) -> str:  # Any: see Said.facts
    match value:
        case Tier():
            return tier(value, language)
        case Budget():
            return budget(value, language)
        case datetime():
            return explain_words.instant(value, facts.raw("zone"), language)
        case date():
            return explain_words.day(value, language)
        case (int(cents), str(currency)):
            return money(cents, currency, language)
        case tuple():
            return listed([duty(one, language) for one in value], language)
    if name in _SAYING:
        return _SAYING[name](str(value), language)
    return str(value)


_SAYING = {"ask": ask, "pool": pool, "hours": hours}
