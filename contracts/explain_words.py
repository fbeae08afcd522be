"""The sentences a clock explains itself in, in English and French: party and situation → whole sentences. Plain.

A situation is what the clock does, and what did not count: nothing ("plain"), closed hours ("closed"), a wait
("paused"), or "both"; "days" where the promise is a date and no sum of hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

Table = Mapping[str, Mapping[str, str]]

WHAT: Table = {
    "en": {
        "acknowledge": "an acknowledgement",
        "respond": "our first response",
        "update": "the next update",
        "workaround": "a workaround",
        "resolve": "the resolution",
        "on_site": "our visit on site",
        "answer": "an answer",
    },
    "fr": {
        "acknowledge": "un accusé de réception",
        "respond": "notre première réponse",
        "update": "les prochaines nouvelles",
        "workaround": "une solution provisoire",
        "resolve": "la résolution",
        "on_site": "notre venue sur site",
        "answer": "une réponse",
    },
}
# Why a clock stood still, and why it stands now.
WHY: Table = {
    "en": {
        "customer": "we were waiting for you",
        "vendor": "we were waiting for a vendor",
        "maintenance": "maintenance was under way",
        "resolved": "it was taken to be solved",
        "": "we were waiting",
    },
    "fr": {
        "customer": "nous attendions votre réponse",
        "vendor": "nous attendions un fournisseur",
        "maintenance": "une maintenance était en cours",
        "resolved": "le problème paraissait résolu",
        "": "nous étions en attente",
    },
}
WHY_NOW: Table = {
    "en": {
        "customer": "we are waiting for you",
        "vendor": "we are waiting for a vendor",
        "maintenance": "maintenance is under way",
        "": "we are waiting",
    },
    "fr": {
        "customer": "nous attendons votre réponse",
        "vendor": "nous attendons un fournisseur",
        "maintenance": "une maintenance est en cours",
        "": "nous sommes en attente",
    },
}

_ENGLISH = {
    "running.plain": "We owe you {what} by {due}: {counted} of the promised {budget} is used.",
    "running.closed": "We owe you {what} by {due}: {counted} of the promised {budget} is used, and {closed} outside"
    " service hours did not count.",
    "running.paused": "We owe you {what} by {due}: {counted} of the promised {budget} is used, and {paused} did not"
    " count because {why}.",
    "running.both": "We owe you {what} by {due}: {counted} of the promised {budget} is used, and neither {closed}"
    " outside service hours nor {paused} while {why} counted.",
    "running.days": "We owe you {what} by {due}, which is within the promised {budget}.",
    "resting.plain": "Service is closed and opens {opens}: we owe you {what} by {due}, and {counted} of the promised"
    " {budget} is used.",
    "resting.paused": "Service is closed and opens {opens}: we owe you {what} by {due}, {counted} of the promised"
    " {budget} is used, and {paused} did not count because {why}.",
    "resting.days": "Service is closed and opens {opens}: we owe you {what} by {due}, which is within the promised"
    " {budget}.",
    "paused": "The clock for {what} has stood still since {since} because {why_now}: {counted} of the promised {budget}"
    " is used.",
    "paused.days": "The clock for {what} has stood still since {since} because {why_now}: {budget} was promised.",
    "met.plain": "We kept our promise of {what} on {met}, after {counted} of the promised {budget}.",
    "met.closed": "We kept our promise of {what} on {met}, after {counted} of the promised {budget}; {closed} outside"
    " service hours did not count.",
    "met.paused": "We kept our promise of {what} on {met}, after {counted} of the promised {budget}; {paused} did not"
    " count because {why}.",
    "met.both": "We kept our promise of {what} on {met}, after {counted} of the promised {budget}; neither {closed}"
    " outside service hours nor {paused} while {why} counted.",
    "met.days": "We kept our promise of {what} on {met}, within the promised {budget}.",
    "late": "We promised {what} by {due} and still owe it: it is {late} late.",
    "missed": "We promised {what} by {due} and did not keep it.",
    "made_good": "We promised {what} by {due} and gave it on {met}, {late} late.",
    "cancelled": "Nothing is owed for {what} any more.",
    "never": "No instant can be named for {what}, because service does not open within two years.",
    "internal.running": "We mean to give {what} by {due}, a target of our own of {budget}.",
    "internal.paused": "Our own target for {what} has stood still since {since} because {why_now}.",
    "internal.met": "We met our own target for {what} on {met}, after {counted} of {budget}.",
    "internal.late": "We meant to give {what} by {due}, and it is {late} late by our own target.",
    "internal.missed": "We meant to give {what} by {due}, and missed our own target.",
    "internal.made_good": "We meant to give {what} by {due} and gave it on {met}, {late} late by our own target.",
    "internal.cancelled": "Our own target for {what} is set aside.",
    "vendor.running": "The vendor owes us {what} by {due}: {counted} of the agreed {budget} is used.",
    "vendor.paused": "The vendor's clock for {what} has stood still since {since}.",
    "vendor.met": "The vendor gave us {what} on {met}, after {counted} of the agreed {budget}.",
    "vendor.late": "The vendor owed us {what} by {due} and is {late} late.",
    "vendor.missed": "The vendor owed us {what} by {due} and did not give it.",
    "vendor.made_good": "The vendor owed us {what} by {due} and gave it on {met}, {late} late.",
    "vendor.cancelled": "The vendor owes us nothing for {what} any more.",
}
_FRENCH = {
    "running.plain": "Nous vous devons {what} d'ici le {due} : le délai promis de {budget} est entamé de {counted}.",
    "running.closed": "Nous vous devons {what} d'ici le {due} : le délai promis de {budget} est entamé de {counted},"
    " sans compter {closed} hors des heures de service.",
    "running.paused": "Nous vous devons {what} d'ici le {due} : le délai promis de {budget} est entamé de {counted},"
    " sans compter {paused} où {why}.",
    "running.both": "Nous vous devons {what} d'ici le {due} : le délai promis de {budget} est entamé de {counted},"
    " sans compter ni {closed} hors des heures de service ni {paused} où {why}.",
    "running.days": "Nous vous devons {what} d'ici le {due}, dans le délai promis de {budget}.",
    "resting.plain": "Le service est fermé et ouvre le {opens} : nous vous devons {what} d'ici le {due}, et le délai"
    " promis de {budget} est entamé de {counted}.",
    "resting.paused": "Le service est fermé et ouvre le {opens} : nous vous devons {what} d'ici le {due}, et le délai"
    " promis de {budget} est entamé de {counted}, sans compter {paused} où {why}.",
    "resting.days": "Le service est fermé et ouvre le {opens} : nous vous devons {what} d'ici le {due}, dans le délai"
    " promis de {budget}.",
    "paused": "Le décompte pour {what} est arrêté depuis le {since}, car {why_now} : le délai promis de {budget} est"
    " entamé de {counted}.",
    "paused.days": "Le décompte pour {what} est arrêté depuis le {since}, car {why_now} : le délai promis est de"
    " {budget}.",
    "met.plain": "Nous avons tenu notre promesse, {what}, le {met}, après {counted} sur un délai promis de {budget}.",
    "met.closed": "Nous avons tenu notre promesse, {what}, le {met}, après {counted} sur un délai promis de {budget},"
    " sans compter {closed} hors des heures de service.",
    "met.paused": "Nous avons tenu notre promesse, {what}, le {met}, après {counted} sur un délai promis de {budget},"
    " sans compter {paused} où {why}.",
    "met.both": "Nous avons tenu notre promesse, {what}, le {met}, après {counted} sur un délai promis de {budget},"
    " sans compter ni {closed} hors des heures de service ni {paused} où {why}.",
    "met.days": "Nous avons tenu notre promesse, {what}, le {met}, dans le délai promis de {budget}.",
    "late": "Nous avions promis {what} d'ici le {due} et vous le devons toujours : le retard est de {late}.",
    "missed": "Nous avions promis {what} d'ici le {due} et ne l'avons pas tenu.",
    "made_good": "Nous avions promis {what} d'ici le {due} et l'avons fait le {met}, avec {late} de retard.",
    "cancelled": "Plus rien n'est dû pour {what}.",
    "never": "Aucune échéance ne peut être donnée pour {what}, car le service n'ouvre pas d'ici deux ans.",
    "internal.running": "Nous visons {what} d'ici le {due}, un objectif interne de {budget}.",
    "internal.paused": "Notre objectif interne pour {what} est arrêté depuis le {since}, car {why_now}.",
    "internal.met": "Nous avons atteint notre objectif interne, {what}, le {met}, après {counted} sur {budget}.",
    "internal.late": "Nous visions {what} d'ici le {due}, et le retard sur notre objectif interne est de {late}.",
    "internal.missed": "Nous visions {what} d'ici le {due}, et avons manqué notre objectif interne.",
    "internal.made_good": "Nous visions {what} d'ici le {due}, et c'est fait depuis le {met}, avec {late} de retard sur"
    " notre objectif interne.",
    "internal.cancelled": "Notre objectif interne pour {what} est abandonné.",
    "vendor.running": "Le fournisseur nous doit {what} d'ici le {due} : le délai convenu de {budget} est entamé de"
    " {counted}.",
    "vendor.paused": "Le décompte du fournisseur pour {what} est arrêté depuis le {since}.",
    "vendor.met": "Le fournisseur nous a donné {what} le {met}, après {counted} sur un délai convenu de {budget}.",
    "vendor.late": "Le fournisseur nous devait {what} d'ici le {due}, et le retard est de {late}.",
    "vendor.missed": "Le fournisseur nous devait {what} d'ici le {due} et ne l'a pas donné.",
    "vendor.made_good": "Le fournisseur nous devait {what} d'ici le {due} et l'a donné le {met}, avec un retard de"
    " {late}.",
    "vendor.cancelled": "Le fournisseur ne nous doit plus rien pour {what}.",
}
SENTENCES: Table = {"en": _ENGLISH, "fr": _FRENCH}

_DAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
MONTHS: Mapping[str, tuple[str, ...]] = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
           "décembre"),
}  # fmt: skip


def day_name(language: str, weekday: int) -> str:
    return _DAYS[language][weekday]


def instant(at: datetime, zone: str, language: str = "en") -> str:
    """ "Tue 10 March 2026, 11:00 (Europe/Paris)"; seconds only where there are some."""
    local = at.astimezone(ZoneInfo(zone))
    wall = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    between = " à" if language == "fr" else ","
    return f"{day_name(language, local.weekday())} {day(local.date(), language)}{between} {wall} ({zone})"


def day(on: date, language: str = "en") -> str:
    """ "10 March 2026", "1er mars 2026"."""
    number = "1er" if language == "fr" and on.day == 1 else str(on.day)
    return f"{number} {MONTHS[language][on.month - 1]} {on.year}"
