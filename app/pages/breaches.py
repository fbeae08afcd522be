"""Why a promise was missed: the form in which a person chooses the cause. The breach stays whatever is said."""

from __future__ import annotations

from flask import Flask, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.api.lookup import as_id
from app.identity import Caller
from app.pages.fields import Form
from app.pages.frame import HINTS_TABLE, page, reading, signed_in
from app.pages.handing import find_incident
from app.pages.promises import KINDS
from app.problems import not_found
from escalation import settling
from escalation.incident import Actor, NotNow
from models.incidents import Incident, Promise

LONGEST = 2_000  # letters of a note


def register(app: Flask) -> None:
    app.add_url_rule("/incidents/<label>/promises/<promise>/cause", "breach", cause, methods=["GET", "POST"])


def cause(label: str, promise: str) -> AnyResponse:
    """Choose the cause, in words where it helps; a later word replaces an earlier one, and the audit keeps both."""
    who = signed_in("incidents:act")
    form = Form(request.form)
    with reading(who) as session:
        incident = find_incident(session, label)
        row = _found(session, incident, promise)
        if row.breached_at is None:
            form.refuse("", "This promise was not missed, so there is nothing to explain.")
        elif request.method == "POST" and _judge(session, who, row, form):
            return redirect(f"/incidents/{incident.label}#promises", 303)
        return page(
            "breach.html",
            status=422 if form.wrong else 200,
            here="/",
            form=form,
            hints=HINTS_TABLE,
            incident=incident,
            promise=row,
            word=KINDS.get(row.kind, (row.kind,))[0],
            causes=[(name, f"{said[:1].upper()}{said[1:]}") for name, said in settling.CAUSES.items()],
            longest=LONGEST,
        )


def _judge(session: Session, who: Caller, row: Promise, form: Form) -> bool:
    chosen = form.choice("cause", lambda one: one in settling.CAUSES, "Choose one of the causes.", "")
    note = form["note"].strip()
    if len(note) > LONGEST:
        form.refuse("note", f"At most {LONGEST:,} letters; this has {len(note):,}.")
    if chosen == "other" and not note:
        form.refuse("note", "Another cause needs words: say what it was.")
    if form.wrong:
        return False
    said = settling.judge(session, row.id, Actor(who.person, who.name), front.now(), chosen, note)
    if isinstance(said, NotNow):
        form.refuse("", f"{said.reason} {said.remedy}")
    return not form.wrong


def _found(session: Session, incident: Incident, ref: str) -> Promise:
    known = as_id(ref)
    row = session.get(Promise, known) if known is not None else None
    if row is None or row.incident_id != incident.id:
        raise not_found("promise")
    return row
