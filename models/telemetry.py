"""The durable log (embedded form), positions in it, history blocks, the delivery ledger and the dead letters."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified


class LogRecord(Base):
    """One record of the embedded log: many envelopes of one partition, in arrival order."""

    __tablename__ = "log_records"

    partition: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    appended_at: Mapped[datetime] = mapped_column(index=True)
    body: Mapped[bytes]


class LogPosition(Base):
    """How far a reader has come in a partition: `position` is the next record to read.

    Moved by compare-and-set in the transaction that holds the effects; a reader that lost its partition cannot commit.
    `snapshot` is the detector's state as it was at `snapshot_position`.
    """

    __tablename__ = "log_positions"

    reader: Mapped[str] = mapped_column(primary_key=True)  # "watch"
    partition: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    snapshot_position: Mapped[int] = mapped_column(BigInteger, default=0)
    snapshot: Mapped[bytes | None]
    owner: Mapped[str] = mapped_column(default="")
    cycles: Mapped[bytes | None]  # open at `position`: heard in parts, and not whole yet
    lease_until: Mapped[datetime | None]  # the embedded log shares partitions by lease; Kafka by its group
    moved_at: Mapped[datetime | None]


class LogMember(Base):
    """A reader of the embedded log that is alive: the partitions are shared among those whose lease runs."""

    __tablename__ = "log_members"

    reader: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    lease_until: Mapped[datetime]


class ReadingBlock(Base):
    """Reports of one machine within one hour, compressed columns; an hour may lie in several parts until compacted."""

    __tablename__ = "reading_blocks"
    __table_args__ = (
        Index("ix_reading_blocks_loose", "hour", "machine_id", postgresql_where=text("part > 0")),
        Index("ix_reading_blocks_unrolled", "machine_id", "hour", postgresql_where=text("NOT rolled")),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # 0 is the compacted one
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    reports: Mapped[int]
    rolled: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # the roll-ups know of it
    body: Mapped[bytes]


class DeliveryCount(Base):
    """The delivery ledger: received = scored + refused + duplicate + late, per machine and hour of arrival."""

    __tablename__ = "delivery_ledger"
    __table_args__ = (
        CheckConstraint("received = scored + refused + duplicate + late", name="adds_up"),
        CheckConstraint("erased <= scored + late", name="erased_was_stored"),
    )

    machine: Mapped[str] = mapped_column(primary_key=True)  # a name: also of machines we do not know
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    received: Mapped[int] = mapped_column(default=0)
    scored: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    duplicate: Mapped[int] = mapped_column(default=0)
    late: Mapped[int] = mapped_column(default=0)  # stored and kept in history, too old to be scored
    missing: Mapped[int] = mapped_column(default=0)  # holes seen in seq, not part of the sum
    in_maintenance: Mapped[int] = mapped_column(default=0, server_default="0")  # of those taken: kept, not looked at
    erased: Mapped[int] = mapped_column(default=0, server_default="0")  # of those stored: taken out since, on request
    reasons: Mapped[dict[str, Any]] = mapped_column(default=dict)  # refusal reason → count


class DeadLetter(Identified, Base):
    """A message we could not use, whole, with the reason, ready to be replayed after a fix."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index("uq_dead_letters_partition_position", "partition", "position", "item", unique=True),
        Index(
            "ix_dead_letters_asked",
            "replay_asked_at",
            postgresql_where=text("replay_asked_at IS NOT NULL AND replayed_at IS NULL"),
        ),
        Index(
            "ix_dead_letters_set_apart",
            "received_at",
            postgresql_where=text("apart IS NOT NULL AND replay_asked_at IS NULL"),
        ),
    )

    received_at: Mapped[datetime] = mapped_column(index=True)
    topic: Mapped[str]
    machine: Mapped[str] = mapped_column(default="", index=True)
    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")
    payload: Mapped[bytes]
    partition: Mapped[int]
    position: Mapped[int] = mapped_column(BigInteger)
    item: Mapped[int]  # which message of the record
    apart: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))  # the words of it we failed at; else none
    # What the ledger counted of it: machine, reason, how many; none of letters older than this was told.
    counted: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    replay_asked_at: Mapped[datetime | None]
    replay_asked_by: Mapped[str] = mapped_column(default="", server_default="")
    replayed_at: Mapped[datetime | None]  # stands in the log once more, to be judged anew


class LabOrder(Base):
    """A fault somebody asked the lab to start by hand."""

    __tablename__ = "lab_orders"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str]
    machine: Mapped[str]
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    asked_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")


class ProcessBeat(Base):
    """A process of ours: alive, since when, how often restarted. Progress, not existence, is what `facts` tells."""

    __tablename__ = "process_beats"

    name: Mapped[str] = mapped_column(primary_key=True)  # "bridge", "watch-1"
    pid: Mapped[int]
    host: Mapped[str] = mapped_column(default="")
    state: Mapped[str]  # starting, running, waiting (back-off), stopped
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    restarts: Mapped[int] = mapped_column(default=0)
    why: Mapped[str] = mapped_column(default="")  # of the last end
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
