"""Service calendars: when a promise counts. Plain; instants are aware UTC.

An instant is open when its local reading falls inside an interval of that local day (half-open). So an hour that a
clock change skips cannot count, and an hour it repeats counts twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import holidays

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_US = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
_MICROSECOND = timedelta(microseconds=1)

# Start and end, exclusive: seconds of the local day in a calendar's rules, microseconds since 1970 in its spans.
Span: TypeAlias = tuple[int, int]
Spans: TypeAlias = tuple[Span, ...]


def to_us(at: datetime) -> int:
    """Microseconds since 1970; exact, where a float would round."""
    return (at - EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


@dataclass(frozen=True)
class Calendar:
    """The hours of one place. `date_hours` replaces a date's weekly hours and wins over yearly closures and public
    holidays; a date in `closed` is closed whatever else is said."""

    zone: str = "UTC"
    weekly: tuple[Spans, ...] = ((),) * 7
    always_open: bool = False
    closed: frozenset[date] = frozenset()
    closed_annual: frozenset[str] = frozenset()  # "12-25"
    date_hours: Mapping[date, Spans] = field(default_factory=dict)
    breaks: Mapping[date, Spans] = field(default_factory=dict)
    country: str = ""  # ISO 3166, whose public holidays are closed; empty: none
    _spans: dict[int, Spans] = field(default_factory=dict, compare=False, repr=False)

    def local(self, day: date) -> Spans:
        """Open intervals of a local date, in seconds of its wall clock."""
        if day in self.closed:
            return ()
        if day in self.date_hours:
            spans = self.date_hours[day]
        elif f"{day:%m-%d}" in self.closed_annual or self._is_holiday(day):
            return ()
        else:
            spans = ((0, 86_400),) if self.always_open else self.weekly[day.weekday()]
        return subtract(spans, self.breaks.get(day, ()))

    def _is_holiday(self, day: date) -> bool:
        return bool(self.country) and day in _holidays(self.country, day.year)

    def day(self, index: int) -> Spans:
        """Open spans within one UTC day, `index` days after 1970, in microseconds; kept once computed."""
        found = self._spans.get(index)
        if found is None:
            found = self._spans[index] = merge(self._compute(index * DAY_US))
        return found

    def _compute(self, start: int) -> Iterator[Span]:
        zone = ZoneInfo(self.zone)
        for a, b, offset in _steady(zone, start, start + DAY_US):
            first = (EPOCH + timedelta(microseconds=a + offset)).date()
            last = (EPOCH + timedelta(microseconds=b + offset - 1)).date()
            while first <= last:
                midnight = (first - EPOCH.date()).days * DAY_US - offset
                for opens, closes in self.local(first):
                    low, high = max(a, midnight + opens * 1_000_000), min(b, midnight + closes * 1_000_000)
                    if low < high:
                        yield low, high
                first += timedelta(days=1)


@dataclass(frozen=True)
class Union:
    """Open where any of its parts is: follow the sun."""

    parts: tuple[Hours, ...]

    def day(self, index: int) -> Spans:
        return merge(span for part in self.parts for span in part.day(index))


@dataclass(frozen=True)
class Intersection:
    """Open where all of its parts are."""

    parts: tuple[Hours, ...]

    def day(self, index: int) -> Spans:
        whole: Spans = ((index * DAY_US, (index + 1) * DAY_US),)
        for part in self.parts:
            whole = subtract(whole, subtract(((index * DAY_US, (index + 1) * DAY_US),), part.day(index)))
        return whole


Hours: TypeAlias = Calendar | Union | Intersection
ALWAYS = Calendar(always_open=True)


def merge(spans: Iterable[Span]) -> Spans:
    """Spans in order, overlapping and touching ones joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def subtract(spans: Spans, holes: Spans) -> Spans:
    """What is left of `spans` without `holes`."""
    for low, high in holes:
        spans = tuple(piece for a, b in spans for piece in ((a, min(b, low)), (max(a, high), b)) if piece[0] < piece[1])
    return spans


