"""Remote diagnostics: a customer's consent that we may look, and each look we asked for, with what came of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class DiagnosticConsent(Owned, Base):
    """A person of the customer lets us take readings from one machine, or from all of theirs, until an instant."""

    __tablename__ = "diagnostic_consents"
    __table_args__ = (CheckConstraint("until_at > given_at", name="ends_after_start"),)

    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    given_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    given_by: Mapped[str]  # the name as it was then
    given_at: Mapped[datetime]
    until_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str] = mapped_column(default="", server_default="")


class DiagnosticAsk(Owned, Base):
    """One reading asked of one machine for one incident. `state`: waiting, sent, answered, refused, expired."""

    __tablename__ = "diagnostic_asks"
    __table_args__ = (
        CheckConstraint("expires_at > asked_at", name="expires_after_asking"),
        CheckConstraint("state IN ('waiting', 'sent', 'answered', 'refused', 'expired')", name="state"),
        CheckConstraint("(ended_at IS NULL) = (state IN ('waiting', 'sent'))", name="ended"),
        Index("ix_diagnostic_asks_open", "expires_at", postgresql_where=text("ended_at IS NULL")),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    consent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("diagnostic_consents.id", ondelete="CASCADE"))
    decision_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("decisions.id", ondelete="SET NULL"))
    reading: Mapped[str]  # one of escalation.diagnosis.READINGS
    unit: Mapped[str] = mapped_column(default="")  # of the last log lines
    lines: Mapped[int] = mapped_column(default=0)
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="waiting")
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(default="", server_default="")  # of a refusal, in the machine's words
    taken_at: Mapped[datetime | None]  # by the machine's clock
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
