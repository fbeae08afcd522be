"""Restraints: when a machine's score stood at its threshold or above, nothing was opened, and why."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class Restraint(Owned, Base):
    """From an instant to another the detector saw something and held it back. Its id is derived from machine, rule and
    beginning, so a batch heard twice writes it once."""

    __tablename__ = "restraints"
    __table_args__ = (Index("ix_restraints_machine_id", "machine_id", "began_at"),)

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    rule: Mapped[str]  # learning, settling, verdicts, weekly, admission
    words: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    score: Mapped[float]  # robust sigmas, the loudest in between
    threshold: Mapped[float]  # what it would have had to reach
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ScoreTrace(Base):
    """One machine's score in an hour: sixty numbers, the loudest of each minute in robust sigmas; null: not scored."""

    __tablename__ = "score_traces"
    __table_args__ = (Index("ix_score_traces_hour", "hour"),)

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    scores: Mapped[list[float | None]] = mapped_column(JSONB, default=list)
