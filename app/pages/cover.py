"""What a customer's contract covers at an instant, and what it would answer to one question. Reads, writes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity import Caller
from app.pages import cover_words
from app.pages.cover_words import CHANNELS, GROUPS, day, full, moment, named, say, typeset
from contracts import allowances, explaining, hours, ledger, words
from contracts import clock as clocks
from contracts.decision import KINDS, Ask, Contact, Granted
from contracts.in_force import Standing
from models.agreements import Contract, ContractLine
from models.customers import Customer
from models.machines import Machine
from models.people import Person


@dataclass(slots=True)
class Question:
    """What the form asks; `wrong` says what of it cannot be used, by field, in the reader's language."""

    language: str
    kind: str = "open_incident"
    severity: int = 1
    machine: str = ""
    channel: str = "portal"
    at_text: str = ""
    at: datetime | None = None  # None: now
    wrong: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """One ask and its answer."""

    kind: str
    ask: str
    below: str
    outcome: str
    rule: str
    reason: str
    remedy: str
    promises: Sequence[str] = ()
    more: Sequence[str] = ()  # who answers, what it uses, which contract and why


@dataclass(frozen=True, slots=True)
class CoverPage:
    """Everything the page shows."""

    slug: str
    name: str
    tier: str
    tier_word: str
    standing: str
    as_of: str
    hours: Sequence[str]
    groups: Sequence[tuple[str, Sequence[Answered]]]
    allowances: Sequence[str]
    uncovered: Sequence[str]
    people: Sequence[str]
    machines: Sequence[str]
    zone: str


def read_question(given: Mapping[str, str], language: str, zone: str, machines: Sequence[str]) -> Question:
    """The form as sent; what is left out is as it usually is."""
    asked = Question(language, at_text=given.get("at", "").strip()[:40])
    asked.kind = _chosen(asked, given, "ask", KINDS, asked.kind, "wrong_ask")
    asked.channel = _chosen(asked, given, "channel", CHANNELS, asked.channel, "wrong_choice")
    asked.severity = int(_chosen(asked, given, "severity", ("1", "2", "3", "4"), "1", "wrong_choice"))
    asked.machine = given.get("machine", "").strip()[:80]
    if asked.machine and asked.machine not in machines:
        asked.wrong["machine"] = say(language, "wrong_machine", name=asked.machine)
    if asked.at_text:
        asked.at = _instant(asked.at_text, zone)
        if asked.at is None:
            asked.wrong["at"] = say(language, "wrong_at")
    return asked


def _chosen(asked: Question, given: Mapping[str, str], name: str, known: Sequence[str], usual: str, wrong: str) -> str:
    value = given.get(name, "").strip() or usual
    if value in known:
        return value
    asked.wrong[name] = say(asked.language, wrong)
    return usual


def _instant(text: str, zone: str) -> datetime | None:
    """A wall clock as the browser sends it, in the customer's zone; with an offset, that one."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    local = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC) if 2000 <= local.year <= 2100 else None


def read_cover(session: Session, customer: Customer, asked: Question, who: Caller, now: datetime) -> CoverPage:
    """The page at the instant asked for. A dozen questions to the database, whatever the number of asks."""
    at, language, zone = asked.at or now, asked.language, ZoneInfo(customer.zone)
    machines = known_machines(session, customer)
    contact = ledger.contact_of(session, who.person) if not who.is_staff else None
    holds = ledger.standing(session, customer.id, at, machines.get(asked.machine))
    left = holds.left(session, at)
    groups = [
        (say(language, group), [_answered(kind, holds, asked, at, left, contact) for kind in kinds])
        for group, kinds in GROUPS
    ]
    local = full(at, zone, language)
    told = {"now": local, "zone": customer.zone}
    if who.is_staff:
        told["language"] = {"en": {"en": "English", "fr": "French"}, "fr": {"en": "anglais", "fr": "français"}}[
            language
        ][customer.language]
    return CoverPage(
        slug=customer.slug,
        name=customer.name,
        tier=holds.terms.tier.value if holds.terms else "",
        tier_word=cover_words.TIERS[language][holds.terms.tier.value] if holds.terms else "",
        standing=_standing(holds, language),
        as_of=say(language, "desk_as_of" if who.is_staff else "as_of", **told),
        hours=_hours(holds, asked.severity, at, language),
        groups=groups,
        allowances=_allowances(left, language) if holds.terms else [],
        uncovered=_uncovered(session, customer, machines, holds, at, language),
        people=_people(session, customer, language),
        machines=list(machines),
        zone=customer.zone,
    )


def read_would(session: Session, customer: Customer, asked: Question, who: Caller, now: datetime) -> Answered:
    """What would be answered to one question; nothing is written down, nothing taken."""
    at = asked.at or now
    machine_id = known_machines(session, customer).get(asked.machine)
    contact = ledger.contact_of(session, who.person) if not who.is_staff else None
    holds = ledger.standing(session, customer.id, at, machine_id)
    return _answered(asked.kind, holds, asked, at, holds.left(session, at), contact)


def known_machines(session: Session, customer: Customer) -> dict[str, uuid.UUID]:
    """The customer's machines in service, by name."""
    rows = session.execute(
        select(Machine.name, Machine.id)
        .where(Machine.customer_id == customer.id, Machine.retired_at.is_(None))
        .order_by(Machine.name)
    )
    return {row.name: row.id for row in rows}


