"""Canaries: machines of our own whose faults are known, and each fault that was made on them."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class Canary(Owned, Base):
    """A machine that breaks on purpose, every so many seconds, so that detection latency is measured all the time."""

    __tablename__ = "canaries"

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), unique=True)
    every_s: Mapped[int]
    made_at: Mapped[datetime]
    made_by: Mapped[str]


class CanaryFault(Owned, Base):
    """One fault on a canary: found by the first finding on its machine after it began. `void`: it says nothing, for the
    canary itself was stopped before it was found."""

    __tablename__ = "canary_faults"
    __table_args__ = (Index("ix_canary_faults_machine_id_began_at", "machine_id", "began_at"),)

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    kind: Mapped[str]
    began_at: Mapped[datetime]
    due_s: Mapped[int]  # seconds within which it must be found
    mended_at: Mapped[datetime | None]
    void: Mapped[bool] = mapped_column(default=False, server_default="false")
