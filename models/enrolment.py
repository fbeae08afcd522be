"""Self-enrolment: codes a customer's machines present, and machines that did, waiting for a person's word."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned

WANTS = ("secret", "certificate")
STATES = ("pending", "approved", "delivered", "refused", "lapsed")


class EnrolmentCode(Owned, Base):
    """A code of one customer. Of the code only the SHA-256 is kept; it opens nothing but the waiting room."""

    __tablename__ = "enrolment_codes"
    __table_args__ = (
        CheckConstraint("uses between 0 and most_uses and most_uses between 1 and 10000", name="uses"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
    )

    label: Mapped[str]  # what it is for: "new racks, hall 2"
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    code_end: Mapped[str]  # its last four characters, so that people can tell two codes apart
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sites.id", ondelete="SET NULL"))
    most_uses: Mapped[int]
    uses: Mapped[int] = mapped_column(default=0, server_default="0")
    made_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Enrolment(Owned, Base):
    """A machine that presented a code. It proves to be the same with a ticket, of which the SHA-256 is kept.

    pending → approved → delivered, or refused, or lapsed when nobody decided, or nobody came for it, in time.
    """

    __tablename__ = "enrolments"
    __table_args__ = (
        CheckConstraint("state in ('pending','approved','delivered','refused','lapsed')", name="state"),
        CheckConstraint("wants in ('secret','certificate')", name="wants"),
        CheckConstraint("(wants = 'certificate') = (csr <> '')", name="csr"),
        Index("uq_enrolments_waiting", "name", unique=True, postgresql_where=text("state in ('pending','approved')")),
        Index("ix_enrolments_state_asked_at", "state", "asked_at"),
    )

    code_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("enrolment_codes.id", ondelete="SET NULL"), index=True)
    name: Mapped[str]  # the one it wants, or was given at approval
    title: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(default="native")
    wants: Mapped[str]
    csr: Mapped[str] = mapped_column(default="")  # PEM
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what it says of itself
    address: Mapped[str] = mapped_column(default="")
    ticket_hash: Mapped[bytes] = mapped_column(unique=True)
    state: Mapped[str]
    asked_at: Mapped[datetime]
    until: Mapped[datetime]  # it lapses then, when it stands where it stands
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")  # of a refusal
    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="SET NULL"), index=True)
    delivered_at: Mapped[datetime | None]
