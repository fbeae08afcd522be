"""Clocks: when a budget of service time is used up, and how to say so. Plain; instants are aware UTC.

The earliest instant at which counted time equals the budget is when it is due; one that ends exactly at closing is due
at closing. A pause stops only time that would have counted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from contracts.hours import BLOCK_DAYS, BLOCK_US, Hours, on_date, within, zone_of
from contracts.spans import Spans, from_us, merge, to_us

__all__ = ["Pause", "Segment", "business_days", "close_of_business", "due", "elapsed", "is_open", "next_open",
           "outcome", "segments", "thresholds", "wall_of_business", "zone_of"]  # fmt: skip

# A calendar that does not open within two years will not be waited for: the promise has no instant.
HORIZON = timedelta(days=731)
_FOREVER = 2**62
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_LAST = to_us(datetime(9990, 1, 1, tzinfo=UTC))  # Python's calendar ends soon after


@dataclass(frozen=True, slots=True)
class Pause:
    """The clock stands still from `start` to `end`; no end while it still does."""

    start: datetime
    end: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a clock's life: counted, closed, or paused with its reason. `zone`: the hours are read in it."""

    start: datetime
    end: datetime
    kind: Literal["counted", "closed", "paused"]
    reason: str = ""
    zone: str = ""


def _pauses(pauses: Sequence[Pause]) -> Spans:
    if not pauses:
        return ()
    spans = [(to_us(p.start), _FOREVER if p.end is None else to_us(p.end)) for p in pauses]
    before = -_FOREVER
    for low, high in spans:
        if low <= before or high <= low:  # out of order, overlapping, or none at all
            return merge([span for span in spans if span[0] < span[1]])
        before = high
    return tuple(spans)


class _Meter:
    """Sums up open time, walking forward: each block of days is passed once, whatever is asked on the way."""

    __slots__ = ("base", "block", "hours", "index")

    def __init__(self, hours: Hours, start: int) -> None:
        self.hours = hours
        self.index = start // BLOCK_US
        self.block = hours.block(self.index)
        self.base = 0  # open time in the blocks that lie behind

    def at(self, us: int, enough: int = _FOREVER) -> int:
        """Open time from the first block's start to an instant, which is no earlier than the one asked before.

        May answer less than the whole once it is `enough`.
        """
        index = us // BLOCK_US
        while self.index < index:
            self._on()
            if self.base >= enough:
                return self.base
        return self.base + self.block.opened(us)

    def reaching(self, sum_us: int) -> int | None:
        """The earliest instant at which open time equals a sum; None when no opening comes for two years."""
        empty = 0
        while self.base + self.block.total < sum_us:
            empty = 0 if self.block.total else empty + BLOCK_DAYS
            if empty > HORIZON.days or (self.index + 1) * BLOCK_US > _LAST:
                return None
            self._on()
        block = self.block
        i = bisect_left(block.upto, sum_us - self.base)
        return block.ends[i] - (self.base + block.upto[i] - sum_us)

    def _on(self) -> None:
        self.base += self.block.total
        self.index += 1
        self.block = self.hours.block(self.index)


