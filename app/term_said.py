"""Terms as somebody reads them who writes none: each line's value in their language, and what of two versions differs.

In English a line reads as it is written in the form, but for words that only the form needs; French has its own. Plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import term_labels, termtable, termtext
from contracts import hour_words, words
from contracts.ladder_terms import ROLES

Said = Callable[[Any], str]  # Any: a JSON value of terms
_NOTHING: Mapping[str, str] = {"en": "none", "fr": "rien de promis"}
_USUAL: Mapping[str, str] = {"en": "as usual", "fr": "selon l’usage"}
DIM = frozenset({*_NOTHING.values(), *_USUAL.values(), "not counted", "non compté", "personne", "rien", "jamais"})

_SCOPE = {"hardware": "matériel", "software": "logiciel de base", "installation": "conseil d’installation",
          "environment": "environnement complet", "tele-alarm": "télé-alarme",
          "remote-administration": "administration à distance"}  # fmt: skip
_TIERS = {"bronze": "bronze", "silver": "argent", "gold": "or", "platinum": "platine"}
_SKILLS = {"junior": "junior", "confirmed": "confirmé", "senior": "senior"}
_PERIODS = {"month": "par mois", "quarter": "par trimestre", "half": "par semestre", "year": "par an"}
_REASONS = {"customer": "le client", "vendor": "un fournisseur", "maintenance": "une maintenance"}
_WATCHING = {
    "en": {
        "collect": "kept when it is sent, no detection",
        "watch": "kept; silence and hard faults are shown",
        "shadow": "kept; detection in shadow: findings are listed at the review",
        "detect": "detection opens incidents and calls",
    },
    "fr": {
        "collect": "conservée quand elle est envoyée, sans détection",
        "watch": "conservée ; les silences et les pannes franches sont montrés",
        "shadow": "conservée ; détection sans alerte : les constats sont présentés à la revue",
        "detect": "la détection ouvre des incidents et fait appeler",
    },
}
_COUNTS = {
    "en": {
        "escalate_after": "on the rung",
        "from_previous": "since the page before",
        "from_opening": "since the opening",
    },
    "fr": {
        "escalate_after": "sur l’échelon",
        "from_previous": "depuis l’appel précédent",
        "from_opening": "depuis l’ouverture",
    },
}
_ON_SEVERITY = {
    "en": {"retroactive": "from the opening", "restart": "anew"},
    "fr": {"retroactive": "depuis l’ouverture", "restart": "à neuf"},
}
_ON_END = {
    "en": {"snapshot": "are kept", "cutoff": "end with it"},
    "fr": {"snapshot": "sont tenues", "cutoff": "finissent avec lui"},
}
_RUNGS = {
    "en": {"duty": "engineer on duty", "second": "second engineer", "account": "the account's people",
           "lead": "lead", "number-two": "number two", "number-one": "number one"},
    "fr": {"duty": "ingénieur d’astreinte", "second": "second ingénieur", "account": "les attitrés du compte",
           "lead": "responsable", "number-two": "numéro deux", "number-one": "numéro un"},
}  # fmt: skip
_KINDS = {
    "en": {"team": "everybody on duty in {name}", "schedule": "schedule {name}", "person": "a person named by us"},
    "fr": {
        "team": "toute l’astreinte {name}",
        "schedule": "planning {name}",
        "person": "une personne que nous nommons",
    },
}
_VENDOR = {"en": "{budget}, counted by {hours}", "fr": "{budget}, selon les horaires {hours}"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the terms: where it stands in them, its group, what people call it, and what is agreed."""

    path: str
    group: str
    label: str
    said: str


@dataclass(frozen=True, slots=True)
class Differ:
    """One line of the table that changed."""

    label: str
    before: str
    after: str


