"""The words a contract answers in; the sentences of each language stand in a table of their own. Plain.

A sentence is never put together from fragments: a language orders its words its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from contracts import english, french
from contracts.tiers import Budget, Tier

SENTENCES: Mapping[str, Mapping[str, tuple[str, str]]] = {"en": english.SENTENCES, "fr": french.SENTENCES}
_TIERS = {"fr": {"bronze": "bronze", "silver": "argent", "gold": "or", "platinum": "platine"}}
_ASKS = {
    "en": {
        "open_incident": "an incident",
        "raise_severity": "a raised severity",
        "site_visit": "a site visit",
        "spare_part": "spare parts",
    },
    "fr": {
        "open_incident": "un incident",
        "raise_severity": "une gravité relevée",
        "out_of_hours": "hors horaires",
        "site_visit": "une visite sur site",
        "spare_part": "les pièces détachées",
        "hardware_support": "l'assistance matérielle",
        "software_support": "l'assistance logicielle",
        "installation_advice": "le conseil à l'installation",
        "proactive_call": "l'appel proactif",
        "remote_administration": "l'administration à distance",
        "remote_diagnostics": "le diagnostic à distance",
        "detached_engineer": "l'ingénieur détaché",
    },
}
_HOURS_FR = {
    "Mon-Fri 9-17": "du lundi au vendredi de 9 h à 17 h",
    "Mon-Fri 8-18": "du lundi au vendredi de 8 h à 18 h",
    "Mon-Sat 8-20": "du lundi au samedi de 8 h à 20 h",
    "24x7": "jour et nuit",
}


def tier(given: Tier, language: str) -> str:
    return _TIERS.get(language, {}).get(given.value, given.value)


def ask(kind: str, language: str) -> str:
    """What is asked for, as it stands inside a sentence."""
    return _ASKS.get(language, {}).get(kind, kind.replace("_", " "))


def hours(name: str, language: str) -> str:
    return _HOURS_FR.get(name, name) if language == "fr" else ("around the clock" if name == "24x7" else name)


def budget(given: Budget, language: str) -> str:
    if language != "fr" or not given.days:
        return given.words
    return f"{given.days} jour{'s' if given.days > 1 else ''} ouvré{'s' if given.days > 1 else ''}"


def instant(at: datetime | None, zone: str) -> str:
    """A local date and time with its zone; a dash where there is none."""
    return "-" if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


class Speaker:
    """Fills the sentences of one language with the facts every sentence may use."""

    def __init__(self, language: str, **facts: Any) -> None:  # Any: strings, numbers and dates to fill in
        self.language = language if language in SENTENCES else "en"
        self._facts = {name: value.isoformat() if isinstance(value, date) else value for name, value in facts.items()}

    def __call__(self, rule: str, part: str, **more: Any) -> str:  # Any: as above
        """The reason or the remedy of a rule. Raises KeyError for a rule without words: a test walks them all."""
        sentence = SENTENCES[self.language][rule][0 if part == "reason" else 1]
        return sentence.format(**{**self._facts, **more})
