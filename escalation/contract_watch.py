"""What contracts do by themselves as days pass: terms come into force, ends are told and written down, and gaps between
cover and telemetry are found. One contract a transaction; each word is written once, through the outbox.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import contracting, coverage, life, proposals
from contracts.life import Notice
from escalation import amended, contract_words, outbox
from escalation.duty import methods
from escalation.one_by_one import one_by_one
from escalation.outbox import Draft
from models import audit
from models.agreements import Contract, ContractNotice, ContractTerms, CoverageGap
from models.customers import Customer
from models.machines import Machine
from models.people import NamedPerson, Person
from models.session import SYSTEM, Sessions, work

_FAR = timedelta(days=367)  # no notice is due longer before the end
_CALM = 4  # told like the least grave: one way is enough


def once(sessions: Sessions, now: datetime) -> datetime | None:
    """Everything that is due now. Asks for no earlier turn: a day is long."""
    with work(sessions, SYSTEM) as session:
        proposals.take_effect(session, now)
        coming = [(version.id, contract.customer_id) for contract, version in amended.due(session, now)]
    one_by_one(sessions, "new terms", coming, lambda session, id: _follow(session, id, now))
    with work(sessions, SYSTEM) as session:
        ending = _ending(session, now)
    one_by_one(sessions, "ends of contracts", ending, lambda session, id: attend(session, id, now) is not None)
    with work(sessions, SYSTEM) as session:
        tell_of_gaps(session, coverage.keep(session, now), now)
    return None


def _follow(session: Session, version_id: uuid.UUID, now: datetime) -> bool:
    version = session.get_one(ContractTerms, version_id)
    amended.follow(session, session.get_one(Contract, version.contract_id), version, now)
    return True


def _ending(session: Session, now: datetime) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """(contract, customer) of what ends before long or has ended."""
    horizon = (now + _FAR).date()
    ends = select(Contract.id, Contract.customer_id).where(
        Contract.state.in_(("active", "suspended", "expired")), Contract.ends_on <= horizon
    )
    found = session.execute(ends.order_by(Contract.customer_id, Contract.number))
    return [(row.id, row.customer_id) for row in found]


def attend(session: Session, contract_id: uuid.UUID, now: datetime) -> Notice | None:
    """One contract: write down that it is over, and tell of its end what is due; answers with the word that was."""
    contract = session.get_one(Contract, contract_id)
    today = now.astimezone(ZoneInfo(contract.zone)).date()
    terms, _ = proposals.at(session, contract, now)
    is_over = life.move(contract.state, "expired", contract.ends_on, today, terms.grace_days) is None
    due = life.notice_due(
        contract.ends_on, today, contract.notice_days, contracting.successor(session, contract) is not None,
        _written(session, contract),
    )  # fmt: skip
    if due is not None and due.kind == "ended" and _long_over(due.last_day, today):
        due = None  # entered when it was long over: nobody needs to be told
    if not is_over and due is None:
        return None
    audit.take_turns(session, contract.customer_id)
    session.refresh(contract, with_for_update=True)
    if is_over and contract.state in ("active", "suspended"):
        before, contract.state = contract.state, "expired"
        facts = {"from": before, "last_day": contract.ends_on.isoformat() if contract.ends_on else None}
        _record(session, contract, "contract.expired", facts, now)
    if due is not None:
        _tell_of_end(session, contract, due, terms.grace_days, now)
    return due


def _long_over(last_day: date, today: date) -> bool:
    return (today - last_day).days > 14


def _written(session: Session, contract: Contract) -> list[Notice]:
    rows = session.scalars(select(ContractNotice).where(ContractNotice.contract_id == contract.id))
    return [Notice(row.kind, row.days_before, row.last_day) for row in rows]


def _tell_of_end(session: Session, contract: Contract, due: Notice, grace_days: int, now: datetime) -> None:
    customer = session.get_one(Customer, contract.customer_id)
    after = contracting.successor(session, contract)
    told: list[str] = []
    for person in [*_signers(session, customer), *account_people(session, customer.id)]:
        language = customer.language if person.customer_id is not None else "en"
        subject, text = contract_words.of_end(
            language, due, contract.number, customer.name, after.number if after else "", grace_days
        )
        about = f"{contract.id}/{due.kind}/{due.last_day}/{due.days_before}"
        if _send(session, customer, person, about, subject, text, "a contract ends", now):
            told.append(person.name)
    session.add(
        ContractNotice(
            customer_id=customer.id, contract_id=contract.id, kind=due.kind, last_day=due.last_day,
            days_before=due.days_before, written_at=now, told=told,
        )
    )  # fmt: skip
    _record(session, contract, f"contract.{due.kind}_told", {"days_before": due.days_before, "told": told}, now)


def tell_of_gaps(session: Session, gaps: Sequence[CoverageGap], now: datetime) -> None:
    """One word a customer and kind to its account people, however many machines."""
    groups: dict[tuple[uuid.UUID, str], list[CoverageGap]] = {}
    for gap in gaps:
        groups.setdefault((gap.customer_id, gap.kind), []).append(gap)
    for (customer_id, kind), group in groups.items():
        customer = session.get_one(Customer, customer_id)
        names = [session.get_one(Machine, gap.machine_id).name for gap in group]
        subject, text = contract_words.of_gaps(kind, customer.name, sorted(names))
        people = account_people(session, customer_id)
        about = f"gaps/{group[0].id}"
        told = [p.name for p in people if _send(session, customer, p, about, subject, text, "cover by proof", now)]
        for gap in group:
            gap.told = told
        audit.record(
            session, actor="Vigie", deed=f"coverage.{kind}", subject=customer.slug, customer_id=customer_id,
            facts={"machines": sorted(names)[:100], "told": told}, now=now,
        )  # fmt: skip


def account_people(session: Session, customer_id: uuid.UUID) -> list[Person]:
    """Those of ours who look after a customer; without any, the managers; without those, the administrators."""
    named = session.scalars(
        select(Person)
        .join(NamedPerson, NamedPerson.person_id == Person.id)
        .where(NamedPerson.customer_id == customer_id, Person.active)
        .distinct()
        .order_by(Person.name)
    ).all()
    if named:
        return list(named)
    for role in ("manager", "administrator"):
        found = session.scalars(select(Person).where(Person.role == role, Person.active).order_by(Person.name)).all()
        if found:
            return list(found)
    return []


def _signers(session: Session, customer: Customer) -> list[Person]:
    """The contacts who may sign; where nobody may, all of them."""
    contacts = session.scalars(
        select(Person).where(Person.customer_id == customer.id, Person.active).order_by(Person.name)
    ).all()
    return [person for person in contacts if "sign" in person.may] or list(contacts)


def _send(
    session: Session, customer: Customer, person: Person, about: str, subject: str, text: str, why: str, now: datetime
) -> bool:
    """Whether a notice was written to somebody who can be reached."""
    body = {
        "type": "vigie.contract.word",
        "text": text,
        "path": f"/customers/{customer.slug}",
        "data": {"customer": customer.name, "why": why},
    }
    drafts = [
        Draft(outbox.NO_RUNG, 0, channel, address, subject, body, why, person.id)
        for channel, address in methods(person, _CALM, now)
    ]
    written = [outbox.enqueue_word(session, customer.id, about, draft, now) for draft in drafts]
    return any(written)


def _record(session: Session, contract: Contract, deed: str, facts: dict[str, Any], now: datetime) -> None:  # Any: JSON
    audit.record(
        session, actor="Vigie", deed=deed, subject=f"contract:{contract.id}", customer_id=contract.customer_id,
        facts=facts, now=now,
    )  # fmt: skip