def rows(body: Mapping[str, Any], language: str, *, inside: bool) -> list[Row]:
    """The whole table. `inside`: for us, with what customers do not read (our own targets)."""
    found = [
        Row(field.path, term_labels.group(field.group, language), term_labels.label(field.path, language),
            value(field.path, termtable.value_at(body, field.path), language, inside=inside))
        for field in termtable.FIELDS
    ]  # fmt: skip
    rest = [
        Row(path, term_labels.group("Rules", language), term_labels.label(path, language), said)
        for path, said in _rest(termtable.rest_of(body), language, inside)
        if inside or not path.startswith("clocks.internal.")
    ]
    return [*found, *rest]


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], language: str, *, inside: bool
) -> list[Differ]:  # Any: terms as JSON
    """The lines in which two versions differ, in the order of the table."""
    old = {row.path: row for row in rows(before, language, inside=inside)}
    new = {row.path: row for row in rows(after, language, inside=inside)}
    gone = _NOTHING[language]
    return [
        Differ((new.get(path) or old[path]).label, old[path].said if path in old else gone,
               new[path].said if path in new else gone)
        for path in {**new, **old}
        if (path in old and old[path].said) != (path in new and new[path].said)
    ]  # fmt: skip


def for_customer(body: Mapping[str, Any]) -> dict[str, Any]:  # Any: terms as JSON
    """Terms as the customer may read them: without our own targets."""
    clocks = {name: part for name, part in (body.get("clocks") or {}).items() if name != "internal"}
    without = {name: part for name, part in body.items() if name != "clocks"}
    return {**without, "clocks": clocks} if clocks else without


def value(path: str, given: Any, language: str, *, inside: bool) -> str:  # Any: a JSON value of terms
    """What is agreed in one line. Customers do not read the addresses of our people."""
    if path == "ladder":
        return ", ".join(f"{_rung(one['who'], language, inside)} ({_seconds(one['wait'])})" for one in given)
    speak = (_FRENCH if language == "fr" else _ENGLISH).get(path)
    said = speak(given) if speak is not None else _by_kind(path, given, language, inside)
    return said or _USUAL[language]


def _by_kind(path: str, given: Any, language: str, inside: bool) -> str:
    first = path.partition(".")[0]
    if first == "hours":
        return hour_words.said(given, language)
    promised = first in ("respond", "update", "on_site") or path.startswith("clocks.budgets.")
    if language != "fr" and (inside or not promised):
        return termtable.BY_PATH[path].write(given)
    if path.startswith("clocks.budgets."):
        return _by_severity(given, language)
    if first == "allowances":
        return f"{given['units']} {_PERIODS[given['period']]}" if given else "non compté"
    if first == "keep":
        return "" if given is None else _days(given)
    return _budget(given, language)  # the response, the next update, a visit


_BUDGET: Mapping[str, Mapping[str, str]] = {
    "en": {
        "one": "1 business day",
        "many": "{n} business days",
        "closing": "{days}, by closing time",
        "at": "{days}, at {hour}",
        "severity": "severity {n}: {budget}",
        "between": "; ",
    },
    "fr": {
        "one": "1 jour ouvré",
        "many": "{n} jours ouvrés",
        "closing": "{days}, avant la fermeture",
        "at": "{days}, à {hour}",
        "severity": "gravité {n} : {budget}",
        "between": " ; ",
    },
}


def _budget(given: Any, language: str) -> str:
    """ "1 h 30 min", "2 jours ouvrés", "1 business day, by closing time", "1 jour ouvré, à 16 h"."""
    if not given:
        return _NOTHING[language]
    number, said = given.get("business_days", 0), _BUDGET[language]
    if not number:
        return termtext.duration(given)
    days = said["one"] if number == 1 else said["many"].format(n=number)
    if given.get("by") == "closing":
        return said["closing"].format(days=days)
    return said["at"].format(days=days, hour=_hour(str(given["at"]), language)) if given.get("at") else days


