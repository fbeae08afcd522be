"""The duty board, and asking for cover on it."""

from __future__ import annotations

import uuid

from flask import Flask, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app import duty_feed, front
from app.api.lookup import as_id
from app.identity import Caller
from app.pages import briefs, escalations, handing, house_sites, ladders, nights, people, schedules, turn_ends
from app.pages.board import local_instant, read_board
from app.pages.fields import Form
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.problems import Problem, not_found
from escalation import cover
from escalation.incident import Actor, NotNow
from models.duty import DutySchedule


def register(app: Flask) -> None:
    app.add_url_rule("/duty", "duty", board, methods=["GET", "POST"])
    app.add_url_rule("/duty/covers/<uuid:cover_id>", "cover_answer", answer, methods=["POST"])
    handing.register(app)
    turn_ends.register(app)
    duty_feed.register(app)
    briefs.register(app)
    nights.register(app)
    ladders.register(app)
    schedules.register(app)
    house_sites.register(app)
    people.register(app)
    escalations.register(app)


def board() -> AnyResponse:
    """The board; its form asks for cover."""
    who = signed_in("duty:read")
    form = Form(request.form)
    if request.method == "POST" and _ask(who, form):
        return redirect("/duty", 303)
    with reading(who) as session:
        found = read_board(session, who.person, front.now(), zone())
        ends = turn_ends.board(session, front.now())
    return page(
        "duty.html",
        status=422 if form.wrong else 200,
        here="/duty",
        board=found,
        ends=ends,
        form=form,
        hints=HINTS_TABLE,
        refresh_s=60,
    )


def _ask(who: Caller, form: Form) -> bool:
    """Write the request for cover; False when a field of the form is wrong, which the form then says."""
    start, end = local_instant(form["start"], zone()), local_instant(form["end"], zone())
    for field, value in (("start", start), ("end", end)):
        if value is None:
            form.refuse(field, "Choose a day and an hour.")
    reason = form.text("reason", "", most=200, required=False)
    with reading(who) as session:
        schedule = session.scalar(select(DutySchedule).where(DutySchedule.name == form["schedule"]))
        if schedule is None:
            form.refuse("schedule", "Choose one of the schedules.")
        asked_of = as_id(form["person"])
        if form["person"] and asked_of is None:
            form.refuse("person", "Choose one of ours, or anybody.")
        if form.wrong or schedule is None or start is None or end is None:
            return False
        actor = Actor(who.person, who.actor)
        said = cover.ask(session, schedule, actor, (start, end), front.now(), person_id=asked_of, reason=reason)
        if isinstance(said, NotNow):
            form.refuse("person" if said.rule == "person" else "end", f"{said.reason} {said.remedy}")
    return not form.wrong


def answer(cover_id: uuid.UUID) -> AnyResponse:
    """Accept, decline or withdraw."""
    who = signed_in("duty:read")
    with reading(who) as session:
        said = cover.answer(
            session, cover_id, Actor(who.person, who.actor), request.form.get("answer", ""), front.now()
        )
    if isinstance(said, NotNow):
        if said.rule == "absent":
            raise not_found("cover")
        raise Problem("conflict", said.reason, remedy=said.remedy)
    return redirect("/duty", 303)
