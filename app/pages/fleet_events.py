"""Fleet events on pages: a strip on the watch floor, one event with its children, the machines behind a child."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from flask import Flask, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import front, gathered, words
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.problems import not_found
from models.fleet_events import FleetEvent
from models.incidents import Incident


@dataclass(frozen=True, slots=True)
class EventView:
    """One event in a line."""

    label: str
    title: str
    severity: int
    said: str
    href: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class BehindView:
    """What stands behind a child: its event, and its machines."""

    event: EventView | None  # only our own people see the parent
    said: str
    members: list[gathered.Member]


def register(app: Flask) -> None:
    app.add_url_rule("/fleet-events/<label>", "fleet_event", fleet_event)


def fleet_event(label: str) -> Response:
    """One event: who is hit under which contract, and which machines."""
    who = signed_in("incidents:read")
    now, here = front.now(), zone()
    with reading(who) as session:
        row = gathered.event_named(session, label)
        if row is None or not who.is_staff:
            raise not_found("fleet event")
        children = gathered.children_of(session, row.id)
        members = gathered.members_of(session, event_id=row.id)
    return page(
        "fleet_event.html",
        here="/",
        event=view_of(row, now, here),
        row=row,
        children=children,
        members=members,
        answers=gathered.ANSWERS,
        chance=chance_words(row.chance),
        hints=HINTS_TABLE,
        refresh_s=15,
    )


def strip(session: Session, now: datetime, here: tzinfo) -> list[EventView]:
    """What goes on now, for the head of the watch floor."""
    return [view_of(row, now, here) for row in gathered.open_events(session)]


def behind(session: Session, label: str, now: datetime, here: tzinfo) -> BehindView | None:
    """The machines behind an incident; None where it is no part of a fleet event."""
    number = label.upper().removeprefix("VG-")
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        return None
    row = session.execute(
        select(Incident.id, Incident.fleet_event_id).where(
            Incident.number == int(number), Incident.fleet_event_id.is_not(None)
        )
    ).one_or_none()
    if row is None:
        return None
    event = session.get(FleetEvent, row.fleet_event_id)
    machines, recovered = gathered.standing_of(session, row.id)
    said = f"{words.count(machines, 'machine')} of this contract, {recovered} recovered"
    members = gathered.members_of(session, incident_id=row.id, limit=24)
    return BehindView(view_of(event, now, here) if event is not None else None, said, members)


def chance_words(a_day: float) -> str:
    """How seldom chance would do the same."""
    days = 1 / max(a_day, 1e-12)
    return "less than once in a hundred years" if days > 36_500 else f"once in {words.count(round(days), 'day')}"


def view_of(row: FleetEvent, now: datetime, here: tzinfo) -> EventView:
    since = words.hour(row.began_at, here, now)
    if row.resolved_at is not None:
        said = f"since {since}; over {words.hour(row.resolved_at, here, now)}"
    elif row.recovered_at is not None:
        said = f"since {since}; all well since {words.hour(row.recovered_at, here, now)}, watched a little longer"
    else:
        said = f"since {since}; {row.recovered} of {words.count(row.machines, 'machine')} recovered"
    return EventView(row.label, row.title, row.severity, said, f"/fleet-events/{row.label}", row.resolved_at is None)
