"""Stretches of time as pairs of whole numbers, and blocks of them that are looked up instead of walked. Plain."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
_MICROSECOND = timedelta(microseconds=1)

# Start and end, exclusive: seconds of the local day in a calendar's rules, microseconds since 1970 in its blocks.
Span: TypeAlias = tuple[int, int]
Spans: TypeAlias = tuple[Span, ...]


def to_us(at: datetime) -> int:
    """Microseconds since 1970; exact, where a float would round."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_us(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def merge(spans: Iterable[Span]) -> Spans:
    """Spans in order, overlapping and touching ones joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def common(left: Spans, right: Spans) -> Spans:
    """What lies in both; each in order and without overlaps."""
    found, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low < high:
            found.append((low, high))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def gaps(spans: Spans, start: int, end: int) -> Spans:
    """What of [start, end) lies in none of `spans`, which are in order and without overlaps."""
    edges = [start, *(edge for low, high in spans if high > start and low < end for edge in (low, high)), end]
    return tuple((low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if low < high)


def subtract(spans: Spans, holes: Spans) -> Spans:
    """What is left of `spans` without `holes`; each in order and without overlaps."""
    return common(spans, gaps(holes, spans[0][0], spans[-1][1])) if spans else ()


@dataclass(frozen=True, slots=True)
class Block:
    """Open spans of one stretch of days, with the running sum of their lengths beside them."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    upto: tuple[int, ...]  # open time from the block's start to each end
    total: int

    @staticmethod
    def of(spans: Spans) -> Block:
        upto, total = [], 0
        for low, high in spans:
            total += high - low
            upto.append(total)
        return Block(tuple(low for low, _ in spans), tuple(high for _, high in spans), tuple(upto), total)

    def opened(self, at: int) -> int:
        """Open time from the block's start to an instant in or after it."""
        i = bisect_right(self.starts, at) - 1
        if i < 0:
            return 0
        rest = self.ends[i] - at
        return self.upto[i] - rest if rest > 0 else self.upto[i]


def steady(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Pieces of [start, end) with one UTC offset each, in microseconds: begin, end, offset.

    Looked at once a day: no zone ever changed its offset twice within three days.
    """
    begin, offset = start, _offset(zone, start)
    for low, high in pairwise([*range(start, end, DAY_US), end]):
        after = _offset(zone, high)
        if after == offset:
            continue
        while high - low > 1_000_000:  # changes fall on whole seconds
            middle = (low + high) // 2_000_000 * 1_000_000
            low, high = (low, middle) if _offset(zone, middle) != offset else (middle, high)
        if begin < high:
            yield begin, high, offset
        begin, offset = high, after
    if begin < end:
        yield begin, end, offset


def _offset(zone: ZoneInfo, us: int) -> int:
    shift = from_us(us).astimezone(zone).utcoffset()
    return 0 if shift is None else shift // _MICROSECOND
