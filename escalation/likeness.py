"""How alike two incidents are, and why: the reasons are what a person reads, the sum only orders them. Plain."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# What begins together is often one thing.
TOGETHER = timedelta(minutes=15)
# Two open ones this alike may be one problem told twice; from here on a former one is worth a look.
DUPLICATE, SIMILAR = 0.5, 0.4

_WEIGHTS = {"machine": 0.3, "site": 0.1, "cause": 0.35, "family": 0.2, "metrics": 0.2, "words": 0.35, "together": 0.15}
_WORD = re.compile(r"[^\W\d_]{3,}")
_FILLING = (
    "the and for are was not has have with from this that there been will its our your but they since about expected "
    "used per les des une est sur dans pour pas avec que qui nous vous son ses aux plus depuis par"
)
_EMPTY = frozenset(_FILLING.split())


@dataclass(frozen=True, slots=True)
class Sight:
    """What is compared of an incident."""

    id: uuid.UUID
    cause: str
    title: str
    summary: str = ""
    machine_id: uuid.UUID | None = None
    site_id: uuid.UUID | None = None
    metrics: frozenset[str] = frozenset()
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike, from 0 to 1, and the reasons in words, the strongest first."""

    id: uuid.UUID
    score: float
    reasons: tuple[str, ...]


def likeness(one: Sight, other: Sight) -> Likeness:
    """Compare two incidents; the order of the two makes no difference to score or reasons."""
    found: list[tuple[float, str]] = []
    if one.machine_id is not None and one.machine_id == other.machine_id:
        found.append((_WEIGHTS["machine"], "same machine"))
    elif one.site_id is not None and one.site_id == other.site_id:
        found.append((_WEIGHTS["site"], "same site"))
    if named(one.cause) and one.cause == other.cause:
        found.append((_WEIGHTS["cause"], f"same cause ({one.cause})"))
    elif named(one.cause) and family(one.cause) == family(other.cause):
        found.append((_WEIGHTS["family"], f"same kind of cause ({family(one.cause)})"))
    shared = one.metrics & other.metrics
    if shared:
        part = len(shared) / len(one.metrics | other.metrics)
        found.append((_WEIGHTS["metrics"] * part, f"same readings ({_listed(shared)})"))
    mine, theirs = tokens(one), tokens(other)
    both = mine & theirs
    if both and (part := len(both) / len(mine | theirs)) >= 0.3:
        found.append((_WEIGHTS["words"] * part, f"same words ({_listed(both)})"))
    if one.began_at is not None and other.began_at is not None and abs(one.began_at - other.began_at) <= TOGETHER:
        found.append((_WEIGHTS["together"], "began within a quarter of an hour"))
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return Likeness(other.id, round(min(1.0, sum(weight for weight, _ in found)), 3), tuple(why for _, why in found))


def alike(one: Sight, others: Iterable[Sight], least: float, most: int = 5) -> list[Likeness]:
    """Those at least so alike, the most alike first."""
    compared = (likeness(one, other) for other in others if other.id != one.id)
    return sorted((each for each in compared if each.score >= least), key=lambda each: (-each.score, each.id))[:most]


def named(cause: str) -> bool:
    """Whether a cause says what is wrong; one that was made up for a single request does not."""
    return bool(cause) and not cause.startswith(("asked:", "split:", "outside:"))


def family(cause: str) -> str:
    """The kind of a cause: "disk:/var" is of "disk"."""
    return cause.partition(":")[0]


def tokens(sight: Sight) -> frozenset[str]:
    """The telling words of title and summary."""
    found = {word.lower() for word in _WORD.findall(f"{sight.title} {sight.summary}")}
    return frozenset(found - _EMPTY)


def _listed(names: Iterable[str]) -> str:
    some = sorted(names)
    return ", ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")
