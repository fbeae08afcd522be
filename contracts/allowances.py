"""What a contract gives in a period and what is left of it: taken under a row lock, given back once. Never commits."""

from __future__ import annotations

import calendar
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.asking import POOL, Usage
from contracts.terms import PERIODS, AllowanceTerms, Terms
from models.agreements import Allowance, AllowanceTaking
from models.base import new_id
from models.incidents import Incident


@dataclass(frozen=True, slots=True)
class Period:
    """From a first to a last day, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Span:
    """The contract an allowance belongs to, as far as its periods ask."""

    contract_id: uuid.UUID
    customer_id: uuid.UUID
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class Left:
    """One allowance in the period of a day."""

    kind: str
    period: Period
    granted: int
    extra: int
    used: int
    renewed_on: date | None  # first day of the next period; None: none begins before the contract ends

    @property
    def left(self) -> int:
        return self.granted - self.used


def period_of(today: date, starts_on: date, name: str) -> Period:
    """The period of the contract that holds `today`: month, quarter, half or year, counted from its first day.

    A first day that a month does not have becomes its last one, so a contract of 31 January has a period on 28
    February. Before the contract begins its first period is meant.
    """
    months = PERIODS[name]
    passed = (today.year - starts_on.year) * 12 + today.month - starts_on.month
    number = max(passed // months, 0)
    while number and _after(starts_on, number * months) > today:
        number -= 1
    return Period(_after(starts_on, number * months), _after(starts_on, (number + 1) * months) - timedelta(days=1))


def _after(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Begun:
    """An allowance of which a period has begun: the row, whichever way it was read."""

    kind: str
    period_start: date
    period_end: date
    granted: int
    extra: int
    used: int


def read(session: Session, span: Span, terms: Terms, today: date) -> dict[str, Left]:
    """Every allowance of the period that holds `today`, by what it counts; read without a lock, nothing is written."""
    return of(span, terms, list(session.scalars(_of_day(span.contract_id, today))), today)


def of(span: Span, terms: Terms, rows: Sequence[Allowance | Begun], today: date) -> dict[str, Left]:
    """The same from rows of that day, those that began last first."""
    begun: dict[str, Allowance | Begun] = {}
    for row in rows:
        begun.setdefault(row.kind, row)
    found: dict[str, Left] = {}
    for kind in sorted({*terms.allowances, *begun}):
        given, there = terms.allowances.get(kind), begun.get(kind)
        if there is not None:
            found[kind] = _left(span, there, given)
        elif given is not None:
            period = period_of(today, span.starts_on, given.period)
            found[kind] = Left(kind, period, given.units, 0, 0, _next(span, period))
    return found


def usage(found: Mapping[str, Left]) -> Usage:
    """The same as the decision wants it."""
    renewed = {kind: one.renewed_on for kind, one in found.items() if one.renewed_on is not None}
    return Usage({kind: one.left for kind, one in found.items()}, renewed)


def hold(session: Session, span: Span, terms: Terms, ask_kind: str, today: date) -> tuple[Allowance | None, Usage]:
    """The allowance an ask takes from, its row locked to the end of the transaction, and what is left of it.

    The row of a period is written at its first ask, with the units the terms give then; terms that gave others since
    are followed, but never below what is used.
    """
    kind = POOL.get(ask_kind)
    if kind is None:
        return None, Usage()
    given = terms.allowances.get(kind)
    locked = _of_day(span.contract_id, today, kind).limit(1).with_for_update()
    locked = locked.execution_options(populate_existing=True)
    row = session.scalar(locked)
    if row is None and given is not None:
        _begin(session, span, kind, given, today)
        row = session.scalar(locked)
    if row is None:
        return None, Usage()
    if given is not None:
        row.granted = max(row.used, given.units + row.extra)
    return row, usage({kind: _left(span, row, given)})


def take(session: Session, row: Allowance, decision_id: uuid.UUID, units: int, now: datetime) -> AllowanceTaking:
    """Use `units` up for a decision; the caller holds the row and has asked whether they are left."""
    row.used += units
    taking = AllowanceTaking(
        customer_id=row.customer_id, allowance_id=row.id, decision_id=decision_id, units=units, taken_at=now
    )
    session.add(taking)
    session.flush()  # the database says here, and not at the commit, when more was taken than is there
    return taking


def give_back(session: Session, decision_id: uuid.UUID, by: str, reason: str, now: datetime) -> AllowanceTaking | None:
    """Give back what a decision took; None when it took nothing, or was given back before. Exactly once."""
    taking = session.scalar(
        select(AllowanceTaking).where(AllowanceTaking.decision_id == decision_id).with_for_update()
        .execution_options(populate_existing=True)
    )  # fmt: skip
    if taking is None or taking.given_back_at is not None:
        return None
    taking.given_back_at, taking.given_back_by, taking.given_back_reason = now, by, reason
    session.execute(
        update(Allowance)
        .where(Allowance.id == taking.allowance_id)
        .values(used=Allowance.used - taking.units)
        .execution_options(synchronize_session="fetch")
    )
    return taking


def give_back_incident(
    session: Session, incident: Incident, by: str, reason: str, now: datetime
) -> AllowanceTaking | None:
    """Give back what opening an incident took: it was cancelled, joined another, or was found to be ours."""
    return None if incident.decision_id is None else give_back(session, incident.decision_id, by, reason, now)


def order_more(session: Session, span: Span, terms: Terms, kind: str, units: int, today: date) -> Allowance | None:
    """Add units to the period of a day; None where the terms do not count this and nothing was counted before."""
    ask_kind = next(ask for ask, pool in POOL.items() if pool == kind)
    row, _ = hold(session, span, terms, ask_kind, today)
    if row is not None:
        row.extra += units
        row.granted += units
        session.flush()  # a later `hold` of this transaction reads the row again
    return row


def _of_day(contract_id: uuid.UUID, today: date, kind: str | None = None) -> Select[Allowance]:
    rows = select(Allowance).where(
        Allowance.contract_id == contract_id, Allowance.period_start <= today, Allowance.period_end >= today
    )
    # Terms whose period changed leave two rows over one day: the one that began last holds.
    return (rows if kind is None else rows.where(Allowance.kind == kind)).order_by(Allowance.period_start.desc())


def _begin(session: Session, span: Span, kind: str, given: AllowanceTerms, today: date) -> None:
    """Write the row of this period; somebody quicker may have written it, and that is as good."""
    period = period_of(today, span.starts_on, given.period)
    row = insert(Allowance).values(
        id=new_id(), customer_id=span.customer_id, contract_id=span.contract_id, kind=kind, extra=0, used=0,
        period_start=period.first, period_end=period.last, granted=given.units,
    )  # fmt: skip
    session.execute(row.on_conflict_do_nothing())


def _left(span: Span, row: Allowance | Begun, given: AllowanceTerms | None) -> Left:
    period = Period(row.period_start, row.period_end)
    granted = row.granted if given is None else max(row.used, given.units + row.extra)
    return Left(row.kind, period, granted, row.extra, row.used, _next(span, period))


def _next(span: Span, period: Period) -> date | None:
    following = period.last + timedelta(days=1)
    return following if span.ends_on is None or following <= span.ends_on else None
