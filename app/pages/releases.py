"""Models on pages: what was trained, what runs where, what a challenger would open; promoted and rolled back here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Flask, Response, redirect, request
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.pages.frame import HINTS_TABLE, page, reading, signed_in
from app.problems import not_found
from models.releases import ModelComparison, ModelRelease
from telemetry import release_view, releases

SHOWN = 100  # rows of a table
COMPARED = 10
ACTS: Mapping[str, Callable[..., object]] = {
    "shadow": releases.shadow,
    "end": releases.end_shadow,
    "promote": releases.promote,
    "rollback": releases.rollback,
}
WANT_A_REASON = ("promote", "rollback")
SCORES = {
    "held_out_machine_days": "held out, machine-days",
    "held_out_alarms": "alarms on them",
    "held_out_alarms_a_machine_day": "alarms a machine and day",
}


def register(app: Flask) -> None:
    app.add_url_rule("/models", "models", index)
    app.add_url_rule("/models/<name>", "model", one)
    app.add_url_rule("/models/<name>/<deed>", "model_act", act, methods=["POST"])


def index() -> Response:
    """Every release, and the table of the challenger that was begun last."""
    who = signed_in("models:read")
    now = front.now()
    with reading(who) as session:
        shown = release_view.every(session)
        challenger = next((one for one in shown if one.challenger), None)
        table = release_view.table(session, challenger.release, now, SHOWN) if challenger else None
    return page("models.html", here="/platform", shown=shown, challenger=challenger, table=table, hints=HINTS_TABLE)


def one(name: str, wrong: str = "", status: int = 200) -> Response:
    """One release: lineage, duties, its table as challenger, comparisons."""
    who = signed_in("models:read")
    now = front.now()
    with reading(who) as session:
        release = _find(session, name)
        shown = release_view.of(session, release)
        table = release_view.table(session, release, now, SHOWN)
        c = ModelComparison
        kept = session.scalars(
            select(c).where(or_(c.a_id == release.id, c.b_id == release.id)).order_by(c.made_at.desc()).limit(COMPARED)
        ).all()
    return page(
        "model.html", here="/platform", one=shown, release=release, table=table, compared=kept, wrong=wrong,
        score_words=SCORES, may_write=who.may("models:write"), hints=HINTS_TABLE, status=status,
    )  # fmt: skip


def act(name: str, deed: str) -> AnyResponse:
    """Shadow, end of shadow, promotion, rollback; what cannot be done is said on the page."""
    who = signed_in("models:write")
    does = ACTS.get(deed)
    if does is None:
        raise not_found("act")
    reason = request.form.get("reason", "").strip()[:200]
    more = {"reason": reason} if deed in WANT_A_REASON else {}
    if more and not reason:
        return one(name, "Say why in a few words: it stands in the audit.", 422)
    try:
        with reading(who) as session:
            does(session, _find(session, name), actor=who.actor, now=front.now(), **more)
    except releases.BadRelease as why:
        return one(name, f"{str(why)[:1].upper()}{str(why)[1:]}. {why.remedy}", 409)
    return redirect(f"/models/{name}", 303)


def _find(session: Session, name: str) -> ModelRelease:
    try:
        return releases.find(session, name)
    except releases.Unknown:
        raise not_found("model") from None
