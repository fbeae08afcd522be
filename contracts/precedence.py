"""Which of several holds: policies by level, contracts by a stated order. Plain, deterministic, and able to say why.

One function chooses (`select`): the first level of a precedence that has a policy which matches. Contracts of one
standing are put to it with their lines as policies, so a line for the machine goes before one for its site, and that
before one for everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

# Of several contracts the one in the best standing answers.
STANDINGS = ("active", "grace", "not_started", "suspended", "draft", "expired", "cancelled")
LEVELS = ("machine", "service", "site", "default")


def select(precedence: Sequence[str], policies: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str | None:
    """The name of the policy that holds: the first level of `precedence` with a policy that matches the facts.

    Only a policy of the level "default" matches without a value; a blank one elsewhere matches nothing.
    """
    for kind in precedence:
        for policy in policies:
            if policy["level"] != kind:
                continue
            wanted = policy.get("match")
            if kind == "default" or (wanted not in (None, "") and facts.get(kind) == wanted):
                return str(policy["name"])
    return None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contract that might answer. `lines` are those in force, as (level, match) with "" for everything."""

    number: str
    standing: str
    tier_rank: int
    starts_on: date
    covered: bool
    lines: tuple[tuple[str, str], ...]
    renews: str = ""  # number of the contract it follows


@dataclass(frozen=True, slots=True)
class Passed:
    """A contract that did not answer, and by which step of the order."""

    number: str
    why: str  # standing, cover, successor, line, tier, start, number


@dataclass(frozen=True, slots=True)
class Choice:
    number: str
    passed: tuple[Passed, ...]


def choose(candidates: Sequence[Candidate], facts: Mapping[str, str]) -> Choice:
    """The contract that answers, and why each other one does not. `facts`: machine, site and service asked for.

    The order: standing; a line in force for what is asked; the successor before the one it renews; the closest line
    (machine, service, site, everything); the higher tier; the earlier start; the lower number. At least one candidate.
    """
    best = min(candidates, key=_standing_first)
    # Of equal standing and cover, and without those whose successor stands among them.
    equal = [one for one in candidates if _standing_first(one) == _standing_first(best)]
    followed = {one.renews for one in equal if one.renews}
    equal = sorted((one for one in equal if one.number not in followed), key=_rank)
    policies = [
        {"level": level, "match": match or None, "name": one.number} for one in equal for level, match in one.lines
    ]
    found = select(LEVELS, policies, facts)
    winner = next((one for one in equal if one.number == found), equal[0])
    others = sorted(
        (one for one in candidates if one is not winner), key=lambda one: (_standing_first(one), _rank(one))
    )
    return Choice(winner.number, tuple(Passed(one.number, _why(one, winner, facts, followed)) for one in others))


def _standing_first(one: Candidate) -> tuple[int, bool]:
    return STANDINGS.index(one.standing), not one.covered


def _rank(one: Candidate) -> tuple[int, date, str]:
    return -one.tier_rank, one.starts_on, one.number


def _level(one: Candidate, facts: Mapping[str, str]) -> int:
    """How close its closest line comes, 0 closest."""
    found = [LEVELS.index(level) for level, match in one.lines if level == "default" or facts.get(level) == match]
    return min(found, default=len(LEVELS))


def _why(one: Candidate, winner: Candidate, facts: Mapping[str, str], followed: set[str]) -> str:
    """The first step of the order that parts the two."""
    steps = (
        ("standing", one.standing != winner.standing),
        ("cover", one.covered != winner.covered),
        ("successor", one.number in followed),
        ("line", _level(one, facts) != _level(winner, facts)),
        ("tier", one.tier_rank != winner.tier_rank),
        ("start", one.starts_on != winner.starts_on),
    )
    return next((name for name, parts in steps if parts), "number")
