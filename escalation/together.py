"""What began together: the same problem on many machines at once, and what those machines have in common. Plain.

Two machines of one customer that begin to have the same problem within a minute are one event when chance would not
bring that about: by how often the problem began there in the last day, so many in one minute would happen less than
once in twenty days. Across customers it takes a rack, a site or a broker with three, a version of software with five,
or ten anywhere. The event is named after the narrowest thing that four fifths of its machines share.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp
from typing import Final

WINDOW: Final = timedelta(seconds=60)
LONGEST: Final = timedelta(minutes=15)  # from the first machine to the last: what fails later fails for itself
MINUTES_A_DAY: Final = 1440
UNUSUAL_A_DAY: Final = 0.05  # so many at once would happen less than once in twenty days
LEAST_A_DAY: Final = 1.0  # where nothing was seen for a day, one a day is assumed
SHARED: Final = 0.8
ALIKE: Final = 0.6  # cosine of two anomalies' signatures from which they are the same problem
# Narrow first; how many machines it takes, and how many when they are of one customer.
LEAST: Final[Mapping[str, tuple[int, int]]] = {
    "broker": (3, 2), "rack": (3, 2), "site": (3, 2), "software": (5, 2), "customer": (2, 2), "fleet": (10, 10),
}  # fmt: skip
# Counters read once a day at the same minute everywhere say little by coming together; worn parts fail one by one.
WEAR: Final = frozenset({"drive", "ecc", "certificate"})
WEAR_LEAST: Final = 5
# What the loss of power does to a rack: one supply's machines fall silent, the others' report a dead supply.
_KIN: Final = frozenset({"silence", "psu"})
# No software breaks these.
_HARDWARE: Final = frozenset({"fan", "psu", "drive", "raid", "ecc", "temperature"})


@dataclass(frozen=True, slots=True)
class Spot:
    """Something machines have in common: `kind` of `LEAST`, and the name people know it by."""

    kind: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.name}"


FLEET: Final = Spot("fleet", "")


@dataclass(frozen=True, slots=True)
class Onset:
    """A problem began on a machine."""

    machine_id: uuid.UUID
    customer_id: uuid.UUID
    problem: str  # the kind of its cause: "disk" of "disk:/var"
    began_at: datetime
    spots: tuple[Spot, ...]  # without the fleet, which everybody shares
    slack_s: float = 0.0  # how much later than it began it may have shown: the rhythm of its reports
    signature: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gathering:
    """An event that goes on: where it is, and what it is known by."""

    id: uuid.UUID
    problems: frozenset[str]
    began_at: datetime
    last_began_at: datetime
    spots: frozenset[Spot]  # what brought its machines together
    signature: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Onsets that belong together, by their place in what was given; `joins` an event that goes on, or begins one."""

    members: tuple[int, ...]
    spots: frozenset[Spot]
    chance: float  # how often a day chance would bring so many together
    joins: uuid.UUID | None = None


def problem_of(cause: str) -> str:
    """ "disk" of "disk:/var"."""
    return cause.partition(":")[0]


def alike(one: Onset | Gathering, other: Onset) -> bool:
    """Whether it is the same problem: by its kind, by kinship, or by which metrics spoke and how loudly."""
    kinds = one.problems if isinstance(one, Gathering) else frozenset((one.problem,))
    if other.problem in kinds or (other.problem in _KIN and kinds & _KIN):
        return True
    return likeness(one.signature, other.signature) >= ALIKE


