"""What an act changed, row by row, so that it can be taken back within the minute."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class IncidentDeed(Owned, Base):
    """One act of somebody on an incident (and, when two were merged, on another one).

    `changes`: {table: {"made": [id], "changed": {id: {column: [before, after]}}, "gone": [row]}}.
    """

    __tablename__ = "incident_deeds"
    __table_args__ = (
        CheckConstraint("undo_until > at", name="undo_until"),
        Index("ix_incident_deeds_incident_id_at", "incident_id", "at"),
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    other_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    act: Mapped[str]
    actor: Mapped[str]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    at: Mapped[datetime]
    undo_until: Mapped[datetime]
    version: Mapped[int]  # of the incident after the act
    changes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str] = mapped_column(default="")
