"""What a sender said, in one vocabulary for all of them. Plain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

LONGEST_KEY = 2000  # bytes of an index entry are limited; a longer key is refused rather than cut and merged
LONGEST_TITLE = 200
LONGEST_SUMMARY = 2000

# The sender's word for how grave it is → ours. A door may say otherwise.
SEVERITIES: Mapping[str, int] = {
    "emergency": 1, "emerg": 1, "alert": 1, "fatal": 1, "disaster": 1, "critical": 1, "crit": 1, "page": 1, "p1": 1,
    "down": 1, "unreachable": 1,
    "error": 2, "err": 2, "high": 2, "major": 2, "p2": 2,
    "warning": 3, "warn": 3, "average": 3, "medium": 3, "minor": 3, "unknown": 3, "p3": 3, "ticket": 3,
    "info": 4, "information": 4, "informational": 4, "notice": 4, "low": 4, "none": 4, "debug": 4, "p4": 4, "p5": 4,
}  # fmt: skip

_NUMBER = re.compile(r"\d{9,19}(\.\d{1,9})?")  # shorter ones are years or days
_FINER = 1e11


class Action(StrEnum):
    """What is said of a condition."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    REMARK = "remark"  # heard, and nothing begins or ends by it


@dataclass(frozen=True, slots=True)
class Event:
    """One word about one condition. `key` names the condition, stable within the door."""

    action: Action
    key: str
    title: str
    severity: int = 3  # ours, 1 gravest to 4
    level: str = ""  # the sender's word for it
    summary: str = ""
    sender_key: str = ""  # the key as sent, when it is not `key`
    group: str = ""
    machines: tuple[str, ...] = ()  # names the machine may have with us, the likeliest first
    cause: str = ""  # what the sender declares to be the cause, to be joined with what others see of it
    shared: bool = False  # the key means the same whichever door of this customer it comes through
    starts: str = ""  # when this occurrence began, word for word
    began_at: datetime | None = None
    ended_at: datetime | None = None
    sent_at: datetime | None = None  # by the sender's own clock
    number: int = 0  # the sender's count
    by: str = ""
    comment: str = ""
    takes_back: bool = False  # said again in another state, it is no longer acknowledged
    looks_like: tuple[str, ...] = ()  # to find what a resolve under a new key may mean
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """An Alertmanager's group: `is_open` while any of it fires, listed or not."""

    key: str
    is_open: bool
    cut_off: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was announced."""

    summary: str
    at: datetime | None
    source: str = ""
    machines: tuple[str, ...] = ()  # names it may have with us, the likeliest first
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything one request says."""

    events: tuple[Event, ...] = ()
    group: Group | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """What a parser needs to know of the door a request came through."""

    severities: Mapping[str, int] = field(default_factory=dict)
    one_for: str = "alert"  # alert or group: what an incident stands for
    mapping: Mapping[str, Any] = field(default_factory=dict)  # of a generic hook

    def severity(self, word: str, otherwise: int = 3) -> int:
        """Ours for the sender's word; case does not matter."""
        known = word.strip().lower()
        return self.severities.get(known) or SEVERITIES.get(known) or otherwise


def text_of(value: object, most: int = LONGEST_SUMMARY) -> str:
    """A value as a text of at most `most` characters; nothing for null, true and what has parts."""
    if isinstance(value, str):
        return value.strip()[:most]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)[:most]
    return ""


def first_text(*values: object, most: int = LONGEST_SUMMARY) -> str:
    """The first value that has words."""
    return next((words for value in values if (words := text_of(value, most))), "")


def line_of(text: str) -> str:
    """A text as one line of a title's length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1] + "…"


def instant(text: object) -> datetime | None:
    """An instant as senders write it: RFC 3339 with any fraction, without a zone (then UTC), or seconds since 1970;
    milliseconds, microseconds and nanoseconds are told by their size.

    None for what is no instant, and for the year 1, which is how Go says "not yet".
    """
    try:
        if isinstance(text, int | float) and not isinstance(text, bool):
            found = _since_1970(float(text))
        elif isinstance(text, str) and _NUMBER.fullmatch(text.strip()):
            found = _since_1970(float(text.strip()))
        elif isinstance(text, str):
            found = datetime.fromisoformat(_six_digits(text.strip()))
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return found.astimezone(UTC) if 1970 < found.year < 9999 else None


def _since_1970(count: float) -> datetime:
    """Seconds up to the year 5138; what is larger is counted finer, whatever the sender forgot to say."""
    for _ in ("milliseconds", "microseconds", "nanoseconds"):
        count = count / 1000 if abs(count) >= _FINER else count
    return datetime.fromtimestamp(count, UTC)


def _six_digits(text: str) -> str:
    """An RFC 3339 text with at most six digits after the second: Go writes up to nine."""
    head, dot, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}" if dot and digits else text


def host_names(*given: object) -> tuple[str, ...]:
    """Names a machine may be known by with us: as said, without a port, without a domain; lower case, no doubles."""
    names: list[str] = []
    for value in given:
        name = text_of(value, 255).lower().removeprefix("http://").removeprefix("https://").partition("/")[0]
        bare = name.rpartition(":")[0] if name.count(":") == 1 else name
        names += [bare, bare.partition(".")[0] if not bare.replace(".", "").isdigit() else bare]
    return tuple(dict.fromkeys(name for name in names if name))


def bounded(facts: Mapping[str, Any], most: int = 64) -> dict[str, Any]:
    """Facts as they are kept with an incident: not more than `most`, and no text without end."""
    return {key[:200]: _short(value) for key, value in list(facts.items())[:most]}


def _short(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_SUMMARY]
    if isinstance(value, Mapping):
        return {str(key)[:200]: _short(each, depth + 1) for key, each in list(value.items())[:64]} if depth < 4 else "…"
    if isinstance(value, Sequence):
        return [_short(each, depth + 1) for each in value[:64]] if depth < 4 else "…"
    return value
