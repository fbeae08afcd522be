"""Which promises an incident gets, within which budget of which calendar, hence by when. Plain.

Each clock has a kind, a party (the customer it is owed to, ourselves, or the vendor who owes it to us), a budget and
hours of its own; what stops it is told by `escalation.promises`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts import hours
from contracts.budget import Budget
from contracts.clock import Pause
from contracts.clock_terms import KINDS
from contracts.terms import Terms

# What begins with the incident; the next update begins with our first word, a visit when it is asked for.
AT_OPENING = ("acknowledge", "respond", "workaround", "resolve")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the hours are read: a zone, and whose public holidays are closed."""

    zone: str
    country: str = ""


@dataclass(frozen=True, slots=True)
class PromiseSpec:
    """One promise: what, from when, within which budget of which calendar, hence by when."""

    kind: str
    started_at: datetime
    due_at: datetime | None
    budget: Budget
    calendar: dict[str, Any]  # the JSON form `contracts.hours.parse` reads
    party: str = "customer"


@dataclass(frozen=True, slots=True)
class Leg:
    """A budget of a calendar, counted from an instant. A promise has one, and one more for each upgrade it met."""

    start: datetime
    budget: Budget
    calendar: dict[str, Any]

    def due(self, pauses: tuple[Pause, ...]) -> datetime | None:
        """When it is used up. None while a pause without end keeps it away, or the calendar does not open.

        A pause stops service time. A promise in business days is a date, so each pause moves its start by its length.
        """
        return self.budget.due(hours.parse(self.calendar), *self._held(pauses))

    def share(self, percent: float, pauses: tuple[Pause, ...]) -> datetime | None:
        """When a share of it, in percent, is used up; None as for `due`."""
        start, pauses = self._held(pauses)
        return self.budget.share(hours.parse(self.calendar), start, percent, pauses)

    def _held(self, pauses: tuple[Pause, ...]) -> tuple[datetime, tuple[Pause, ...]]:
        if not self.budget.days:
            return self.start, pauses
        ended = [(max(pause.start, self.start), pause.end) for pause in pauses if pause.end is not None]
        held = sum((end - start for start, end in ended if end > start), timedelta(0))
        return self.start + held, ()


def budget_of(terms: Terms, kind: str, severity: int, party: str = "customer") -> Budget | None:
    """The budget of a clock for a severity; None where the terms hold no such clock."""
    if party == "internal":
        return terms.clocks.internal.get(kind, {}).get(severity)
    if party == "vendor":
        return terms.clocks.vendor.budget if terms.clocks.vendor else None
    if kind == "respond":
        return terms.respond[severity]
    if kind == "on_site":
        return terms.on_site
    added = terms.clocks.budgets.get(kind, {}).get(severity)
    return added or (terms.update if kind == "update" and severity == 1 else None)


def spec(
    terms: Terms, kind: str, severity: int, at: datetime, place: Place, party: str = "customer"
) -> PromiseSpec | None:
    """A promise of one kind counted from `at`; None where the terms hold none for this severity."""
    budget = budget_of(terms, kind, severity, party)
    if budget is None:
        return None
    calendar = _calendar(terms, kind, severity, place, party)
    return PromiseSpec(kind, at, budget.due(hours.parse(calendar), at), budget, calendar, party)


def _calendar(terms: Terms, kind: str, severity: int, place: Place, party: str) -> dict[str, Any]:
    vendor = terms.clocks.vendor
    if party == "vendor" and vendor is not None and vendor.hours:
        return terms.clocks.calendar(vendor.hours, place.zone, place.country)
    return terms.calendar(severity, place.zone, place.country, kind)


def at_opening(terms: Terms, severity: int, at: datetime, place: Place) -> Sequence[PromiseSpec]:
    """The clocks that begin with an incident: the customer's, and ours beside them."""
    wanted = [(kind, "customer") for kind in AT_OPENING]
    wanted += [(kind, "internal") for kind in KINDS if kind in AT_OPENING]
    found = (spec(terms, kind, severity, at, place, party) for kind, party in wanted)
    return [one for one in found if one is not None]


def promises_for(terms: Terms, severity: int, opened_at: datetime, zone: str, country: str) -> Sequence[PromiseSpec]:
    """The customer's promises of an incident of this severity at its opening."""
    found = at_opening(terms, severity, opened_at, Place(zone, country))
    return [one for one in found if one.party == "customer"]


def update_after(terms: Terms, severity: int, at: datetime, zone: str, country: str) -> PromiseSpec | None:
    """The promise of the next update after one at `at`, where the terms hold one for this severity."""
    return spec(terms, "update", severity, at, Place(zone, country))
