"""How a person writes a duration, a ladder, an allowance: JSON values of terms as text, and back. Plain."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from contracts.ladder_terms import KNOWN, MOST_REPEATS, is_rung
from contracts.terms import PERIODS

NONE = "none"
_PART = re.compile(r"(\d{1,6}) ?(s|min|h|d)", re.ASCII)
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_DAYS = re.compile(r"(\d{1,3}) ?d(?:ays?)?(?: by (closing)| at (\d{2}:\d{2}))?", re.ASCII)
_AMOUNT = re.compile(r"(\d{1,6}) a (month|quarter|half|year)", re.ASCII)
_DURATION_HELP = "write it like 15 min, 4 h, 1 h 30 min, 2 d, 1 d by closing or 1 d at 16:00"


class Unfit(Exception):
    """Text that is no such term: what is wrong with it, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def duration(given: Any) -> str:  # Any: a budget as JSON, or None
    """ "15 min", "1 h 30 min", "2 d", "1 d by closing", "1 d at 16:00", "none"."""
    if not given:
        return NONE
    days = given.get("business_days", 0)
    if days:
        closing = " by closing" if given.get("by") == "closing" else ""
        return f"{days} d{closing}" + (f" at {given['at']}" if given.get("at") else "")
    hours, rest = divmod(int(given["seconds"]), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if number]
    return " ".join(parts) or "0 s"


def read_duration(text: str) -> dict[str, Any]:
    """The budget in a text. Raises Unfit."""
    value = " ".join(text.lower().split())
    days = _DAYS.fullmatch(value)
    if days is not None and int(days[1]):
        return {
            "business_days": int(days[1]),
            **({"by": "closing"} if days[2] else {}),
            **({"at": days[3]} if days[3] else {}),
        }
    parts = _PART.findall(value)
    left = _PART.sub("", value).strip()
    if not parts or left or any(unit == "d" for _, unit in parts):
        raise Unfit("is not a length of time", _DURATION_HELP)
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if not seconds:
        raise Unfit("is no time at all", _DURATION_HELP)
    return {"seconds": seconds}


def maybe_duration(text: str) -> dict[str, Any] | None:
    return None if text.strip().lower() in ("", NONE) else read_duration(text)


def listed(given: Any) -> str:  # Any: a list of words
    """Words with a comma between them; as JSON where that could be read otherwise."""
    words = [str(one) for one in given]
    if any("," in one or one != " ".join(one.split()) or one[:1] == "[" or one.lower() == NONE for one in words):
        return json.dumps(words, ensure_ascii=False)
    return ", ".join(words) or NONE


def listing(text: str) -> list[str]:
    if text.strip().startswith("["):
        found = read_json(text)
        if not isinstance(found, list) or not all(isinstance(one, str) and one.strip() for one in found):
            raise Unfit("is no list of words", "write words with a comma between them")
        return found
    found = [] if text.strip().lower() in ("", NONE) else [" ".join(one.split()) for one in text.split(",")]
    if any(not one for one in found):
        raise Unfit("has an empty entry", "write words with a comma between them")
    return found


def some_of(words: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        given = [one.lower() for one in listing(text)]
        unknown = [one for one in given if one not in words]
        if unknown:
            raise Unfit(f"holds {unknown[0][:40]!r}, which is not known", "use some of " + ", ".join(words))
        return sorted(set(given))

    return read


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        value = text.strip().lower()
        if value not in words:
            raise Unfit("is none of the words known here", "use " + ", ".join(words[:-1]) + " or " + words[-1])
        return value

    return read


def whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text.strip(), re.ASCII):
        raise Unfit("is not a whole number", "write digits only, such as 6; 0 for none")
    return int(text.strip())


def maybe(given: Any) -> str:  # Any: a number, or None
    return "" if given is None else str(given)


def maybe_whole(text: str) -> int | None:
    return whole(text) if text.strip() else None


def ladder(given: Any) -> str:  # Any: a list of rungs
    return ", ".join(f"{one['who']} {duration({'seconds': one['wait']})}" for one in given)


def read_ladder(text: str) -> list[dict[str, Any]]:
    found = []
    for part in listing(text):
        who, _, wait = part.partition(" ")
        if not is_rung(who.lower()):
            raise Unfit(f"names {who[:40]!r}, who is nobody on a ladder", f"use some of {KNOWN}")
        budget = read_duration(wait)
        if "seconds" not in budget:
            raise Unfit("waits in business days", "write waits like 2 min; a page is not left over night")
        found.append({"who": who.lower(), "wait": budget["seconds"]})
    if not found:
        raise Unfit("has no rung", "write whom it calls and how long it waits, such as duty 2 min, lead 4 min")
    return found


def repeats(given: Any) -> str:  # Any: a number, or None
    return str(given or 0)


def read_repeats(text: str) -> int | None:
    number = whole(text or "0")
    if number > MOST_REPEATS:
        raise Unfit("repeats too often", f"repeat a ladder at most {MOST_REPEATS} times")
    return number or None


def worn_off(given: Any) -> str:  # Any: seconds, or None
    return duration({"seconds": given}) if given else "never"


def read_worn_off(text: str) -> int | None:
    if text.strip().lower() in ("", NONE, "never"):
        return None
    budget = read_duration(text)
    if "seconds" not in budget:
        raise Unfit("is in business days", "write it like 30 min, or never")
    return int(budget["seconds"])


def amount(given: Any) -> str:  # Any: an allowance as JSON, or None
    return f"{given['units']} a {given['period']}" if given else "not counted"


def read_amount(text: str) -> dict[str, Any] | None:
    value = " ".join(text.lower().split())
    if value in ("", NONE, "not counted"):
        return None
    found = _AMOUNT.fullmatch(value)
    if found is None:
        raise Unfit(
            "is not an allowance", f"write it like 4 a year (or a {', '.join(list(PERIODS)[:-1])}), or not counted"
        )
    return {"units": int(found[1]), "period": found[2]}


def by_severity(given: Any) -> str:  # Any: budgets by severity, or None
    return "; ".join(f"{severity}: {duration(one)}" for severity, one in sorted((given or {}).items())) or NONE


def read_by_severity(text: str) -> dict[str, Any] | None:
    if text.strip().lower() in ("", NONE):
        return None
    found: dict[str, Any] = {}
    for part in text.split(";"):
        severity, _, budget = part.partition(":")
        if severity.strip() not in ("1", "2", "3", "4") or severity.strip() in found:
            raise Unfit("names no severity, or one twice", "write it like 1: 15 min; 2: 1 h")
        found[severity.strip()] = read_duration(budget)
    return found


def kept_days(given: Any) -> str:  # Any: a number of days, or None
    return "usual" if given is None else f"{given} d"


def read_kept_days(text: str) -> int | None:
    value = text.strip().lower().removesuffix("days").removesuffix("d").strip()
    return None if value in ("", NONE, "usual") else whole(value)


def as_json(given: Any) -> str:  # Any: a JSON value
    return json.dumps(given, sort_keys=True, ensure_ascii=False, separators=(",", ":")) if given else NONE


def read_json(text: str) -> Any:  # Any: a JSON value
    if text.strip().lower() in ("", NONE):
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise Unfit("is not JSON", "copy it from an export and change what is meant") from None


def percents(text: str) -> list[int] | None:
    """The shares to be warned of; None: the usual ones."""
    return [whole(one.strip().removesuffix("%")) for one in listing(text)] if text.strip() else None
