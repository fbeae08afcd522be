"""Which contract answers for a customer, a machine or a service at a moment, and on which terms. Never commits."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from contracts import allowances, calendars, decision, precedence
from contracts.decision import Ask, ContractFacts, Decision, Usage
from contracts.outside import USUAL, Rates
from contracts.precedence import Candidate, Passed
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS
from models.agreements import Contract, ContractLine, ContractTerms, HouseRates
from models.customers import Customer, Site
from models.machines import Machine


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a customer, and for one of its machines or services when named, at a moment."""

    customer_id: uuid.UUID
    facts: ContractFacts
    terms: Terms | None
    contract_id: uuid.UUID | None
    terms_id: uuid.UUID | None
    language: str
    version: int = 0  # of the terms; 0: the usual ones of the tier
    passed: tuple[Passed, ...] = ()  # the customer's other contracts, and why each of them does not answer
    span: allowances.Span | None = None

    def decide(self, ask: Ask, now: datetime, usage: Usage | None = None, language: str | None = None) -> Decision:
        """Answer without writing anything down."""
        return decision.decide(ask, self.terms, usage or Usage(), now, self.facts, language or self.language)

    def today(self, now: datetime) -> date:
        """The day in the contract's own zone."""
        return now.astimezone(ZoneInfo(self.facts.zone)).date()

    def left(self, session: Session, now: datetime) -> dict[str, allowances.Left]:
        """Every allowance of this period; read, not locked."""
        if self.span is None or self.terms is None:
            return {}
        return allowances.read(session, self.span, self.terms, self.today(now))


@dataclass(frozen=True, slots=True)
class _Found:
    """A contract with the terms in force and its lines."""

    contract: Contract
    version: ContractTerms | None
    lines: Sequence[ContractLine]


def standing(
    session: Session,
    customer_id: uuid.UUID,
    now: datetime,
    machine_id: uuid.UUID | None = None,
    *,
    service: str = "",
    contract_id: uuid.UUID | None = None,
) -> Standing:
    """The contract that answers for a customer (and machine or service) now; without one, a standing without terms.

    A machine's site chooses zone and public holidays; without one the contract's own do. `contract_id` asks that one
    contract and no other. Raises LookupError for an unknown customer, machine or contract.
    """
    customer, machine, site, rates = _who(session, customer_id, now, machine_id)
    found = _contracts(session, customer_id, now, contract_id)
    if contract_id is not None and not found:
        raise LookupError(f"contract {contract_id} of customer {customer_id} is not known")
    if not found:
        return Standing(customer_id, ContractFacts(rates=rates), None, None, None, customer.language)
    each = [_standing(one, customer, machine, site, service, rates, now) for one in found]
    if len(each) == 1:
        return _with_calendars(session, each[0], now)
    numbers = {one.contract.id: one.contract.number for one in found}
    asked = {"machine": str(machine.id) if machine else "", "site": str(site.id) if site else "", "service": service}
    candidates = [_candidate(one, holds, numbers, now) for one, holds in zip(found, each, strict=True)]
    chosen = precedence.choose(candidates, asked)
    answers = next(one for one in each if one.facts.number == chosen.number)
    return _with_calendars(session, replace(answers, passed=chosen.passed), now)


def _with_calendars(session: Session, holds: Standing, now: datetime) -> Standing:
    if holds.terms is None or not holds.terms.clocks.named():
        return holds
    return replace(holds, terms=calendars.found_or_usual(session, holds.terms, now))


