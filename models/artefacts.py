"""Model artefacts: what the detector learned, with digest and lineage."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class ModelArtefact(Owned, Base):
    """What was learned of one machine: a skops file, its SHA-256, and where it comes from."""

    __tablename__ = "model_artefacts"
    __table_args__ = (
        Index(
            "uq_model_artefacts_live", "machine_id", "name", unique=True, postgresql_where=text("retired_at is null")
        ),
        CheckConstraint("length(digest) = 64", name="digest_is_sha256"),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    name: Mapped[str]  # which detector
    digest: Mapped[str]
    body: Mapped[bytes]
    lineage: Mapped[dict[str, Any]]  # data span, reports, code version, settings
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
