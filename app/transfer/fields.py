"""What a cell may hold: read into the one form in which we compare, keep and write it. Plain."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email

from app import termtext
from app.termtable import Field
from contracts import calendar_names
from contracts.hours import parse
from contracts.outside import Rates
from escalation.outbox import BROWSER
from escalation.quiet import is_hours

Reader = Callable[[str], str]
NO_WAY = "none"


class Unfit(Exception):
    """A cell that cannot be used: what is wrong with it, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def tidy(value: str) -> str:
    """A text on one line: what cannot be printed, line breaks included, is a space; none at the ends."""
    return re.sub(r"\s*[\x00-\x1f\x7f\x85\u2028\u2029]+\s*", " ", value).strip()


def line(most: int = 200) -> Reader:
    def read(cell: str) -> str:
        value = tidy(cell)
        if len(value) > most:
            raise Unfit(f"has {len(value)} characters", f"use at most {most}")
        return value

    return read


def pattern(form: str, example: str) -> Reader:
    known = re.compile(form)

    def read(cell: str) -> str:
        value = cell.strip()
        if known.fullmatch(value) is None:
            raise Unfit("has characters or a form that cannot be used", f"write it like {example}")
        return value

    return read


def one_of(words: Sequence[str]) -> Reader:
    def read(cell: str) -> str:
        value = cell.strip().lower()
        if value not in words:
            raise Unfit("is none of the words known here", "use " + ", ".join(words[:-1]) + " or " + words[-1])
        return value

    return read


def some_of(words: Sequence[str]) -> Reader:
    """Several words in one cell, in our own order."""

    def read(cell: str) -> str:
        given = [word for word in re.split(r"[\s,;|]+", cell.strip().lower()) if word]
        unknown = [word for word in given if word not in words]
        if unknown:
            raise Unfit(f"holds {unknown[0][:40]!r}, which is not known", "use some of " + ", ".join(words))
        return " ".join(word for word in words if word in given)

    return read


def languages(cell: str) -> str:
    """Codes of two letters; the order is the person's own."""
    given = [word for word in re.split(r"[\s,;|]+", cell.strip().lower()) if word]
    if not given or len(given) > 10 or any(not re.fullmatch("[a-z]{2}", word) for word in given):
        raise Unfit("is not a list of languages", "write codes of two letters, such as fr en")
    return " ".join(dict.fromkeys(given))


def zone(cell: str) -> str:
    value = cell.strip()
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # OSError: a folder of the database, such as "Europe"
        raise Unfit("is not a time zone of the IANA database", "write it like Europe/Paris") from None
    return value


def day(cell: str) -> str:
    value = cell.strip()
    try:
        found = date.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or len(value) != 10:
        raise Unfit("is not a day as we read it", "write year, month and day like 2026-03-10")
    if not 2000 <= found.year <= 2100:
        raise Unfit("is not between the years 2000 and 2100", "correct the year")
    return found.isoformat()


def instant(cell: str) -> str:
    """With its zone; kept in UTC."""
    value = cell.strip()
    try:
        found = datetime.fromisoformat(value.upper().replace(" ", "T", 1))
    except ValueError:
        found = None
    if found is None or len(value) < 16:
        raise Unfit("is not an instant", "write it like 2026-03-10T09:00:00Z")
    if found.tzinfo is None:
        raise Unfit("has no time zone", "end it with Z, or with an offset such as +01:00")
    if not 2000 <= found.astimezone(UTC).year <= 2100:
        raise Unfit("is not between the years 2000 and 2100", "correct the year")
    return said(found)


def said(at: datetime | None) -> str:
    """An instant as a cell."""
    return "" if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def yes_no(cell: str) -> str:
    value = {"yes": "yes", "true": "yes", "1": "yes", "oui": "yes", "no": "no", "false": "no", "0": "no", "non": "no"}
    found = value.get(cell.strip().lower())
    if found is None:
        raise Unfit("is neither yes nor no", "write yes or no")
    return found


def whole(least: int, most: int) -> Reader:
    def read(cell: str) -> str:
        value = cell.strip()
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not least <= int(value) <= most:
            raise Unfit("is not a whole number in bounds", f"write digits only, from {least} to {most}")
        return str(int(value))

    return read


