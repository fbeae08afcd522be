"""What is proved of each way to reach one of ours: a code that came back from it, and test pages that were answered."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified


class ReachProof(Identified, Base):
    """One way of one person (`people.notify` says which count). Of codes and of links only the SHA-256 is kept.

    `failed_at`: a channel gave up on this way, whatever it was to carry; an answer after it makes it good again.
    """

    __tablename__ = "reach_proofs"
    __table_args__ = (
        UniqueConstraint("person_id", "channel", "address"),
        Index("uq_reach_proofs_token_hash", "token_hash", unique=True, postgresql_where=text("token_hash is not null")),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    channel: Mapped[str]
    address: Mapped[str]
    code_hash: Mapped[bytes | None]  # of the code under way; empty once it was used, or used up
    code_sent_at: Mapped[datetime | None]
    code_tries: Mapped[int] = mapped_column(default=0)
    confirmed_at: Mapped[datetime | None]
    token_hash: Mapped[bytes | None]  # of the link in the last test page
    tested_at: Mapped[datetime | None]
    notice_id: Mapped[uuid.UUID | None]  # the last test page
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str] = mapped_column(default="")  # the link, a receipt, their open page
    failed_at: Mapped[datetime | None]
    failure: Mapped[str] = mapped_column(default="")
