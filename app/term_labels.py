"""What people call each line of a contract's terms, in English and French. Plain."""

from __future__ import annotations

from collections.abc import Mapping

from app import termtable

GROUPS: Mapping[str, str] = {
    "What it covers": "Ce qu’il couvre",
    "Hours": "Horaires",
    "Promises": "Promesses",
    "People": "Personnes",
    "Dossier and telemetry": "Dossier et télémétrie",
    "Allowances": "Droits comptés",
    "Rules": "Règles",
}
_FRENCH: Mapping[str, str] = {
    "tier": "Niveau",
    "scope": "Étendue",
    **{f"hours.{n}": f"Horaires, gravité {n}" for n in range(1, 5)},
    **{f"respond.{n}": f"Réponse, gravité {n}" for n in range(1, 5)},
    "update": "Nouvelle suivante, gravité 1",
    "on_site": "Sur place",
    "clocks.budgets.acknowledge": "Prise en compte",
    "clocks.budgets.workaround": "Solution de contournement",
    "clocks.budgets.resolve": "Résolution",
    "skill_floor": "Ingénieur, au moins",
    "named_people": "Personnes attitrées",
    "ladder": "Échelle d’appel",
    "climbing.convention": "L’attente se compte",
    "climbing.repeats": "Les appels recommencent",
    "climbing.again_after": "Reprise, sans travail, après",
    "review_months": "Revue du dossier",
    "watching": "Télémétrie",
    "keep.reports": "Relevés conservés",
    "keep.figures": "Chiffres horaires conservés",
    "allowances.cases": "Dossiers",
    "allowances.visits": "Visites",
    "allowances.remote_hours": "Heures à distance",
    "allowances.advice_hours": "Heures de conseil",
    "grace_days": "Jours de grâce",
    "false_alarms": "Fausses alertes par semaine",
    "silence_s": "Secondes sans relevé avant le silence",
    "clocks.pauses": "Les délais peuvent attendre",
    "clocks.on_severity": "Une gravité changée compte",
    "clocks.on_end": "À son terme, les promesses en cours",
    "clocks.warn_at": "Avertissements, en pour cent",
}
# Of the clocks, what no line of the table that is written by hand tells.
REST: Mapping[str, Mapping[str, str]] = {
    "en": {
        "clocks.hours.acknowledge": "Hours, acknowledgement",
        "clocks.hours.respond": "Hours, response",
        "clocks.hours.update": "Hours, next update",
        "clocks.hours.workaround": "Hours, workaround",
        "clocks.hours.resolve": "Hours, resolution",
        "clocks.hours.on_site": "Hours, on site",
        "clocks.internal.acknowledge": "Our own target, acknowledgement",
        "clocks.internal.respond": "Our own target, response",
        "clocks.internal.update": "Our own target, next update",
        "clocks.internal.workaround": "Our own target, workaround",
        "clocks.internal.resolve": "Our own target, resolution",
        "clocks.internal.on_site": "Our own target, on site",
        "clocks.vendor": "A vendor answers us within",
        "clocks.zone": "Hours are those of",
        "clocks.calendars": "Calendars kept with the terms",
    },
    "fr": {
        "clocks.hours.acknowledge": "Horaires, prise en compte",
        "clocks.hours.respond": "Horaires, réponse",
        "clocks.hours.update": "Horaires, nouvelle suivante",
        "clocks.hours.workaround": "Horaires, contournement",
        "clocks.hours.resolve": "Horaires, résolution",
        "clocks.hours.on_site": "Horaires, sur place",
        "clocks.internal.acknowledge": "Notre propre objectif, prise en compte",
        "clocks.internal.respond": "Notre propre objectif, réponse",
        "clocks.internal.update": "Notre propre objectif, nouvelle suivante",
        "clocks.internal.workaround": "Notre propre objectif, contournement",
        "clocks.internal.resolve": "Notre propre objectif, résolution",
        "clocks.internal.on_site": "Notre propre objectif, sur place",
        "clocks.vendor": "Un fournisseur nous répond sous",
        "clocks.zone": "Les heures sont celles de",
        "clocks.calendars": "Calendriers gardés avec les conditions",
    },
}


def label(path: str, language: str) -> str:
    """The line of a path. Raises KeyError for one without words: a test walks them all."""
    if path in REST[language]:
        return REST[language][path]
    return _FRENCH[path] if language == "fr" else termtable.BY_PATH[path].label


def group(name: str, language: str) -> str:
    return GROUPS[name] if language == "fr" else name
