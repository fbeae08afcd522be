"""Changes on machines as rows: written with the batch they were told in, read for pages, the API and lost watchers."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.changes import MachineChange
from telemetry.changes import DAY_MS, MOST_KEPT, Change

if TYPE_CHECKING:
    from telemetry.directory import Known

_IDS: Final = uuid.UUID("5b0a7f0e-93d1-5f53-8d52-6b0c7b3e9a14")
_DAY: Final = timedelta(milliseconds=DAY_MS)


def store(session: Session, told: Sequence[tuple[Known, Change]], now: datetime) -> None:
    """Write what was told, of each machine at most so many a day. Heard again, the same rows come of it."""
    if not told:
        return
    rows = {}
    for whose, change in told:
        row_id = uuid.uuid5(_IDS, f"{whose.machine_id}\n{change.at_ms}\n{change.kind}\n{change.what}")
        rows[row_id] = {
            "id": row_id, "customer_id": whose.customer_id, "machine_id": whose.machine_id,
            "at": datetime.fromtimestamp(change.at_ms / 1000, UTC), "kind": change.kind, "what": change.what,
            "told_by": change.told_by, "told_at": now,
        }  # fmt: skip
    known = set(session.scalars(select(MachineChange.id).where(MachineChange.id.in_(rows))))
    fresh = _within_the_day(session, [row for row_id, row in rows.items() if row_id not in known], now)
    if fresh:
        # Another watcher may have written the same since we looked.
        session.execute(insert(MachineChange).on_conflict_do_nothing(index_elements=["id"]), fresh)


def _within_the_day(session: Session, rows: Sequence[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Those rows, in order, by which no machine has more than its number within a day."""
    counted = Counter[uuid.UUID]()
    stored = session.execute(
        select(MachineChange.machine_id, func.count())
        .where(MachineChange.machine_id.in_({row["machine_id"] for row in rows}), MachineChange.told_at > now - _DAY)
        .group_by(MachineChange.machine_id)
    )
    for machine_id, number in stored:
        counted[machine_id] = number
    kept = []
    for row in rows:
        counted[row["machine_id"]] += 1
        if counted[row["machine_id"]] <= MOST_KEPT:
            kept.append(row)
    return kept


def within(
    session: Session, machines: Collection[uuid.UUID], start: datetime, end: datetime
) -> Sequence[MachineChange]:
    """Changes on these machines from `start` to `end`, the oldest first."""
    return session.scalars(
        select(MachineChange)
        .where(MachineChange.machine_id.in_(machines), MachineChange.at >= start, MachineChange.at <= end)
        .order_by(MachineChange.at, MachineChange.id)
    ).all()


def lately(
    session: Session, machines: Collection[uuid.UUID], now: datetime
) -> dict[uuid.UUID, list[tuple[int, str, str]]]:
    """What was changed on each within a day: instant (epoch ms), kind, what; machines nobody touched are left out."""
    found: dict[uuid.UUID, list[tuple[int, str, str]]] = defaultdict(list)
    for row in within(session, machines, now - _DAY, now):
        found[row.machine_id].append((round(row.at.timestamp() * 1000), row.kind, row.what))
    return found


def number(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> int:
    """How many were told of a span, its end not included."""
    mine = (MachineChange.machine_id == machine_id, MachineChange.at >= start, MachineChange.at < end)
    return session.scalar(select(func.count()).where(*mine)) or 0


def forget(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> None:
    """Take away what was told of a span that is erased."""
    mine = (MachineChange.machine_id == machine_id, MachineChange.at >= start, MachineChange.at < end)
    session.execute(delete(MachineChange).where(*mine))
