"""A line of an incident's story as its customer reads it: what the house wrote about an act, in their language. Plain.

What people wrote themselves stays as they wrote it; what the house says to a customer is in their language already.
"""

from __future__ import annotations

from datetime import tzinfo

from app.pages import readings_told
from app.pages.cover_words import typeset
from escalation import instants
from models.incidents import TimelineEntry

# What an act writes for our own people, told anew. `{reason}` is what stands behind the first colon of the line.
_WORDS = {
    "en": {
        "acknowledged": "{who} has seen it.",
        "claimed": "{who} works on it.",
        "closed": "The incident is closed.",
        "reopened": "It is open again: {reason}",
        "escalated": "Escalation was asked for: {reason}",
        "resumed": "The wait is over.",
        "waiting_customer": "It waits for you: {reason}",
        "waiting_vendor": "It waits for a vendor; we watch: {reason}",
        "waiting_maintenance": "It waits for maintenance: {reason}",
        "severity_set": "{who} set severity {now} instead of {was}: {reason}",
        "promised_on_site": "A visit on site is promised.",
    },
    "fr": {
        "acknowledged": "{who} l'a vu.",
        "claimed": "{who} y travaille.",
        "closed": "L'incident est clos.",
        "reopened": "Il est de nouveau ouvert : {reason}",
        "escalated": "L'escalade a été demandée : {reason}",
        "resumed": "L'attente est terminée.",
        "waiting_customer": "Il attend une action de votre part : {reason}",
        "waiting_vendor": "Il attend un fournisseur ; nous veillons : {reason}",
        "waiting_maintenance": "Il attend une maintenance : {reason}",
        "severity_set": "{who} a fixé la gravité {now} au lieu de {was} : {reason}",
        "promised_on_site": "Une intervention sur site est promise.",
    },
}


def told(entry: TimelineEntry, language: str, zone: tzinfo) -> str:
    """The line in English or French, with its instants as the reader's clock shows them."""
    said = instants.of_line(entry.text, entry.facts, zone, entry.at)
    if entry.kind == "diagnostics":
        anew = readings_told.line(entry.facts, language, zone)
        return said if anew is None else typeset(anew, language)
    sentence = _WORDS[language].get(_key(entry))
    _, colon, reason = said.partition(": ")
    if sentence is None:
        return said
    if not colon:  # it was done without a reason
        sentence = sentence.split("{reason}")[0].rstrip(" :").removesuffix(".") + "."
    levels = {"was": entry.facts.get("from"), "now": entry.facts.get("to")}  # of a severity
    return typeset(sentence.format(who=entry.actor, reason=reason, **levels), language)


def _key(entry: TimelineEntry) -> str:
    if entry.kind == "severity":  # what is proposed and answered is told in their language already
        return "" if {"holds", "agreed"} & entry.facts.keys() else "severity_set"
    detail = {"waiting": "for", "promised": "promise"}.get(entry.kind)
    return f"{entry.kind}_{entry.facts.get(detail)}" if detail else entry.kind
