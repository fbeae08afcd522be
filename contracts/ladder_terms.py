"""Whom a ladder may call, and how it climbs: what waits count from, repeats, when an acknowledgement wears off. Plain.

A rung names a duty of ours ("duty", "lead" …), a named role of the account ("deputy"), or one of three kinds by name:
`person:dee@example.org`, `schedule:velizy` (its name, in small letters and hyphens), `team:europe` (all on duty there).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RUNGS = ("duty", "second", "account", "lead", "number-two", "number-one")
# Named roles of the account; `account` calls them all.
ROLES: Mapping[str, str] = {
    "account-engineer": "account engineer",
    "deputy": "deputy",
    "escalation-owner": "escalation owner",
}
TEAMS = ("europe", "americas", "asia-pacific")
CONVENTIONS = ("escalate_after", "from_previous", "from_opening")
MOST_REPEATS = 9
_MOST_WORN_S = 30 * 86_400
_LONGEST = 120
_PERSON = re.compile(r"[^@\s,;<>:]+@[^@\s,;<>:]+")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def slug(name: str) -> str:
    """A name as a rung carries it: "Vélizy, night" → "velizy-night"."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")


def is_rung(word: object) -> bool:
    """Whether a word may stand on a ladder. Whether anybody answers to it is found out when it is climbed."""
    if not isinstance(word, str) or len(word) > _LONGEST:
        return False
    kind, colon, name = word.partition(":")
    if not colon:
        return word in RUNGS or word in ROLES
    if kind == "team":
        return name in TEAMS
    return bool((kind == "person" and _PERSON.fullmatch(name)) or (kind == "schedule" and _SLUG.fullmatch(name)))


KNOWN = ", ".join((*RUNGS, *ROLES, "team:europe", "schedule:NAME", "person:ADDRESS"))


@dataclass(frozen=True, slots=True)
class ClimbTerms:
    """How a ladder is climbed. `again_after`: seconds until what was acknowledged and is not worked on starts over."""

    convention: str = "escalate_after"
    repeats: int = 0
    again_after: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Only what is not usual."""
        said = {"convention": self.convention, "repeats": self.repeats, "again_after": self.again_after}
        usual = ClimbTerms()
        return {name: value for name, value in said.items() if value != getattr(usual, name)}

    @staticmethod
    def from_json(given: object) -> ClimbTerms:
        """Raises ValueError naming the field."""
        if not isinstance(given, Mapping) or set(given) - {"convention", "repeats", "again_after"}:
            raise ValueError("climbing: give convention, repeats and again_after, or some of them")
        convention, repeats = given.get("convention", "escalate_after"), given.get("repeats", 0)
        again = given.get("again_after")
        if convention not in CONVENTIONS:
            raise ValueError(f"climbing.convention: {convention!r} is not known; use one of {', '.join(CONVENTIONS)}")
        if not isinstance(repeats, int) or isinstance(repeats, bool) or not 0 <= repeats <= MOST_REPEATS:
            raise ValueError(f"climbing.repeats: {repeats!r} is not a whole number from 0 to {MOST_REPEATS}")
        if again is not None and (not isinstance(again, int) or isinstance(again, bool)
                                  or not 60 <= again <= _MOST_WORN_S):  # fmt: skip
            raise ValueError(f"climbing.again_after: {again!r} is no span of 60 to {_MOST_WORN_S} seconds")
        return ClimbTerms(convention, repeats, again)
