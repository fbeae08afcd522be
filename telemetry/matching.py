"""Which openings of two models are the same problem: same machine, at the same time or half an hour apart. Plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SLACK: Final = timedelta(minutes=30)  # as the event scorer counts: what is nearer is one


@dataclass(frozen=True, slots=True)
class Opening:
    """An incident a model opened, or would have. ``note``: what became of it, where it is known."""

    machine: str
    cause: str
    severity: int
    opened_at: datetime
    ended_at: datetime | None
    summary: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """What each of two models opens of one problem; one of them may open nothing."""

    a: Opening | None
    b: Opening | None

    @property
    def by(self) -> str:
        """both, a, or b."""
        return "both" if self.a and self.b else "a" if self.a else "b"

    @property
    def one(self) -> Opening:
        """Either."""
        found = self.a or self.b
        assert found is not None  # a pair is of something
        return found


def paired(a: Sequence[Opening], b: Sequence[Opening], slack: timedelta = SLACK) -> list[Pair]:
    """Every opening once, in order of time. Each is paired with the nearest of the other model that overlaps it; an
    opening stands in one pair only."""
    near = sorted(
        (abs(one.opened_at - other.opened_at), i, j)
        for i, one in enumerate(a)
        for j, other in enumerate(b)
        if one.machine == other.machine and _overlap(one, other, slack)
    )
    mate: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in near:
        if i not in mate and j not in taken:
            mate[i] = j
            taken.add(j)
    pairs = [Pair(one, b[mate[i]] if i in mate else None) for i, one in enumerate(a)]
    pairs += [Pair(None, other) for j, other in enumerate(b) if j not in taken]
    return sorted(pairs, key=lambda pair: (pair.one.opened_at, pair.one.machine))


def _overlap(one: Opening, other: Opening, slack: timedelta) -> bool:
    return (one.ended_at is None or other.opened_at <= one.ended_at + slack) and (
        other.ended_at is None or one.opened_at <= other.ended_at + slack
    )
