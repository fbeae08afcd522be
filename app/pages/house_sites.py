"""The sites our own people work at: a table of them; adding, changing and closing one."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.identity import Caller
from app.pages.fields import Form
from app.pages.frame import HINTS_TABLE, page, reading, signed_in
from app.problems import not_found
from escalation import roster
from escalation.routing import HOME, SIZES, UNITS
from models.audit import record
from models.base import new_id
from models.duty import HouseSite

_PAGE = 50  # sites a page; who has more turns it


@dataclass(frozen=True, slots=True)
class Line:
    row: HouseSite
    people: int
    on_duty: str  # who of them is on duty now


def register(app: Flask) -> None:
    app.add_url_rule("/duty/sites", "house_sites", index)
    app.add_url_rule("/duty/sites/new", "house_site_new", edit, methods=["GET", "POST"])
    app.add_url_rule("/duty/sites/<uuid:site_id>", "house_site", edit, methods=["GET", "POST"])
    app.add_url_rule("/duty/sites/<uuid:site_id>/close", "house_site_close", close, methods=["POST"])


def index() -> AnyResponse:
    """The sites, the largest of each zone first, with who of it is on duty now."""
    who, start = signed_in("duty:read"), _start(request.args.get("from", ""))
    with reading(who) as session:
        people = roster.our_people(session).values()
        units = roster.units_now(session, front.now())
        there: dict[str, list[tuple[str, bool]]] = {}
        for person in people:
            there.setdefault(person.site.strip().lower(), []).append((person.name, person.id in units))
        rows = [
            Line(row, len(there.get(row.name.lower(), ())),
                 ", ".join(name for name, on in there.get(row.name.lower(), ()) if on))
            for row in session.scalars(select(HouseSite))
        ]  # fmt: skip
        rows.sort(key=lambda line: (_place(UNITS, line.row.unit), _place(SIZES, line.row.size), line.row.name))
        known = {line.row.name.lower() for line in rows}
        home = sum(len(names) for name, names in there.items() if name in HOME)
        stray = sorted({person.site for person in people if person.site.strip().lower() not in {"", *HOME, *known}})
        return page("house_sites.html", here="/duty", rows=rows[start : start + _PAGE], home=home, stray=stray,
                    hints=HINTS_TABLE, may_write=who.may("duty:write"), start=start, step=_PAGE, total=len(rows),
                    )  # fmt: skip


def _start(given: str) -> int:
    """How many sites the pages before hold; nonsense is the first page."""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 0


def _place(order: tuple[str, ...], word: str) -> int:
    return order.index(word) if word in order else len(order)


def edit(site_id: uuid.UUID | None = None) -> AnyResponse:
    """The form of one site."""
    who = signed_in("duty:read" if request.method == "GET" else "duty:write")
    form = Form(request.form)
    with reading(who) as session:
        row = session.get(HouseSite, site_id, with_for_update=request.method == "POST") if site_id else None
        if site_id is not None and row is None:
            raise not_found("site")
        if request.method == "POST" and _kept(session, who, form, row):
            return redirect("/duty/sites", 303)
        return _form(session, who, row, form, 422 if form.wrong else 200)


def _form(session: Session, who: Caller, row: HouseSite | None, form: Form, status: int) -> AnyResponse:
    people = _working_at(session, row) if row is not None else []
    return page("house_site.html", status=status, here="/duty", row=row, form=form, hints=HINTS_TABLE,
                may_write=who.may("duty:write"), people=people)  # fmt: skip


def close(site_id: uuid.UUID) -> AnyResponse:
    """Close a site nobody works at any more; else its page says who does."""
    who, form = signed_in("duty:write"), Form(request.form)
    with reading(who) as session:
        row = session.get(HouseSite, site_id, with_for_update=True)
        if row is None:
            raise not_found("site")
        if _working_at(session, row):
            return _form(session, who, row, form, 409)
        session.delete(row)
        record(session, actor=who.actor, deed="house_site.closed", subject=f"house_site:{row.id}",
               facts={"name": row.name}, now=front.now())  # fmt: skip
    return redirect("/duty/sites", 303)


def _working_at(session: Session, row: HouseSite) -> list[str]:
    """Who of ours names this site on their own record."""
    people = roster.our_people(session).values()
    return [person.name for person in people if person.site.strip().lower() == row.name.lower()]


def _kept(session: Session, who: Caller, form: Form, row: HouseSite | None) -> bool:
    name = row.name if row is not None else form.text("name", "the name people call it by", most=80)
    unit = form.choice("unit", lambda value: value in UNITS, "Choose one of the zones.", "")
    size = form.choice("size", lambda value: value in SIZES, "Choose one of the sizes.", "")
    countries = sorted(set(form["countries"].replace(",", " ").upper().split()))
    if len(countries) > 60 or any(not re.fullmatch("[A-Z]{2}", one) for one in countries):
        form.refuse("countries", "Write codes of two letters, such as FR BE; at most 60.")
    if name.lower() in HOME:
        form.refuse("name", "That means working from home, which is no site; give the place its own name.")
    others = session.scalars(select(HouseSite.name)) if row is None else ()
    if name.lower() in {one.lower() for one in others}:
        form.refuse("name", "There is a site of this name already; change that one.")
    if form.wrong:
        return False
    deed = "house_site.changed" if row is not None else "house_site.added"
    if row is None:
        row = HouseSite(id=new_id(), name=name)
        session.add(row)
    row.unit, row.size, row.countries, row.changed_at = unit, size, countries, front.now()
    session.flush()  # the audit names the row
    facts = {"name": name, "unit": unit, "size": size, "countries": countries}
    record(session, actor=who.actor, deed=deed, subject=f"house_site:{row.id}", facts=facts, now=front.now())
    return True
