"""Everything the contract page shows: terms in force and proposed, its history, what it covers and what is left."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import termtable, words
from app.identity import Caller
from app.pages import contract_story
from app.pages.contract_story import Differ, Told
from contracts import allowances, contracting, proposals, signing
from contracts.decision import ContractFacts
from contracts.in_force import runs
from contracts.life import NEXT
from models.agreements import Contract, ContractLine, TermsProposal
from models.customers import Customer, Site
from models.machines import Machine
from models.people import Person

_DOES = {"active": "Make it active", "suspended": "Suspend", "cancelled": "Cancel", "expired": "Let it expire"}


@dataclass(frozen=True, slots=True)
class Table:
    """The tier table in one of its groups: label and what is agreed."""

    group: str
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Coming:
    """A version settled for later."""

    version: int
    at: str
    differences: Sequence[Differ]


@dataclass(frozen=True, slots=True)
class Pending:
    """A proposal that waits for a second person. `mine`: the reader made it, and cannot confirm it."""

    id: uuid.UUID
    author: str
    reason: str
    at: str
    made: str
    differences: Sequence[Differ]
    mine: bool
    signed: Sequence[str]  # who signed it for the customer, and when


@dataclass(frozen=True, slots=True)
class LineView:
    """What one line covers, and whether it does now."""

    id: uuid.UUID
    what: str
    days: str
    state: str
    may_end: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """One allowance in its period."""

    what: str
    used: int
    granted: int
    left: int
    until: str
    again: str


@dataclass(frozen=True, slots=True)
class ContractPage:
    """The contract, ready to be drawn."""

    number: str
    tier: str
    state: str
    standing: str
    days: str
    zone: str
    version: str
    may_become: Sequence[tuple[str, str]]
    follows: str
    followed_by: str
    tables: Sequence[Table]
    coming: Sequence[Coming]
    pending: Sequence[Pending]
    history: Sequence[Told]
    lines: Sequence[LineView]
    counted: Sequence[Counted]
    contacts: Sequence[Person]
    notices: str
    ends_on: date | None
    signed: Sequence[str]  # of a draft: who signed it for the customer, as it stands


def read_contract(
    session: Session, customer: Customer, contract: Contract, who: Caller, now: datetime, zone: tzinfo
) -> ContractPage:
    """The whole page. A fixed number of questions."""
    every = proposals.versions(session, contract)
    terms, held = proposals.at(session, contract, now)
    today = now.astimezone(ZoneInfo(contract.zone)).date()
    facts = ContractFacts(
        contract.state, contract.number, contract.zone, starts_on=contract.starts_on, ends_on=contract.ends_on
    )
    standing = facts.standing(now, terms.grace_days)
    before = session.get(Contract, contract.renews_id) if contract.renews_id else None
    after = contracting.successor(session, contract)
    span = allowances.Span(contract.id, customer.id, contract.starts_on, contract.ends_on)
    signed = {
        one.proposal.id if one.proposal else None: [
            f"{row.name}, {contract_story.when(row.signed_at, zone)}" for row in one.signed
        ]
        for one in signing.signable(session, contract, now)
    }
    return ContractPage(
        number=contract.number,
        tier=terms.tier.value,
        state=contract.state,
        standing=standing.replace("_", " "),
        days=_days(contract.starts_on, contract.ends_on),
        zone=contract.zone,
        version=f"version {held.version}" if held else "the usual terms of its tier",
        may_become=[(state, _DOES[state]) for state in NEXT[contract.state]],
        follows=before.number if before else "",
        followed_by=after.number if after else "",
        tables=tables_of(terms.to_json()),
        coming=_coming(every, now, zone),
        pending=_pending(session, contract, who, now, zone, signed),
        history=contract_story.told(session, contract, every, now, zone),
        lines=_lines(session, contract, today),
        counted=[_counted(one) for one in allowances.read(session, span, terms, today).values()],
        contacts=contacts_of(session, customer),
        notices=_notices(contract),
        ends_on=contract.ends_on,
        signed=signed.get(None, ()),
    )


def tables_of(body: termtable.Body) -> list[Table]:
    """The terms as the table people read, group by group."""
    texts = termtable.lines(body)
    groups: dict[str, list[tuple[str, str]]] = {}
    for field in termtable.FIELDS:
        groups.setdefault(field.group, []).append((field.label, texts[field.path] or "as usual"))
    rest = termtable.rest_of(body)
    if rest:
        groups["Rules"].append((termtable.REST.label, termtable.REST.write(rest)))
    return [Table(group, lines) for group, lines in groups.items()]


def contacts_of(session: Session, customer: Customer) -> list[Person]:
    """The customer's people, those who left at the end."""
    mine = select(Person).where(Person.customer_id == customer.id)
    return list(session.scalars(mine.order_by(Person.active.desc(), Person.name)))


