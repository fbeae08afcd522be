"""Instants within words that are kept: written once in one form, read by everybody on their own clock. Plain.

A kept text names an instant as programs do ("2026-03-10T02:12:00Z"), so an API says it as it stands; which of them are
the house's own words stands beside it, because what people and other programs wrote is nobody's to change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

BESIDE = "instants"  # the name, among the facts of a line, of those its text tells
# How detectors name the hour of what they saw: of the day their evidence is of, in UTC.
_HOUR = re.compile(r"\b(since|last reported) ([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\b(?: UTC\b)?")
_STAMP = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_HALF_A_DAY = timedelta(hours=12)
_KNOWN = (datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))  # a day more or less is an instant too


def stamp(at: datetime) -> str:
    """An instant as a text keeps it, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def within(own: str) -> list[str]:
    """The instants of words that are the house's own from end to end."""
    return _STAMP.findall(own)


def read(text: str, stamps: Collection[str], write: Callable[[datetime], str]) -> str:
    """The text with these instants written anew. What is no instant stays as it is."""
    for one in stamps:
        text = text.replace(one, write(datetime.fromisoformat(one)))
    return text


def on_clock(text: str, stamps: Collection[str], zone: tzinfo, told_at: datetime) -> str:
    """The text for a reader in `zone`: hours alone for what was on the day it is told of."""

    def write(at: datetime) -> str:
        day = at.astimezone(zone).date()
        is_same = day == told_at.astimezone(zone).date()
        return hour(at, zone) if is_same else f"{day} {hour(at, zone)}"

    return read(text, stamps, write)


def hour(at: datetime, zone: tzinfo) -> str:
    """The hour as a reader's clock shows it, with seconds where there are any."""
    local = at.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def of_line(text: str, facts: Mapping[str, Any], zone: tzinfo, told_at: datetime) -> str:
    """A line of a story for a reader in `zone`; lines of before, that name none beside, stay as they are."""
    return on_clock(text, facts.get(BESIDE, ()), zone, told_at)


def found(sentence: str, evidence: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A detector's sentence with its hours as instants, and which they are. Without the evidence's own instant it is
    not known of which day an hour is, and the sentence stays."""
    about = _about(evidence)
    stamps: list[str] = []

    def whole(said: re.Match[str]) -> str:
        if about is None:
            return said[0]
        at = about.replace(hour=int(said[2]), minute=int(said[3]), second=int(said[4] or 0), microsecond=0)
        if abs(at - about) > _HALF_A_DAY:
            at += timedelta(days=1) if at < about else timedelta(days=-1)
        stamps.append(stamp(at))
        return f"{said[1]} {stamps[-1]}"

    return _HOUR.sub(whole, sentence), stamps


def _about(evidence: Mapping[str, Any]) -> datetime | None:
    since_ms, heard = evidence.get("since_ms"), evidence.get("last_heard")
    found = None
    try:
        if isinstance(since_ms, int | float) and not isinstance(since_ms, bool):
            found = datetime.fromtimestamp(since_ms / 1000, UTC)
        elif isinstance(heard, str):
            found = datetime.fromisoformat(heard).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None  # evidence of an older version, or of a clock that is far off: the sentence stays as it is
    return found if found is not None and _KNOWN[0] < found < _KNOWN[1] else None
