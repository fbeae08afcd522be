"""A clock over its life: paused, resumed, given new terms, ended with its contract. Plain; instants are aware UTC.

What happened is told by event time, whatever order it arrived in. A breach is sticky: nothing later undoes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from contracts import clock
from contracts.clock import Pause
from contracts.hours import Hours

State: TypeAlias = Literal["running", "paused", "breached", "cancelled"]


@dataclass(frozen=True, slots=True)
class Paused:
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    at: datetime


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Merged away, withdrawn, or cut off with its contract."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Retargeted:
    """Another severity: other hours (None: the same) and another budget, counted from the opening or from this
    instant."""

    at: datetime
    hours: Hours | None
    budget: timedelta
    from_opening: bool = True


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A better contract from here on: the new promise counts from this instant and never worsens the one given."""

    at: datetime
    hours: Hours | None
    budget: timedelta


@dataclass(frozen=True, slots=True)
class ContractEnded:
    """The contract ends while the clock runs: it keeps the promise it was given (a snapshot), or is cut off."""

    at: datetime
    cutoff: bool = False


Event: TypeAlias = Paused | Resumed | Cancelled | Retargeted | Upgraded | ContractEnded


@dataclass(frozen=True, slots=True)
class Leg:
    """Hours and budget, counted from an instant."""

    start: datetime
    hours: Hours
    budget: timedelta


@dataclass(frozen=True, slots=True)
class Course:
    """Where a clock stands. `due` is None while nothing is owed: cancelled, paused without end, never open."""

    state: State
    due: datetime | None
    elapsed: timedelta
    breached_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Life:
    opened_at: datetime
    legs: tuple[Leg, ...]  # several after an upgrade: the earliest holds
    pauses: tuple[Pause, ...] = ()
    cancelled_at: datetime | None = None
    breached_at: datetime | None = None

    @property
    def is_paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1].end is None

    def due(self) -> datetime | None:
        ends = [clock.due(leg.hours, leg.start, leg.budget, self.pauses) for leg in self.legs]
        return min((end for end in ends if end is not None), default=None)

    def reach(self, at: datetime) -> _Life:
        """The same life at an instant: a due instant that lies behind it is a breach."""
        due = self.due()
        if self.breached_at is not None or due is None or due >= at:
            return self
        return replace(self, breached_at=due)


def run(start: datetime, hours: Hours, budget: timedelta, events: Sequence[Event], now: datetime) -> Course:
    """Play a clock from its start to `now`. Later events are not heard yet; none is heard after a cancellation."""
    life = _Life(start, (Leg(start, hours, budget),))
    for event in sorted(events, key=lambda event: event.at):
        if event.at <= now and life.cancelled_at is None:
            life = _hear(life.reach(event.at), event)
    until = life.cancelled_at or now
    if life.cancelled_at is None:
        life = life.reach(now)
    first = life.legs[0]
    elapsed = clock.elapsed(first.hours, first.start, until, life.pauses)
    return Course(_state(life), None if life.cancelled_at else life.due(), elapsed, life.breached_at)


def _state(life: _Life) -> State:
    if life.cancelled_at is not None:
        return "cancelled"
    if life.breached_at is not None:
        return "breached"
    return "paused" if life.is_paused else "running"


def _hear(life: _Life, event: Event) -> _Life:
    match event:
        case Paused(at, reason):
            return life if life.is_paused else replace(life, pauses=(*life.pauses, Pause(at, None, reason)))
        case Resumed(at):
            if not life.is_paused:
                return life
            return replace(life, pauses=(*life.pauses[:-1], replace(life.pauses[-1], end=at)))
        case Cancelled(at):
            return replace(life, cancelled_at=at)
        case Retargeted(at, hours, budget, from_opening):
            first = life.legs[0]
            start = life.opened_at if from_opening else max(at, life.opened_at)
            return _already_gone(replace(life, legs=(Leg(start, hours or first.hours, budget),)), at)
        case Upgraded(at, hours, budget):
            return replace(life, legs=(*life.legs, Leg(at, hours or life.legs[-1].hours, budget)))
        case ContractEnded(at, cutoff):
            return replace(life, cancelled_at=at) if cutoff else life


def _already_gone(life: _Life, at: datetime) -> _Life:
    """A new target that was used up before it was set is missed when it is set, not earlier: nobody owed it then."""
    due = life.due()
    if life.breached_at is None and due is not None and due < at:
        return replace(life, breached_at=at)
    return life
