"""Which clocks a contract runs beyond the first response, and by which rules: budgets, hours, pauses, warnings. Plain.

Every part is optional; a contract that says nothing has the promises of its tier, paused for any reason, counted anew
from the opening when the severity changes, and warned of at the usual shares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from contracts import weekly
from contracts.budget import Budget
from contracts.hours import parse

T = TypeVar("T")

# What may be owed, and what stops each clock: somebody has seen it; we have written; the next word; it works again, if
# only for now; it is mended; somebody of ours stands there.
KINDS = ("acknowledge", "respond", "update", "workaround", "resolve", "on_site")
# What a contract adds for the customer; the first response and the visit have fields of their own in the terms.
ADDED = ("acknowledge", "update", "workaround", "resolve")
REASONS = ("customer", "vendor", "maintenance")  # why a clock may stand still
WARN_AT = (50, 75, 90, 100)  # per cent of the budget
_NAMED = "calendar:"  # hours that are a calendar by its name, not weekly hours in words
_MOST_WARNINGS = 10
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

Json = Mapping[str, Any]  # Any: a JSON document
Budgets = Mapping[str, Mapping[int, Budget]]  # by kind and severity; a severity that is not named has no such clock


@dataclass(frozen=True, slots=True)
class Underpinning:
    """What a vendor owes us while an incident waits for them."""

    budget: Budget
    hours: str = ""  # in words or "calendar:NAME"; empty: those of the promise to the customer


@dataclass(frozen=True, slots=True)
class ClockTerms:
    """The clocks of a contract. `calendars` holds the named calendars as they were when the terms were frozen."""

    budgets: Budgets = field(default_factory=dict)
    internal: Budgets = field(default_factory=dict)  # ours alone, beside the customer's
    vendor: Underpinning | None = None
    hours: Mapping[str, str] = field(default_factory=dict)  # by kind, in words or "calendar:NAME"
    pauses: tuple[str, ...] = REASONS
    restarts: bool = False  # a severity change counts from the change, not from the opening
    cutoff: bool = False  # running promises end with the contract, instead of being kept
    warn_at: tuple[int, ...] = WARN_AT
    zone: str = "site"  # whose zone the hours are read in: site, contract, or an IANA name (a centre's)
    calendars: Mapping[str, Json] = field(default_factory=dict)

    def named(self) -> frozenset[str]:
        """The calendars these terms refer to by name."""
        words = [*self.hours.values(), *([self.vendor.hours] if self.vendor else [])]
        return frozenset(word.removeprefix(_NAMED) for word in words if word.startswith(_NAMED))

    def calendar(self, words: str, zone: str, country: str) -> dict[str, Any]:
        """Hours in words or by name as a calendar's JSON form, for a place. Raises ValueError for an unknown name."""
        zone = zone if self.zone in ("site", "contract") else self.zone
        if not words.startswith(_NAMED):
            found = {"tz": zone, **weekly.spec(words)}
            return {**found, "holidays": country} if country and not found.get("always_open") else found
        name = words.removeprefix(_NAMED)
        if name not in self.calendars:
            raise ValueError(f"hours: there is no calendar {name!r}")
        return placed(self.calendars[name], zone, country)

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the usual, so that terms stay readable."""
        said: dict[str, Any] = {
            "budgets": _budgets_json(self.budgets),
            "internal": _budgets_json(self.internal),
            "vendor": {"budget": self.vendor.budget.to_json(), "hours": self.vendor.hours} if self.vendor else None,
            "hours": dict(self.hours),
            "pauses": list(self.pauses) if self.pauses != REASONS else None,
            "on_severity": "restart" if self.restarts else None,
            "on_end": "cutoff" if self.cutoff else None,
            "warn_at": list(self.warn_at) if self.warn_at != WARN_AT else None,
            "zone": self.zone if self.zone != "site" else None,
            "calendars": {name: dict(body) for name, body in self.calendars.items()},
        }
        return {name: value for name, value in said.items() if value or value == []}

    @staticmethod
    def from_json(given: object) -> ClockTerms:
        """Raises ValueError naming the field that is wrong."""
        if not isinstance(given, Mapping) or set(given) - _FIELDS:
            raise ValueError(f"clocks: give an object with any of {', '.join(sorted(_FIELDS))}")
        return ClockTerms(
            budgets=_budgets("clocks.budgets", given.get("budgets", {}), ADDED),
            internal=_budgets("clocks.internal", given.get("internal", {}), KINDS),
            vendor=_vendor(given.get("vendor")),
            hours={
                _one_of("clocks.hours", kind, KINDS): _hours(f"clocks.hours.{kind}", words)
                for kind, words in _mapping("clocks.hours", given.get("hours", {})).items()
            },
            pauses=_each("clocks.pauses", given.get("pauses", REASONS), lambda at, one: _one_of(at, one, REASONS)),
            restarts=_one_of("clocks.on_severity", given.get("on_severity", "retroactive"), _ON_SEVERITY) == "restart",
            cutoff=_one_of("clocks.on_end", given.get("on_end", "snapshot"), ("snapshot", "cutoff")) == "cutoff",
            warn_at=tuple(sorted(set(_each("clocks.warn_at", given.get("warn_at", WARN_AT), _percent)))),
            zone=_zone(given.get("zone", "site")),
            calendars={
                str(name): _body(f"clocks.calendars.{name}", body)
                for name, body in _mapping("clocks.calendars", given.get("calendars", {})).items()
            },
        )


_FIELDS = {"budgets", "internal", "vendor", "hours", "pauses", "on_severity", "on_end", "warn_at", "zone", "calendars"}
_ON_SEVERITY = ("retroactive", "restart")


def placed(body: Json, zone: str, country: str) -> dict[str, Any]:
    """A calendar at a place: what it says of itself holds, and where it names no zone or holidays the place's do."""
    for word in ("union", "intersect"):
        if word in body:
            return {word: [placed(part, zone, country) for part in body[word]]}
    found = {**body, "tz": body.get("tz") or zone}
    if country and "holidays" not in body and not body.get("always_open"):
        found["holidays"] = country
    return found


