"""Service calendars: when a promise counts. Plain; instants are aware UTC.

An instant is open when its local reading falls inside an interval of that local day (half-open). So an hour that a
clock change skips cannot count, and an hour it repeats counts twice.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import holidays

from contracts import hour_fields as fields
from contracts.spans import DAY_US, EPOCH, Block, Span, Spans, common, merge, steady, subtract

DAYS = fields.DAYS
# Open time is summed up in blocks of so many days: few enough to be made at once when first asked for (about a
# millisecond), long enough that a year is walked in six steps.
BLOCK_DAYS = 64
BLOCK_US = BLOCK_DAYS * DAY_US
_EPOCH_DAY = EPOCH.date()


@dataclass(frozen=True)
class Calendar:
    """The hours of one place.

    What a date is asked, first answer holds: a date in `closed` is closed; one in `date_hours` has those hours; one in
    `closed_annual` or on a public holiday is closed; else the weekly hours, ending early on a half day. What is
    `carried` over from the night before is open besides; `breaks` are taken out of whatever is open.
    """

    zone: str = "UTC"
    weekly: tuple[Spans, ...] = ((),) * 7
    always_open: bool = False
    closed: frozenset[date] = frozenset()
    closed_annual: frozenset[str] = frozenset()  # "12-25"
    date_hours: Mapping[date, Spans] = field(default_factory=dict)
    carried: Mapping[date, Spans] = field(default_factory=dict)  # the rest of a night whose date has hours of its own
    breaks: Mapping[date, Spans] = field(default_factory=dict)
    holidays: tuple[str, ...] = ()  # ISO 3166 country or country and region: "FR", "DE-BY"; their holidays are closed
    half_days: Mapping[str, int] = field(default_factory=dict)  # "12-24" or "2026-12-24" → closes, seconds of the day
    _blocks: dict[int, Block] = field(default_factory=dict, compare=False, repr=False)
    _dates: dict[date, Spans] = field(default_factory=dict, compare=False, repr=False)

    def local(self, day: date) -> Spans:
        """Open intervals of a local date, in seconds of its wall clock."""
        if day in self.closed:
            return ()
        spans: Spans = ()
        if day in self.date_hours:
            spans = self.date_hours[day]
        elif not ((self.closed_annual and f"{day:%m-%d}" in self.closed_annual) or self.holiday(day)):
            spans = ((0, 86_400),) if self.always_open else self.weekly[day.weekday()]
            if self.half_days:
                ends = self.half_days.get(day.isoformat(), self.half_days.get(f"{day:%m-%d}", 86_400))
                spans = tuple((low, min(high, ends)) for low, high in spans if low < ends)
        if day in self.carried:
            spans = merge((*spans, *self.carried[day]))
        return subtract(spans, self.breaks[day]) if day in self.breaks else spans

    def holiday(self, day: date, language: str = "en") -> str:
        """The name of the public holiday a date is, in a language where it is known in it; empty when it is none."""
        names = (holidays_of(place, day.year, language).get(day, "") for place in self.holidays)
        return next((name for name in names if name), "")

    def block(self, index: int) -> Block:
        """Open time of the block of days that is `index` blocks after 1970; kept once computed."""
        found = self._blocks.get(index)
        if found is None:
            spans = merge(self._open(index * BLOCK_US, (index + 1) * BLOCK_US))
            found = self._blocks[index] = Block.of(spans)
        return found

    def _open(self, start: int, end: int) -> Iterator[Span]:
        for a, b, offset in steady(ZoneInfo(self.zone), start, end):
            for day in range((a + offset) // DAY_US, (b + offset - 1) // DAY_US + 1):
                midnight = day * DAY_US - offset
                for opens, closes in self.local(_EPOCH_DAY + timedelta(days=day)):
                    low, high = max(a, midnight + opens * 1_000_000), min(b, midnight + closes * 1_000_000)
                    if low < high:
                        yield low, high


@dataclass(frozen=True)
class Union:
    """Open where any of its parts is: follow the sun."""

    parts: tuple[Hours, ...]
    _blocks: dict[int, Block] = field(default_factory=dict, compare=False, repr=False)
    _dates: dict[date, Spans] = field(default_factory=dict, compare=False, repr=False)

    def block(self, index: int) -> Block:
        found = self._blocks.get(index)
        if found is None:
            each = (part.block(index) for part in self.parts)
            spans = merge(span for one in each for span in zip(one.starts, one.ends, strict=True))
            found = self._blocks[index] = Block.of(spans)
        return found


@dataclass(frozen=True)
class Intersection:
    """Open where all of its parts are."""

    parts: tuple[Hours, ...]
    _blocks: dict[int, Block] = field(default_factory=dict, compare=False, repr=False)
    _dates: dict[date, Spans] = field(default_factory=dict, compare=False, repr=False)

    def block(self, index: int) -> Block:
        found = self._blocks.get(index)
        if found is None:
            spans: Spans = ((index * BLOCK_US, (index + 1) * BLOCK_US),)
            for part in self.parts:
                one = part.block(index)
                spans = common(spans, tuple(zip(one.starts, one.ends, strict=True)))
            found = self._blocks[index] = Block.of(spans)
        return found


Hours: TypeAlias = Calendar | Union | Intersection
ALWAYS = Calendar(always_open=True)


def zone_of(hours: Hours) -> str:
    """The zone a calendar is read in: its own, or that of the first of its parts."""
    while not isinstance(hours, Calendar):
        hours = hours.parts[0]
    return hours.zone


def within(hours: Hours, start: int, end: int) -> Iterator[Span]:
    """Open spans inside [start, end) in order; one that crosses from block to block comes in pieces."""
    for index in range(start // BLOCK_US, -(-end // BLOCK_US)):
        block = hours.block(index)
        for low, high in zip(block.starts, block.ends, strict=True):
            if low < end and high > start:
                yield max(low, start), min(high, end)


def on_date(hours: Hours, day: date) -> Spans:
    """Open spans of a local date, in microseconds since 1970; kept once computed.

    The date is read in the zone of the calendar, piece by piece of equal offset: a date its zone skipped, as Apia did
    2011-12-30, has none, and an hour told twice belongs to the date both its readings name.
    """
    found = hours._dates.get(day)
    if found is None:
        start = (day - _EPOCH_DAY).days * DAY_US
        found = ()
        for a, b, offset in steady(ZoneInfo(zone_of(hours)), start - 2 * DAY_US, start + 3 * DAY_US):
            low, high = max(a, start - offset), min(b, start + DAY_US - offset)
            if low < high:
                found += tuple(within(hours, low, high))
        found = hours._dates[day] = merge(found)
    return found


@lru_cache(maxsize=512)
def holidays_of(place: str, year: int, language: str = "en") -> Mapping[date, str]:
    """Public holidays of a country or region ("FR", "DE-BY") by date."""
    country, _, region = place.partition("-")
    spoken = {"en": "en_US"}.get(language, language)
    return dict(holidays.country_holidays(country, subdiv=region or None, years=year, language=spoken))


def load_holidays() -> None:
    """Read the countries' rules now. Their library waits for the first date that is asked for and then reads all of
    them: a tenth of a second and 9 MB, which most processes never need, and an incident should not wait for."""
    importlib.import_module("holidays.countries")


def parse(spec: Mapping[str, Any]) -> Hours:
    """A calendar from its JSON form (the one contracts store); the same form gives the same calendar, with the days it
    has worked out already. Raises ValueError naming the field that is wrong."""
    return _parsed(json.dumps(spec, sort_keys=True))


# What a calendar's form may hold; docs/clocks.md says what each means.
FIELDS = frozenset(
    {"tz", "weekly", "always_open", "closed_dates", "closed_annual", "date_hours", "breaks", "holidays", "half_days"}
)
_DEEPEST = 8


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Hours:
    return _read(json.loads(text), 0)


def _read(spec: Any, depth: int) -> Hours:  # Any: unchecked JSON, which is what this checks
    if not isinstance(spec, Mapping):
        raise ValueError("calendar: must be an object with tz, weekly and the like, or union, or intersect")
    for name, kind in (("union", Union), ("intersect", Intersection)):
        if name in spec:
            parts = spec[name]
            if set(spec) != {name}:
                raise ValueError(f"{name}: stands alone; put the other fields into its calendars")
            if not isinstance(parts, list | tuple) or not parts:
                raise ValueError(f"{name}: needs at least one calendar")
            if depth >= _DEEPEST:
                raise ValueError(f"{name}: calendars may stand {_DEEPEST} deep inside each other and no deeper")
            return kind(tuple(_read(part, depth + 1) for part in parts))
    unknown = set(spec) - FIELDS
    if unknown:
        raise ValueError(f"{min(unknown)}: is no field of a calendar; use {', '.join(sorted(FIELDS))}")
    return _calendar(spec)


def _calendar(spec: Mapping[str, Any]) -> Calendar:
    zone = str(spec.get("tz") or "UTC")
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"tz: {zone!r} is not a time zone; use an IANA name such as Europe/Paris") from None
    if not isinstance(spec.get("always_open", False), bool):
        raise ValueError("always_open: must be true or false")
    own, carried = fields.dated(fields.mapping("date_hours", spec))
    halves = fields.mapping("half_days", spec).items()
    return Calendar(
        zone=zone,
        weekly=fields.week(fields.mapping("weekly", spec)),
        always_open=spec.get("always_open", False),
        closed=frozenset(fields.a_date("closed_dates", day) for day in fields.listed("closed_dates", spec)),
        closed_annual=frozenset(fields.annual("closed_annual", day) for day in fields.listed("closed_annual", spec)),
        date_hours=own,
        carried=carried,
        breaks=fields.breaks(fields.mapping("breaks", spec)),
        holidays=fields.places(spec.get("holidays") or ()),
        half_days={fields.some_day(day): fields.wall(f"half_days.{day}", text) for day, text in halves},
    )
