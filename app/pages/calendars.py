"""Service calendars: the list, a year at a glance with "when are we next open?", and the form for a next version."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.pages import calendar_year, cover_words, covers
from app.pages.calendar_form import body_of, fill, in_french, refuse
from app.pages.calendar_words import HEADS, LETTERS, knows, say
from app.pages.calendar_year import Shown
from app.pages.contracts import contract_reader, found_mine
from app.pages.fields import Form
from app.pages.frame import page, reading, signed_in
from app.problems import not_found
from contracts import calendar_uses, calendars, clock, ledger
from contracts.calendars import Draft
from contracts.hours import parse
from models.agreements import Contract
from models.base import Json
from models.calendars import CalendarVersion, ServiceCalendar

SEVERITIES = (1, 2, 3, 4)


def register(app: Flask) -> None:
    app.add_url_rule("/calendars", "calendars_index", index)
    app.add_url_rule("/calendars/new", "calendars_new", new, methods=["GET", "POST"])
    app.add_url_rule("/calendars/of/<ref>", "calendars_of", of_contract)
    app.add_url_rule("/covers/contracts/<ref>/hours", "calendars_mine", of_mine)
    app.add_url_rule("/calendars/<name>", "calendars_one", one)
    app.add_url_rule("/calendars/<name>/remove", "calendars_remove", remove, methods=["POST"])
    app.add_url_rule("/calendars/<name>/change", "calendars_change", change, methods=["GET", "POST"])


def index() -> AnyResponse:
    """All calendars by name with what they do now, and the contracts whose hours can be looked at."""
    who, now = signed_in("contracts:read"), front.now()
    with reading(who) as session:
        rows = []
        for row in session.scalars(select(ServiceCalendar).order_by(ServiceCalendar.name)):
            hours = parse(_body(session, row, now))
            rows.append((row, clock.zone_of(hours), calendar_year.standing(hours, now, _language())))
        contracts = list(session.scalars(select(Contract).order_by(Contract.number).limit(500)))
        return _dressed("calendars.html", rows=rows, contracts=contracts, severities=SEVERITIES)


def one(name: str) -> AnyResponse:
    """A calendar's year, its versions, and when it is next open."""
    who, now = signed_in("contracts:read"), front.now()
    with reading(who) as session:
        row = _found(session, name)
        hours = parse(_body(session, row, now))
        versions: list[CalendarVersion] = calendars.versions(session, row)
        shown = calendar_year.shown(row.title, hours, now, _language())
        return _dressed("calendar.html", shown=shown, row=row, versions=versions,
                        may_write=who.may("contracts:write"))  # fmt: skip


def remove(name: str) -> AnyResponse:
    """Take away a calendar that nobody names; else the page says who does."""
    who, now = signed_in("contracts:write"), front.now()
    with reading(who) as session:
        row = _found(session, name)
        if calendar_uses.remove(session, row, who.actor, now) is None:
            return redirect(f"/calendars?language={_language()}", 303)
        uses = calendar_uses.uses(session, row, now)
        told = [say(_language(), f"use_{use.kind}", name=use.name) for use in uses[: calendar_uses.MOST_NAMED]]
        if len(uses) > len(told):
            told.append(say(_language(), "use_more", n=len(uses) - len(told)))
        refused = say(_language(), "used", uses=", ".join(told))
        versions: list[CalendarVersion] = calendars.versions(session, row)
        shown = calendar_year.shown(row.title, parse(_body(session, row, now)), now, _language())
        return _dressed("calendar.html", status=409, shown=shown, row=row, versions=versions, refused=refused,
                        may_write=True)  # fmt: skip


def of_contract(ref: str) -> AnyResponse:
    """The hours a contract promises for a severity, as a year."""
    who, now = signed_in("contracts:read"), front.now()
    with reading(who) as session:
        contract = session.scalar(select(Contract).where(Contract.number == ref))
        if contract is None:
            raise not_found("contract")
        shown, severity = year_of(session, contract, now, _language())
        return _dressed("calendar.html", shown=shown, row=None, versions=(), contract=contract, severity=severity,
                        severities=SEVERITIES)  # fmt: skip


