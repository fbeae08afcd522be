"""Notices: what somebody must be told, kept as rows until a channel has taken them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified

# The id that a provider gave a message. In these very words, by which its index is found.
THEIRS = text("(receipt ->> 'theirs')")

# How the last word of a notice begins that was called off because nobody needs it any more; it is not lost.
NOT_NEEDED = "not needed"


class Notice(Identified, Base):
    """One message to one person over one channel. Its id is the idempotency key the receiver sees.

    Without a customer it is a word of the house to one of its own people, which no customer ever sees.
    Due until `settled_at` (taken by the channel) or `given_up_at` (refused for good, or out of tries).
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("incident_id", "rung", "round", "person_id", "channel"),
        CheckConstraint("settled_at is null or given_up_at is null", name="one_end"),
        CheckConstraint("customer_id is not null or incident_id is null", name="incident_has_a_customer"),
        Index(
            "ix_notices_next_try_at", "next_try_at", postgresql_where=text("settled_at is null and given_up_at is null")
        ),
        Index("ix_notices_theirs", THEIRS, postgresql_where=text("(receipt ->> 'theirs') is not null")),
        Index("ix_notices_channel_address_settled_at", "channel", "address", "settled_at"),
    )

    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    incident_id: Mapped[uuid.UUID | None] = mapped_column(  # empty: a word about a contract, not about an incident
        ForeignKey("incidents.id", ondelete="CASCADE"), index=True
    )
    rung: Mapped[int]
    round: Mapped[int] = mapped_column(default=0)  # repeats of the whole ladder
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    # email, file, webhook, slack, teams, pagerduty, sms, voice, browser, or a provider's own name
    channel: Mapped[str]
    address: Mapped[str]
    subject: Mapped[str]
    body: Mapped[dict[str, Any]]
    why: Mapped[str] = mapped_column(default="")  # which rung, in words
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    leased_by: Mapped[str] = mapped_column(default="")
    settled_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")
    receipt: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Told as part of another one: notices to one person within seconds are one letter.
    joined_into: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("notices.id", ondelete="SET NULL"), index=True)

    @property
    def state(self) -> str:
        """How far it has come: waiting, sending, retrying, taken, delivered, failed, called off or given up."""
        if self.given_up_at is not None:
            return "called off" if self.last_error.startswith(NOT_NEEDED) else "given up"
        if self.settled_at is not None:
            return str(self.receipt.get("delivery") or "taken")
        if self.lease_until is not None:
            return "sending"
        return "retrying" if self.tries else "waiting"
