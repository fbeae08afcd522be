"""Hours ahead in which nobody would be on duty anywhere: found while there is still time to ask for cover. Plain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from escalation import rota
from escalation.roster import Roster

# Two days: whoever reads of it on a Friday can still ask for cover of the weekend's first nights.
AHEAD = timedelta(days=2)
_SHORTEST = timedelta(minutes=1)  # a hand-over's seam is no gap

Span = tuple[datetime, datetime]


def ahead(known: Roster, now: datetime) -> list[Span]:
    """When, within two days, no schedule and no shift has anybody, in whatever zone. `known` was read so far ahead.

    Nothing for a house that keeps no schedules: nobody has said yet that somebody should always be there.
    """
    end = now + AHEAD
    if not known.schedules:
        return []
    taken = [
        (turn.start, turn.end)
        for schedule in known.schedules
        for turn in rota.stretches(schedule, now, end)
        if turn.person is not None
    ]
    return uncovered(now, end, [*taken, *known.shifts])


def uncovered(start: datetime, end: datetime, taken: Iterable[Span]) -> list[Span]:
    """What of [start, end) none of the spans covers, in order."""
    found: list[Span] = []
    until = start
    for low, high in sorted(taken):
        if low - until >= _SHORTEST:
            found.append((until, min(low, end)))
        until = max(until, high)
    if end - until >= _SHORTEST:
        found.append((until, end))
    return found


def words(span: Span, now: datetime) -> str:
    """The gap in a sentence."""
    low, high = span
    remedy = "Ask for cover, or change a schedule."
    if low <= now:
        return f"Nobody is on duty anywhere until {high:%Y-%m-%d %H:%M} UTC. {remedy}"
    return f"Nobody will be on duty anywhere from {low:%Y-%m-%d %H:%M} to {high:%Y-%m-%d %H:%M} UTC. {remedy}"
