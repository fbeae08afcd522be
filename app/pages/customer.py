"""Everything the customer page shows: contracts, what they cover right now, machines, people, findings, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import words
from app.pages.agreed import five_lines
from app.pages.cover_words import ASKS, GROUPS
from app.pages.fleet import MachineRow, read_fleet
from app.pages.machine import FindingView, findings_of
from contracts import allowances, ledger
from contracts.decision import Ask, ContractFacts, Usage
from contracts.in_force import runs, terms_of
from contracts.terms import Terms
from models.agreements import Contract, ContractLine, ContractTerms
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.incidents import OPEN_STATES, Incident
from models.people import Person


@dataclass(frozen=True, slots=True)
class CoverView:
    """One thing one may ask for, and what the contract would answer now."""

    ask: str
    channel: str
    outcome: str
    rule: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ContractView:
    """A contract in lines."""

    number: str
    tier: str
    standing: str
    runs: bool
    lines: Sequence[tuple[str, str]]
    covers: str
    version: str


@dataclass(frozen=True, slots=True)
class CustomerView:
    """One customer, ready to be drawn."""

    slug: str
    name: str
    demo: bool
    tier: str
    zone: str
    language: str
    local_time: str
    contracts: Sequence[ContractView]
    granted: Sequence[CoverView]
    refused: Sequence[CoverView]
    covered_words: str
    machines: Sequence[MachineRow]
    sites: Sequence[Site]
    contacts: Sequence[Person]
    incidents: Sequence[Incident]
    decisions: Sequence[DecisionRow]
    findings: Sequence[FindingView]


def find_customer(session: Session, slug: str) -> Customer | None:
    """The customer of that short name, if there is one in reach."""
    return session.scalar(select(Customer).where(Customer.slug == slug))


def read_customer(session: Session, slug: str, severity: int, now: datetime, zone: tzinfo) -> CustomerView | None:
    """The whole page, or None when there is no such customer in reach."""
    customer = find_customer(session, slug)
    if customer is None:
        return None
    fleet = read_fleet(session, now, customer.id)
    machines = fleet[0].machines if fleet else []
    sites = list(session.scalars(select(Site).where(Site.customer_id == customer.id).order_by(Site.name)))
    standing = ledger.standing(session, customer.id, now)
    left = allowances.usage(standing.left(session, now))
    answers = [cover_of(kind, standing, left, severity, now) for _, kinds in GROUPS for kind in kinds]
    contracts = _contracts(session, customer, machines, sites, severity, now, zone)
    here = now.astimezone(zone)
    return CustomerView(
        slug=customer.slug,
        name=customer.name,
        demo=customer.demo,
        tier=next((one.tier for one in contracts if one.runs), ""),
        zone=customer.zone,
        language={"fr": "French"}.get(customer.language, "English"),
        local_time=f"{here:%H:%M}",
        contracts=contracts,
        granted=[one for one in answers if one.outcome != "refused"],
        refused=[one for one in answers if one.outcome == "refused"],
        covered_words=_standing_words(standing, now),
        machines=machines,
        sites=sites,
        contacts=list(
            session.scalars(
                select(Person).where(Person.customer_id == customer.id, Person.active).order_by(Person.name)
            )
        ),
        incidents=list(
            session.scalars(
                select(Incident)
                .where(Incident.customer_id == customer.id)
                .order_by(Incident.state.in_(OPEN_STATES).desc(), Incident.opened_at.desc())
                .limit(10)
            )
        ),
        decisions=list(
            session.scalars(
                select(DecisionRow)
                .where(DecisionRow.customer_id == customer.id)
                .order_by(DecisionRow.asked_at.desc())
                .limit(8)
            )
        ),
        findings=findings_of(session, now, zone, customer=customer),
    )


def cover_of(kind: str, standing: ledger.Standing, left: Usage, severity: int, now: datetime) -> CoverView:
    """What would be answered; nothing is written down, because nobody asked."""
    answer = standing.decide(Ask(kind, now, severity), now, left, language="en")
    title, channel = ASKS["en"][kind]
    return CoverView(title, channel, answer.outcome, answer.rule, answer.reason, answer.remedy)


def _standing_words(standing: ledger.Standing, now: datetime) -> str:
    if standing.terms is None:
        return "There is no contract; what is asked is answered with a paid path."
    state = standing.facts.standing(now, standing.terms.grace_days)
    return {
        "active": f"Contract {standing.facts.number} answers.",
        "grace": f"Contract {standing.facts.number} has ended and is honoured in its days of grace.",
    }.get(state, f"Contract {standing.facts.number} is {state.replace('_', ' ')}.")


def _contracts(
    session: Session,
    customer: Customer,
    machines: Sequence[MachineRow],
    sites: Sequence[Site],
    severity: int,
    now: datetime,
    zone: tzinfo,
) -> list[ContractView]:
    contracts = list(session.scalars(select(Contract).where(Contract.customer_id == customer.id)))
    lines: dict[object, list[ContractLine]] = {}
    for line in session.scalars(select(ContractLine).where(ContractLine.customer_id == customer.id)):
        lines.setdefault(line.contract_id, []).append(line)
    versions: dict[object, ContractTerms] = {}
    for terms in session.scalars(
        select(ContractTerms)
        .where(ContractTerms.customer_id == customer.id, ContractTerms.effective_at <= now)
        .order_by(ContractTerms.effective_at, ContractTerms.version)
    ):
        versions[terms.contract_id] = terms
    names: dict[object, str] = {machine.id: machine.name for machine in machines}
    names |= {site.id: f"everything in {site.name}" for site in sites}
    views = []
    for contract in contracts:
        version = versions.get(contract.id)
        held = terms_of(contract, version)
        body = held.to_json()
        state = _state(contract, held, now)
        views.append(
            ContractView(
                number=contract.number,
                tier=held.tier.value,
                standing=state,
                runs=state == "active" or state.endswith("grace"),
                lines=five_lines(body, contract, severity, None, zone, now),
                covers=_covers(lines.get(contract.id, []), names, now.astimezone(ZoneInfo(contract.zone)).date()),
                version=f"version {version.version} of its terms" if version else "the usual terms of its tier",
            )
        )
    return sorted(views, key=lambda view: (not view.runs, view.number))


def _state(contract: Contract, terms: Terms, now: datetime) -> str:
    """How it stands: "active", "begins 1 Jun 2026", "ended 3 days ago", "suspended"…"""
    facts = ContractFacts(
        contract.state, contract.number, contract.zone, starts_on=contract.starts_on, ends_on=contract.ends_on
    )
    standing = facts.standing(now, terms.grace_days)
    today = now.astimezone(ZoneInfo(contract.zone)).date()
    if standing == "not_started":
        return f"begins {contract.starts_on.day} {contract.starts_on:%b %Y}"
    if standing in ("expired", "grace") and contract.ends_on is not None:
        ended = f"ended {words.count((today - contract.ends_on).days, 'day')} ago"
        return f"{ended}, honoured in its days of grace" if standing == "grace" else ended
    return standing


def _covers(lines: Sequence[ContractLine], names: Mapping[object, str], today: date) -> str:
    held = [line for line in lines if runs(line, today)]
    if any(line.machine_id is None and line.site_id is None and not line.service for line in held):
        return "every machine of the customer"
    covered = [
        f"the service {line.service}"
        if line.service
        else names.get(line.machine_id or line.site_id, "a machine that is retired")
        for line in held
    ]
    return words.listed(sorted(covered), 6) or "nothing now: add a line"
