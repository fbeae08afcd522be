"""The slow reference: clocks counted by reading the wall clock of every minute, and of every second where one matters.

It shares nothing with the floor it judges: zones are read minute by minute through `zoneinfo`, rules are looked up as
they are written, and time is summed up as arrays of seconds counted in each minute of a window.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import numpy as np
from numpy.typing import NDArray

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW_DAYS = 9
MINUTES = WINDOW_DAYS * 1440

# Zones with the days around which their clocks do something odd, or nothing.
PLACES: dict[str, tuple[str, ...]] = {
    "UTC": ("2026-06-10",),
    "Europe/Paris": ("2026-03-27", "2026-10-23", "2026-12-22"),
    "Europe/Dublin": ("2026-03-27", "2026-10-23"),
    "America/New_York": ("2026-03-06", "2026-10-30"),
    "Australia/Lord_Howe": ("2026-04-03", "2026-10-02"),  # half an hour
    "Pacific/Apia": ("2011-12-27", "2012-03-30"),  # 30 December 2011 did not happen
    "Pacific/Kwajalein": ("1993-08-18",),  # nor did 21 August 1993 here
    "Africa/Casablanca": ("2026-02-13", "2026-03-20"),  # summer time rests for Ramadan
    "Africa/Cairo": ("2023-04-26", "2023-10-25"),  # changes at midnight
    "America/Havana": ("2026-03-06", "2026-10-30"),
    "America/Sao_Paulo": ("2018-11-02", "2019-02-15"),
    "America/St_Johns": ("2011-03-11", "2011-11-04", "2026-03-06"),  # a minute past midnight until 2011
    "America/Caracas": ("2016-04-29", "2007-12-07"),
    "Asia/Pyongyang": ("2015-08-13", "2018-05-03"),
    "Antarctica/Troll": ("2026-03-27", "2026-10-23"),  # two hours
    "Asia/Kolkata": ("2026-06-10",),
    "Asia/Kathmandu": ("2026-06-10",),
    "Australia/Eucla": ("2026-06-10",),
    "Pacific/Chatham": ("2026-04-03", "2026-09-25"),
    "Pacific/Kiritimati": ("2026-06-10",),  # 14 hours ahead
    "Etc/GMT-14": ("2026-06-10",),
    "Etc/GMT+12": ("2026-06-10",),
    "Pacific/Pago_Pago": ("2026-06-10",),
}
HOLIDAYS = ("", "", "", "FR", "DE-BY", "US", "JP")


@dataclass(frozen=True, eq=False)
class Wall:
    """What the wall clock of a zone reads at each minute of a window."""

    begin: datetime
    dates: tuple[date, ...]
    which: NDArray[np.int64]  # index into `dates`
    minute: NDArray[np.int64]  # of the local day


@lru_cache(maxsize=512)
def wall(zone: str, begin: datetime) -> Wall:
    place = ZoneInfo(zone)
    known: dict[date, int] = {}
    which, minute = np.zeros(MINUTES, np.int64), np.zeros(MINUTES, np.int64)
    for n in range(MINUTES):
        local = (begin + timedelta(minutes=n)).astimezone(place)
        assert local.second == 0, f"{zone} is not read in whole minutes at {local}"
        which[n] = known.setdefault(local.date(), len(known))
        minute[n] = local.hour * 60 + local.minute
    return Wall(begin, tuple(known), which, minute)


def _minutes(spans: list[list[str]]) -> NDArray[np.bool_]:
    day = np.zeros(1440, np.bool_)
    for start, end in spans:
        low, high = (int(text[:2]) * 60 + int(text[3:]) for text in (start, end))
        day[low:high] = True
    return day


@lru_cache(maxsize=256)
def _holidays(place: str, year: int) -> frozenset[date]:
    country, _, region = place.partition("-")
    return frozenset(country and holidays.country_holidays(country, subdiv=region or None, years=year))


def _of_date(spec: dict[str, Any], day: date) -> NDArray[np.bool_]:
    """The rules as they are written: the minutes a local date is open."""
    shut = np.zeros(1440, np.bool_)
    name = day.isoformat()
    if name in spec.get("closed_dates", ()):
        return shut
    if name in spec.get("date_hours", {}):
        found = _minutes(spec["date_hours"][name])
    elif name[5:] in spec.get("closed_annual", ()) or day in _holidays(spec.get("holidays", ""), day.year):
        return shut
    else:
        found = ~shut if spec.get("always_open") else _minutes(spec.get("weekly", {}).get(DAYS[day.weekday()], []))
        ends = spec.get("half_days", {}).get(name, spec.get("half_days", {}).get(name[5:]))
        if ends is not None:
            found[int(ends[:2]) * 60 + int(ends[3:]) :] = False
    return found & ~_minutes(spec.get("breaks", {}).get(name, []))


def open_minutes(spec: dict[str, Any], begin: datetime) -> NDArray[np.bool_]:
    """Which minutes of the window are open."""
    if "union" in spec:
        return np.logical_or.reduce([open_minutes(part, begin) for part in spec["union"]])
    if "intersect" in spec:
        return np.logical_and.reduce([open_minutes(part, begin) for part in spec["intersect"]])
    read = wall(spec["tz"], begin)
    table = np.stack([_of_date(spec, day) for day in read.dates])
    return np.asarray(table[read.which, read.minute])


@dataclass(frozen=True, eq=False)
class Count:
    """Seconds counted in each minute of a window, for one start and its pauses (seconds of the window)."""

    opened: NDArray[np.bool_]
    start: int
    pauses: tuple[tuple[int, int], ...]
    upto: NDArray[np.int64]  # counted from the window's begin to the end of each minute

    @staticmethod
    def of(opened: NDArray[np.bool_], start: int, pauses: tuple[tuple[int, int], ...]) -> Count:
        each = opened.astype(np.int64) * 60
        each[: start // 60] = 0
        for low, high in pauses:
            each[max(low, 0) // 60 : max(high, 0) // 60] = 0
        count = Count(opened, start, pauses, each)
        for edge in {start, *(edge for pause in pauses for edge in pause)}:
            if 0 <= edge // 60 < MINUTES:  # second by second where something changes within a minute
                each[edge // 60] = count.seconds(edge // 60).sum()
        return Count(opened, start, pauses, np.cumsum(each))

    def seconds(self, minute: int) -> NDArray[np.bool_]:
        """Which seconds of a minute are open, not paused and not before the start."""
        second = np.arange(minute * 60, minute * 60 + 60)
        counts = (second >= self.start) & self.opened[minute]
        for low, high in self.pauses:
            if low < minute * 60 + 60 and high > minute * 60:
                counts &= (second < low) | (second >= high)
        return counts

    def counts(self, second: int) -> bool:
        return bool(self.seconds(second // 60)[second % 60])

    def until(self, second: int) -> int:
        """Seconds counted before a second of the window."""
        whole = int(self.upto[second // 60 - 1]) if second >= 60 else 0
        return whole + int(self.seconds(second // 60)[: second % 60].sum())

    def reaching(self, seconds: int) -> int | None:
        """The first second of the window by which so many are counted; None when the window is too short."""
        if seconds <= 0:
            return self.start
        minute = int(np.searchsorted(self.upto, seconds))
        if minute >= MINUTES:
            return None
        left = seconds - (int(self.upto[minute - 1]) if minute else 0)
        return minute * 60 + int(self.seconds(minute).nonzero()[0][left - 1]) + 1


def spec(dice: random.Random, zone: str, begin: date, depth: int = 0) -> dict[str, Any]:
    """A calendar at random, with rules for the days of the window; now and then one of several."""
    if depth < 2 and dice.random() < 0.12:
        kind = dice.choice(("union", "intersect"))
        zones = [zone, *(dice.choice(tuple(PLACES)) for _ in range(dice.randint(0, 2)))]
        return {kind: [spec(dice, each, begin, depth + 1) for each in zones]}
    days = [(begin + timedelta(days=n)).isoformat() for n in range(-1, WINDOW_DAYS + 1)]
    found: dict[str, Any] = {"tz": zone}
    if dice.random() < 0.2:
        found["always_open"] = True
    else:
        usual = _spans(dice)
        found["weekly"] = {day: _spans(dice) if dice.random() < 0.3 else usual for day in DAYS if dice.random() < 0.85}
    if dice.random() < 0.3:
        found["closed_dates"] = dice.sample(days, dice.randint(1, 2))
    if dice.random() < 0.2:
        found["closed_annual"] = [dice.choice(days)[5:]]
    if dice.random() < 0.3:
        found["date_hours"] = {day: _spans(dice) for day in dice.sample(days, 2)}
    if dice.random() < 0.3:
        found["breaks"] = {day: _spans(dice) for day in dice.sample(days, 3)}
    if dice.random() < 0.2:
        found["half_days"] = {dice.choice(days)[dice.choice((0, 5)) :]: dice.choice(("12:00", "16:30", "00:00"))}
    if place := dice.choice(HOLIDAYS):
        found["holidays"] = place
    return found


def _spans(dice: random.Random) -> list[list[str]]:
    """Intervals of a day, which may touch, overlap, be empty, or end at 24:00."""
    found = []
    for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3))):
        step = dice.choice((1, 5, 30, 60))
        low, high = sorted(dice.randint(0, 1440 // step) * step for _ in range(2))
        found.append([f"{minute // 60:02}:{minute % 60:02}" for minute in (low, high)])
    return found


def window(dice: random.Random) -> tuple[str, datetime]:
    """A zone and the begin of nine days that are worth a look there."""
    zone = dice.choice(tuple(PLACES))
    return zone, datetime.fromisoformat(dice.choice(PLACES[zone])).replace(tzinfo=UTC)
