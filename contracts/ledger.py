"""The terms in force at a moment, and every answer written down. Takes a session, never commits."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import decision
from contracts.decision import Ask, ContractFacts, Decision, Granted, Refused, Usage
from contracts.tiers import DEFAULTS, Budget, Terms, Tier
from models.agreements import Allowance, Contract, ContractLine, ContractTerms
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.machines import Machine


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a customer, and for one of its machines when named, at a moment."""

    customer_id: uuid.UUID
    facts: ContractFacts
    terms: Terms | None
    contract_id: uuid.UUID | None
    terms_id: uuid.UUID | None
    language: str

    def decide(self, ask: Ask, now: datetime, usage: Usage | None = None, language: str | None = None) -> Decision:
        """Answer without writing anything down."""
        return decision.decide(ask, self.terms, usage or Usage(), now, self.facts, language or self.language)


@dataclass(frozen=True, slots=True)
class PromiseSpec:
    """One promise an incident gets: what, within which budget of which calendar, hence by when."""

    kind: str  # respond, update
    started_at: datetime
    due_at: datetime | None
    budget: Budget
    calendar: dict[str, Any]  # the JSON form `contracts.hours.parse` reads


# When several contracts fit, the one in the best standing answers, then the highest tier, then the oldest number.
_PREFERENCE = ("active", "grace", "not_started", "suspended", "draft", "expired", "cancelled")


def standing(session: Session, customer_id: uuid.UUID, now: datetime, machine_id: uuid.UUID | None = None) -> Standing:
    """The contract that answers for a customer (and machine) now; with no contract, a standing without terms.

    A machine's site chooses zone and public holidays; without one the contract's own do. Raises LookupError for an
    unknown customer or machine.
    """
    customer = session.get(Customer, customer_id)
    machine = session.get(Machine, machine_id) if machine_id else None
    if customer is None or (machine_id and (machine is None or machine.customer_id != customer_id)):
        raise LookupError(f"customer {customer_id} with machine {machine_id} is not known")
    site = session.get(Site, machine.site_id) if machine and machine.site_id else None
    found = [
        _standing(session, contract, customer, machine, site, now)
        for contract in session.scalars(select(Contract).where(Contract.customer_id == customer_id))
    ]
    if not found:
        return Standing(customer_id, ContractFacts(), None, None, None, customer.language)
    return min(found, key=lambda each: _rank(each, now))


def _rank(each: Standing, now: datetime) -> tuple[int, bool, int, str]:
    grace = each.terms.grace_days if each.terms else 0
    tier = each.terms.tier.rank if each.terms else 0
    return _PREFERENCE.index(each.facts.standing(now, grace)), not each.facts.covered, -tier, each.facts.number


def _standing(
    session: Session, contract: Contract, customer: Customer, machine: Machine | None, site: Site | None, now: datetime
) -> Standing:
    version = session.scalar(
        select(ContractTerms)
        .where(ContractTerms.contract_id == contract.id, ContractTerms.effective_at <= now)
        .order_by(ContractTerms.effective_at.desc(), ContractTerms.version.desc())
        .limit(1)
    )
    today = now.astimezone(ZoneInfo(contract.zone)).date()
    facts = ContractFacts(
        state=contract.state,
        number=contract.number,
        zone=contract.zone,
        site_zone=site.zone if site else "",
        country=site.country if site else contract.country,
        starts_on=contract.starts_on,
        ends_on=contract.ends_on,
        covered=machine is None or _covers(session, contract.id, machine, today),
    )
    terms = Terms.from_json(version.body) if version else DEFAULTS[Tier(contract.tier)]
    return Standing(customer.id, facts, terms, contract.id, version.id if version else None, customer.language)


def _covers(session: Session, contract_id: uuid.UUID, machine: Machine, today: date) -> bool:
    lines = session.scalars(select(ContractLine).where(ContractLine.contract_id == contract_id))
    return any(
        line.machine_id in (None, machine.id)
        and (line.site_id is None or line.site_id == machine.site_id)
        and (line.starts_on is None or line.starts_on <= today)
        and (line.ends_on is None or today <= line.ends_on)
        for line in lines
    )


