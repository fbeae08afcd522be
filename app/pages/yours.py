"""A customer's own incidents: who works on each, the next promise, what was written, and its severity to agree to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity
from app.api.door import Call
from app.identity import Caller
from app.pages import cover_words, yours_pressing, yours_story, yours_words
from app.pages.covers import dressed, language_of
from app.pages.fields import Form
from app.pages.frame import SignInFirst, reading, zone
from app.problems import not_found
from escalation import agreeing, promises, told_plainly
from escalation.incident import NotNow
from escalation.words import whole
from models.customers import Customer
from models.incidents import OPEN_STATES, Incident, Promise, TimelineEntry
from models.machines import Machine
from models.people import Person
from models.session import as_staff
from models.severities import SeverityChange

ENDED_SHOWN = timedelta(days=14)
MOST = 100  # incidents of the list, and lines of a story
_LONGEST = 2_000  # letters of a reason


@dataclass(frozen=True, slots=True)
class Yours:
    """One incident as its customer reads it."""

    label: str
    title: str
    severity: int
    is_open: bool
    state: str
    promise: str
    waits: bool  # a severity of ours waits for their word


def register(app: Flask) -> None:
    app.add_url_rule("/yours", "yours", every, methods=["GET", "POST"])
    app.add_url_rule("/yours/<label>", "yours_one", one, methods=["GET", "POST"])


def every() -> AnyResponse:
    """What is open, and what ended lately; its form escalates the whole account. The desk has the watch floor."""
    who = _reader()
    if who.is_staff:
        return redirect("/", 303)
    now, form = front.now(), Form(request.form)
    with reading(who) as session:
        customer, language = _customer(session, who)
        if request.method == "POST":
            identity.need("incidents:escalate")
            if yours_pressing.ask(Call(session, who, now), customer.id, None, form, language):
                return redirect("/yours", 303)
        rows = _recent(session, customer, now)
        waiting = _waiting(session, customer)
        machines = _machines(session, rows)
        shown = [_shown(session, row, machines, row.id in waiting, language, now) for row in rows]
        pressed = yours_pressing.read(session, customer.id, None, language, now, zone())
    return dressed(
        "yours_list.html", who, customer, language, status=422 if form.wrong else 200, words=yours_words, form=form,
        incidents=shown, pressed=pressed, may_escalate=who.may("incidents:escalate"), pressing=yours_pressing,
    )  # fmt: skip


def one(label: str) -> AnyResponse:
    """One of them; its form answers what is proposed, or proposes."""
    who = _reader()
    if who.is_staff:
        return redirect(f"/incidents/{label}", 303)
    now, form = front.now(), Form(request.form)
    with reading(who) as session:
        customer, language = _customer(session, who)
        incident = _look_up(session, customer.id, label)
        if incident is None:
            raise not_found("incident")
        if request.method == "POST":
            identity.need("incidents:escalate" if form["deed"] == "escalate" else "incidents:open")
            if _does(Call(session, who, now), incident, form, language):
                return redirect(f"/yours/{incident.label}", 303)
        waits = agreeing.proposed(session, incident.id)
        is_ours = waits is not None and not waits.by_customer
        shown = _shown(session, incident, _machines(session, [incident]), is_ours, language, now)
        more = {
            "proposed": _proposed(waits, incident, language),
            "history": [_line(row, language, now, zone()) for row in agreeing.history(session, incident.id)],
            "pressed": yours_pressing.read(session, customer.id, incident, language, now, zone()),
            "story": _story(session, incident, language, now, zone()),
        }
    return dressed(
        "yours.html", who, customer, language, status=422 if form.wrong else 200, words=yours_words, form=form,
        one=shown, may_answer=who.may("incidents:open"), may_escalate=who.may("incidents:escalate"),
        pressing=yours_pressing, **more,
    )  # fmt: skip


def _recent(session: Session, customer: Customer, now: datetime) -> list[Incident]:
    """What is open, the gravest first; then what ended lately among the newest."""
    mine = select(Incident).where(Incident.customer_id == customer.id)
    still = mine.where(Incident.state.in_(OPEN_STATES)).order_by(Incident.severity, Incident.opened_at.desc())
    newest = session.scalars(mine.order_by(Incident.opened_at.desc()).limit(MOST))
    over = [one for one in newest if one.state not in OPEN_STATES and one.changed_at > now - ENDED_SHOWN]
    return [*session.scalars(still.limit(MOST)), *over]


def _reader() -> Caller:
    if identity.caller() is None:
        raise SignInFirst
    return identity.need("incidents:read")


def _customer(session: Session, who: Caller) -> tuple[Customer, str]:
    customer = session.scalars(select(Customer).where(Customer.id == who.customer_id)).one()
    return customer, language_of(who, customer)


def known(who: Caller, label: str) -> bool:
    """Whether a contact's customer has an incident of that name: a letter to them leads to it."""
    with reading(who) as session:
        return who.customer_id is not None and _look_up(session, who.customer_id, label) is not None


