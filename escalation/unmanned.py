"""Hours ahead that nobody has: anywhere, in a zone, or by a schedule that means to have somebody then. Plain.

They are found while there is still time to ask for cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from escalation import rota
from escalation.roster import Roster

# Two days: whoever reads of it on a Friday can still ask for cover of the weekend's first nights.
AHEAD = timedelta(days=2)
_SHORTEST = timedelta(minutes=1)  # a hand-over's seam is no gap
_REMEDY = "Ask for cover, or change a schedule."

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Gap:
    """Hours somebody was meant to have, and nobody has. `whose`: a zone of ours, or a schedule's name."""

    kind: str  # zone_gap, schedule_gap
    whose: str
    span: Span
    words: str


def ahead(known: Roster, now: datetime) -> list[Span]:
    """When, within two days, no schedule and no shift has anybody, in whatever zone. `known` was read so far ahead.

    Nothing for a house that keeps no schedules: nobody has said yet that somebody should always be there.
    """
    if not known.plans:
        return []
    return uncovered(now, now + AHEAD, _taken(known, now))


def within(known: Roster, now: datetime) -> list[Gap]:
    """When, within two days, a zone or a schedule has nobody although its own hours mean to have somebody. Each hour
    is told once, of the widest that lacks somebody: what nobody has anywhere is for `ahead` to say."""
    end = now + AHEAD
    everywhere, found = ahead(known, now), []
    by_zone: dict[str, list[Span]] = {}
    for unit in sorted({plan.unit for plan in known.plans}):
        meant = [span for plan in known.plans if plan.unit == unit for span in rota.intended(plan.schedule, now, end)]
        by_zone[unit] = list(_left(now, end, meant, [*_taken(known, now, unit), *everywhere]))
        found += [Gap("zone_gap", unit, span, _said(f"in {unit}", span, now)) for span in by_zone[unit]]
    for plan in known.plans:
        stretches = rota.stretches(plan.schedule, now, end)
        taken = [(turn.start, turn.end) for turn in stretches if turn.person is not None]
        meant = rota.intended(plan.schedule, now, end)
        for span in _left(now, end, meant, [*taken, *everywhere, *by_zone[plan.unit]]):
            found.append(Gap("schedule_gap", plan.name, span, _said(f"by {plan.name}", span, now)))
    return found


def _taken(known: Roster, now: datetime, unit: str = "") -> list[Span]:
    """Everybody's turns and shifts, of one zone where it is named."""
    return [
        *(
            (turn.start, turn.end)
            for plan in known.plans
            if unit in ("", plan.unit)
            for turn in rota.stretches(plan.schedule, now, now + AHEAD)
            if turn.person is not None
        ),
        *((low, high) for where, low, high in known.shifts if unit in ("", where)),
    ]


def _left(start: datetime, end: datetime, meant: Sequence[Span], taken: Iterable[Span]) -> Iterator[Span]:
    """What was meant and nobody has: free of everybody's turns, and of the hours nobody was meant to have."""
    unmeant = uncovered(start, end, meant)
    yield from uncovered(start, end, [*taken, *unmeant])


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
    """A gap of the whole house in a sentence."""
    return _said("anywhere", span, now)


def _said(where: str, span: Span, now: datetime) -> str:
    low, high = span
    if low <= now:
        return f"Nobody is on duty {where} until {high:%Y-%m-%d %H:%M} UTC. {_REMEDY}"
    return f"Nobody will be on duty {where} from {low:%Y-%m-%d %H:%M} to {high:%Y-%m-%d %H:%M} UTC. {_REMEDY}"
