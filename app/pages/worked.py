"""What is being worked on and what is planned, as a person reads it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import words
from models.machines import Machine
from models.maintenance import MaintenanceWindow
from telemetry import worked_on
from telemetry.maintenance import WEEKDAYS

DAYS = dict(zip(WEEKDAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
AHEAD = timedelta(days=60)  # how far the next time of a repeated window is looked for


@dataclass(frozen=True, slots=True)
class WindowView:
    """One window that runs or is still to come."""

    id: uuid.UUID
    title: str
    where: str
    when: str
    runs: bool
    made_by: str


def windows_for(session: Session, machine: Machine, now: datetime, zone: tzinfo) -> list[WindowView]:
    """What covers a machine now or will: its own windows, its site's and its customer's."""
    w = MaintenanceWindow
    rows = session.scalars(
        select(w)
        .where(
            w.customer_id == machine.customer_id,
            or_(w.machine_id == machine.id, w.machine_id.is_(None)),
            or_(w.site_id == machine.site_id, w.site_id.is_(None)),
            w.ended_at.is_(None),
        )
        .order_by(w.starts_at)
    )
    views = [_view(row, now, zone) for row in rows]
    return [view for view in views if view is not None]


def _view(row: MaintenanceWindow, now: datetime, zone: tzinfo) -> WindowView | None:
    window = worked_on.window_of(row)
    next_one = next(window.spans(now, now + max(AHEAD, row.starts_at - now + timedelta(days=1))), None)
    if next_one is None:
        return None
    begins, ends = next_one
    when = f"{words.hour(begins, zone, now)} to {words.hour(ends, zone, now)}"
    if window.weekdays:
        days = words.listed([DAYS[day] for day in WEEKDAYS if day in window.weekdays])
        every = "" if window.every_weeks == 1 else f" every {window.every_weeks} weeks"
        last = f", last {window.until:%Y-%m-%d}" if window.until else ""
        when += f"; weekly on {days}{every}{last}"
    where = "this machine" if row.machine_id else "its site" if row.site_id else "the whole customer"
    return WindowView(row.id, row.title, where, when, begins <= now, row.made_by)