def _budgets_json(budgets: Budgets) -> dict[str, Any]:
    return {kind: {str(n): one.to_json() for n, one in each.items()} for kind, each in budgets.items()}


def _budgets(name: str, given: object, known: tuple[str, ...]) -> dict[str, dict[int, Budget]]:
    found = {}
    for kind, each in _mapping(name, given).items():
        at = f"{name}.{_one_of(name, kind, known)}"
        found[str(kind)] = {
            int(_one_of(at, severity, ("1", "2", "3", "4"))): Budget.from_json(one, f"{at}.{severity}")
            for severity, one in sorted(_mapping(at, each).items())
        }
    return found


def _vendor(given: object) -> Underpinning | None:
    if given is None:
        return None
    said = _mapping("clocks.vendor", given)
    if "budget" not in said or set(said) - {"budget", "hours"}:
        raise ValueError("clocks.vendor: give a budget, and hours if they differ from the customer's")
    hours = said.get("hours") or ""
    return Underpinning(
        Budget.from_json(said["budget"], "clocks.vendor.budget"), _hours("clocks.vendor.hours", hours) if hours else ""
    )


def _hours(name: str, words: object) -> str:
    if not isinstance(words, str) or len(words) > 200:
        raise ValueError(f"{name}: give weekly hours in words, such as Mon-Fri 8-18, or calendar:NAME")
    if words.startswith(_NAMED):
        if not _NAME.fullmatch(words.removeprefix(_NAMED)):
            raise ValueError(f"{name}: a calendar is named in small letters, digits and dashes, as calendar:europe")
        return words
    try:
        weekly.spec(words)
    except ValueError as wrong:
        raise ValueError(f"{name}: {wrong}") from None
    return words


def _body(name: str, body: object) -> dict[str, Any]:
    found = dict(_mapping(name, body))
    try:
        parse(placed(found, "UTC", ""))
    except (ValueError, TypeError, AttributeError) as wrong:
        raise ValueError(f"{name}: {wrong}") from None
    return found


def _zone(given: object) -> str:
    if given in ("site", "contract"):
        return str(given)
    try:
        parse({"tz": given})
    except ValueError:
        raise ValueError(f"clocks.zone: {given!r} is neither site nor contract nor a time zone") from None
    return str(given)


def _percent(name: str, given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= 1000:
        raise ValueError(f"{name}: {given!r} is not a whole percentage from 1 to 1000")
    return given


def _mapping(name: str, given: object) -> Json:
    if not isinstance(given, Mapping) or len(given) > 50:
        raise ValueError(f"{name}: must be an object of at most 50 fields")
    return given


def _each(name: str, given: object, read: Callable[[str, Any], T]) -> tuple[T, ...]:
    if not isinstance(given, list | tuple) or len(given) > _MOST_WARNINGS:
        raise ValueError(f"{name}: must be a list of at most {_MOST_WARNINGS}")
    return tuple(read(name, one) for one in given)


def _one_of(name: str, value: object, known: Iterable[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}: {value!r} is not known; use one of {', '.join(known)}")
    return value
