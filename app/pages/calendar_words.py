"""The words of the calendar pages, in English and French: whole sentences. Plain."""

from __future__ import annotations

from collections.abc import Mapping

HEADS: Mapping[str, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
LETTERS: Mapping[str, tuple[str, ...]] = {
    "en": ("M", "T", "W", "T", "F", "S", "S"),
    "fr": ("L", "M", "M", "J", "V", "S", "D"),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "calendars": "Service calendars",
        "lede": "Hours by name, in versions. A promise keeps the version it was made with.",
        "none": "No calendar has a name yet: contracts use the weekly hours in their terms.",
        "add": "Add a calendar",
        "change": "Next version",
        "hours_of": "Hours of a contract",
        "look": "Look",
        "contract": "Contract",
        "severity": "Severity",
        "of_contract": "Hours of {number}, severity {severity}",
        "open": "Open now, until {until}.",
        "always": "Open around the clock.",
        "closed": "Closed now; opens {until}.",
        "never": "Closed, and does not open within two years.",
        "ask": "When are we next open?",
        "ask_at": "From this time on, by the clock of {zone}",
        "not_an_instant": "That is no date and time; write it as 2026-07-14 18:00.",
        "year": "The year {year}",
        "before": "Year before",
        "after": "Year after",
        "kind_open": "open as usual",
        "kind_part": "open for part of the usual hours",
        "kind_closed": "closed",
        "kind_holiday": "public holiday, closed",
        "days": "{n} days",
        "versions": "Versions",
        "version": "Version",
        "from": "from",
        "by": "by",
        "why": "why",
        "zone": "Zone",
        "name": "Name",
        "now": "Now",
        "language_other": "Français",
        "read_in": "Days are those of {zone}.",
    },
    "fr": {
        "calendars": "Calendriers de service",
        "lede": "Des horaires nommés, en versions. Une promesse garde la version sous laquelle elle a été faite.",
        "none": "Aucun calendrier n'a encore de nom : les contrats suivent les horaires de leurs conditions.",
        "add": "Ajouter un calendrier",
        "change": "Version suivante",
        "hours_of": "Horaires d'un contrat",
        "look": "Voir",
        "contract": "Contrat",
        "severity": "Gravité",
        "of_contract": "Horaires de {number}, gravité {severity}",
        "open": "Ouvert, jusqu'au {until}.",
        "always": "Ouvert jour et nuit.",
        "closed": "Fermé ; ouvre le {until}.",
        "never": "Fermé, sans ouverture d'ici deux ans.",
        "ask": "Quand sommes-nous de nouveau ouverts ?",
        "ask_at": "À partir de ce moment, à l'heure de {zone}",
        "not_an_instant": "Ce n'est ni une date ni une heure ; écrivez 2026-07-14 18:00.",
        "year": "L'année {year}",
        "before": "Année précédente",
        "after": "Année suivante",
        "kind_open": "ouvert comme d'habitude",
        "kind_part": "ouvert une partie des heures habituelles",
        "kind_closed": "fermé",
        "kind_holiday": "jour férié, fermé",
        "days": "{n} jours",
        "versions": "Versions",
        "version": "Version",
        "from": "à partir du",
        "by": "par",
        "why": "raison",
        "zone": "Fuseau",
        "name": "Nom",
        "now": "Maintenant",
        "language_other": "English",
        "read_in": "Les jours sont ceux de {zone}.",
    },
}


def say(language: str, key: str, /, **facts: object) -> str:
    """A sentence of these pages. Raises KeyError for words nobody wrote."""
    return _WORDS[language][key].format(**facts)