def is_open(hours: Hours, at: datetime) -> bool:
    us = to_us(at)
    block = hours.block(us // BLOCK_US)
    i = bisect_right(block.starts, us) - 1
    return i >= 0 and us < block.ends[i]


def next_open(hours: Hours, at: datetime) -> datetime | None:
    """The first open instant from `at` on; None when there is none within two years."""
    us = to_us(at)
    index = us // BLOCK_US
    block = hours.block(index)
    i = bisect_right(block.ends, us)
    if i < len(block.starts):
        return at if block.starts[i] <= us else from_us(block.starts[i])
    last = min(us + HORIZON // _MICROSECOND, _LAST)
    while (index + 1) * BLOCK_US < last:
        index += 1
        block = hours.block(index)
        if block.starts:
            return from_us(block.starts[0]) if block.starts[0] < last else None
    return None


def next_close(hours: Hours, at: datetime) -> datetime | None:
    """When the hours that are open at an instant end; None when they are closed, or never close within two years."""
    if not is_open(hours, at):
        return None
    us = to_us(at)
    end = us
    for low, high in within(hours, us, min(us + HORIZON // _MICROSECOND, _LAST)):
        if low > end:
            return from_us(end)
        end = high
    return None


def elapsed(hours: Hours, start: datetime, end: datetime, pauses: Sequence[Pause] = ()) -> timedelta:
    """Counted time between two instants; none when the end comes first."""
    begin, stop = to_us(start), to_us(end)
    if stop <= begin:
        return timedelta(0)
    meter = _Meter(hours, begin)
    counted = -meter.at(begin)
    for low, high in _pauses(pauses):
        if high > begin and low < stop:
            counted += meter.at(max(low, begin)) - meter.at(min(high, stop))
    return timedelta(microseconds=counted + meter.at(stop))


def due(hours: Hours, start: datetime, budget: timedelta, pauses: Sequence[Pause] = ()) -> datetime | None:
    """When `budget` is used up; None while a pause without end, or no opening for two years, keeps it away."""
    if budget <= timedelta(0):
        return start
    begin = to_us(start)
    left = (budget.days * 86_400 + budget.seconds) * 1_000_000 + budget.microseconds
    block = hours.block(begin // BLOCK_US)
    wanted = block.opened(begin) + left
    if not pauses and wanted <= block.total:  # most promises: nothing paused, and due within the block of their start
        i = bisect_left(block.upto, wanted)
        return from_us(block.ends[i] - (block.upto[i] - wanted))
    meter = _Meter(hours, begin)
    for low, high in _pauses(pauses):
        if high <= begin:
            continue
        mark = meter.index, meter.base, meter.block
        before = meter.at(max(low, begin), wanted)
        if before >= wanted:  # used up before this pause
            meter.index, meter.base, meter.block = mark
            break
        if high > _LAST:
            return None
        wanted += meter.at(high) - before
    found = meter.reaching(wanted)
    return None if found is None else from_us(found)


def business_days(hours: Hours, start: datetime, days: int) -> datetime | None:
    """`days` business days on: the day of the ask not counted, its time of day kept, rolled forward to an opening.

    A business day is a local date with any service time. None when there are not so many within two years of each
    other.
    """
    local = start.astimezone(ZoneInfo(zone_of(hours)))
    day = _business_day(hours, local.date(), days)
    if day is None:
        return None
    return next_open(hours, datetime.combine(day, local.time().replace(fold=0), local.tzinfo).astimezone(UTC))


def close_of_business(hours: Hours, start: datetime, days: int) -> datetime | None:
    """The last closing of the day that is `days` business days on. None as for `business_days`."""
    day = _business_day(hours, start.astimezone(ZoneInfo(zone_of(hours))).date(), days)
    spans = () if day is None else on_date(hours, day)
    return from_us(spans[-1][1]) if spans else None


def wall_of_business(hours: Hours, start: datetime, days: int, wall_s: int) -> datetime | None:
    """A time of day (seconds of it) on the day that is `days` business days on, or when the hours before it end.

    Where nothing opens before that time, the day's first opening. None as for `business_days`.
    """
    zone = ZoneInfo(zone_of(hours))
    day = _business_day(hours, start.astimezone(zone).date(), days)
    spans = () if day is None else on_date(hours, day)
    if day is None or not spans:
        return None
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(seconds=wall_s)  # on the wall, not elapsed
    at = to_us(wall.astimezone(UTC))
    before = [min(high, at) for low, high in spans if low < at]
    return from_us(max(before, default=spans[0][0]))


def _business_day(hours: Hours, day: date, days: int) -> date | None:
    left, empty, known = days, 0, hours._dates  # most dates were asked for before
    while left > 0:
        day += _DAY
        spans = known.get(day)
        if spans or (spans is None and on_date(hours, day)):
            left, empty = left - 1, 0
        else:
            empty += 1
            if empty > HORIZON.days:
                return None
    return day


def thresholds(
    hours: Hours, start: datetime, budget: timedelta, percents: Sequence[float], pauses: Sequence[Pause] = ()
) -> list[datetime | None]:
    """When each share of the budget, in percent, is used up."""
    return [due(hours, start, budget * percent / 100, pauses) for percent in percents]


def segments(hours: Hours, start: datetime, end: datetime, pauses: Sequence[Pause] = ()) -> list[Segment]:
    """What happened to a clock between two instants, in order and without gaps; the counted ones sum to `elapsed`."""
    zone = zone_of(hours)
    return [
        Segment(from_us(low), from_us(high), kind, reason, zone)
        for low, high, kind, reason in _stretches(hours, to_us(start), to_us(end), pauses)
    ]


_Kind = Literal["counted", "closed", "paused"]


def _stretches(hours: Hours, begin: int, stop: int, pauses: Sequence[Pause]) -> Iterator[tuple[int, int, _Kind, str]]:
    named = _named(pauses)
    at, ahead = begin, 0
    for low, high in merge(within(hours, begin, stop)) if begin < stop else ():
        if at < low:
            yield at, low, "closed", ""
        at = low
        while ahead < len(named) and named[ahead][1] <= at:
            ahead += 1
        for opens, closes, reason in named[ahead:]:
            if opens >= high:
                break
            if at < opens:
                yield at, opens, "counted", ""
            yield max(at, opens), min(high, closes), "paused", reason
            at = min(high, closes)
        if at < high:
            yield at, high, "counted", ""
        at = high
    if at < stop:
        yield at, stop, "closed", ""


def _named(pauses: Sequence[Pause]) -> list[tuple[int, int, str]]:
    """Pauses in order and without overlaps; where two overlap, the one that began first gives the reason."""
    found: list[tuple[int, int, str]] = []
    for pause in sorted(pauses, key=lambda pause: pause.start):
        low, high = to_us(pause.start), _FOREVER if pause.end is None else to_us(pause.end)
        low = max(low, found[-1][1]) if found else low
        if low >= high:
            continue
        if found and found[-1][1] == low and found[-1][2] == pause.reason:
            found[-1] = (found[-1][0], high, pause.reason)
        else:
            found.append((low, high, pause.reason))
    return found


def outcome(
    hours: Hours, start: datetime, budget: timedelta, stop: datetime, pauses: Sequence[Pause] = ()
) -> tuple[Literal["met", "breached"], datetime | None]:
    """Whether a clock stopped in time, and the instant of the breach otherwise; stopping at the very end is in time."""
    end = due(hours, start, budget, pauses)
    if end is None or stop <= end:
        return "met", None
    return "breached", end
