"""The ladders of contracts, rung by rung: changed on a page that plays a night by them before anybody agrees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, termtext
from app.pages import clock_effects
from app.pages.board import local_instant
from app.pages.contract_story import by
from app.pages.contracts import BASE, Opened, address, opened
from app.pages.fields import Form
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.pages.nights import WATCHED, of_customer, played
from contracts import amending, proposals
from contracts.ladder_terms import CONVENTIONS, ROLES, RUNGS, TEAMS, slug
from contracts.life import CannotBe
from contracts.terms import Terms
from escalation import roster
from escalation.night import Night
from escalation.words import rung_name
from models.agreements import Contract, ContractTerms
from models.customers import Customer
from models.duty import DutySchedule

ROWS = 10
SAID = {
    "escalate_after": "how long a page stands before the next rung is called",
    "from_previous": "how long after the page before",
    "from_opening": "how long after the opening",
}


@dataclass(frozen=True, slots=True)
class Line:
    customer: str
    number: str
    where: str
    tier: str
    said: str


def register(app: Flask) -> None:
    app.add_url_rule("/duty/ladders", "ladders", index)
    app.add_url_rule(f"{BASE}/ladder", "ladder", edit, methods=["GET", "POST"])


def index() -> AnyResponse:
    """Every contract in force with its ladder."""
    who = signed_in("contracts:read")
    with reading(who) as session:
        rows = session.execute(
            select(Contract, Customer)
            .join(Customer, Customer.id == Contract.customer_id)
            .where(Contract.state == "active")
            .order_by(Customer.name, Contract.number)
        ).all()
        lines = [_line(session, contract, customer) for contract, customer in rows]
    return page("ladders.html", here="/duty", lines=lines, hints=HINTS_TABLE)


def _line(session: Session, contract: Contract, customer: Customer) -> Line:
    terms, _ = proposals.at(session, contract, front.now())
    said = ", ".join(f"{rung_name(rung.who)} {termtext.duration({'seconds': rung.wait})}" for rung in terms.ladder)
    return Line(customer.name, contract.number, address(customer, contract) + "/ladder", terms.tier.value, said)


def edit(slug: str, ref: str) -> AnyResponse:
    """The rungs as a form; under it the night they would give; and with a reason, the proposal."""
    with opened(slug, ref, "contracts:write") as at:
        now, form = front.now(), Form(request.form)
        terms, _ = proposals.at(at.session, at.contract, now)
        is_new = request.method == "POST"
        changes = _changes(terms, form) if is_new else {}
        after = _after(terms, changes, form)
        if is_new and form["do"] == "propose" and not form.wrong:
            if not changes:
                form.refuse("who-0", "Nothing differs from the ladder that holds; change a rung first.")
            reason = form.text("reason", "a reason; it stands in the history", most=500)
            if not form.wrong and _propose(at, changes, reason, form):
                return redirect(at.address + "#pending", 303)
        return _shown(at, form, terms, after, bool(changes))


def _propose(at: Opened, changes: dict[str, Any], reason: str, form: Form) -> bool:  # Any: terms as JSON
    done = proposals.propose(at.session, at.contract, changes, reason, by(at.who), front.now())
    if isinstance(done, CannotBe):
        form.refuse("who-0", f"{done.reason} {done.remedy}")
        return False
    if isinstance(done, ContractTerms):
        clock_effects.follow_terms(at.session, at.contract, done, at.who, front.now())
    return True


def _changes(terms: Terms, form: Form) -> dict[str, Any]:  # Any: terms as JSON
    """What the form would change. Each row that cannot be used is refused beside it."""
    rungs = []
    for row in range(ROWS):
        who, wait = form[f"who-{row}"].strip().lower(), form[f"wait-{row}"].strip()
        if not who and not wait:
            continue
        try:
            rungs += termtext.read_ladder(f"{who} {wait}")
        except termtext.Unfit as unfit:
            form.refuse(f"who-{row}", f"It {unfit.problem}: {unfit.remedy}.")
    if not rungs and not form.wrong:
        form.refuse("who-0", "Name at least one rung, or nobody is ever called.")
    climbing: dict[str, Any] = {"convention": form["convention"] or "escalate_after"}
    for field, read in (("repeats", termtext.read_repeats), ("again_after", termtext.read_worn_off)):
        try:
            climbing[field] = read(form[field].strip() or "0") if field == "repeats" else read(form[field])
        except termtext.Unfit as unfit:
            form.refuse(field, f"It {unfit.problem}: {unfit.remedy}.")
    wanted = {name: value for name, value in climbing.items() if value and value != "escalate_after"}
    before = terms.to_json()
    changes: dict[str, Any] = {}  # Any: terms as JSON
    if rungs != before["ladder"]:
        changes["ladder"] = rungs
    old = before.get("climbing", {})
    if wanted != old:
        changes["climbing"] = {**dict.fromkeys(old), **wanted}
    return {} if form.wrong else changes


def _after(terms: Terms, changes: dict[str, Any], form: Form) -> Terms:  # Any: terms as JSON
    try:
        return amending.changed(terms, changes) if changes else terms
    except ValueError as wrong:
        field, _, said = str(wrong).partition(": ")
        form.refuse(field.removeprefix("climbing."), f"{said}.")
        return terms


def _shown(at: Opened, form: Form, terms: Terms, after: Terms, differs: bool) -> AnyResponse:
    now = front.now()
    opens = local_instant(form["at"], zone()) if form["at"] else _next_night()
    if opens is None:
        form.refuse("at", "Choose a day and an hour.")
        opens = now
    severity = form["severity"] if form["severity"] in ("1", "2", "3", "4") else "1"
    night: Night = played(at.session, of_customer(at.session, at.customer, after, int(severity), opens))
    given = [(form[f"who-{row}"], form[f"wait-{row}"]) for row in range(ROWS)]
    if not form.holds("who-0"):
        given = [(rung.who, termtext.duration({"seconds": rung.wait})) for rung in terms.ladder]
    rows = [*given, *[("", "")] * ROWS][: max(ROWS, len(given))]
    climbing = after.climbing
    return page(
        "ladder.html", status=422 if form.wrong else 200, here="/duty", customer=at.customer, contract=at.contract,
        base=at.address, form=form, rows=rows, night=night, differs=differs, words=_words(at.session),
        conventions=[(one, SAID[one]) for one in CONVENTIONS], climbing=climbing,
        worn=termtext.worn_off(climbing.again_after), at=f"{opens.astimezone(zone()):%Y-%m-%dT%H:%M}",
        severity=severity, hours=int(WATCHED.total_seconds() // 3600), hints=HINTS_TABLE,
    )  # fmt: skip


def _next_night() -> Any:  # Any: an instant
    """Ten past three of the coming night, where the reader lives."""
    now = front.now()
    today, tomorrow = (
        local_instant(f"{(now + later).astimezone(zone()):%Y-%m-%d}T03:10", zone())
        for later in (timedelta(), timedelta(days=1))
    )
    return today if today is not None and today > now else tomorrow


def _words(session: Session) -> list[tuple[str, str]]:
    """Whom a rung may name, with what it means."""
    names = session.scalars(select(DutySchedule.name).where(DutySchedule.active).order_by(DutySchedule.name))
    people = roster.our_people(session).values()
    return [
        *((word, rung_name(word)) for word in (*RUNGS, *ROLES)),
        *((f"team:{unit}", rung_name(f"team:{unit}")) for unit in TEAMS),
        *((f"schedule:{slug(name)}", f"whoever has duty by {name}") for name in names),
        *((f"person:{person.email.lower()}", person.name) for person in people),
    ]
