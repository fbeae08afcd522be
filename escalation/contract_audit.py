"""Words about contracts that should have been said: ends nobody was told of, gaps in cover no account manager knows of.

What the watch over contracts writes down is read here by somebody else, so that its silence is noticed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from contracts import life
from contracts.life import Notice
from models.agreements import Contract, ContractNotice, CoverageGap
from models.customers import Customer
from models.machines import Machine

Found = tuple[str, str, str, datetime]  # rule, subject, words, since when
_DAY = timedelta(days=1)  # words about contracts are due on days
_LATELY = timedelta(days=60)
_MOST = 50


def untold(session: Session, now: datetime) -> list[Found]:
    """Every word that is a day late, or that reached nobody."""
    return [*_late(session, now), *_to_nobody(session, now), *_gaps(session, now)][:_MOST]


def _late(session: Session, now: datetime) -> Iterator[Found]:
    soon = (now + timedelta(days=367)).date()
    ending = select(Contract).where(Contract.state.in_(("active", "suspended")), Contract.ends_on <= soon)
    after = aliased(Contract)
    followed = exists().where(after.renews_id == Contract.id, after.state != "cancelled")
    rows = session.execute(ending.add_columns(followed).order_by(Contract.ends_on, Contract.number)).all()
    of = [contract.id for contract, _ in rows]
    written: dict[uuid.UUID, list[Notice]] = {}
    for row in session.scalars(select(ContractNotice).where(ContractNotice.contract_id.in_(of))):
        written.setdefault(row.contract_id, []).append(Notice(row.kind, row.days_before, row.last_day))
    for contract, is_followed in rows:
        yesterday = (now - _DAY).astimezone(ZoneInfo(contract.zone)).date()
        said_so_far = written.get(contract.id, [])
        due = life.notice_due(contract.ends_on, yesterday, contract.notice_days, is_followed, said_so_far)
        if due is not None and contract.ends_on is not None and contract.created_at < now - _DAY:
            said = f"{contract.number} ends on {contract.ends_on}, and the word about it was not written."
            yield "contract_untold", contract.number, said, now - _DAY


def _to_nobody(session: Session, now: datetime) -> Iterator[Found]:
    rows = session.execute(
        select(ContractNotice, Contract.number)
        .join(Contract, Contract.id == ContractNotice.contract_id)
        .where(func.jsonb_array_length(ContractNotice.told) == 0, ContractNotice.written_at > now - _LATELY)
        .where(Contract.state.in_(("active", "suspended")))
        .order_by(ContractNotice.written_at)
    )
    for row, number in rows:
        said = (
            f"{number} ends on {row.last_day}, and there is nobody to tell: no contact who signs, no account engineer."
        )
        yield "contract_told_nobody", number, said, row.written_at


def _gaps(session: Session, now: datetime) -> Iterator[Found]:
    rows = session.execute(
        select(CoverageGap, Machine.name, Customer.name)
        .join(Machine, Machine.id == CoverageGap.machine_id)
        .join(Customer, Customer.id == CoverageGap.customer_id)
        .where(CoverageGap.ended_at.is_(None), CoverageGap.settled_at.is_(None), CoverageGap.found_at < now - _DAY)
        .where(func.jsonb_array_length(CoverageGap.told) == 0)
        .order_by(CoverageGap.found_at)
    )
    for gap, machine, customer in rows:
        what = "reports without a line of a contract" if gap.kind == "uncovered" else "is covered and does not report"
        said = f"{machine} of {customer} {what}, and no account engineer was told."
        yield "gap_untold", machine, said, gap.found_at
