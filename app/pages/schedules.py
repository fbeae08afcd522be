"""Schedules of duty: each with who has it now and next, edited layer by layer with the coming weeks drawn beside."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, redirect, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.identity import Caller
from app.pages.fields import Form, is_zone, zones
from app.pages.frame import HINTS_TABLE, page, reading, signed_in
from app.problems import not_found
from contracts import weekly
from contracts.hours import DAYS
from escalation import roster, rota
from escalation.rota import Stretch
from escalation.routing import UNITS
from models.audit import record
from models.base import new_id
from models.duty import DutySchedule
from models.people import Person

DRAWN = timedelta(days=28)
GAPS_AHEAD = timedelta(days=14)
MOST_LAYERS = 6
_BLANK = {"name": "", "people": "", "first_day": "", "last_day": "", "days": "7", "handover": "09:00", "hours": "24x7",
          "holidays": ""}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    row: DutySchedule
    now: str
    next: str
    gaps: int


def register(app: Flask) -> None:
    app.add_url_rule("/duty/schedules", "schedules", index)
    app.add_url_rule("/duty/schedules/new", "schedule_new", edit, methods=["GET", "POST"])
    app.add_url_rule("/duty/schedules/<uuid:schedule_id>", "schedule", edit, methods=["GET", "POST"])


def index() -> AnyResponse:
    """Every schedule, with who has it now, who follows, and what is missing ahead."""
    who, now = signed_in("duty:read"), front.now()
    with reading(who) as session:
        names = {id: person.name for id, person in roster.our_people(session).items()}
        plans = {row.id: plan for row, plan in roster.schedules(session, now, now + GAPS_AHEAD)}
        rows = []
        for row in session.scalars(select(DutySchedule).order_by(DutySchedule.active.desc(), DutySchedule.name)):
            plan = plans.get(row.id)
            turns = rota.now_and_next(plan, now, GAPS_AHEAD) if plan is not None else ()
            said = [*(_name(turn, names) for turn in turns), "", ""]
            gaps = len(rota.gaps(plan, now, now + GAPS_AHEAD)) if plan is not None else 0
            rows.append(Row(row, said[0], said[1], gaps))
    return page("schedules.html", here="/duty", rows=rows, may_write=who.may("duty:write"), hints=HINTS_TABLE)


def _name(turn: Stretch, names: Mapping[uuid.UUID, str]) -> str:
    return names.get(turn.person, "somebody who has left") if turn.person is not None else "nobody"


def edit(schedule_id: uuid.UUID | None = None) -> AnyResponse:
    """The form of one schedule; drawn beside it, the coming weeks as it would give them."""
    who = signed_in("duty:read" if request.method == "GET" else "duty:write")
    form = Form(request.form)
    with reading(who) as session:
        row = session.get(DutySchedule, schedule_id, with_for_update=request.method == "POST") if schedule_id else None
        if schedule_id is not None and row is None:
            raise not_found("schedule")
        people = roster.our_people(session)
        layers = _given(form) if request.method == "POST" else _stored(row, people)
        start = _from(form, row)
        plain = _read(session, form, row, layers, people) if request.method == "POST" else None
        if plain is not None and form["do"] == "keep":
            return redirect(f"/duty/schedules/{_write(session, who, form, row, plain)}", 303)
        turns = _drawn(session, form, row, plain, start)
        names = {id: person.name for id, person in people.items()}
        return page(
            "schedule.html", status=422 if form.wrong else 200, here="/duty", row=row, form=form, units=UNITS,
            layers=[*layers, *([dict(_BLANK)] if len(layers) < MOST_LAYERS else [])], zones=zones(),
            people=sorted(people.values(), key=lambda one: one.name), may_write=who.may("duty:write"),
            turns=[(turn, _name(turn, names)) for turn in turns], weeks=DRAWN.days // 7, hints=HINTS_TABLE,
            gaps=sum(turn.person is None for turn in turns), looked=plain is not None,
            drawn_from=form.day("drawn_from", required=False),
        )  # fmt: skip


def _given(form: Form) -> list[dict[str, str]]:
    """The layers as they were typed; one without people and name was taken away."""
    found = [{field: form[f"{field}-{at}"].strip() for field in _BLANK} for at in range(MOST_LAYERS)]
    return [layer for layer in found if layer["people"] or layer["name"]]


def _stored(row: DutySchedule | None, people: Mapping[uuid.UUID, Person]) -> list[dict[str, str]]:
    layers = []
    for stored in row.layers if row is not None else ():
        one = rota.layer(stored)
        layers.append({
            "name": one.name, "people": "\n".join(people[id].email for id in one.people if id in people),
            "first_day": one.first_day.isoformat(), "last_day": one.last_day.isoformat() if one.last_day else "",
            "days": str(one.days), "handover": f"{one.handover:%H:%M}", "holidays": one.holidays,
            "hours": in_words(one.weekly) if one.weekly else weekly.ALWAYS,
        })  # fmt: skip
    return layers


def in_words(stored: Mapping[str, Any]) -> str:  # Any: spans as stored
    """Weekly hours as a person writes them: "Mon-Fri 08:00-18:00, Sat 09:00-12:00"."""
    said = [" ".join("-".join(span) for span in sorted(stored.get(day, ()))) for day in DAYS]
    parts, at = [], 0
    while at < len(DAYS):
        to = at
        while to + 1 < len(DAYS) and said[to + 1] == said[at]:
            to += 1
        if said[at]:
            days = DAYS[at].capitalize() + (f"-{DAYS[to].capitalize()}" if to > at else "")
            parts.append(f"{days} {said[at]}")
        at = to + 1
    return ", ".join(parts)


def _read(
    session: Session,
    form: Form,
    row: DutySchedule | None,
    layers: list[dict[str, str]],
    people: Mapping[uuid.UUID, Person],
) -> list[dict[str, Any]] | None:  # Any: layers as stored
    """The layers as they would be stored, or None with what is wrong refused beside its field."""
    name = form.text("name", "a name", most=80)
    form.choice("unit", lambda value: value in UNITS, "Choose one of the zones.", "europe")
    form.choice("zone", is_zone, "Choose a time zone from the list, such as Europe/Paris.", "UTC")
    taken = select(DutySchedule.id).where(func.lower(DutySchedule.name) == name.lower())
    if session.scalar(taken.where(DutySchedule.id != row.id) if row is not None else taken) is not None:
        form.refuse("name", "Another schedule has this name; choose another one.")
    if row is not None and form["version"] != str(row.version):
        form.refuse("name", f"Somebody changed it meanwhile: it is version {row.version}. Look again.")
    if not layers:
        form.refuse("people-0", "A schedule needs a layer with at least one person.")
    found = [_layer(form, at, given, people) for at, given in enumerate(layers)]
    return [layer for layer in found if layer is not None] if not form.wrong else None


def _layer(
    form: Form, at: int, given: dict[str, str], people: Mapping[uuid.UUID, Person]
) -> dict[str, Any] | None:  # Any: a layer as stored
    by_mail = {person.email.lower(): id for id, person in people.items()}
    wanted = given["people"].replace(",", "\n").split()
    unknown = [mail for mail in wanted if mail.lower() not in by_mail]
    if unknown:
        form.refuse(f"people-{at}", f"{unknown[0]} is nobody of ours; write one address a line.")
        return None
    days = given["days"]
    stored: dict[str, Any] = {
        "name": given["name"][:80], "people": [str(by_mail[mail.lower()]) for mail in wanted],
        "first_day": given["first_day"], "last_day": given["last_day"] or None, "handover": given["handover"],
        "days": int(days) if days.isdecimal() and len(days) < 5 else days, "holidays": given["holidays"].upper(),
    }  # fmt: skip
    try:
        hours = weekly.spec(given["hours"] or weekly.ALWAYS)
        stored["weekly"] = hours.get("weekly")
    except ValueError as wrong:
        form.refuse(f"hours-{at}", f"{wrong}.")
        return None
    try:
        return rota.layer(stored, "layer").to_json()
    except ValueError as wrong:
        field, _, said = str(wrong).partition(": ")
        named = field.partition(".")[2]
        if named not in _BLANK:
            named = "holidays" if given["holidays"] and given["first_day"] else "first_day"
        form.refuse(f"{named}-{at}", f"{said or wrong}.")
        return None


def _write(
    session: Session, who: Caller, form: Form, row: DutySchedule | None, layers: list[dict[str, Any]]
) -> uuid.UUID:  # Any: layers as stored
    now, is_new = front.now(), row is None
    row = row or DutySchedule(id=new_id(), name="", unit="", zone="", changed_at=now, version=0)
    row.name, row.unit, row.zone = " ".join(form["name"].split()), form["unit"] or "europe", form["zone"] or "UTC"
    row.active, row.layers = is_new or form["active"] == "yes", layers
    row.version, row.changed_at = row.version + 1, now
    session.add(row)
    session.flush()  # the audit names the row
    facts = {"name": row.name, "unit": row.unit, "layers": layers, "version": row.version, "active": row.active}
    record(session, actor=who.actor, deed="schedule.added" if is_new else "schedule.changed",
           subject=f"schedule:{row.id}", facts=facts, now=now)  # fmt: skip
    return row.id


def _from(form: Form, row: DutySchedule | None) -> datetime:
    """Since when it is drawn: the midnight of a day one asks for (the clocks' change, Christmas), else now."""
    day = form.day("drawn_from", required=False)
    if day is None:
        return front.now()
    zone = form["zone"] if is_zone(form["zone"]) else (row.zone if row is not None else "UTC")
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _drawn(
    session: Session, form: Form, row: DutySchedule | None, layers: list[dict[str, Any]] | None, start: datetime
) -> list[Stretch]:  # Any: layers as stored
    """Some weeks from `start` on: by what was typed, else by what holds; covers and absences on top."""
    end = start + DRAWN
    known = {each.id: plan for each, plan in roster.schedules(session, start, end)}
    held = known.get(row.id) if row is not None else None
    if layers is not None:
        plain = tuple(rota.layer(one) for one in layers)
        any_plan = held or next(iter(known.values()), None)
        covers = held.covers if held is not None else ()
        absences = any_plan.absences if any_plan is not None else ()
        return rota.stretches(rota.Schedule(form["zone"] or "UTC", plain, covers, absences), start, end)
    return rota.stretches(held, start, end) if held is not None else []
