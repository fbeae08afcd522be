"""Weekly hours in words a contract uses: "Mon-Fri 8-18", "Mon-Fri 8-12 13:30-18, Sat 9-12", "24x7". Plain.

An interval that ends before it begins, as in "Mon-Fri 22-6", runs into the next day: it is kept as two, 22-24 and 0-6
of the day after, where the night of Sunday ends on Monday. Each part belongs to the date it lies on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from contracts.hours import DAYS
from contracts.spans import Spans, merge, subtract

ALWAYS = "24x7"
_DAY_MIN = 1440
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
    weekly: dict[str, list[tuple[int, int]]] = {}
    for first, last, spans in _parts(words):
        at, to = DAYS.index(first), DAYS.index(last)
        if to < at:
            raise ValueError(f"{words!r} names days backwards; write two parts, such as Sat 9-12, Sun 9-12")
        for day in DAYS[at : to + 1]:
            if day in weekly:
                raise ValueError(f"{words!r} names {day.capitalize()} twice")
            weekly[day] = spans
    return {"weekly": {day: [[_clock(opens), _clock(closes)] for opens, closes in spans]
                       for day, spans in _split(weekly).items()}}  # fmt: skip


def _split(days: Mapping[str, list[tuple[int, int]]]) -> dict[str, Spans]:
    """Intervals by day, each within its day: nights cut at midnight, their rest joined to the day after."""
    found: dict[str, Spans] = {
        day: tuple((opens, min(closes, _DAY_MIN)) for opens, closes in spans) for day, spans in days.items()
    }
    for day, spans in days.items():
        rest = [(0, closes - _DAY_MIN) for _, closes in spans if closes > _DAY_MIN]
        if rest:
            after = DAYS[(DAYS.index(day) + 1) % 7]
            found[after] = merge((*rest, *found.get(after, ())))
    return {day: found[day] for day in DAYS if day in found}


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
    """Minutes since the midnight its day begins with; the end lies beyond 1440 where it is on the next day."""
    hour, minute, to_hour, to_minute = (int(part or 0) for part in given)
    opens, closes = hour * 60 + minute, to_hour * 60 + to_minute
    if opens == closes or max(opens, closes) > _DAY_MIN or minute > 59 or to_minute > 59:
        raise ValueError(
            f"{words!r} has an interval of no length, or with a time beyond 24:00 or :59; "
            "write 8-18, 0-24, or 22-6 for a night"
        )
    return opens, closes if opens < closes else closes + _DAY_MIN


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
    return max(sum(closes - opens for opens, closes in spans) for spans in _days(words).values()) * 60


def _week(words: str) -> Spans:
    if words == ALWAYS:
        return ((0, 7 * _DAY_MIN),)
    days = _days(words)
    return merge(
        (at * _DAY_MIN + opens, at * _DAY_MIN + closes)
        for at, day in enumerate(DAYS)
        for opens, closes in days.get(day, ())
    )


def _days(words: str) -> dict[str, Spans]:
    return _split(
        {day: spans for first, last, spans in _parts(words) for day in DAYS[DAYS.index(first) : DAYS.index(last) + 1]}
    )


def english(words: str) -> str:
    """ "Mon-Fri 8-18" as it is; a night says where it ends: "Mon-Fri 22-6 (next day)"."""

    def said(one: re.Match[str]) -> str:
        return f"{one[0]} (next day)" if _span(words, *one.groups())[1] > _DAY_MIN else one[0]

    return "around the clock" if words == ALWAYS else _SPAN.sub(said, words)


def french(words: str) -> str:
    """ "du lundi au vendredi de 8 h à 18 h"."""
    if words == ALWAYS:
        return "jour et nuit"
    return ", ".join(_french_part(*part) for part in _parts(words))


def _french_part(first: str, last: str, spans: list[tuple[int, int]]) -> str:
    days = f"le {_FRENCH[first]}" if first == last else f"du {_FRENCH[first]} au {_FRENCH[last]}"
    return f"{days} " + " et ".join(_french_span(*span) for span in spans)


def _french_span(opens: int, closes: int) -> str:
    if closes > _DAY_MIN:
        return f"de {_french_hour(opens)} à {_french_hour(closes - _DAY_MIN)} le lendemain"
    return f"de {_french_hour(opens)} à {_french_hour(closes)}"


def _french_hour(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes % 60 else f"{minutes // 60} h"