def likeness(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """Cosine of two signatures of length 1; 0 where one is not known."""
    return sum(weight * b.get(name, 0.0) for name, weight in a.items())


def by_chance(count: int, a_day: float) -> float:
    """How often a day `count` or more would begin within the same minute, when `a_day` begin in a day."""
    mean = max(a_day, LEAST_A_DAY) / MINUTES_A_DAY
    # Summed upward from `count`: one minus the sum below it would lose all its digits.
    term = exp(-mean)
    for k in range(1, count + 1):
        term *= mean / k
    tail, k = 0.0, count
    while term > 0 and (tail == 0 or term > tail * 1e-12):
        tail += term
        k += 1
        term *= mean / k
    return MINUTES_A_DAY * tail


def sort_out(
    onsets: Sequence[Onset], going_on: Sequence[Gathering], a_day: Mapping[tuple[str, Spot], float]
) -> list[Found]:
    """Which of these belong to an event that goes on, and which make a new one; those in neither stand for themselves.

    `a_day`: how many of a problem began at a spot in the last day, events left out.
    """
    found, left = [], []
    for at, onset in enumerate(onsets):
        event = next((one for one in going_on if _joins(one, onset)), None)
        if event is None:
            left.append(at)
        else:
            found.append(Found((at,), frozenset(), 0.0, event.id))
    for cluster in _at_once(onsets, left):
        found += _grouped(onsets, cluster, a_day)
    return _with_like(onsets, found)


def _joins(event: Gathering, onset: Onset) -> bool:
    slack = WINDOW + timedelta(seconds=onset.slack_s)
    if not event.began_at - slack <= onset.began_at <= min(event.last_began_at + slack, event.began_at + LONGEST):
        return False
    shares = FLEET in event.spots or any(spot in event.spots for spot in _fitting(onset))
    return shares and alike(event, onset)


def _fitting(onset: Onset) -> list[Spot]:
    """The spots this problem can be about."""
    soft = onset.problem not in _HARDWARE
    return [spot for spot in onset.spots if soft or spot.kind != "software"]


def _at_once(onsets: Sequence[Onset], left: Sequence[int]) -> Iterable[list[int]]:
    """Onsets of one problem, cut where more than a minute lies between two."""
    by_problem: dict[str, list[int]] = defaultdict(list)
    for at in left:
        problem = onsets[at].problem
        by_problem["power" if problem in _KIN else problem].append(at)
    for problem in sorted(by_problem):
        row = sorted(by_problem[problem], key=lambda at: (onsets[at].began_at, at))
        cluster = row[:1]
        for before, at in pairwise(row):
            slack = timedelta(seconds=max(onsets[before].slack_s, onsets[at].slack_s))
            if onsets[at].began_at - onsets[before].began_at > WINDOW + slack:
                yield cluster
                cluster = []
            cluster.append(at)
        yield cluster


def _grouped(onsets: Sequence[Onset], cluster: Sequence[int], a_day: Mapping[tuple[str, Spot], float]) -> list[Found]:
    """Machines that share a spot where so many at once are no chance, and what is tied together by such spots."""
    if len({onsets[at].machine_id for at in cluster}) < 2:
        return []
    here: dict[Spot, list[int]] = defaultdict(list)
    for at in cluster:
        for spot in (*_fitting(onsets[at]), FLEET):
            here[spot].append(at)
    chances = {
        spot: chance for spot, some in here.items() if (chance := _unusual(onsets, spot, some, a_day)) is not None
    }
    parts: list[tuple[set[int], set[Spot]]] = []
    for spot in chances:
        mine, spots = set(here[spot]), {spot}
        apart = []
        for members, shared in parts:
            if members & mine:
                mine |= members
                spots |= shared
            else:
                apart.append((members, shared))
        parts = [*apart, (mine, spots)]
    return [Found(tuple(sorted(some)), frozenset(spots), min(chances[s] for s in spots)) for some, spots in parts]


def _unusual(
    onsets: Sequence[Onset], spot: Spot, some: Sequence[int], a_day: Mapping[tuple[str, Spot], float]
) -> float | None:
    """How often a day chance would bring these together; None when that is too often, or they are too few."""
    machines = {onsets[at].machine_id for at in some}
    customers = {onsets[at].customer_id for at in some}
    least = LEAST[spot.kind][1 if len(customers) == 1 else 0]
    if spot.kind == "fleet" and len(customers) == 1:
        return None
    problem = onsets[some[0]].problem
    if problem in WEAR:
        least = max(least, WEAR_LEAST)
    if len(machines) < least:
        return None
    chance = by_chance(len(machines), a_day.get((problem, spot), 0.0))
    return chance if chance <= UNUSUAL_A_DAY else None


def _with_like(onsets: Sequence[Onset], found: list[Found]) -> list[Found]:
    """Bring in anomalies under another name that share place, minute and signature with an event that begins now."""
    taken = {at for one in found for at in one.members}
    grown = []
    for one in found:
        more: list[int] = []
        if one.joins is None:
            core = Gathering(
                uuid.UUID(int=0),
                frozenset(onsets[at].problem for at in one.members),
                min(onsets[at].began_at for at in one.members),
                max(onsets[at].began_at for at in one.members),
                one.spots,
                mean_signature([onsets[at].signature for at in one.members]),
            )
            more = [at for at, onset in enumerate(onsets) if at not in taken and _joins(core, onset)]
            taken.update(more)
        grown.append(Found(tuple(sorted((*one.members, *more))), one.spots, one.chance, one.joins))
    return grown


def mean_signature(signatures: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The middle of several signatures, of length 1; empty when none is known."""
    total: dict[str, float] = defaultdict(float)
    for signature in signatures:
        for name, weight in signature.items():
            total[name] += weight
    length = sum(weight * weight for weight in total.values()) ** 0.5
    loudest = sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))[:16]
    return {name: round(weight / length, 4) for name, weight in loudest} if length else {}


def named_after(counts: Mapping[Spot, int], machines: int) -> Spot:
    """The narrowest spot that most of the machines share."""
    for kind in LEAST:
        best = max(
            ((count, spot.name) for spot, count in counts.items() if spot.kind == kind),
            default=(0, ""),
            key=lambda c: c[0],
        )
        if best[0] >= SHARED * machines and best[0] >= 2:
            return Spot(kind, best[1])
    return FLEET


# How many of its machines must be well before an event may end: the others get an incident of their own.
RECOVERED_SHARE: Final = 0.9


def is_over(machines: int, recovered: int) -> bool:
    """Whether so many have recovered that what is left are single faults."""
    return recovered >= machines or (machines >= 10 and recovered >= RECOVERED_SHARE * machines)
