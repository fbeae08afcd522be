"""Service calendars by name, each in versions from a date on; and the shares of a promise that are warned of."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Owned


class ServiceCalendar(Identified, Base):
    """A calendar contracts may name. One without a customer is the house's, and everybody may read it."""

    __tablename__ = "service_calendars"
    __table_args__ = (CheckConstraint("name ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="name"),)

    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(unique=True)  # "europe", "follow-the-sun"
    title: Mapped[str]
    created_at: Mapped[datetime]


class CalendarVersion(Identified, Base):
    """What a calendar says from a date on (of its own zone). `body` is the form `contracts.hours.parse` reads.

    A version is never changed: a promise keeps the one it was made with, and a later one holds for later promises.
    """

    __tablename__ = "calendar_versions"
    __table_args__ = (
        UniqueConstraint("calendar_id", "version"),
        Index("ix_calendar_versions_calendar_id_effective_on", "calendar_id", "effective_on"),
    )

    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    calendar_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service_calendars.id", ondelete="CASCADE"))
    version: Mapped[int]
    effective_on: Mapped[date]
    body: Mapped[dict[str, Any]]
    author: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class Threshold(Owned, Base):
    """A share of a promise's budget, and the instant it is used up; none while the clock stands. Fires once."""

    __tablename__ = "promise_thresholds"
    __table_args__ = (
        UniqueConstraint("promise_id", "percent"),
        Index("ix_promise_thresholds_at", "at", postgresql_where=text("fired_at is null and at is not null")),
        CheckConstraint("percent between 1 and 1000", name="percent"),
    )

    promise_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promises.id", ondelete="CASCADE"))
    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    percent: Mapped[int]
    at: Mapped[datetime | None]
    fired_at: Mapped[datetime | None]
    late: Mapped[bool] = mapped_column(default=False)  # fired, but not when it should have been
