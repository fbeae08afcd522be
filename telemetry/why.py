"""Why did this not alarm? The answer for one machine and one instant, from what was kept. Plain.

First whether it did alarm after all; else every reason of restraint that held at that instant, the first that alone
would have been enough in front: nobody could hear it, its contract, maintenance, learning, the score itself, what the
detector held back, what the desk held back, and that an incident was open already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from telemetry.verdicts import THRESHOLD

NEAR: Final = 0.85  # of the threshold: a condition that is open stays open above it


@dataclass(frozen=True, slots=True)
class Raised:
    """A finding that lasted at the instant, and what became of it."""

    cause: str
    summary: str
    opened_at: datetime
    incident: str = ""  # VG-1001
    shadow: bool = False
    held_back: str = ""
    held_words: str = ""
    said: str = ""  # what its contract answered, when it opened nothing


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A restraint of the detector at the instant."""

    rule: str
    words: str
    score: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything that is known of a machine around an instant. Words come from where the facts do."""

    machine: str
    at: datetime
    score: float | None = None  # robust sigmas; None: it was not scored then
    score_at: datetime | None = None
    reported_at: datetime | None = None  # the last report at or before the instant
    patience_s: float = 60.0  # so long between two reports is nothing
    first_report_at: datetime | None = None
    learned: bool = True  # whether there was enough history to score it
    watching: str = "detect"  # what the contract let us do: collect, watch, shadow, detect, refused
    contract_words: str = ""
    maintenance: str = ""  # the window it lay in
    restraints: Sequence[HeldBack] = ()
    raised: Sequence[Raised] = ()
    enrolled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of restraint: a word for programs, a sentence for people."""

    rule: str
    words: str


@dataclass(frozen=True, slots=True)
class Why:
    """The answer. `alarmed`: an incident was open for it at that instant."""

    machine: str
    at: datetime
    alarmed: bool
    sentence: str
    score: float | None
    threshold: float
    score_at: datetime | None
    reasons: Sequence[Reason] = field(default_factory=tuple)


def explain(kept: Kept) -> Why:
    """Put together what held at the instant."""
    found = [*_unheard(kept), *_by_contract(kept), *_by_work(kept), *_raised(kept), *_by_score(kept)]
    reasons = list(dict.fromkeys(found))  # several findings may have joined the same incident
    opened = [one for one in kept.raised if one.incident]
    threshold = max([THRESHOLD, *(one.threshold for one in kept.restraints)])
    if opened:
        first = min(opened, key=lambda one: one.opened_at)
        sentence = f"It did: {first.incident} has been open since {_clock(first.opened_at)} for {first.cause}."
    elif reasons:
        sentence = reasons[0].words
    else:
        sentence = "Nothing held it back: the score stood at the threshold and the next report would have opened it."
    return Why(kept.machine, kept.at, bool(opened), sentence, kept.score, threshold, kept.score_at, tuple(reasons))


def _unheard(kept: Kept) -> list[Reason]:
    if kept.enrolled_at is not None and kept.at < kept.enrolled_at and kept.reported_at is None:
        return [Reason("unknown", f"The machine was enrolled only on {_clock(kept.enrolled_at)}.")]
    if kept.watching == "refused":
        return []  # it may well have spoken: nothing it says is taken
    if kept.reported_at is None:
        return [Reason("unheard", "Nothing had been reported by then.")]
    if (kept.at - kept.reported_at).total_seconds() > kept.patience_s:
        return [Reason("unheard", f"It was not heard then: its last report before was of {_clock(kept.reported_at)}.")]
    return []


def _by_contract(kept: Kept) -> list[Reason]:
    words = {
        "refused": "Its contract did not take its telemetry",
        "collect": "Its contract only has its telemetry kept: nothing looks at it",
        "watch": "Its contract shows silence and hard faults; what the model finds is not part of it",
        "shadow": "Its contract has findings listed for the review; they open no incident",
    }
    said = words.get(kept.watching)
    if said is None:
        return []
    return [Reason("tier", f"{said}. {kept.contract_words}".strip() if kept.contract_words else f"{said}.")]


def _by_work(kept: Kept) -> list[Reason]:
    if not kept.maintenance:
        return []
    return [Reason("maintenance", f"It was being worked on ({kept.maintenance}): kept, and not looked at.")]


def _raised(kept: Kept) -> list[Reason]:
    found = []
    for one in kept.raised:
        if one.incident:
            found.append(
                Reason("joined", f"{one.incident} was open for {one.cause} already: the same problem joins it.")
            )
        elif one.held_back:
            found.append(Reason(one.held_back, one.held_words))
        else:
            said = one.said or ("seen in shadow" if one.shadow else "its contract opens nothing for it")
            found.append(Reason("contract", f"It was found ({one.summary}), and the contract answered: {said}"))
    return found


def _by_score(kept: Kept) -> list[Reason]:
    if kept.score is None:
        if kept.watching in ("refused", "collect") or kept.maintenance or kept.reported_at is None:
            return []
        if not kept.learned:
            since = f" since {_clock(kept.first_report_at)}" if kept.first_report_at is not None else ""
            return [Reason("learning", f"It was still learning{since}: only hard faults could open anything.")]
        return [Reason("unscored", "No score was kept for that minute: it was not heard, or its report came late.")]
    held = [Reason(one.rule, one.words) for one in kept.restraints]
    if held:
        return held
    share = kept.score / THRESHOLD
    if share >= 1.0:
        # At or above it for less than it takes: a machine that speaks every few seconds must repeat itself.
        return [] if kept.raised else [Reason("hysteresis", "It stood at the threshold, not yet for long enough.")]
    if kept.raised and share >= NEAR:
        return [Reason("hysteresis", f"Its score {kept.score:.2f} kept the condition open; it ends below {NEAR:.0%}.")]
    words = f"Its score was {kept.score:.2f}, {share:.0%} of the {THRESHOLD:.2f} robust sigmas it takes."
    return [Reason("below", words)]


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
