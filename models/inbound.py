"""Doors for other people's alerts: the doors themselves, what each sender says is wrong, and changes they announce."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned

DOOR_KINDS = ("alertmanager", "pagerduty", "nagios", "hook")
ALERT_STATES = ("triggered", "acknowledged", "resolved")


class InboundDoor(Owned, Base):
    """Where a sender of alerts comes in for one customer. Of its token only the SHA-256 is kept.

    `settings`: severities by word, `one_for` alert or group, `acknowledges`, the fields of a generic hook.
    """

    __tablename__ = "inbound_doors"
    __table_args__ = (
        CheckConstraint("kind in ('alertmanager','pagerduty','nagios','hook')", name="kind"),
        UniqueConstraint("customer_id", "name"),
    )

    name: Mapped[str]
    kind: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    token_end: Mapped[str]  # its last four characters, so that people can tell two tokens apart
    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="SET NULL"))
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    made_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class InboundAlert(Owned, Base):
    """What one sender says of one condition, over all its occurrences; `key` is stable within the door.

    `occurrence` counts how often it began, `triggers` how often the present occurrence was said.
    """

    __tablename__ = "inbound_alerts"
    __table_args__ = (
        UniqueConstraint("door_id", "key"),
        CheckConstraint("state in ('triggered','acknowledged','resolved')", name="state"),
        Index("ix_inbound_alerts_door_id_group_key", "door_id", "group_key"),
        Index(
            "ix_inbound_alerts_left_open",
            "door_id",
            postgresql_where=text("state <> 'resolved' and facts ? 'left_open'"),
        ),
    )

    door_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inbound_doors.id", ondelete="CASCADE"))
    key: Mapped[str]
    sender_keys: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list)  # as sent, oldest first, the last twenty
    group_key: Mapped[str] = mapped_column(default="")
    state: Mapped[str]
    level: Mapped[str] = mapped_column(default="")  # the sender's word: critical, WARNING, DOWN
    severity: Mapped[int]  # ours, 1 gravest to 4
    title: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    starts: Mapped[str] = mapped_column(default="")  # the occurrence's start, word for word
    sent_at: Mapped[datetime | None]  # the sender's own clock, of the last word taken
    number: Mapped[int] = mapped_column(default=0)  # the sender's count of its words
    triggers: Mapped[int] = mapped_column(default=1)
    occurrence: Mapped[int] = mapped_column(default=1)
    stale: Mapped[int] = mapped_column(default=0)  # words that came after their time and changed nothing
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]  # when the contract was last asked about it
    decision_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("decisions.id", ondelete="SET NULL"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incidents.id", ondelete="SET NULL"), index=True)


class InboundGroup(Owned, Base):
    """An Alertmanager's group as it was last told. `cut_off`: alerts it did not list."""

    __tablename__ = "inbound_groups"
    __table_args__ = (UniqueConstraint("door_id", "key"),)

    door_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inbound_doors.id", ondelete="CASCADE"))
    key: Mapped[str]
    is_open: Mapped[bool]
    cut_off: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime]


class InboundChange(Owned, Base):
    """A change that a sender announced: no incident, but worth knowing when one opens. Told twice it is one row."""

    __tablename__ = "inbound_changes"
    __table_args__ = (
        UniqueConstraint("door_id", "digest"),
        Index("ix_inbound_changes_customer_id_at", "customer_id", "at"),
    )

    door_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("inbound_doors.id", ondelete="CASCADE"))
    digest: Mapped[bytes]
    at: Mapped[datetime]  # when it was made, by the sender's word
    received_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(default="")
    summary: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
