"""The form for a new window of maintenance, and the button that ends one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.identity import Caller
from app.pages.customer import find_customer
from app.pages.fields import Form, is_zone, zones
from app.pages.frame import page, reading, signed_in
from app.pages.worked import DAYS
from app.problems import not_found
from models.customers import Customer, Site
from models.machines import Machine
from models.maintenance import MaintenanceWindow
from telemetry import worked_on
from telemetry.maintenance import Window, mistakes

WEEKS = {str(number) for number in range(1, 53)}


def register(app: Flask) -> None:
    address = "/customers/<slug>/maintenance/new"
    app.add_url_rule(address, "maintenance_new", new, methods=["GET", "POST"])
    app.add_url_rule("/maintenance/<uuid:window>/end", "maintenance_end", end, methods=["POST"])


def new(slug: str) -> AnyResponse:
    """The form; then the page of what is worked on."""
    who = signed_in("maintenance:write")
    with reading(who) as session:
        customer = find_customer(session, slug)
        if customer is None:
            raise not_found("customer")
        sites = session.scalars(select(Site).where(Site.customer_id == customer.id).order_by(Site.name)).all()
        in_service = (Machine.customer_id == customer.id, Machine.retired_at.is_(None))
        machines = session.scalars(select(Machine).where(*in_service).order_by(Machine.name)).all()
        form = Form(request.form)
        if request.method == "POST" and _planned(session, form, customer, sites, machines, who):
            machine = next((one.name for one in machines if f"machine:{one.id}" == form["place"]), None)
            return redirect(f"/machines/{machine}" if machine else f"/customers/{slug}", 303)
        wanted = next((one for one in machines if one.name == request.args.get("machine")), None)
        spots = [("", f"everything of {customer.name}")]
        spots += [(f"site:{one.id}", f"the site {one.name}") for one in sites]
        spots += [(f"machine:{one.id}", one.name) for one in machines]
    local = front.now().astimezone(ZoneInfo(customer.zone)).replace(minute=0) + timedelta(hours=1)
    return page(
        "maintenance_new.html",
        status=422 if form.wrong else 200,
        here="/customers",
        form=form,
        customer=customer,
        spots=spots,
        place=f"machine:{wanted.id}" if wanted else "",
        days=list(DAYS.items()),
        chosen=request.form.getlist("day"),
        zones=zones(),
        starts=f"{local:%Y-%m-%dT%H:%M}",
        ends=f"{local + timedelta(hours=2):%Y-%m-%dT%H:%M}",
    )


def _planned(
    session: Session, form: Form, customer: Customer, sites: Sequence[Site], machines: Sequence[Machine], who: Caller
) -> bool:
    title = form.text("title", "a few words", most=120)
    place = form["place"]
    known = {"", *(f"site:{one.id}" for one in sites), *(f"machine:{one.id}" for one in machines)}
    if place not in known:
        form.refuse("place", "Choose one of the places.")
    zone = form.choice("zone", is_zone, "Choose a zone from the list, such as Europe/Paris.", customer.zone)
    begins, ends = (_instant(form, field, zone) for field in ("starts", "ends"))
    until = form.day("until", required=False)
    days = frozenset(day for day in request.form.getlist("day") if day in DAYS)
    weeks = form.choice("weeks", lambda value: value in WEEKS, "A number from 1 to 52.", "1")
    if form.wrong or begins is None or ends is None:
        return False
    window = Window(title, begins, ends, zone, days, int(weeks), until)
    fields = {"ends_at": "ends", "weekdays": "days", "until": "until"}
    for field, problem, remedy in mistakes(window, front.now()):
        form.refuse(fields[field], f"It {problem}: {remedy}." if field != "weekdays" else f"They {problem}: {remedy}.")
    if form.wrong:
        return False
    kind, _, ref = place.partition(":")
    worked_on.plan(
        session, customer.id, window, front.now(), actor=who.actor,
        machine_id=uuid.UUID(ref) if kind == "machine" else None, site_id=uuid.UUID(ref) if kind == "site" else None,
    )  # fmt: skip
    return True


def _instant(form: Form, field: str, zone: str) -> datetime | None:
    """A local date and time as the browser's own field sends it."""
    try:
        local = datetime.fromisoformat(form[field].strip())
    except ValueError:
        form.refuse(field, "Choose a date and a time, like 2026-05-14T22:00.")
        return None
    if local.tzinfo is not None or not 2000 <= local.year <= 2100:
        form.refuse(field, "Choose a date between 2000 and 2100, without a zone.")
        return None
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) if is_zone(zone) else None


def end(window: uuid.UUID) -> AnyResponse:
    """Call it off, or end it before its time."""
    who = signed_in("maintenance:write")
    with reading(who) as session:
        row = session.get(MaintenanceWindow, window)
        if row is None:
            raise not_found("window of maintenance")
        worked_on.call_off(session, row, front.now(), actor=who.actor)
        machine = session.get(Machine, row.machine_id) if row.machine_id else None
        slug = session.scalar(select(Customer.slug).where(Customer.id == row.customer_id))
    back = request.form.get("back", "")
    target = f"/machines/{machine.name}" if machine else f"/customers/{slug}"
    return redirect(back if back.startswith("/machines/") else target, 303)
