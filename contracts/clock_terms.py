"""Which clocks a contract runs beyond the first response, and by which rules: budgets, hours, pauses, warnings. Plain.

Every part is optional; a contract that says nothing has the promises of its tier, paused for any reason, counted anew
from the opening when the severity changes, and warned of at the usual shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from contracts import hour_words
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
_MOST_WARNINGS = 10

Json = Mapping[str, Any]  # Any: a JSON document
Budgets = Mapping[str, Mapping[int, Budget]]  # by kind and severity; a severity that is not named has no such clock


@dataclass(frozen=True, slots=True)
class Underpinning:
    """What a vendor owes us while an incident waits for them."""

    budget: Budget
    hours: str = ""  # as `hour_words` reads them; empty: those of the promise to the customer


@dataclass(frozen=True, slots=True)
class ClockTerms:
    """The clocks of a contract. `calendars` holds the named calendars as they were when the terms were frozen."""

    budgets: Budgets = field(default_factory=dict)
    internal: Budgets = field(default_factory=dict)  # ours alone, beside the customer's
    vendor: Underpinning | None = None
    hours: Mapping[str, str] = field(default_factory=dict)  # by kind, as `hour_words` reads them
    pauses: tuple[str, ...] = REASONS
    restarts: bool = False  # a severity change counts from the change, not from the opening
    cutoff: bool = False  # running promises end with the contract, instead of being kept
    warn_at: tuple[int, ...] = WARN_AT
    zone: str = "site"  # whose zone the hours are read in: site, contract, or an IANA name (a centre's)
    calendars: Mapping[str, Json] = field(default_factory=dict)

    def named(self) -> frozenset[str]:
        """The calendars these clocks refer to by name."""
        words = [*self.hours.values(), *([self.vendor.hours] if self.vendor and self.vendor.hours else [])]
        return frozenset(name for one in words for name in hour_words.names(one))

    def calendar(self, words: str, zone: str, country: str) -> dict[str, Any]:
        """Hours as terms write them as a calendar's JSON form, for a place. Raises ValueError for an unknown name."""
        zone = zone if self.zone in ("site", "contract") else self.zone
        return hour_words.spec(words, zone, country, self.calendars)

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
                _one_of("clocks.hours", kind, KINDS): hour_words.checked(f"clocks.hours.{kind}", words)
                for kind, words in _mapping("clocks.hours", given.get("hours", {})).items()
            },
            pauses=_reasons(given.get("pauses", REASONS)),
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
        Budget.from_json(said["budget"], "clocks.vendor.budget"),
        hour_words.checked("clocks.vendor.hours", hours) if hours else "",
    )


def _body(name: str, body: object) -> dict[str, Any]:
    found = dict(_mapping(name, body))
    try:
        parse(hour_words.placed(found, "UTC", ""))
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


def _reasons(given: object) -> tuple[str, ...]:
    """Which reasons stop a clock, in one order, whatever order they were given in."""
    found = set(_each("clocks.pauses", given, lambda at, one: _one_of(at, one, REASONS)))
    return REASONS if found == set(REASONS) else tuple(sorted(found))


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
