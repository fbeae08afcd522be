"""What an incident's story says of readings from afar, as its customer reads it: in French whole sentences. Plain.

In English the line itself is what was written; a line from before facts were kept with it stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from app.pages import readings_words
from escalation import diagnosis

_FRENCH: Mapping[str, str] = {
    "asked": "Relevé demandé à {machine} avec l'accord donné par {consent_of} : {what}.",
    "answered": "{machine} a répondu à la demande de relevé ({what}) : {came}.",
    "refused": "{machine} n'a pas communiqué le relevé demandé ({what}) : {why}.",
    "withdrawn": "L'accord a été retiré : le relevé demandé à {machine} ({what}) n'est pas conservé.",
    "expired_sent": "Aucune réponse de {machine} en {minutes} minutes ({what}) : la demande avait été envoyée.",
    "expired": "Aucune réponse de {machine} en {minutes} minutes ({what}) : la demande n'a pas pu être envoyée.",
    "heard_never": "Cette machine n'a jamais donné signe de vie : il se peut qu'aucune réponse ne vienne.",
    "heard": "Dernier signe de vie de cette machine le {heard} : il se peut qu'aucune réponse ne vienne.",
}
_WHAT: Mapping[str, str] = {
    "processes": "la liste de ses processus",
    "disk_usage": "le remplissage de ses disques",
    "smart": "ce que disent ses disques durs",
    "log_tail": "les {lines} dernières lignes du journal de {unit}",
}
_CAME: Mapping[str, tuple[str, str]] = {
    "processes": ("{n} processus", "{n} processus"),
    "disk_usage": ("{n} disque", "{n} disques"),
    "smart": ("{n} disque dur", "{n} disques durs"),
    "log_tail": ("{n} ligne", "{n} lignes"),
}


def line(facts: Mapping[str, Any], language: str, zone: tzinfo) -> str | None:
    """The line in another language than English; None where what was written stands."""
    step, reading = facts.get("step"), str(facts.get("reading"))
    if language != "fr" or step not in ("asked", "answered", "refused", "expired") or reading not in _WHAT:
        return None
    said = {**facts, "what": _WHAT[reading].format(**facts)}
    if step == "answered":
        said["came"] = _came(reading, facts)
    elif step == "refused":
        step = "withdrawn" if facts["why"] == diagnosis.WITHDRAWN else step
        said["why"] = readings_words.told("fr", str(facts["why"])).rstrip(".")
    elif step == "expired":
        step = "expired_sent" if facts["sent"] else step
    sentences = [_FRENCH[step].format(**said)]
    if facts.get("heard") == "never":
        sentences.append(_FRENCH["heard_never"])
    elif heard := facts.get("heard"):
        at = datetime.fromisoformat(str(heard))  # older lines name no zone: they are UTC
        at = at.astimezone(zone) if at.tzinfo else at.replace(tzinfo=UTC).astimezone(zone)
        sentences.append(_FRENCH["heard"].format(heard=f"{at:%d/%m/%Y à %H:%M:%S}"))
    return " ".join(sentences)


def _came(reading: str, facts: Mapping[str, Any]) -> str:
    if "unavailable" in facts:
        return readings_words.told("fr", str(facts["unavailable"])).rstrip(".")
    count = int(facts["found"])
    return _CAME[reading][count > 1].format(n=count)  # nought and one are singular in French
