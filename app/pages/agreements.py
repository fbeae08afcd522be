"""A new contract: tier, dates, zone and what it covers, with the usual terms of its tier as version 1."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.identity import Caller
from app.pages.contract_story import by
from app.pages.contracts import address
from app.pages.customer import find_customer
from app.pages.fields import Form, is_zone, zones
from app.pages.frame import page, reading, signed_in
from app.problems import not_found
from contracts import contracting, covering
from contracts.life import CannotBe
from contracts.tiers import DEFAULTS, Tier
from models.agreements import Contract
from models.customers import Customer
from models.machines import Machine


def register(app: Flask) -> None:
    app.add_url_rule("/customers/<slug>/contracts/new", "contract_new", new, methods=["GET", "POST"])


def new(slug: str) -> AnyResponse:
    """The form and its answer."""
    who = signed_in("contracts:write")
    now = front.now()
    with reading(who) as session:
        customer = find_customer(session, slug)
        if customer is None:
            raise not_found("customer")
        machines = list(
            session.scalars(
                select(Machine)
                .where(Machine.customer_id == customer.id, Machine.retired_at.is_(None))
                .order_by(Machine.name)
            )
        )
        form = Form(request.form)
        if request.method == "POST":
            read = _read(form, {machine.name: machine.id for machine in machines})
            if not form.wrong and _number_is_free(session, form, read[0]):
                made = _write(session, who, customer, read, now)
                if not isinstance(made, CannotBe):
                    return redirect(address(customer, made), 303)
                form.refuse(made.field, f"{made.reason} {made.remedy}")
        suggested = form["number"] or contracting.next_number(session)
    return page(
        "contract_new.html",
        status=422 if form.wrong else 200,
        here="/customers",
        form=form,
        customer=customer,
        machines=machines,
        tiers=[(tier.value, DEFAULTS[tier]) for tier in Tier],
        suggested=suggested,
        today=now.date().isoformat(),
        zones=zones(),
        chosen=request.form.getlist("machine"),
    )


_Read = tuple[str, Tier, date, date | None, str, str, list[uuid.UUID]]


def _read(form: Form, machines: dict[str, uuid.UUID]) -> _Read:
    number = form.text("number", "a number, such as VC-1042", most=40)
    tier = form.choice("tier", lambda value: value in list(Tier), "Choose bronze, silver, gold or platinum.", "")
    starts = form.day("starts_on")
    ends = form.day("ends_on", required=False)
    if starts and ends and ends < starts:
        form.refuse("ends_on", f"It ends before it starts; choose {starts.isoformat()} or later.")
    zone = form.choice("zone", is_zone, "Choose a time zone from the list, such as Europe/Paris.", "UTC")
    country = form.choice(
        "country",
        lambda value: value == "" or (len(value) == 2 and value.isalpha() and value.isupper()),
        "Two capital letters, such as FR; leave it empty for no public holidays.",
        "",
    )
    covered: list[uuid.UUID] = []
    if form["covers"] == "machines":
        named = request.form.getlist("machine")
        unknown = [name for name in named if name not in machines]
        if unknown:
            form.refuse("covers", f"{unknown[0]} is not a machine of this customer.")
        elif not named:
            form.refuse("covers", "Choose at least one machine, or cover all of them.")
        covered = [machines[name] for name in named if name in machines]
    fallback = Tier(tier) if tier in list(Tier) else Tier.BRONZE
    return number, fallback, starts or date.min, ends, zone, country, covered


def _number_is_free(session: Session, form: Form, number: str) -> bool:
    if session.scalar(select(Contract.id).where(Contract.number == number)) is None:
        return True
    form.refuse("number", f"{number} is taken by another contract; choose another number.")
    return False


def _write(session: Session, who: Caller, customer: Customer, read: _Read, now: datetime) -> Contract | CannotBe:
    """The contract with its first version of terms, and a line for what it covers."""
    number, tier, starts, ends, zone, country, covered = read
    new = contracting.New(tier=tier, starts_on=starts, ends_on=ends, number=number, zone=zone, country=country)
    made = contracting.make(session, customer.id, new, by(who), now, facts={"machines": len(covered) or "all"})
    if isinstance(made, CannotBe):
        return made
    subjects: list[uuid.UUID | None] = [*covered] or [None]  # none named: the whole customer
    for machine_id in subjects:
        covering.add_line(session, made, covering.NewLine(machine_id), by(who), now)
    return made
