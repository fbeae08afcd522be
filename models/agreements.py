"""Contracts, their versioned terms, what they cover, and what has been used of them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Owned

# Days before its last day at which a contract speaks of its end, unless it is told otherwise.
NOTICE_DAYS = (60, 30, 7)


class Contract(Owned, Base):
    """A support contract. Dates are inclusive, in the contract's own zone.

    That it has not begun or is over follows from its dates at every instant; the state "expired" only writes down,
    some time after the last day (and the days of grace), that this was seen.
    """

    __tablename__ = "contracts"
    __table_args__ = (
        CheckConstraint("tier in ('bronze','silver','gold','platinum')", name="tier"),
        CheckConstraint("state in ('draft','active','suspended','expired','cancelled')", name="state"),
        CheckConstraint("ends_on is null or ends_on >= starts_on", name="ends_after_start"),
        CheckConstraint("renews_id <> id", name="renews_another"),
        Index(
            "uq_contracts_one_successor",
            "renews_id",
            unique=True,
            postgresql_where=text("renews_id is not null and state <> 'cancelled'"),
        ),
    )

    number: Mapped[str] = mapped_column(unique=True)  # "VC-1042"
    tier: Mapped[str]  # of the terms in force; a change to come is in its terms, with the instant
    state: Mapped[str] = mapped_column(default="draft")
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    zone: Mapped[str] = mapped_column(default="UTC")
    country: Mapped[str] = mapped_column(default="")
    renews_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contracts.id", ondelete="SET NULL"))
    notice_days: Mapped[list[int]] = mapped_column(
        ARRAY(Integer), default=lambda: list(NOTICE_DAYS), server_default=text("'{60,30,7}'")
    )
    worth: Mapped[str] = mapped_column(default="", server_default="")  # a year, as "120000 EUR"; empty: nobody said
    made_by: Mapped[str] = mapped_column(default="", server_default="")  # identity of the maker: "person:…", "key:…"
    false_alarms_from: Mapped[datetime | None]  # verdicts before it no longer hold detection back: a person lifted it
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
    confirmed_by: Mapped[str] = mapped_column(default="", server_default="")  # empty: it needed no second person
    created_at: Mapped[datetime]


class TermsProposal(Owned, Base):
    """A change of terms that a second person must confirm. `changes` are the fields named, `needs` says why two."""

    __tablename__ = "terms_proposals"
    __table_args__ = (
        CheckConstraint("state in ('pending','confirmed','rejected')", name="state"),
        CheckConstraint("(state = 'pending') = (decided_at is null)", name="decided_when_not_pending"),
        CheckConstraint("state <> 'confirmed' or decided_key <> author_key", name="second_person"),
    )

    contract_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contracts.id", ondelete="CASCADE"), index=True)
    changes: Mapped[dict[str, Any]]
    effective_at: Mapped[datetime | None]  # empty: from its confirmation
    reason: Mapped[str]
    needs: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)  # [{"field", "before", "after"}]
    author: Mapped[str]
    author_key: Mapped[str]  # "person:UUID" or "key:UUID": two of a name are two people
    state: Mapped[str] = mapped_column(default="pending")
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(default="")
    decided_key: Mapped[str] = mapped_column(default="")
    decided_reason: Mapped[str] = mapped_column(default="")
    terms_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contract_terms.id", ondelete="SET NULL"))


class ContractLine(Owned, Base):
    """What a contract covers: one machine, one site with everything in it, one service, or (none named) everything."""

    __tablename__ = "contract_lines"
    __table_args__ = (
        CheckConstraint(
            "(machine_id is not null)::int + (site_id is not null)::int + (service <> '')::int <= 1", name="one_subject"
        ),
        CheckConstraint("ends_on is null or starts_on is null or ends_on >= starts_on", name="ends_after_start"),
    )

    contract_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contracts.id", ondelete="CASCADE"), index=True)
    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    service: Mapped[str] = mapped_column(default="", server_default="")  # "backup": work that is no machine
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]


class Allowance(Owned, Base):
    """How much of one thing a contract gives in a period, and how much of it is used. Taken under a row lock."""

    __tablename__ = "allowances"
    __table_args__ = (
        UniqueConstraint("contract_id", "kind", "period_start"),
        CheckConstraint("used >= 0 and used <= granted", name="never_overspent"),
        CheckConstraint("extra >= 0", name="extra"),
    )

    contract_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contracts.id", ondelete="CASCADE"))
    kind: Mapped[str]  # cases, visits, remote_hours, advice_hours
    period_start: Mapped[date]
    period_end: Mapped[date]  # inclusive
    granted: Mapped[int]  # in all, what was ordered on top included
    extra: Mapped[int] = mapped_column(default=0, server_default="0")  # ordered on top for this period
    used: Mapped[int] = mapped_column(default=0)


class AllowanceTaking(Owned, Base):
    """What one decision took from an allowance; given back once or never."""

    __tablename__ = "allowance_takings"
    __table_args__ = (
        UniqueConstraint("decision_id"),
        CheckConstraint("units > 0", name="units"),
        CheckConstraint("(given_back_at is null) = (given_back_reason = '')", name="given_back_says_why"),
    )

    allowance_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("allowances.id", ondelete="CASCADE"), index=True)
    decision_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("decisions.id", ondelete="CASCADE"))
    units: Mapped[int]
    taken_at: Mapped[datetime]
    given_back_at: Mapped[datetime | None]
    given_back_by: Mapped[str] = mapped_column(default="")
    given_back_reason: Mapped[str] = mapped_column(default="")


class ContractNotice(Owned, Base):
    """That a contract's coming end, or its end, was told; one row a contract, last day and number of days before."""

    __tablename__ = "contract_notices"
    __table_args__ = (
        UniqueConstraint("contract_id", "kind", "last_day", "days_before"),
        CheckConstraint("kind in ('expiry','renewal','ended')", name="kind"),
    )

    contract_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contracts.id", ondelete="CASCADE"))
    kind: Mapped[str]  # expiry: nothing follows; renewal: a successor stands ready; ended: it is over
    last_day: Mapped[date]
    days_before: Mapped[int]
    written_at: Mapped[datetime]
    told: Mapped[list[str]] = mapped_column(JSONB, default=list)  # names


class CoverageGap(Owned, Base):
    """Where contract and telemetry disagree about a machine: a finding for the account manager, until it ends.

    `uncovered`: it reports and stands on no line in force. `unheard`: it stands on one and does not report.
    """

    __tablename__ = "coverage_gaps"
    __table_args__ = (
        CheckConstraint("kind in ('uncovered','unheard')", name="kind"),
        Index("uq_coverage_gaps_open", "machine_id", "kind", unique=True, postgresql_where=text("ended_at is null")),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    since: Mapped[datetime]  # first report without cover, or the last one heard under it
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    told: Mapped[list[str]] = mapped_column(JSONB, default=list)  # names of ours
    settled_at: Mapped[datetime | None]  # an account manager has looked at it and said what is to be
    settled_by: Mapped[str] = mapped_column(default="")
    settled_reason: Mapped[str] = mapped_column(default="")


class HouseRates(Identified, Base):
    """What help costs without a contract, from an instant on. `body` is `contracts.outside.Rates.to_json`."""

    __tablename__ = "house_rates"

    version: Mapped[int] = mapped_column(unique=True)
    effective_at: Mapped[datetime]
    body: Mapped[dict[str, Any]]
    author: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime]
