"""When a machine is being worked on: windows as times, once or week by week in a zone of their own. Plain.

A recurring window begins at the same wall clock time whatever summer time does. It lasts as long as its first, since
work takes its hours; where the clocks go back meanwhile, it lasts until the same wall clock time: people go by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Window:
    """One window of maintenance. `weekdays` empty: it happens once."""

    title: str
    starts_at: datetime
    ends_at: datetime
    zone: str = "UTC"
    weekdays: frozenset[str] = frozenset()
    every_weeks: int = 1
    until: date | None = None  # the last local day an occurrence may begin on
    ended_at: datetime | None = None  # called off by a person: nothing from here on

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Its times that touch `start`..`end` (exclusive), in order, UTC; cut by nothing but being called off."""
        for begins, ends in self._occurrences(start, end):
            if self.ended_at is not None:
                ends = min(ends, self.ended_at)
            if begins < ends and begins < end and ends > start:
                yield begins, ends

    def covers(self, at: datetime) -> datetime | None:
        """When it ends, if `at` lies in it."""
        return next((ends for begins, ends in self.spans(at, at + timedelta(microseconds=1)) if begins <= at), None)

    def _occurrences(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        lasts = self.ends_at - self.starts_at
        if not self.weekdays:
            yield self.starts_at, self.ends_at
            return
        zone = ZoneInfo(self.zone)
        first, over = self.starts_at.astimezone(zone), self.ends_at.astimezone(zone).replace(tzinfo=None)
        by_the_wall = over - first.replace(tzinfo=None)
        monday = first.date() - timedelta(days=first.weekday())
        day = max(first.date(), (start - lasts).astimezone(zone).date() - timedelta(days=1))
        last = min(end.astimezone(zone).date(), self.until or date.max)
        while day <= last:
            if WEEKDAYS[day.weekday()] in self.weekdays and (day - monday).days // 7 % self.every_weeks == 0:
                begins = datetime.combine(day, first.time(), zone).astimezone(UTC)
                if begins >= self.starts_at:
                    yield begins, max(begins + lasts, _latest(datetime.combine(day, first.time()) + by_the_wall, zone))
            day += timedelta(days=1)


def _latest(local: datetime, zone: ZoneInfo) -> datetime:
    """The last instant a clock on the wall shows this time, UTC: of an hour that comes twice the second."""
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def covering(windows: Iterable[Window], at: datetime) -> tuple[Window, datetime] | None:
    """The window `at` lies in, with the instant it ends; of several the one that ends last."""
    found = [(ends, window) for window in windows if (ends := window.covers(at)) is not None]
    if not found:
        return None
    ends, window = max(found, key=lambda pair: pair[0])
    return window, ends


def last_end(windows: Iterable[Window], now: datetime) -> datetime | None:
    """When maintenance ended last before `now`, within the longest time a window may last."""
    ends = [ends for window in windows for _, ends in window.spans(now - LONGEST, now) if ends <= now]
    return max(ends, default=None)


def mistakes(window: Window, now: datetime) -> list[tuple[str, str, str]]:
    """What is wrong with a window somebody plans: field, problem, remedy."""
    found = []
    lasts = window.ends_at - window.starts_at
    first_day = window.starts_at.astimezone(ZoneInfo(window.zone))
    if lasts <= timedelta():
        found.append(("ends_at", "is not after its beginning", "give a later end"))
    elif lasts > (LONGEST if not window.weekdays else timedelta(days=7)):
        most = f"{LONGEST.days} days" if not window.weekdays else "7 days each time"
        found.append(("ends_at", f"makes it longer than {most}", "plan several, or suspend the contract"))
    if not window.weekdays and window.ends_at <= now:
        found.append(("ends_at", "lies in the past", "give an end still to come"))
    if window.weekdays and WEEKDAYS[first_day.weekday()] not in window.weekdays:
        day = f"{first_day:%A}"
        found.append(("weekdays", f"do not hold the day it begins on, a {day}", f"add {day}, or begin on one of them"))
    if window.until is not None and window.until < first_day.date():
        found.append(("until", "lies before its first day", "give a later day, or none"))
    return found
