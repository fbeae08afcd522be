"""Corrections of machines' clocks as rows: written with the batch they began in, read for pages and the API."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from models.clocks import ClockCorrection
from telemetry.clocks import Clock, Moved
from telemetry.directory import Known

_IDS: Final = uuid.UUID("0c1f4f9e-6d0f-5b7a-9a53-5b3c7f5a1d86")
MOST: Final = 100  # corrections told of a machine, the newest


def store(session: Session, moved: Sequence[tuple[Known, Moved]]) -> None:
    """Write what changed. Heard again after a crash, the same rows come of it, and are there already."""
    # Of several reports of one arrival the last one's word holds.
    last = {(whose.machine_id, one.since_ms): (whose.customer_id, one.offset_ms) for whose, one in moved}
    rows = [
        {
            "id": uuid.uuid5(_IDS, f"{machine_id}\n{since_ms}"),
            "customer_id": customer_id,
            "machine_id": machine_id,
            "since": datetime.fromtimestamp(since_ms / 1000, UTC),
            "offset_s": offset_ms / 1000,
        }
        for (machine_id, since_ms), (customer_id, offset_ms) in sorted(last.items())
    ]
    if rows:
        put = insert(ClockCorrection)
        session.execute(
            put.on_conflict_do_update(index_elements=["id"], set_={"offset_s": put.excluded.offset_s}), rows
        )


def corrections(session: Session, machine_id: uuid.UUID) -> Sequence[ClockCorrection]:
    """The corrections of a machine, newest first; one of 0 s says that an older one ended."""
    return session.scalars(
        select(ClockCorrection)
        .where(ClockCorrection.machine_id == machine_id)
        .order_by(ClockCorrection.since.desc())
        .limit(MOST)
    ).all()


def in_force(session: Session, machine_id: uuid.UUID) -> ClockCorrection | None:
    """The correction of now; None when the machine's clock needs none."""
    newest = session.scalar(
        select(ClockCorrection)
        .where(ClockCorrection.machine_id == machine_id)
        .order_by(ClockCorrection.since.desc())
        .limit(1)
    )
    return newest if newest is not None and newest.offset_s else None


def clocks(session: Session, machines: Collection[uuid.UUID]) -> dict[uuid.UUID, Clock]:
    """The clocks of those that are corrected now, for a watcher that lost what it knew of them."""
    newest = session.execute(
        select(ClockCorrection.machine_id, ClockCorrection.offset_s)
        .ext(distinct_on(ClockCorrection.machine_id))
        .where(ClockCorrection.machine_id.in_(machines))
        .order_by(ClockCorrection.machine_id, ClockCorrection.since.desc())
    )
    return {machine_id: Clock(round(offset_s * 1000)) for machine_id, offset_s in newest if offset_s}
