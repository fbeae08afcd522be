"""Releases of models: what was trained of stored history, which machines run which, and what a challenger would open.

A release is one training: an artefact for each machine. Releases and comparisons are the desk's; an artefact, a duty
and a shadow opening belong to the customer of their machine.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Owned

ROLES = ("champion", "challenger")
_LIVE = text("ended_at is null")


class ModelRelease(Identified, Base):
    """One training. Its digest is the SHA-256 of what it holds: settings, and the digest of each machine's artefact."""

    __tablename__ = "model_releases"
    __table_args__ = (CheckConstraint("length(digest) = 64", name="digest_is_sha256"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(start=1), unique=True)  # shown as M-1
    title: Mapped[str]
    digest: Mapped[str] = mapped_column(index=True)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    lineage: Mapped[dict[str, Any]] = mapped_column(default=dict)  # span, code version, verdicts used, scores, left out
    machines: Mapped[int]
    made_at: Mapped[datetime]
    made_by: Mapped[str]

    @property
    def label(self) -> str:
        """How people say it: M-3."""
        return f"M-{self.number}"


class ReleaseArtefact(Owned, Base):
    """What a release holds of one machine: a skops file, its SHA-256, and where it comes from."""

    __tablename__ = "release_artefacts"
    __table_args__ = (
        Index("uq_release_artefacts_machine", "release_id", "machine_id", unique=True),
        CheckConstraint("length(digest) = 64", name="digest_is_sha256"),
    )

    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("model_releases.id", ondelete="CASCADE"))
    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str]
    body: Mapped[bytes]
    lineage: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ModelDuty(Owned, Base):
    """A release on duty on a machine: as champion it opens incidents, as challenger it only says what it would open.

    Duties end and are never changed, so that the way back is known. No champion: the machine's own learning.
    """

    __tablename__ = "model_duties"
    __table_args__ = (
        Index("uq_model_duties_live", "machine_id", "role", unique=True, postgresql_where=_LIVE),
        CheckConstraint("role in ('champion','challenger')", name="role"),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    role: Mapped[str]
    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("model_releases.id", ondelete="CASCADE"), index=True)
    replaced_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("model_releases.id", ondelete="SET NULL"))
    since: Mapped[datetime]
    begun_by: Mapped[str]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(default="", server_default="")
    taken_at: Mapped[datetime | None]  # a watcher scores by it since then
    refused: Mapped[str] = mapped_column(default="", server_default="")  # why a watcher would not


class ShadowOpening(Owned, Base):
    """What a challenger would have opened. Its id is derived, so that a batch heard twice writes it once."""

    __tablename__ = "shadow_openings"
    __table_args__ = (Index("ix_shadow_openings_release_id_opened_at", "release_id", "opened_at"),)

    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("model_releases.id", ondelete="CASCADE"))
    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    cause: Mapped[str]
    severity: Mapped[int]
    score: Mapped[float]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    summary: Mapped[str]
    metrics: Mapped[list[str]] = mapped_column(JSONB, default=list)


class ModelComparison(Identified, Base):
    """Stored history replayed under two models, and what one opens that the other does not. None: own learning."""

    __tablename__ = "model_comparisons"

    a_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("model_releases.id", ondelete="CASCADE"))
    b_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("model_releases.id", ondelete="CASCADE"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    made_at: Mapped[datetime]
    made_by: Mapped[str]
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
