"""Changing a contract's terms: any number of the table, from an instant, with a reason; the effect is seen before."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, tzinfo
from typing import Any

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app import front, termtable
from app.pages import clock_effects
from app.pages.contract_story import Reader, by
from app.pages.contracts import BASE, Opened, opened
from app.pages.fields import Form
from app.pages.frame import page, zone
from contracts import proposals
from contracts.life import CannotBe
from contracts.proposals import Effect
from models.agreements import ContractTerms


def register(app: Flask) -> None:
    app.add_url_rule(f"{BASE}/change", "terms_change", change, methods=["GET", "POST"])


def change(slug: str, ref: str) -> AnyResponse:
    """The form; what it would do; and, with the second button, the doing."""
    with opened(slug, ref, "contracts:write") as at:
        now = front.now()
        form = Form(request.form)
        if request.method == "GET":
            return _shown(at, form, None, now)
        effective_at = read_instant(form, "effective_at", zone())
        changes = _changes(at, form, effective_at or now)
        found = None
        if not form.wrong:
            answer = proposals.effect(at.session, at.contract, changes, effective_at, now)
            found = answer if isinstance(answer, Effect) else None
            if isinstance(answer, CannotBe):
                _refuse(form, answer)
        seen = _mark(changes, effective_at)
        if found is None or form["do"] != "propose" or form["seen"] != seen:
            # Nothing is proposed that was not looked at: a line touched since is looked at again.
            return _shown(at, form, found, now, seen, moved_on=form["do"] == "propose")
        reason = form.text("reason", "a reason; it stands in the history", most=500)
        if form.wrong:
            return _shown(at, form, found, now, seen)
        done = proposals.propose(at.session, at.contract, changes, reason, by(at.who), now, effective_at)
        if isinstance(done, CannotBe):
            _refuse(form, done)
            return _shown(at, form, found, now, seen)
        if isinstance(done, ContractTerms):
            clock_effects.follow_terms(at.session, at.contract, done, at.who, now)
        return redirect(at.address + ("#pending" if found.needs else "#history"), 303)


def read_instant(form: Form, field: str, place: tzinfo) -> datetime | None:
    """A wall clock of the reader's zone as the browser sends it; None when empty."""
    text = form[field].strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        form.refuse(field, "This is no day and hour; write it like 2026-05-14T09:00.")
        return None
    if not 2000 <= found.year <= 2100:
        form.refuse(field, "Choose a day between 2000 and 2100.")
        return None
    return (found if found.tzinfo else found.replace(tzinfo=place)).astimezone(UTC)


def _changes(at: Opened, form: Form, start: datetime) -> dict[str, Any]:  # Any: terms as JSON
    """The lines that differ from the terms as they will be then; a line the form leaves out stays."""
    terms, _ = proposals.at(at.session, at.contract, start)
    body = terms.to_json()
    texts = {field.path: form[field.path] for field in termtable.FIELDS if form.holds(field.path)}
    try:
        return termtable.to_changes(body, texts)
    except termtable.Wrong as wrong:
        for path, unfit in wrong.lines.items():
            form.refuse(path, f"{texts[path]!r} {unfit.problem}: {unfit.remedy}.")
        return {}


def _mark(changes: dict[str, Any], start: datetime | None) -> str:  # Any: terms as JSON
    """What was looked at, as one word."""
    return hashlib.sha256(json.dumps([changes, str(start)], sort_keys=True).encode()).hexdigest()[:32]


def _refuse(form: Form, answer: CannotBe) -> None:
    """A refusal beside the field it is about."""
    path = answer.field.removeprefix("changes.")
    field = termtable.line_of(path) if answer.field.startswith("changes.") else path
    form.refuse(field if field != "changes" else "", f"{answer.reason} {answer.remedy}")


def _shown(
    at: Opened, form: Form, found: Effect | None, now: datetime, seen: str = "", *, moved_on: bool = False
) -> Response:
    terms, _ = proposals.at(at.session, at.contract, now)
    reader = Reader("en", zone(), inside=True)
    current = termtable.lines(terms.to_json())
    groups: dict[str, list[tuple[termtable.Field, str, str]]] = {}
    for field in termtable.FIELDS:
        given = form[field.path] if form.holds(field.path) else current[field.path]
        groups.setdefault(field.group, []).append((field, given, current[field.path]))
    return page(
        "terms_change.html",
        status=422 if form.wrong else 200,
        here="/customers",
        customer=at.customer,
        contract=at.contract,
        base=at.address,
        form=form,
        groups=groups,
        effect=found,
        seen=seen,
        moved_on=moved_on and not form.wrong,
        differences=reader.differ(found.base.to_json(), found.after.to_json()) if found else (),
        needs=[termtable.label_of(one.field) for one in found.needs] if found else (),
        start=reader.when(found.effective_at) if found else "",
        moved=clock_effects.of_terms(at.session, at.contract, found.effective_at, found.after) if found else None,
    )
