"""Which span of a machine's history is looked at: a usual one up to now, or any other; and the next ones. Plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import urlencode

SPANS: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "3d": timedelta(days=3),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=365),
}
USUAL = "6h"
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at. `name` is one of `SPANS`, and follows now; or empty, and stands still."""

    start: datetime
    end: datetime
    name: str
    said: str = ""  # why it is another than was asked for

    @property
    def width(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Step:
    """A link to the next span: pressed, or by its key."""

    name: str
    label: str
    key: str
    query: str


def asked(span: str, since: str, until: str, now: datetime, zone: tzinfo) -> Look:
    """What the address asks for; the usual span, with a sentence, where it asks for none that can be."""
    if not since and not until:
        name = span if span in SPANS else USUAL
        return Look(now - SPANS[name], now, name)
    start, end = _instant(since, zone), _instant(until, zone) if until else now
    if start is None or end is None:
        return _usual(now, "That span could not be read; write it like 2026-03-10T09:00.")
    if start >= end:
        return _usual(now, "That span ends before it begins.")
    if end - start > LONGEST:
        return _usual(now, "That span is longer than ten years.")
    if start >= now:
        return _usual(now, "That span lies ahead.")
    return Look(start, max(min(end, now), start + SHORTEST), "")


def _usual(now: datetime, said: str) -> Look:
    return Look(now - SPANS[USUAL], now, USUAL, said + " Here are the last six hours.")


def steps(look: Look, now: datetime, more: Sequence[tuple[str, str]]) -> list[Step]:
    """Where one may go from here; `more` is what the address keeps."""
    half, quarter = look.width / 2, look.width / 4
    wider_end = min(look.end + half, now)
    wider_start = max(wider_end - 2 * look.width, now - LONGEST)
    found = [
        Step("earlier", "Earlier", "ArrowLeft", _query(look.start - half, look.end - half, more)),
        Step("closer", "Closer", "+", _query(look.start + quarter, look.end - quarter, more)),
        Step("wider", "Wider", "-", _query(wider_start, wider_end, more)),
    ]
    if look.width / 2 < SHORTEST:
        found.pop(1)
    if look.end < now:
        shift = min(half, now - look.end)
        found.insert(1, Step("later", "Later", "ArrowRight", _query(look.start + shift, look.end + shift, more)))
        found.append(Step("now", "Now", "0", urlencode([("span", USUAL), *more])))
    return found


def fields(look: Look) -> list[tuple[str, str]]:
    """The look as the address has it."""
    if look.name:
        return [("span", look.name)]
    return [("from", _seconds(look.start)), ("to", _seconds(look.end))]


def local(at: datetime, zone: tzinfo) -> str:
    """As a field for date and time has it."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def _query(start: datetime, end: datetime, more: Sequence[tuple[str, str]]) -> str:
    return urlencode([("from", _seconds(start)), ("to", _seconds(end)), *more])


def _seconds(at: datetime) -> str:
    return str(round(at.timestamp()))


def _instant(text: str, zone: tzinfo) -> datetime | None:
    """Epoch seconds, or RFC 3339 and what a field for date and time writes, which is in the reader's zone."""
    try:
        if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
    return at.astimezone(UTC) if 1971 <= at.year <= 2200 else None
