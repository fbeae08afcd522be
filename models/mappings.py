"""Declared mappings: how to read agents we have no format for, and gateways: who may speak for whom."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Owned


class SourceMapping(Identified, Base):
    """One mapping as it was written (telemetry/formats/mapped.py says what the words mean). The house's own."""

    __tablename__ = "source_mappings"

    name: Mapped[str] = mapped_column(unique=True)
    spec: Mapped[dict[str, Any]]
    author: Mapped[str]
    created_at: Mapped[datetime]


class GatewayMachine(Owned, Base):
    """A machine a gateway of the same customer may speak for."""

    __tablename__ = "gateway_machines"
    __table_args__ = (UniqueConstraint("gateway_id", "machine_id"),)

    gateway_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"))
    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
