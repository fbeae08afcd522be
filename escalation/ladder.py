"""Ladders: who is told next, and when, while nobody acknowledges. Plain; every instant is an argument.

Three conventions for a rung's delay are in use in the field, so each ladder names its own:

- ``escalate_after``: how long a page may stay unacknowledged on this rung before the next is climbed;
- ``from_previous``: how long after the previous page was sent this rung is paged;
- ``from_opening``: how long after the opening (or the start of a repeat) this rung is paged.

A rung nobody can be reached on is passed by: it sends nothing, so nothing waits for it. A ladder is frozen into its
incident, so editing the policy changes nothing that is climbing already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from contracts.precedence import select as select


class Convention(StrEnum):
    ESCALATE_AFTER = "escalate_after"
    FROM_PREVIOUS = "from_previous"
    FROM_OPENING = "from_opening"


@dataclass(frozen=True, slots=True)
class Rung:
    """`who`: words that routing turns into people ("duty", "account", "manager", "number_two", "number_one")."""

    delay: timedelta
    who: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Ladder:
    rungs: tuple[Rung, ...]
    convention: Convention = Convention.ESCALATE_AFTER
    loops: int = 0  # repeats of the whole ladder after its first pass
    ack_timeout: timedelta | None = None  # acknowledged but unresolved for so long: it starts over


@dataclass(frozen=True, slots=True)
class Climb:
    """A place on the ladder: the start of this pass, the last rung paged (-1: none yet), and when."""

    since: datetime
    rung: int = -1
    loop: int = 0
    sent_at: datetime | None = None

    def onto(self, step: Step, at: datetime) -> Climb:
        """The place after `step` was paged at `at`. A repeat begins when the pass before it ended."""
        since = self.since if step.loop == self.loop else self.sent_at or self.since
        return replace(self, since=since, rung=step.index, loop=step.loop, sent_at=at)


@dataclass(frozen=True, slots=True)
class Step:
    """A rung to be paged, and the instant it is due."""

    index: int
    loop: int
    due: datetime
    passed_by: tuple[int, ...] = ()  # unreachable rungs between the last one and this


@dataclass(frozen=True, slots=True)
class Wait:
    until: datetime


@dataclass(frozen=True, slots=True)
class Exhausted:
    """No rung is left. `unreachable`: nobody was ever told, which is an alarm of its own."""

    unreachable: bool


Reachable: TypeAlias = Callable[[int], bool]


def _everyone(_: int) -> bool:
    return True


def upcoming(ladder: Ladder, climb: Climb, reachable: Reachable = _everyone) -> Step | Exhausted:
    """The next rung somebody can be reached on, and when it is due; whether that lies ahead is not asked here."""
    index, loop = climb.rung + 1, climb.loop
    passed: list[int] = []
    size = len(ladder.rungs)
    while True:
        if index >= size:
            index, loop = 0, loop + 1
        # A whole round without anybody: going on would never end.
        if loop > ladder.loops or len(passed) >= size:
            return Exhausted(unreachable=climb.sent_at is None)
        if reachable(index):
            return Step(index, loop, _due(ladder, climb, index, loop), tuple(passed))
        passed.append(index)
        index += 1


def _due(ladder: Ladder, climb: Climb, index: int, loop: int) -> datetime:
    delay = ladder.rungs[index].delay
    if ladder.convention is Convention.FROM_OPENING:
        due = (climb.since if loop == climb.loop else climb.sent_at or climb.since) + delay
        # Rungs are climbed in their order: one with a shorter delay than the one before it is due with that one.
        return max(due, climb.sent_at) if climb.sent_at is not None else due
    if ladder.convention is Convention.FROM_PREVIOUS:
        return (climb.sent_at or climb.since) + delay
    if climb.sent_at is None:
        return climb.since
    return climb.sent_at + ladder.rungs[climb.rung].delay


def next_rung(ladder: Ladder, climb: Climb, now: datetime, reachable: Reachable = _everyone) -> Step | Wait | Exhausted:
    """What to do now: page a rung, wait, or nothing more."""
    step = upcoming(ladder, climb, reachable)
    if isinstance(step, Step) and step.due > now:
        return Wait(step.due)
    return step


def overdue(ladder: Ladder, climb: Climb, now: datetime, reachable: Reachable = _everyone) -> list[Step]:
    """Every rung that should have been paged by `now`, had each been paged on time. More than one after a sleep."""
    steps: list[Step] = []
    while isinstance(step := next_rung(ladder, climb, now, reachable), Step):
        steps.append(step)
        climb = climb.onto(step, step.due)
    return steps


@dataclass(frozen=True, slots=True)
class Event:
    """`policy_edited` is heard and changes nothing: the ladder that climbs is frozen."""

    at: datetime
    kind: Literal["ack", "resolve", "trigger", "policy_edited"]


@dataclass(frozen=True, slots=True)
class Page:
    at: datetime
    rung: int  # from 0


def play(
    ladder: Ladder, opened_at: datetime, events: Iterable[Event], until: datetime, reachable: Reachable = _everyone
) -> list[Page]:
    """Play a night: the pages sent from the opening to `until`. At the same instant an acknowledgement beats a page."""
    pages: list[Page] = []
    climb: Climb | None = Climb(opened_at)
    restart: datetime | None = None

    def run(to: datetime, inclusive: bool) -> None:
        nonlocal climb, restart
        while True:
            if restart is not None and (restart < to or (inclusive and restart == to)):
                climb, restart = Climb(restart), None
            step = upcoming(ladder, climb, reachable) if climb is not None else None
            if climb is None or not isinstance(step, Step):
                return
            if step.due > to or (step.due == to and not inclusive):
                return
            pages.append(Page(step.due, step.index))
            climb = climb.onto(step, step.due)

    for event in sorted(events, key=lambda event: event.at):
        if event.at > until:
            break
        run(event.at, inclusive=False)
        if event.kind == "ack" and (climb is not None or restart is not None):
            climb = None
            restart = event.at + ladder.ack_timeout if ladder.ack_timeout is not None else None
        elif event.kind == "resolve":
            climb, restart = None, None
        elif event.kind == "trigger" and (
            climb is None or isinstance(upcoming(ladder, climb, reachable), Exhausted)
        ):  # one that climbs already is only joined
            climb, restart = Climb(event.at), None
    run(until, inclusive=True)
    return pages


def level(current: int | None, requested: int) -> tuple[int, bool]:
    """Escalating to a level: the level after it, and whether anybody is told. It never falls, and never tells twice."""
    if current is not None and requested <= current:
        return current, False
    return requested, True


def from_json(body: Mapping[str, Any]) -> Ladder:
    """A ladder from its frozen form (see `to_json`)."""
    timeout = body.get("ack_timeout_s")
    return Ladder(
        rungs=tuple(
            Rung(timedelta(seconds=rung["delay_s"]), tuple(rung.get("who", ())), rung.get("name", ""))
            for rung in body.get("rungs", ())
        ),
        convention=Convention(body.get("convention", Convention.ESCALATE_AFTER)),
        loops=int(body.get("loops", 0)),
        ack_timeout=timedelta(seconds=timeout) if timeout is not None else None,
    )


def to_json(ladder: Ladder) -> dict[str, Any]:
    """The form frozen into an incident: seconds, words and numbers."""
    return {
        "convention": ladder.convention.value,
        "loops": ladder.loops,
        "ack_timeout_s": ladder.ack_timeout.total_seconds() if ladder.ack_timeout is not None else None,
        "rungs": [
            {"delay_s": rung.delay.total_seconds(), "who": list(rung.who), "name": rung.name} for rung in ladder.rungs
        ],
    }
