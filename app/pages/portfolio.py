"""All customers, worst first by reason: one sentence says why a customer stands where it does, never a score."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from urllib.parse import quote

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import words
from models.agreements import Contract, CoverageGap, TermsProposal
from models.customers import Customer
from models.incidents import OPEN_STATES, Finding, Incident, Promise
from models.machines import Machine, MachineState

ENDS_SOON = timedelta(days=60)
KEPT_OVER = timedelta(days=90)
MOST_TICKS = 40
RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer in the list."""

    slug: str
    name: str
    demo: bool
    tier: str
    reason: str
    detail: str
    weight: int  # the order of reasons, smaller is worse; never shown
    below: str
    kept: int
    broken: int
    promises: str
    machines: str
    unknown: bool
    next_step: str
    href: str


@dataclass(slots=True)
class _Known:
    """What the queries found of one customer."""

    contracts: list[Contract] = field(default_factory=list)
    machines: int = 0
    heard: int = 0
    silent: int = 0
    open: list[Incident] = field(default_factory=list)
    late: list[Incident] = field(default_factory=list)  # a promise to the customer is past due
    kept: int = 0
    broken: int = 0
    broken_lately: int = 0
    shadow: int = 0
    uncovered: list[str] = field(default_factory=list)
    proposed: str = ""  # number of a contract whose change waits for a second person


def read_portfolio(session: Session, now: datetime, zone: tzinfo) -> list[CustomerRow]:
    """Every customer in reach. Eight queries, whatever their number."""
    customers = list(session.scalars(select(Customer).order_by(Customer.name)))
    known: dict[uuid.UUID, _Known] = defaultdict(_Known)
    for contract in session.scalars(select(Contract).where(Contract.state != "cancelled").order_by(Contract.ends_on)):
        known[contract.customer_id].contracts.append(contract)
    _machines(session, known)
    _incidents(session, known, now)
    _promises(session, known, now)
    for customer_id, number in session.execute(
        select(Finding.customer_id, func.count())
        .where(Finding.shadow, Finding.opened_at > now - RECENT)
        .group_by(Finding.customer_id)
    ):
        known[customer_id].shadow = int(number)
    _agreements(session, known)
    rows = [_row(customer, known[customer.id], now, zone) for customer in customers]
    return sorted(rows, key=lambda row: (row.weight, row.name))


def _machines(session: Session, known: dict[uuid.UUID, _Known]) -> None:
    rows = session.execute(
        select(
            Machine.customer_id,
            func.count(),
            func.count().filter(MachineState.speaking == "speaking"),
            func.count().filter(MachineState.speaking == "silent"),
        )
        .outerjoin(MachineState, MachineState.machine_id == Machine.id)
        .where(Machine.retired_at.is_(None))
        .group_by(Machine.customer_id)
    )
    for customer_id, number, heard, silent in rows:
        one = known[customer_id]
        one.machines, one.heard, one.silent = int(number), int(heard), int(silent)


def _agreements(session: Session, known: dict[uuid.UUID, _Known]) -> None:
    """What contracts ask of a person: machines that report under no line, changes that wait for a second person."""
    gaps = session.execute(
        select(CoverageGap.customer_id, Machine.name)
        .join(Machine, Machine.id == CoverageGap.machine_id)
        .where(CoverageGap.kind == "uncovered", CoverageGap.ended_at.is_(None), CoverageGap.settled_at.is_(None))
        .order_by(Machine.name)
    )
    for customer_id, name in gaps:
        known[customer_id].uncovered.append(name)
    waiting = session.execute(
        select(TermsProposal.customer_id, Contract.number)
        .join(Contract, Contract.id == TermsProposal.contract_id)
        .where(TermsProposal.state == "pending")
        .order_by(TermsProposal.created_at.desc())
    )
    for customer_id, number in waiting:
        known[customer_id].proposed = number


def _incidents(session: Session, known: dict[uuid.UUID, _Known], now: datetime) -> None:
    columns = (Incident.customer_id, Incident.number, Incident.title, Incident.severity, Incident.id)
    rows = session.execute(
        select(*columns, func.bool_or(Promise.due_at < now).label("late"))
        .outerjoin(
            Promise,
            (Promise.incident_id == Incident.id)
            & Promise.state.in_(("running", "breached"))
            & Promise.met_at.is_(None)
            & (Promise.party == "customer"),
        )
        .where(Incident.state.in_(OPEN_STATES))
        .group_by(*columns)
        .order_by(Incident.severity, Incident.number)
    )
    for row in rows:
        one = known[row.customer_id]
        incident = Incident(number=row.number, title=row.title, severity=row.severity)
        one.open.append(incident)
        if row.late:
            one.late.append(incident)


def _promises(session: Session, known: dict[uuid.UUID, _Known], now: datetime) -> None:
    rows = session.execute(
        select(
            Promise.customer_id,
            func.count().filter(Promise.met_at.is_not(None), Promise.breached_at.is_(None)),
            func.count().filter(Promise.breached_at.is_not(None)),
            func.count().filter(Promise.breached_at > now - RECENT),
        )
        .where(Promise.started_at > now - KEPT_OVER, Promise.party == "customer")
        .group_by(Promise.customer_id)
    )
    for customer_id, kept, broken, lately in rows:
        one = known[customer_id]
        one.kept, one.broken, one.broken_lately = int(kept), int(broken), int(lately)


