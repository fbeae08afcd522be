"""Budgets: how long something may take, in service time or in business days. Plain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts import clock
from contracts.hours import Hours

_FIELDS = ("seconds", "business_days", "by", "at")


@dataclass(frozen=True, slots=True)
class Budget:
    """How long something may take: service time in seconds, or business days."""

    seconds: int = 0
    days: int = 0
    closing: bool = False  # business days only: owed by closing time of that day, not at the ask's time of day
    at: str = ""  # business days only: owed by this wall clock of that day ("16:00"), whatever the ask's time of day

    def due(self, calendar: Hours, start: datetime, pauses: tuple[clock.Pause, ...] = ()) -> datetime | None:
        """When it is used up. Pauses stop service time; business days are dates, which nothing stops."""
        if not self.days:
            return clock.due(calendar, start, timedelta(seconds=self.seconds), pauses)
        if self.at:
            return clock.wall_of_business(calendar, start, self.days, _seconds_of(self.at))
        count = clock.close_of_business if self.closing else clock.business_days
        return count(calendar, start, self.days)

    def share(
        self, calendar: Hours, start: datetime, percent: float, pauses: tuple[clock.Pause, ...] = ()
    ) -> datetime | None:
        """When `percent` of it is used up. Of business days, that share of the service time until they are due."""
        if not self.days:
            return clock.due(calendar, start, timedelta(seconds=self.seconds) * percent / 100, pauses)
        whole = self.due(calendar, start)
        if whole is None or percent == 100:
            return whole
        return clock.due(calendar, start, clock.elapsed(calendar, start, whole) * percent / 100, pauses)

    def to_json(self) -> dict[str, Any]:
        if not self.days:
            return {"seconds": self.seconds}
        return {
            "business_days": self.days,
            **({"by": "closing"} if self.closing else {}),
            **({"at": self.at} if self.at else {}),
        }

    @staticmethod
    def from_json(given: Mapping[str, Any], field: str = "budget") -> Budget:
        """Raises ValueError naming `field`."""
        if not isinstance(given, Mapping) or set(given) - set(_FIELDS):
            raise ValueError(f"{field}: give seconds, or business_days with by or at")
        seconds, days = given.get("seconds", 0), given.get("business_days", 0)
        if (seconds == 0) == (days == 0) or not all(_is_whole(n) for n in (seconds, days)):
            raise ValueError(f"{field}: give either seconds or business_days, a whole number above 0")
        by, at = given.get("by", ""), given.get("at", "")
        if by not in ("", "closing") or (seconds and (by or at)) or (by and at):
            raise ValueError(f"{field}: business_days may be owed by closing or at a time of day, and nothing else")
        if at and (not isinstance(at, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", at)):
            raise ValueError(f"{field}.at: {at!r} is not a time of day such as 16:00")
        return Budget(seconds, days, by == "closing", at)

    @property
    def words(self) -> str:
        """ "15 min", "4 h", "1 business day"."""
        if self.days:
            return f"{self.days} business day{'s' if self.days > 1 else ''}"
        whole, rest = divmod(self.seconds, 3600)
        return f"{whole} h" if not rest else f"{self.seconds // 60} min"


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 10**9


def _seconds_of(wall: str) -> int:
    hour, minute = wall.split(":")
    return int(hour) * 3600 + int(minute) * 60
