"""What a finding means, beside what was measured: how sure it is, what usually follows, a customer's sentence. Plain.

The words are data, by the kind of the cause ("disk" of "disk:/var"); a cause nobody lists gets the plainest sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from app import words
from app.ahead import ahead_of
from app.pages.evidence import cure_of
from models.base import Json
from telemetry.rules import kind_of

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of cause brings, and how it is told to a customer in English and French; {0} is the machine."""

    follows: str
    en: str
    fr: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """Sentences beside the evidence; empty where there is nothing to say."""

    sure: str
    follows: str
    customer: str
    ahead: str = ""
    do: str = ""  # what to do, or what to look at first


# fmt: off
_UNKNOWN = Kind("", "{0} does not behave as it usually does. We are looking into it.",
                "{0} ne se comporte pas comme d’habitude. Nous cherchons pourquoi.")
_SILENT = Kind("Nobody knows before it is heard again: it may serve its users, or be off.",
               "We have not heard from {0} for a while and do not know whether it works.",
               "Nous n’entendons plus {0} et ne savons pas si elle fonctionne.")
KINDS: Mapping[str, Kind] = {
    "memory": Kind("Swapping and slow answers, then processes killed for memory.",
                   "Memory on {0} is running short: what runs there may become slow or stop.",
                   "La mémoire de {0} s’épuise : ce qui y tourne peut ralentir ou s’arrêter."),
    "oom": Kind("What was killed is down until it is started again; it is killed again while memory is short.",
                "{0} ran out of memory and had to stop a program.",
                "{0} a manqué de mémoire et a dû arrêter un programme."),
    "disk": Kind("Once it is full, writes fail: databases stop, logs end.",
                 "Storage on {0} is filling unusually: once it is full, nothing can be saved there.",
                 "Le stockage de {0} se remplit de façon inhabituelle : une fois plein, plus rien ne peut y être "
                 "enregistré."),
    "inodes": Kind("Once none are left no file can be made, although there is room.",
                   "{0} will soon be unable to make new files.",
                   "{0} ne pourra bientôt plus créer de fichiers."),
    "readonly": Kind("Whatever writes there fails; a restart often does not come back.",
                     "{0} can read its storage but no longer save to it.",
                     "{0} peut lire son stockage mais n’y enregistre plus rien."),
    "drive": Kind("More lost sectors within days, then read errors; in the end the drive fails.",
                  "A drive in {0} shows signs of wear. Nothing is lost yet; it should be exchanged.",
                  "Un disque de {0} montre des signes d’usure. Rien n’est perdu ; il faudrait le remplacer."),
    "raid": Kind("One more drive lost and the data is; a rebuild slows everything for hours.",
                 "The drives of {0} no longer protect one another. Nothing is lost yet.",
                 "Les disques de {0} ne se protègent plus l’un l’autre. Rien n’est perdu."),
    "disk-speed": Kind("What reads or writes waits: answers become slow.",
                       "{0} reads and writes its storage in an unusual way; what runs there may be slow.",
                       "{0} lit et écrit son stockage de façon inhabituelle ; ce qui y tourne peut être lent."),
    "fan": Kind("Temperature rises within minutes, the processor slows down, in the end the machine switches off.",
                "A fan in {0} does not turn as it should; the machine may become too hot.",
                "Un ventilateur de {0} ne tourne pas comme il devrait ; la machine peut surchauffer."),
    "temperature": Kind("The processor slows down first; at its limit the machine switches itself off.",
                        "{0} is warmer than usual.",
                        "{0} est plus chaude que d’habitude."),
    "psu": Kind("Nothing while the other supply holds; with that the machine is off.",
                "{0} runs on one of its power supplies only.",
                "{0} ne fonctionne plus que sur une seule alimentation."),
    "power": Kind("Nothing by itself; where a feed is lost, the next one lost turns machines off.",
                  "{0} draws an unusual amount of power.",
                  "{0} consomme une puissance inhabituelle."),
    "network": Kind("Repeated packets and broken connections: answers become slow, then fail.",
                    "The network connection of {0} is unreliable; what it serves may be slow.",
                    "La connexion réseau de {0} n’est pas fiable ; ce qu’elle sert peut être lent."),
    "cpu": Kind("Queues grow and answers become slow.",
                "{0} works unusually hard or unusually little.",
                "{0} travaille beaucoup plus ou beaucoup moins que d’habitude."),
    "latency": Kind("Users notice within minutes.",
                    "{0} answers more slowly than usual.",
                    "{0} répond plus lentement que d’habitude."),
    "requests": Kind("", "{0} is asked unusually often or unusually seldom.",
                     "{0} reçoit nettement plus ou nettement moins de demandes que d’habitude."),
    "ecc": Kind("Corrected errors become uncorrected ones; then the machine stops or restarts.",
                "The memory of {0} corrects errors. Nothing is lost yet; a module should be exchanged.",
                "La mémoire de {0} corrige des erreurs. Rien n’est perdu ; un module est à remplacer."),
    "clock": Kind("Certificates, logs and clusters stop agreeing; tickets and leases run out early or never.",
                  "The clock of {0} is wrong; signing in or exchanging data may fail.",
                  "L’horloge de {0} n’est pas juste ; connexions et échanges de données peuvent échouer."),
    "check": Kind("What the check's own text says.",
                  "A check that watches {0} calls its state critical.",
                  "Un contrôle qui surveille {0} juge son état critique."),
    "certificate": Kind("From that instant browsers and programs refuse the connection.",
                        "A certificate of {0} is about to expire.",
                        "Un certificat de {0} va expirer."),
    "silence": _SILENT,
}
# What to look at first, where no rule says what to do.
LOOKS: Mapping[str, str] = {
    "memory": "See which process grew since then; restart it in a quiet moment, or give the machine memory.",
    "disk": "See which folder grew since then; stop what writes, move or clear it, and widen the volume.",
    "drive": "Read the drive's SMART values and run a long self-test; order its like.",
    "disk-speed": "See which process reads or writes most, and whether a backup, a rebuild or a scrub runs.",
    "fan": "Read the fan and the temperatures on the board's own console; exchange the fan while the machine is cool.",
    "temperature": "Look at fans, filters and the air at the rack's front; move load away if it goes on rising.",
    "power": "Look at both supplies and feeds, and at what began to run on the machine.",
    "network": "Look at the card's error counters, the cable and the port of the switch; try the other port.",
    "cpu": "See which process took the processor since then, and whether it is meant to.",
    "processes": "See what starts processes, and whether they end.",
    "latency": "Follow one slow request: processor, disk, network or what it calls.",
    "requests": "Ask where the requests come from, or where they went: a balancer, a crawler, a closed door upstream.",
    "silence": "Try its console and its site; ask whether power, network or the agent went.",
}
_LOOK = "Compare the charts below with what changed on the machine at that hour: a deployment, a job, a neighbour."
# fmt: on


