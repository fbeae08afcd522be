"""Machines' clocks that are off: from when on the instants of what a machine says are moved, and by how much."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class ClockCorrection(Owned, Base):
    """From an arrival on, until the machine's next row: stored instant + `offset_s` is the instant it sent.

    An offset of 0 ends the correction. The id is derived from machine and arrival, so a batch heard twice writes it
    once.
    """

    __tablename__ = "clock_corrections"
    __table_args__ = (Index("ix_clock_corrections_machine_id", "machine_id", "since"),)

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    since: Mapped[datetime]  # arrival of the first report it was applied to
    offset_s: Mapped[float]  # how far the machine's clock is ahead of ours; negative: behind
