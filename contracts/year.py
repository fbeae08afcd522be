"""A year of a calendar at a glance: every date with its hours, and why it is closed. Plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from contracts.hours import Calendar, Hours, on_date, zone_of
from contracts.spans import from_us

Kind = Literal["open", "part", "closed", "holiday"]


@dataclass(frozen=True, slots=True)
class Day:
    """A date: open as usual, open for part of what is usual that weekday, closed, or closed for a holiday."""

    date: date
    kind: Kind
    hours: str  # of the wall clock: "09:00-12:00 13:00-17:00"; empty when closed
    note: str  # the holiday's name


def year(hours: Hours, number: int, language: str = "en") -> Sequence[Sequence[Day]]:
    """The twelve months of a year, day by day."""
    usual = _usual(hours, number)
    months: list[list[Day]] = [[] for _ in range(12)]
    day = date(number, 1, 1)
    while day.year == number:
        months[day.month - 1].append(_day(hours, day, usual[day.weekday()], language))
        day += timedelta(days=1)
    return months


def _usual(hours: Hours, number: int) -> list[int]:
    """The longest opening of each weekday that a whole season does not exceed twice: what is usual, in seconds."""
    lengths: list[list[int]] = [[] for _ in range(7)]
    day = date(number, 1, 1)
    while day.year == number:
        lengths[day.weekday()].append(_seconds(hours, day))
        day += timedelta(days=1)
    # The middle one: holidays, half days and days of a clock change are too few to move it.
    return [sorted(each)[len(each) // 2] for each in lengths]


def _seconds(hours: Hours, day: date) -> int:
    return sum(high - low for low, high in on_date(hours, day)) // 1_000_000


def _day(hours: Hours, day: date, usual: int, language: str) -> Day:
    spans = on_date(hours, day)
    note = hours.holiday(day, language) if isinstance(hours, Calendar) else ""
    if not spans:
        return Day(day, "holiday" if note else "closed", "", note)
    zone = ZoneInfo(zone_of(hours))
    said = []
    for low, high in spans:
        opens, closes = from_us(low).astimezone(zone), from_us(high).astimezone(zone)
        said.append(f"{opens:%H:%M}-{'24:00' if closes.date() > day else f'{closes:%H:%M}'}")
    # An hour more or less is the clock change of a day that is open all the same.
    kind: Kind = "part" if _seconds(hours, day) < usual - 7200 or not usual else "open"
    return Day(day, kind, " ".join(said), note)
