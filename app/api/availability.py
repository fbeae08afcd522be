"""What routing may count on: presence, room, trainings, time off, and engineers detached to one account."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem, invalid
from app.wire import Day, In, Instant, MaybeLine, Out, Paged, Ref, Words
from escalation import detaching
from escalation.incident import NotNow
from escalation.subjects import SUBJECTS
from models.audit import record
from models.duty import Detachment, TimeOff, Training
from models.people import Person

Room = Annotated[int, Field(ge=0, le=50)]


class TrainingIn(In):
    level: Literal["junior", "confirmed", "senior"]
    expires_on: Day | None = Field(None, description="the last day it counts; none: for ever")


class TrainingOut(Out):
    subject: str
    level: str
    expires_on: Day | None


class TimeOffIn(In):
    kind: Literal["absent", "protected"] = Field(description="protected: at work, for something else")
    start: Instant
    end: Instant
    reason: MaybeLine = ""


class TimeOffOut(Out):
    id: uuid.UUID
    kind: str
    starts_at: Instant
    ends_at: Instant
    reason: str


class Availability(Out):
    person_id: uuid.UUID
    present: bool
    away_since: Instant | None
    capacity: dict[str, int] = Field(description="own limits; phone 1, remote 4, written 6 where none is given")
    trainings: list[TrainingOut]
    times_off: list[TimeOffOut] = Field(description="those not over yet")


class AvailabilityPatch(In):
    present: bool | None = Field(None, description="false: on duty, yet not at their place; nobody is routed to them")
    phone: Room | None = None
    remote: Room | None = None
    written: Room | None = None


class DetachmentIn(In):
    person: uuid.UUID
    customer: Ref
    start: Instant | None = Field(None, description="default: now")
    reason: Words


class DetachmentOut(Out):
    id: uuid.UUID
    person_id: uuid.UUID
    customer_id: uuid.UUID
    starts_at: Instant
    ends_at: Instant | None
    reason: str
    made_by: str


class Detachments(Out):
    items: list[DetachmentOut]
    next: str | None


@route("GET", "/people/{person}/availability", "duty:read", {200: Availability}, staff=True, problems=("not-found",))
def get(call: Call, *, person: str) -> Availability:
    """What routing counts on for one of ours."""
    return _shown(call, _ours(call, person))


@route("PATCH", "/people/{person}/availability", "duty:read", {200: Availability}, body=AvailabilityPatch, staff=True,
       problems=("not-found",))  # fmt: skip
def change(call: Call, body: AvailabilityPatch, *, person: str) -> Availability:
    """Presence and room. One's own needs no right; somebody else's needs duty:write."""
    row = _theirs(call, person)
    if body.present is not None:
        row.away_since = None if body.present else row.away_since or call.now
    rooms = body.model_dump(exclude_none=True, exclude={"present"})
    row.capacity = {**row.capacity, **rooms}
    _write_down(call, f"person:{row.id}", "availability.changed", body.model_dump(exclude_none=True))
    return _shown(call, row)


@route("PUT", "/people/{person}/trainings/{subject}", "duty:write", {200: TrainingOut}, body=TrainingIn, staff=True,
       problems=("not-found",))  # fmt: skip
def train(call: Call, body: TrainingIn, *, person: str, subject: str) -> TrainingOut:
    """What somebody is trained in. Once it has run out they are no longer routed to problems of this subject."""
    row = _ours(call, person)
    if subject not in SUBJECTS:
        raise invalid("subject", f"{subject} is not known", f"use one of {', '.join(SUBJECTS)}")
    training = call.session.scalar(select(Training).where(Training.person_id == row.id, Training.subject == subject))
    if training is None:
        training = Training(person_id=row.id, subject=subject)
        call.session.add(training)
    training.level, training.expires_on = body.level, body.expires_on
    call.session.flush()  # it is written before the audit says so
    _write_down(call, f"person:{row.id}", "training.set", {"subject": subject, **body.model_dump(mode="json")})
    return TrainingOut.model_validate(training)


@route("DELETE", "/people/{person}/trainings/{subject}", "duty:write", {204: None}, staff=True,
       problems=("not-found",))  # fmt: skip
def untrain(call: Call, *, person: str, subject: str) -> Answer:
    """Take a training away: their general level counts again."""
    row = _ours(call, person)
    training = call.session.scalar(select(Training).where(Training.person_id == row.id, Training.subject == subject))
    if training is None:
        raise Problem("not-found", "They have no such training.", remedy="Look at their availability.")
    call.session.delete(training)
    _write_down(call, f"person:{row.id}", "training.removed", {"subject": subject})
    return Answer(status=204)


@route("POST", "/people/{person}/times-off", "duty:read", {201: TimeOffOut}, body=TimeOffIn, staff=True,
       problems=("not-found",))  # fmt: skip
def take_off(call: Call, body: TimeOffIn, *, person: str) -> TimeOffOut:
    """Absence or protected time. One's own needs no right; somebody else's needs duty:write."""
    row = _theirs(call, person)
    if body.end <= body.start:
        raise invalid("end", "is not after start", "give a later instant")
    off = TimeOff(
        person_id=row.id, kind=body.kind, starts_at=body.start, ends_at=body.end, reason=body.reason, said_at=call.now
    )
    call.session.add(off)
    call.session.flush()  # the audit names the row
    _write_down(call, f"person:{row.id}", "time_off.added", body.model_dump(mode="json"))
    return TimeOffOut.model_validate(off)


@route("DELETE", "/people/{person}/times-off/{off}", "duty:read", {204: None}, staff=True, problems=("not-found",))
def give_back(call: Call, *, person: str, off: str) -> Answer:
    """They are there after all."""
    row = _theirs(call, person)
    found = lookup.time_off(call, off)
    if found.person_id != row.id:
        raise Problem("not-found", "They have no such time off.", remedy="Look at their availability.")
    call.session.delete(found)
    _write_down(call, f"person:{row.id}", "time_off.removed", {"id": str(found.id)})
    return Answer(status=204)


@route("GET", "/detachments", "duty:read", {200: Detachments}, query=Paged, staff=True)
def detachments(call: Call, query: Paged) -> Detachments:
    """Engineers who work for one account only, those not ended: oldest start first."""
    open_ones = select(Detachment).where(Detachment.ends_at.is_(None))
    rows, after = page(call.session, open_ones, query, Detachment.starts_at, Detachment.id, newest_first=False)
    return Detachments(items=[DetachmentOut.model_validate(row) for row in rows], next=after)


@route("POST", "/detachments", "duty:write", {201: DetachmentOut}, body=DetachmentIn, staff=True,
       problems=("conflict",))  # fmt: skip
def detach(call: Call, body: DetachmentIn) -> DetachmentOut:
    """Detach a senior engineer to one account: they are first for it, and routed to nobody else."""
    row = lookup.person(call, str(body.person), "person")
    customer = lookup.customer(call, body.customer, "customer")
    said = detaching.detach(call.session, row, customer, body.reason, call.caller.actor, call.now, start=body.start)
    if isinstance(said, NotNow) and said.rule == "person":
        raise invalid("person", "is not a senior engineer", "detach somebody who can carry an account alone")
    return _detachment(said)


@route("POST", "/detachments/{detachment}/end", "duty:write", {200: DetachmentOut}, staff=True,
       problems=("not-found", "conflict"))  # fmt: skip
def end(call: Call, *, detachment: str) -> DetachmentOut:
    """They are everybody's again. One that has not begun is called off: answered with its end at its start, and kept in
    the audit only."""
    row = lookup.detachment(call, detachment)
    said = _detachment(detaching.end(call.session, row, call.caller.actor, call.now))
    return said if said.ends_at is not None else said.model_copy(update={"ends_at": said.starts_at})


def _detachment(said: Detachment | NotNow) -> DetachmentOut:
    if isinstance(said, NotNow):
        raise Problem("conflict", said.reason, remedy=said.remedy)
    return DetachmentOut.model_validate(said)


def _ours(call: Call, ref: str) -> Person:
    row = lookup.person(call, ref)
    if row.customer_id is not None:
        raise Problem("not-found", "This is a customer's contact.", remedy="Only our own people are routed to.")
    return row


def _theirs(call: Call, ref: str) -> Person:
    row = _ours(call, ref)
    if row.id != call.caller.person and not call.caller.may("duty:write"):
        raise Problem(
            "not-allowed", "Another person's availability is theirs to say.", remedy="Ask them, or a manager."
        )
    return row


def _shown(call: Call, row: Person) -> Availability:
    trainings = select(Training).where(Training.person_id == row.id).order_by(Training.subject)
    off = select(TimeOff).where(TimeOff.person_id == row.id, TimeOff.ends_at > call.now).order_by(TimeOff.starts_at)
    return Availability(
        person_id=row.id,
        present=row.away_since is None,
        away_since=row.away_since,
        capacity={mode: int(room) for mode, room in row.capacity.items()},
        trainings=[TrainingOut.model_validate(one) for one in call.session.scalars(trainings)],
        times_off=[TimeOffOut.model_validate(one) for one in call.session.scalars(off)],
    )


def _write_down(call: Call, subject: str, deed: str, facts: dict[str, object]) -> None:
    record(call.session, actor=call.caller.actor, deed=deed, subject=subject, facts=facts, now=call.now)
