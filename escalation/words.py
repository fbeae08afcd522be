"""The words of notices and of the story. Plain; ours in English, what a customer reads in the customer's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from contracts.ladder_terms import ROLES
from escalation import instants

_RUNGS = {
    "duty": "engineer on duty",
    "second": "second engineer on duty",
    "account": "people named for the account",
    "lead": "lead",
    "number-two": "number two",
    "number-one": "number one",
}


def rung_name(word: str) -> str:
    """A rung's word as people say it."""
    kind, colon, name = word.partition(":")
    if colon:
        return {"team": f"everybody on duty in {name}", "schedule": f"on duty by {name}"}.get(kind, name)
    return _RUNGS.get(word) or ROLES.get(word, word)


def whole(text: str) -> str:
    """What somebody wrote as a whole sentence, where another follows it: with a full stop, unless it ends otherwise."""
    said = text.strip()
    return said if not said or said[-1] in ".!?…:;" else f"{said}."


def listed(names: Sequence[str]) -> str:
    """ "Ada", "Ada and Bo", "Ada, Bo and Cy"."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def rung_words(name: str, index: int, told: Sequence[str], passed_by: Sequence[str], held: Sequence[str] = ()) -> str:
    """The story's line for a rung that was paged; `held`: who has quiet hours and until when, "Dee until 07:00"."""
    words = f"Rung {index + 1} ({name}): {listed(told)} told."
    if held:
        words += f" Quiet hours hold the page of {listed(held)}."
    if passed_by:
        words += f" Nobody can be reached as {listed(passed_by)}."
    return words


@dataclass(frozen=True, slots=True)
class Facts:
    """What a notice tells of an incident."""

    id: str
    label: str
    customer: str
    tier: str
    machine: str
    severity: int
    title: str
    summary: str
    opened_at: datetime
    owed: str = ""  # "first response"
    owed_by: datetime | None = None
    zone: str = "UTC"  # the reader's
    stamps: Sequence[str] = ()  # the instants of the summary, as it tells them


