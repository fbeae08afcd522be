"""What was agreed, from text to rows: versions of terms and calendars, allowances, days. Touches no database."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from app.transfer import fields, terms_rows
from app.transfer.kinds import Row
from contracts.life import By
from contracts.terms import Tier
from contracts.tiers import DEFAULTS
from models.agreements import Allowance, Contract, ContractTerms, HouseRates
from models.base import new_id
from models.calendars import CalendarVersion, ServiceCalendar


def first_version(made: Contract, by: By, now: datetime) -> ContractTerms:
    """The usual terms of its tier, for a contract whose terms no file brings."""
    return ContractTerms(
        id=new_id(),
        customer_id=made.customer_id,
        contract_id=made.id,
        version=1,
        effective_at=terms_rows.first_midnight(made.starts_on, made.zone),
        body=DEFAULTS[Tier(made.tier)].to_json(),
        author=by.name,
        reason=f"defaults of {made.tier}",
        created_at=now,
    )


def version(contract: Contract, row: Row, now: datetime) -> ContractTerms:
    """A version as a file has it, its author and second person included."""
    return ContractTerms(
        id=new_id(),
        customer_id=contract.customer_id,
        contract_id=contract.id,
        version=int(row["version"]),
        effective_at=datetime.fromisoformat(row["effective_at"]),
        body=terms_rows.body(row),
        created_at=now,
        **{name: row.get(name, "") for name in ("author", "reason", "confirmed_by")},
    )


def allowance(contract: Contract, row: Row) -> Allowance:
    """One period of one allowance."""
    return Allowance(
        id=new_id(),
        customer_id=contract.customer_id,
        contract_id=contract.id,
        kind=row["kind"],
        period_start=day(row["period_start"]),
        period_end=day(row["period_end"]),
        **{name: int(row[name]) for name in ("granted", "extra", "used")},
    )


def calendar_version(calendar: ServiceCalendar, row: Row, now: datetime) -> CalendarVersion:
    """One version of a calendar."""
    return CalendarVersion(
        id=new_id(),
        customer_id=calendar.customer_id,
        calendar_id=calendar.id,
        version=int(row["version"]),
        effective_on=day(row["effective_on"]),
        body=json.loads(row["body"]),
        author=row["author"],
        reason=row["reason"],
        created_at=now,
    )


def rates(row: Row, now: datetime) -> HouseRates:
    """One version of the house's rates."""
    return HouseRates(
        id=new_id(),
        version=int(row["version"]),
        effective_at=datetime.fromisoformat(row["effective_at"]),
        body=json.loads(row["body"]),
        author=row["author"],
        reason=row["reason"],
        created_at=now,
    )


def day(value: str) -> Any:  # Any: date | None; where a column wants a day, the plan has seen to it
    return date.fromisoformat(value) if value else None


def instant(value: str) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def numbers(value: str) -> list[int]:
    return [] if value in ("", fields.NO_WAY) else [int(one) for one in value.split()]