def _hour(given: str, language: str) -> str:
    hour, _, minute = given.partition(":")
    if language != "fr":
        return given
    return f"{int(hour)} h" if minute == "00" else f"{int(hour)} h {minute}"


def _by_severity(given: Any, language: str) -> str:
    said = _BUDGET[language]
    found = [said["severity"].format(n=n, budget=_budget(one, language)) for n, one in sorted((given or {}).items())]
    return said["between"].join(found) or _NOTHING[language]


def _seconds(given: int) -> str:
    return termtext.duration({"seconds": given})


def _days(given: int) -> str:
    return "1 jour" if given == 1 else f"{given} jours"


def _listed(given: Sequence[str], said: Mapping[str, str], nothing: str) -> str:
    return ", ".join(said.get(one, one) for one in given) or nothing


def _rung(who: str, language: str, inside: bool) -> str:
    kind, colon, name = who.partition(":")
    if kind == "person" and inside:
        return name
    if colon:
        return _KINDS[language][kind].format(name=name)
    return _RUNGS[language].get(who) or words.duty(ROLES[who], language)


def _rest(clocks: Mapping[str, Any], language: str, inside: bool) -> Iterator[tuple[str, str]]:
    """What of the clocks the form gives as JSON, line by line."""
    as_form = language == "en" and inside
    for kind, hours in (clocks.get("hours") or {}).items():
        yield f"clocks.hours.{kind}", hour_words.said(hours, language)
    for kind, budgets in (clocks.get("internal") or {}).items():
        yield f"clocks.internal.{kind}", termtext.by_severity(budgets) if as_form else _by_severity(budgets, language)
    if vendor := clocks.get("vendor"):
        budget = termtext.duration(vendor["budget"]) if as_form else _budget(vendor["budget"], language)
        hours = vendor.get("hours")
        told = {"budget": budget, "hours": hour_words.said(hours, language) if hours else ""}
        yield "clocks.vendor", _VENDOR[language].format(**told) if hours else budget
    if zone := clocks.get("zone"):
        yield "clocks.zone", {"en": "the contract", "fr": "le contrat"}[language] if zone == "contract" else zone
    if calendars := clocks.get("calendars"):
        yield "clocks.calendars", ", ".join(sorted(calendars))


_ENGLISH: Mapping[str, Said] = {
    "watching": lambda given: _WATCHING["en"][given],
    "climbing.convention": lambda given: _COUNTS["en"][given or "escalate_after"],
    "clocks.on_severity": lambda given: _ON_SEVERITY["en"][given or "retroactive"],
    "clocks.on_end": lambda given: _ON_END["en"][given or "snapshot"],
}
_FRENCH: Mapping[str, Said] = {
    "tier": lambda given: _TIERS[given],
    "scope": lambda given: _listed(given, _SCOPE, "rien"),
    "skill_floor": lambda given: _SKILLS[given],
    "named_people": lambda given: ", ".join(words.duty(one, "fr") for one in given) or "personne",
    "review_months": lambda given: f"tous les {given} mois" if given else "ni dossier ni revue",
    "watching": lambda given: _WATCHING["fr"][given],
    "climbing.convention": lambda given: _COUNTS["fr"][given or "escalate_after"],
    "climbing.repeats": lambda given: f"{given} fois" if given else "jamais",
    "climbing.again_after": lambda given: _seconds(given) if given else "jamais",
    "grace_days": lambda given: str(given or 0),
    "false_alarms": lambda given: "" if given is None else str(given),
    "silence_s": lambda given: "" if given is None else str(given),
    "clocks.pauses": lambda given: "" if given is None else _listed(given, _REASONS, "pour rien"),
    "clocks.on_severity": lambda given: _ON_SEVERITY["fr"][given or "retroactive"],
    "clocks.on_end": lambda given: _ON_END["fr"][given or "snapshot"],
    "clocks.warn_at": lambda given: "" if given is None else ", ".join(str(one) for one in given) or "jamais",
}
