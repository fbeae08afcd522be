"""Another state for a contract, another last day, or the contract that follows it: each seen before it is done."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import Flask, Response, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.pages import clock_effects
from app.pages.contract_story import by
from app.pages.contract_words import said_day
from app.pages.contracts import BASE, Opened, address, opened
from app.pages.fields import Form
from app.pages.frame import page
from app.problems import not_found
from contracts import contracting, proposals
from contracts.life import NEXT, CannotBe, follows_on
from contracts.terms import Tier
from models.agreements import Contract

_TITLES = {
    "active": "Make {number} active",
    "suspended": "Suspend {number}",
    "cancelled": "Cancel {number}",
    "expired": "Let {number} expire",
}


def register(app: Flask) -> None:
    app.add_url_rule(f"{BASE}/state/<to>", "contract_state", move, methods=["GET", "POST"])
    app.add_url_rule(f"{BASE}/end", "contract_end", end, methods=["GET", "POST"])
    app.add_url_rule(f"{BASE}/renew", "contract_renew", renew, methods=["GET", "POST"])


def move(slug: str, ref: str, to: str) -> AnyResponse:
    """Activate, suspend, cancel or let expire."""
    with opened(slug, ref, "contracts:write") as at:
        if to not in _TITLES:
            raise not_found("state")
        form, now = Form(request.form), front.now()
        if to not in NEXT[at.contract.state]:
            form.refuse("", f"A contract that is {at.contract.state} cannot become {to}.")
        elif request.method == "POST":
            reason = form.text("reason", "a reason; it stands in the history", most=500)
            if not form.wrong:
                answer = contracting.move(at.session, at.contract, to, reason, by(at.who), now)
                if not isinstance(answer, CannotBe):
                    clock_effects.follow_state(at.session, at.contract, to, at.who, now)
                    return redirect(at.address + "#history", 303)
                form.refuse("", f"{answer.reason} {answer.remedy}")
        effect = clock_effects.of_state(at.session, at.contract, to, now)
        title = _TITLES[to].format(number=at.contract.number)
        return _shown(at, "contract_state.html", form, title=title, effect=effect, to=to)


def end(slug: str, ref: str) -> AnyResponse:
    """Move its last day, or take it away."""
    with opened(slug, ref, "contracts:write") as at:
        form, now = Form(request.form), front.now()
        if request.method == "POST":
            day = form.day("ends_on", required=False)
            reason = form.text("reason", "a reason; it stands in the history", most=500)
            notices = _notice_days(form)
            if not form.wrong:
                answer = contracting.set_end(at.session, at.contract, day, reason, by(at.who), now)
                if not isinstance(answer, CannotBe) and notices != tuple(at.contract.notice_days):
                    answer = contracting.set_notices(at.session, at.contract, notices, by(at.who), now)
                worth = " ".join(form["worth"].upper().split())
                if not isinstance(answer, CannotBe) and worth != at.contract.worth:
                    answer = contracting.set_worth(at.session, at.contract, worth, by(at.who), now)
                if not isinstance(answer, CannotBe):
                    return redirect(at.address + "#history", 303)
                form.refuse(answer.field, f"{answer.reason} {answer.remedy}")
        effect = clock_effects.of_state(at.session, at.contract, "expired", now)
        title = f"The last day of {at.contract.number}"
        return _shown(at, "contract_end.html", form, title=title, effect=effect)


def _notice_days(form: Form) -> tuple[int, ...]:
    days = [one for one in form["notice_days"].replace(",", " ").split() if one]
    if any(not one.isascii() or not one.isdigit() or int(one) > 366 for one in days) or len(days) > 12:
        form.refuse("notice_days", "Write at most 12 numbers of days from 0 to 366, such as 60 30 7.")
        return ()
    return tuple(sorted({int(one) for one in days}, reverse=True))


def renew(slug: str, ref: str) -> AnyResponse:
    """The contract that follows: with the terms this one ends with, its lines, and a first day of its own."""
    with opened(slug, ref, "contracts:write") as at:
        form, now, old = Form(request.form), front.now(), at.contract
        terms, _ = proposals.at(at.session, old, now)
        if request.method == "POST":
            starts = form.day("starts_on") or date.min
            ends = form.day("ends_on", required=False)
            if ends is not None and ends < starts:
                form.refuse("ends_on", f"It ends before it starts; choose {starts.isoformat()} or later.")
            tier = form.choice("tier", lambda one: one in list(Tier), "Choose a tier from the list.", terms.tier.value)
            number = form.text("number", "", most=40, required=False)
            if number and at.session.scalar(select(Contract.id).where(Contract.number == number)) is not None:
                form.refuse("number", f"{number} is taken by another contract; choose another, or leave it empty.")
            if not form.wrong:
                new = contracting.New(
                    tier=Tier(tier), starts_on=starts, ends_on=ends, state="draft", number=number, zone=old.zone,
                    country=old.country, notice_days=tuple(old.notice_days), worth=old.worth,
                )  # fmt: skip
                made = contracting.renew(at.session, old, new, by(at.who), now, reason=form["reason"].strip()[:500])
                if not isinstance(made, CannotBe):
                    return redirect(address(at.customer, made), 303)
                form.refuse(made.field, f"{made.reason} {made.remedy}")
        return _shown(
            at,
            "contract_renew.html",
            form,
            title=f"What follows {old.number}",
            tiers=list(Tier),
            tier=terms.tier.value,
            first=follows_on(old.ends_on).isoformat() if old.ends_on else "",
            last=_a_year_on(old).isoformat() if old.ends_on else "",
        )


def _a_year_on(old: Contract) -> date:
    """As long as a year after its last day."""
    assert old.ends_on is not None
    try:
        return old.ends_on.replace(year=old.ends_on.year + 1)
    except ValueError:  # 29 February
        return old.ends_on.replace(year=old.ends_on.year + 1, day=28)


def _shown(at: Opened, template: str, form: Form, **more: Any) -> Response:  # Any: for a template
    return page(
        template,
        status=422 if form.wrong else 200,
        here="/customers",
        customer=at.customer,
        contract=at.contract,
        base=at.address,
        form=form,
        ends=said_day(at.contract.ends_on, "en"),
        day=_day,
        **more,
    )


def _day(value: date | datetime | None) -> str:
    return value.isoformat() if value else ""
