"""Who takes it: an ordered list of people with the reason of each place, and why the others were passed over. Plain.

Walls first: only people on duty now, present, reachable, with room for one more, whose training in the subject has not
run out, and not detached to another account. Among them, strongest first: those detached to this very account; the
customer's own unit before another (follow the sun); those at or above the contract's skill floor before those below (a
preference: it relaxes, and says so); those trained in the subject; the account's named people; a common language; those
at the site that looks after the customer's country; fewer incidents in hand; a larger site before a smaller one. Where
the sun is followed, the larger site comes before fewer in hand: it stays open for other zones, and there somebody sits
beside them, which at a small one, or at home, by night nobody does.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from escalation.incident import NEVER_ALONE

LEVELS = ("junior", "confirmed", "senior")
# How many customers one person can serve at a time, by the way they are served. One cannot phone twice at once.
CAPACITY: Mapping[str, int] = {"phone": 1, "remote": 4, "written": 6}
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
    # Names of before the zones were sorted by continent; they hold to this day.
    **dict.fromkeys(("Brazil", "Chile", "Cuba", "Jamaica", "Mexico", "Navajo", "EST", "MST", "HST"), "americas"),
    **dict.fromkeys(("EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"), "americas"),
    **dict.fromkeys(("Japan", "Singapore", "Hongkong", "PRC", "ROC", "ROK", "NZ", "NZ-CHAT"), "asia-pacific"),
}


# A site of the house by its size, the one that carries other zones' nights first.
SIZES = ("large", "medium", "small")
HOME = ("home", "from home")  # what somebody's site says who works from home


@dataclass(frozen=True, slots=True)
class Seat:
    """Where somebody works: a site of the house by name, its size (empty: from home, or nobody has said) and the
    countries (ISO 3166 alpha-2) it looks after."""

    name: str = ""
    size: str = ""
    countries: frozenset[str] = frozenset()

    @property
    def rank(self) -> int:
        """0 for the largest; a seat of no known size comes last."""
        return SIZES.index(self.size) if self.size in SIZES else len(SIZES)

    @property
    def is_home(self) -> bool:
        return self.name.strip().lower() in HOME


NOWHERE = Seat()


def unit_of(zone: str) -> str:
    """The unit that looks after a customer living in an IANA zone."""
    return _UNIT.get(zone.split("/", 1)[0], "europe")


@dataclass(frozen=True, slots=True)
class Kept:
    """Places of somebody's room that are kept for one account, or for one tier. `held`: how many of them it has now."""

    mode: str
    places: int
    name: str  # whose they are, as the reason names it
    customer_id: uuid.UUID | None = None
    tier: str = ""
    held: int = 0

    def is_for(self, need: Need) -> bool:
        return need.customer_id == self.customer_id if self.customer_id is not None else need.tier == self.tier


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
    away: str = ""  # why they are not to be given work although on duty; empty when they are
    trained: Mapping[str, str] = field(default_factory=dict)  # subject → level, of trainings that hold today
    expired: frozenset[str] = frozenset()  # subjects whose training has run out
    serving: Mapping[str, int] = field(default_factory=dict)  # way of serving → how many they serve so now
    capacity: Mapping[str, int] = field(default_factory=dict)  # their own limits; CAPACITY where one is not named
    seat: Seat = NOWHERE
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    customer_id: uuid.UUID
    unit: str
    severity: int
    floor: str = "junior"
    language: str = "en"
    subject: str = ""  # what it is about (escalation.subjects); empty: nobody can say
    mode: str = "written"  # how the customer is served: phone, remote, written
    country: str = ""  # where the machine stands, ISO 3166 alpha-2; empty: nobody can say
    tier: str = ""  # of its contract; empty: it has none


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
    full: int = 0  # how many were passed over for want of room alone

    @property
    def waits(self) -> bool:
        """Whether it must wait its turn: somebody could take it, were their hands not full."""
        return not self.places and self.full > 0

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
    anybody_here = any(need.unit in candidate.units for candidate in able)
    full = sum(one.reason.startswith(_FULL) for one in passed)
    return Order(tuple(_place(candidate, need, anybody_above, anybody_here) for candidate in able), tuple(passed), full)


_FULL = "hands full"
ELSEWHERE = "detached to another account"
ABOVE_FIRST = "those above it come first"