def _instant(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"


def subject(facts: Facts) -> str:
    return f"[{facts.label}] severity {facts.severity}, {facts.customer} ({facts.tier}): {facts.title}"


def page_body(facts: Facts, why: str) -> dict[str, Any]:
    """A page to one of ours: what is wrong, since when, what is owed, and why them."""
    lines = [facts.title, ""]
    if facts.summary and facts.summary != facts.title:
        lines += [instants.read(facts.summary, facts.stamps, lambda at: _instant(at, facts.zone)), ""]
    lines.append(f"Customer: {facts.customer} ({facts.tier})")
    if facts.machine:
        lines.append(f"Machine: {facts.machine}")
    lines.append(f"Opened: {_instant(facts.opened_at, facts.zone)}")
    if facts.owed_by is not None:
        lines.append(f"Owed next: {facts.owed} by {_instant(facts.owed_by, facts.zone)}")
    lines += [f"You are told because: {why}.", "", "Acknowledge it, and nobody further is called."]
    return _body(facts, "vigie.incident.page", "\n".join(lines), why)


def word_body(facts: Facts, text: str, who: str, why: str) -> dict[str, Any]:
    """A public word on the incident, as its reader gets it."""
    return _body(facts, "vigie.incident.word", f"{text}\n\n{who}\n{facts.label}: {facts.title}", why)


def alert_body(facts: Facts, text: str, why: str) -> dict[str, Any]:
    """Something one of ours has to know about an incident in hand."""
    return _body(facts, "vigie.incident.alert", f"{text}\n\n{facts.label}: {facts.title}\n{facts.customer}", why)


def digest(told: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[str, dict[str, Any]]:
    """Several notices to one person as one: subject and body. No word of the house's own, so in any language."""
    first, count = told[0], len(told)
    kept = ("text", "path", "type", "notice")
    parts = [{"subject": said, **{name: str(body.get(name, "")) for name in kept}} for said, body in told]
    rule = "\n\n" + "-" * 40 + "\n\n"
    text = rule.join(f"{part['subject']}\n\n{part['text']}" for part in parts)
    gravest = min((body.get("data", {}).get("severity") or 4 for _, body in told), default=4)
    data = {"severity": gravest, "notices": [{"subject": said, **body.get("data", {})} for said, body in told]}
    body = {
        "type": "vigie.notices.digest",
        "text": text,
        "parts": parts,
        "path": first[1].get("path", "/"),
        "data": data,
    }
    return f"{first[0]} (+{count - 1})", body


def _body(facts: Facts, type: str, text: str, why: str) -> dict[str, Any]:
    return {
        "type": type,
        "text": text,
        "path": f"/incidents/{facts.label}",
        "data": {
            "incident": facts.label,
            "id": facts.id,
            "customer": facts.customer,
            "tier": facts.tier,
            "machine": facts.machine,
            "severity": facts.severity,
            "why": why,
        },
    }


# What the customer reads in the story or the mail when the house itself speaks.
_PUBLIC = {
    "en": {
        "opened": "{seen} We have opened this incident; an engineer is being called.",
        "opened_asked": "We have received your request and opened this incident.",
        "opened_alert": "Your monitoring ({door}) reported a problem. We have opened this incident.",
        "ended_alert": "Your monitoring ({door}) reports that the problem is over; the incident is resolved.",
        "ended": "The condition has ended at {at}. We keep watching it.",
        "ended_before": "What was found had ended at {at}, before this incident was opened. We keep watching it.",
        "back": "The condition has come back.",
        "auto": "The condition has not come back for {minutes} minutes; the incident is resolved.",
        "cancelled": "This incident was cancelled: {reason}",
        "ours": "The cause was on our side, and this incident costs you nothing: {reason}",
        "subject": "{label}: {title}",
        "undone": "{who} took the last step back.",
        "undone_told": "{who} has taken the step back that you were told of; this case goes on as before.",
        "merged": "This case goes on together with {into}, which is about the same problem. {promises}",
        "merged_here": "{label} was merged into this case: it is about the same problem. {promises}",
        "merged_promise": "What was promised first still holds.",
        "split": "Part of this case goes on by itself as {label}: {title}",
        "split_here": "This case was split off from {label}. {reason}",
        "reopened_apart": "This case goes on by itself again, apart from {label}.",
        "workaround": "A way around the problem is in place: {text}",
        "workaround_gone": "The way around does not hold any more: {reason}",
        "severity_asked": "{who} asks for severity {wanted} (now {was}): {reason}",
        "severity_holds": "Severity {wanted} holds from now on instead of {was}: {reason}",
        "severity_agreed": "{who} agrees: the severity is {wanted}.",
        "severity_refused": "{who} does not agree to severity {wanted}; it is {now}. {reason}",
        "edited": "A message was corrected: {text}",
        "file": "{who} added the file {name} ({size}).",
    },
    "fr": {
        "opened": "{seen} Nous avons ouvert cet incident ; un ingénieur est appelé.",
        "opened_asked": "Nous avons reçu votre demande et ouvert cet incident.",
        "opened_alert": "Votre supervision ({door}) a signalé un problème. Nous avons ouvert cet incident.",
        "ended_alert": "Votre supervision ({door}) indique que le problème est terminé ; l'incident est résolu.",
        "ended": "L'anomalie a pris fin à {at}. Nous continuons de surveiller.",
        "ended_before": "L'anomalie relevée avait pris fin à {at}, avant l'ouverture de l'incident. Nous continuons de "
        "surveiller.",
        "back": "L'anomalie est revenue.",
        "auto": "L'anomalie n'est pas revenue depuis {minutes} minutes ; l'incident est résolu.",
        "cancelled": "Cet incident a été annulé : {reason}",
        "ours": "La cause était de notre côté, cet incident ne vous coûte rien : {reason}",
        "subject": "{label} : {title}",
        "undone": "{who} est revenu sur la dernière étape.",
        "undone_told": "{who} est revenu sur l'étape qui vous a été annoncée ; ce dossier continue comme avant.",
        "merged": "Ce dossier continue avec {into}, qui porte sur le même problème. {promises}",
        "merged_here": "{label} a été réuni à ce dossier : il porte sur le même problème. {promises}",
        "merged_promise": "Ce qui a été promis en premier tient toujours.",
        "split": "Une partie de ce dossier continue à part sous {label} : {title}",
        "split_here": "Ce dossier a été séparé de {label}. {reason}",
        "reopened_apart": "Ce dossier continue de nouveau à part de {label}.",
        "workaround": "Une solution de contournement est en place : {text}",
        "workaround_gone": "Le contournement ne tient plus : {reason}",
        "severity_asked": "{who} demande la gravité {wanted} (actuellement {was}) : {reason}",
        "severity_holds": "La gravité {wanted} s'applique désormais au lieu de {was} : {reason}",
        "severity_agreed": "{who} est d'accord : la gravité est {wanted}.",
        "severity_refused": "{who} n'est pas d'accord avec la gravité {wanted} ; elle est de {now}. {reason}",
        "edited": "Un message a été corrigé : {text}",
        "file": "{who} a ajouté le fichier {name} ({size}).",
    },
}


def public(language: str, key: str, **facts: object) -> str:
    """A sentence of the house to the customer, in English or French."""
    return _PUBLIC.get(language, _PUBLIC["en"])[key].format(**facts)


def ended(language: str, at: datetime, opened_at: datetime) -> str:
    """That the condition is over. What was found late may have ended before anybody opened anything for it."""
    return public(language, "ended" if at >= opened_at else "ended_before", at=instants.stamp(at))


def instant(at: datetime, zone: str) -> str:
    """An instant as its reader's clock shows it."""
    return _instant(at, zone)


# What one did, as the story names it when it is taken back. What is not named here is called as it is.
_ACTS = {
    "acknowledge": "the acknowledgement",
    "claim": "the claim",
    "second": "the call for a second",
    "stand beside": "the answer to being the second",
    "reply": "the reply",
    "note": "the note",
    "wait": "the wait",
    "go on": "going on",
    "severity": "the change of severity",
    "verdict": "the verdict",
    "escalate": "the escalation",
    "resolve": "the resolution",
    "close": "the closing",
    "reopen": "the reopening",
    "cancel": "the cancellation",
    "merge": "the merge",
    "split": "the split",
    "workaround": "the workaround",
    "serve": "the other way of serving",
    "stay": "staying with it after the turn",
}


def act(name: str) -> str:
    """An act as one speaks of it afterwards."""
    return _ACTS.get(name, name)
