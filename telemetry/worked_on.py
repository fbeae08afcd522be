"""Which machines are being worked on: the windows of maintenance in the database, by machine, site or customer."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ARRAY, Uuid, any_, literal, or_, select
from sqlalchemy.orm import Session

from models import audit
from models.base import new_id
from models.machines import Machine
from models.maintenance import MaintenanceWindow
from telemetry.maintenance import LONGEST, WEEKDAYS, Window

_PAST: Final = LONGEST + timedelta(days=2)


def window_of(row: MaintenanceWindow) -> Window:
    """The row as times."""
    return Window(
        row.title, row.starts_at, row.ends_at, row.zone, frozenset(row.weekdays), row.every_weeks, row.until,
        row.ended_at,
    )  # fmt: skip


def plan(
    session: Session, customer_id: uuid.UUID, window: Window, now: datetime, *, machine_id: uuid.UUID | None = None,
    site_id: uuid.UUID | None = None, actor: str,
) -> MaintenanceWindow:  # fmt: skip
    """Write a window down; every watcher knows of it within two seconds. Its mistakes are for the caller to refuse."""
    row = MaintenanceWindow(
        id=new_id(), customer_id=customer_id, machine_id=machine_id, site_id=site_id, title=window.title,
        starts_at=window.starts_at, ends_at=window.ends_at, zone=window.zone,
        weekdays=[day for day in WEEKDAYS if day in window.weekdays], every_weeks=window.every_weeks,
        until=window.until, made_by=actor, created_at=now,
    )  # fmt: skip
    session.add(row)
    facts = {"title": row.title, "starts_at": row.starts_at.isoformat(), "ends_at": row.ends_at.isoformat()}
    audit.record(
        session, actor=actor, deed="maintenance.planned", subject=f"maintenance {row.id}", now=now,
        customer_id=customer_id, facts=facts,
    )  # fmt: skip
    return row


def call_off(session: Session, row: MaintenanceWindow, now: datetime, *, actor: str) -> bool:
    """Nothing of it from now on; what was, stays marked. False when it was called off before."""
    if row.ended_at is not None:
        return False
    row.ended_at = now
    audit.record(
        session, actor=actor, deed="maintenance.ended", subject=f"maintenance {row.id}", now=now,
        customer_id=row.customer_id, facts={"title": row.title},
    )  # fmt: skip
    return True


def marks(
    session: Session, machine_id: uuid.UUID, start: datetime, end: datetime
) -> list[tuple[datetime, datetime, str]]:
    """Times within `start`..`end` in which a machine was or will be worked on: from, to, title; in order."""
    windows = windows_of(session, [machine_id], start).get(machine_id, ())
    return sorted(
        (max(begins, start), min(ends, end), window.title)
        for window in windows
        for begins, ends in window.spans(start, end)
    )


def windows_of(
    session: Session, machines: Collection[uuid.UUID], since: datetime, *, past: timedelta = _PAST
) -> dict[uuid.UUID, tuple[Window, ...]]:
    """The windows that touch these machines from a while before `since` on; machines without any are left out."""
    w = MaintenanceWindow
    rows = session.execute(
        select(Machine.id, w)
        .join(w, w.customer_id == Machine.customer_id)
        .where(
            Machine.id == any_(literal(list(machines), ARRAY(Uuid))),  # one statement for any number
            or_(w.machine_id == Machine.id, w.machine_id.is_(None)),
            or_(w.site_id == Machine.site_id, w.site_id.is_(None)),
            or_(w.weekdays != [], w.ends_at > since - past),
            or_(w.ended_at.is_(None), w.ended_at > since - past),
        )
        .order_by(w.starts_at, w.id)
    )
    found: dict[uuid.UUID, list[Window]] = defaultdict(list)
    for machine_id, row in rows:
        found[machine_id].append(window_of(row))
    return {machine_id: tuple(windows) for machine_id, windows in found.items()}
