"""Instants, spans and amounts as a person says them on the phone. Plain: no clock, no database, no framework.

The same rules stand in `static/js/words.js`, so that a countdown goes on while the page is open; a browser test holds
both to one table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Weight is urgency: the four thresholds of the design's vocabulary.
SOLID_BELOW = 15 * MINUTE
FRAMED_BELOW = 30 * MINUTE
BOLD_BELOW = 2 * HOUR
COUNTDOWN_BELOW = 12 * HOUR  # further away an hour of the day says more than a span

Urgency = Literal["late", "now", "close", "soon", "far", "rest", "kept"]


@dataclass(frozen=True, slots=True)
class Chip:
    """A promise as the queue shows it: how urgent, and the countdown in words."""

    urgency: Urgency
    text: str


def span(seconds: float) -> str:
    """A length of time, rounded down, in at most two units: "40 s", "11 min", "1 h 50", "3 h", "2 d"."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        hours, minutes = whole // HOUR, whole % HOUR // MINUTE
        return f"{hours} h {minutes:02d}" if minutes else f"{hours} h"
    days, hours = whole // DAY, whole % DAY // HOUR
    return f"{days} d {hours} h" if hours and days < 3 else f"{days} d"


def minutes_up(seconds: float) -> float:
    """Seconds left, rounded up to a full minute past the first: "in 11 min" must not lie by a minute."""
    return math.ceil(seconds / MINUTE) * MINUTE if seconds > MINUTE else seconds


def hour(instant: datetime, zone: tzinfo, now: datetime) -> str:
    """The hour alone today, with the weekday within six days, with the date beyond; in another year the date with its
    year, and with the hour while it is nearer than half a year: a turn on New Year's night needs one."""
    local, today = instant.astimezone(zone), now.astimezone(zone)
    clock = f"{local:%H:%M}"
    days = (local.date() - today.date()).days
    if days == 0:
        return clock
    if abs(days) <= 6:
        return f"{local:%a} {clock}"
    if local.year == today.year:
        return f"{local.day} {local:%b} {clock}"
    return f"{local.day} {local:%b %Y}" + (f" {clock}" if abs(days) <= 183 else "")


def day(instant: datetime, zone: tzinfo) -> str:
    """A date: "14 May 2026"."""
    local = instant.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def ago(instant: datetime | None, now: datetime) -> str:
    """How long something is past: "8 s ago"; "never" when it has not been."""
    if instant is None:
        return "never"
    return f"{span((now - instant).total_seconds())} ago"


def chip(due: datetime, now: datetime, zone: tzinfo) -> Chip:
    """A running promise: late, or how far away, in the weight its urgency asks for."""
    left = (due - now).total_seconds()
    if left < 0:
        return Chip("late", f"{span(-left)} late")
    said = f"in {span(minutes_up(left))}"
    if left < SOLID_BELOW:
        return Chip("now", said)
    if left < FRAMED_BELOW:
        return Chip("close", said)
    if left < BOLD_BELOW:
        return Chip("soon", said)
    if left < COUNTDOWN_BELOW:
        return Chip("far", said)
    return Chip("far", hour(due, zone, now))


def lead(first: datetime, second: datetime) -> str:
    """By how much one instant is before another: "31 min before"."""
    return f"{span(max(timedelta(0), second - first).total_seconds())} before"


def amount(value: float | None) -> str:
    """A measured value with three figures at most; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    places = 1 if size >= 10 else 2 if size >= 1 else 3
    said = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return "0" if said in ("-0", "") else said


def between(low: float | None, high: float | None) -> str:
    """What was expected: "15 to 30", or one number when both ends read the same."""
    if low is None and high is None:
        return ""
    if low is None:
        return f"at most {amount(high)}"
    if high is None:
        return f"at least {amount(low)}"
    first, last = amount(low), amount(high)
    return first if first == last else f"{first} to {last}"


def count(number: int, noun: str, plural: str = "") -> str:
    """A count with its noun: "1 machine", "12 machines", "no machines"."""
    many = plural or f"{noun}s"
    if number == 0:
        return f"no {many}"
    return f"1 {noun}" if number == 1 else f"{number:,} {many}"


def listed(names: list[str], most: int = 4) -> str:
    """Names in one phrase: "a, b and c", "a, b and 5 more"."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def first_bytes(payload: bytes, most: int = 60) -> str:
    """The beginning of a payload, safe to show: text where it is text, escaped where it is not."""
    head = payload[:most]
    try:
        said = head.decode("utf-8")
    except UnicodeDecodeError:
        said = head.decode("latin-1")
    shown = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in said)
    return shown + ("…" if len(payload) > most else "")


def last_bytes(payload: bytes, most: int = 60) -> str:
    """The end of a payload as `first_bytes` shows its beginning; empty when the beginning shows it all."""
    if len(payload) <= most:
        return ""
    return "…" + first_bytes(payload[max(most, len(payload) - most) :], most)
