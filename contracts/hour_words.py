"""Hours as terms write them: weekly hours in words, calendars by name, and several of them together. Plain.

"Mon-Fri 8-18" · "24x7" · "calendar:europe" · "calendar:europe or calendar:asia" (open where any is: follow the sun) ·
"calendar:plant and Mon-Fri 6-22" (open where all are).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from contracts import weekly

Json = Mapping[str, Any]  # Any: a JSON document
NAMED = "calendar:"
LONGEST = 200  # letters
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MOST_PARTS = 8


@dataclass(frozen=True, slots=True)
class Written:
    """Hours as they are written: parts, and what holds of several. Each part is weekly hours or a calendar by name."""

    together: Literal["", "union", "intersect"]
    parts: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The calendars it names."""
        return frozenset(part.removeprefix(NAMED) for part in self.parts if part.startswith(NAMED))


@lru_cache(maxsize=1024)
def read(words: str) -> Written:
    """Raises ValueError saying what is wrong and what to write."""
    ors, ands = words.split(" or "), words.split(" and ")
    if len(ors) > 1 and len(ands) > 1:
        raise ValueError(f"{words!r} mixes or and and; make a calendar of one of them, and name it here")
    together: Literal["", "union", "intersect"] = "union" if len(ors) > 1 else "intersect" if len(ands) > 1 else ""
    parts = tuple(ors if len(ors) > 1 else ands)
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"{words!r} names more than {_MOST_PARTS} hours together; make a calendar of them")
    for part in parts:
        if part.startswith(NAMED):
            if not _NAME.fullmatch(part.removeprefix(NAMED)):
                raise ValueError(
                    f"{part!r} names no calendar; its name has small letters, digits and dashes, as calendar:europe"
                )
        else:
            weekly.spec(part)
    return Written(together, parts)


def checked(field: str, given: object) -> str:
    """The words when they can be read. Raises ValueError naming the field."""
    if not isinstance(given, str) or len(given) > LONGEST:
        raise ValueError(f"{field}: give weekly hours in words, such as Mon-Fri 8-18, or calendar:NAME")
    try:
        read(given)
    except ValueError as wrong:
        raise ValueError(f"{field}: {wrong}") from None
    return given


def names(words: str) -> frozenset[str]:
    """The calendars some hours name; none for words that cannot be read."""
    return read(words).names if NAMED in words else frozenset()


def spec(words: str, zone: str, country: str, calendars: Mapping[str, Json]) -> dict[str, Any]:
    """Hours as a calendar's JSON form, at a place. `calendars`: the bodies of those named.

    Raises ValueError for a calendar that is not among them.
    """
    written = read(words)
    each = [_part(part, zone, country, calendars) for part in written.parts]
    return {written.together: each} if written.together else each[0]


def _part(words: str, zone: str, country: str, calendars: Mapping[str, Json]) -> dict[str, Any]:
    if not words.startswith(NAMED):
        found = {"tz": zone, **weekly.spec(words)}
        return {**found, "holidays": country} if country and not found.get("always_open") else found
    name = words.removeprefix(NAMED)
    if name not in calendars:
        raise ValueError(f"hours: there is no calendar {name!r}")
    return placed(calendars[name], zone, country)


def placed(body: Json, zone: str, country: str) -> dict[str, Any]:
    """A calendar at a place: what it says of itself holds, and where it names no zone or holidays the place's do."""
    for word in ("union", "intersect"):
        if word in body:
            return {word: [placed(part, zone, country) for part in body[word]]}
    found = {**body, "tz": body.get("tz") or zone}
    if country and "holidays" not in body and not body.get("always_open"):
        found["holidays"] = country
    return found


def loses(before: str, after: str) -> bool:
    """Whether some time that was served may not be any more.

    What a calendar holds stands elsewhere and has versions of its own, so of two that name different ones only what
    follows from the words is known: open where any is loses nothing by one more, and where all are by one fewer.
    """
    if before == after or after == weekly.ALWAYS:
        return False
    old, new = read(before), read(after)
    if not old.names and not new.names and not old.together and not new.together:
        return weekly.loses(before, after)
    if new.together != "intersect" and old.together != "intersect":
        return not all(_kept(part, new.parts) for part in old.parts)
    if new.together == "intersect" and old.together != "union":
        return not set(new.parts) <= set(old.parts)
    return old.together != "intersect" or not set(new.parts) & set(old.parts)


def _kept(part: str, among: tuple[str, ...]) -> bool:
    if part in among or weekly.ALWAYS in among:
        return True
    if part.startswith(NAMED):
        return False
    return any(not one.startswith(NAMED) and not weekly.loses(part, one) for one in among)


def longest_day(words: str) -> int | None:
    """Seconds of the longest day: what one business day is worth beside a budget in hours; None where a calendar by
    name says it."""
    written = read(words)
    return None if written.together or written.names else weekly.longest_day(words)


_SAID: Mapping[str, Mapping[str, str]] = {
    "en": {
        "one": "by the calendar {names}",
        "union": "whenever one of {names} is open",
        "intersect": "while {names} are all open",
    },
    "fr": {
        "one": "selon le calendrier {names}",
        "union": "dès qu'un seul de {names} est ouvert",
        "intersect": "tant que {names} sont ouverts ensemble",
    },
}
_AND = {"en": " and ", "fr": " et "}


def said(words: str, language: str) -> str:
    """Hours as they stand inside a sentence."""
    spoken = "fr" if language == "fr" else "en"
    written = read(words)
    if not written.together and not written.names:
        return _bare(words, spoken)
    names = _AND[spoken].join(_bare(part, spoken) for part in written.parts)
    return _SAID[spoken][written.together or "one"].format(names=names)


def _bare(words: str, language: str) -> str:
    if words.startswith(NAMED):
        return words.removeprefix(NAMED)
    return weekly.french(words) if language == "fr" else weekly.english(words)
