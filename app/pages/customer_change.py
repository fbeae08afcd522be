"""Changing a customer and its sites: name, language, zone, and where machines stand."""

from __future__ import annotations

import uuid

from flask import Flask, redirect, request
from sqlalchemy import select
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
from models.customers import Customer, Site

_ZONE = "Choose a time zone from the list, such as Europe/Paris."
_COUNTRY = "Two capital letters, such as FR; leave it empty for no public holidays."


def register(app: Flask) -> None:
    app.add_url_rule("/customers/<slug>/change", "customer_change", change, methods=["GET", "POST"])
    app.add_url_rule("/customers/<slug>/sites", "site_new", site, methods=["POST"])
    app.add_url_rule("/customers/<slug>/sites/<ref>", "site_change", site, methods=["POST"])


def change(slug: str) -> AnyResponse:
    """The customer's own fields; its short name stays, because addresses and files hold it."""
    who = signed_in("customers:write")
    with reading(who) as session:
        customer = _found(session, slug)
        form = Form(request.form)
        if request.method == "POST":
            given = {
                "name": form.text("name", "a name", most=120),
                "zone": form.choice("zone", is_zone, _ZONE, "UTC"),
                "language": form.choice("language", lambda one: one in ("en", "fr"), "Choose English or French.", "en"),
            }
            if not form.wrong:
                _write(session, who, customer, customer, given, "customer")
                return redirect(f"/customers/{slug}", 303)
        return _shown(session, customer, form)


def site(slug: str, ref: str = "") -> AnyResponse:
    """A new site, or another zone, country or name for one that is there. Promises made keep the hours they had."""
    who = signed_in("customers:write")
    with reading(who) as session:
        customer = _found(session, slug)
        row = _site(session, customer, ref) if ref else None
        form = Form(request.form)
        end = f"-{row.id}" if row is not None else ""
        field = "site" + end
        name = form.text(field, "a name", most=200)
        taken = session.scalar(select(Site).where(Site.customer_id == customer.id, Site.name == name))
        if taken is not None and taken is not row:
            form.refuse(field, f"{name} is another site of theirs; choose another name.")
        given = {
            "name": name,
            "zone": form.choice(f"site_zone{end}", is_zone, _ZONE, customer.zone),
            "country": form.choice(f"country{end}", _is_country, _COUNTRY, ""),
        }
        if form.wrong:
            return _shown(session, customer, form)
        if row is None:
            made = Site(id=new_id(), customer_id=customer.id, created_at=front.now(), **given)
            session.add(made)
            record(session, actor=who.actor, deed="site.added", subject=f"site:{made.id}", customer_id=customer.id,
                   facts=given, now=front.now())  # fmt: skip
        else:
            _write(session, who, customer, row, given, "site")
        return redirect(f"/customers/{slug}/change#sites", 303)


def _is_country(value: str) -> bool:
    return value == "" or (len(value) == 2 and value.isascii() and value.isalpha() and value.isupper())


def _found(session: Session, slug: str) -> Customer:
    found = find_customer(session, slug)
    if found is None:
        raise not_found("customer")
    return found


def _site(session: Session, customer: Customer, ref: str) -> Site:
    try:
        row = session.get(Site, uuid.UUID(ref))
    except ValueError:
        row = None
    if row is None or row.customer_id != customer.id:
        raise not_found("site")
    return row


def _write(
    session: Session, who: Caller, customer: Customer, row: Customer | Site, given: dict[str, str], noun: str
) -> None:
    """Write what differs, and both values into the audit."""
    changed = {name: [getattr(row, name), value] for name, value in given.items() if getattr(row, name) != value}
    if not changed:
        return
    for name, (_, value) in changed.items():
        setattr(row, name, value)
    record(session, actor=who.actor, deed=f"{noun}.changed", subject=f"{noun}:{row.id}", customer_id=customer.id,
           facts=changed, now=front.now())  # fmt: skip


def _shown(session: Session, customer: Customer, form: Form) -> AnyResponse:
    sites = session.scalars(select(Site).where(Site.customer_id == customer.id).order_by(Site.name)).all()
    return page(
        "customer_change.html",
        status=422 if form.wrong else 200,
        here="/customers",
        customer=customer,
        form=form,
        sites=sites,
        zones=zones(),
    )