def _answered(
    kind: str,
    holds: Standing,
    asked: Question,
    at: datetime,
    left: Mapping[str, allowances.Left],
    contact: Contact | None,
) -> Answered:
    language = asked.language
    question = Ask(kind, at, asked.severity, channel=asked.channel, contact=contact)
    answer = holds.decide(question, at, allowances.usage(left), language)
    title, below = cover_words.ASKS[language][kind]
    promises: list[str] = []
    more: list[str] = []
    if isinstance(answer, Granted):
        zone = ZoneInfo(holds.facts.hours_zone)
        for one in answer.promises:
            # Asked for another day, a weekday alone would be read as one of this week.
            by = "" if not one.by else full(one.by, zone, language) if asked.at else moment(one.by, zone, at, language)
            promises.append(say(language, one.kind, by=by) if by else say(language, "promise_none"))
        if answer.people:
            people = [words.duty(duty, language) for duty in answer.people]
            more.append(say(language, "answered_by", people=named(people, language)))
        if answer.uses:
            pool = words.pool(answer.uses, language)
            more.append(say(language, "uses", units=answer.units, pool=pool))
    if holds.passed:
        more += explaining.sentences(holds.facts.number, holds.passed, language)
    elif holds.facts.number:
        more.append(say(language, "contract", number=holds.facts.number))
    return Answered(
        kind,
        title,
        below,
        answer.outcome,
        answer.rule,
        typeset(answer.reason, language),
        typeset(answer.remedy, language),
        promises,
        more,
    )


def _standing(holds: Standing, language: str) -> str:
    facts = holds.facts
    if holds.terms is None or facts.starts_on is None:
        return say(language, "no_contract")
    told = {"number": facts.number, "starts": day(facts.starts_on, language)}
    if facts.ends_on is None:
        return say(language, "runs_on", **told)
    return say(language, "runs", **told, ends=day(facts.ends_on, language))


def _hours(holds: Standing, severity: int, at: datetime, language: str) -> list[str]:
    """Open or closed now, until or from when; and today's holiday, if it is one."""
    if holds.terms is None:
        return []
    facts, terms = holds.facts, holds.terms
    zone = ZoneInfo(facts.hours_zone)
    calendar = terms.service(severity, facts.hours_zone, facts.country)
    told = {"severity": severity, "hours": words.hours(terms.hours_of(severity), language)}
    lines = []
    if clocks.is_open(calendar, at):
        closes = clocks.next_close(calendar, at)
        if closes is None:
            return [say(language, "open_always", severity=severity)]
        lines.append(say(language, "open_now", **told, closes=moment(closes, zone, at, language)))
    else:
        opens = clocks.next_open(calendar, at)
        key = "closed_now" if opens else "closed_ever"
        lines.append(say(language, key, **told, opens=moment(opens, zone, at, language) if opens else ""))
    today = at.astimezone(zone).date()
    holiday = calendar.holiday(today) if isinstance(calendar, hours.Calendar) else ""
    return [*lines, say(language, "holiday", name=holiday)] if holiday else lines


def _allowances(left: Mapping[str, allowances.Left], language: str) -> list[str]:
    if not left:
        return [say(language, "uncounted")]
    lines = []
    for kind, one in left.items():
        told = {
            "left": one.left,
            "granted": one.granted,
            "pool": words.pool(kind, language),
            "last": day(one.period.last, language),
        }
        if one.renewed_on is None:
            lines.append(say(language, "left", **told))
        else:
            again = one.granted - one.extra
            lines.append(say(language, "left_again", **told, again=again, first=day(one.renewed_on, language)))
    return lines


def _uncovered(
    session: Session,
    customer: Customer,
    machines: Mapping[str, uuid.UUID],
    holds: Standing,
    at: datetime,
    language: str,
) -> list[str]:
    """Machines on no line in force of any contract that runs; none is named where nothing runs at all."""
    if holds.terms is None:
        return []
    rows = session.execute(
        select(ContractLine, Contract.zone)
        .join(Contract, Contract.id == ContractLine.contract_id)
        .where(ContractLine.customer_id == customer.id, Contract.state == "active", ContractLine.service == "")
    ).all()
    sites = dict(session.execute(select(Machine.id, Machine.site_id).where(Machine.customer_id == customer.id)).all())

    def covered(machine_id: uuid.UUID) -> bool:
        return any(
            line.machine_id in (None, machine_id)
            and (line.site_id is None or line.site_id == sites[machine_id])
            and _runs(line, at, zone)
            for line, zone in rows
        )

    return [say(language, "uncovered_one", name=name) for name, one in machines.items() if not covered(one)]


def _runs(line: ContractLine, at: datetime, zone: str) -> bool:
    today = at.astimezone(ZoneInfo(zone)).date()
    return (line.starts_on is None or line.starts_on <= today) and (line.ends_on is None or today <= line.ends_on)


def _people(session: Session, customer: Customer, language: str) -> list[str]:
    people = session.execute(
        select(Person.name, Person.may).where(Person.customer_id == customer.id, Person.active).order_by(Person.name)
    ).all()
    return [
        say(language, f"may_{right}", names=named([name for name, may in people if right in may], language))
        for right in ("open", "escalate", "sign")
    ]
