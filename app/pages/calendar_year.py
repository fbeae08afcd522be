"""A calendar to look at, in a language: what it does now and when asked for, and a year of it at a glance."""

from __future__ import annotations

import calendar as months_of
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import request

from app.pages.calendar_words import say
from contracts import clock, year
from contracts.explain_words import MONTHS, instant
from contracts.hours import Hours
from contracts.year import Day


@dataclass(frozen=True, slots=True)
class Month:
    """A month as a table: its name, and weeks of seven days, each a date or nothing."""

    name: str
    weeks: Sequence[Sequence[Day | None]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A calendar to look at: whose hours, now and next, and a year of it."""

    title: str
    zone: str
    now: str
    year: int
    months: Sequence[Month]
    totals: Mapping[str, int]
    asked: str
    answer: str


def shown(title: str, hours: Hours, now: datetime, language: str) -> Shown:
    """The year the address names, else the one that runs."""
    zone = clock.zone_of(hours)
    local = now.astimezone(ZoneInfo(zone))
    wanted = request.args.get("year", "")
    number = int(wanted) if wanted.isdecimal() and 1970 <= int(wanted) <= 2100 else local.year
    every = year.year(hours, number, language)
    days = [day for month in every for day in month]
    asked, answer = _asked(hours, zone, language)
    return Shown(
        title=title,
        zone=zone,
        now=standing(hours, now, language),
        year=number,
        months=[Month(MONTHS[language][n].capitalize(), _weeks(month)) for n, month in enumerate(every)],
        totals={kind: sum(day.kind == kind for day in days) for kind in ("open", "part", "closed", "holiday")},
        asked=asked,
        answer=answer,
    )


def _weeks(month: Sequence[Day]) -> list[list[Day | None]]:
    first = month[0].date
    blanks: list[Day | None] = [None] * first.weekday()
    cells = [*blanks, *month]
    cells += [None] * (-len(cells) % 7)
    assert len(month) == months_of.monthrange(first.year, first.month)[1]
    return [cells[at : at + 7] for at in range(0, len(cells), 7)]


def _asked(hours: Hours, zone: str, language: str) -> tuple[str, str]:
    """The instant somebody asks for, on the wall of the calendar's zone, and what it does then."""
    text = request.args.get("at", "").strip()
    try:
        at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) if text else None
    except ValueError:
        return "", say(language, "not_an_instant")
    if at is None or not 1970 <= at.year <= 2100:
        return "", ""
    return text[:16], standing(hours, at, language)


def standing(hours: Hours, at: datetime, language: str) -> str:
    """Open until when, or closed until when, as one sentence."""
    zone = clock.zone_of(hours)
    if clock.is_open(hours, at):
        closes = clock.next_close(hours, at)
        key = "open" if closes else "always"
        return say(language, key, until=instant(closes, zone, language) if closes else "")
    opens = clock.next_open(hours, at)
    return say(language, "closed" if opens else "never", until=instant(opens, zone, language) if opens else "")
