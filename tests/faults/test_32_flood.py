"""Fault 32: one machine two hundred times, five thousand machines in a minute: few words, platinum first."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from escalation import outbox
from escalation.channels import Letter, Receipt
from escalation.deliver import deliver_once
from escalation.intake import Signal, condition_ended, report, report_all
from models.agreements import Contract, ContractLine
from models.base import new_id
from models.customers import Customer, Site
from models.incidents import OPEN_STATES, Incident
from models.machines import Machine
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast
from tests.faults.deskwork import broken_chains, twice_open
from tests.faults.history import Due, History, Told
from tests.faults.judge import judge

CUSTOMERS, MACHINES = 25, 200  # 5,000 machines
BATCH = 500


def test_32_a_machine_that_flaps_two_hundred_times_is_one_incident_and_damped_notices(
    sessions: Sessions, cast: Cast
) -> None:
    for turn in range(200):
        now = cast.now + timedelta(seconds=30 * turn)
        with work(sessions, SYSTEM) as session:
            report(session, desk.signal(cast.plant_machine, now), now)
        with work(sessions, SYSTEM) as session:
            condition_ended(session, cast.plant_machine, "memory", now + timedelta(seconds=10), now)
    with work(sessions, SYSTEM) as session:
        assert len(desk.incidents(session)) == 1
        assert session.scalar(select(func.count()).select_from(Notice)) <= 12
        assert broken_chains(session) == []


def _fleet(session: Session, cast: Cast) -> list[uuid.UUID]:
    """Machines of many customers under platinum, each customer's in a hall of its own."""
    ids: list[uuid.UUID] = []
    for number in range(CUSTOMERS):
        customer = Customer(slug=f"c{number}", name=f"C {number}", zone="Europe/Paris", created_at=cast.now)
        session.add(customer)
        session.flush()
        site = Site(customer_id=customer.id, name="Hall", zone="Europe/Paris", country="FR", created_at=cast.now)
        contract = Contract(customer_id=customer.id, number=f"VC-{number}", tier="platinum", state="active",
                            starts_on=date(2026, 1, 1), ends_on=date(2026, 12, 31), zone="Europe/Paris",
                            created_at=cast.now)  # fmt: skip
        session.add_all([site, contract])
        session.flush()
        session.add(ContractLine(customer_id=customer.id, contract_id=contract.id))
        rows = [{"id": new_id(), "customer_id": customer.id, "name": f"c{number}-{n}", "site_id": site.id, "title": "",
                 "rack": f"R{n // 40}", "created_at": cast.now} for n in range(MACHINES)]  # fmt: skip
        session.execute(insert(Machine), rows)
        ids += [row["id"] for row in rows]  # type: ignore[misc]
    return ids


@pytest.mark.timeout(300)
def test_32_five_thousand_machines_in_a_minute_call_few_and_lose_none(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.execute(update(Person).values(capacity={"written": 1000}))
        ids = _fleet(session, cast)
        by_customer = dict(session.execute(select(Machine.id, Machine.customer_id)).all())  # type: ignore[arg-type]
    answers = []
    for start in range(0, len(ids), BATCH):
        seen = cast.now + timedelta(seconds=60 * start / len(ids))
        batch = [Signal(id, "power", kind="rule", severity=1, title="Power lost", summary="on battery", seen_at=seen,
                        evidence={}) for id in ids[start : start + BATCH]]  # fmt: skip
        with work(sessions, SYSTEM) as session:
            answers += report_all(session, batch, seen)
    assert len(answers) == 5_000
    with work(sessions, SYSTEM) as session:
        still_open = session.scalars(select(Incident).where(Incident.state.in_(OPEN_STATES))).all()
        touched = {by_customer[id] for id in ids}
        assert {incident.customer_id for incident in still_open} >= touched, "every contract has its incident"
        assert twice_open(session) == []
        assert broken_chains(session) == []
        pages = select(Notice.person_id, func.count()).where(Notice.rung >= 0).group_by(Notice.person_id)
        calls = dict(session.execute(pages).all())  # type: ignore[arg-type]
        assert sum(calls.values()) <= 4 * CUSTOMERS, "a few calls a contract, not one a machine"
    letters: list[Letter] = []

    def take(letter: Letter, now: object) -> Receipt:
        letters.append(letter)
        return Receipt()

    now = cast.now + timedelta(minutes=2)
    for _ in range(6):
        deliver_once(sessions, {"email": take}, now)
        now += outbox.DIGEST
    with work(sessions, SYSTEM) as session:
        waiting = session.scalar(select(func.count()).select_from(Notice).where(
            Notice.settled_at.is_(None), Notice.channel == "email"))  # fmt: skip
    assert waiting == 0
    assert len(letters) < 5_000 / 10


def test_32_in_a_flood_platinum_is_told_first_and_bronze_is_told_in_time(sessions: Sessions, cast: Cast) -> None:
    """One slow receiver for all: a platinum overtakes what came shortly before it, and nobody waits for ever."""
    tiers = ("bronze", "silver", "gold", "platinum")
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        (model,) = desk.incidents(session)
        held = {}
        for tier in tiers:
            alike = {column.name: getattr(model, column.name) for column in Incident.__table__.columns}
            del alike["number"]  # the database counts it
            copied = Incident(**(alike | {"tier": tier, "cause": tier, "id": new_id()}))
            session.add(copied)
            session.flush()
            held[tier] = copied
        session.execute(update(Notice).values(settled_at=cast.now))
        body = {"type": "vigie.incident.alert", "text": "t", "path": "/", "data": {"severity": 2}}
        for minute in range(40):  # every minute one of each, the least first
            for tier in tiers:
                draft = outbox.Draft(0, 1000 + minute, "webhook", "https://slow.example/", "s", body, tier)
                outbox.enqueue(session, held[tier], draft, cast.now + timedelta(minutes=minute))
    order: list[tuple[str, float]] = []
    heard: list[Told] = []
    for turn in range(400):  # the receiver takes one a quarter of a minute: just as many as come
        now = cast.now + timedelta(seconds=15 * turn)
        with work(sessions, SYSTEM) as session:
            for notice in outbox.claim(session, now, "webhook", "one", 1):
                outbox.settle(session, notice.id, {}, now)
                order.append((notice.why, (now - notice.due_at).total_seconds()))
                heard.append(Told(str(notice.id), (now - cast.now).total_seconds()))
        if len(order) == 160:
            break
    waits = {tier: [wait for name, wait in order if name == tier] for tier in tiers}
    assert Counter(name for name, _ in order) == dict.fromkeys(tiers, 40)
    assert max(waits["platinum"]) <= max(waits["gold"]) <= max(waits["bronze"])
    assert max(waits["platinum"]) <= 60
    assert max(waits["bronze"]) <= 900, "ten minutes of head start are all a platinum has"
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(Notice).where(Notice.channel == "webhook", Notice.round >= 1000))
        due = [Due(str(row.id), (row.due_at - cast.now).total_seconds(), 900) for row in rows]
    assert judge(History(due=due, told=heard)) == []
