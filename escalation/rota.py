"""Schedules of duty: layers of people who take turns, covers on top of them, and the gaps nobody stands in. Plain.

A layer hands over at a local hour every so many days, whatever the clocks of its zone do. Where several layers have
somebody, the first named one wins; a cover that was accepted wins over them all. Somebody absent leaves their turn to
the layer below, and where there is none, a gap: to be seen before it happens.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts import hours
from contracts.spans import from_us, to_us

LONGEST = timedelta(days=400)  # how far a schedule is drawn at once: a year and its edges


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns of `days` days each, handing over at `handover` (local), the first from `first_day` on."""

    people: tuple[uuid.UUID, ...]
    first_day: date
    days: int = 7
    handover: time = time(9)
    name: str = ""
    last_day: date | None = None  # inclusive: the last day a turn of this layer begins or runs
    weekly: Mapping[str, Any] | None = None  # on duty within these hours only (the form calendars have); none: always
    holidays: str = ""  # country or region (FR, DE-BY) whose public holidays this layer leaves to the one below

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "people": [str(person) for person in self.people],
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat() if self.last_day else None,
            "days": self.days,
            "handover": f"{self.handover:%H:%M}",
            "weekly": dict(self.weekly) if self.weekly else None,
            **({"holidays": self.holidays} if self.holidays else {}),
        }

    def calendar(self, zone: str) -> dict[str, Any]:
        """When this layer holds, in the form calendars have."""
        weekly = dict(self.weekly) if self.weekly else {day: [["00:00", "24:00"]] for day in hours.DAYS}
        return {"tz": zone, "weekly": weekly, **({"holidays": self.holidays} if self.holidays else {})}


def layer(given: Mapping[str, Any], field: str = "layers") -> Layer:
    """A layer from its stored form. Raises ValueError that names the field and says what would do."""
    try:
        people = tuple(uuid.UUID(str(person)) for person in given["people"])
        days = given.get("days", 7)
        first, last = date.fromisoformat(given["first_day"]), given.get("last_day")
        made = Layer(people, first, days, time.fromisoformat(given.get("handover", "09:00")), given.get("name", ""),
                     date.fromisoformat(last) if last else None, given.get("weekly") or None,
                     given.get("holidays") or "")  # fmt: skip
    except KeyError as missing:
        raise ValueError(f"{field}.{missing.args[0]}: is missing; a layer needs people and first_day") from None
    except (TypeError, ValueError) as wrong:
        raise ValueError(f"{field}: {wrong}; give days as 2026-03-02 and hours as 09:00") from None
    if not people:
        raise ValueError(f"{field}.people: names nobody; name at least one person")
    if not isinstance(days, int) or not 1 <= days <= 92:
        raise ValueError(f"{field}.days: {days!r} is not a length of turns; use 1 to 92 days")
    if made.last_day is not None and made.last_day < made.first_day:
        raise ValueError(f"{field}.last_day: lies before first_day; give a later day, or none")
    hours.parse(made.calendar("UTC"))  # raises ValueError naming the day, or the country
    return made


