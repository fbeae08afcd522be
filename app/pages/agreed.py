"""What was agreed, as a person reads it: the contract in few lines, a promise's clock by its frozen calendar. Plain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from app import words
from app.clocks import Piece
from app.pages.promises import paused
from contracts.clock import Pause, is_open, next_open, segments
from contracts.hours import Hours, parse
from contracts.tiers import Terms, Watching
from models.agreements import Contract
from models.base import Json
from models.incidents import Promise

_FOR = {"customer": "waiting for the customer", "vendor": "waiting for a vendor", "maintenance": "for maintenance"}


def clock_of(promise: Promise, now: datetime, zone: tzinfo) -> tuple[list[Piece], str]:
    """The pieces of a promise's clock and the sentence that says the same; nothing when its calendar cannot be read."""
    hours = hours_of(promise.calendar)
    if hours is None:
        return [], ""
    until = promise.met_at or now
    pauses = [Pause(start, end) for start, end in paused(promise)]
    parts = segments(hours, promise.started_at, max(until, promise.started_at), pauses)
    pieces: list[Piece] = []
    due = promise.due_at
    for part in parts:
        if part.kind == "counted" and due is not None and part.start < due < part.end:
            pieces += [Piece("counted", part.start, due), Piece("late", due, part.end)]
        elif due is not None and part.start >= due:
            pieces.append(Piece("late", part.start, part.end))
        else:
            pieces.append(Piece(part.kind, part.start, part.end))
    if due is not None and promise.met_at is None and due > now:
        opens = None if is_open(hours, now) else next_open(hours, now)
        if opens is not None and opens < due:
            pieces += [Piece("closed", now, opens), Piece("ahead", opens, due)]
        else:
            pieces.append(Piece("ahead", now, due))
    sums = {kind: sum((p.end - p.start for p in parts if p.kind == kind), timedelta(0)) for kind in _KINDS}
    return pieces, _sentence(promise, sums, hours, now, zone)


_KINDS = ("counted", "paused", "closed")


def hours_of(calendar: Json) -> Hours | None:
    """A frozen calendar, or None for a shape this version does not know."""
    try:
        return parse(calendar) if calendar else None
    except (KeyError, TypeError, ValueError):
        return None


def _sentence(promise: Promise, sums: Mapping[str, timedelta], hours: Hours, now: datetime, zone: tzinfo) -> str:
    said = f"{words.span(sums['counted'].total_seconds())} counted"
    if sums["paused"]:
        reason = str(promise.pauses[-1].get("reason", "")) if promise.pauses else ""
        said += f", {words.span(sums['paused'].total_seconds())} paused {_FOR.get(reason, reason)}".rstrip()
    said += f", {words.span(sums['closed'].total_seconds())} closed" if sums["closed"] else ""
    promised = budget_words(promise.budget)
    end = f" of {promised} promised." if promised else "."
    if promise.met_at is None and not is_open(hours, now):
        opens = next_open(hours, now)
        end += f" Closed now; counts again {words.hour(opens, zone, now)}." if opens else ""
    if promise.breached_at is not None and promise.met_at is not None and promise.due_at is not None:
        end += f" {words.span((promise.met_at - promise.due_at).total_seconds())} late."
    return said + end


def budget_words(budget: Json) -> str:
    """ "15 min", "2 business days"."""
    if isinstance(budget.get("seconds"), int | float):
        return words.span(float(budget["seconds"]))
    if isinstance(budget.get("business_days"), int):
        return words.count(int(budget["business_days"]), "business day")
    return ""


def is_resting(promise: Promise, now: datetime) -> datetime | None:
    """When the clock counts again, if its calendar is closed now; None while it counts or cannot be read."""
    hours = hours_of(promise.calendar)
    if hours is None or is_open(hours, now):
        return None
    return next_open(hours, now)


_SCOPE = {
    "hardware": "hardware",
    "software": "basic software",
    "installation": "installation advice",
    "environment": "whole environment",
    "tele-alarm": "tele-alarm",
    "remote-administration": "remote work",
}
_HOURS = {"24x7": "day and night, every day"}
WATCHING = {
    Watching.COLLECT: "telemetry is collected, not judged",
    Watching.WATCH: "silence and hard faults are shown",
    Watching.SHADOW: "findings in shadow, listed at the review",
    Watching.DETECT: "detection opens incidents and pages",
}


def terms_of(body: Json) -> Terms | None:
    """Terms as frozen, or None when there are none or this version does not know their shape."""
    try:
        return Terms.from_json(body) if body else None
    except (TypeError, ValueError, AttributeError):
        return None


def five_lines(
    body: Json, contract: Contract | None, severity: int, frozen_at: datetime | None, zone: tzinfo, now: datetime
) -> list[tuple[str, str]]:
    """The contract in five lines: covers, hours, promises, named, runs."""
    terms = terms_of(body)
    if terms is None:
        return [("covers", "nothing that we know of; it is answered, and a paid path is offered")]
    scope = [said for word, said in _SCOPE.items() if word in terms.scope]
    promises = [f"severity {severity} within {terms.respond[severity].words}"] if severity in terms.respond else []
    if terms.update is not None:
        promises.append(f"update {terms.update.words}")
    promises.append(f"on site {terms.on_site.words}")
    runs = f"to {words.day(_noon(contract, zone), zone)}" if contract is not None and contract.ends_on else "no end"
    if contract is not None:
        runs = f"{contract.number}, {runs}"
    if frozen_at is not None:
        runs += f"; terms frozen {words.hour(frozen_at, zone, now)}"
    hours = terms.hours.get(severity, "")
    return [
        ("covers", ", ".join(scope)),
        ("hours", _HOURS.get(hours, hours)),
        ("promises", ", ".join(promises)),
        ("watch", WATCHING[terms.watching]),
        ("named", ", ".join(terms.named_people) or "nobody by name"),
        ("runs", runs),
    ]


def _noon(contract: Contract, zone: tzinfo) -> datetime:
    ends = contract.ends_on
    assert ends is not None  # asked for only when there is one
    return datetime(ends.year, ends.month, ends.day, 12, tzinfo=zone)
