"""Clocks agree with a walk through every minute, over random calendars, odd zones, pauses and changes.

At least 20,000 cases a run. The seed is drawn anew each time and printed; VIGIE_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contracts import clock, hours, running
from contracts.clock import Pause
from tests.plain import walked
from tests.plain.walked import MINUTES, Count

SEED = int(os.environ.get("VIGIE_SEED") or random.SystemRandom().randrange(10**9))
CHUNKS = 10
CALENDARS = 250  # a chunk
CASES = 8  # a calendar: 10 × 250 × 8 = 20,000
SCENARIOS = 2  # a calendar, beside them
SECOND = timedelta(seconds=1)
LAST = MINUTES * 60


@dataclass(frozen=True)
class Scene:
    """A calendar in a window, told to the product and to the walk."""

    begin: datetime
    spec: dict[str, Any]
    calendar: hours.Hours
    opened: Any  # an array of minutes

    def at(self, second: int) -> datetime:
        return self.begin + second * SECOND

    def second(self, at: datetime) -> int:
        assert at.microsecond == 0
        return (at - self.begin) // SECOND


def scene(dice: random.Random) -> Scene:
    zone, begin = walked.window(dice)
    spec = walked.spec(dice, zone, begin.date())
    return Scene(begin, spec, hours.parse(spec), walked.open_minutes(spec, begin))


def some_second(dice: random.Random, last: int = LAST) -> int:
    """Now and then on a whole hour or minute, where edges meet."""
    unit = dice.choice((1, 1, 60, 900, 3600))
    return dice.randrange(last) // unit * unit


def pauses_at_random(dice: random.Random) -> tuple[tuple[int, int], ...]:
    found = []
    for _ in range(dice.choice((0, 0, 1, 2, 3, 10))):
        low = some_second(dice)
        found.append((low, low + dice.choice((0, 1, 59, 600, 3600, 86_400, dice.randrange(200_000)))))
    if dice.random() < 0.1:
        found.append((some_second(dice), 10 * LAST))  # still running
    return tuple(found)


def told(place: Scene, pauses: tuple[tuple[int, int], ...]) -> list[Pause]:
    return [Pause(place.at(low), None if high >= 10 * LAST else place.at(high)) for low, high in pauses]


def check_clock(place: Scene, dice: random.Random) -> None:
    start, pauses = some_second(dice, LAST // 2), pauses_at_random(dice)
    count, given = Count.of(place.opened, start, pauses), told(place, pauses)
    begin, end = place.at(start), some_second(dice)
    counted = count.until(end) if end > start else 0
    assert clock.elapsed(place.calendar, begin, place.at(end), given) == counted * SECOND
    budgets = sorted(dice.choice((0, 1, 60, 3600, 14_400, counted, dice.randrange(400_000))) for _ in range(3))
    found = [clock.due(place.calendar, begin, budget * SECOND, given) for budget in budgets]
    for budget, due in zip(budgets, found, strict=True):
        reached = count.reaching(budget)
        if reached is not None:
            assert due == place.at(reached), budget
        else:
            assert due is None or due > place.at(LAST)
        if due is not None and budget:
            assert clock.elapsed(place.calendar, begin, due, given) == budget * SECOND
            assert clock.elapsed(place.calendar, begin, due - SECOND, given) == (budget - 1) * SECOND
            assert clock.is_open(place.calendar, due - timedelta(microseconds=1))
    assert all(low <= high for low, high in pairwise(found) if low and high)
    assert not any(low is None and high is not None for low, high in pairwise(found))


def check_readings(place: Scene, dice: random.Random) -> None:
    second = some_second(dice)
    assert clock.is_open(place.calendar, place.at(second)) is bool(place.opened[second // 60])
    opening = clock.next_open(place.calendar, place.at(second))
    later = place.opened[second // 60 :].nonzero()[0]
    if len(later):
        first = max(second, (second // 60 + int(later[0])) * 60)
        assert opening == place.at(first)
    else:
        assert opening is None or opening >= place.at(LAST)


def check_segments(place: Scene, dice: random.Random) -> None:
    low, high = sorted((some_second(dice), some_second(dice)))
    pauses = pauses_at_random(dice)
    count = Count.of(place.opened, 0, pauses)
    parts = clock.segments(place.calendar, place.at(low), place.at(high), told(place, pauses))
    assert [part.start for part in parts] == [place.at(low), *(part.end for part in parts[:-1])][: len(parts)]
    assert not parts or parts[-1].end == place.at(high)
    assert all(part.start < part.end for part in parts)
    counted = sum((part.end - part.start for part in parts if part.kind == "counted"), timedelta(0))
    assert counted == (count.until(high) - count.until(low)) * SECOND
    for part in dice.sample(parts, min(3, len(parts))):
        middle = place.second(part.start + (part.end - part.start) // 2 // SECOND * SECOND)
        expected = "closed" if not place.opened[middle // 60] else "counted" if count.counts(middle) else "paused"
        assert part.kind == expected


def check_business_days(place: Scene, dice: random.Random) -> None:
    start, days = some_second(dice, LAST // 2), dice.randint(0, 4)
    zone = clock.zone_of(place.calendar)
    read = walked.wall(zone, place.begin)
    found = clock.business_days(place.calendar, place.at(start), days)
    local = place.at(start).astimezone(ZoneInfo(zone))
    served = {read.dates[n] for n in set(read.which[place.opened].tolist())}
    after = [day for day in read.dates if day > local.date() and day in served]
    target = local.date() if days == 0 else after[days - 1] if days <= len(after) else None
    if target is None or target >= read.dates[-1]:
        return  # beyond what the walk has seen
    wished = datetime.combine(target, local.time().replace(fold=0), local.tzinfo)
    minute = place.second(wished.astimezone(UTC)) // 60
    exists = wished.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == wished.replace(tzinfo=None)
    if not exists or minute >= MINUTES:
        return  # no such reading that day: the rule says nothing of it
    rest = place.opened[minute:].nonzero()[0]
    if len(rest):
        first = max(place.second(wished.astimezone(UTC)), (minute + int(rest[0])) * 60)
        assert found == place.at(first)


def check_scenario(place: Scene, dice: random.Random) -> None:
    """A life of events, by a walk that keeps legs and pauses as seconds and asks for a breach before each event."""
    start = some_second(dice, LAST // 3)
    other = hours.parse({"tz": "UTC", "always_open": True})
    always = place.opened | True
    events: list[tuple[int, str, Any]] = []
    for _ in range(dice.randint(0, 5)):
        kind = dice.choice(
            ("pause", "resume", "pause", "resume", "retarget", "restart", "upgrade", "end", "cut", "off")
        )
        if kind in ("cut", "off") and dice.random() < 0.6:
            continue
        events.append((start + dice.randrange(LAST // 2), kind, (dice.random() < 0.5, dice.randrange(1, 200_000))))
    budget, now = dice.randrange(1, 200_000), start + dice.randrange(LAST // 2)
    heard: list[running.Event] = []
    for second, kind, (same, target) in events:
        at, chosen = place.at(second), place.calendar if same else other
        match kind:
            case "pause":
                heard.append(running.Paused(at))
            case "resume":
                heard.append(running.Resumed(at))
            case "retarget" | "restart":
                heard.append(running.Retargeted(at, chosen, target * SECOND, kind == "retarget"))
            case "upgrade":
                heard.append(running.Upgraded(at, chosen, target * SECOND))
            case "end" | "cut":
                heard.append(running.ContractEnded(at, cutoff=kind == "cut"))
            case "off":
                heard.append(running.Cancelled(at))
    dice.shuffle(heard)
    keyed = sorted(events, key=lambda event: event[0])
    if len({event[0] for event in keyed}) < len(keyed):
        return  # two at one instant: their order is not told by their time
    course = running.run(place.at(start), place.calendar, budget * SECOND, heard, place.at(now))
    legs = [(start, place.opened, budget)]
    paused: list[tuple[int, int]] = []
    held: int | None = None
    breached: int | None = None
    cancelled: int | None = None

    def due() -> int | None:
        pauses = (*paused, *([(held, 10 * LAST)] if held is not None else []))
        ends = [Count.of(opened, begin, pauses).reaching(target) for begin, opened, target in legs]
        return min((end for end in ends if end is not None), default=None)

    for second, kind, (same, target) in [*keyed, (now, "now", (True, 0))]:
        if second > now or cancelled is not None:
            continue
        end = due()
        if breached is None and end is not None and end < second:
            breached = end
        opened = place.opened if same else always
        if kind == "pause" and held is None:
            held = second
        elif kind == "resume" and held is not None:
            paused.append((held, second))
            held = None
        elif kind in ("cut", "off"):
            cancelled = second
        elif kind in ("retarget", "restart"):
            legs = [(start if kind == "retarget" else second, opened, target)]
            end = due()
            if breached is None and end is not None and end < second:
                breached = second
        elif kind == "upgrade":
            legs.append((second, opened, target))
    state = (
        "cancelled"
        if cancelled is not None
        else "breached"
        if breached is not None
        else "paused"
        if held is not None
        else ""
    )
    assert course.state == (state or "running")
    assert course.breached_at == (None if breached is None else place.at(breached))
    expected = due() if cancelled is None else None
    if expected is not None:
        assert course.due == place.at(expected)
    else:
        assert course.due is None or course.due > place.at(LAST)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_clocks_agree_with_a_walk_through_every_minute(chunk: int, capsys: pytest.CaptureFixture[str]) -> None:
    seed = f"{SEED}/{chunk}"
    with capsys.disabled():
        print(f" [VIGIE_SEED={SEED}, part {chunk}: {CALENDARS * CASES} cases]", end="")
    dice = random.Random(seed)
    for n in range(CALENDARS):
        place = scene(dice)
        for case in range(CASES):
            try:
                check_clock(place, dice)
                check_readings(place, dice)
                if case < SCENARIOS:
                    check_segments(place, dice)
                    check_business_days(place, dice)
                    check_scenario(place, dice)
            except AssertionError as wrong:
                raise AssertionError(f"seed {seed}, calendar {n}, case {case}: {place.begin} {place.spec}") from wrong
