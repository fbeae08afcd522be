"""Clocks: when a budget of service time is used up, and how to say so. Plain; instants are aware UTC.

The earliest instant at which counted time equals the budget is when it is due; one that ends exactly at closing is due
at closing. A pause stops only time that would have counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from contracts.hours import DAY_US, Calendar, Hours, Intersection, Span, Spans, Union, from_us, merge, subtract, to_us

# A calendar that does not open within two years will not be waited for: the promise has no instant.
HORIZON = timedelta(days=731)
_FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Pause:
    """The clock stands still from `start` to `end`; no end while it still does."""

    start: datetime
    end: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a clock's life: counted, closed, or paused with its reason."""

    start: datetime
    end: datetime
    kind: Literal["counted", "closed", "paused"]
    reason: str = ""


def _pauses(pauses: Sequence[Pause]) -> Spans:
    return merge(tuple((to_us(p.start), _FOREVER if p.end is None else to_us(p.end)) for p in pauses))


def _open(hours: Hours, start: int, end: int) -> Iterator[Span]:
    """Open spans within [start, end), day by day."""
    for index in range(start // DAY_US, -(-end // DAY_US)):
        for low, high in hours.day(index):
            low, high = max(low, start), min(high, end)
            if low < high:
                yield low, high


def _counted(hours: Hours, start: int, end: int, paused: Spans) -> Iterator[Span]:
    """Open and unpaused. Both run forward in time, so each pause is looked at only while it can still matter."""
    ahead = 0
    for span in _open(hours, start, end):
        while ahead < len(paused) and paused[ahead][1] <= span[0]:
            ahead += 1
        if ahead == len(paused) or span[1] <= paused[ahead][0]:
            yield span
        else:
            yield from subtract((span,), paused[ahead:])


def is_open(hours: Hours, at: datetime) -> bool:
    us = to_us(at)
    return any(low <= us < high for low, high in hours.day(us // DAY_US))


def next_open(hours: Hours, at: datetime) -> datetime | None:
    """The first open instant from `at` on; None when there is none within two years."""
    start = to_us(at)
    for low, _ in _open(hours, start, start + HORIZON // timedelta(microseconds=1)):
        return from_us(low)
    return None


def elapsed(hours: Hours, start: datetime, end: datetime, pauses: Sequence[Pause] = ()) -> timedelta:
    """Counted time between two instants."""
    spans = _counted(hours, to_us(start), to_us(end), _pauses(pauses))
    return timedelta(microseconds=sum(high - low for low, high in spans))


def due(hours: Hours, start: datetime, budget: timedelta, pauses: Sequence[Pause] = ()) -> datetime | None:
    """When `budget` is used up; None while a pause without end, or no opening within two years, keeps it away."""
    left = budget // timedelta(microseconds=1)
    begin, paused = to_us(start), _pauses(pauses)
    if left <= 0:
        return start
    stop = begin + left + HORIZON // timedelta(microseconds=1)
    if paused and paused[-1][1] == _FOREVER:
        stop = min(stop, max(begin, paused[-1][0]))
    for low, high in _counted(hours, begin, stop, paused):
        if high - low >= left:
            return from_us(low + left)
        left -= high - low
    return None


def business_days(hours: Hours, start: datetime, days: int) -> datetime | None:
    """`days` business days on: the day of the ask not counted, its time of day kept, rolled forward to an opening.

    A business day is a local date with any service time. None when there are not so many within two years.
    """
    local = start.astimezone(ZoneInfo(zone_of(hours)))
    day = _business_day(hours, local, days)
    return None if day is None else next_open(hours, datetime.combine(day, local.time(), local.tzinfo).astimezone(UTC))


def close_of_business(hours: Hours, start: datetime, days: int) -> datetime | None:
    """The last closing of the day that is `days` business days on. None as for `business_days`."""
    zone = ZoneInfo(zone_of(hours))
    day = _business_day(hours, start.astimezone(zone), days)
    spans = () if day is None else _of_date(hours, day, zone)
    return from_us(spans[-1][1]) if spans else None


def _business_day(hours: Hours, local: datetime, days: int) -> date | None:
    day, left = local.date(), days
    limit = day + HORIZON
    while left > 0:
        day += timedelta(days=1)
        if day > limit:
            return None
        left -= bool(_of_date(hours, day, local.tzinfo))
    return day


def _of_date(hours: Hours, day: date, zone: tzinfo | None) -> Spans:
    """Open spans of a local date; none on a date the zone skipped, as Apia did 2011-12-30."""
    begin, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    return merge(_open(hours, to_us(begin), to_us(end)))


def zone_of(hours: Hours) -> str:
    """The zone a calendar is read in: its own, or that of the first of its parts."""
    while isinstance(hours, Union | Intersection):
        hours = hours.parts[0]
    assert isinstance(hours, Calendar)
    return hours.zone


def thresholds(
    hours: Hours, start: datetime, budget: timedelta, percents: Sequence[float], pauses: Sequence[Pause] = ()
) -> list[datetime | None]:
    """When each share of the budget, in percent, is used up."""
    return [due(hours, start, budget * percent / 100, pauses) for percent in percents]


def segments(hours: Hours, start: datetime, end: datetime, pauses: Sequence[Pause] = ()) -> list[Segment]:
    """What happened to a clock between two instants, in order and without gaps; the counted ones sum to `elapsed`."""
    begin, stop = to_us(start), to_us(end)
    rows: list[tuple[int, int, Literal["counted", "closed", "paused"], str]] = []
    paused = _pauses(pauses)
    opened = merge(_open(hours, begin, stop))
    rows += [(a, b, "counted", "") for a, b in subtract(opened, paused)]
    rows += [(a, b, "closed", "") for a, b in subtract(((begin, stop),), opened)]
    for a, b in subtract(opened, subtract(opened, paused)):
        rows.append((a, b, "paused", _reason(pauses, a)))
    return [Segment(from_us(a), from_us(b), kind, reason) for a, b, kind, reason in sorted(rows) if a < b]


def _reason(pauses: Sequence[Pause], at: int) -> str:
    for pause in pauses:
        if to_us(pause.start) <= at and (pause.end is None or at < to_us(pause.end)):
            return pause.reason
    return ""


def outcome(
    hours: Hours, start: datetime, budget: timedelta, stop: datetime, pauses: Sequence[Pause] = ()
) -> tuple[Literal["met", "breached"], datetime | None]:
    """Whether a clock stopped in time, and the instant of the breach otherwise; stopping at the very end is in time."""
    end = due(hours, start, budget, pauses)
    if end is None or stop <= end:
        return "met", None
    return "breached", end