def _look_up(session: Session, customer_id: uuid.UUID, label: str) -> Incident | None:
    number = label.upper().removeprefix("VG-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    mine = (Incident.number == int(number), Incident.customer_id == customer_id)
    return session.scalar(select(Incident).where(*mine))


def _does(call: Call, incident: Incident, form: Form, language: str) -> bool:
    if form["deed"] == "escalate":
        return yours_pressing.ask(call, incident.customer_id, incident, form, language)
    return _said(call, incident, form, language)


def _said(call: Call, incident: Incident, form: Form, language: str) -> bool:
    """Do what the form says; False with what is wrong said in the form."""

    def refuse(field: str, key: str) -> None:
        form.refuse(field, yours_words.say(language, key))

    deed, reason = form["deed"], form["reason"].strip()
    field = "answer" if deed in ("agree", "disagree") else "reason"
    given = form["answer"].strip() if field == "answer" else reason
    if len(given) > _LONGEST:
        refuse(field, "wrong_long")
    elif not given and deed != "agree":
        refuse(field, "wrong_reason")
    wanted = form["severity"]
    if field == "reason" and wanted not in ("1", "2", "3", "4"):
        refuse("severity", "wrong_severity")
    elif field == "reason" and int(wanted) == incident.severity:
        refuse("severity", "wrong_same")
    if form.wrong:
        return False
    with call.as_desk():
        if field == "answer":
            done = agreeing.answer(call.session, incident.id, call.actor, call.now, deed == "agree", given)
        else:
            done = agreeing.propose(call.session, incident.id, call.actor, call.now, int(wanted), given)
    if isinstance(done, NotNow):
        refuse(field, "wrong_moved" if incident.state in OPEN_STATES else "wrong_over")
    return not form.wrong


def _waiting(session: Session, customer: Customer) -> set[object]:
    mine = (SeverityChange.customer_id == customer.id, SeverityChange.state == "proposed")
    return set(session.scalars(select(SeverityChange.incident_id).where(*mine, ~SeverityChange.by_customer)))


def _machines(session: Session, rows: Sequence[Incident]) -> dict[uuid.UUID | None, Machine]:
    found = session.scalars(select(Machine).where(Machine.id.in_({row.machine_id for row in rows})))
    return {machine.id: machine for machine in found}


def _shown(
    session: Session,
    row: Incident,
    machines: Mapping[uuid.UUID | None, Machine],
    waits: bool,
    language: str,
    now: datetime,
) -> Yours:
    is_open = row.state in OPEN_STATES
    title = told_plainly.title(row, machines.get(row.machine_id), language)
    owed = promises.next_promise(session, row) if is_open else None
    state, promise = _state(session, row, language, now), _promise(owed, language, now)
    return Yours(row.label, title, row.severity, is_open, state, promise, waits and is_open)


def _state(session: Session, row: Incident, language: str, now: datetime) -> str:
    if row.state == "waiting":
        return yours_words.say(language, f"state_waiting_{row.waiting_for}", reason=row.waiting_reason).strip()
    if row.state not in OPEN_STATES:
        at = row.closed_at if row.state == "closed" else row.resolved_at
        said = cover_words.moment(at or row.changed_at, zone(), now, language)
        return yours_words.say(language, f"state_{'closed' if row.state == 'closed' else 'resolved'}", at=said)
    with as_staff(session):
        owner = session.scalar(select(Person.name).where(Person.id == row.owner_id)) if row.owner_id else None
    return yours_words.say(language, f"state_{row.state}", owner=owner or yours_words.say(language, "somebody"))


def _promise(owed: Promise | None, language: str, now: datetime) -> str:
    if owed is None or owed.due_at is None:
        return ""
    at = cover_words.moment(owed.due_at, zone(), now, language)
    return yours_words.say(language, f"promise_{owed.kind}", at=at)


def _proposed(row: SeverityChange | None, incident: Incident, language: str) -> Sequence[str]:
    """What waits for a word of theirs, or of ours."""
    if row is None:
        return []
    facts = {"who": row.by, "wanted": row.wanted, "was": row.was, "reason": row.reason}
    if row.by_customer:
        return [yours_words.say(language, "ours", **facts)]
    holds = [yours_words.say(language, "theirs_holds", **facts)] if row.holds_since is not None else []
    return [yours_words.say(language, "theirs", **facts), *holds]


def _line(row: SeverityChange, language: str, now: datetime, there: tzinfo) -> str:
    facts = {"at": cover_words.moment(row.at, there, now, language), "who": row.by, "wanted": row.wanted,
             "was": row.was, "reason": row.reason, "by": row.answered_by, "answer": row.answer}  # fmt: skip
    if row.state == "set":
        return yours_words.say(language, "line_set", **facts)
    return (
        f"{whole(yours_words.say(language, 'line', **facts))} {yours_words.say(language, f'line_{row.state}', **facts)}"
    )


def _story(
    session: Session, incident: Incident, language: str, now: datetime, there: tzinfo
) -> list[tuple[str, str, str]]:
    """What was said in the open, newest first: at, who, words."""
    lines = select(TimelineEntry).where(TimelineEntry.incident_id == incident.id, TimelineEntry.public)
    newest = lines.order_by(TimelineEntry.at.desc(), TimelineEntry.id.desc()).limit(MOST)
    return [
        (cover_words.moment(entry.at, there, now, language), entry.actor, yours_story.told(entry, language, there))
        for entry in session.scalars(newest)
    ]