def _row(customer: Customer, one: _Known, now: datetime, zone: tzinfo) -> CustomerRow:
    today = now.astimezone(zone).date()
    contract = _contract(one.contracts, today)
    weight, reason, detail, step, href = _why(customer, one, contract, today)
    promised = one.kept + one.broken
    return CustomerRow(
        slug=customer.slug,
        name=customer.name,
        demo=customer.demo,
        tier=contract.tier if contract and _runs(contract, today) else "",
        reason=reason,
        detail=detail,
        weight=weight,
        below=_below(contract, today),
        kept=one.kept,
        broken=one.broken,
        promises=f"{one.kept} of {promised} kept" if promised else "none made yet",
        machines=f"{one.heard} of {one.machines} heard" if one.machines else "no machine",
        unknown=one.heard < one.machines,
        next_step=step,
        href=href,
    )


def _contract(contracts: list[Contract], today: date) -> Contract | None:
    """The running one of the highest tier, else the one that ended last."""
    rank = {"bronze": 1, "silver": 2, "gold": 3, "platinum": 4}
    order = [(_runs(one, today), rank[one.tier], one.ends_on or date.max, one.number) for one in contracts]
    return contracts[order.index(max(order))] if contracts else None


def _runs(contract: Contract, today: date) -> bool:
    ends = contract.ends_on
    return contract.state == "active" and contract.starts_on <= today and (ends is None or ends >= today)


def _stands(contract: Contract, today: date) -> str:
    """Why a contract does not run, in a sentence."""
    if contract.ends_on is not None and contract.ends_on < today:
        return f"Contract ended {words.count((today - contract.ends_on).days, 'day')} ago"
    if contract.state == "active":
        return f"Contract {contract.number} begins {contract.starts_on.day} {contract.starts_on:%b %Y}"
    return f"Contract {contract.number} is {'a draft' if contract.state == 'draft' else contract.state}"


def _below(contract: Contract | None, today: date) -> str:
    if contract is None:
        return "no contract"
    if contract.ends_on is None:
        return f"{contract.tier}, no end"
    said = f"{contract.ends_on.day} {contract.ends_on:%b %Y}"
    return f"{contract.tier}, {'ended' if contract.ends_on < today else 'to'} {said}"


def _why(customer: Customer, one: _Known, contract: Contract | None, today: date) -> tuple[int, str, str, str, str]:
    """The gravest reason this customer asks for somebody: order, sentence, detail, next step and where it leads."""
    page = f"/customers/{customer.slug}"
    if one.late:
        first = one.late[0]
        said = words.count(len(one.late), "promise") + " broken now"
        return 0, said, f"{first.label}: {first.title}", "Make it good", f"/incidents/{first.label}"
    if one.broken_lately:
        said = words.count(one.broken_lately, "promise") + " missed this week"
        return 1, said, "the reasons stand in the incidents’ timelines", "Call them", page
    if one.open:
        first = one.open[0]
        many = f", and {len(one.open) - 1} more" if len(one.open) > 1 else ""
        weight = 2 if first.severity == 1 else 2 + first.severity
        said = f"Severity {first.severity} open now"
        return weight, said, f"{first.title}{many}", "Follow", f"/incidents/{first.label}"
    if contract is None or not _runs(contract, today):
        said = "No contract" if contract is None else _stands(contract, today)
        still = f"{words.count(one.machines, 'machine')} still enrolled" if one.machines else "nothing is enrolled"
        return 3, said, still, "Propose a renewal" if contract else "Propose a contract", page
    if one.proposed:
        said = "A change of terms waits for a second person"
        return 7, said, one.proposed, "Read it", f"{page}/contracts/{quote(one.proposed, safe='')}#pending"
    if one.uncovered:
        said = words.count(len(one.uncovered), "machine reports", "machines report") + " under no contract"
        return 8, said, words.listed(one.uncovered), "Add to the contract", f"{page}/covers"
    if one.heard < one.machines:
        gap = one.machines - one.heard
        return 8, f"Coverage gap on {words.count(gap, 'machine')}", _gap(one), "See which", page
    if contract.ends_on is not None and contract.ends_on - today < ENDS_SOON:
        said = f"Contract ends in {words.count((contract.ends_on - today).days, 'day')}"
        return 9, said, contract.number, "Propose a date", page
    if one.shadow:
        said = f"{words.count(one.shadow, 'shadow finding')} this week"
        return 10, said, "listed for the review; no incident was opened", "See them", page
    return 11, "Nothing asks for you", "", "Open", page


def _gap(one: _Known) -> str:
    never = one.machines - one.heard - one.silent
    parts = []
    if one.silent:
        parts.append(f"{one.silent} silent")
    if never > 0:
        parts.append(f"{never} never heard or unknown")
    return "under contract, " + " and ".join(parts)
