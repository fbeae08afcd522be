"""Weekly hours in words a contract uses: "Mon-Fri 8-18", "Mon-Fri 8-12 13:30-18, Sat 9-12", "24x7". Plain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from contracts.hours import DAYS
from contracts.spans import Spans, merge, subtract

ALWAYS = "24x7"
_DAY = {day.capitalize(): day for day in DAYS}
_PART = re.compile(r"([A-Z][a-z]{2})(?:-([A-Z][a-z]{2}))?((?: \d{1,2}(?::\d{2})?-\d{1,2}(?::\d{2})?)+)")
_SPAN = re.compile(r"(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?")
_FRENCH = {"mon": "lundi", "tue": "mardi", "wed": "mercredi", "thu": "jeudi", "fri": "vendredi", "sat": "samedi",
           "sun": "dimanche"}  # fmt: skip


@lru_cache(maxsize=1024)
def spec(words: str) -> Mapping[str, Any]:
    """The hours in the JSON form of a calendar, without zone and holidays. Raises ValueError saying what is wrong."""
    if words == ALWAYS:
        return {"always_open": True}
    weekly: dict[str, list[list[str]]] = {}
    for first, last, spans in _parts(words):
        at, to = DAYS.index(first), DAYS.index(last)
        if to < at:
            raise ValueError(f"{words!r} names days backwards; write two parts, such as Sat 9-12, Sun 9-12")
        for day in DAYS[at : to + 1]:
            if day in weekly:
                raise ValueError(f"{words!r} names {day.capitalize()} twice")
            weekly[day] = [[_clock(opens), _clock(closes)] for opens, closes in spans]
    return {"weekly": weekly}


def _parts(words: str) -> list[tuple[str, str, list[tuple[int, int]]]]:
    """Days and minutes of the day, part by part."""
    found = []
    for part in words.split(", "):
        read = _PART.fullmatch(part)
        if read is None or read[1] not in _DAY or (read[2] or read[1]) not in _DAY:
            raise ValueError(f"{words!r} is not known; write 24x7, or days and hours such as Mon-Fri 8-18, Sat 9-12:30")
        spans = [_span(words, *one.groups()) for one in _SPAN.finditer(read[3])]
        if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
            raise ValueError(f"{words!r} has intervals that overlap or are out of order")
        found.append((_DAY[read[1]], _DAY[read[2] or read[1]], spans))
    return found


def _span(words: str, *given: str | None) -> tuple[int, int]:
    hour, minute, to_hour, to_minute = (int(part or 0) for part in given)
    opens, closes = hour * 60 + minute, to_hour * 60 + to_minute
    if opens >= closes or closes > 1440 or minute > 59 or to_minute > 59:
        raise ValueError(f"{words!r} has an interval that does not lie between 0 and 24 in order")
    return opens, closes


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def loses(before: str, after: str) -> bool:
    """Whether some time of the week that was open is not any more; around the clock also loses its public holidays."""
    if before == after or after == ALWAYS:
        return False
    return before == ALWAYS or bool(subtract(_week(before), _week(after)))


def longest_day(words: str) -> int:
    """Seconds of the longest day: what one business day is worth beside a budget in hours."""
    if words == ALWAYS:
        return 86_400
    return max(sum(closes - opens for opens, closes in spans) for _, _, spans in _parts(words)) * 60


def _week(words: str) -> Spans:
    if words == ALWAYS:
        return ((0, 7 * 1440),)
    spans = [
        (day * 1440 + opens, day * 1440 + closes)
        for first, last, intervals in _parts(words)
        for day in range(DAYS.index(first), DAYS.index(last) + 1)
        for opens, closes in intervals
    ]
    return merge(spans)


def french(words: str) -> str:
    """ "du lundi au vendredi de 8 h à 18 h"."""
    if words == ALWAYS:
        return "jour et nuit"
    return ", ".join(_french_part(*part) for part in _parts(words))


def _french_part(first: str, last: str, spans: list[tuple[int, int]]) -> str:
    days = f"le {_FRENCH[first]}" if first == last else f"du {_FRENCH[first]} au {_FRENCH[last]}"
    return f"{days} " + " et ".join(f"de {_french_hour(opens)} à {_french_hour(closes)}" for opens, closes in spans)


def _french_hour(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes % 60 else f"{minutes // 60} h"
