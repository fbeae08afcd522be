"""The words around what a contract answers, in English and French: whole sentences, hours as one says them. Plain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo

LANGUAGES = ("en", "fr")
_MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv.", "févr.", "mars", "avril", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
}
_DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
NARROW = "\u202f"  # before ; : ? ! and inside "2 h 40", in French

# What may be asked, by subject, in the order of the page.
GROUPS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("asking", ("open_incident", "raise_severity", "escalation")),
    ("hardware", ("hardware_support", "spare_part", "site_visit")),
    ("software", ("software_support", "remote_diagnostics", "remote_administration")),
    ("advice", ("installation_advice", "dossier_review")),
    ("watching", ("telemetry", "silence_watch", "detection", "proactive_call")),
    ("people", ("named_engineer", "detached_engineer")),
    ("hours", ("out_of_hours",)),
)
CHANNELS = ("portal", "phone", "mail", "chat", "app", "api", "telemetry")

ASKS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "en": {
        "open_incident": ("Open an incident", "something does not work"),
        "raise_severity": ("Raise its severity", "it has become worse"),
        "escalation": ("Escalate", "up to number two and number one"),
        "hardware_support": ("Help with hardware", "by phone or in writing"),
        "spare_part": ("A spare part", "sent or brought along"),
        "site_visit": ("Somebody on site", "with parts when needed"),
        "software_support": ("Help with basic software", "by phone or in writing"),
        "remote_diagnostics": ("Remote diagnosis", "with your consent, logged"),
        "remote_administration": ("Remote administration", "we do it for you"),
        "installation_advice": ("Advice on an installation", "before it stands"),
        "dossier_review": ("The dossier and its review", "what changed, what will be needed"),
        "telemetry": ("Send telemetry", "kept, shown in charts"),
        "silence_watch": ("Be told of silence", "a machine that stops reporting"),
        "detection": ("Be told before you notice", "detection on what machines report"),
        "proactive_call": ("We call first", "tele-alarm"),
        "named_engineer": ("People of your own", "by name, with a deputy"),
        "detached_engineer": ("An engineer on your site", "for you alone, for a time"),
        "out_of_hours": ("Work at this very moment", "whatever the hour"),
    },
    "fr": {
        "open_incident": ("Ouvrir un incident", "quelque chose ne marche pas"),
        "raise_severity": ("Relever sa gravité", "la situation a empiré"),
        "escalation": ("Demander l’escalade", "jusqu’au numéro deux et au numéro un"),
        "hardware_support": ("Une aide sur le matériel", "par téléphone ou par écrit"),
        "spare_part": ("Une pièce de rechange", "envoyée ou apportée"),
        "site_visit": ("Quelqu’un sur place", "avec les pièces s’il en faut"),
        "software_support": ("Une aide sur le logiciel de base", "par téléphone ou par écrit"),
        "remote_diagnostics": ("Un diagnostic à distance", "avec votre accord, consigné"),
        "remote_administration": ("L’administration à distance", "nous le faisons pour vous"),
        "installation_advice": ("Un conseil d’installation", "avant la mise en place"),
        "dossier_review": ("Le dossier et sa revue", "ce qui a changé, ce qu’il faudra"),
        "telemetry": ("Envoyer la télémétrie", "conservée, montrée en courbes"),
        "silence_watch": ("Être averti d’un silence", "une machine qui n’envoie plus rien"),
        "detection": ("Être averti avant de le voir", "détection sur ce que disent les machines"),
        "proactive_call": ("Nous appelons les premiers", "télé-alarme"),
        "named_engineer": ("Des personnes attitrées", "par leur nom, avec un suppléant"),
        "detached_engineer": ("Un ingénieur détaché chez vous", "pour vous seul, un certain temps"),
        "out_of_hours": ("Une aide en ce moment même", "quelle que soit l’heure"),
    },
}

SAID: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "What my contract covers, right now",
        "title_of": "What the contract of {name} covers, right now",
        "for": "for {name}",
        "asking": "When something is wrong",
        "hardware": "Hardware",
        "software": "Software",
        "advice": "Advice and dossier",
        "watching": "Watching over your machines",
        "people": "People",
        "hours": "Out of hours",
        "granted": "Granted.",
        "shadow": "In shadow.",
        "refused": "Refused.",
        "rule": "rule: {rule}",
        "runs": "Contract {number}, from {starts} to {ends}, both days included.",
        "runs_on": "Contract {number}, from {starts} on, without an end.",
        "whole": "To read in full, with its terms and its history:",
        "no_contract": "There is no contract; what is asked is answered all the same, with a paid or an emergency way.",
        "as_of": "As of {now}, {zone}. Engineers and programs get the same words.",
        "desk_as_of": "As of {now}, {zone}. The customer reads the same words, in {language}.",
        "if_asked": "If I ask at severity",
        "at": "on the day and hour",
        "now": "left empty: now",
        "machine": "for the machine",
        "any_machine": "any machine",
        "severity": "at severity",
        "channel": "by",
        "answer": "Answer",
        "what": "If I ask for",
        "hours_now": "Your hours",
        "open_always": "Severity {severity} is served around the clock.",
        "open_now": "Severity {severity} is served {hours}; open now, until {closes}.",
        "closed_now": "Severity {severity} is served {hours}; closed now, open again {opens}.",
        "closed_ever": "Severity {severity} is served {hours}; no opening lies ahead within two years.",
        "holiday": "Today is {name}.",
        "allowances": "What is left to use",
        "left": "{left} of {granted} {pool} left until {last}.",
        "left_again": "{left} of {granted} {pool} left until {last}; {again} on {first}.",
        "uncounted": "Nothing is counted: what is granted may be asked for as often as needed.",
        "uncovered": "Machines that stand on no line of the contract",
        "uncovered_one": "{name} is not on the contract; ask your account manager to add it.",
        "people_may": "Who may ask",
        "may_open": "May open incidents: {names}.",
        "may_escalate": "May ask for escalation: {names}.",
        "may_sign": "May sign: {names}.",
        "nobody": "nobody",
        "would": "Would this be granted?",
        "sent": "What machines sent",
        "yours": "My incidents",
        "would_lede": "Nothing is opened, used up or written down by asking here.",
        "try_it": "For another day or machine",
        "respond": "First response by {by}",
        "update": "Next update by {by}",
        "on_site": "Somebody on site by {by}",
        "promise_none": "No opening lies ahead, so no hour can be promised",
        "uses": "It would use {units} of your {pool}.",
        "answered_by": "Who answers: {people}.",
        "contract": "Contract {number} answers.",
        "next_opening": "Next opening: {at}.",
        "language_other": "Français",
        "sign_out": "Sign out",
        "covers": "What my contract covers",
        "wrong_at": "This is no day and hour; write it like 2026-05-14T09:00.",
        "wrong_machine": "{name} is none of these machines; choose one from the list.",
        "wrong_ask": "Choose what you would ask for from the list.",
        "wrong_choice": "Choose one from the list.",
        "contest": "You think one of these is wrong? Tell your account manager; the answer is kept with the contract.",
    },
    "fr": {
        "title": "Ce que couvre mon contrat, en ce moment",
        "title_of": "Ce que couvre le contrat de {name}, en ce moment",
        "for": "pour {name}",
        "asking": "Quand quelque chose ne va pas",
        "hardware": "Matériel",
        "software": "Logiciel",
        "advice": "Conseil et dossier",
        "watching": "La veille sur vos machines",
        "people": "Personnes",
        "hours": "Hors horaires",
        "granted": "Accordé.",
        "shadow": "Observé sans alerter.",
        "refused": "Refusé.",
        "rule": "règle : {rule}",
        "runs": "Contrat {number}, du {starts} au {ends}, les deux jours compris.",
        "runs_on": "Contrat {number}, à partir du {starts}, sans terme.",
        "whole": "À lire en entier, avec ses conditions et son historique :",
        "no_contract": "Il n’y a pas de contrat ; toute demande reçoit une réponse, payante ou en urgence.",
        "as_of": "À l’instant, {now}, {zone}. Les ingénieurs et les programmes lisent les mêmes mots.",
        "desk_as_of": "À l’instant, {now}, {zone}. Le client lit les mêmes mots, en {language}.",
        "if_asked": "Si je demande à la gravité",
        "at": "le jour et l’heure",
        "now": "laissé vide : maintenant",
        "machine": "pour la machine",
        "any_machine": "n’importe laquelle",
        "severity": "à la gravité",
        "channel": "par",
        "answer": "Répondre",
        "what": "Si je demande",
        "hours_now": "Vos horaires",
        "open_always": "La gravité {severity} est servie jour et nuit.",
        "open_now": "La gravité {severity} est servie {hours} ; ouvert maintenant, fermeture {closes}.",
        "closed_now": "La gravité {severity} est servie {hours} ; fermé maintenant, réouverture {opens}.",
        "closed_ever": "La gravité {severity} est servie {hours} ; aucune ouverture n’est prévue d’ici deux ans.",
        "holiday": "Aujourd’hui : {name}.",
        "allowances": "Ce qu’il vous reste",
        "left": "Il reste {left} {pool} sur {granted} jusqu’au {last}.",
        "left_again": "Il reste {left} {pool} sur {granted} jusqu’au {last} ; de nouveau {again} le {first}.",
        "uncounted": "Rien n’est compté : ce qui est accordé peut être demandé aussi souvent qu’il le faut.",
        "uncovered": "Machines qui ne figurent sur aucune ligne du contrat",
        "uncovered_one": "{name} ne figure pas au contrat ; demandez son ajout à votre responsable de compte.",
        "people_may": "Qui peut demander",
        "may_open": "Peuvent ouvrir un incident : {names}.",
        "may_escalate": "Peuvent demander l’escalade : {names}.",
        "may_sign": "Peuvent signer : {names}.",
        "nobody": "personne",
        "would": "Serait-ce accordé ?",
        "sent": "Données envoyées",
        "yours": "Mes incidents",
        "would_lede": "Poser la question ici n’ouvre, ne consomme et n’inscrit rien.",
        "try_it": "Pour un autre jour ou une autre machine",
        "respond": "Première réponse au plus tard {by}",
        "update": "Prochaine nouvelle au plus tard {by}",
        "on_site": "Quelqu’un sur place au plus tard {by}",
        "promise_none": "Aucune ouverture n’est prévue ; aucune heure ne peut donc être promise",
        "uses": "Cela consommerait {units} de vos {pool}.",
        "answered_by": "Qui répond : {people}.",
        "contract": "Le contrat {number} répond.",
        "next_opening": "Prochaine ouverture : {at}.",
        "language_other": "English",
        "sign_out": "Se déconnecter",
        "covers": "Ce que couvre mon contrat",
        "wrong_at": "Ce n’est pas un jour et une heure ; écrivez-les ainsi : 2026-05-14T09:00.",
        "wrong_machine": "{name} n’est pas l’une de ces machines ; choisissez dans la liste.",
        "wrong_ask": "Choisissez dans la liste ce que vous demanderiez.",
        "wrong_choice": "Choisissez dans la liste.",
        "contest": "L’une de ces réponses vous semble fausse ? Dites-le à votre responsable de compte ; "
        "la réponse est conservée avec le contrat.",
    },
}
CHANNEL_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"portal": "the portal", "phone": "phone", "mail": "mail", "chat": "chat", "app": "the app",
           "api": "a program (API)", "telemetry": "the machine itself"},
    "fr": {"portal": "le portail", "phone": "téléphone", "mail": "courriel", "chat": "messagerie",
           "app": "l’application", "api": "un programme (API)", "telemetry": "la machine elle-même"},
}  # fmt: skip
TIERS: Mapping[str, Mapping[str, str]] = {
    "en": {"bronze": "bronze", "silver": "silver", "gold": "gold", "platinum": "platinum"},
    "fr": {"bronze": "bronze", "silver": "argent", "gold": "or", "platinum": "platine"},
}


def say(language: str, key: str, /, **facts: object) -> str:
    """A sentence with its facts. Raises KeyError for one without words: a test walks them all."""
    return typeset(SAID[language][key].format(**facts), language)


def typeset(text: str, language: str) -> str:
    """French has a narrow no-break space before its double marks, and says an apostrophe as one."""
    if language != "fr":
        return text
    for mark in ";:?!":
        text = text.replace(f" {mark}", f"{NARROW}{mark}")
    text = re.sub(r"(?<=\d) (?=(h|min|EUR)\b)", NARROW, text)
    return text.replace("'", "’")


def clock(at: datetime, language: str) -> str:
    """ "09:00", "9 h 00"."""
    return (
        f"{at:%H:%M}"
        if language == "en"
        else f"{at.hour}{NARROW}h{NARROW}{at:%M}"
        if at.minute
        else f"{at.hour}{NARROW}h"
    )


def day(at: date, language: str) -> str:
    """ "14 May 2026", "14 mai 2026"."""
    number = "1er" if language == "fr" and at.day == 1 else str(at.day)
    return f"{number} {_MONTHS[language][at.month - 1]} {at.year}"


def moment(at: datetime, zone: tzinfo, now: datetime, language: str) -> str:
    """An instant as one says it: the hour today, with the weekday within six days, with the date beyond."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    hour = clock(local, language)
    away = (local.date() - today.date()).days
    weekday = _DAYS[language][local.weekday()]
    if away == 0:
        return hour if language == "en" else f"aujourd’hui à {hour}"
    if language == "en":
        return f"{weekday} {hour}" if 0 < away <= 6 else f"{weekday} {day(local.date(), language)}, {hour}"
    return f"{weekday} à {hour}" if 0 < away <= 6 else f"{weekday} {day(local.date(), language)} à {hour}"


def full(at: datetime, zone: tzinfo, language: str) -> str:
    """ "Thu 14 May 2026, 02:29", "jeudi 14 mai 2026, 2 h 29"."""
    local = at.astimezone(zone)
    return f"{_DAYS[language][local.weekday()]} {day(local.date(), language)}, {clock(local, language)}"


def named(names: Sequence[str], language: str) -> str:
    """ "Ada and Bo", "Ada et Bo", "nobody"."""
    if not names:
        return SAID[language]["nobody"]
    last = {"en": " and ", "fr": " et "}[language]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + last + names[-1]
