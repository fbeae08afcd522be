"""Fleet events: one problem that many machines began to have together, and what of it each customer sees."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Owned

PLACES = ("broker", "rack", "site", "software", "customer", "fleet")


class FleetEvent(Identified, Base):
    """The parent: it stands over all customers and belongs to none of them, so only our own people see it."""

    __tablename__ = "fleet_events"
    __table_args__ = (
        CheckConstraint(f"place in ({', '.join(repr(place) for place in PLACES)})", name="place"),
        CheckConstraint("severity between 1 and 4", name="severity"),
        Index("ix_fleet_events_open", "opened_at", postgresql_where=text("resolved_at is null")),
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(start=1), unique=True)  # shown as FE-1
    place: Mapped[str]  # what its machines have in common: of PLACES
    name: Mapped[str]  # of that rack, site, version…; empty for the whole fleet
    problem: Mapped[str]  # "silence", "fan": the kind of the causes
    severity: Mapped[int]
    title: Mapped[str]
    chance: Mapped[float]  # how often a day so many would begin together by chance
    began_at: Mapped[datetime]  # first sign on the first machine
    last_began_at: Mapped[datetime]  # on the last one that joined
    opened_at: Mapped[datetime]
    machines: Mapped[int] = mapped_column(default=0)
    recovered: Mapped[int] = mapped_column(default=0)
    recovered_at: Mapped[datetime | None]  # since then as many as are needed for an end have recovered
    resolved_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what is counted for telling one event from another
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime]

    @property
    def label(self) -> str:
        """How people say it: FE-7."""
        return f"FE-{self.number}"


class FleetMember(Owned, Base):
    """One machine of a fleet event. Its incident is its contract's child, which it shares with its like."""

    __tablename__ = "fleet_members"
    __table_args__ = (
        UniqueConstraint("event_id", "machine_id"),
        Index("ix_fleet_members_machine_id", "machine_id", "recovered_at"),
    )

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("fleet_events.id", ondelete="CASCADE"))
    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    contract_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contracts.id", ondelete="SET NULL"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incidents.id", ondelete="SET NULL"), index=True)
    finding_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("findings.id", ondelete="SET NULL"))
    cause: Mapped[str]
    answer: Mapped[str]  # what its contract says to it: opened, shown, shadow, refused
    began_at: Mapped[datetime]
    joined_at: Mapped[datetime]
    recovered_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]  # the event ended without it: it got an incident of its own
