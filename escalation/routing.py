"""Who takes it: an ordered list of people with the reason of each place, and why the others were passed over. Plain.

Rules, strongest first: only people on duty now who can be reached; the customer's own unit before another (follow the
sun); those at or above the contract's skill floor before those below (a preference: it relaxes, and says so); the
account's named people; a common language; fewer incidents in hand.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from escalation.incident import NEVER_ALONE

LEVELS = ("junior", "confirmed", "senior")
UNITS = ("europe", "americas", "asia-pacific")

# First part of an IANA zone name → the unit whose day it shares. Anything else ("UTC") is looked after from Europe,
# where the house stands.
_UNIT = {
    "America": "americas",
    "US": "americas",
    "Canada": "americas",
    "Asia": "asia-pacific",
    "Australia": "asia-pacific",
    "Pacific": "asia-pacific",
    "Indian": "asia-pacific",
}


def unit_of(zone: str) -> str:
    """The unit that looks after a customer living in an IANA zone."""
    return _UNIT.get(zone.split("/", 1)[0], "europe")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of ours as they stand now. `units`: where they are on duty this very moment (none: off duty)."""

    person_id: uuid.UUID
    name: str
    level: str = "confirmed"
    units: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset({"en"})
    in_hand: int = 0  # open incidents they own
    reachable: bool = True
    named: bool = False  # named for this account
    exclusive: uuid.UUID | None = None  # detached to one account: nobody else's


@dataclass(frozen=True, slots=True)
class Need:
    customer_id: uuid.UUID
    unit: str
    severity: int
    floor: str = "junior"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order. `relaxed` says which preference was given up for it, and why; empty when none was."""

    person_id: uuid.UUID
    name: str
    reason: str
    relaxed: str = ""


@dataclass(frozen=True, slots=True)
class Passed:
    person_id: uuid.UUID
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    places: tuple[Place, ...]
    passed: tuple[Passed, ...]

    @property
    def first(self) -> Place | None:
        return self.places[0] if self.places else None


def order(candidates: Iterable[Candidate], need: Need) -> Order:
    """Everybody who may take it, best first, and everybody who may not."""
    able: list[Candidate] = []
    passed: list[Passed] = []
    for candidate in candidates:
        why_not = _why_not(candidate, need)
        if why_not:
            passed.append(Passed(candidate.person_id, candidate.name, why_not))
        else:
            able.append(candidate)
    able.sort(key=lambda candidate: _rank(candidate, need))
    anybody_above = any(_meets(candidate, need) for candidate in able)
    return Order(tuple(_place(candidate, need, anybody_above) for candidate in able), tuple(passed))


def _why_not(candidate: Candidate, need: Need) -> str:
    if candidate.exclusive is not None and candidate.exclusive != need.customer_id:
        return "detached to another account"
    if not candidate.units:
        return "off duty"
    if not candidate.reachable:
        return "no way to reach them is known"
    return ""


def _meets(candidate: Candidate, need: Need) -> bool:
    return LEVELS.index(candidate.level) >= LEVELS.index(need.floor)


def _rank(candidate: Candidate, need: Need) -> tuple[bool, bool, bool, bool, int, str, uuid.UUID]:
    return (
        need.unit not in candidate.units,
        not _meets(candidate, need),
        not candidate.named,
        need.language not in candidate.languages,
        candidate.in_hand,
        candidate.name,
        candidate.person_id,
    )


def _place(candidate: Candidate, need: Need, anybody_above: bool) -> Place:
    here = need.unit in candidate.units
    words = [f"on duty in {need.unit}" if here else f"on duty in {', '.join(sorted(candidate.units))}"]
    words.append(candidate.level)
    if candidate.named:
        words.append("named for this account")
    if need.language in candidate.languages:
        words.append(f"speaks {need.language}")
    words.append(f"{candidate.in_hand} in hand")
    relaxed = []
    if not here:
        relaxed.append(f"nobody of {need.unit} stands before them, so the sun is followed")
    if not _meets(candidate, need):
        why = "those above it come first" if anybody_above else "nobody above it is on duty"
        relaxed.append(f"below the contract's floor ({need.floor}): {why}")
    return Place(candidate.person_id, candidate.name, ", ".join(words), "; ".join(relaxed))


def needs_second(severity: int) -> bool:
    """Whether the house's rule "never alone" attaches a second engineer."""
    return severity <= NEVER_ALONE


def second_for(places: Sequence[Place], first: uuid.UUID | None) -> Place | None:
    """Who stands beside the first: the next in the order who is somebody else."""
    return next((place for place in places if place.person_id != first), None)
