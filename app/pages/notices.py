"""The log of notices: who was told what over which channel, how far each has come, and sending one again.

What is to be shown by an open browser is fetched by the page itself at each nudge, and settled once it was shown.
"""

from __future__ import annotations

import uuid
from typing import Any

from flask import Flask, jsonify, redirect, request
from sqlalchemy import and_, or_, select, tuple_
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.api.lookup import as_id
from app.identity import Caller
from app.pages.frame import page, reading, signed_in
from app.problems import not_found
from escalation import outbox
from escalation.channels import masked
from models import audit
from models.incidents import Incident
from models.notices import NOT_NEEDED, Notice
from models.people import Person

MOST_SHOWN = 200
FILTERS = {"": "all", "open": "on their way", "given-up": "given up or failed"}


def register(app: Flask) -> None:
    app.add_url_rule("/notices", "notices", log, methods=["GET"])
    app.add_url_rule("/notices/<uuid:id>/send-again", "notice_again", send_again, methods=["POST"])
    app.add_url_rule("/notices/browser", "notices_browser", for_browser, methods=["GET"])
    app.add_url_rule("/notices/browser/<uuid:id>/shown", "notice_shown", shown, methods=["POST"])
    app.add_url_rule("/notices/browser/switch", "notices_switch", switch, methods=["POST"])


def log() -> AnyResponse:
    """The notices, newest first, as many as a page holds; `before` names the last one of the page before."""
    who = signed_in("platform:read")
    which, last = request.args.get("show", ""), as_id(request.args.get("before", ""))
    with reading(who) as session:
        found = (
            select(Notice, Incident, Person)
            .outerjoin(Incident, Incident.id == Notice.incident_id)
            .outerjoin(Person, Person.id == Notice.person_id)
            .order_by(Notice.created_at.desc(), Notice.id.desc())
            .limit(MOST_SHOWN + 1)
        )
        if (seen := session.get(Notice, last) if last is not None else None) is not None:
            found = found.where(tuple_(Notice.created_at, Notice.id) < (seen.created_at, seen.id))
        if which == "open":
            found = found.where(Notice.settled_at.is_(None), Notice.given_up_at.is_(None))
        elif which == "given-up":
            failed = Notice.receipt["delivery"].astext == "failed"
            needed = Notice.last_error.not_like(f"{NOT_NEEDED}%")
            found = found.where(or_(and_(Notice.given_up_at.is_not(None), needed), failed))
        rows = session.execute(found).all()
        older = rows[MOST_SHOWN - 1][0].id if len(rows) > MOST_SHOWN else None
        is_on = _browser_way(session, who) is not None
    return page(
        "notices.html", rows=rows[:MOST_SHOWN], older=older, is_first=seen is None, filters=FILTERS,
        which=which, may_act=who.may("incidents:act"), is_on=is_on, masked=masked,
    )  # fmt: skip


def send_again(id: uuid.UUID) -> AnyResponse:
    """Send a notice once more, under the same id."""
    who = signed_in("incidents:act")
    with reading(who) as session:
        notice = session.get(Notice, id, with_for_update=True)
        if notice is None:
            raise not_found("notice")
        if notice.settled_at is not None or notice.given_up_at is not None:
            outbox.send_again(session, notice, front.now(), who.actor)
            session.flush()
            facts, subject = {"channel": notice.channel}, f"notice:{notice.id}"
            audit.record(session, actor=who.actor, deed="notice.sent_again", subject=subject,
                         customer_id=notice.customer_id, facts=facts, now=front.now())  # fmt: skip
    return redirect("/notices", 303)


def for_browser() -> AnyResponse:
    """What this person's open pages are to show now, as JSON."""
    who = signed_in()
    with reading(who) as session:
        rows = session.scalars(_waiting(who).order_by(Notice.created_at).limit(20)).all()
    said = [
        {
            "id": str(row.id),
            "title": row.subject,
            "text": str(row.body.get("text", ""))[:300],
            "path": row.body.get("path", "/"),
        }
        for row in rows
    ]
    return jsonify({"notices": said})


def shown(id: uuid.UUID) -> AnyResponse:
    """A page has shown it."""
    who = signed_in()
    with reading(who) as session:
        notice = session.scalar(_waiting(who).where(Notice.id == id).with_for_update())
        if notice is not None:
            outbox.settle(session, notice.id, {"shown": True}, front.now())
    return AnyResponse(status=204)


def switch() -> AnyResponse:
    """Begin or stop showing one's own notices in the browser, beside the other ways."""
    who = signed_in()
    with reading(who) as session:
        person = session.get_one(Person, who.id)
        others = [way for way in person.notify if way["channel"] != outbox.BROWSER]
        is_on = len(others) < len(person.notify)
        person.notify = others if is_on else [*others, {"channel": outbox.BROWSER, "address": str(person.id)}]
        audit.record(session, actor=who.actor, deed="person.notify_changed", subject=f"person:{person.id}",
                     facts={outbox.BROWSER: not is_on}, now=front.now())  # fmt: skip
    return redirect("/notices", 303)


def _waiting(who: Caller) -> Any:  # Any: a Select of Notice
    unended = and_(Notice.settled_at.is_(None), Notice.given_up_at.is_(None))
    mine = (Notice.channel == outbox.BROWSER, Notice.person_id == who.person)
    return select(Notice).where(*mine, unended, Notice.created_at > front.now() - outbox.SHOWN_WITHIN)


def _browser_way(session: Session, who: Caller) -> dict[str, str] | None:
    person = session.get(Person, who.person) if who.person else None
    return (
        next((way for way in person.notify if way["channel"] == outbox.BROWSER), None) if person is not None else None
    )
