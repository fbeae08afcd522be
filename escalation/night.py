"""A night played beforehand: whom a ladder would call, and when, if nobody ever acknowledged. Plain.

It climbs as the tick climbs: at each due instant it asks who can be reached then, and passes by the dark rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from escalation import ladder as ladders
from escalation.ladder import Climb, Ladder, Step

MOST = 60  # lines of a night: more is a ladder that repeats itself


@dataclass(frozen=True, slots=True)
class Line:
    """One page of the night: when, which rung (from 0), in which repeat, who hears of it, which rungs were dark."""

    at: datetime
    rung: int
    loop: int
    name: str
    people: tuple[str, ...]
    passed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Night:
    """`dark`: the ladder ended without anybody having been told."""

    lines: tuple[Line, ...]
    dark: bool


def play(
    ladder: Ladder, opened_at: datetime, until: datetime, meant: Callable[[datetime], Sequence[Sequence[str]]]
) -> Night:
    """`meant(at)`: for each rung the names it would call at that instant, none where nobody can be reached."""
    lines: list[Line] = []
    climb, now = Climb(opened_at), opened_at
    while now <= until and len(lines) < MOST:
        names = meant(now)

        def reachable(index: int, names: Sequence[Sequence[str]] = names) -> bool:
            return bool(names[index])

        step = ladders.next_rung(ladder, climb, now, reachable)
        if isinstance(step, Step):
            dark = tuple(ladder.rungs[index].name for index in step.passed_by)
            lines.append(
                Line(now, step.index, step.loop, ladder.rungs[step.index].name, tuple(names[step.index]), dark)
            )
            climb = climb.onto(step, now)
            continue
        following = ladders.upcoming(ladder, climb, reachable)
        if not isinstance(following, Step):
            # Somebody may come on duty for a rung that is dark now, so it keeps its instant.
            following = ladders.upcoming(ladder, climb)
        if not isinstance(following, Step) or following.due <= now:
            break
        now = following.due
    return Night(tuple(lines), dark=not lines)
