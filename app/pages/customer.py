"""Everything the customer page shows: contracts, what they cover right now, machines, people, findings, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import words
from app.pages.agreed import five_lines
from app.pages.fleet import MachineRow, read_fleet
from app.pages.machine import FindingView, findings_of
from contracts import ledger
from contracts.decision import Ask
from contracts.tiers import DEFAULTS, Tier
from models.agreements import Contract, ContractLine, ContractTerms
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.incidents import OPEN_STATES, Incident
from models.machines import Machine
from models.people import Person

# What a customer may ask for, in the words one would use on the phone. The order is the order of the page.
ASKS: Mapping[str, tuple[str, str]] = {
    "open_incident": ("Open an incident", "any channel"),
    "hardware_support": ("Help with hardware", "by phone or mail"),
    "software_support": ("Help with basic software", "by phone or mail"),
    "site_visit": ("Somebody on site", "with parts when needed"),
    "out_of_hours": ("Work outside the hours", "at this very moment"),
    "installation_advice": ("Advice on an installation", "before it stands"),
    "named_engineer": ("People of their own", "by name, with a deputy"),
    "dossier_review": ("The dossier and its review", "what changed, what will be needed"),
    "telemetry": ("Send telemetry", "kept, shown in charts"),
    "silence_watch": ("Be told of silence", "a machine that stops reporting"),
    "detection": ("Be told before they notice", "tele-alarm, detection"),
    "proactive_call": ("We call first", "tele-alarm"),
    "remote_diagnostics": ("Remote diagnosis", "with consent, logged"),
    "remote_administration": ("Remote administration", "we do it for them"),
    "escalation": ("Escalate", "up to number two and number one"),
}


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
    answers = [cover_of(kind, standing, severity, now) for kind in ASKS]
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


def cover_of(kind: str, standing: ledger.Standing, severity: int, now: datetime) -> CoverView:
    """What would be answered; nothing is written down, because nobody asked."""
    answer = standing.decide(Ask(kind, now, severity), now, language="en")
    title, channel = ASKS[kind]
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
    today = now.astimezone(zone).date()
    views = []
    for contract in contracts:
        version = versions.get(contract.id)
        body = version.body if version else DEFAULTS[Tier(contract.tier)].to_json()
        state = _state(contract, today)
        views.append(
            ContractView(
                number=contract.number,
                tier=contract.tier,
                standing=state,
                runs=state == "active",
                lines=five_lines(body, contract, severity, None, zone, now),
                covers=_covers(lines.get(contract.id, []), names),
                version=f"version {version.version} of its terms" if version else "the usual terms of its tier",
            )
        )
    return sorted(views, key=lambda view: (not view.runs, view.number))


def _state(contract: Contract, today: date) -> str:
    if contract.state != "active":
        return contract.state
    if contract.starts_on > today:
        return f"begins {contract.starts_on.day} {contract.starts_on:%b %Y}"
    if contract.ends_on is not None and contract.ends_on < today:
        return f"ended {words.count((today - contract.ends_on).days, 'day')} ago"
    return "active"


def _covers(lines: Sequence[ContractLine], names: Mapping[object, str]) -> str:
    if any(line.machine_id is None and line.site_id is None for line in lines):
        return "every machine of the customer"
    covered = [names.get(line.machine_id or line.site_id, "a machine that is retired") for line in lines]
    return words.listed(sorted(covered), 6) or "no machine yet: add a line"


def machine_names(session: Session, customer: Customer) -> list[tuple[str, str]]:
    """Machines of a customer for a choice: name and title."""
    rows = session.execute(
        select(Machine.name, Machine.title)
        .where(Machine.customer_id == customer.id, Machine.retired_at.is_(None))
        .order_by(Machine.name)
    )
    return [(name, title) for name, title in rows]
