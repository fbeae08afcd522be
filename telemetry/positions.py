"""How far the watchers have come in each partition, and the detector state as it was there.

The position moves by compare-and-set in the transaction that holds the effects of what was read. Whoever takes a
partition puts its name on it; whoever lost it can no longer move it, however late it wakes up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from models.telemetry import LogPosition

READER = "watch"


class Overtaken(RuntimeError):
    """Another watcher has this partition now: nothing of this transaction may be kept."""

    def __init__(self, partition: int, before: int) -> None:
        super().__init__(f"partition {partition} is no longer ours at {before}")
        self.partition = partition


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go on: read from `position`; `snapshot` is the state before the record at `snapshot_position`."""

    position: int
    snapshot_position: int
    snapshot: bytes | None
    cycles: bytes = b""  # open at `position`: parts of reports that were heard and are not whole yet


_TAKE = text(
    """
    INSERT INTO log_positions (reader, partition, position, snapshot_position, owner)
    VALUES (:reader, :partition, 0, 0, :owner)
    ON CONFLICT (reader, partition) DO UPDATE SET owner = excluded.owner
    """
)


def take(session: Session, partition: int, owner: str, reader: str = READER) -> Place:
    """Put our name on a partition and learn where it stands. Waits for a transaction that moves it right now."""
    session.execute(_TAKE, {"reader": reader, "partition": partition, "owner": owner})
    row = session.execute(
        select(LogPosition.position, LogPosition.snapshot_position, LogPosition.snapshot, LogPosition.cycles).where(
            LogPosition.reader == reader, LogPosition.partition == partition
        )
    ).one()
    return Place(row.position, row.snapshot_position, row.snapshot, row.cycles or b"")


def move(
    session: Session, partition: int, owner: str, before: int, after: int, now: datetime, cycles: bytes = b"",
    reader: str = READER,
) -> None:  # fmt: skip
    """The records `before` up to `after`, not included, are dealt with, but for what waits in `cycles`. Raises
    `Overtaken` when not ours to say."""
    _set(session, partition, owner, before, reader, position=after, moved_at=now, cycles=cycles or None)


def keep_snapshot(
    session: Session, partition: int, owner: str, position: int, snapshot: bytes, reader: str = READER
) -> None:
    """Keep the state reached at `position`, which must be the present one. Raises `Overtaken`."""
    _set(session, partition, owner, position, reader, snapshot=snapshot, snapshot_position=position)


def _set(session: Session, partition: int, owner: str, before: int, reader: str, **values: object) -> None:
    moved = session.scalar(
        update(LogPosition)
        .where(
            LogPosition.reader == reader,
            LogPosition.partition == partition,
            LogPosition.position == before,
            LogPosition.owner == owner,
        )
        .values(**values)
        .returning(LogPosition.partition)
    )
    if moved is None:
        raise Overtaken(partition, before)