def _offset(zone: ZoneInfo, us: int) -> int:
    shift = from_us(us).astimezone(zone).utcoffset()
    return 0 if shift is None else shift // _MICROSECOND


def _steady(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Pieces of [start, end) with one UTC offset each, in microseconds. No zone ever changed twice within an hour."""
    marks = [*range(start, end, _HOUR_US), end]
    begin, offset = start, _offset(zone, start)
    for low, high in pairwise(marks):
        after = _offset(zone, high)
        if after == offset:
            continue
        while high - low > 1_000_000:  # transitions fall on whole seconds
            middle = (low + high) // 2_000_000 * 1_000_000
            low, high = (low, middle) if _offset(zone, middle) != offset else (middle, high)
        if begin < high:
            yield begin, high, offset
        begin, offset = high, after
    if begin < end:
        yield begin, end, offset


@lru_cache(maxsize=512)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))


def parse(spec: Mapping[str, Any]) -> Hours:
    """A calendar from its JSON form (the one contracts store); the same form gives the same calendar, with the days it
    has worked out already. Raises ValueError naming the field that is wrong."""
    return _parsed(json.dumps(spec, sort_keys=True))


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Hours:
    spec = json.loads(text)
    for name, kind in (("union", Union), ("intersect", Intersection)):
        if name in spec:
            if not spec[name]:
                raise ValueError(f"{name}: needs at least one calendar")
            return kind(tuple(parse(part) for part in spec[name]))
    zone, country = str(spec.get("tz", "UTC")), str(spec.get("holidays", ""))
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"tz: {zone!r} is not a time zone; use an IANA name such as Europe/Paris") from None
    if country and country not in holidays.list_supported_countries():
        raise ValueError(f"holidays: no public holidays are known for {country!r}; use a country code such as FR")
    weekly = spec.get("weekly", {})
    unknown = set(weekly) - set(DAYS)
    if unknown:
        raise ValueError(f"weekly: {min(unknown)!r} is not a day; use {', '.join(DAYS)}")
    return Calendar(
        zone=zone,
        weekly=tuple(_local_spans(f"weekly.{day}", weekly.get(day, ())) for day in DAYS),
        always_open=bool(spec.get("always_open", False)),
        closed=frozenset(_date("closed_dates", day) for day in spec.get("closed_dates", ())),
        closed_annual=frozenset(_annual(day) for day in spec.get("closed_annual", ())),
        date_hours=_by_date("date_hours", spec.get("date_hours", {})),
        breaks=_by_date("breaks", spec.get("breaks", {})),
        country=country,
    )


def _by_date(name: str, given: Mapping[str, Any]) -> dict[date, Spans]:
    return {_date(name, day): _local_spans(f"{name}.{day}", spans) for day, spans in given.items()}


def _date(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {text!r} is not a date such as 2026-07-14") from None


def _annual(text: str) -> str:
    _date("closed_annual", f"2024-{text}")  # a leap year, so that 29 February may be named
    return text


def _local_spans(name: str, given: Any) -> Spans:  # Any: unchecked JSON, which is what this checks
    spans = tuple((_wall(name, start), _wall(name, end)) for start, end in given)
    if any(end < start for start, end in spans):
        raise ValueError(f"{name}: an interval ends before it starts; split a night at 24:00")
    return merge(span for span in spans if span[0] < span[1])


def _wall(name: str, text: str) -> int:
    """Seconds of the day of "09:30", "23:59:59" or "24:00"."""
    found = re.fullmatch(r"(\d\d):([0-5]\d)(?::([0-5]\d))?", text)
    hour, minute, second = (int(part or 0) for part in found.groups()) if found else (99, 0, 0)
    seconds = hour * 3600 + minute * 60 + second
    if seconds > 86_400:
        raise ValueError(f"{name}: {text!r} is not a time of day between 00:00 and 24:00")
    return seconds
