"""Every answer a contract gave: granted, shadow or refused, with the words it was given in."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class DecisionRow(Owned, Base):
    """One ask and its answer. `facts` holds respond_by, terms version, what would be used, who should answer."""

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint("outcome in ('granted','shadow','refused')", name="outcome"),
        Index("ix_decisions_customer_id_asked_at", "customer_id", "asked_at"),
    )

    contract_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contracts.id", ondelete="SET NULL"))
    terms_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contract_terms.id", ondelete="SET NULL"))
    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    ask: Mapped[str]
    severity: Mapped[int | None]
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(default="vigie")
    outcome: Mapped[str]
    rule: Mapped[str]
    reason: Mapped[str]
    remedy: Mapped[str] = mapped_column(default="")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
