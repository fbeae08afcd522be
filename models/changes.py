"""What was changed on a machine: releases told by it or for it, versions that are others now, restarts."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class MachineChange(Owned, Base):
    """One change. The id is derived from machine, instant and words, so a batch heard twice writes it once."""

    __tablename__ = "machine_changes"
    __table_args__ = (
        CheckConstraint("kind in ('deployment','restart')", name="kind"),
        Index("ix_machine_changes_machine_id", "machine_id", "at"),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str]
    what: Mapped[str]  # as a sentence calls it: "release 2.3.1", "a restart"
    told_by: Mapped[str]  # machine, or the door it came through: api, pagerduty
    told_at: Mapped[datetime]
