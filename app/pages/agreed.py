"""What was agreed, as a person reads it: the contract in few lines, a promise's clock by its frozen calendar. Plain."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, tzinfo

from app import clock_explained, words
from app.clocks import Piece
from app.pages.promises import PromiseView, view
from contracts import hour_words
from contracts.clock import Segment, is_open, next_open
from contracts.hours import Hours, parse
from contracts.tiers import Terms, Watching
from escalation import thresholds
from escalation.promises import legs, pauses
from escalation.settling import CAUSES
from models.agreements import Contract
from models.base import Json
from models.incidents import Promise

_FOR = {"customer": "waiting for the customer", "vendor": "waiting for a vendor", "maintenance": "for maintenance"}


def clock_of(promise: Promise, now: datetime, zone: tzinfo) -> tuple[list[Piece], str]:
    """The pieces of a promise's clock and the sentence that says the same; nothing when its calendar cannot be read."""
    hours = hours_of(promise.calendar)
    if hours is None:
        return [], ""
    said = clock_explained.explained(promise, now, "en", str(zone))
    due = promise.due_at or promise.breached_at
    pieces: list[Piece] = []
    for part in said.segments:
        words_of = _said(part, zone, now)
        if part.kind == "counted" and due is not None and part.start < due < part.end:
            pieces.append(Piece("counted", part.start, due, words_of))
            pieces.append(Piece("late", due, part.end, f"late, {words_of}"))
        elif due is not None and part.start >= due:
            pieces.append(Piece("late", part.start, part.end, f"late, {words_of}"))
        else:
            pieces.append(Piece(part.kind, part.start, part.end, words_of))
    if due is not None and promise.met_at is None and due > now:
        opens = None if is_open(hours, now) else next_open(hours, now)
        if opens is not None and opens < due:
            pieces += [Piece("closed", now, opens, "closed"), Piece("ahead", opens, due, "still to come")]
        else:
            pieces.append(Piece("ahead", now, due, "still to come"))
    return pieces, said.sentence


def promise_view(promise: Promise, now: datetime, zone: tzinfo, language: str) -> PromiseView:
    """A promise as the incident page shows it. `language`: of the customer, whose words stand beside ours."""
    pieces, sentence = clock_of(promise, now, zone)
    shown = view(promise, now, zone, pieces, sentence, marks_of(promise))
    theirs = ""
    if language != "en" and promise.party == "customer" and pieces:
        theirs = clock_explained.explained(promise, now, language).sentence
    return replace(shown, theirs=theirs, theirs_in=language if theirs else "", cause=_cause(promise, zone, now))


def _cause(promise: Promise, zone: tzinfo, now: datetime) -> str:
    """Why it was missed, in whose word."""
    if not promise.cause:
        return ""
    note = f" ({promise.cause_note})" if promise.cause_note else ""
    said = f"Missed because {CAUSES.get(promise.cause, promise.cause)}{note}, said by {promise.cause_by}"
    return f"{said}, {words.hour(promise.cause_at, zone, now)}." if promise.cause_at else f"{said}."


def _said(part: Segment, zone: tzinfo, now: datetime) -> str:
    """A stretch in words, for whoever points at it: what it was, why, from when to when, in which zone's hours."""
    why = f" {_FOR.get(part.reason, part.reason)}" if part.kind == "paused" and part.reason else ""
    why = f", {part.reason}" if part.kind == "closed" and part.reason not in ("", "hours") else why
    lasting = words.span((part.end - part.start).total_seconds())
    between = f"{words.hour(part.start, zone, now)} to {words.hour(part.end, zone, now)}"
    return f"{part.kind}{why}: {lasting}, {between}; hours of {part.zone}"


def marks_of(promise: Promise) -> list[tuple[int, datetime]]:
    """The shares of the budget that are warned of, each with the instant it is used up."""
    if promise.state not in ("running", "breached") or hours_of(promise.calendar) is None:
        return []
    found = thresholds.instants(legs(promise), pauses(promise), (50, 75, 90))
    return [(percent, at) for percent, at in found.items() if at is not None]


def hours_of(calendar: Json) -> Hours | None:
    """A frozen calendar, or None for a shape this version does not know."""
    try:
        return parse(calendar) if calendar else None
    except (KeyError, TypeError, ValueError):
        return None


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
    hours = terms.hours_of(severity)
    return [
        ("covers", ", ".join(scope)),
        ("hours", _HOURS.get(hours) or hour_words.said(hours, "en")),
        ("promises", ", ".join(promises)),
        ("watch", WATCHING[terms.watching]),
        ("named", ", ".join(terms.named_people) or "nobody by name"),
        ("runs", runs),
    ]


def _noon(contract: Contract, zone: tzinfo) -> datetime:
    ends = contract.ends_on
    assert ends is not None  # asked for only when there is one
    return datetime(ends.year, ends.month, ends.day, 12, tzinfo=zone)
