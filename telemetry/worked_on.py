"""Which machines are being worked on: the windows of maintenance in the database, by machine, site or customer."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.machines import Machine
from models.maintenance import MaintenanceWindow
from telemetry.maintenance import LONGEST, Window

_PAST: Final = LONGEST + timedelta(days=2)


def window_of(row: MaintenanceWindow) -> Window:
    """The row as times."""
    return Window(
        row.title, row.starts_at, row.ends_at, row.zone, frozenset(row.weekdays), row.every_weeks, row.until,
        row.ended_at,
    )  # fmt: skip


def windows_of(
    session: Session, machines: Collection[uuid.UUID], since: datetime, *, past: timedelta = _PAST
) -> dict[uuid.UUID, tuple[Window, ...]]:
    """The windows that touch these machines from a while before `since` on; machines without any are left out."""
    w = MaintenanceWindow
    rows = session.execute(
        select(Machine.id, w)
        .join(w, w.customer_id == Machine.customer_id)
        .where(
            Machine.id.in_(machines),
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
