"""The delivery ledger: what arrived, what became of it, and why what was refused was refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy import BigInteger, ColumnElement, SQLColumnExpression, cast, func, literal, select, true
from sqlalchemy.orm import Session

from app.api import lookup
from app.api.door import Call, route
from app.wire import In, Instant, Out
from models.telemetry import DeliveryCount

_MOST: Final = 1000


class Sums(Out):
    received: int = Field(description="= scored + refused + duplicate + late")
    scored: int
    refused: int
    duplicate: int
    late: int
    missing: int = Field(description="holes seen in the machine's numbering")
    in_maintenance: int = Field(description="of those taken: kept while it was worked on, looked at by nobody")
    erased: int = Field(description="of those scored and late: taken out of history since, on request")
    reasons: dict[str, int] = Field(
        description="of those refused: how many for which reason, a reason of dead letters or a rule of the contract"
    )


class Count(Sums):
    machine: str = Field(description="empty: of what named no machine we know")


class Hour(Sums):
    hour: Instant = Field(description="of arrival; where it begins")


class Ledger(Out):
    since: Instant
    items: list[Count] = Field(description="by machine, at most a thousand")
    total: Count


class OneLedger(Out):
    machine: str
    since: Instant
    items: list[Hour] = Field(description="newest first; hours in which nothing arrived are left out")
    total: Sums


class LedgerQuery(In):
    hours: int = Field(24, ge=1, le=720)


_SUMMED: Final = [getattr(DeliveryCount, name) for name in Sums.model_fields if name != "reasons"]


@route("GET", "/platform/ledger", "platform:read", {200: Ledger}, query=LedgerQuery, staff=True)
def ledger(call: Call, query: LedgerQuery) -> Ledger:
    """What arrived and what became of it, by machine."""
    since = call.now - timedelta(hours=query.hours)
    recent = DeliveryCount.hour >= since
    sums = [func.coalesce(func.sum(column), 0).label(column.key) for column in _SUMMED]
    by_machine = select(DeliveryCount.machine, *sums).where(recent).group_by(DeliveryCount.machine)
    rows = call.session.execute(by_machine.order_by(DeliveryCount.machine).limit(_MOST)).all()
    total = call.session.execute(select(*sums).where(recent)).one()
    listed = DeliveryCount.machine.in_([row.machine for row in rows])
    why = _reasons(call.session, DeliveryCount.machine, recent, listed)
    return Ledger(
        since=since,
        items=[Count(**row._mapping, reasons=why.get(row.machine, {})) for row in rows],
        total=Count(machine="", **total._mapping, reasons=_reasons(call.session, literal(""), recent).get("", {})),
    )


@route("GET", "/machines/{machine}/ledger", "machines:read", {200: OneLedger}, query=LedgerQuery,
       problems=("not-found",))  # fmt: skip
def of_machine(call: Call, query: LedgerQuery, *, machine: str) -> OneLedger:
    """What one machine sent and what became of it, hour by hour."""
    row = lookup.machine(call, machine)
    since = call.now - timedelta(hours=query.hours)
    mine = (DeliveryCount.machine == row.name, DeliveryCount.hour >= since)
    hours = call.session.scalars(select(DeliveryCount).where(*mine).order_by(DeliveryCount.hour.desc())).all()
    items = [Hour.model_validate(one) for one in hours]
    sums: dict[str, Any] = {column.key: sum(getattr(one, column.key) for one in items) for column in _SUMMED}
    total = Sums(**sums, reasons=_added(one.reasons for one in items))
    return OneLedger(machine=row.name, since=since, items=items, total=total)


def _reasons(session: Session, of: SQLColumnExpression[str], *which: ColumnElement[bool]) -> dict[str, dict[str, int]]:
    """`of` → reason → how many. Summed where they lie: a month of every machine is more rows than one may load."""
    one = func.jsonb_each_text(DeliveryCount.reasons).table_valued("key", "value")
    count = func.sum(cast(one.c.value, BigInteger))
    refused = select(of.label("of"), one.c.key, count).select_from(DeliveryCount).join(one, true())
    found: dict[str, dict[str, int]] = defaultdict(dict)
    grouped = refused.where(*which, DeliveryCount.refused > 0).group_by("of", one.c.key)
    for name, reason, many in session.execute(grouped.order_by(one.c.key)):
        found[name][reason] = int(many)
    return found


def _added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for reason, count in part.items():
            found[reason] = found.get(reason, 0) + count
    return dict(sorted(found.items()))
