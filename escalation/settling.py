"""What people settle about a promise: why it was missed, and what it comes to when it is counted again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import calendars, promising
from contracts.hours import parse
from escalation import instants, promises, story
from escalation.incident import Actor, NotNow
from models import audit
from models.incidents import Incident, Promise

# Why a promise was missed, as a person may judge it. Whose fault it was is no part of it.
CAUSES: Mapping[str, str] = {
    "capacity": "too few hands were there",
    "skill": "nobody with the skill was there",
    "handover": "it was lost between two hands",
    "vendor": "a vendor was late",
    "customer": "the customer could not be reached",
    "parts": "a part was missing",
    "clock": "the clock was set wrong",
    "other": "another cause",
}


@dataclass(frozen=True, slots=True)
class Recounted:
    """A promise counted again: both values, and whether they differ."""

    promise: Promise
    before: datetime | None
    after: datetime | None

    @property
    def moved(self) -> bool:
        return self.before != self.after


def _hold(session: Session, promise_id: uuid.UUID) -> tuple[Promise, Incident] | NotNow:
    """Take hold of a promise under its incident's row."""
    incident_id = session.scalar(select(Promise.incident_id).where(Promise.id == promise_id))
    found = session.get(Incident, incident_id) if incident_id is not None else None
    if found is None:
        return NotNow("There is no such promise.", "Look it up on its incident.", "absent")
    audit.take_turns(session, found.customer_id)
    incident = session.get_one(Incident, found.id, with_for_update=True, populate_existing=True)
    promise = session.get_one(Promise, promise_id, with_for_update=True, populate_existing=True)
    return promise, incident


def judge(
    session: Session, promise_id: uuid.UUID, actor: Actor, now: datetime, cause: str, note: str = ""
) -> Promise | NotNow:
    """Say why a promise was missed. The breach stays whatever is said; a later judgement replaces an earlier one."""
    if cause not in CAUSES:
        return NotNow(f"{cause!r} is no cause we tell apart.", f"Use one of {', '.join(CAUSES)}.", "value")
    if cause == "other" and not note.strip():
        return NotNow("Another cause needs words.", "Say in a note what it was.", "value")
    held = _hold(session, promise_id)
    if isinstance(held, NotNow):
        return held
    promise, incident = held
    if promise.breached_at is None:
        return NotNow("This promise was not missed.", "Only a missed promise has a cause.", "state")
    before = promise.cause
    promise.cause, promise.cause_note = cause, note.strip()
    promise.cause_by, promise.cause_at = actor.name, now
    said = f"The {promises.words(promise.kind)} was missed because {CAUSES[cause]}."
    text = f"{said} {note.strip()}".strip()
    facts = {"promise": promise.kind, "cause": cause, "before": before}
    story.tell(session, incident, "cause", text, now, actor=actor, facts=facts)
    story.changed(session, incident, "judge breach", now, actor=actor, facts={**facts, "promise_id": str(promise.id)})
    return promise


def recount(
    session: Session,
    promise_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    with_present_calendar: bool = False,
    only_look: bool = False,
) -> Recounted | NotNow:
    """Count a promise again, and keep both values in the audit; a breach that was recorded stays.

    By the calendar frozen with it, or (because a person says so) by the one its terms name as it stands now.
    `only_look`: say what would come of it and change nothing.
    """
    if not reason.strip():
        return NotNow("Counting again needs a reason; the audit keeps it.", "Say why.", "value")
    held = _hold(session, promise_id)
    if isinstance(held, NotNow):
        return held
    promise, incident = held
    if promise.state not in promises.LIVE:
        return NotNow("This promise does not run any more.", "Only a running or paused promise is counted.", "state")
    before, kept = promise.due_at, promise.calendar
    if with_present_calendar:
        try:
            promise.calendar = _present(session, promise, incident, now)
        except ValueError as wrong:  # a calendar it names was removed since
            return NotNow(f"The hours as they stand now cannot be had: {wrong}.", "Count by the frozen ones.", "value")
    after = promises.due(promise) if promise.state == "running" else None
    if only_look:
        promise.calendar = kept
        return Recounted(promise, before, after)
    promises.recount(session, promise)
    facts: dict[str, Any] = {  # Any: JSON
        "promise": promise.kind,
        "promise_id": str(promise.id),
        "before": before.isoformat() if before else None,
        "after": after.isoformat() if after else None,
        "calendar": "present" if with_present_calendar else "frozen",
        "reason": reason.strip(),
    }
    text = f"The {promises.words(promise.kind)} was counted again: {_moved(before, after)}. {reason.strip()}"
    stamps = [instants.stamp(at) for at in (before, after) if at]
    story.tell(session, incident, "recounted", text, now, actor=actor, facts=facts, stamps=stamps)
    story.changed(session, incident, "recount promise", now, actor=actor, facts=facts)
    return Recounted(promise, before, after)


