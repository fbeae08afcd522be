"""A promise as a person reads it: chip, hour, clock in segments, and the sentence that says the same. Plain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from markupsafe import Markup

from app import words
from app.clocks import Piece, promise_clock
from models.incidents import Incident, Promise

KINDS: Mapping[str, tuple[str, str]] = {
    "acknowledge": ("acknowledge", "Acknowledge"),
    "respond": ("first response", "First response"),
    "update": ("update", "Next update"),
    "on_site": ("on site", "On site"),
    "workaround": ("workaround", "Workaround"),
    "resolve": ("resolution", "Resolution"),
    "answer": ("vendor’s answer", "Vendor’s answer"),
}
_PAUSED_FOR = {"customer": "the customer’s turn", "vendor": "the vendor’s turn", "maintenance": "maintenance"}
_SAME_NIGHT: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class ChipView:
    """What the chip macro draws. `due` (RFC 3339) is set only while the countdown runs."""

    urgency: str
    text: str
    due: str = ""


NO_PROMISE = ChipView("rest", "no promise")


@dataclass(frozen=True, slots=True)
class PromiseView:
    """One clock of an incident."""

    kind: str
    word: str
    title: str
    chip: ChipView
    below: str
    due_at: datetime | None
    owed: bool
    broken: bool
    clock: Markup
    sentence: str
    theirs: str = ""  # the same sentence as the customer reads it; empty where they read this one, or none
    theirs_in: str = ""  # the language of that one
    id: str = ""
    missed: bool = False  # a cause may be said
    cause: str = ""  # why it was missed, by whom and when it was said; empty: nobody has


def is_owed(promise: Promise) -> bool:
    """Whether somebody still has to keep it: running, resting, or broken and not yet made good."""
    return promise.state in ("running", "paused") or (promise.state == "breached" and promise.met_at is None)


def next_owed(promises: Iterable[Promise]) -> Promise | None:
    """The promise to the customer that falls due first; a paused one only when nothing runs."""
    owed = [promise for promise in promises if is_owed(promise) and promise.party == "customer"]
    return min(
        owed, key=lambda one: (one.state == "paused", one.due_at is None, one.due_at or one.started_at), default=None
    )


def chip_of(promise: Promise | None, now: datetime, zone: tzinfo) -> tuple[ChipView, str]:
    """The chip and the line below it."""
    if promise is None:
        return NO_PROMISE, "nothing is owed"
    word = KINDS.get(promise.kind, (promise.kind, promise.kind))[0]
    if promise.state == "met" and promise.met_at is not None:
        return ChipView("kept", "kept"), f"{word}, {words.hour(promise.met_at, zone, now)}"
    if promise.state == "cancelled":
        return ChipView("rest", "ended"), word
    if promise.state == "paused" or promise.due_at is None:
        reason = str(promise.pauses[-1].get("reason", "")) if promise.pauses else ""
        return ChipView("rest", "resting"), f"{word}, {_PAUSED_FOR.get(reason, reason or 'the clock stands')}"
    said, due = words.chip(promise.due_at, now, zone), promise.due_at
    # "in 59 min" says which day it is: over midnight the weekday would only push the hour out of its column.
    told = words.hour(due, zone, due if abs(due - now) < _SAME_NIGHT else now)
    return ChipView(said.urgency, said.text, due.isoformat()), f"{word}, {told}"


def view(
    promise: Promise,
    now: datetime,
    zone: tzinfo,
    pieces: Sequence[Piece] = (),
    sentence: str = "",
    marks: Sequence[tuple[int, datetime]] = (),
) -> PromiseView:
    """Everything the incident page shows of a promise; pieces, sentence and marks come from the contract's clock."""
    chip, below = chip_of(promise, now, zone)
    word, title = KINDS.get(promise.kind, (promise.kind, promise.kind.replace("_", " ").capitalize()))
    drawn = pieces or plain_pieces(promise, now)
    if promise.party == "internal":
        title = f"{title}, our own target"
    return PromiseView(
        kind=promise.kind,
        word=word,
        title=title,
        chip=chip,
        below=below,
        due_at=promise.due_at,
        owed=is_owed(promise),
        broken=promise.state == "breached" or promise.breached_at is not None,
        clock=promise_clock(drawn, promise.due_at or promise.breached_at, promise.met_at or now, zone, marks),
        sentence=sentence or plain_sentence(promise, now),
        id=str(promise.id),
        missed=promise.breached_at is not None,
    )


def plain_pieces(promise: Promise, now: datetime) -> list[Piece]:
    """The clock of a calendar that never closes: counted, paused, ahead, late."""
    until = promise.met_at or now
    pieces: list[Piece] = []
    at = promise.started_at
    for pause in paused(promise):
        start, end = pause[0], min(pause[1] or until, until)
        if start > at:
            pieces.append(Piece("counted", at, start))
        if end > start:
            pieces.append(Piece("paused", start, end))
        at = max(at, end)
    due = promise.due_at
    if until > at:
        if due is not None and at < due < until:
            pieces += [Piece("counted", at, due), Piece("late", due, until)]
        else:
            pieces.append(Piece("late" if due is not None and at >= due else "counted", at, until))
        at = until
    if due is not None and due > at and promise.met_at is None:
        pieces.append(Piece("ahead", at, due))
    return pieces


def plain_sentence(promise: Promise, now: datetime) -> str:
    """What was counted and paused, in words."""
    until = promise.met_at or now
    resting = timedelta(0)
    for start, end in paused(promise):
        resting += max((end or until) - start, timedelta(0))
    counted = (until - promise.started_at - resting).total_seconds()
    said = f"{words.span(counted)} counted"
    if resting:
        said += f", {words.span(resting.total_seconds())} paused"
    promised = promise.budget.get("seconds")
    return f"{said}; {words.span(float(promised))} were promised." if promised else f"{said}."


def paused(promise: Promise) -> list[tuple[datetime, datetime | None]]:
    """The pauses of a promise, in order; the last may still be open."""
    found = []
    for pause in promise.pauses:
        start, end = pause.get("from"), pause.get("to")
        if start:
            found.append((datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end)) if end else None))
    return sorted(found, key=lambda pair: pair[0])


def shown(promises: Sequence[Promise]) -> list[Promise]:
    """Owed ones first by due time, then the kept ones, newest first; a chain of kept updates shows its last."""
    owed = [one for one in promises if one.state in ("running", "paused") or (one.breached_at and not one.met_at)]
    owed.sort(key=lambda one: (one.due_at is None, one.due_at or one.started_at))
    done = [one for one in promises if one not in owed and one.state != "cancelled"]
    latest = {one.kind: one for one in sorted(done, key=lambda one: one.started_at)}
    broken = [one for one in done if one.breached_at is not None and latest.get(one.kind) is not one]
    return [*owed, *sorted([*latest.values(), *broken], key=lambda one: one.started_at, reverse=True)]


def reply_effect(promises: Sequence[Promise], incident: Incident, now: datetime, zone: tzinfo) -> str:
    """What sending does to the clocks, before one sends."""
    promise = next((one for one in promises if one.state == "running" and one.kind in ("respond", "update")), None)
    if incident.state in ("resolved", "closed"):
        return "It is over; a reply opens nothing."
    if promise is None or promise.due_at is None:
        return "The customer reads it at once."
    word = "first response" if promise.kind == "respond" else "update"
    keeps = "keeps" if promise.due_at >= now else "makes good"
    return f"Sending {keeps} the {words.hour(promise.due_at, zone, now)} {word}."
