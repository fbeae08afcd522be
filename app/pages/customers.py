"""The list of customers, one customer's page, and the form for a new one."""

from __future__ import annotations

from flask import Flask, Response, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app import front, words
from app.pages.customer import find_customer, read_customer
from app.pages.fields import Form, is_zone, short_name, zones
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.pages.portfolio import read_portfolio
from app.problems import not_found
from models.audit import record
from models.base import new_id
from models.customers import Customer, Site


def register(app: Flask) -> None:
    app.add_url_rule("/customers", "customers", customers)
    app.add_url_rule("/customers/new", "customer_new", new, methods=["GET", "POST"])
    app.add_url_rule("/customers/<slug>", "customer", customer)


def customers() -> Response:
    """Worst first, by reason."""
    who = signed_in("customers:read")
    with reading(who) as session:
        rows = read_portfolio(session, front.now(), zone())
    asking = sum(1 for row in rows if row.weight < 9)
    said = f"{words.count(len(rows), 'customer')}, worst first by reason."
    said += f" {words.count(asking, 'customer')} {'asks' if asking == 1 else 'ask'} for you." if asking else ""
    return page(
        "customers.html",
        here="/customers",
        rows=rows,
        said=said,
        may_add=who.may("customers:write"),
        refresh_s=30,
        hints=HINTS_TABLE,
    )


def customer(slug: str) -> Response:
    """One customer; `severity` chooses which severity "right now" is asked for."""
    who = signed_in("customers:read")
    given = request.args.get("severity", "")
    severity = int(given) if given in ("1", "2", "3", "4") else 1
    with reading(who) as session:
        view = read_customer(session, slug, severity, front.now(), zone())
    if view is None:
        raise not_found("customer")
    return page(
        "customer.html",
        here="/customers",
        customer=view,
        severity=severity,
        may_add=who.may("contracts:write"),
        may_enrol=who.may("machines:write"),
        may_change=who.may("customers:write"),
        may_people=who.may("people:write"),
        hints=HINTS_TABLE,
        refresh_s=30,
    )


def new() -> AnyResponse:
    """A new customer with a first site. What is wrong is said under the field it is about."""
    who = signed_in("customers:write")
    form = Form(request.form)
    if request.method == "GET":
        return page("customer_new.html", here="/customers", form=form, zones=zones())
    name = form.text("name", "a name", most=120)
    slug = form.text("slug", "", most=40, required=False) or short_name(name)
    if slug != short_name(slug) or not slug:
        form.refuse("slug", "Use lower-case letters, digits and dashes, such as halvorsen-paper.")
    zone_name = form.choice("zone", is_zone, "Choose a time zone from the list, such as Europe/Paris.", "UTC")
    language = form.choice("language", lambda value: value in ("en", "fr"), "Choose English or French.", "en")
    site = form.text("site", "", most=120, required=False)
    country = form.choice(
        "country",
        lambda value: value == "" or (len(value) == 2 and value.isalpha() and value.isupper()),
        "Two capital letters, such as FR; leave it empty for no public holidays.",
        "",
    )
    now = front.now()
    if not form.wrong:
        with reading(who) as session:
            if find_customer(session, slug) is not None:
                form.refuse("slug", f"{slug} is taken by another customer; choose another short name.")
            else:
                made = Customer(id=new_id(), slug=slug, name=name, language=language, zone=zone_name, created_at=now)
                session.add(made)
                session.flush()  # the site refers to it
                if site:
                    session.add(Site(customer_id=made.id, name=site, zone=zone_name, country=country, created_at=now))
                record(
                    session,
                    actor=who.actor,
                    deed="customer.added",
                    subject=f"customer:{slug}",
                    customer_id=made.id,
                    facts={"name": name},
                    now=now,
                )
    if form.wrong:
        return page("customer_new.html", status=422, here="/customers", form=form, zones=zones())
    return redirect(f"/customers/{slug}", 303)


def known_sites(slug: str) -> list[Site]:
    """The sites of a customer, for a choice in a form. Raises Problem when there is no such customer."""
    who = signed_in("customers:read")
    with reading(who) as session:
        found = find_customer(session, slug)
        if found is None:
            raise not_found("customer")
        return list(session.scalars(select(Site).where(Site.customer_id == found.id).order_by(Site.name)))