def meaning(cause: str, evidence: Json, machine: str, language: str, zone: tzinfo, now: datetime) -> Meaning:
    """The sentences of an incident with this cause; none where nobody watched (`evidence` is empty)."""
    if not evidence:
        return Meaning("", "", "")
    kind = KINDS.get(kind_of(cause), _UNKNOWN)
    ahead = ahead_of(evidence)
    told = "" if ahead is None else ahead.sentence(*_named(evidence, ahead.metric), zone, now)
    customer = (kind.fr if language == "fr" else kind.en).format(machine) if machine else ""
    sure = "nothing was heard, which is certain; whether it works is not." if kind is _SILENT else how_sure(evidence)
    return Meaning(sure, kind.follows, customer, told, cure_of(evidence) or LOOKS.get(kind_of(cause), _LOOK))


def how_sure(evidence: Json) -> str:
    """What the finding rests on, and how far beyond doubt it is."""
    if evidence.get("rule"):
        return "a fixed limit was passed; nothing was guessed."
    if evidence.get("code"):
        return "the machine said so itself."
    peak, threshold = evidence.get("peak"), evidence.get("threshold")
    if not isinstance(peak, int | float) or not isinstance(threshold, int | float) or not threshold:
        foretold = "the interval holds if it goes on between its slowest and its fastest pace of late."
        return foretold if evidence.get("forecast") else ""
    said = f"it stood at {peak / threshold:.1f} times what opens an incident."
    model = evidence.get("model")
    learned = model.get("learned_s") if isinstance(model, Mapping) else None
    if isinstance(learned, int | float) and learned < DAY_S:
        said += f" It rests on {words.span(learned)} of history only: what is usual is still being learned."
    return said


def _named(evidence: Json, metric: str) -> tuple[str, str]:
    """Label and unit of a metric of the evidence."""
    one: Json = next((m for m in evidence["metrics"] if m.get("metric") == metric), {})
    return str(one.get("label") or metric), str(one.get("unit") or "")