def _present(session: Session, promise: Promise, incident: Incident, now: datetime) -> dict[str, Any]:
    terms = calendars.with_named(session, promises.terms_of(incident), now, anew=True)
    kind, party = ("respond", "vendor") if promise.party == "vendor" else (promise.kind, promise.party)
    place = promises.place_of(incident)
    spec = promising.spec(terms, kind, incident.severity, promise.started_at, place, party)
    if spec is None:
        return promise.calendar
    parse(spec.calendar)  # a calendar that cannot be read is not counted by
    return spec.calendar


def _moved(before: datetime | None, after: datetime | None) -> str:
    said = [instants.stamp(at) if at else "no instant" for at in (before, after)]
    return f"it stays at {said[1]}" if before == after else f"it moves from {said[0]} to {said[1]}"


# What stops a clock that no other act stops, in public words.
_STOPS: Mapping[str, str] = {
    "workaround": "A way around it is in place.",
    "on_site": "Our engineer is on site.",
    "answer": "The vendor has answered.",
    "acknowledge": "It has been seen.",
}


def keep(session: Session, promise_id: uuid.UUID, actor: Actor, now: datetime) -> Promise | NotNow:
    """Stop a clock: a way around is in place, somebody stands on site, the vendor has answered."""
    held = _hold(session, promise_id)
    if isinstance(held, NotNow):
        return held
    promise, incident = held
    if promise.kind not in _STOPS:
        return NotNow(
            f"The {promises.words(promise.kind)} is kept by an act of its own.",
            "Write to the customer, or resolve the incident.",
            "value",
        )
    if promise.met_at is not None or promise.state == "cancelled":
        return NotNow("This clock has stopped already.", "Nothing needs to be done.")
    promises.keep(session, promise, now)
    public = promise.party == "customer"
    facts = {"promise": promise.kind, "party": promise.party, "state": promise.state}
    story.tell(session, incident, "kept", _STOPS[promise.kind], now, actor=actor, public=public, facts=facts)
    story.changed(session, incident, f"keep {promise.kind}", now, actor=actor, facts=facts)
    return promise


def begin(session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, kind: str) -> Promise | NotNow:
    """Begin a clock that does not begin with the incident: a visit on site."""
    found = session.get(Incident, incident_id)
    if found is None:
        return NotNow("There is no such incident.", "Look it up by its number.", "absent")
    audit.take_turns(session, found.customer_id)
    incident = session.get_one(Incident, incident_id, with_for_update=True, populate_existing=True)
    if not incident.is_open:
        return NotNow("The incident is over.", "Reopen it first.")
    if any(one.kind == kind for one in promises.of(session, incident, *promises.LIVE)):
        return NotNow(f"A {promises.words(kind)} is promised already.", "Nothing needs to be done.")
    promise = promises.begin_one(session, incident, kind, now)
    if promise is None:
        return NotNow(f"The terms promise no {promises.words(kind)}.", "Change the terms first.", "value")
    text = f"A {promises.words(kind)} is promised."
    facts = {"promise": kind, "due": promise.due_at.isoformat() if promise.due_at else None}
    story.tell(session, incident, "promised", text, now, actor=actor, public=True, facts=facts)
    story.changed(session, incident, f"promise {kind}", now, actor=actor, facts=facts)
    return promise
