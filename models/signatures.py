"""Signatures: that a customer's own person has agreed to a contract, or to a change of its terms."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class Signature(Owned, Base):
    """What was signed is named by the digest of its terms: what is changed afterwards is not what was signed."""

    __tablename__ = "signatures"
    __table_args__ = (
        UniqueConstraint("contract_id", "person_id", "digest"),
        CheckConstraint("length(digest) = 64", name="digest"),
    )

    contract_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contracts.id", ondelete="CASCADE"))
    proposal_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("terms_proposals.id", ondelete="CASCADE"))
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"), index=True)
    name: Mapped[str]  # of who signed, as it was then
    digest: Mapped[str]  # SHA-256 of the terms in their one form, in hex
    signed_at: Mapped[datetime]
