"""What our people are trained in, where they work, whose they are alone, when they are off, and schedules of duty."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Owned

LEVELS = ("junior", "confirmed", "senior")


class HouseSite(Identified, Base):
    """A place our own people work at, and the countries (ISO 3166 alpha-2) whose customers it looks after first.

    `Person.site` names it; whoever works from home is at none.
    """

    __tablename__ = "house_sites"
    __table_args__ = (
        CheckConstraint("size in ('large','medium','small')", name="size"),
        Index("uq_house_sites_name", text("lower(name)"), unique=True),
    )

    name: Mapped[str]
    unit: Mapped[str]
    size: Mapped[str]
    countries: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default=text("'{}'"))
    demo: Mapped[bool] = mapped_column(default=False, server_default=false())
    changed_at: Mapped[datetime]


class Training(Identified, Base):
    """What one of ours is trained in, at which level, and until which day it counts (inclusive; none: for ever)."""

    __tablename__ = "trainings"
    __table_args__ = (
        UniqueConstraint("person_id", "subject"),
        CheckConstraint("level in ('junior','confirmed','senior')", name="level"),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    subject: Mapped[str]  # "storage", "network"; see escalation.subjects
    level: Mapped[str]
    expires_on: Mapped[date | None]


class Detachment(Owned, Base):
    """An engineer working for one account and for nobody else, from an instant on; the end is exclusive."""

    __tablename__ = "detachments"
    __table_args__ = (
        CheckConstraint("ends_at is null or ends_at > starts_at", name="ends_after_start"),
        # Detached twice at once would be routable to nobody: each account would say they belong to the other.
        Index("uq_detachments_one_open", "person_id", unique=True, postgresql_where=text("ends_at is null")),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    reason: Mapped[str]
    made_by: Mapped[str] = mapped_column(default="")


class Reservation(Identified, Base):
    """Places of somebody's room kept free for one account, or for one tier, over some time; the end is exclusive."""

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("ends_at is null or ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("(customer_id is null) = (tier <> '')", name="one_whose"),
        CheckConstraint("tier in ('','bronze','silver','gold','platinum')", name="tier"),
        CheckConstraint("mode in ('phone','remote','written')", name="mode"),
        CheckConstraint("places between 1 and 50", name="places"),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    tier: Mapped[str] = mapped_column(default="")
    mode: Mapped[str]
    places: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    made_by: Mapped[str] = mapped_column(default="")


class TimeOff(Identified, Base):
    """When one of ours is not to be given work although a shift names them: absent, or protected for other work."""

    __tablename__ = "times_off"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("kind in ('absent','protected')", name="kind"),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(default="")
    said_at: Mapped[datetime | None]  # when it was entered, which may be after it began; empty: before this was kept


class DutySchedule(Identified, Base):
    """Who is on duty for a unit, turn by turn. `layers` is `escalation.rota.Layer.to_json`, the one that wins first."""

    __tablename__ = "duty_schedules"
    __table_args__ = (CheckConstraint("version > 0", name="version"),)

    name: Mapped[str] = mapped_column(unique=True)
    unit: Mapped[str]
    zone: Mapped[str]
    layers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    active: Mapped[bool] = mapped_column(default=True)
    demo: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime]


class Cover(Identified, Base):
    """Somebody stands in for a stretch of a schedule. Asked first; from the acceptance on it overrides the layers."""

    __tablename__ = "covers"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("state in ('asked','accepted','declined','withdrawn')", name="state"),
        CheckConstraint("state <> 'accepted' or person_id is not null", name="accepted_by_somebody"),
    )

    schedule_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("duty_schedules.id", ondelete="CASCADE"), index=True)
    for_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))  # whose turn it was
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))  # who takes it
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(default="asked")
    reason: Mapped[str] = mapped_column(default="")
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class Handover(Owned, Base):
    """An incident offered to somebody, with what they must know. Until they accept it, it is the giver's.

    `note`: {"state", "tried", "avoid", "promise"}, all texts; `climbed_at`: when the lead was told nobody had answered.
    """

    __tablename__ = "handovers"
    __table_args__ = (
        CheckConstraint("state in ('offered','accepted','refused','withdrawn')", name="state"),
        Index("uq_handovers_one_offered", "incident_id", unique=True, postgresql_where=text("state = 'offered'")),
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    giver_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    taker_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    note: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="offered")
    offered_at: Mapped[datetime]
    answer_by: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    climbed_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")


class TurnEnd(Owned, Base):
    """An incident in the hands of somebody whose turn of duty ends: told of, kept on their word, climbed.

    `stays_until`: how long they stay with it, by their own word, and why. One row an incident, person and end.
    """

    __tablename__ = "turn_ends"
    __table_args__ = (UniqueConstraint("incident_id", "person_id", "ends_at"),)

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    ends_at: Mapped[datetime] = mapped_column(index=True)
    told_at: Mapped[datetime | None]
    stays_until: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    climbed_at: Mapped[datetime | None]
