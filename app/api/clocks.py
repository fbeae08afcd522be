"""The clocks of an incident: each explained in segments, a sentence and a drawing; stopped, judged, counted again."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import Field
from sqlalchemy import select

from app import clock_explained
from app.api import lookup
from app.api.door import Answer, Call, route
from app.clock_drawing import drawing
from app.problems import Problem, not_found
from app.wire import In, Instant, Language, Line, MaybeWords, Out
from escalation import settling
from escalation.incident import NotNow
from models.calendars import Threshold
from models.incidents import Promise

T = TypeVar("T")
_PROBLEMS = ("not-found", "not-now", "invalid")
_MOST_SEGMENTS = 400  # the newest ones; a clock of years has thousands


class SegmentOut(Out):
    start: Instant
    end: Instant
    kind: Literal["counted", "closed", "paused"]
    reason: str = Field(description="paused: customer, vendor, maintenance; closed: hours, or holiday: its name")
    zone: str = Field(description="the hours are read in it")


class ThresholdOut(Out):
    percent: int
    at: Instant | None = Field(description="when that share is used up; null while the clock stands")
    fired_at: Instant | None
    late: bool = Field(description="it was fired, but not when it should have been")


class PromiseOut(Out):
    id: uuid.UUID
    kind: str = Field(description="acknowledge, respond, update, workaround, resolve, on_site, answer (a vendor's)")
    party: str = Field(description="customer: owed to them; internal: our own target; vendor: owed to us")
    state: str
    started_at: Instant
    counts_from: Instant = Field(description="later than the start where a change of severity restarted it")
    due_at: Instant | None
    met_at: Instant | None
    breached_at: Instant | None = Field(description="stays, whatever comes later")
    cause: str = Field(description="of a breach, chosen by a person; empty: nobody has said")
    cause_note: str
    cause_by: str = Field(description="who said it; empty: nobody has")
    cause_at: Instant | None
    budget: dict[str, Any] = Field(description='{"seconds": …} of service time, or {"business_days": …, "by" or "at"}')
    calendar: dict[str, Any] = Field(description="frozen with the promise; editing a calendar never rewrites it")
    elapsed_s: float = Field(description="service time counted so far, seconds: the counted segments summed up")
    closed_s: float
    paused_s: float
    explanation: str = Field(description="one sentence, in the language asked for")
    segments: list[SegmentOut] = Field(description="in order, without gaps; the newest 400")
    thresholds: list[ThresholdOut]
    svg: str = Field(description="the clock as a small picture that stands alone")


class Promises(Out):
    items: list[PromiseOut]


class Spoken(In):
    language: Language | None = Field(None, description="of explanation and picture; left out: the customer's")


class NewClock(In):
    kind: Literal["on_site"]


class Cause(In):
    cause: Literal["capacity", "skill", "handover", "vendor", "customer", "parts", "clock", "other"]
    note: MaybeWords = Field("", description="needed where the cause is another one")


class Again(In):
    reason: Line
    calendar: Literal["frozen", "present"] = Field("frozen", description="present: as the named calendar stands now")
    only_look: bool = Field(False, description="say what would come of it and change nothing")


class Recounted(Out):
    before: Instant | None
    after: Instant | None
    moved: bool
    promise: PromiseOut


@route("GET", "/incidents/{incident}/promises", "incidents:read", {200: Promises}, query=Spoken,
       problems=("not-found",))  # fmt: skip
def promises(call: Call, query: Spoken, *, incident: str) -> Promises:
    """What is owed and by when, each clock explained in segments and one sentence.

    A customer sees what is owed to them; our own targets and what vendors owe us are for our own people.
    """
    row = lookup.incident(call, incident)
    wanted = select(Promise).where(Promise.incident_id == row.id).order_by(Promise.started_at, Promise.id)
    if not call.caller.is_staff:
        wanted = wanted.where(Promise.party == "customer")
    found = list(call.session.scalars(wanted))
    language = query.language or clock_explained.language_of(call.session, row)
    return Promises(items=[_out(call, one, language) for one in found])


@route("POST", "/incidents/{incident}/promises", "incidents:act", {201: PromiseOut}, body=NewClock, staff=True,
       problems=_PROBLEMS)  # fmt: skip
def begin(call: Call, body: NewClock, *, incident: str) -> Answer:
    """Begin the clock of a visit on site, as the terms frozen into the incident promise it."""
    row = lookup.incident(call, incident)
    return Answer(_out(call, _done(settling.begin(call.session, row.id, call.actor, call.now, body.kind)), "en"), 201)


@route("POST", "/incidents/{incident}/promises/{promise}/met", "incidents:act", {200: PromiseOut}, staff=True,
       problems=_PROBLEMS)  # fmt: skip
def met(call: Call, *, incident: str, promise: str) -> PromiseOut:
    """A way around is in place, somebody stands on site, or a vendor has answered: that clock stops."""
    row = _of(call, incident, promise)
    return _out(call, _done(settling.keep(call.session, row.id, call.actor, call.now)), "en")


@route("POST", "/incidents/{incident}/promises/{promise}/cause", "incidents:act", {200: PromiseOut}, body=Cause,
       staff=True, problems=_PROBLEMS)  # fmt: skip
def cause(call: Call, body: Cause, *, incident: str, promise: str) -> PromiseOut:
    """Say why a promise was missed. It stays missed."""
    row = _of(call, incident, promise)
    return _out(call, _done(settling.judge(call.session, row.id, call.actor, call.now, body.cause, body.note)), "en")


@route("POST", "/incidents/{incident}/promises/{promise}/recount", "incidents:act", {200: Recounted}, body=Again,
       staff=True, problems=_PROBLEMS)  # fmt: skip
def recount(call: Call, body: Again, *, incident: str, promise: str) -> Recounted:
    """Count a promise again, keep both values in the audit; or only look what would come of it."""
    row = _of(call, incident, promise)
    said = _done(
        settling.recount(
            call.session,
            row.id,
            call.actor,
            call.now,
            body.reason,
            with_present_calendar=body.calendar == "present",
            only_look=body.only_look,
        )
    )
    return Recounted(before=said.before, after=said.after, moved=said.moved, promise=_out(call, said.promise, "en"))


def _of(call: Call, incident: str, promise: str) -> Promise:
    row = lookup.incident(call, incident)
    try:
        found = call.session.get(Promise, uuid.UUID(promise))
    except ValueError:
        found = None
    if found is None or found.incident_id != row.id:
        raise not_found("promise")
    return found


def _done(said: T | NotNow) -> T:
    if isinstance(said, NotNow):
        if said.rule == "absent":
            raise not_found("promise")
        raise Problem("not-now", said.reason, remedy=said.remedy)
    return said


def _out(call: Call, promise: Promise, language: str) -> PromiseOut:
    call.session.flush()  # its warnings are read from the rows
    warnings = call.session.scalars(
        select(Threshold).where(Threshold.promise_id == promise.id).order_by(Threshold.percent)
    )
    marks = [ThresholdOut(percent=one.percent, at=one.at, fired_at=one.fired_at, late=one.late) for one in warnings]
    return shown(promise, call.now, language, marks)


def shown(promise: Promise, now: datetime, language: str, marks: list[ThresholdOut]) -> PromiseOut:
    """A promise with its clock laid open."""
    said = clock_explained.explained(promise, now, language)
    until = max(promise.met_at or now, clock_explained.start_of(promise))
    at = [(mark.percent, mark.at) for mark in marks if mark.at is not None and mark.percent < 100]
    names = ("id", "kind", "party", "state", "started_at", "due_at", "met_at", "breached_at", "cause", "cause_note",
             "cause_by", "cause_at", "budget", "calendar")  # fmt: skip
    return PromiseOut(
        **{name: getattr(promise, name) for name in names},
        counts_from=clock_explained.start_of(promise),
        elapsed_s=said.counted.total_seconds(),
        closed_s=said.closed.total_seconds(),
        paused_s=said.paused.total_seconds(),
        explanation=said.sentence,
        segments=[SegmentOut.model_validate(part) for part in said.segments[-_MOST_SEGMENTS:]],
        thresholds=marks,
        svg=str(drawing(said.segments, promise.due_at or promise.breached_at, until, said.sentence, at, language)),
    )
