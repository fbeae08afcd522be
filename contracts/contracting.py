"""Making a contract, changing its state and dates, renewing it, and what it covers. Never commits.

Each deed writes the audit. Expected refusals are values (`CannotBe`), written for the person who tried.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, cast, func, select, text
from sqlalchemy.orm import Session

from contracts import amending, calendars, life, proposals
from contracts.life import By, CannotBe
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS
from models.agreements import NOTICE_DAYS, Contract, ContractLine, ContractTerms
from models.audit import record, take_turns
from models.base import new_id

# A year's amount in whole units or with cents, and ISO 4217's letters of the currency.
WORTH = re.compile(r"\d{1,12}(\.\d{2})? [A-Z]{3}")
_NUMBERING = 0x56434F4E  # advisory lock under which the next number is taken


@dataclass(frozen=True, slots=True)
class New:
    """What a contract is made from. `number` is given when left out; `changes` are laid over the tier's usual terms."""

    tier: Tier
    starts_on: date
    ends_on: date | None = None
    state: str = "active"
    number: str = ""
    zone: str = "UTC"
    country: str = ""
    notice_days: tuple[int, ...] = NOTICE_DAYS
    worth: str = ""  # a year, as "120000 EUR"
    changes: Mapping[str, Any] | None = None  # Any: JSON


def make(
    session: Session, customer_id: uuid.UUID, new: New, by: By, now: datetime, *, facts: Mapping[str, Any] | None = None
) -> Contract | CannotBe:
    """The contract with the first version of its terms, without lines. `facts` go to the audit beside its number."""
    try:
        terms = amending.changed(DEFAULTS[new.tier], new.changes) if new.changes else DEFAULTS[new.tier]
    except ValueError as wrong:
        return CannotBe(f"terms.{wrong}.", "Correct the field.", "terms")
    if wrong_name := calendars.unknown(session, terms, customer_id, now):
        return CannotBe(f"terms: {wrong_name}.", "Name another calendar, or make that one first.", "terms")
    if terms.tier is not new.tier:
        return CannotBe("The terms name another tier than the contract.", "Leave the tier out of the terms.", "terms")
    reason = f"defaults of {new.tier}" if not new.changes else f"defaults of {new.tier}, edited"
    row = _write(session, customer_id, new, terms, by, reason, None, now)
    _record(session, row, by, "contract.made", {"number": row.number, "tier": new.tier.value, **(facts or {})}, now)
    return row


def renew(
    session: Session, contract: Contract, new: New, by: By, now: datetime, *, reason: str = ""
) -> Contract | CannotBe:
    """The contract that follows another: with the terms that hold at its end and `new.changes` laid over them, with
    its lines, taking over on its own first day. One that moves the tier or lowers a promise begins as a draft."""
    take_turns(session, contract.customer_id)
    session.refresh(contract, with_for_update=True)
    if contract.ends_on is None:
        return CannotBe(f"{contract.number} has no last day, so nothing follows it.", "Give it a last day first.")
    if contract.state in ("draft", "cancelled"):
        return CannotBe(f"{contract.number} is {contract.state}.", "Only a contract that holds or held is renewed.")
    if new.starts_on <= contract.ends_on:
        return CannotBe(
            f"starts_on lies before {contract.number} has ended, on {contract.ends_on}.",
            f"Give {life.follows_on(contract.ends_on)} or a later day.",
            "starts_on",
        )
    after = successor(session, contract)
    if after is not None:
        return CannotBe(f"{contract.number} is renewed by {after.number} already.", "Change that one, or cancel it.")
    before, _ = proposals.at(session, contract, _midnight(contract, life.follows_on(contract.ends_on)))
    try:
        wanted = {**({"tier": new.tier.value} if new.tier is not before.tier else {}), **(new.changes or {})}
        terms = amending.changed(before, wanted) if wanted else before
    except ValueError as wrong:
        return CannotBe(f"terms.{wrong}.", "Correct the field.", "terms")
    if wrong_name := calendars.unknown(session, terms, contract.customer_id, now):
        return CannotBe(f"terms: {wrong_name}.", "Name another calendar, or make that one first.", "terms")
    words = reason or f"renews {contract.number}"
    needs = amending.needs_second(before, terms)
    row = _write(session, contract.customer_id, new, terms, by, words, contract, now, draft=bool(needs))
    for line in session.scalars(select(ContractLine).where(ContractLine.contract_id == contract.id)):
        if line.ends_on is None or line.ends_on >= contract.ends_on:  # what was given up on the way stays so
            session.add(
                ContractLine(
                    customer_id=row.customer_id, contract_id=row.id, machine_id=line.machine_id, site_id=line.site_id,
                    service=line.service,
                )
            )  # fmt: skip
    session.flush()  # whoever answers names the lines
    facts = {"number": row.number, "renews": contract.number, "needs": [one.to_json() for one in needs]}
    _record(session, row, by, "contract.renewed", facts, now)
    return row


def successor(session: Session, contract: Contract) -> Contract | None:
    """The contract that renews this one, unless it was cancelled."""
    return session.scalar(select(Contract).where(Contract.renews_id == contract.id, Contract.state != "cancelled"))


