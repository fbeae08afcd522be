"""Handing over: the form that offers an incident with its note, and the list of what waits for a word."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, redirect, request
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, words
from app.api.lookup import as_id
from app.identity import Caller
from app.pages.fields import Form
from app.pages.frame import HINTS_FORM, HINTS_TABLE, page, reading, signed_in, zone
from app.pages.queue import promises_of
from app.problems import not_found
from escalation import duty, handover, promises
from escalation.handover import Note
from escalation.incident import Actor, NotNow
from escalation.routing import Passed
from models.customers import Customer
from models.duty import Handover
from models.incidents import Incident, Promise
from models.people import Person

LONGEST = 4_000  # letters of one part of a note; a longer story belongs into the timeline


@dataclass(frozen=True, slots=True)
class Offer:
    """One hand-over as a line of the list."""

    id: uuid.UUID
    label: str
    title: str
    customer: str
    other: str  # the giver for the taker, and the other way round
    note: dict[str, str]
    promise: str  # the next one as it stands now, in the reader's hours
    answer_by: datetime
    late: bool


def register(app: Flask) -> None:
    app.add_url_rule("/incidents/<label>/hand-over", "hand_over", offer, methods=["GET", "POST"])
    app.add_url_rule("/handovers", "handovers", offers)
    app.add_url_rule("/handovers/<uuid:handover_id>", "handover_answer", answer, methods=["POST"])


def offer(label: str) -> AnyResponse:
    """The form: to whom, and what they must know."""
    who = signed_in("incidents:act")
    form, now = Form(request.form), front.now()
    with reading(who) as session:
        incident = find_incident(session, label)
        if request.method == "POST" and _offer(session, who, incident, form):
            return redirect(f"/incidents/{incident.label}", 303)
        desk = duty.on_duty(session, incident, now)
        owed = promises.next_promise(session, incident)
        shown = {
            "incident": incident,
            "customer": session.get_one(Customer, incident.customer_id).name,
            "owner": _name(session, incident.owner_id),
            "takers": [place for place in desk.order.places if place.person_id != incident.owner_id],
            "passed": _others(desk.order.passed, incident),
            "promise": f"{promises.words(owed.kind)}" if owed else "",
            "promise_at": owed.due_at if owed else None,
            "patience_min": int(handover.PATIENCE[incident.severity].total_seconds() // 60),
        }
    status = 422 if form.wrong else 200
    return page("handover.html", status=status, here="/", form=form, hints=HINTS_FORM, **shown)


def _others(passed: Sequence[Passed], incident: Incident) -> list[Passed]:
    """Those routing passes over may still be named: it is a person's word, and the reason stands beside the name."""
    return [one for one in passed if one.person_id != incident.owner_id]


def _offer(session: Session, who: Caller, incident: Incident, form: Form) -> bool:
    taker = as_id(form["taker"])
    if taker is None:
        form.refuse("taker", "Choose who takes it.")
    note = {field: form[field].strip() for field in ("state", "tried", "avoid")}
    for field, said in note.items():
        if len(said) > LONGEST:
            form.refuse(field, f"At most {LONGEST:,} letters; this has {len(said):,}.")
    if not note["state"]:
        form.refuse("state", "Write how it stands; the taker begins with it.")
    if form.wrong or taker is None:
        return False
    done = handover.offer(session, incident.id, Actor(who.person, who.name), front.now(), Note(**note), taker_id=taker)
    if isinstance(done, NotNow):
        form.refuse("taker", f"{done.reason} {done.remedy}")
    return not form.wrong


def offers() -> AnyResponse:
    """What is handed over to me, and what of mine waits for a word."""
    who = signed_in("incidents:read")
    now = front.now()
    with reading(who) as session:
        mine = _lines(session, now, Handover.taker_id == who.person, Handover.giver_id)
        given = _lines(session, now, Handover.giver_id == who.person, Handover.taker_id)
    return page("handovers.html", here="/", mine=mine, given=given, hints=HINTS_TABLE, refresh_s=30)


def _lines(
    session: Session, now: datetime, whose: ColumnElement[bool], other: InstrumentedAttribute[uuid.UUID | None]
) -> list[Offer]:
    """The offers of one side, `other` being the column that names the other one. Two questions, however many offers."""
    query = (
        select(Handover, Incident, Customer.name, Person.name)
        .join(Incident, Incident.id == Handover.incident_id)
        .join(Customer, Customer.id == Handover.customer_id)
        .outerjoin(Person, Person.id == other)
        .where(Handover.state == "offered", whose)
        .order_by(Handover.answer_by)
    )
    found = session.execute(query).all()
    owed = promises_of(session, [incident.id for _, incident, _, _ in found])
    return [
        Offer(
            row.id,
            incident.label,
            incident.title,
            customer,
            name or "nobody",
            row.note,
            _owed(owed[incident.id], now),
            row.answer_by,
            row.answer_by <= now,
        )
        for row, incident, customer, name in found
    ]


def _owed(live: Sequence[Promise], now: datetime) -> str:
    due = [(one.due_at, one.kind) for one in live if one.state == "running" and one.due_at is not None]
    return f"{promises.words(min(due)[1])} by {words.hour(min(due)[0], zone(), now)}" if due else "none"


def answer(handover_id: uuid.UUID) -> AnyResponse:
    """Accept, refuse with a reason, or take one's own offer back."""
    who = signed_in("incidents:act")
    word, reason = request.form.get("answer", ""), request.form.get("reason", "").strip()[:LONGEST]
    now = front.now()
    with reading(who) as session:
        said = handover.answer(session, handover_id, Actor(who.person, who.name), word, now, reason=reason)
        label = "" if isinstance(said, NotNow) else session.get_one(Incident, said.incident_id).label
    if isinstance(said, NotNow):
        if said.rule == "absent":
            raise not_found("hand-over")
        return _again(who, now, handover_id, f"{said.reason} {said.remedy}")
    return redirect(f"/incidents/{label}" if word == "accepted" else "/handovers", 303)


def _again(who: Caller, now: datetime, refused: uuid.UUID, said: str) -> AnyResponse:
    with reading(who) as session:
        mine = _lines(session, now, Handover.taker_id == who.person, Handover.giver_id)
        given = _lines(session, now, Handover.giver_id == who.person, Handover.taker_id)
    return page("handovers.html", status=409, here="/", mine=mine, given=given, refused=refused, said=said,
                hints=HINTS_TABLE)  # fmt: skip


def find_incident(session: Session, label: str) -> Incident:
    """The incident people call `label`, within the reach of the session. Raises Problem (404)."""
    number = label.upper().removeprefix("VG-")
    known = number.isascii() and number.isdigit() and len(number) <= 18
    found = session.scalar(select(Incident).where(Incident.number == int(number))) if known else None
    if found is None:
        raise not_found("incident")
    return found


def _name(session: Session, person_id: uuid.UUID | None) -> str:
    person = session.get(Person, person_id) if person_id else None
    return person.name if person is not None else "nobody"