def _coming(every: Sequence[proposals.Version], now: datetime, zone: tzinfo) -> list[Coming]:
    found = []
    for before, one in pairwise(every):
        if one.row.effective_at > now:
            differ = contract_story.differ(before.row.body, one.row.body)
            found.append(Coming(one.row.version, contract_story.when(one.row.effective_at, zone), differ))
    return found


def _pending(
    session: Session, contract: Contract, who: Caller, now: datetime, zone: tzinfo,
    signed: Mapping[uuid.UUID | None, Sequence[str]],
) -> list[Pending]:  # fmt: skip
    rows = session.scalars(
        select(TermsProposal)
        .where(TermsProposal.contract_id == contract.id, TermsProposal.state == "pending")
        .order_by(TermsProposal.created_at)
    )
    found = []
    for row in rows:
        start = max(row.effective_at, now) if row.effective_at else now
        effect = proposals.effect(session, contract, row.changes, start, now)
        differences: Sequence[Differ] = ()
        if isinstance(effect, proposals.Effect):
            differences = contract_story.differ(effect.base.to_json(), effect.after.to_json())
        found.append(
            Pending(
                id=row.id,
                author=row.author,
                reason=row.reason,
                at=contract_story.when(row.effective_at, zone) if row.effective_at else "its confirmation",
                made=contract_story.when(row.created_at, zone),
                differences=differences,
                mine=row.author_key == contract_story.by(who).key,
                signed=signed.get(row.id, ()),
            )
        )
    return found


def _lines(session: Session, contract: Contract, today: date) -> list[LineView]:
    rows = session.execute(
        select(ContractLine, Machine.name, Site.name)
        .outerjoin(Machine, Machine.id == ContractLine.machine_id)
        .outerjoin(Site, Site.id == ContractLine.site_id)
        .where(ContractLine.contract_id == contract.id)
        .order_by(Machine.name, Site.name, ContractLine.id)
    )
    return [_line(line, machine, site, today) for line, machine, site in rows]


def _line(line: ContractLine, machine: str | None, site: str | None, today: date) -> LineView:
    what = "everything of the customer"
    if machine:
        what = machine
    elif site:
        what = f"everything in {site}"
    elif line.service:
        what = f"the service {line.service}"
    if runs(line, today):
        state = "in force"
    elif line.starts_on is not None and line.starts_on > today:
        state = "not yet"
    else:
        state = "ended"
    return LineView(line.id, what, _days(line.starts_on, line.ends_on), state, state != "ended")


def _counted(one: allowances.Left) -> Counted:
    return Counted(
        what=one.kind.replace("_", " "),
        used=one.used,
        granted=one.granted,
        left=one.left,
        until=said(one.period.last),
        again=said(one.renewed_on) if one.renewed_on else "",
    )


def _notices(contract: Contract) -> str:
    if contract.ends_on is None or not contract.notice_days:
        return "none"
    days = [said(contract.ends_on - timedelta(days=number)) for number in sorted(contract.notice_days, reverse=True)]
    return words.listed(days, 12)


def _days(starts: date | None, ends: date | None) -> str:
    if starts is None and ends is None:
        return "as long as the contract"
    if starts is None:
        return f"until {said(ends)}"
    return f"from {said(starts)}" + (f" to {said(ends)}" if ends else ", without end")


def said(day: date | None) -> str:
    """ "14 May 2026"."""
    return f"{day.day} {day:%b %Y}" if day else ""


def find_contract(session: Session, customer: Customer, ref: str) -> Contract | None:
    """The customer's contract of that number, or id."""
    mine = select(Contract).where(Contract.customer_id == customer.id)
    found = session.scalar(mine.where(Contract.number == ref))
    if found is None and len(ref) == 36:
        try:
            found = session.scalar(mine.where(Contract.id == uuid.UUID(ref)))
        except ValueError:
            return None
    return found
