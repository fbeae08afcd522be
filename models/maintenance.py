"""Maintenance windows: times in which a machine, a site or a customer may be anything without anybody being called."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class MaintenanceWindow(Owned, Base):
    """Once, or every so many weeks on given weekdays at the first occurrence's local time of day, for as long as it.

    Neither machine nor site: everything of the customer. Data of these times is kept and marked, opens nothing and is
    not learned from.
    """

    __tablename__ = "maintenance_windows"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("machine_id IS NULL OR site_id IS NULL", name="one_place"),
        CheckConstraint("every_weeks BETWEEN 1 AND 52", name="every_weeks"),
    )

    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    starts_at: Mapped[datetime]  # of the first occurrence
    ends_at: Mapped[datetime]
    zone: Mapped[str] = mapped_column(default="UTC")
    weekdays: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)  # "mon" …; empty: once
    every_weeks: Mapped[int] = mapped_column(default=1)
    until: Mapped[date | None]  # the last local day an occurrence may begin on
    made_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # called off or ended early, by a person: nothing from here on
