"""A new machine: its name, its secret shown once, and three ways to let it speak."""

from __future__ import annotations

import re

from flask import Flask, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app import front, sent_once
from app.pages.customer import find_customer
from app.pages.fields import Form
from app.pages.frame import page, reading, signed_in
from app.problems import not_found
from models.customers import Site
from models.machines import MACHINE_NAME, Machine
from telemetry import enrol

SOURCES = (
    ("native", "our own agent, or anything that publishes our JSON"),
    ("collectd", "collectd"),
    ("glances", "Glances"),
    ("telegraf", "Telegraf"),
    ("values", "one value a topic"),
)


def register(app: Flask) -> None:
    app.add_url_rule("/customers/<slug>/machines/new", "machine_new", new, methods=["GET", "POST"])


def new(slug: str) -> AnyResponse:
    """The form; then, once, the secret."""
    who = signed_in("machines:write")
    with reading(who) as session:
        customer = find_customer(session, slug)
        if customer is None:
            raise not_found("customer")
        sites = list(session.scalars(select(Site).where(Site.customer_id == customer.id).order_by(Site.name)))
        form = Form(request.form)
        if request.method == "POST":
            name = form["name"].strip().lower()
            if not re.fullmatch(MACHINE_NAME, name):
                form.refuse(
                    "name", "Lower-case letters, digits, dot, dash and underscore; at most 63, such as hlv-db-03."
                )
            elif name in enrol.OURS:
                form.refuse("name", f"{name} is the house’s own user at the broker; choose another name.")
            title = form.text("title", "", most=120, required=False)
            rack = form.text("rack", "", most=60, required=False)
            site = next((one for one in sites if str(one.id) == form["site"]), None)
            if form["site"] and site is None:
                form.refuse("site", "Choose one of the sites of this customer.")
            source = form.choice("source", lambda value: value in dict(SOURCES), "Choose one of the agents.", "native")
            if not form.wrong and session.scalar(select(Machine.id).where(Machine.name == name)) is not None:
                form.refuse("name", f"{name} is taken; a machine’s name is unique in the whole house.")
            if not form.wrong:
                machine, secret = enrol.enrol(
                    session,
                    customer.id,
                    name,
                    front.now(),
                    site_id=site.id if site else None,
                    title=title,
                    rack=rack,
                    source=source,
                    actor=who.actor,
                )
                settings = front.front().settings
                sent_once.shows_a_secret()
                return page(
                    "machine_made.html",
                    here="/customers",
                    customer=customer,
                    machine=machine,
                    secret=secret,
                    host=settings.mqtt_public_host or settings.mqtt_host,
                    port=settings.mqtt_tls_port or settings.mqtt_port,
                    tls=bool(settings.mqtt_tls_port),
                )
    return page(
        "machine_new.html",
        status=422 if form.wrong else 200,
        here="/customers",
        form=form,
        customer=customer,
        sites=sites,
        sources=SOURCES,
    )
