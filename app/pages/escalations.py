"""Escalations on a page: who answers for each, how it goes, when the next word comes; asked for, said on, ended."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.identity import Caller
from app.pages.fields import Form
from app.pages.frame import HINTS_TABLE, page, reading, signed_in
from app.pages.handing import find_incident
from app.problems import not_found
from escalation import pressing, unsaying
from escalation.incident import Actor, NotNow
from models.customers import Customer
from models.escalations import Escalation
from models.incidents import Incident
from models.people import Person

SPANS: Mapping[str, tuple[str, timedelta]] = {
    "1h": ("within an hour", timedelta(hours=1)),
    "4h": ("within 4 hours", timedelta(hours=4)),
    "1d": ("tomorrow at this hour", timedelta(days=1)),
    "3d": ("in three days", timedelta(days=3)),
    "7d": ("in a week", timedelta(days=7)),
}
ENDED_SHOWN = 20
_LONGEST = 4_000  # letters of one word on it


@dataclass(frozen=True, slots=True)
class Line:
    """One escalation as the page tells it. `label` is empty for one of the account."""

    row: Escalation
    customer: str
    slug: str
    label: str
    title: str
    owner: str
    reason: str
    late: bool
    steps: list[tuple[datetime, str, str, str, str]]  # at, who, trend, words, who took it back; the newest first
    may_undo: bool


def register(app: Flask) -> None:
    app.add_url_rule("/escalations", "escalations", index, methods=["GET", "POST"])
    app.add_url_rule("/escalations/<uuid:escalation_id>", "escalation_act", act, methods=["POST"])


def index() -> AnyResponse:
    """What runs, and what ended lately; its form asks for a new one."""
    who = signed_in("incidents:read")
    form = Form(request.form)
    if request.method == "POST":
        signed_in("incidents:escalate")
        if _ask(who, form):
            return redirect("/escalations", 303)
    return _shown(who, form)


def act(escalation_id: uuid.UUID) -> AnyResponse:
    """Say a word on it, or end it."""
    who = signed_in("incidents:act")
    form, now = Form(request.form), front.now()
    words = form["words"].strip()
    actor = Actor(who.person, who.name)
    if len(words) > _LONGEST:
        form.refuse("words", f"At most {_LONGEST:,} letters; this has {len(words):,}.")
        return _shown(who, form, escalation_id)
    with reading(who) as session:
        if form["deed"] == "undo":
            said = unsaying.undo(session, escalation_id, actor, now)
        elif form["deed"] == "end":
            said = pressing.end(session, escalation_id, actor, now, words)
        else:
            _, span = SPANS.get(form["next"], SPANS["4h"])
            said = pressing.say(session, escalation_id, actor, now, trend=form["trend"], words=words,
                                next_word_at=now + span, exit_criteria=form["exit_criteria"].strip()[:_LONGEST],
                                owner_id=who.person if form["take"] else None)  # fmt: skip
    if isinstance(said, NotNow):
        if said.rule == "absent":
            raise not_found("escalation")
        form.refuse("words", f"{said.reason} {said.remedy}")
        return _shown(who, form, escalation_id)
    return redirect("/escalations", 303)


def _ask(who: Caller, form: Form) -> bool:
    reason = form.choice("reason", lambda value: value in pressing.REASONS, "Choose one of the reasons.", "no-progress")
    words = form["words"].strip()
    if not words or len(words) > _LONGEST:
        form.refuse("words", "Say what is wrong; its owner begins with it." if not words else "Shorten it.")
    with reading(who) as session:
        customer = session.scalar(select(Customer).where(Customer.slug == form["customer"]))
        incident = find_incident(session, form["incident"]) if form["incident"] else None
        if incident is not None:
            customer = session.get_one(Customer, incident.customer_id)
        if customer is None:
            form.refuse("customer", "Choose one of the customers. Or name a case, which says whose it is.")
        if form.wrong or customer is None:
            return False
        said = pressing.ask(session, customer.id, Actor(who.person, who.name), reason, words, front.now(),
                            incident=incident, exit_criteria=form["exit_criteria"].strip()[:_LONGEST])  # fmt: skip
        if isinstance(said, NotNow):
            form.refuse("words", f"{said.reason} {said.remedy}")
    return not form.wrong


def _shown(who: Caller, form: Form, about: uuid.UUID | None = None) -> AnyResponse:
    now = front.now()
    with reading(who) as session:
        running = _lines(session, who, now, ended=False)
        ended = _lines(session, who, now, ended=True)
        named = session.execute(select(Customer.slug, Customer.name).order_by(Customer.name))
        customers = [("", "choose one, or name a case"), *((slug, name) for slug, name in named)]
    return page("escalations.html", status=422 if form.wrong else 200, here="/escalations", running=running,
                ended=ended, form=form, about=about, customers=customers, reasons=list(pressing.REASONS.items()),
                spans=[(key, words) for key, (words, _) in SPANS.items()],
                trends=[(trend, trend) for trend in pressing.TRENDS], chosen=request.args.get("customer", ""),
                incident=request.args.get("incident", ""), hints=HINTS_TABLE)  # fmt: skip


def _lines(session: Session, who: Caller, now: datetime, *, ended: bool) -> list[Line]:
    query = (
        select(Escalation, Customer, Incident, Person.name)
        .join(Customer, Customer.id == Escalation.customer_id)
        .outerjoin(Incident, Incident.id == Escalation.incident_id)
        .outerjoin(Person, Person.id == Escalation.owner_id)
    )
    if ended:
        query = query.where(Escalation.ended_at.is_not(None)).order_by(Escalation.ended_at.desc()).limit(ENDED_SHOWN)
    else:
        query = query.where(Escalation.ended_at.is_(None)).order_by(Escalation.next_word_at)
    return [
        Line(
            row,
            customer.name,
            customer.slug,
            incident.label if incident else "",
            incident.title if incident else "the whole account",
            owner or "nobody yet",
            pressing.REASONS.get(row.reason, row.reason),
            row.ended_at is None and row.next_word_at <= now,
            [
                (
                    datetime.fromisoformat(step["at"]),
                    step["who"],
                    step["trend"],
                    step["words"],
                    step.get("undone", {}).get("by", ""),
                )
                for step in reversed(row.history)
            ],
            unsaying.may_undo(row, Actor(who.person, who.name), now),
        )
        for row, customer, incident, owner in session.execute(query)
    ]
