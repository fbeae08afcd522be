"""A night played on a page: whom a contract's ladder would call, by the schedules of now, if nobody acknowledged."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import front, words
from app.pages.board import local_instant
from app.pages.fields import Form
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from contracts import ledger
from contracts.tiers import DEFAULTS, Terms, Tier
from escalation import climbing, duty, night, notify, roster
from escalation.duty import Duty
from escalation.night import Night
from escalation.routing import Need, order, unit_of
from models.customers import Customer
from models.people import NamedPerson, Person

WATCHED = timedelta(hours=8)  # how much of the night is played


@dataclass(frozen=True, slots=True)
class Asked:
    """What is played: whose ladder, for which severity, from when."""

    terms: Terms
    customer_id: uuid.UUID
    unit: str
    language: str
    named: Mapping[str, uuid.UUID]  # by their role
    severity: int
    at: datetime


def register(app: Flask) -> None:
    app.add_url_rule("/duty/night", "night", show)


def show() -> Response:
    """The form, and under it the night."""
    who = signed_in("duty:read")
    form = Form(request.args)
    with reading(who) as session:
        customers = session.execute(select(Customer.slug, Customer.name).order_by(Customer.name)).all()
        asked = _read(session, form)
        found = played(session, asked) if asked else None
    return page(
        "night.html",
        status=422 if form.wrong else 200,
        here="/duty",
        form=form,
        customers=[("", "no customer: the usual ladder of a tier"), *((slug, name) for slug, name in customers)],
        tiers=[(tier.value, tier.value) for tier in Tier],
        severities=[(str(one), str(one)) for one in (1, 2, 3, 4)],
        at=_shown(asked.at if asked else front.now()),
        tier=asked.terms.tier.value if asked else "",
        night=found,
        hours=int(WATCHED.total_seconds() // 3600),
        hints=HINTS_TABLE,
    )


def _shown(at: datetime) -> str:
    return f"{at.astimezone(zone()):%Y-%m-%dT%H:%M}"


def _read(session: Session, form: Form) -> Asked | None:
    at = local_instant(form["at"], zone()) if form["at"] else front.now()
    if at is None:
        form.refuse("at", "Choose a day and an hour.")
    severity = form.choice("severity", lambda value: value in ("1", "2", "3", "4"), "Use 1 (gravest) to 4.", "1")
    tier = form.choice("tier", lambda value: value in list(Tier), "Choose one of the tiers.", "platinum")
    customer = session.scalar(select(Customer).where(Customer.slug == form["customer"])) if form["customer"] else None
    if form["customer"] and customer is None:
        form.refuse("customer", "Choose one of the customers.")
    if form.wrong or at is None:
        return None
    if customer is None:
        return Asked(DEFAULTS[Tier(tier)], uuid.UUID(int=0), "europe", "en", {}, int(severity), at)
    terms = ledger.standing(session, customer.id, at).terms
    if terms is None:
        form.refuse("customer", f"{customer.name} has no contract then; nothing would climb.")
        return None
    return of_customer(session, customer, terms, int(severity), at)


def of_customer(session: Session, customer: Customer, terms: Terms, severity: int, at: datetime) -> Asked:
    """A customer's night by these terms, whether they hold or are only thought of."""
    rows = session.execute(
        select(NamedPerson.duty, NamedPerson.person_id).where(NamedPerson.customer_id == customer.id)
    )
    named = {row[0]: row[1] for row in rows}
    return Asked(terms, customer.id, unit_of(customer.zone), customer.language, named, severity, at)


def played(session: Session, asked: Asked) -> Night:
    """Whom the ladder would call, by the schedules, absences and ways as they stand now."""
    ladder = climbing.ladder_of(asked.terms)
    need = Need(asked.customer_id, asked.unit, asked.severity, asked.terms.skill_floor, asked.language)

    def meant(at: datetime) -> Sequence[Sequence[str]]:
        known = roster.read(session, at)
        ids = tuple(asked.named.values())
        desk = Duty(order(known.towards(ids), need), known.people, ids, asked.named, known)
        places = [[place for word in rung.who for place in duty.whom(desk, word)] for rung in ladder.rungs]
        return [[_called(known.people[place.person_id], asked.severity, at) for place in rung] for rung in places]

    return night.play(ladder, asked.at, asked.at + WATCHED, meant)


def _called(person: Person, severity: int, at: datetime) -> str:
    """Their name, with the hour their page would come at where quiet hours hold it."""
    until = notify.held(person, severity, at)
    return person.name if until is None else f"{person.name} (quiet hours: told at {words.hour(until, zone(), at)})"
