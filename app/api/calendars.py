"""Service calendars by name, with their versions; when they are open; and what a change of contract would move."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.api.outcome import done
from app.problems import FieldError, Problem, not_found
from app.wire import Day, In, Instant, Line, Out, Ref
from contracts import calendar_uses, calendars, clock, ledger, year
from contracts.calendars import Draft
from contracts.hours import parse
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS
from escalation import consequences
from models.calendars import CalendarVersion, ServiceCalendar
from models.customers import Customer

CalendarName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Body = Annotated[
    dict[str, Any],
    Field(
        description="tz, weekly {mon..sun: [[start, end), …]}, always_open, closed_dates, closed_annual, date_hours, "
        'breaks, holidays ("FR", "DE-BY"), half_days {"12-24": "12:00"}; or {"union": […]} or {"intersect": […]} of '
        'such, where {"calendar": NAME} names another one'
    ),
]


class VersionOut(Out):
    version: int
    effective_on: date
    author: str
    reason: str
    created_at: Instant
    body: dict[str, Any]


class CalendarOut(Out):
    id: uuid.UUID
    name: str
    title: str
    customer_id: uuid.UUID | None = Field(description="null: the house's, for everybody")
    zone: str = Field(description="its dates and days are read in it")
    is_open: bool
    next_open: Instant | None = Field(description="now, when it is open; null: not within two years")
    next_close: Instant | None = Field(description="null while closed, or when it never closes")
    body: dict[str, Any] = Field(description="the version in force, with every calendar it names filled in")


class CalendarWhole(CalendarOut):
    versions: list[VersionOut] = Field(description="the newest first")


class CalendarList(Out):
    items: list[CalendarOut]


class NewCalendar(In):
    name: CalendarName
    title: Line
    customer: Ref | None = Field(None, description="id or slug; left out: the house's")
    body: Body
    effective_on: Day | None = Field(None, description="left out: from today on")
    reason: Line


class NewVersion(In):
    body: Body
    effective_on: Day | None = Field(None, description="left out: from today on")
    reason: Line


class At(In):
    at: Instant | None = Field(None, description="left out: now")


class YearQuery(In):
    year: int | None = Field(None, ge=1970, le=2100, description="left out: this one")


class DayOut(Out):
    date: date
    kind: Literal["open", "part", "closed", "holiday"]
    hours: str = Field(description="of the wall clock: 09:00-12:00 13:00-17:00")
    note: str


class YearOut(Out):
    name: str
    year: int
    zone: str
    open_days: int
    days: list[DayOut]


class Change(In):
    change: Literal["upgrade", "downgrade", "suspension", "expiry", "cancellation"]
    tier: Literal["bronze", "silver", "gold", "platinum"] | None = Field(
        None, description="of an upgrade: the usual terms of this tier; left out: the terms the contract has now"
    )
    terms: dict[str, Any] | None = Field(None, description="of an upgrade: these terms, as a version of them has")


class EffectOut(Out):
    promise_id: uuid.UUID
    incident: str
    kind: str
    party: str
    before: Instant | None
    after: Instant | None
    moves: bool
    rule: Literal["earlier", "kept", "cutoff"]


class ForecastOut(Out):
    change: str
    at: Instant
    moved: int
    words: list[str] = Field(description="one sentence on the whole, then one for each promise that would move")
    words_fr: list[str]
    effects: list[EffectOut]


@route("GET", "/calendars", "contracts:read", {200: CalendarList})
def index(call: Call) -> CalendarList:
    """The calendars contracts may name."""
    rows = call.session.scalars(select(ServiceCalendar).order_by(ServiceCalendar.name))
    return CalendarList(items=[CalendarOut(**_facts(call, row, call.now)) for row in rows])


@route("POST", "/calendars", "contracts:write", {201: CalendarWhole}, body=NewCalendar, staff=True,
       problems=("invalid",))  # fmt: skip
def create(call: Call, body: NewCalendar) -> Answer:
    """A new calendar with its first version."""
    owner: Customer | None = lookup.customer(call, body.customer, "customer") if body.customer else None
    draft = Draft(body.body, body.effective_on or call.now.date(), body.reason)
    with _fields():
        row = calendars.add(
            call.session, body.name, body.title, draft, call.caller.actor, call.now, owner.id if owner else None
        )
    return Answer(_whole(call, row), 201, {"Location": f"/api/v1/calendars/{row.name}"})


@route("GET", "/calendars/{calendar}", "contracts:read", {200: CalendarWhole}, query=At, problems=("not-found",))
def get(call: Call, query: At, *, calendar: str) -> CalendarWhole:
    """One calendar by name or id: whether it is open, when next, and all its versions."""
    return _whole(call, _found(call, calendar), query.at)


@route("POST", "/calendars/{calendar}/versions", "contracts:write", {201: CalendarWhole}, body=NewVersion, staff=True,
       problems=("not-found", "invalid"))  # fmt: skip
def change(call: Call, body: NewVersion, *, calendar: str) -> Answer:
    """The next version, from a date on. What is promised already keeps the version it was promised by."""
    row = _found(call, calendar)
    draft = Draft(body.body, body.effective_on or call.now.date(), body.reason)
    with _fields():
        calendars.change(call.session, row, draft, call.caller.actor, call.now)
    return Answer(_whole(call, row), 201)


@route("DELETE", "/calendars/{calendar}", "contracts:write", {204: None}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def remove(call: Call, *, calendar: str) -> Answer:
    """Take a calendar away that neither terms nor another calendar name. What it promised stays promised."""
    done(calendar_uses.remove(call.session, _found(call, calendar), call.caller.actor, call.now))
    return Answer(status=204)


@route("GET", "/calendars/{calendar}/year", "contracts:read", {200: YearOut}, query=YearQuery,
       problems=("not-found",))  # fmt: skip
def a_year(call: Call, query: YearQuery, *, calendar: str) -> YearOut:
    """A year at a glance: every day with its hours."""
    row = _found(call, calendar)
    hours = parse(_body(call, row, call.now))
    number = query.year or call.now.year
    days = [day for month in year.year(hours, number) for day in month]
    return YearOut(
        name=row.name,
        year=number,
        zone=clock.zone_of(hours),
        open_days=sum(day.kind in ("open", "part") for day in days),
        days=[DayOut(date=day.date, kind=day.kind, hours=day.hours, note=day.note) for day in days],
    )


@route("POST", "/contracts/{contract}/forecast", "contracts:read", {200: ForecastOut}, body=Change, staff=True,
       problems=("not-found", "invalid"))  # fmt: skip
def forecast(call: Call, body: Change, *, contract: str) -> ForecastOut:
    """What a change would do to the promises that run, said before it is done: nothing is written."""
    row = lookup.contract(call, contract)
    found = consequences.forecast(call.session, row, body.change, call.now, _terms(call, row.id, row.customer_id, body))
    return _said(found, row.zone)


@route("POST", "/contracts/{contract}/consequences", "contracts:write", {200: ForecastOut}, body=Change, staff=True,
       problems=("not-found", "invalid"))  # fmt: skip
def carry_out(call: Call, body: Change, *, contract: str) -> ForecastOut:
    """Let a change reach the promises that run, just as it was foreseen; both values go into the audit."""
    row = lookup.contract(call, contract)
    terms = _terms(call, row.id, row.customer_id, body)
    return _said(consequences.carry_out(call.session, row, body.change, call.now, terms, actor=call.actor), row.zone)


def _said(found: consequences.Forecast, zone: str) -> ForecastOut:
    effects = [
        EffectOut(
            promise_id=one.promise_id,
            incident=one.label,
            kind=one.kind,
            party=one.party,
            before=one.before,
            after=one.after,
            moves=one.moves,
            rule=one.rule,
        )
        for one in found.effects
    ]
    return ForecastOut(
        change=found.change,
        at=found.at,
        moved=len(found.moved),
        words=found.words("en", zone),
        words_fr=found.words("fr", zone),
        effects=effects,
    )


def _terms(call: Call, contract_id: uuid.UUID, customer_id: uuid.UUID, body: Change) -> Terms | None:
    if body.change != "upgrade":
        return None
    if body.terms is not None:
        with _fields("terms."):
            return calendars.with_named(call.session, Terms.from_json(body.terms), call.now)
    if body.tier is not None:
        return DEFAULTS[Tier(body.tier)]
    return ledger.standing(call.session, customer_id, call.now, contract_id=contract_id).terms


@contextmanager
def _fields(where: str = "") -> Iterator[None]:
    """A ValueError that names its field becomes a problem that does."""
    try:
        yield
    except ValueError as wrong:
        field, _, problem = str(wrong).partition(": ")
        name = f"{where}{field}" if where or field in ("name", "reason") else f"body.{field}"
        errors = [FieldError(name, problem or "cannot be used", "correct it")]
        raise Problem("invalid", f"{name}: {problem}", errors=errors) from None


def _found(call: Call, ref: str) -> ServiceCalendar:
    try:
        row = call.session.get(ServiceCalendar, uuid.UUID(ref))
    except ValueError:
        row = calendars.by_name(call.session, ref)
    if row is None:
        raise not_found("calendar")
    return row


def _body(call: Call, row: ServiceCalendar, at: datetime) -> dict[str, Any]:
    """The version in force; before the first one begins, that one."""
    try:
        return calendars.whole(call.session, {"calendar": row.name}, at)
    except ValueError:
        first = calendars.versions(call.session, row)[-1]
        return calendars.whole(call.session, first.body, call.now)


def _facts(call: Call, row: ServiceCalendar, at: datetime) -> dict[str, Any]:
    body = _body(call, row, at)
    hours = parse(body)
    return {
        "id": row.id,
        "name": row.name,
        "title": row.title,
        "customer_id": row.customer_id,
        "zone": clock.zone_of(hours),
        "is_open": clock.is_open(hours, at),
        "next_open": clock.next_open(hours, at),
        "next_close": clock.next_close(hours, at),
        "body": body,
    }


def _whole(call: Call, row: ServiceCalendar, at: datetime | None = None) -> CalendarWhole:
    listed: list[CalendarVersion] = calendars.versions(call.session, row)
    return CalendarWhole(
        **_facts(call, row, at or call.now), versions=[VersionOut.model_validate(one) for one in listed]
    )
