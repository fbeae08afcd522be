"""Contracts, their versioned terms, what they cover, and what has been used of them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class Contract(Owned, Base):
    """A support contract. Dates are inclusive, in the contract's own zone; the state "expired" follows from them."""

    __tablename__ = "contracts"
    __table_args__ = (
        CheckConstraint("tier in ('bronze','silver','gold','platinum')", name="tier"),
        CheckConstraint("state in ('draft','active','suspended','cancelled')", name="state"),
        CheckConstraint("ends_on is null or ends_on >= starts_on", name="ends_after_start"),
    )

    number: Mapped[str] = mapped_column(unique=True)  # "VC-1042"
    tier: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft")
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    zone: Mapped[str] = mapped_column(default="UTC")
    country: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class ContractTerms(Owned, Base):
    """One version of a contract's terms, in force from an instant. `body` is `contracts.tiers.Terms.to_json`."""

    __tablename__ = "contract_terms"
    __table_args__ = (UniqueConstraint("contract_id", "version"),)

    contract_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contracts.id", ondelete="CASCADE"))
    version: Mapped[int]
    effective_at: Mapped[datetime]
    body: Mapped[dict[str, Any]]
    author: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class ContractLine(Owned, Base):
    """What a contract covers: one machine, one site with everything in it, or (neither named) the whole customer."""

    __tablename__ = "contract_lines"
    __table_args__ = (
        CheckConstraint("machine_id is null or site_id is null", name="one_subject"),
        CheckConstraint("ends_on is null or starts_on is null or ends_on >= starts_on", name="ends_after_start"),
    )

    contract_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contracts.id", ondelete="CASCADE"), index=True)
    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]


class Allowance(Owned, Base):
    """How much of one thing a contract gives in a period, and how much of it is used. Taken under a row lock."""

    __tablename__ = "allowances"
    __table_args__ = (
        UniqueConstraint("contract_id", "kind", "period_start"),
        CheckConstraint("used >= 0 and used <= granted", name="never_overspent"),
    )

    contract_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contracts.id", ondelete="CASCADE"))
    kind: Mapped[str]  # "site_visit", "advice_hours"
    period_start: Mapped[date]
    period_end: Mapped[date]
    granted: Mapped[int]
    used: Mapped[int] = mapped_column(default=0)