def _who(
    session: Session, customer_id: uuid.UUID, now: datetime, machine_id: uuid.UUID | None
) -> tuple[Customer, Machine | None, Site | None, Rates]:
    """Customer, machine, its site and the house's rates, in one question."""
    rates = (
        select(HouseRates.body)
        .where(HouseRates.effective_at <= now)
        .order_by(HouseRates.effective_at.desc(), HouseRates.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    row = session.execute(
        select(Customer, Machine, Site, rates)
        .outerjoin(Machine, and_(Machine.id == machine_id, Machine.customer_id == Customer.id))
        .outerjoin(Site, Site.id == Machine.site_id)
        .where(Customer.id == customer_id)
    ).one_or_none()
    if row is None or (machine_id is not None and row[1] is None):
        raise LookupError(f"customer {customer_id} with machine {machine_id} is not known")
    customer, machine, site, body = row
    return customer, machine, site, Rates.from_json(body) if body else USUAL


def _contracts(session: Session, customer_id: uuid.UUID, now: datetime, contract_id: uuid.UUID | None) -> list[_Found]:
    in_force = (
        select(ContractTerms)
        .where(ContractTerms.contract_id == Contract.id, ContractTerms.effective_at <= now)
        .order_by(ContractTerms.effective_at.desc(), ContractTerms.version.desc())
        .limit(1)
        .lateral()
    )
    version = aliased(ContractTerms, in_force)
    query = (
        select(Contract, version, ContractLine)
        .outerjoin(in_force, in_force.c.contract_id == Contract.id)
        .outerjoin(ContractLine, ContractLine.contract_id == Contract.id)
        .where(Contract.customer_id == customer_id)
        .order_by(Contract.number, ContractLine.id)
    )
    if contract_id is not None:
        query = query.where(Contract.id == contract_id)
    found: dict[uuid.UUID, tuple[Contract, ContractTerms | None, list[ContractLine]]] = {}
    for contract, terms, line in session.execute(query):
        lines = found.setdefault(contract.id, (contract, terms, []))[2]
        if line is not None:
            lines.append(line)
    return [_Found(*one) for one in found.values()]


def _standing(
    one: _Found, customer: Customer, machine: Machine | None, site: Site | None, service: str, rates: Rates,
    now: datetime,
) -> Standing:  # fmt: skip
    contract, version = one.contract, one.version
    terms = terms_of(contract, version)
    today = now.astimezone(ZoneInfo(contract.zone)).date()
    fitting = [line for line in one.lines if fits(line, machine, service)]
    covered = (machine is None and not service) or any(runs(line, today) for line in fitting)
    coming = [line.starts_on for line in fitting if line.starts_on is not None and line.starts_on > today]
    facts = ContractFacts(
        state=contract.state,
        number=contract.number,
        zone=contract.zone,
        site_zone=site.zone if site and terms.clocks.zone != "contract" else "",
        country=site.country if site else contract.country,
        starts_on=contract.starts_on,
        ends_on=contract.ends_on,
        covered=covered,
        covered_from=None if covered else min(coming, default=None),
        rates=rates,
    )
    return Standing(
        customer.id,
        facts,
        terms,
        contract.id,
        version.id if version else None,
        customer.language,
        version.version if version else 0,
        span=allowances.Span(contract.id, customer.id, contract.starts_on, contract.ends_on),
    )


def terms_of(contract: Contract, version: ContractTerms | None) -> Terms:
    """The terms of a version; without one the usual ones of the contract's tier."""
    if version is None:
        return DEFAULTS[Tier(contract.tier)]
    return _read(orjson.dumps(version.body))


@lru_cache(maxsize=4096)
def _read(body: bytes) -> Terms:
    return Terms.from_json(orjson.loads(body))


def fits(line: ContractLine, machine: Machine | None, service: str) -> bool:
    """Whether a line is about what is asked for, whatever its dates."""
    if line.service:
        return line.service == service
    if line.machine_id is not None:
        return machine is not None and line.machine_id == machine.id
    return line.site_id is None or (machine is not None and line.site_id == machine.site_id)


def runs(line: ContractLine, today: date) -> bool:
    """Whether a line is in force on a day; both its days are included."""
    return (line.starts_on is None or line.starts_on <= today) and (line.ends_on is None or today <= line.ends_on)


def _candidate(one: _Found, holds: Standing, numbers: dict[uuid.UUID, str], now: datetime) -> Candidate:
    contract, today = one.contract, holds.today(now)
    assert holds.terms is not None  # a contract always has some
    return Candidate(
        number=contract.number,
        standing=holds.facts.standing(now, holds.terms.grace_days),
        tier_rank=holds.terms.tier.rank,
        starts_on=contract.starts_on,
        covered=holds.facts.covered,
        lines=tuple(_level(line) for line in one.lines if runs(line, today)),
        renews=numbers.get(contract.renews_id, "") if contract.renews_id else "",
    )


def _level(line: ContractLine) -> tuple[str, str]:
    if line.machine_id is not None:
        return "machine", str(line.machine_id)
    if line.service:
        return "service", line.service
    return ("site", str(line.site_id)) if line.site_id is not None else ("default", "")
