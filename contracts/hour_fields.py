"""The fields of a calendar's JSON form, read one by one. Plain; every ValueError names the field that is wrong.

An interval that ends before it starts ("22:00" to "06:00") runs into the next day. It is kept as two, split at
midnight, and each part belongs to the date it lies on: what closes a date closes all of it, and nothing of the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import holidays

from contracts.spans import Span, Spans, merge

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86_400
_PAIRS = 'must be a list of intervals such as [["09:00", "12:30"], ["13:30", "17:00"]]'


def mapping(name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: unchecked JSON, here and below
    if isinstance(found := spec.get(name) or {}, Mapping):
        return found
    raise ValueError(f"{name}: must be an object")


def listed(name: str, spec: Mapping[str, Any]) -> list[Any] | tuple[Any, ...]:
    if isinstance(found := spec.get(name) or (), list | tuple):
        return found
    raise ValueError(f"{name}: must be a list")


def week(given: Mapping[str, Any]) -> tuple[Spans, ...]:
    """The hours of each weekday, Monday first; a night that begins on Sunday ends on Monday."""
    unknown = set(given) - set(DAYS)
    if unknown:
        raise ValueError(f"weekly: {min(unknown)!r} is not a day; use {', '.join(DAYS)}")
    read = [_nights(f"weekly.{day}", given.get(day, ())) for day in DAYS]
    return tuple(merge((*read[at][0], *read[at - 1][1])) for at in range(7))


def dated(given: Mapping[str, Any]) -> tuple[dict[date, Spans], dict[date, Spans]]:
    """Hours of single dates, and what of them lies on the date after: it opens beside whatever that date has."""
    own: dict[date, Spans] = {}
    carried: dict[date, Spans] = {}
    for text, pairs in given.items():
        day = a_date("date_hours", text)
        own[day], later = _nights(f"date_hours.{text}", pairs)
        if later:
            carried[day + timedelta(days=1)] = later
    return own, carried


def breaks(given: Mapping[str, Any]) -> dict[date, Spans]:
    """What is taken out of single dates. A break lies within its date."""
    found = {}
    for text, pairs in given.items():
        day, name = a_date("breaks", text), f"breaks.{text}"
        read = _walls(name, pairs)
        if any(end < start for start, end in read):
            raise ValueError(f"{name}: an interval ends before it starts; split a break over midnight at 24:00")
        found[day] = _filled(read)
    return found


def places(given: Any) -> tuple[str, ...]:
    """Countries and regions whose public holidays are kept."""
    if not isinstance(given, str | list | tuple):
        raise ValueError("holidays: give a country such as FR, a region such as DE-BY, or a list of them")
    found = (given,) if isinstance(given, str) else tuple(given)
    known = holidays.list_supported_countries(include_aliases=True)
    for place in found:
        country, _, region = str(place).partition("-")
        if country not in known:
            raise ValueError(f"holidays: no public holidays are known for {place!r}; use a country code such as FR")
        if region and region not in known[country]:
            regions = ", ".join(known[country]) or "none"
            raise ValueError(f"holidays: {region!r} is not a region of {country}; known are {regions}")
    return found


def a_date(name: str, text: Any) -> date:
    if isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass  # said below, as for any other text that is no date
    raise ValueError(f"{name}: {text!r} is not a date such as 2026-07-14")


def annual(name: str, text: Any) -> str:
    a_date(name, f"2024-{text}")  # a leap year, so that 29 February may be named
    return str(text)


def some_day(text: str) -> str:
    return a_date("half_days", text).isoformat() if len(text) == 10 else annual("half_days", text)


def wall(name: str, text: Any) -> int:
    """Seconds of the day of "09:30", "23:59:59" or "24:00"."""
    found = re.fullmatch(r"(\d\d):([0-5]\d)(?::([0-5]\d))?", text, re.ASCII) if isinstance(text, str) else None
    hour, minute, second = (int(part or 0) for part in found.groups()) if found else (99, 0, 0)
    seconds = hour * 3600 + minute * 60 + second
    if seconds > DAY_S:
        raise ValueError(f"{name}: {text!r} is not a time of day between 00:00 and 24:00")
    return seconds


def _nights(name: str, pairs: Any) -> tuple[Spans, Spans]:
    """What of some intervals lies on their own day, and what on the next."""
    read = _walls(name, pairs)
    own = _filled((start, end if end >= start else DAY_S) for start, end in read)
    return own, _filled((0, end) for start, end in read if end < start)


def _walls(name: str, pairs: Any) -> Spans:
    given = pairs if isinstance(pairs, list | tuple) else (None,)
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in given):
        raise ValueError(f"{name}: {_PAIRS}")
    return tuple((wall(name, start), wall(name, end)) for start, end in given)


def _filled(spans: Iterable[Span]) -> Spans:
    return merge(span for span in spans if span[0] < span[1])