@dataclass(frozen=True, slots=True)
class Stretch:
    """From an instant to another (exclusive): who, and by which layer or cover. `person` None: a gap."""

    start: datetime
    end: datetime
    person: uuid.UUID | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule with what overrides it. `covers` and `absences` are stretches of persons."""

    zone: str
    layers: tuple[Layer, ...]
    covers: tuple[Stretch, ...] = ()
    absences: tuple[Stretch, ...] = ()


def stretches(schedule: Schedule, start: datetime, end: datetime) -> list[Stretch]:
    """Who is on duty over [start, end); a gap is a stretch with nobody. Raises ValueError beyond `LONGEST`."""
    if end - start > LONGEST:
        raise ValueError(f"a schedule is drawn over {LONGEST.days} days at the most")
    free = [(start, end)]
    taken: list[Stretch] = []
    for source in (reversed(schedule.covers), *(_turns(schedule, one, start, end) for one in schedule.layers)):
        for turn in source:
            free = _fill(free, turn, schedule.absences, taken)
    gaps = [Stretch(low, high, None) for low, high in free]
    return joined([*taken, *gaps])


def gaps(schedule: Schedule, start: datetime, end: datetime) -> list[Stretch]:
    """When nobody would be on duty."""
    return [one for one in stretches(schedule, start, end) if one.person is None]


def intended(schedule: Schedule, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """When this schedule means to have somebody: the hours of its layers, whoever is absent and whatever is a holiday.

    A layer that has ended leaves its hours behind it only where no other goes on: then nobody drew up what follows.
    """
    lasting = [one for one in schedule.layers if one.last_day is None or one.last_day >= end.date()]
    layers = tuple(replace(one, last_day=None, holidays="") for one in lasting or schedule.layers)
    return [(one.start, one.end) for one in stretches(Schedule(schedule.zone, layers), start, end) if one.person]


def on_duty(schedule: Schedule, at: datetime) -> uuid.UUID | None:
    """Who is on duty at an instant."""
    return stretches(schedule, at, at + timedelta(seconds=1))[0].person


def now_and_next(schedule: Schedule, at: datetime, ahead: timedelta = timedelta(days=31)) -> tuple[Stretch, ...]:
    """The stretch that holds at `at` and the first of somebody else after it, as far as `ahead`."""
    found = stretches(schedule, at, at + ahead)
    return tuple(found[:2])


def _turns(schedule: Schedule, one: Layer, start: datetime, end: datetime) -> Iterator[Stretch]:
    """The turns of a layer that touch [start, end), cut to its hours."""
    zone = ZoneInfo(schedule.zone)

    def hand_over(day: date) -> datetime:
        return datetime.combine(day, one.handover, zone).astimezone(UTC)

    index = max(0, (start.astimezone(zone).date() - one.first_day).days // one.days - 1)
    limit = hand_over(one.last_day + timedelta(days=1)) if one.last_day else end
    while True:
        first = one.first_day + timedelta(days=index * one.days)
        begins, ends = hand_over(first), min(hand_over(first + timedelta(days=one.days)), limit)
        if begins >= min(end, limit):
            return
        person = one.people[index % len(one.people)]
        for low, high in _within(schedule, one, max(begins, start), min(ends, end)):
            yield Stretch(low, high, person, one.name)
        index += 1


def _within(schedule: Schedule, one: Layer, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    if start >= end:
        return
    if one.weekly is None and not one.holidays:
        yield start, end
        return
    calendar = hours.parse(one.calendar(schedule.zone))
    for low, high in hours.within(calendar, to_us(start), to_us(end)):
        yield from_us(low), from_us(high)


def _fill(
    free: Sequence[tuple[datetime, datetime]], turn: Stretch, absences: Iterable[Stretch], taken: list[Stretch]
) -> list[tuple[datetime, datetime]]:
    """Give a turn what is still free of its time and not an absence of its person; what is left free after it."""
    there = [(turn.start, turn.end)]
    for away in absences:
        if away.person == turn.person:
            there = without(there, away.start, away.end)
    left = list(free)
    for begins, ends in there:
        for low, high in free:
            first, last = max(low, begins), min(high, ends)
            if first < last:
                taken.append(Stretch(first, last, turn.person, turn.why))
        left = without(left, begins, ends)
    return left


def without(
    spans: Iterable[tuple[datetime, datetime]], start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """What of the spans lies outside [start, end)."""
    pieces = [piece for low, high in spans for piece in ((low, min(high, start)), (max(low, end), high))]
    return [(low, high) for low, high in pieces if low < high]


def joined(found: Iterable[Stretch]) -> list[Stretch]:
    """Stretches in order; those of one person that touch or overlap, for the same reason, as one."""
    whole: list[Stretch] = []
    for one in sorted(found, key=lambda one: one.start):
        last = whole[-1] if whole else None
        if last is not None and one.start <= last.end and (last.person, last.why) == (one.person, one.why):
            whole[-1] = Stretch(last.start, max(last.end, one.end), one.person, one.why)
        else:
            whole.append(one)
    return whole
