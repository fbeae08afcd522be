"""Our people: skills, languages, zone, site, turns, room, trainings, ways with their proof, presence; changing them."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.identity import Caller
from app.pages import planned
from app.pages.board import local_instant
from app.pages.fields import Form, is_zone, zones
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.pages.reachable import Reached, reached
from app.pages.turn_ends import of_person
from app.problems import not_found
from escalation import detaching, proving, reserving, roster, rota
from escalation.incident import NotNow
from escalation.routing import CAPACITY, LEVELS, UNITS, Seat, seat_words
from escalation.subjects import SUBJECTS
from models.audit import record
from models.customers import Customer
from models.duty import Detachment, HouseSite, TimeOff, Training
from models.people import Person, Shift

AHEAD = timedelta(days=28)
SOON = timedelta(days=30)  # a training that runs out within so long is said


@dataclass(frozen=True, slots=True)
class Line:
    person: Person
    proof: Reached
    on_duty: str
    where: str  # the site they work at, or from home
    size: str  # of that site
    trained: str
    soon: str  # trainings that have run out, or will soon


def register(app: Flask) -> None:
    app.add_url_rule("/people", "people", index)
    app.add_url_rule("/people/<uuid:person_id>", "person", one, methods=["GET", "POST"])


def index() -> AnyResponse:
    """Everybody of ours, by zone."""
    who, now = signed_in("people:read"), front.now()
    with reading(who) as session:
        people = list(roster.our_people(session).values())
        units, known, seats = roster.units_now(session, now), proving.proofs(session), roster.seats(session)
        trainings: dict[uuid.UUID, list[Training]] = {}
        for row in session.scalars(select(Training).order_by(Training.subject)):
            trainings.setdefault(row.person_id, []).append(row)
        lines = [
            Line(
                person,
                reached(person, known, now, zone()),
                ", ".join(sorted(units.get(person.id, ()))),
                *_where(seats(person)),
                ", ".join(f"{row.subject} ({row.level})" for row in trainings.get(person.id, ())),
                "; ".join(_runs_out(row) for row in trainings.get(person.id, ()) if _is_soon(row)),
            )
            for person in sorted(people, key=lambda one: (UNITS.index(one.unit) if one.unit in UNITS else 9, one.name))
        ]
    return page("people.html", here="/duty", lines=lines, hints=HINTS_TABLE)


def _where(seat: Seat) -> tuple[str, str]:
    return ("from home" if seat.is_home else seat.name, seat.size)


def _is_soon(row: Training) -> bool:
    return row.expires_on is not None and row.expires_on <= (front.now() + SOON).date()


def _runs_out(row: Training) -> str:
    over = row.expires_on is not None and row.expires_on < front.now().date()
    return f"{row.subject} {'expired' if over else 'expires'} {row.expires_on}"


def one(person_id: uuid.UUID) -> AnyResponse:
    """One person: what routing counts on, and the forms that change it."""
    who, now = signed_in("people:read"), front.now()
    form = Form(request.form)
    with reading(who) as session:
        person = session.get(Person, person_id, with_for_update=request.method == "POST")
        if person is None or person.customer_id is not None:
            raise not_found("person")
        own = person.id == who.person
        may = who.may("duty:write")
        if request.method == "POST":
            _do(session, who, person, form, own=own, may=may)
            if not form.wrong:
                return redirect(f"/people/{person.id}", 303)
        serving = {one.person_id: one for one in roster.read(session, now).engineers}.get(person.id)
        known = proving.proofs(session, [person.id])
        customers = _customers(session) if may else []
        return page(
            "person.html", status=422 if form.wrong else 200, here="/duty", person=person, form=form, own=own,
            may=may, may_change=who.may("people:write"), proof=reached(person, known, now, zone()),
            turns=_turns(session, person.id), serving=serving, capacity=CAPACITY, levels=LEVELS, units=UNITS,
            zones=zones(), subjects=sorted(SUBJECTS), hints=HINTS_TABLE, today=now.date(),
            seat=seat_words(roster.seats(session)(person)),
            sites=session.scalars(select(HouseSite.name).order_by(HouseSite.name)).all(),
            trainings=session.scalars(select(Training).where(Training.person_id == person.id)
                                      .order_by(Training.subject)).all(),
            held=of_person(session, person.id, now),
            detached=_detached(session, person.id), customers=customers,
            kept_for=planned.choices(customers), kept=reserving.of(session, now, person.id),
            off=session.scalars(select(TimeOff).where(TimeOff.person_id == person.id, TimeOff.ends_at > now)
                                .order_by(TimeOff.starts_at)).all(),
        )  # fmt: skip


def _detached(session: Session, person_id: uuid.UUID) -> tuple[Detachment, str] | None:
    """Which account they are detached to, by name."""
    row = detaching.open_one(session, person_id)
    return (row, session.get_one(Customer, row.customer_id).name) if row is not None else None


def _customers(session: Session) -> list[tuple[str, str]]:
    named = session.execute(select(Customer.slug, Customer.name).order_by(Customer.name))
    return [("", "choose"), *((slug, name) for slug, name in named)]


def _turns(session: Session, person_id: uuid.UUID) -> list[tuple[str, rota.Stretch, uuid.UUID | None]]:
    """Their coming turns: by schedules, and single shifts, each of those with its id."""
    now = front.now()
    found: list[tuple[str, rota.Stretch, uuid.UUID | None]] = [
        (row.name, turn, None)
        for row, plan in roster.schedules(session, now, now + AHEAD)
        for turn in rota.stretches(plan, now, now + AHEAD)
        if turn.person == person_id
    ]
    shifts = select(Shift).where(Shift.person_id == person_id, Shift.ends_at > now, Shift.starts_at < now + AHEAD)
    found += [
        (f"{shift.unit}, a single shift", rota.Stretch(shift.starts_at, shift.ends_at, person_id), shift.id)
        for shift in session.scalars(shifts)
    ]
    return sorted(found, key=lambda pair: pair[1].start)[:30]


def _do(session: Session, who: Caller, person: Person, form: Form, *, own: bool, may: bool) -> None:
    """One deed of the page. Presence, room and time off are one's own to say; the rest needs duty:write."""
    deed, now = form["do"], front.now()
    if not (may or (own and deed in ("presence", "room", "off", "back"))):
        form.refuse("do", "Somebody who may change duty does that; ask a manager.")
        return
    if deed in planned.DEEDS:
        planned.do(session, who, person, form)
        return
    if deed in ("detach", "recall"):
        _detach(session, who, person, form)
        return
    facts: dict[str, object] = {}
    if deed == "presence":
        person.away_since = None if person.away_since is not None else now
        facts = {"present": person.away_since is None}
    elif deed == "room":
        rooms = {mode: form[mode].strip() for mode in CAPACITY}
        for mode, text in rooms.items():
            if text and (not text.isdecimal() or len(text) > 2 or int(text) > 50):
                form.refuse(mode, "Write a number from 0 to 50, or nothing for the usual.")
        if not form.wrong:
            person.capacity = {mode: int(text) for mode, text in rooms.items() if text}
            facts = dict(person.capacity)
    elif deed == "off":
        facts = _take_off(session, person, form)
    elif deed == "back":
        row = session.get(TimeOff, uuid.UUID(form["id"])) if re.fullmatch(r"[0-9a-f-]{36}", form["id"]) else None
        if row is not None and row.person_id == person.id:
            session.delete(row)
            facts = {"id": str(row.id)}
    elif deed == "train":
        facts = _train(session, person, form)
    elif deed == "skills":
        facts = _skills(person, form)
    if not form.wrong:
        session.flush()
        record(session, actor=who.actor, deed=f"person.{deed}", subject=f"person:{person.id}", facts=facts, now=now)


