"""The link in a test page: looking at it shows a button, and only the button says that it was read."""

from __future__ import annotations

from flask import Flask, Response, request

from app import limits
from app.front import as_house, now
from app.pages.frame import page
from app.problems import Problem
from escalation import proving
from models.people import Person
from models.reach import ReachProof


def register(app: Flask) -> None:
    app.add_url_rule("/reached/<token>", "reached", show, methods=["GET"])
    app.add_url_rule("/reached/<token>", "reached_now", act, methods=["POST"])


def show(token: str) -> Response:
    """Whose way it is, and the button."""
    return _answered(token, press=False)


def act(token: str) -> Response:
    """The way is proved."""
    return _answered(token, press=True)


def _answered(token: str, *, press: bool) -> Response:
    """Raises Problem: as for a page that does not exist, so that a guess learns nothing."""
    with as_house() as session:
        row = proving.by_token(session, token, now())
        wait = limits.take(session, limits.LINK_ADDRESS, request.remote_addr or "", now()) if row is None else 0
        person = session.get_one(Person, row.person_id) if row is not None else None
        if row is not None and press:
            proving.answer(session, row, "the link", now())
    if wait:
        raise Problem("too-often", "Too many tries.", headers={"Retry-After": str(wait)}, remedy="Wait.")
    if row is None or person is None or not person.active:
        raise Problem("not-found", "This link counts no more, or never did.", remedy="Answer the latest test page.")
    return page("reached.html", person=person, row=row, done=_is_done(row))


def _is_done(row: ReachProof) -> bool:
    return row.answered_at is not None and row.tested_at is not None and row.answered_at >= row.tested_at
