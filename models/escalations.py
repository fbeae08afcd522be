"""Escalations that stay open until what was asked for is done: of one case, or of a whole account."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class Escalation(Owned, Base):
    """With an incident: of this case; without: of the account. `owner_id` answers for it, and owes the next word.

    `history`: [{"at", "who", "trend", "words", "next_word_at"}], the newest last.
    """

    __tablename__ = "escalations"
    __table_args__ = (
        CheckConstraint("trend in ('new','improving','steady','worsening')", name="trend"),
        CheckConstraint("(ended_at is null) = (ended_words = '')", name="ends_with_words"),
        Index("uq_escalations_one_open_case", "incident_id", unique=True, postgresql_where=text("ended_at is null")),
        Index(
            "uq_escalations_one_open_account",
            "customer_id",
            unique=True,
            postgresql_where=text("ended_at is null and incident_id is null"),
        ),
        Index("ix_escalations_next_word_at", "next_word_at", postgresql_where=text("ended_at is null")),
    )

    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str]  # see escalation.pressing.REASONS
    words: Mapped[str]
    asked_by: Mapped[str]
    by_customer: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    exit_criteria: Mapped[str] = mapped_column(default="")
    trend: Mapped[str] = mapped_column(default="new")
    asked_at: Mapped[datetime]
    next_word_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]  # the owner and the lead were told that the word is late
    ended_at: Mapped[datetime | None]
    ended_words: Mapped[str] = mapped_column(default="")
    history: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    demo: Mapped[bool] = mapped_column(default=False)
