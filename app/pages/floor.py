"""The watch floor: what is open now, ordered by the next promise, with one incident in the beam."""

from __future__ import annotations

import uuid
from datetime import datetime, tzinfo

from flask import Flask, Response, redirect, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity, words
from app.clocks import horizon
from app.pages import first_to_know, fleet_events
from app.pages.case import read_case
from app.pages.frame import HINTS_FLOOR, duty_words, page, part, reading, signed_in, zone
from app.pages.queue import read_queue
from app.problems import not_found
from escalation import handover, helping
from models.incidents import Incident
from models.machines import MachineState
from models.swarm import Companion


def register(app: Flask) -> None:
    app.add_url_rule("/", "floor", floor)
    app.add_url_rule("/incidents/<label>/peek", "incident_peek", peek)


def floor() -> AnyResponse:
    """The whole floor; `chosen` keeps the beam where it was when the page brings itself again."""
    if (contact := identity.caller()) is not None and contact.customer_id is not None:
        return redirect("/yours", 303)  # the bare address is what people remember; theirs begins with their incidents
    who = signed_in("incidents:read")
    now, here = front.now(), zone()
    with reading(who) as session:
        queue = read_queue(session, who.person, now, here)
        events = fleet_events.strip(session, now, here)
        wanted = request.args.get("chosen", "")
        rows = queue.rows
        chosen = next((row.label for row in rows if row.label == wanted), rows[0].label if rows else "")
        beam = read_case(session, chosen, now, here, brief=True) if chosen else None
        quiet = "" if queue.total else quiet_words(session, now, here)
        standing = duty_words(session, who, now)
        known = first_to_know.lately(session, now)
        handed = len(handover.offered_to(session, who.person)) if who.person else 0
        beside = seats_offered(session, who.person) if who.person else []
        helps = helping.wanted_of(session, who.person, now) if who.person else []
    return page(
        "floor.html",
        here="/",
        queue=queue,
        events=events,
        chosen=chosen,
        peek=beam,
        quiet_since=quiet,
        horizon=horizon(queue.marks, now, here, f"/incidents/{chosen}"),
        hints=HINTS_FLOOR,
        standing=standing,
        known=known,
        handed=handed,
        beside=beside,
        helps=helps,
        refresh_s=60,
    )


def seats_offered(session: Session, person_id: uuid.UUID) -> list[tuple[Companion, Incident]]:
    """Where this person is asked to stand beside, and has not answered; the most pressing first."""
    asked = (
        select(Companion, Incident)
        .join(Incident, Incident.id == Companion.incident_id)
        .where(Companion.person_id == person_id, Companion.state == "asked")
        .order_by(Companion.answer_by.asc().nulls_last(), Companion.asked_at)
    )
    return [(row[0], row[1]) for row in session.execute(asked)]


def peek(label: str) -> Response:
    """The pane beside the queue, for another row."""
    who = signed_in("incidents:read")
    with reading(who) as session:
        beam = read_case(session, label, front.now(), zone(), brief=True)
    if beam is None:
        raise not_found("incident")
    return part("peek_part.html", peek=beam)


def quiet_words(session: Session, now: datetime, here: tzinfo) -> str:
    """Since when nothing is open, and what is being listened to."""
    last = session.scalar(select(func.max(Incident.resolved_at)))
    heard = session.scalar(select(func.count()).select_from(MachineState).where(MachineState.speaking == "speaking"))
    since = f"The last incident ended {words.hour(last, here, now)}." if last else "No incident has been opened yet."
    return f"{since} {words.count(int(heard or 0), 'machine')} can be heard."
