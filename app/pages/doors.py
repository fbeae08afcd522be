"""Doors for other people's alerts: which there are, what is open at each, and a new one with its token shown once."""

from __future__ import annotations

import json
import uuid

from flask import Flask, redirect, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, sent_once
from app.api.inbound import address_of
from app.pages.fields import Form
from app.pages.frame import page, reading, signed_in
from app.problems import not_found
from escalation.inbound import doors
from escalation.inbound.body import BadBody
from models.customers import Customer
from models.inbound import InboundAlert, InboundDoor

KINDS = (
    ("alertmanager", "Alertmanager, or Grafana as one"),
    ("pagerduty", "a client of PagerDuty’s Events API v2"),
    ("nagios", "Nagios or Icinga notifications"),
    ("hook", "any other hook, JSON or form; mail"),
)


def register(app: Flask) -> None:
    app.add_url_rule("/doors", "doors", index, methods=["GET"])
    app.add_url_rule("/doors/new", "door_new", new, methods=["GET", "POST"])
    app.add_url_rule("/doors/<uuid:id>/renew", "door_renew", renew, methods=["POST"])
    app.add_url_rule("/doors/<uuid:id>/close", "door_close", close, methods=["POST"])


def index() -> AnyResponse:
    """Every door within reach, those in use first."""
    who = signed_in("doors:read")
    with reading(who) as session:
        going_on = (
            select(InboundAlert.door_id, func.count().label("open"))
            .where(InboundAlert.state != "resolved")
            .group_by(InboundAlert.door_id)
            .subquery()
        )
        rows = session.execute(
            select(InboundDoor, Customer, func.coalesce(going_on.c.open, 0))
            .join(Customer, Customer.id == InboundDoor.customer_id)
            .outerjoin(going_on, going_on.c.door_id == InboundDoor.id)
            .order_by(InboundDoor.closed_at.is_not(None), Customer.name, InboundDoor.name)
        ).all()
    return page("doors.html", rows=rows, kinds=dict(KINDS), may_write=who.may("doors:write"), address_of=address_of)


def new() -> AnyResponse:
    """The form; then, once, the token and what to tell the sender."""
    who = signed_in("doors:write")
    with reading(who) as session:
        customers = list(session.scalars(select(Customer).order_by(Customer.name)))
        form = Form(request.form)
        if request.method == "POST":
            name = form.text("name", "Such as “Alertmanager, mill 2”.", most=80)
            kind = form.choice("kind", lambda value: value in dict(KINDS), "Choose who sends.", "alertmanager")
            customer = next((one for one in customers if str(one.id) == form["customer"]), None)
            if customer is None:
                form.refuse("customer", "Choose whose alerts come in here.")
            settings = _settings(form, kind)
            if not form.wrong and customer is not None:
                made = _make(session, form, customer, name, kind, settings, who.actor)
                if made is not None:
                    sent_once.shows_a_secret()
                    return page("door_made.html", door=made[0], token=made[1], address=address_of(made[0]))
    return page(
        "door_new.html", form=form, customers=customers, kinds=KINDS, status=422 if request.method == "POST" else 200
    )


def _settings(form: Form, kind: str) -> dict[str, object]:
    text = form["mapping"].strip()
    if kind != "hook" or not text:
        return {}
    try:
        return {"mapping": json.loads(text)}
    except ValueError:
        form.refuse("mapping", "It is not JSON; write an object such as the one shown.")
        return {}


def _make(
    session: Session, form: Form, customer: Customer, name: str, kind: str, settings: dict[str, object], actor: str
) -> tuple[InboundDoor, str] | None:
    taken = select(InboundDoor.id).where(InboundDoor.customer_id == customer.id, InboundDoor.name == name)
    if session.scalar(taken) is not None:
        form.refuse("name", "This customer has a door of that name; give it another.")
        return None
    try:
        return doors.make(session, customer.id, name, kind, actor, front.now(), settings=settings)
    except BadBody as error:
        form.refuse("mapping", f"{error.field} {error.problem}: {error.remedy}.")
        return None


def renew(id: uuid.UUID) -> AnyResponse:
    """A new token, shown once; the old one opens nothing."""
    who = signed_in("doors:write")
    with reading(who) as session:
        door = _find(session, id)
        token = doors.renew(session, door, who.actor, front.now())
    sent_once.shows_a_secret()
    return page("door_made.html", door=door, token=token, address=address_of(door))


def close(id: uuid.UUID) -> AnyResponse:
    """Nothing comes in any more."""
    who = signed_in("doors:write")
    with reading(who) as session:
        doors.close(session, _find(session, id), who.actor, front.now())
    return redirect("/doors", 303)


def _find(session: Session, id: uuid.UUID) -> InboundDoor:
    door = session.get(InboundDoor, id)
    if door is None or door.closed_at is not None:
        raise not_found("door")
    return door
