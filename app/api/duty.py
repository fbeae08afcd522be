"""Duty: schedules with their turns and gaps, who is on duty now and next, and covers."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.paging import page
from app.problems import Problem, invalid
from app.wire import Country, Day, In, Instant, Line, MaybeLine, Out, Paged, Zone
from escalation import cover as covering
from escalation import roster, rota
from escalation.incident import NotNow
from escalation.rota import Stretch
from models.audit import record
from models.duty import Cover, DutySchedule

Unit = Literal["americas", "europe", "asia-pacific"]
Hour = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="local, as 09:00")]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-4]):[0-5]\d$", description="local, as 09:00; 24:00 ends a day")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class LayerIn(In):
    name: MaybeLine = ""
    people: list[uuid.UUID] = Field(min_length=1, max_length=100, description="in the order of their turns")
    first_day: Day = Field(description="the day the first turn begins")
    last_day: Day | None = Field(None, description="the last day of the last turn; none: goes on")
    days: int = Field(7, ge=1, le=92, description="how long a turn lasts")
    handover: Hour = "09:00"
    weekly: dict[Weekday, Annotated[list[tuple[Clock, Clock]], Field(max_length=6)]] | None = Field(
        None, description="on duty within these hours only; none: around the clock"
    )
    holidays: Country = Field("", description="country or region whose public holidays are left to the next layer")


class ScheduleIn(In):
    name: Line
    unit: Unit
    zone: Zone
    layers: list[LayerIn] = Field(min_length=1, max_length=20, description="the first with somebody on duty wins")


class SchedulePut(ScheduleIn):
    version: int = Field(ge=1, description="the version you have seen; another one means that somebody was quicker")
    active: bool = True


class ScheduleOut(Out):
    id: uuid.UUID
    name: str
    unit: str
    zone: str
    layers: list[dict[str, Any]]
    active: bool
    version: int
    changed_at: Instant


class Schedules(Out):
    items: list[ScheduleOut]


class Turn(Out):
    start: Instant
    end: Instant
    person_id: uuid.UUID | None = Field(description="null: nobody, a gap")
    person: str
    why: str = Field(description="the layer, or cover")


class Turns(Out):
    items: list[Turn]
    gaps: int = Field(description="how many of them are gaps")


class TurnsQuery(In):
    since: Instant | None = Field(None, description="default: now")
    until: Instant | None = Field(None, description="default: two weeks after `since`; at most 400 days")


class OnDuty(Out):
    schedule: str
    unit: str
    now: Turn
    next: Turn | None


class DutyNow(Out):
    items: list[OnDuty]


class CoverIn(In):
    start: Instant
    end: Instant
    person: uuid.UUID | None = Field(None, description="whom to ask; none: everybody, the first has it")
    reason: MaybeLine = ""


class CoverAnswer(In):
    answer: Literal["accepted", "declined", "withdrawn"]


class CoverOut(Out):
    id: uuid.UUID
    schedule_id: uuid.UUID
    for_id: uuid.UUID | None
    person_id: uuid.UUID | None
    starts_at: Instant
    ends_at: Instant
    state: str
    reason: str
    asked_at: Instant
    answered_at: Instant | None


class Covers(Out):
    items: list[CoverOut]
    next: str | None


@route("GET", "/duty/schedules", "duty:read", {200: Schedules}, staff=True)
def schedules(call: Call) -> Schedules:
    """Every schedule, by name."""
    rows = call.session.scalars(select(DutySchedule).order_by(DutySchedule.name))
    return Schedules(items=[ScheduleOut.model_validate(row) for row in rows])


@route("POST", "/duty/schedules", "duty:write", {201: ScheduleOut}, body=ScheduleIn, staff=True, problems=("conflict",))
def add(call: Call, body: ScheduleIn) -> Answer:
    """Add a schedule. Its layers take turns; whoever is on duty is called by the ladders of their unit."""
    row = DutySchedule(name=body.name, unit=body.unit, zone=body.zone, layers=_layers(call, body), changed_at=call.now)
    call.session.add(row)
    call.session.flush()  # the audit names the row
    _write_down(call, row, "schedule.added")
    return Answer(ScheduleOut.model_validate(row), headers={"Location": f"/api/v1/duty/schedules/{row.id}"})


@route("GET", "/duty/schedules/{schedule}", "duty:read", {200: ScheduleOut}, staff=True, problems=("not-found",))
def one(call: Call, *, schedule: str) -> ScheduleOut:
    """One schedule."""
    return ScheduleOut.model_validate(lookup.schedule(call, schedule))


@route("PUT", "/duty/schedules/{schedule}", "duty:write", {200: ScheduleOut}, body=SchedulePut, staff=True,
       problems=("not-found", "conflict"))  # fmt: skip
def change(call: Call, body: SchedulePut, *, schedule: str) -> ScheduleOut:
    """Change a schedule as a whole. Turns already served are a matter of the incidents' stories, not of this."""
    row = lookup.schedule(call, schedule)
    call.session.refresh(row, with_for_update=True)
    if row.version != body.version:
        raise Problem(
            "conflict", f"Somebody changed it meanwhile: it is version {row.version}.", remedy="Read it again."
        )
    row.name, row.unit, row.zone, row.active = body.name, body.unit, body.zone, body.active
    row.layers, row.version, row.changed_at = _layers(call, body), row.version + 1, call.now
    call.session.flush()  # a name that is taken is refused here
    _write_down(call, row, "schedule.changed")
    return ScheduleOut.model_validate(row)


