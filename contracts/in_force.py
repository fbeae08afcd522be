"""Which contract answers for a customer, a machine or a service at a moment, and on which terms. Never commits."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.orm import Session

from contracts import allowances, calendars, decision, precedence
from contracts.contract_facts import Known, KnownContract, KnownLine, what_is_known, what_is_known_of_many
from contracts.decision import Ask, ContractFacts, Decision, Usage
from contracts.outside import USUAL, Rates
from contracts.precedence import Candidate, Passed
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS
from models.agreements import Contract, ContractLine, ContractTerms


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
    begun: tuple[allowances.Begun, ...] = ()  # allowances of today that were begun, as they stood when it was asked

    def decide(self, ask: Ask, now: datetime, usage: Usage | None = None, language: str | None = None) -> Decision:
        """Answer without writing anything down."""
        return decision.decide(ask, self.terms, usage or Usage(), now, self.facts, language or self.language)

    def today(self, now: datetime) -> date:
        """The day in the contract's own zone."""
        return now.astimezone(ZoneInfo(self.facts.zone)).date()

    def left(self, session: Session, now: datetime) -> dict[str, allowances.Left]:
        """Every allowance of this period as it stands now; read, not locked."""
        if self.span is None or self.terms is None:
            return {}
        return allowances.read(session, self.span, self.terms, self.today(now))

    def was_left(self, now: datetime) -> dict[str, allowances.Left]:
        """The same as it stood when this was found, without asking the database again."""
        if self.span is None or self.terms is None:
            return {}
        return allowances.of(self.span, self.terms, self.begun, self.today(now))


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
    return _of(session, what_is_known(session, customer_id, now, machine_id, contract_id), now, service)


def standings(session: Session, asked: Sequence[tuple[uuid.UUID, uuid.UUID]], now: datetime) -> list[Standing]:
    """`standing` of many (customer, machine of theirs), in one question to the database."""
    return [_of(session, known, now, "") for known in what_is_known_of_many(session, asked, now)] if asked else []


def _of(session: Session, known: Known, now: datetime, service: str) -> Standing:
    if not known.contracts:
        rates = Rates.from_json(known.rates) if known.rates else USUAL
        return Standing(known.customer_id, ContractFacts(rates=rates), None, None, None, known.language)
    each = [_standing(one, known, service, now) for one in known.contracts]
    if len(each) == 1:
        return _with_calendars(session, each[0], now)
    numbers = {one.id: one.number for one in known.contracts}
    asked = {"machine": str(known.machine_id or ""), "site": str(known.site_id or ""), "service": service}
    candidates = [_candidate(one, holds, numbers, now) for one, holds in zip(known.contracts, each, strict=True)]
    chosen = precedence.choose(candidates, asked)
    answers = next(one for one in each if one.facts.number == chosen.number)
    return _with_calendars(session, replace(answers, passed=chosen.passed), now)


def _with_calendars(session: Session, holds: Standing, now: datetime) -> Standing:
    if holds.terms is None or not holds.terms.named():
        return holds
    return replace(holds, terms=calendars.found_or_usual(session, holds.terms, now))


def _standing(one: KnownContract, known: Known, service: str, now: datetime) -> Standing:
    terms = _read(orjson.dumps(one.terms)) if one.terms is not None else DEFAULTS[Tier(one.tier)]
    today = now.astimezone(ZoneInfo(one.zone)).date()
    fitting = [line for line in one.lines if _fits(line, known, service)]
    covered = (known.machine_id is None and not service) or any(runs(line, today) for line in fitting)
    coming = [line.starts_on for line in fitting if line.starts_on is not None and line.starts_on > today]
    facts = ContractFacts(
        state=one.state,
        number=one.number,
        zone=one.zone,
        site_zone=known.site_zone if terms.clocks.zone != "contract" else "",
        country=known.site_country if known.site_id is not None else one.country,
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        covered=covered,
        covered_from=None if covered else min(coming, default=None),
        rates=Rates.from_json(known.rates) if known.rates else USUAL,
    )
    span = allowances.Span(one.id, known.customer_id, one.starts_on, one.ends_on)
    return Standing(
        known.customer_id, facts, terms, one.id, one.terms_id, known.language, one.version, span=span, begun=one.begun
    )


def terms_of(contract: Contract, version: ContractTerms | None) -> Terms:
    """The terms of a version; without one the usual ones of the contract's tier."""
    if version is None:
        return DEFAULTS[Tier(contract.tier)]
    return _read(orjson.dumps(version.body))


@lru_cache(maxsize=4096)
def _read(body: bytes) -> Terms:
    return Terms.from_json(orjson.loads(body))


def _fits(line: KnownLine, known: Known, service: str) -> bool:
    """Whether a line is about what is asked for, whatever its dates."""
    if line.service:
        return line.service == service
    if line.machine_id is not None:
        return line.machine_id == known.machine_id
    return line.site_id is None or line.site_id == known.site_id


def runs(line: ContractLine | KnownLine, today: date) -> bool:
    """Whether a line is in force on a day; both its days are included."""
    return (line.starts_on is None or line.starts_on <= today) and (line.ends_on is None or today <= line.ends_on)


def _candidate(one: KnownContract, holds: Standing, numbers: dict[uuid.UUID, str], now: datetime) -> Candidate:
    assert holds.terms is not None  # a contract always has some
    today = holds.today(now)
    return Candidate(
        number=one.number,
        standing=holds.facts.standing(now, holds.terms.grace_days),
        tier_rank=holds.terms.tier.rank,
        starts_on=one.starts_on,
        covered=holds.facts.covered,
        lines=tuple(_level(line) for line in one.lines if runs(line, today)),
        renews=numbers.get(one.renews_id, "") if one.renews_id else "",
    )


def _level(line: KnownLine) -> tuple[str, str]:
    if line.machine_id is not None:
        return "machine", str(line.machine_id)
    if line.service:
        return "service", line.service
    return ("site", str(line.site_id)) if line.site_id is not None else ("default", "")
