"""Files that belong to an incident: who brought which, and by which digest its bytes lie in the data folder."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class Attachment(Owned, Base):
    """A file as it was brought. One that was removed stays as a row and is not given out any more."""

    __tablename__ = "attachments"
    __table_args__ = (CheckConstraint("size > 0", name="size"), CheckConstraint("length(digest) = 64", name="digest"))

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    entry_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("timeline.id", ondelete="SET NULL"))
    name: Mapped[str]  # as its owner called it, without a path
    media_type: Mapped[str]  # what its first bytes say it is, never what the sender says
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    digest: Mapped[str] = mapped_column(index=True)  # SHA-256, hex
    public: Mapped[bool]  # whether the customer may fetch it
    by: Mapped[str]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[str] = mapped_column(default="")