def renewed(session: Session, contracts: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these contracts that one follows."""
    follows = select(Contract.renews_id).where(Contract.renews_id.in_(contracts), Contract.state != "cancelled")
    return {id for id in session.scalars(follows) if id is not None}


def needs_second(session: Session, contract: Contract) -> tuple[amending.Difference, ...]:
    """For whose sake a second person must make a renewal active: what it lowers beside the contract it follows."""
    before = session.get(Contract, contract.renews_id) if contract.renews_id else None
    if before is None or before.ends_on is None:
        return ()
    old, _ = proposals.at(session, before, _midnight(before, life.follows_on(before.ends_on)))
    own, _ = proposals.at(session, contract, _midnight(contract, contract.starts_on))
    return amending.needs_second(old, own)


def move(session: Session, contract: Contract, to: str, reason: str, by: By, now: datetime) -> Contract | CannotBe:
    """Give a contract another state. What is frozen into open incidents stays as it was."""
    take_turns(session, contract.customer_id)
    session.refresh(contract, with_for_update=True)
    if to == contract.state:
        return contract
    terms, _ = proposals.at(session, contract, now)
    refused = life.move(contract.state, to, contract.ends_on, _today(contract, now), terms.grace_days)
    if refused is not None:
        return refused
    if contract.state == "draft" and to == "active" and by.key == contract.made_by and needs_second(session, contract):
        return CannotBe(
            "This renewal moves the tier or lowers a promise, and whoever made it cannot make it active.",
            "Let a second person make it active.",
            "state",
        )
    facts = {"from": contract.state, "to": to, "reason": reason}
    contract.state = to
    _record(session, contract, by, f"contract.{_DEEDS[to]}", facts, now)
    return contract


_DEEDS = {"active": "activated", "suspended": "suspended", "expired": "expired", "cancelled": "cancelled"}


def set_end(
    session: Session, contract: Contract, ends_on: date | None, reason: str, by: By, now: datetime
) -> Contract | CannotBe:
    """Move a contract's last day, or take it away. An expired contract whose end is moved ahead lives again."""
    take_turns(session, contract.customer_id)
    session.refresh(contract, with_for_update=True)
    if contract.state == "cancelled":
        return CannotBe("A cancelled contract is not changed any more.", "Make another contract.", "ends_on")
    if ends_on is not None and ends_on < contract.starts_on:
        return CannotBe("ends_on lies before the start.", "Give the start or a later day.", "ends_on")
    after = successor(session, contract)
    if after is not None and (ends_on is None or ends_on >= after.starts_on):
        return CannotBe(
            f"ends_on lies in the time of {after.number}, which follows and begins on {after.starts_on}.",
            f"Give {after.starts_on - timedelta(days=1)} or an earlier day.",
            "ends_on",
        )
    facts = {"from": _iso(contract.ends_on), "to": _iso(ends_on), "reason": reason}
    contract.ends_on = ends_on
    if contract.state == "expired" and (ends_on is None or ends_on >= _today(contract, now)):
        contract.state, facts["state"] = "active", "active"
    _record(session, contract, by, "contract.end_moved", facts, now)
    return contract


def set_notices(
    session: Session, contract: Contract, days: tuple[int, ...], by: By, now: datetime
) -> Contract | CannotBe:
    """How many days before its end a contract speaks of it."""
    if len(days) > 12 or any(not 0 <= day <= 366 for day in days):
        return CannotBe("notice_days cannot be used.", "Give at most 12 numbers from 0 to 366.", "notice_days")
    take_turns(session, contract.customer_id)
    facts = {"from": list(contract.notice_days), "to": sorted(set(days), reverse=True)}
    contract.notice_days = sorted(set(days), reverse=True)
    _record(session, contract, by, "contract.notices_set", facts, now)
    return contract


def set_worth(session: Session, contract: Contract, worth: str, by: By, now: datetime) -> Contract | CannotBe:
    """What a contract is worth a year ("120000 EUR"); empty: nobody says."""
    if worth and WORTH.fullmatch(worth) is None:
        return CannotBe("worth cannot be used.", "Give an amount and a currency, such as 120000 EUR.", "worth")
    take_turns(session, contract.customer_id)
    facts = {"from": contract.worth, "to": worth}
    contract.worth = worth
    _record(session, contract, by, "contract.worth_set", facts, now)
    return contract


def _write(
    session: Session, customer_id: uuid.UUID, new: New, terms: Terms, by: By, reason: str, renews: Contract | None,
    now: datetime, *, draft: bool = False,
) -> Contract:  # fmt: skip
    row = Contract(
        id=new_id(),
        customer_id=customer_id,
        number=new.number or next_number(session),
        tier=new.tier.value,
        state="draft" if draft else new.state,
        starts_on=new.starts_on,
        ends_on=new.ends_on,
        zone=new.zone,
        country=new.country,
        renews_id=renews.id if renews is not None else None,
        notice_days=sorted(set(new.notice_days), reverse=True),
        worth=new.worth,
        made_by=by.key,
        created_at=now,
    )
    row.tier = terms.tier.value
    session.add(row)
    session.flush()  # terms and lines refer to it; a number that is taken shows here
    session.add(
        ContractTerms(
            customer_id=customer_id,
            contract_id=row.id,
            version=1,
            effective_at=_midnight(row, row.starts_on),  # from its own first midnight, also when it is entered late
            body=terms.to_json(),
            author=by.name,
            reason=reason,
            created_at=now,
        )
    )
    session.flush()  # the terms are read again in this transaction
    return row


def next_number(session: Session) -> str:
    """A number nobody has, held until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _NUMBERING})
    digits = func.substring(Contract.number, r"^VC-(\d{1,9})$")
    last = session.scalar(select(func.max(cast(digits, BigInteger)))) or 1000
    return f"VC-{last + 1}"


def _midnight(contract: Contract, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(contract.zone)).astimezone(UTC)


def _today(contract: Contract, now: datetime) -> date:
    return now.astimezone(ZoneInfo(contract.zone)).date()


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _record(session: Session, contract: Contract, by: By, deed: str, facts: Mapping[str, Any], now: datetime) -> None:
    record(session, actor=by.name, deed=deed, subject=f"contract:{contract.id}", customer_id=contract.customer_id,
           facts=dict(facts), now=now)  # fmt: skip