def ask(
    session: Session, customer_id: uuid.UUID, question: Ask, now: datetime, *, asked_by: str = "vigie"
) -> tuple[Decision, DecisionRow, Standing]:
    """Ask, take what the answer uses up, and write the answer down. Raises LookupError as `standing` does."""
    holds = standing(session, customer_id, now, question.machine_id)
    allowance = _allowance(session, holds, question.kind, now)
    usage = Usage({question.kind: allowance.granted - allowance.used} if allowance else {})
    answer = holds.decide(question, now, usage)
    if allowance is not None and isinstance(answer, Granted):
        allowance.used += 1
    row = write_down(session, holds, question, answer, asked_by, usage)
    return answer, row, holds


def write_down(
    session: Session, holds: Standing, question: Ask, answer: Decision, asked_by: str, usage: Usage | None = None
) -> DecisionRow:
    """Keep an answer in the words it was given in, and in English beside them for the desk (`facts["english"]`)."""
    row = DecisionRow(
        customer_id=holds.customer_id,
        contract_id=holds.contract_id,
        terms_id=holds.terms_id,
        machine_id=question.machine_id,
        ask=question.kind,
        severity=question.severity,
        asked_at=question.asked_at,
        asked_by=asked_by,
        outcome=answer.outcome,
        rule=answer.rule,
        reason=answer.reason,
        remedy=answer.remedy,
        facts=facts_of(answer) | _english(holds, question, answer, usage),
    )
    session.add(row)
    session.flush()  # incidents and findings refer to it
    return row


def _english(holds: Standing, question: Ask, answer: Decision, usage: Usage | None) -> dict[str, Any]:
    """The same answer in English; nothing where it was given in English, or where another rule would answer."""
    if holds.language == "en":
        return {}
    said = holds.decide(question, question.asked_at, usage, "en")
    return {"english": {"reason": said.reason, "remedy": said.remedy}} if said.rule == answer.rule else {}


def facts_of(answer: Decision) -> dict[str, Any]:
    """The instants and people of an answer as JSON, beside its words."""
    match answer:
        case Granted():
            given = {
                "respond_by": answer.respond_by,
                "on_site_by": answer.on_site_by,
                "skill": answer.skill,
                "uses": answer.uses,
            }
        case Refused():
            given = {"next_opening": answer.next_opening}
        case _:
            given = {}
    return {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in given.items()
        if value
    }


def _allowance(session: Session, holds: Standing, kind: str, now: datetime) -> Allowance | None:
    """The allowance of this period, locked until the transaction ends; None when the ask is not counted."""
    if holds.contract_id is None:
        return None
    today = now.astimezone(ZoneInfo(holds.facts.zone)).date()
    return session.scalar(
        select(Allowance)
        .where(
            Allowance.contract_id == holds.contract_id,
            Allowance.kind == kind,
            Allowance.period_start <= today,
            Allowance.period_end >= today,
        )
        .with_for_update()
    )


def promises_for(terms: Terms, severity: int, opened_at: datetime, zone: str, country: str) -> Sequence[PromiseSpec]:
    """The promises an incident of this severity gets at its opening: the first response; on severity 1 the next
    update begins with the first response (`update_after`)."""
    budget = terms.respond[severity]
    due = budget.due(terms.service(severity, zone, country), opened_at)
    return [PromiseSpec("respond", opened_at, due, budget, terms.calendar(severity, zone, country))]


def update_after(terms: Terms, severity: int, at: datetime, zone: str, country: str) -> PromiseSpec | None:
    """The promise of the next update after one at `at`; only severity 1 has one."""
    if severity != 1 or terms.update is None:
        return None
    due = terms.update.due(terms.service(severity, zone, country), at)
    return PromiseSpec("update", at, due, terms.update, terms.calendar(severity, zone, country))
