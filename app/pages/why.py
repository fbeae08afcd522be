"""Why did this machine not alarm? A question on the machine's page, answered for one instant on a page of its own."""

from __future__ import annotations

from datetime import datetime

from flask import Flask, Response, request
from sqlalchemy import select

from app import front
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.problems import invalid, not_found
from models.machines import Machine


def register(app: Flask) -> None:
    app.add_url_rule("/machines/<name>/why", "why", why)


def why(name: str) -> Response:
    """The answer for `at`, a time in the viewer's own zone (without one: now)."""
    who = signed_in("findings:read")
    now, here = front.now(), zone()
    given = request.args.get("at", "").strip()
    wrong = ""
    at = now
    if given:
        try:
            at = datetime.fromisoformat(given)
        except ValueError:
            raise invalid("at", "is no instant", "Write it as 2026-05-14T22:03.") from None
        at = at.replace(tzinfo=here) if at.tzinfo is None else at
    if at > now:
        wrong, at = "That instant has not come yet: the answer is for now.", now
    with reading(who) as session:
        row = session.scalar(select(Machine).where(Machine.name == name))
        if row is None:
            raise not_found("machine")
        from telemetry import looking_back  # numpy, which a web process does without until it is asked for

        answer = looking_back.why(session, row, at)
    return page(
        "why.html",
        here="/fleet",
        answer=answer,
        wrong=wrong,
        asked=at.astimezone(here).strftime("%Y-%m-%dT%H:%M"),
        hints=HINTS_TABLE,
    )
