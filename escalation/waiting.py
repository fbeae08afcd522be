"""Whose turn it is when every hand is full: platinum first, yet bronze is never starved. Plain.

Each waiting incident may be kept waiting for a time that its tier and severity allow; the one whose allowance runs out
first is next (earliest deadline first). So a platinum that comes in overtakes a bronze that came shortly before, and no
stream of platinums can overtake a bronze for longer than the difference of their allowances.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

_BY_TIER: Mapping[str, timedelta] = {
    "platinum": timedelta(0),
    "gold": timedelta(minutes=15),
    "silver": timedelta(minutes=45),
    "bronze": timedelta(hours=2),
}
_BY_SEVERITY: Mapping[int, timedelta] = {
    1: timedelta(0),
    2: timedelta(minutes=15),
    3: timedelta(hours=1),
    4: timedelta(hours=4),
}
# The longest any incident can be overtaken by later ones: the whole allowance of a bronze of severity 4.
LONGEST = _BY_TIER["bronze"] + _BY_SEVERITY[4]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An incident nobody had room for, since when it waits, and what its contract weighs (no tier: as bronze)."""

    incident_id: uuid.UUID
    since: datetime
    tier: str
    severity: int


def patience(tier: str, severity: int) -> timedelta:
    """How long such an incident may be overtaken by ones that came later."""
    return _BY_TIER.get(tier, _BY_TIER["bronze"]) + _BY_SEVERITY[severity]


def turns(queue: Iterable[Waiting]) -> list[Waiting]:
    """The queue in the order in which it is served."""
    return sorted(queue, key=lambda one: (one.since + patience(one.tier, one.severity), one.since, one.incident_id))
