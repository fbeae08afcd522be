"""What a finding means, beside what was measured: how sure it is, what to do, what usually follows. Plain.

The words are data, by the kind of the cause ("disk" of "disk:/var"); those the customer reads too are `told_plainly`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from app import words
from app.ahead import ahead_of
from app.pages import changed
from escalation import instants, told_plainly
from models.base import Json
from telemetry.rules import kind_of

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Meaning:
    """Sentences beside the evidence; empty where there is nothing to say."""

    sure: str
    follows: str
    customer: str
    ahead: str = ""
    do: str = ""  # what to do, or what to look at first
    changed: str = ""  # how it lies to what was changed on the machine


# fmt: off
# What to look at first where many machines began together, by what they share.
SHARED: Mapping[str, str] = {
    "rack": "Look at what the rack shares first: its power feed, its switch, its cooling; then at one console.",
    "site": "Ask whether the site has power and its line is up; then try one machine’s console.",
    "software": "See what was rolled out to them last, and take it back on one of them.",
    "broker": "Look at the broker and the network in front of it, then at one machine.",
}
_SHARED = "Find what they share: a network, a store, a roll-out, a certificate; mend that before any single machine."
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
_LOOK_METRICS: Final = "See whether the sensor, plugin or exporter behind them still runs, and its log since then."
_LOOK: Final = (
    "Compare the charts below with what changed on the machine at that hour: a deployment, a job, a neighbour."
)
# fmt: on


def meaning(cause: str, evidence: Json, machine: str, language: str, zone: tzinfo, now: datetime) -> Meaning:
    """The sentences of an incident with this cause; none where nobody watched (`evidence` is empty)."""
    if not evidence:
        return Meaning("", "", "")
    kind = told_plainly.kind_of(kind_of(cause), evidence)
    ahead = ahead_of(evidence)
    told = "" if ahead is None else ahead.sentence(*_named(evidence, ahead.metric), zone, now)
    customer = told_plainly.sentence(cause, evidence, machine, language)
    is_silent = kind_of(cause) == "silence"
    sure = "nothing was heard, which is certain; whether it works is not." if is_silent else how_sure(evidence)
    do = _what_to_do(kind_of(cause), kind, evidence)
    return Meaning(sure, kind.follows, customer, told, do, changed.sentence(evidence))


def model_words(evidence: Json) -> str:
    """Which model spoke, and what it rests on; empty for a rule or a silence."""
    model = evidence.get("model")
    if not isinstance(model, Mapping):
        return str(model or "")
    learned = model.get("learned_s")
    said = str(model.get("kind", "model" if learned else ""))
    return f"{said}, learned from {words.span(learned)}" if isinstance(learned, int | float) and learned else said


def _what_to_do(family: str, kind: told_plainly.Kind, evidence: Json) -> str:
    shared, certain = evidence.get("shared"), evidence.get("certain")
    if isinstance(shared, Mapping):
        return SHARED.get(str(shared.get("place")), _SHARED)
    cure = str((certain.get("cure") if isinstance(certain, Mapping) else "") or evidence.get("cure") or "")
    if told_plainly.is_of_metrics(kind):
        return cure or _LOOK_METRICS
    return cure or (_LOOK if told_plainly.is_unknown(kind) else LOOKS.get(family, _LOOK))


def how_sure(evidence: Json) -> str:
    """What the finding rests on, and how far beyond doubt it is."""
    certain = evidence.get("certain")
    if isinstance(certain, Mapping):
        return f"beyond doubt since it is seen as well: {certain['said']}."
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


def in_local_hours(summary: str, evidence: Json, zone: tzinfo) -> str:
    """The detector speaks UTC; whoever reads here reads their own hours."""
    return instants.read(*instants.found(summary, evidence), lambda at: instants.hour(at, zone))


def _named(evidence: Json, metric: str) -> tuple[str, str]:
    """Label and unit of a metric of the evidence."""
    one: Json = next((m for m in evidence["metrics"] if m.get("metric") == metric), {})
    return str(one.get("label") or metric), str(one.get("unit") or "")