def _why_not(candidate: Candidate, need: Need) -> str:
    if candidate.exclusive is not None and candidate.exclusive != need.customer_id:
        return ELSEWHERE
    if not candidate.units:
        return "off duty"
    if candidate.away:
        return candidate.away
    if not candidate.reachable:
        return "no way to reach them is known"
    if need.subject in candidate.expired:
        return f"training in {need.subject} has expired"
    return no_room(candidate, need.mode) or _kept_for_others(candidate, need)


def _kept_for_others(candidate: Candidate, need: Need) -> str:
    """Why what room they have is not for this one: as many places as are free are kept for others. Empty: it is."""
    free = candidate.capacity.get(need.mode, CAPACITY[need.mode]) - candidate.serving.get(need.mode, 0)
    others = [one for one in candidate.kept if one.mode == need.mode and not one.is_for(need) and one.held < one.places]
    if sum(one.places - one.held for one in others) < free:
        return ""
    return f"{_FULL} for others: {free} {need.mode} kept for {' and '.join(sorted({one.name for one in others}))}"


def no_room(candidate: Candidate, mode: str) -> str:
    """Why they cannot serve one more in this way ("hands full: 1 of 1 phone"); empty while they can."""
    room = candidate.capacity.get(mode, CAPACITY[mode])
    serving = candidate.serving.get(mode, 0)
    return f"{_FULL}: {serving} of {room} {mode}" if serving >= room else ""


def _level(candidate: Candidate, need: Need) -> str:
    """Their level in what it is about; their general one where they have no training of their own in it."""
    return candidate.trained.get(need.subject, candidate.level)


def _meets(candidate: Candidate, need: Need) -> bool:
    return LEVELS.index(_level(candidate, need)) >= LEVELS.index(need.floor)


def _looks_after(candidate: Candidate, need: Need) -> bool:
    """Whether they sit where customers of this country are looked after."""
    return need.country != "" and need.country in candidate.seat.countries


def _rank(
    candidate: Candidate, need: Need
) -> tuple[bool, bool, bool, bool, bool, bool, bool, int, int, int, str, uuid.UUID]:
    away = need.unit not in candidate.units
    return (
        candidate.exclusive != need.customer_id,
        away,
        not _meets(candidate, need),
        need.subject not in candidate.trained,
        not candidate.named,
        need.language not in candidate.languages,
        not _looks_after(candidate, need),
        candidate.seat.rank if away else 0,
        candidate.in_hand,
        candidate.seat.rank,
        candidate.name,
        candidate.person_id,
    )


def _place(candidate: Candidate, need: Need, anybody_above: bool, anybody_here: bool) -> Place:
    here = need.unit in candidate.units
    words = [f"on duty in {need.unit}" if here else f"on duty in {', '.join(sorted(candidate.units))}"]
    trained = need.subject in candidate.trained
    words.append(f"{_level(candidate, need)} in {need.subject}" if trained else candidate.level)
    if candidate.exclusive == need.customer_id:
        words.append("detached to this account")
    if candidate.named:
        words.append("named for this account")
    if need.language in candidate.languages:
        words.append(f"speaks {need.language}")
    if seat := seat_words(candidate.seat, need.country if _looks_after(candidate, need) else ""):
        words.append(seat)
    words.append(f"{candidate.in_hand} in hand")
    relaxed = []
    if not here:
        why = f"those of {need.unit} come first" if anybody_here else f"nobody of {need.unit} can take it"
        relaxed.append(f"the sun is followed: {why}")
    if not _meets(candidate, need):
        why = ABOVE_FIRST if anybody_above else "nobody above it is on duty"
        relaxed.append(f"below the contract's floor ({need.floor}): {why}")
    return Place(candidate.person_id, candidate.name, ", ".join(words), "; ".join(relaxed))


def seat_words(seat: Seat, country: str = "") -> str:
    """Where they sit, as the order says it; `country`: the customer's, where their site looks after it."""
    if seat.is_home:
        return "from home"
    if not seat.name:
        return ""
    size = f", a {seat.size} site" if seat.size else ""
    looks = f" that looks after {country}" if country else ""
    return f"at {seat.name}{size}{looks}"


def needs_second(severity: int) -> bool:
    """Whether the house's rule "never alone" attaches a second engineer."""
    return severity <= NEVER_ALONE


def second_for(places: Sequence[Place], first: uuid.UUID | None) -> Place | None:
    """Who stands beside the first: the next in the order who is somebody else."""
    return next((place for place in places if place.person_id != first), None)
