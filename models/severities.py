"""The history of an incident's severity: proposed by one side, agreed or refused by the other."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned

STATES = ("proposed", "agreed", "refused", "withdrawn", "set")


class SeverityChange(Owned, Base):
    """One word on the severity. `holds_since`: from when it was in force; empty while it waits, or was refused first.

    "set": by the evidence or by one side alone, with nobody asked.
    """

    __tablename__ = "severity_changes"
    __table_args__ = (
        CheckConstraint("state in ('proposed','agreed','refused','withdrawn','set')", name="state"),
        CheckConstraint("was between 1 and 4 and wanted between 1 and 4", name="severities"),
        Index("uq_severity_changes_one_open", "incident_id", unique=True, postgresql_where=text("state = 'proposed'")),
        Index("ix_severity_changes_incident_id_at", "incident_id", "at"),
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    was: Mapped[int]
    wanted: Mapped[int]
    reason: Mapped[str]
    by: Mapped[str]
    by_customer: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime]
    holds_since: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default="proposed")
    answered_by: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(default="")