def mail(cell: str) -> str:
    try:
        # No look-up in the DNS: an address is tried by writing to it. The local part of test domains is fine.
        return validate_email(cell.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise Unfit("is not a mail address", "write it like ada@example.org") from None


def day_counts(cell: str) -> str:
    """Numbers of days, the largest first; "none" for none."""
    if cell.strip().lower() == NO_WAY:
        return NO_WAY
    given = [word for word in re.split(r"[\s,;]+", cell.strip()) if word]
    if (
        not given
        or len(given) > 12
        or any(not re.fullmatch(r"\d{1,3}", one, re.ASCII) or int(one) > 366 for one in given)
    ):
        raise Unfit("is not a list of days", "write at most 12 numbers from 0 to 366, such as 60 30 7, or none")
    return " ".join(str(one) for one in sorted({int(one) for one in given}, reverse=True))


def term(field: Field) -> Reader:
    """One line of the tier table, in the text a form has for it."""

    def read(cell: str) -> str:
        try:
            return field.write(field.read(cell))
        except termtext.Unfit as unfit:
            raise Unfit(unfit.problem, unfit.remedy) from None

    return read


def country(cell: str) -> str:
    """Whose public holidays count: a country, or one of its regions."""
    value = cell.strip()
    try:
        parse({"holidays": value})
    except ValueError:
        raise Unfit("has no public holidays we know", "write a country like FR, or its region like DE-BY") from None
    return value


def calendar(cell: str) -> str:
    """A calendar as JSON, in one form of it; the calendars it names are looked for elsewhere."""
    try:
        found = json.loads(cell)
        calendar_names.check(found)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        raise Unfit("is no calendar", 'write JSON like {"weekly": {"mon": [["08:00", "18:00"]]}}') from None
    return as_json(found)


def rates(cell: str) -> str:
    """Prices as JSON, in one form of them."""
    try:
        found = json.loads(cell)
        if not isinstance(found, dict):
            raise TypeError
        return as_json(Rates.from_json(found).to_json())
    except (ValueError, RecursionError, TypeError):
        raise Unfit("are no rates", 'write JSON like {"currency": "EUR", "hour": 18000}, in cents') from None


def as_json(value: object) -> str:
    """JSON in one form: keys in order, no spaces."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def ways(cell: str) -> str:
    """How to reach a person, best first: "email ada@example.org (quiet 22:00-07:00, loud 2); sms +33612345678"; "none"
    for in no way."""
    if cell.strip().lower() == NO_WAY:
        return NO_WAY
    found = []
    for part in filter(None, (one.strip() for one in re.split(r";(?:\s|$)", tidy(cell)))):
        way = read_way(part)
        if way is None:
            raise Unfit("names no way to reach somebody", "write channel and address, such as email ada@example.org")
        found.append(said_way(way))
    return "; ".join(found)


_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
_MORE = re.compile(r"(.*?) ?\(((?:quiet|loud|hours) [^()]*)\)")


def read_way(text: str) -> dict[str, str] | None:
    """One way as a person's `notify` has it; None for a text that is none."""
    channel, _, rest = text.partition(" ")
    more = _MORE.fullmatch(rest.strip())
    address = (more[1] if more is not None else rest).strip()
    # The browser has no address: it is reached by being signed in to.
    if not _CHANNEL.fullmatch(channel) or len(address) > 500 or (not address) != (channel == BROWSER):
        return None
    found = {"channel": channel, "address": address}
    for said in more[2].split(", ") if more is not None else ():
        name, _, value = said.partition(" ")
        fits = re.fullmatch("[0-4]", value, re.ASCII) if name == "loud" else is_hours(value)
        if name not in _SETTINGS or name in found or not fits:
            return None
        found[name] = value
    return found


_SETTINGS = ("quiet", "loud", "hours")


def said_way(way: Mapping[str, str]) -> str:
    """A way as a cell has it."""
    more = ", ".join(f"{name} {way[name]}" for name in _SETTINGS if way.get(name))
    said = f"{way['channel']} {'' if way['channel'] == BROWSER else tidy(way['address'])}".strip()
    return f"{said} ({more})" if more else said
