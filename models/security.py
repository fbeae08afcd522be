"""The security log: who tried what they may not, as the broker and our doors saw it. Nobody's but our own."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified


class SecurityEvent(Identified, Base):
    """One kind of attempt by one speaker from one address, within ten minutes; what repeats is counted, not repeated.

    `username` is the name that was given, which need not be anybody's. `detail` is evidence, cut to a line.
    """

    __tablename__ = "security_events"
    __table_args__ = (
        CheckConstraint("count > 0", name="count"),
        CheckConstraint("first_at <= last_at", name="first_at"),
        Index("uq_security_events_told", "kind", "username", "address", "detail", "slot", unique=True),
        Index("ix_security_events_last_at", "last_at"),
    )

    kind: Mapped[str]
    username: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    client: Mapped[str] = mapped_column(default="")  # the client id that was given
    detail: Mapped[str] = mapped_column(default="")  # the topic, the size, the words of the broker
    door: Mapped[str]  # mqtt, or http
    done: Mapped[str] = mapped_column(default="")  # what we did about it: refused, held
    slot: Mapped[datetime]  # the ten minutes it is counted in
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(BigInteger)
    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="SET NULL"), index=True)
    customer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
