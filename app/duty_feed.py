"""Turns of duty as an iCalendar feed (RFC 5545), for the calendar people carry with them; icalendar writes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from flask import Flask, Response, request
from icalendar import Calendar, Event
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.lookup import as_id
from app.front import front, now
from app.identity import caller, need
from app.problems import Problem, invalid
from escalation import roster, rota
from escalation.rota import Stretch
from models.people import Shift
from models.session import work

BEHIND, AHEAD = timedelta(days=7), timedelta(days=90)


def register(app: Flask) -> None:
    app.add_url_rule("/api/v1/duty/calendar.ics", "duty_feed", feed)


def feed() -> Response:
    """Everybody's turns from a week ago to three months ahead; `?person=ID` or `?person=me` for one person's.

    A calendar program sends a key as the password of Basic, with any name.
    """
    if caller() is None:
        raise Problem(
            "not-signed-in",
            "The calendar needs a sign-in or a key.",
            remedy="Give your calendar program any user name, and as password a key with the right duty:read.",
            headers={"WWW-Authenticate": 'Basic realm="Vigie calendar", charset="UTF-8"'},
        )
    who = need("duty:read")
    asked = request.args.get("person", "")
    person = who.person if asked == "me" else as_id(asked)
    if asked and person is None:
        raise invalid("person", "is no person's id", "give an id, or me with a person's own key, or leave it out")
    with work(front().sessions, who.scope) as session:
        text = written(session, now(), person)
    # Calendars ask again by themselves; an hour is what the larger ones do at the soonest.
    return Response(text, mimetype="text/calendar", headers={"Cache-Control": "private, max-age=900"})


def written(session: Session, at: datetime, person: uuid.UUID | None) -> bytes:
    """The feed's text. Turns keep their identity by schedule and start, so that a calendar moves what has moved; one
    that began before the feed does keeps it by whose it is. The feed begins and ends at midnight, or every look would
    tell of another turn."""
    names = {id: one.name for id, one in roster.our_people(session).items()}
    calendar = Calendar()
    calendar.add("prodid", "-//Vigie//Duty//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Duty")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})  # RFC 7986
    calendar.add("x-published-ttl", "PT1H")
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = today - BEHIND, today + AHEAD
    for row, plain in roster.schedules(session, start, end, now=at):
        for turn in _of(rota.stretches(plain, start, end), person):
            name = names.get(turn.person, "somebody who has left") if turn.person else ""
            began = f"{turn.start:%Y%m%dT%H%M%SZ}" if turn.start > start else f"before-{turn.person or 'nobody'}"
            calendar.add_component(_event(turn, f"{row.id}-{began}@vigie", row.name, name, at))
    single = select(Shift).where(Shift.starts_at < end, Shift.ends_at > start).order_by(Shift.starts_at, Shift.id)
    for shift in session.scalars(single):
        if person in (None, shift.person_id) and shift.person_id in names:
            turn = Stretch(shift.starts_at, shift.ends_at, shift.person_id, "a single shift")
            event = _event(turn, f"{shift.id}-shift@vigie", shift.unit.capitalize(), names[shift.person_id], at)
            calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text


def _of(turns: Iterable[Stretch], person: uuid.UUID | None) -> list[Stretch]:
    """The turns of one person; of everybody, gaps included, when none is named: a gap is what a manager looks for."""
    return [turn for turn in turns if person is None or turn.person == person]


def _event(turn: Stretch, id: str, title: str, name: str, at: datetime) -> Event:
    event = Event()
    event.add("uid", id)
    event.add("dtstamp", at)
    event.add("dtstart", turn.start)
    event.add("dtend", turn.end)
    event.add("summary", f"{title}: {name or 'nobody is on duty'}")
    event.add("description", turn.why or "by turns")
    return event