@route("GET", "/duty/schedules/{schedule}/turns", "duty:read", {200: Turns}, query=TurnsQuery, staff=True,
       problems=("not-found",))  # fmt: skip
def turns(call: Call, query: TurnsQuery, *, schedule: str) -> Turns:
    """Who is on duty from one instant to another, gaps included: seen before they happen."""
    row = lookup.schedule(call, schedule)
    start = query.since or call.now
    end = query.until or start + timedelta(days=14)
    if not start < end <= start + rota.LONGEST:
        raise invalid("until", "does not lie within 400 days after `since`", "give a later, or a nearer instant")
    found = [plain for known, plain in roster.schedules(call.session, start, end, now=call.now) if known.id == row.id]
    drawn = rota.stretches(found[0] if found else roster.drawn(row), start, end)
    names = _names(call)
    return Turns(items=[_turn(each, names) for each in drawn], gaps=sum(each.person is None for each in drawn))


@route("GET", "/duty/now", "duty:read", {200: DutyNow}, staff=True)
def now(call: Call) -> DutyNow:
    """Who is on duty now, and who follows, of each active schedule."""
    ahead = timedelta(days=31)
    names, items = _names(call), []
    for row, schedule in roster.schedules(call.session, call.now, call.now + ahead):
        holds, *following = rota.now_and_next(schedule, call.now, ahead)
        follows = _turn(following[0], names) if following else None
        items.append(OnDuty(schedule=row.name, unit=row.unit, now=_turn(holds, names), next=follows))
    return DutyNow(items=items)


@route("GET", "/duty/covers", "duty:read", {200: Covers}, query=Paged, staff=True)
def covers(call: Call, query: Paged) -> Covers:
    """Covers whose time is not over, whatever was answered, the next first."""
    ahead = select(Cover).where(Cover.ends_at > call.now)
    rows, after = page(call.session, ahead, query, Cover.starts_at, Cover.id, newest_first=False)
    return Covers(items=[CoverOut.model_validate(row) for row in rows], next=after)


@route("POST", "/duty/schedules/{schedule}/covers", "duty:read", {201: CoverOut}, body=CoverIn, staff=True,
       problems=("not-found", "conflict"))  # fmt: skip
def ask_cover(call: Call, body: CoverIn, *, schedule: str) -> CoverOut:
    """Ask somebody, or everybody, to stand in for you."""
    row = lookup.schedule(call, schedule)
    span = (body.start, body.end)
    said = covering.ask(call.session, row, call.actor, span, call.now, person_id=body.person, reason=body.reason)
    return CoverOut.model_validate(_done(said))


@route("POST", "/duty/covers/{cover}/answer", "duty:read", {200: CoverOut}, body=CoverAnswer, staff=True,
       problems=("not-found", "conflict"))  # fmt: skip
def answer_cover(call: Call, body: CoverAnswer, *, cover: str) -> CoverOut:
    """Accept, decline, or (whoever asked) withdraw. From the acceptance on, the turn is theirs."""
    row = lookup.cover(call, cover)
    return CoverOut.model_validate(_done(covering.answer(call.session, row.id, call.actor, body.answer, call.now)))


def _done(said: Cover | NotNow) -> Cover:
    if isinstance(said, NotNow):
        raise Problem("conflict", said.reason, remedy=said.remedy)
    return said


def _layers(call: Call, body: ScheduleIn) -> list[dict[str, Any]]:  # Any: JSON
    known = roster.our_people(call.session)
    made = []
    for place, given in enumerate(body.layers):
        for person in given.people:
            if person not in known:
                raise invalid(f"layers.{place}.people", f"{person} is not one of ours", "name active people of ours")
        stored = given.model_dump(mode="json") | {"people": [str(person) for person in given.people]}
        try:
            made.append(rota.layer(stored, f"layers.{place}").to_json())
        except ValueError as wrong:
            field, _, said = str(wrong).partition(": ")
            raise invalid(field, said, "see the layer's fields") from None
    return made


def _names(call: Call) -> dict[uuid.UUID, str]:
    return {id: person.name for id, person in roster.our_people(call.session).items()}


def _turn(stretch: Stretch, names: dict[uuid.UUID, str]) -> Turn:
    name = names.get(stretch.person, "somebody who has left") if stretch.person else "nobody"
    return Turn(start=stretch.start, end=stretch.end, person_id=stretch.person, person=name, why=stretch.why)


def _write_down(call: Call, row: DutySchedule, deed: str) -> None:
    facts = {"name": row.name, "unit": row.unit, "layers": row.layers, "version": row.version, "active": row.active}
    record(call.session, actor=call.caller.actor, deed=deed, subject=f"schedule:{row.id}", facts=facts, now=call.now)
