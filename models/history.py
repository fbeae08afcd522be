"""Roll-ups of what machines reported, for months of it, and what of it is no longer there: aged out or erased."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class ReadingRollup(Base):
    """Least, mean, most and count of every metric of one machine: each hour of a UTC day, or each day of a month."""

    __tablename__ = "reading_rollups"
    __table_args__ = (CheckConstraint("grain in ('hour','day')", name="grain"),)

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), primary_key=True)
    grain: Mapped[str] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)  # of the day, or of the month
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # its reports are gone
    body: Mapped[bytes]


class HistoryRemoval(Owned, Base):
    """What was taken out of history: `aged` by the terms' retention, one row a machine and kind of thing that grows,
    or `erased` because somebody asked, a row a time."""

    __tablename__ = "history_removals"
    __table_args__ = (
        CheckConstraint("kind in ('aged','erased')", name="kind"),
        CheckConstraint("what in ('reports','figures')", name="what"),
        CheckConstraint("starts_at < ends_at", name="starts_before_end"),
        Index("uq_history_removals_aged", "machine_id", "what", unique=True, postgresql_where=text("kind = 'aged'")),
        Index("ix_history_removals_erased", "done_at", postgresql_where=text("kind = 'erased'")),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    what: Mapped[str] = mapped_column(default="reports")  # an erasure takes both, and says reports
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reports: Mapped[int] = mapped_column(default=0)
    actor: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    done_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what else went: figures, letters, models, evidence
