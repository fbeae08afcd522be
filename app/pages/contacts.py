"""A customer's contacts: added, changed, and given their rights (open, escalate, sign)."""

from __future__ import annotations

import re
import uuid

from email_validator import EmailNotValidError, validate_email
from flask import Flask, redirect, request
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.identity import Caller
from app.pages.customer import find_customer
from app.pages.fields import Form, is_zone, zones
from app.pages.frame import page, reading, signed_in
from app.problems import not_found
from models.audit import record
from models.base import new_id
from models.customers import Customer
from models.people import Person, WebSession

RIGHTS = (("open", "open incidents"), ("escalate", "ask for escalation"), ("sign", "sign for the customer"))


def register(app: Flask) -> None:
    app.add_url_rule("/customers/<slug>/contacts/new", "contact_new", contact, methods=["GET", "POST"])
    app.add_url_rule("/customers/<slug>/contacts/<person>", "contact", contact, methods=["GET", "POST"])


def contact(slug: str, person: str = "") -> AnyResponse:
    """The form of a new contact, or of one that is there."""
    who = signed_in("people:write")
    with reading(who) as session:
        customer = find_customer(session, slug)
        row = _found(session, customer, person) if customer is not None and person else None
        if customer is None or (person and row is None):
            raise not_found("contact")
        form = Form(request.form)
        if request.method == "POST":
            given = _read(session, form, row)
            if not form.wrong:
                _write(session, who, customer, row, given)
                return redirect(f"/customers/{slug}#people", 303)
        chosen = request.form.getlist("may") if request.method == "POST" else row.may if row else ["open"]
        active = form["active"] == "yes" if request.method == "POST" else row.active if row else True
        return page(
            "contact.html",
            status=422 if form.wrong else 200,
            here="/customers",
            customer=customer,
            person=row,
            form=form,
            rights=RIGHTS,
            chosen=chosen,
            active=active,
            zones=zones(),
        )


def _found(session: Session, customer: Customer, person: str) -> Person | None:
    try:
        row = session.get(Person, uuid.UUID(person))
    except ValueError:
        return None
    return row if row is not None and row.customer_id == customer.id else None


def _read(session: Session, form: Form, row: Person | None) -> dict[str, object]:
    name = form.text("name", "a name", most=120)
    email = row.email if row is not None else _address(session, form)
    zone = form.choice("zone", is_zone, "Choose a time zone from the list, such as Europe/Paris.", "UTC")
    languages = form["languages"].replace(",", " ").lower().split() or ["en"]
    if len(languages) > 10 or any(not re.fullmatch("[a-z]{2}", one) for one in languages):
        form.refuse("languages", "Write codes of two letters, the first one first, such as fr en.")
    may = request.form.getlist("may")
    known = [right for right, _ in RIGHTS]
    if any(right not in known for right in may):
        form.refuse("may", "Choose among open, escalate and sign.")
    return {
        "name": name,
        "email": email,
        "zone": zone,
        "languages": languages,
        "may": [right for right in known if right in may],
        "active": row is None or form["active"] == "yes",
    }


def _address(session: Session, form: Form) -> str:
    given = form.text("email", "a mail address", most=254)
    if "email" in form.wrong:
        return given
    try:
        # No look-up in the DNS: an address is tried by writing to it.
        address = validate_email(given, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        form.refuse("email", "This is not a mail address; write it like ada@example.org.")
        return given
    if session.scalar(select(Person.id).where(func.lower(Person.email) == address.lower())) is not None:
        form.refuse("email", "Somebody has this address already; use another one.")
    return address


def _write(session: Session, who: Caller, customer: Customer, row: Person | None, given: dict[str, object]) -> None:
    now = front.now()
    if row is None:
        ways = [{"channel": "email", "address": given["email"]}]
        row = Person(
            id=new_id(),
            customer_id=customer.id,
            role="contact",
            demo=customer.demo,
            notify=ways,
            created_at=now,
            **given,
        )
        session.add(row)
        session.flush()  # the audit names the row
        deed, facts = "person.added", {name: given[name] for name in ("name", "may")}
    else:
        changed = {name: value for name, value in given.items() if getattr(row, name) != value}
        if not changed:
            return
        facts = {name: [getattr(row, name), value] for name, value in changed.items()}
        for name, value in changed.items():
            setattr(row, name, value)
        if not row.active:
            ended = update(WebSession).where(WebSession.person_id == row.id, WebSession.ended_at.is_(None))
            session.execute(ended.values(ended_at=now))
        deed = "person.changed"
    record(
        session, actor=who.actor, deed=deed, subject=f"person:{row.id}", customer_id=customer.id, facts=facts, now=now
    )
