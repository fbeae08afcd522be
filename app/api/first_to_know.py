"""First to know: who knew first of an incident and by how long; the share of a period, by contract."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import Field

from app import first_words
from app.api import lookup
from app.api.door import Call, route
from app.problems import invalid
from app.wire import In, Instant, Out, Ref
from escalation import first_knowing
from escalation.first_known import Share

USUAL: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=731)


class FirstOut(Out):
    incident: str
    who: Literal["machine", "us", "customer", "nobody"]
    machine_at: Instant | None = Field(description="detection opened its finding")
    us_at: Instant | None = Field(description="one of ours acknowledged it, wrote of it, or opened it by hand")
    customer_at: Instant | None = Field(description="their first word to us; when they noticed cannot be known here")
    told_at: Instant | None = Field(description="our first word to the customer")
    lead_s: float | None = Field(description="seconds from who knew first to the other side's word; null: none yet")
    told_s: float | None = Field(description="seconds from the first knowledge to our word to the customer")
    words: str


class ShareOut(Out):
    counted: int
    ours: int = Field(description="machine and us together")
    machine: int
    us: int
    customer: int
    silent: int = Field(description="of those counted: the customer never said anything of it")
    share: float | None = Field(description="ours / counted; null when nothing is counted")
    lead_s: float | None = Field(description="median seconds we were ahead, where the customer wrote too")
    false_alarms: int = Field(description="not counted, as cancelled and no_machine are not")
    cancelled: int
    no_machine: int
    words: str


class OfContractOut(ShareOut):
    contract_id: uuid.UUID | None
    contract: str | None = Field(description="number; null: no contract answered")
    whose: str | None = Field(description="the customer's short name")


class PeriodOut(Out):
    start: Instant
    end: Instant
    counts: str = Field(description="what the figures count; never show one without it")
    total: ShareOut
    contracts: list[OfContractOut]


class OnePeriodOut(Out):
    start: Instant
    end: Instant
    counts: str = Field(description="what the figures count; never show one without it")
    contract: str
    total: ShareOut


class PeriodQuery(In):
    start: Instant | None = Field(None, description="left out: 30 days before the end")
    end: Instant | None = Field(None, description="not included; left out: now")


class AllQuery(PeriodQuery):
    customer: Ref | None = Field(None, description="id or slug")


@route("GET", "/first-to-know", "incidents:read", {200: PeriodOut}, query=AllQuery)
def index(call: Call, query: AllQuery) -> PeriodOut:
    """Who knew first, of all incidents within reach and contract by contract."""
    start, end = _period(call.now, query)
    customer = None if query.customer is None else lookup.customer(call, query.customer, "customer").id
    total, rows = first_knowing.shares(call.session, start, end, customer_id=customer)
    return PeriodOut(
        start=start, end=end, counts=first_words.counts(), total=ShareOut(**_said(total)),
        contracts=[
            OfContractOut(**_said(row.share), contract_id=row.contract_id, contract=row.number or None,
                          whose=row.slug or None)
            for row in rows
        ],
    )  # fmt: skip


@route("GET", "/contracts/{contract}/first-to-know", "contracts:read", {200: OnePeriodOut}, query=PeriodQuery,
       problems=("not-found",))  # fmt: skip
def of_contract(call: Call, query: PeriodQuery, *, contract: str) -> OnePeriodOut:
    """Who knew first, of one contract's incidents: for its review."""
    row = lookup.contract(call, contract)
    start, end = _period(call.now, query)
    total, _ = first_knowing.shares(call.session, start, end, contract_id=row.id)
    return OnePeriodOut(start=start, end=end, counts=first_words.counts(), contract=row.number,
                        total=ShareOut(**_said(total)))  # fmt: skip


@route("GET", "/incidents/{incident}/first-to-know", "incidents:read", {200: FirstOut}, problems=("not-found",))
def of_incident(call: Call, *, incident: str) -> FirstOut:
    """Who knew first of one incident, with the instants."""
    row = lookup.incident(call, incident)
    found = first_knowing.of_incident(call.session, row)
    told = {name: getattr(found, name) for name in FirstOut.model_fields if name not in ("incident", "words")}
    return FirstOut(incident=row.label, words=first_words.of_one(found), **told)


def _period(now: datetime, query: PeriodQuery) -> tuple[datetime, datetime]:
    end = query.end or now
    start = query.start or end - USUAL
    if start >= end:
        raise invalid("start", "lies after the end", "Give an earlier one.")
    if end - start > LONGEST:
        raise invalid("start", "lies more than two years before the end", "Ask for two years at most.")
    return start, end


def _said(share: Share) -> dict[str, object]:
    told = {name: getattr(share, name) for name in ShareOut.model_fields if name != "words"}
    return {**told, "words": first_words.sentence(share)}