def of_mine(ref: str) -> AnyResponse:
    """The same for a contact of the customer, in the customer's language; one of ours is shown the desk's."""
    who, now = contract_reader(), front.now()
    with reading(who) as session:
        customer, contract = found_mine(session, who, ref)
        if who.is_staff:
            return redirect(f"/calendars/of/{contract.number}", 303)
        language = covers.language_of(who, customer)
        shown, severity = year_of(session, contract, now, language)
        back = f"/covers/contracts/{ref}"
        return covers.dressed(
            "calendar.html", who, customer, language, say=partial(_either, language), here="/covers", shown=shown,
            row=None, versions=(), severity=severity, severities=SEVERITIES, back=back, number=contract.number,
            heads=HEADS[language], letters=LETTERS[language],
        )  # fmt: skip


def year_of(session: Session, contract: Contract, now: datetime, language: str) -> tuple[Shown, int]:
    """The year of a contract's hours, and for which severity: the one the address names, else 2. Raises Problem."""
    wanted = request.args.get("severity", "2")
    severity = int(wanted) if wanted in ("1", "2", "3", "4") else 2
    holds = ledger.standing(session, contract.customer_id, now, contract_id=contract.id)
    if holds.terms is None:
        raise not_found("contract")
    hours = holds.terms.service(severity, holds.facts.hours_zone, holds.facts.country)
    title = say(language, "of_contract", number=contract.number, severity=severity)
    return calendar_year.shown(title, hours, now, language), severity


def _either(language: str, key: str, /, **facts: object) -> str:
    """A sentence of these pages, or of the frame around a customer's, which has a title of its own."""
    mine = knows(key) and key != "title"
    return say(language, key, **facts) if mine else cover_words.say(language, key, **facts)


def new() -> AnyResponse:
    """A new calendar: hours in words, holidays, own dates; or others combined."""
    who, now = signed_in("contracts:write"), front.now()
    form = Form(request.form)
    with reading(who) as session:
        if request.method == "POST":
            name = form.text("name", "a short name such as europe", most=63)
            if name and not calendars.NAME.fullmatch(name):
                form.refuse("name", "Use small letters, digits and dashes, such as europe.")
            title = form.text("title", "a title", most=120)
            draft = _draft(form, now)
            if draft is not None and not form.wrong:
                try:
                    calendars.add(session, name, title, draft, who.actor, now)
                    return redirect(f"/calendars/{name}?language={_language()}", 303)
                except ValueError as wrong:
                    refuse(form, wrong)
        return _form(form, None)


def change(name: str) -> AnyResponse:
    """The next version of a calendar; what was promised by an earlier one keeps it."""
    who, now = signed_in("contracts:write"), front.now()
    form = Form(request.form)
    with reading(who) as session:
        row = _found(session, name)
        if request.method == "POST":
            draft = _draft(form, now)
            if draft is not None and not form.wrong:
                try:
                    calendars.change(session, row, draft, who.actor, now)
                    return redirect(f"/calendars/{row.name}?language={_language()}", 303)
                except ValueError as wrong:
                    refuse(form, wrong)
        else:
            form = Form(fill(calendars.versions(session, row)[0].body))
        return _form(form, row)


def _form(form: Form, row: ServiceCalendar | None) -> AnyResponse:
    """The form, with what is wrong with it in the reader's language."""
    if _language() == "fr":
        in_french(form, lambda key, **facts: say("fr", key, **facts))
    return _dressed("calendar_change.html", status=422 if form.wrong else 200, form=form, row=row)


def _draft(form: Form, now: datetime) -> Draft | None:
    """What the form says as the next version; None when a field is wrong, which then stands beside it."""
    body = body_of(form)
    begins = form.day("effective_on", required=False)
    reason = form.text("reason", "a reason; it stands in the history", most=500)
    if form.wrong or body is None:
        return None
    return Draft(body, begins or now.date(), reason)


def _found(session: Session, name: str) -> ServiceCalendar:
    row = calendars.by_name(session, name) if calendars.NAME.fullmatch(name) else None
    if row is None:
        raise not_found("calendar")
    return row


def _body(session: Session, row: ServiceCalendar, at: datetime) -> Json:
    """The version in force; before the first one begins, that one."""
    try:
        return calendars.whole(session, {"calendar": row.name}, at)
    except ValueError:
        return calendars.whole(session, calendars.versions(session, row)[-1].body, at)


def _language() -> str:
    return "fr" if request.args.get("language") == "fr" else "en"


def _dressed(template: str, *, status: int = 200, **more: Any) -> AnyResponse:  # Any: for a template
    language = _language()

    def speak(key: str, /, **facts: object) -> str:
        return say(language, key, **facts)

    other = "fr" if language == "en" else "en"
    return page(template, status=status, here="/calendars", language=language, other_language=other, say=speak,
                heads=HEADS[language], letters=LETTERS[language], **more)  # fmt: skip