def _detach(session: Session, who: Caller, person: Person, form: Form) -> None:
    """To one account, or back to everybody; the audit is written there."""
    now, said = front.now(), None
    if form["do"] == "recall":
        row = detaching.open_one(session, person.id)
        said = detaching.end(session, row, who.actor, now) if row is not None else None
    else:
        customer = session.scalar(select(Customer).where(Customer.slug == form["customer"]))
        reason = form.text("why", "a reason; the engineer and the account read it", most=200)
        if customer is None:
            form.refuse("customer", "Choose one of the customers.")
        elif not form.wrong:
            said = detaching.detach(session, person, customer, reason, who.actor, now)
    if isinstance(said, NotNow):
        form.refuse("do", f"{said.reason} {said.remedy}")


def _take_off(session: Session, person: Person, form: Form) -> dict[str, object]:
    start, end = local_instant(form["start"], zone()), local_instant(form["end"], zone())
    for field, value in (("start", start), ("end", end)):
        if value is None:
            form.refuse(field, "Choose a day and an hour.")
    if start is not None and end is not None and end <= start:
        form.refuse("end", "It ends before it begins; give a later end.")
    kind = form.choice("kind", lambda value: value in ("absent", "protected"), "Choose one of the two.", "absent")
    reason = form.text("reason", "", most=200, required=False)
    if form.wrong or start is None or end is None:
        return {}
    span = {"starts_at": start, "ends_at": end}
    session.add(TimeOff(person_id=person.id, kind=kind, reason=reason, said_at=front.now(), **span))
    return {"kind": kind, "from": start.isoformat(), "until": end.isoformat()}


def _train(session: Session, person: Person, form: Form) -> dict[str, object]:
    subject = form.choice("subject", lambda value: value in SUBJECTS, "Choose one of the subjects.", "")
    level = form.choice("level", lambda value: value in (*LEVELS, "none"), "Choose one of the levels.", "confirmed")
    expires = form.day("expires_on", required=False)
    if form.wrong:
        return {}
    row = session.scalar(select(Training).where(Training.person_id == person.id, Training.subject == subject))
    if level == "none":
        if row is not None:
            session.delete(row)
        return {"subject": subject, "removed": True}
    if row is None:
        row = Training(person_id=person.id, subject=subject)
        session.add(row)
    row.level, row.expires_on = level, expires
    return {"subject": subject, "level": level, "expires_on": str(expires or "")}


def _skills(person: Person, form: Form) -> dict[str, object]:
    level = form.choice("level", lambda value: value in LEVELS, "Choose one of the levels.", person.level)
    unit = form.choice("unit", lambda value: value in UNITS, "Choose one of the zones.", person.unit)
    place = form.choice("zone", is_zone, "Choose a time zone from the list, such as Europe/Paris.", person.zone)
    languages = form["languages"].replace(",", " ").lower().split()
    if not languages or len(languages) > 10 or any(not re.fullmatch("[a-z]{2}", one) for one in languages):
        form.refuse("languages", "Write codes of two letters, the first one first, such as fr en.")
    site = form.text("site", "", most=80, required=False)
    if form.wrong:
        return {}
    person.level, person.unit, person.zone, person.languages, person.site = level, unit, place, languages, site
    return {"level": level, "unit": unit, "zone": place, "languages": languages, "site": site}
