"""What is open at a door, in the words of its sender: the form in which recorded sessions state what to expect."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.inbound import InboundAlert, InboundDoor, InboundGroup

_SHORT = 80  # of a summary, in this form only


def standing(session: Session, door: InboundDoor) -> dict[str, Any]:
    """The state of a door: `firing` and `open_groups`, `incidents` by dedup_key, or `open` by host and service."""
    rows = session.scalars(
        select(InboundAlert)
        .where(InboundAlert.door_id == door.id)
        .order_by(InboundAlert.first_at, InboundAlert.id)
        .execution_options(populate_existing=True)
    ).all()
    if door.kind == "alertmanager":
        return _alertmanager(session, door, rows)
    if door.kind == "pagerduty":
        return {"incidents": {row.sender_keys[0]: _incident(row) for row in rows}}
    opened = {
        row.key: {"state": row.level, "acknowledged": row.state == "acknowledged"}
        for row in rows
        if row.state != "resolved"
    }
    return {"open": opened}


def _alertmanager(session: Session, door: InboundDoor, rows: Any) -> dict[str, Any]:
    of_this_door = select(InboundGroup).where(InboundGroup.door_id == door.id)
    groups = session.scalars(
        of_this_door.order_by(InboundGroup.last_at, InboundGroup.key).execution_options(populate_existing=True)
    ).all()
    firing = {
        row.key: {"severity": row.level or None, "startsAt": row.starts}
        for row in sorted(rows, key=lambda row: row.key)
        if row.state != "resolved"
    }
    return {
        "firing": firing,
        "open_groups": sorted(group.key for group in groups if group.is_open),
        "truncated": groups[-1].cut_off if groups else 0,
    }


def _incident(row: InboundAlert) -> dict[str, Any]:
    return {
        "state": row.state,
        "severity": row.level,
        "summary": row.summary[:_SHORT],
        "triggers": row.triggers,
        "occurrence": row.occurrence,
    }
