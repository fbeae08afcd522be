"""Reachability as the duty board says it: "phone in 11 s, mail in 4 min", since when, and what is not proved. Plain."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from app import words
from escalation import proving, reach
from escalation.proving import Way
from escalation.reach import Proof, Standing
from models.people import Person
from models.reach import ReachProof


@dataclass(frozen=True, slots=True)
class Reached:
    """`said` over `below`; `good`: at least one way is proved."""

    said: str
    below: str
    good: bool


def reached(person: Person, known: Mapping[Way, ReachProof], now: datetime, zone: tzinfo) -> Reached:
    """How one of ours is proved to be reachable."""
    ways = [(way["channel"], proof, reach.standing(proof, now)) for way, proof in proving.of(person, known)]
    if not ways:
        return Reached("no way to reach them is known", "", False)
    good = reach.is_proved((proof for _, proof, _ in ways), now)
    answered = [f"{channel} in {_took(proof)}" for channel, proof, at in ways if at is Standing.PROVED]
    confirmed = [f"{channel} by its code" for channel, _, at in ways if at is Standing.CONFIRMED]
    instants = [at for _, proof, _ in ways for at in (proof.answered_at or proof.confirmed_at,) if at is not None]
    since = max(instants, default=None)
    open_ones = [f"{channel} {at.value}" for channel, _, at in ways
                 if at not in (Standing.PROVED, Standing.CONFIRMED)]  # fmt: skip
    below = [words.day(since, zone)] if since is not None and good else []
    said = ", ".join([*answered, *confirmed])
    if not good:
        return Reached("not proved reachable", ", ".join(open_ones), False)
    return Reached(said or "proved before", ", ".join([*open_ones, *below]), True)


def of_rung(ids: list[uuid.UUID], known: Mapping[uuid.UUID, Reached]) -> tuple[str, bool]:
    """The proof of a rung in words, and whether at least one on it is proved."""
    found = [known[id] for id in ids if id in known]
    best = next((one for one in found if one.good), None)
    if best is not None:
        return ", ".join(part for part in (best.below, best.said) if part), True
    return ("; ".join(part for one in found[:1] for part in (one.said, one.below) if part), False)


def _took(proof: Proof) -> str:
    if proof.answered_at is None or proof.tested_at is None:
        return "time"
    seconds = round((proof.answered_at - proof.tested_at).total_seconds())
    return f"{seconds} s" if seconds < 120 else words.span(seconds)
