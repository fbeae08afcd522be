"""Machines that wait to be let in, each beside what its contract would say; and the codes they come with."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, sent_once
from app.identity import Caller
from app.pages.fields import Form
from app.pages.frame import page, reading, signed_in
from app.problems import not_found
from contracts.life import By
from models.agreements import Contract
from models.customers import Customer, Site
from models.enrolment import Enrolment, EnrolmentCode
from telemetry import approving, enrol, enrolling

SHOWN = 100


def register(app: Flask) -> None:
    app.add_url_rule("/enrolments", "enrolments", index, methods=["GET"])
    app.add_url_rule("/enrolments/codes/new", "enrolment_code_new", new_code, methods=["GET", "POST"])
    app.add_url_rule("/enrolments/codes/<uuid:id>/revoke", "enrolment_code_revoke", revoke_code, methods=["POST"])
    app.add_url_rule("/enrolments/<uuid:id>", "enrolment", decide, methods=["GET", "POST"])
    app.add_url_rule("/enrolments/<uuid:id>/again", "enrolment_again", again, methods=["POST"])


def index() -> AnyResponse:
    """Who waits, who was decided lately, and which codes are good."""
    who = signed_in("machines:write")
    now = front.now()
    with reading(who) as session:
        asked = select(Enrolment, Customer).join(Customer, Customer.id == Enrolment.customer_id)
        waiting = session.execute(
            asked.where(Enrolment.state == "pending", Enrolment.until > now).order_by(Enrolment.asked_at).limit(SHOWN)
        ).all()
        covers = {one.id: _foreseen(session, one) for one, _ in waiting}
        decided = session.execute(
            asked.where(Enrolment.state != "pending").order_by(Enrolment.decided_at.desc().nulls_last()).limit(20)
        ).all()
        codes = session.execute(
            select(EnrolmentCode, Customer)
            .join(Customer, Customer.id == EnrolmentCode.customer_id)
            .where(EnrolmentCode.revoked_at.is_(None), EnrolmentCode.expires_at > now)
            .order_by(Customer.name, EnrolmentCode.created_at)
        ).all()
    return page("enrolments.html", waiting=waiting, covers=covers, decided=decided, codes=codes)


def new_code() -> AnyResponse:
    """The form; then, once, the code and the line for the machine."""
    who = signed_in("machines:write")
    with reading(who) as session:
        customers = list(session.scalars(select(Customer).order_by(Customer.name)))
        places = session.execute(
            select(Site, Customer.name)
            .join(Customer, Customer.id == Site.customer_id)
            .order_by(Customer.name, Site.name)
        ).all()
        sites = [place for place, _ in places]
        form = Form(request.form)
        if request.method == "POST":
            customer = next((one for one in customers if str(one.id) == form["customer"]), None)
            site = next((one for one in sites if str(one.id) == form["site"]), None)
            if customer is None:
                form.refuse("customer", "Choose whose machines it is for.")
            elif form["site"] and (site is None or site.customer_id != customer.id):
                form.refuse("site", "Choose one of the sites of this customer.")
            label = form.text("label", "Say what it is for, such as “new rack, hall 2”.", most=120)
            uses = _number(form, "uses", 1, 10_000)
            days = _number(form, "days", 1, 365)
            if not form.wrong and customer is not None:
                row, text = enrolling.make_code(
                    session, customer.id, label, who.actor, front.now(), lasting=timedelta(days=days), most_uses=uses,
                    site_id=site.id if site else None,
                )  # fmt: skip
                desk = front.front().settings.address
                sent_once.shows_a_secret()
                return page("enrolment_code_made.html", row=row, code=text, customer=customer, desk=desk)
    return page(
        "enrolment_code_new.html", form=form, customers=customers, places=places, status=422 if form.wrong else 200
    )


def revoke_code(id: uuid.UUID) -> AnyResponse:
    """It opens nothing any more."""
    who = signed_in("machines:write")
    with reading(who) as session:
        row = session.get(EnrolmentCode, id)
        if row is None:
            raise not_found("enrolment code")
        enrolling.revoke_code(session, row, who.actor, front.now())
    return redirect("/enrolments", 303)


def decide(id: uuid.UUID) -> AnyResponse:
    """One machine that waits: what it says of itself, what its contract would say; then yes or no."""
    who = signed_in("machines:write")
    with reading(who) as session:
        one = session.get(Enrolment, id, with_for_update=request.method == "POST")
        if one is None:
            raise not_found("enrolment")
        contracts = list(
            session.scalars(
                select(Contract).where(Contract.customer_id == one.customer_id, Contract.state == "active")
                .order_by(Contract.number)
            )
        )  # fmt: skip
        form = Form(request.form)
        if request.method == "POST":
            _answer(session, form, one, contracts, who)
            if not form.wrong:
                return redirect("/enrolments", 303)
        sites = list(session.scalars(select(Site).where(Site.customer_id == one.customer_id).order_by(Site.name)))
        code = session.get(EnrolmentCode, one.code_id) if one.code_id else None
        return page(
            "enrolment.html", status=422 if form.wrong else 200, form=form, one=one, code=code, sites=sites,
            customer=session.get_one(Customer, one.customer_id), cover=_foreseen(session, one),
            contracts=contracts if who.may("contracts:write") else [],
        )  # fmt: skip


def again(id: uuid.UUID) -> AnyResponse:
    """The credential got lost on its way: it may be fetched once more."""
    who = signed_in("machines:write")
    with reading(who) as session:
        one = session.get(Enrolment, id, with_for_update=True)
        if one is None or one.state != "delivered":
            raise not_found("enrolment")
        enrolling.again(session, one, who.actor, front.now())
    return redirect("/enrolments", 303)


def _answer(session: Session, form: Form, one: Enrolment, contracts: list[Contract], who: Caller) -> None:
    if form["answer"] == "refuse":
        reason = form.text("reason", "a reason; the machine is told", most=500)
        if not form.wrong:
            _do(session, form, "reason", lambda: enrolling.refuse(session, one, reason, who.actor, front.now()))
        return
    chosen = next((each for each in contracts if str(each.id) == form["line"]), None)
    if chosen is not None and not who.may("contracts:write"):
        form.refuse("line", "A line of a contract is a manager’s to add.")
    site = next((each for each in session.scalars(select(Site)) if str(each.id) == form["site"]), None)
    if form["site"] and (site is None or site.customer_id != one.customer_id):
        form.refuse("site", "Choose one of the sites of this customer.")
    if form.wrong:
        return
    by = By(who.actor, f"{who.kind}:{who.id}")
    _do(session, form, "name" if form["name"] != one.name else "line", lambda: approving.approve(
        session, one, by, front.now(), name=form["name"].strip().lower(), site_id=site.id if site else None,
        contract=chosen, uncovered=form["line"] == "none",
    ))  # fmt: skip


def _do(session: Session, form: Form, field: str, deed: Callable[[], object]) -> None:
    """Do it, or leave everything as it was and say beside the field why."""
    try:
        with session.begin_nested():
            deed()
    except enrol.NoName as problem:
        form.refuse("name", f"{problem}.")
    except enrolling.NotNow as problem:
        form.refuse("line" if problem.kind == "uncovered" else field, f"{problem} {problem.remedy}")


def _foreseen(session: Session, one: Enrolment) -> approving.Foreseen:
    code = session.get(EnrolmentCode, one.code_id) if one.code_id else None
    return approving.foresee(session, one.customer_id, one.name, front.now(), code.site_id if code else None)


def _number(form: Form, field: str, least: int, most: int) -> int:
    text = form[field].strip()
    if text.isascii() and text.isdigit() and least <= int(text[:9]) <= most:
        return int(text)
    form.refuse(field, f"A whole number from {least} to {most:,}.")
    return least
