"""The form of a calendar: hours in words, one date a line, and back. Plain.

"Mon-Fri 8-12 13:30-18, Sat 9-12" for the week, "2026-12-24 09:00-12:00" for a date, "12-24 12:00" for a half day.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.pages.fields import Form, is_zone
from contracts import calendar_names, weekly
from contracts.hours import DAYS, parse
from models.base import Json

_SPAN = re.compile(r"(\d{1,2}:\d{2})-(\d{1,2}:\d{2})")
_LINES = 400


def body_of(form: Form) -> dict[str, Any] | None:
    """The calendar's body as the form says it; None when a field is wrong, which then says so."""
    if form["whole"].strip():
        return _whole(form)
    names = form["parts"].replace(",", " ").split()
    if names:
        word = "intersect" if form["together"] == "intersect" else "union"
        return {word: [{"calendar": name} for name in names]}
    zone = form.choice("zone", lambda name: not name or is_zone(name), "Use an IANA name such as Europe/Paris.", "")
    body: dict[str, Any] = {"tz": zone} if zone else {}
    try:
        body.update(weekly.spec(" ".join(form["hours"].split())))
    except ValueError as wrong:
        form.refuse("hours", f"{str(wrong)[:1].upper()}{str(wrong)[1:]}.")
        return None
    places = form["holidays"].replace(",", " ").split()
    if places:
        body["holidays"] = places if len(places) > 1 else places[0]
    closed = form["closed"].split()
    if closed:
        body["closed_dates"] = [day for day in closed if len(day) > 5]
        body["closed_annual"] = [day for day in closed if len(day) <= 5]
    for field in ("date_hours", "breaks"):
        if found := _dated(form, field):
            body[field] = found
    halves = [line.split() for line in form["half_days"].splitlines() if line.strip()]
    if any(len(one) != 2 for one in halves):
        form.refuse("half_days", "Write a day and when it closes, one a line: 12-24 12:00.")
    elif halves:
        body["half_days"] = {day: _padded(wall) for day, wall in halves}
    return body


def _whole(form: Form) -> dict[str, Any] | None:
    """A calendar written out, for what the fields cannot say."""
    try:
        found = json.loads(form["whole"])
        calendar_names.check(found)
    except (ValueError, TypeError, AttributeError, RecursionError) as wrong:
        form.refuse("whole", f"This is no calendar: {wrong}.")
        return None
    return dict(found)


def _dated(form: Form, field: str) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for line in form[field].splitlines()[:_LINES]:
        day, _, spans = line.strip().partition(" ")
        if not day:
            continue
        read = [_SPAN.fullmatch(span) for span in spans.split()]
        if not all(read):
            form.refuse(field, "Write a date and its intervals, one a line: 2026-12-24 09:00-12:00.")
            return {}
        found[day] = [[_padded(one[1]), _padded(one[2])] for one in read if one]
    return found


def _padded(wall: str) -> str:
    return f"0{wall}" if re.fullmatch(r"\d:\d\d", wall) else wall


def fill(body: Json) -> Mapping[str, str]:
    """The fields of the form for a body that stands already; one they cannot say is written out whole."""
    fields = _fields_of(body)
    again = Form(fields)
    said = body_of(again)
    if said is not None and not again.wrong and _same(said, body):
        return fields
    return {"whole": json.dumps(body, indent=2, ensure_ascii=False)}


def _same(said: Json, body: Json) -> bool:
    """Whether two bodies say the same; a night may be written as one interval or as two."""
    if dict(said) == dict(body):
        return True
    try:
        return dict(said, weekly=None) == dict(body, weekly=None) and parse(said) == parse(body)
    except ValueError:  # it names other calendars, which only the whole body can say
        return False


def _fields_of(body: Json) -> dict[str, str]:
    for word in ("union", "intersect"):
        if word in body:
            names = [str(part["calendar"]) for part in body[word] if "calendar" in part]
            return {"parts": " ".join(names), "together": word}
    holidays = body.get("holidays", "")
    return {
        "zone": str(body.get("tz", "")),
        "hours": _week_words(body),
        "holidays": holidays if isinstance(holidays, str) else " ".join(holidays),
        "closed": " ".join([*body.get("closed_dates", ()), *body.get("closed_annual", ())]),
        "date_hours": _lines(body.get("date_hours", {})),
        "breaks": _lines(body.get("breaks", {})),
        "half_days": "\n".join(f"{day} {wall}" for day, wall in sorted(body.get("half_days", {}).items())),
    }


def _lines(dated: Json) -> str:
    return "\n".join(
        " ".join([day, *(f"{opens}-{closes}" for opens, closes in spans)]) for day, spans in sorted(dated.items())
    )


def _week_words(body: Json) -> str:
    """Weekly hours in words, days with the same hours together; "24x7" around the clock."""
    if body.get("always_open"):
        return weekly.ALWAYS
    said: list[tuple[str, str, str]] = []  # first day, last day, hours
    week = _nights({day: list(body.get("weekly", {}).get(day, ())) for day in DAYS})
    for day in DAYS:
        spans = " ".join(f"{opens}-{closes}" for opens, closes in week[day])
        name = day.capitalize()
        if said and spans and said[-1][2] == spans and DAYS.index(said[-1][1].lower()) == DAYS.index(day) - 1:
            said[-1] = (said[-1][0], name, spans)
        elif spans:
            said.append((name, name, spans))
    return ", ".join(f"{first} {spans}" if first == last else f"{first}-{last} {spans}" for first, last, spans in said)


def _nights(week: Mapping[str, list[Sequence[str]]]) -> dict[str, list[Sequence[str]]]:
    """A night that midnight splits as one interval again, said with the day it begins on."""
    found = {day: list(spans) for day, spans in week.items()}
    for at, day in enumerate(DAYS):
        after = DAYS[(at + 1) % 7]
        if not week[day] or not week[after]:
            continue
        opens, closes = week[day][-1]
        begins, ends = week[after][0]
        if closes == "24:00" and begins == "00:00" and ends < opens:
            found[day][-1] = (opens, ends)
            found[after].remove(week[after][0])
    return found


# Where on the form a part of the body stands, by the word a refusal begins with.
_PLACES = {"tz": "zone", "holidays": "holidays", "name": "name", "calendar": "parts", "union": "parts",
           "intersect": "parts", "closed_dates": "closed", "closed_annual": "closed", "half_days": "half_days",
           "date_hours": "date_hours", "breaks": "breaks", "reason": "reason"}  # fmt: skip


def refuse(form: Form, wrong: ValueError) -> None:
    """Put what is wrong with a body beside the field that says it."""
    field, _, said = str(wrong).partition(": ")
    place = "whole" if form["whole"].strip() else _PLACES.get(field.partition(".")[0], "hours")
    form.refuse(place, f"{said[:1].upper()}{said[1:]}." if said else str(wrong))


def in_french(form: Form, say: Callable[..., str]) -> None:
    """What is wrong with each field in French; `say` writes a sentence of these pages."""
    for field, said in form.wrong.items():
        if not form[field].strip():
            key = "w_hours" if field == "hours" else "w_missing"
        elif said.startswith("At most "):
            key = "w_long"
        elif "cannot be printed" in said:
            key = "w_print"
        elif field == "name" and "already" in said:
            key = "w_taken"
        else:
            key = "w_date" if field == "effective_on" else f"w_{field}"
        form.wrong[field] = say(key, most=500 if field == "reason" else 63 if field == "name" else 120)
