"""What a kind of trouble means: what usually follows, and how its customer is told, in English and French. Plain.

The words are data, by the kind of the cause ("disk" of "disk:/var"); a cause nobody lists gets the plainest sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from escalation import words
from models.incidents import Incident
from models.machines import Machine


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of cause brings, and how it is told to a customer in English and French; {0} is the machine."""

    follows: str
    en: str
    fr: str


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
                "{0} works unusually hard.",
                "{0} travaille beaucoup plus que d’habitude."),
    "latency": Kind("Users notice within minutes.",
                    "{0} answers more slowly than usual.",
                    "{0} répond plus lentement que d’habitude."),
    "requests": Kind("", "{0} is asked unusually often.",
                     "{0} reçoit nettement plus de demandes que d’habitude."),
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
# The same where it is unusually little.
LITTLE: Mapping[str, Kind] = {
    "cpu": Kind("", "{0} does unusually little: what it serves may have stopped, or nobody asks for it.",
                "{0} travaille beaucoup moins que d’habitude : ce qu’elle sert s’est peut-être arrêté, ou n’est plus "
                "demandé."),
    "requests": Kind("", "{0} is asked unusually seldom: users may not reach it.",
                     "{0} reçoit nettement moins de demandes que d’habitude : on ne l’atteint peut-être plus."),
}
_EXPIRED = Kind("Browsers and programs refuse the connection until there is a new one.",
                "A certificate of {0} has expired: programs and browsers may refuse to connect.",
                "Un certificat de {0} a expiré : programmes et navigateurs peuvent refuser la connexion.")
_TRAFFIC = Kind("", "{0} sends or receives an unusual amount over the network. We are looking into it.",
                "{0} échange un volume inhabituel sur le réseau. Nous cherchons pourquoi.")
_MANY = Kind("The others of its kind may follow: what they share is in trouble, not each by itself.",
             "Several of your machines have the same problem at once; {0} is one of them.",
             "Plusieurs de vos machines ont le même problème en même temps ; {0} en fait partie.")
_MANY_SILENT = Kind("Nobody knows before they are heard again: they may serve their users, or be off.",
                    "We have not heard from several of your machines for a while, {0} among them, and do not know "
                    "whether they work.",
                    "Nous n’entendons plus plusieurs de vos machines, dont {0}, et ne savons pas si elles "
                    "fonctionnent.")
_METRICS_SILENT = Kind("What it would have shown goes unseen until it is reported again.",
                       "{0} no longer sends all of its readings; the rest of it is still being watched.",
                       "{0} n’envoie plus toutes ses mesures ; le reste est toujours surveillé.")
# fmt: on

# What is bad when it is little of it; all else of such a cause is bad when it is much.
_RUNS_OUT: Final = re.compile(r"free|avail|left|idle|healthy")
_ONE_SIDED: Final = frozenset({"memory", "disk", "inodes", "temperature", "latency"})
_FAILING: Final = re.compile(r"drop|err|retrans|loss|discard|collision|fail")


def sentence(cause: str, evidence: Mapping[str, Any], machine: str, language: str) -> str:
    """What its customer reads of what we saw on `machine`; empty where it is on none of theirs."""
    if not machine:
        return ""
    kind = kind_of(cause.partition(":")[0], evidence)
    return (kind.fr if language == "fr" else kind.en).format(machine)


def opened_words(cause: str, evidence: Mapping[str, Any], machine: Machine, language: str) -> str:
    """The first public word of an incident that nobody asked for."""
    named = f"{machine.name} ({machine.title})" if machine.title else machine.name
    return words.public(language, "opened", seen=sentence(cause, evidence, named, language))


def title(incident: Incident, machine: Machine | None, language: str) -> str:
    """What its customer reads at the head of an incident: what we saw in their words, or what somebody wrote."""
    if incident.channel != "telemetry" or machine is None:
        return incident.title
    return sentence(incident.cause, incident.evidence, machine.name, language)


def is_unknown(kind: Kind) -> bool:
    """Whether it is only known that something is not as it usually is."""
    return kind is _UNKNOWN


def is_of_metrics(kind: Kind) -> bool:
    """Whether single metrics are missed of a machine that speaks."""
    return kind is _METRICS_SILENT


def kind_of(family: str, evidence: Mapping[str, Any]) -> Kind:
    """What kind of trouble it is: by its cause, unless what was seen says otherwise."""
    metrics_only = family == "silence" and bool(evidence.get("silent"))
    shared = evidence.get("shared")
    if isinstance(shared, Mapping) and shared.get("machines") != 1:  # of this customer's contract
        return _MANY_SILENT if family == "silence" and not metrics_only else _MANY
    if metrics_only:
        return _METRICS_SILENT
    if evidence.get("rule") == "certificate_expired":
        return _EXPIRED
    metrics = evidence.get("metrics") or ()
    first = metrics[0] if metrics and isinstance(metrics[0], Mapping) else {}
    if not any(evidence.get(other) for other in ("rule", "code", "certain", "forecast")):
        name = str(first.get("metric") or "")
        if family == "network" and not _FAILING.search(name):
            return _TRAFFIC
        is_little = _is_high(first) is bool(_RUNS_OUT.search(name))
        if family in _ONE_SIDED and is_little:
            return _UNKNOWN  # memory that is not used fills nothing
        if family in LITTLE and is_little:
            return LITTLE[family]
    return KINDS.get(family, _UNKNOWN)


def _is_high(seen: Mapping[str, object]) -> bool | None:
    """Whether it stood above what was expected; None where that is not known."""
    observed, low, high = (seen.get(name) for name in ("observed", "low", "high"))
    if not (isinstance(observed, int | float) and isinstance(low, int | float) and isinstance(high, int | float)):
        return None
    return observed > (low + high) / 2
