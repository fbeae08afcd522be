"""Going home: one form that hands over, or keeps, each incident that goes on after the reader's turn.

The same incidents stand on the duty board and on the page of whoever holds them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, words
from app.api.lookup import as_id
from app.identity import Caller
from app.pages.board import local_instant
from app.pages.fields import Form
from app.pages.frame import HINTS_FORM, page, reading, signed_in, zone
from app.pages.handing import LONGEST
from escalation import duty, handover, roster, still_held
from escalation.handover import Note
from escalation.incident import Actor, NotNow
from escalation.routing import Passed, Place
from escalation.still_held import Held
from escalation.turn_end import LONGEST_STAY, Turn
from models.customers import Customer
from models.incidents import Incident
from models.people import Person

STAY = "stay"  # what the choice of a taker says of whoever stays


@dataclass(frozen=True, slots=True)
class Line:
    """One incident in somebody's hands, and how it stands at the end of their turn."""

    label: str
    title: str
    severity: int
    who: str
    ends_at: datetime
    is_over: bool
    said: str  # what was done about it; empty while nothing was


@dataclass(frozen=True, slots=True)
class Going:
    """One incident of the form: whom it may go to, best first."""

    incident: Incident
    customer: str
    said: str  # how it stands; empty: it is still to be said
    takers: tuple[Place, ...]
    passed: tuple[Passed, ...]


def register(app: Flask) -> None:
    app.add_url_rule("/handovers/turn", "turn_end", going_home, methods=["GET", "POST"])


def board(session: Session, now: datetime) -> list[Line]:
    """Everybody's, of turns that end soon or are over."""
    theirs = still_held.turns_of(session, still_held.owners(session), now)
    return _lines(session, still_held.of(session, theirs, now), now)


def of_person(session: Session, person_id: uuid.UUID, now: datetime) -> list[Line]:
    """What goes on after the turn of one of ours, however far away its end is."""
    theirs = still_held.turns_of(session, [person_id], now)
    return _lines(session, still_held.of(session, theirs, now, ahead=True), now)


def _lines(session: Session, held: Sequence[Held], now: datetime) -> list[Line]:
    """How each stands, in the reader's hours."""
    ids = {one.person_id for one in held} | {one.offer.taker_id for one in held if one.offer is not None}
    people = {one.id: one for one in session.scalars(select(Person).where(Person.id.in_(ids)))} if ids else {}
    return [
        Line(
            one.incident.label,
            one.incident.title,
            one.incident.severity,
            people[one.person_id].name,
            one.turn.ends_at,
            one.turn.is_over(now),
            standing(one, people, now),
        )
        for one in held
    ]


def standing(one: Held, people: Mapping[uuid.UUID, Person], now: datetime) -> str:
    """What was done about it: offered, kept, climbed, told; empty while nothing was."""
    until = one.stays_until(now)
    if one.offer is not None:
        taker = people.get(one.offer.taker_id) if one.offer.taker_id is not None else None
        by = words.hour(one.offer.answer_by, zone(), now)
        return f"offered to {taker.name if taker is not None else 'somebody'}, answer by {by}"
    if until is not None and one.row is not None:
        return f"stays until {words.hour(until, zone(), now)}: {one.row.reason}"
    if one.taken_since():
        return "taken after the turn, on their own word"
    if one.row is not None and one.row.climbed_at is not None:
        return f"the lead was told at {words.hour(one.row.climbed_at, zone(), now)}"
    return ""


def going_home() -> AnyResponse:
    """The form: each incident goes to somebody, or stays, with the words that go with it."""
    who = signed_in("incidents:act")
    form, now = Form(request.form), front.now()
    with reading(who) as session:
        theirs = still_held.turns_of(session, [who.person], now) if who.person is not None else {}
        over = theirs.get(who.person) if who.person is not None else None
        held = still_held.of(session, theirs, now, ahead=True)
        if request.method == "POST" and _send(session, who, held, form, now):
            return redirect("/handovers", 303)
        return page(
            "turn_end.html", status=422 if form.wrong else 200, here="/", form=form, hints=HINTS_FORM,
            going=_going(session, held, now), turn=over, stay=STAY, until=_until(over, now),
            is_over=over is not None and over.is_over(now), longest_h=int(LONGEST_STAY.total_seconds() // 3600),
        )  # fmt: skip


def _until(over: Turn | None, now: datetime) -> str:
    """What the field of staying begins with: two hours more, as a browser's field holds it."""
    if over is None:
        return ""
    return f"{(max(now, over.ends_at) + LONGEST_STAY / 6).astimezone(zone()):%Y-%m-%dT%H:%M}"


def _going(session: Session, held: Sequence[Held], now: datetime) -> list[Going]:
    """A fixed number of questions, whatever their number."""
    if not held:
        return []
    known = roster.read(session, now)
    desks = duty.on_duty_all(session, [one.incident for one in held], known)
    whose = {one.incident.customer_id for one in held}
    rows = session.execute(select(Customer.id, Customer.name).where(Customer.id.in_(whose)))
    names = {row[0]: row[1] for row in rows}
    return [
        Going(
            one.incident,
            names[one.incident.customer_id],
            standing(one, known.people, now),
            tuple(place for place in desk.order.places if place.person_id != one.person_id),
            tuple(passed for passed in desk.order.passed if passed.person_id != one.person_id),
        )
        for one, desk in zip(held, desks, strict=True)
    ]


def _send(session: Session, who: Caller, held: Sequence[Held], form: Form, now: datetime) -> bool:
    """Do what the form says of each; what has no words is left as it is. Nothing is done where anything is wrong."""
    said = [one for one in held if form[f"state-{one.incident.label}"].strip()]
    if not said:
        form.refuse("do", "Write how at least one of them stands; its taker begins with it.")
    for one in said:
        _checked(one.incident.label, form)
    if form.wrong:
        return False
    actor = Actor(who.person, who.name)
    with session.begin_nested() as together:
        for one in said:
            refused = _one(session, one.incident, actor, form, now)
            if refused is not None:
                form.refuse(f"taker-{one.incident.label}", f"{refused.reason} {refused.remedy}")
        if form.wrong:
            together.rollback()
    return not form.wrong


def _checked(label: str, form: Form) -> None:
    for field in ("state", "tried", "avoid"):
        given = form[f"{field}-{label}"].strip()
        if len(given) > LONGEST:
            form.refuse(f"{field}-{label}", f"At most {LONGEST:,} letters; this has {len(given):,}.")
    choice = form[f"taker-{label}"]
    if choice == STAY and local_instant(form[f"until-{label}"], zone()) is None:
        form.refuse(f"until-{label}", "Choose until when you stay.")
    elif choice != STAY and as_id(choice) is None:
        form.refuse(f"taker-{label}", "Choose who takes it, or that you stay.")


def _one(session: Session, incident: Incident, actor: Actor, form: Form, now: datetime) -> NotNow | None:
    label = incident.label
    state, choice = form[f"state-{label}"].strip(), form[f"taker-{label}"]
    until, taker = local_instant(form[f"until-{label}"], zone()), as_id(choice)
    if choice == STAY and until is not None:
        kept = still_held.stay(session, incident.id, actor, now, until, state)
        return kept if isinstance(kept, NotNow) else None
    if taker is None:
        return None  # checked before
    note = Note(state, form[f"tried-{label}"].strip(), form[f"avoid-{label}"].strip())
    done = handover.offer(session, incident.id, actor, now, note, taker_id=taker)
    return done if isinstance(done, NotNow) else None
