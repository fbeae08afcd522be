"""Machines, the credential each one speaks with, and what is known of them now."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned

# Also the MQTT user name and one topic level, so nothing that MQTT or a shell could read as more than a name.
MACHINE_NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"


class Machine(Owned, Base):
    """A server or device. Its name is unique in the whole house: it is the topic it speaks under."""

    __tablename__ = "machines"
    __table_args__ = (CheckConstraint(f"name ~ '{MACHINE_NAME}'", name="name"),)

    name: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str] = mapped_column(default="")  # "database server, mill 2"
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sites.id", ondelete="SET NULL"), index=True)
    rack: Mapped[str] = mapped_column(default="")
    software: Mapped[str] = mapped_column(default="", server_default="")  # what it runs, with version: "erp 4.2"
    broker: Mapped[str] = mapped_column(default="", server_default="")  # through which broker it speaks, where several
    source: Mapped[str] = mapped_column(default="native")  # which agent it speaks through
    retired_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class MachineCredential(Owned, Base):
    """What a machine signs in to the broker with: a secret, of which a hash is kept, or a certificate, by its serial.

    Its user name at the broker is the machine's name, or NAME@LABEL: one live secret a name, and several certificates.
    """

    __tablename__ = "machine_credentials"
    __table_args__ = (
        CheckConstraint("kind in ('secret','certificate')", name="kind"),
        CheckConstraint("label ~ '^([a-z0-9][a-z0-9-]{0,19})?$'", name="label"),
        CheckConstraint(
            "CASE kind WHEN 'secret' THEN password_hash IS NOT NULL "
            "ELSE serial IS NOT NULL AND not_after IS NOT NULL AND label = '' END",
            name="whole",
        ),
        Index(
            "uq_machine_credentials_live", "machine_id", "label", unique=True,
            postgresql_where=text("revoked_at is null and kind = 'secret'"),
        ),
    )  # fmt: skip

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(default="secret", server_default="secret")
    label: Mapped[str] = mapped_column(default="", server_default="")
    password_hash: Mapped[str | None]  # Mosquitto's own form, $7$iterations$salt$hash (PBKDF2-SHA512)
    serial: Mapped[str | None] = mapped_column(unique=True)  # of the certificate, hexadecimal
    not_after: Mapped[datetime | None]  # of the certificate
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]  # the end of an overlap: another has taken its place
    held_until: Mapped[datetime | None]  # kept out so long, because of what was done with it
    last_used_at: Mapped[datetime | None]  # to the minute: when this user name last came in, at the broker or over HTTP
    last_used_from: Mapped[str] = mapped_column(default="", server_default="")  # from which address
    revoked_at: Mapped[datetime | None]


class MachineState(Base):
    """What the watcher last knew of a machine. One row, rewritten often, so it stands apart from the machine itself.

    `speaking`: speaking, silent (should have spoken and did not) or unknown (the path to it is down, or never heard).
    `health`: healthy, deviates (a finding is open), learning, unknown.
    """

    __tablename__ = "machine_states"
    __table_args__ = (
        CheckConstraint("speaking in ('speaking','silent','unknown')", name="speaking"),
        CheckConstraint("health in ('healthy','deviates','learning','unknown')", name="health"),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    last_at: Mapped[datetime | None]  # device time of the newest report
    last_received_at: Mapped[datetime | None]
    last_seq: Mapped[int | None] = mapped_column(BigInteger)  # everything up to it is stored: the receipt
    # every number stored, as [first, last] spans in order; the first one ends at `last_seq`
    seqs: Mapped[list[list[int]]] = mapped_column(JSONB(none_as_null=True), default=list, server_default=text("'[]'"))
    cadence_s: Mapped[float | None]  # learned seconds between reports
    skew_s: Mapped[float | None]  # device clock minus ours, median
    speaking: Mapped[str] = mapped_column(default="unknown")
    since: Mapped[datetime | None]  # of `speaking`
    health: Mapped[str] = mapped_column(default="unknown")
    said: Mapped[str | None]  # its own word: online, offline (a hint, never evidence)
    telemetry: Mapped[str] = mapped_column(
        default=""
    )  # how its contract answered: collect, watch, shadow, detect, refused
    latest: Mapped[dict[str, Any]] = mapped_column(default=dict)  # metric → newest value
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # texts for the dossier
