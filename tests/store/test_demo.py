"""The demo comes whole, comes once, and goes without a trace and without taking anybody else's rows along."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, inspect, select, text
from sqlalchemy.orm import Session

from app import demo
from escalation import proving, reach, roster, rota
from models import Base
from models.agreements import Contract
from models.customers import Customer
from models.incidents import Incident
from models.machines import Machine, MachineCredential
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from models.telemetry import LabOrder
from telemetry import enrol
from telemetry.lab import cast as play
from telemetry.lab.faults import Fault, Kind
from telemetry.lab.orders import place
from tests.cast import Cast

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def install(
    sessions: Sessions, known: dict[str, str] | None = None, now: datetime = NOW, host: str = "desk"
) -> dict[str, str]:
    with work(sessions, SYSTEM) as session:
        return demo.install(session, now, host, known or {})


def rows(session: Session) -> dict[str, int]:
    """How many rows each table holds."""
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }


def test_the_demo_has_every_tier_one_expired_contract_and_sixty_machines(sessions: Sessions) -> None:
    install(sessions)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count(Machine.id))) == 61
        assert set(session.scalars(select(Contract.tier))) == {"bronze", "silver", "gold", "platinum"}
        ended = session.scalars(select(Contract).where(Contract.ends_on < NOW.date())).all()
        assert len(ended) == 1
        assert session.scalar(select(func.count(Customer.id)).where(~Customer.demo)) == 0
        assert session.scalar(select(func.count(Person.id)).where(~Person.demo)) == 0


def test_each_secret_opens_the_credential_kept_for_its_machine(sessions: Sessions) -> None:
    secrets = install(sessions)
    with work(sessions, SYSTEM) as session:
        kept = session.execute(
            select(Machine.name, MachineCredential.password_hash).join(
                MachineCredential, MachineCredential.machine_id == Machine.id
            )
        ).all()
    assert {name for name, _ in kept} == set(secrets)
    assert all(enrol.fits(secrets[name], hashed) for name, hashed in kept)
    assert len(set(secrets.values())) == len(secrets)


def test_installing_twice_changes_nothing(sessions: Sessions) -> None:
    first = install(sessions)
    with work(sessions, SYSTEM) as session:
        before = rows(session)
    assert install(sessions, first) == first
    with work(sessions, SYSTEM) as session:
        assert rows(session) == before


def test_a_machine_whose_secret_was_lost_gets_a_new_one(sessions: Sessions) -> None:
    first = install(sessions)
    kept = {name: secret for name, secret in first.items() if name != "vmc-db-1"}
    second = install(sessions, kept)
    assert second["vmc-db-1"] != first["vmc-db-1"]
    assert {k: v for k, v in second.items() if k != "vmc-db-1"} == kept


@pytest.mark.parametrize("hours", [0, 5, 9, 14, 23, 24 * 6])
def test_two_engineers_one_of_them_senior_are_on_duty_in_every_zone_at_any_hour(sessions: Sessions, hours: int) -> None:
    install(sessions)
    at = NOW + timedelta(hours=hours)
    with work(sessions, SYSTEM) as session:
        people = roster.our_people(session)
        on_duty = [(unit, people[id].level) for id, units in roster.units_now(session, at).items() for unit in units
                   if people[id].role == "engineer"]  # fmt: skip
    for unit in ("europe", "americas", "asia-pacific"):
        levels = [level for where, level in on_duty if where == unit]
        assert len(levels) == 2
        assert "senior" in levels


def test_the_duty_plan_has_no_gap_and_is_made_once(sessions: Sessions) -> None:
    known = install(sessions)
    later = NOW + timedelta(days=10)
    install(sessions, known, later)
    with work(sessions, SYSTEM) as session:
        plans = roster.schedules(session, later, later + timedelta(days=60))
        assert len(plans) == 9
        assert [gap for _, plan in plans for gap in rota.gaps(plan, later, later + timedelta(days=60))] == []


def test_all_but_one_of_the_demos_people_are_proved_reachable_and_none_is_an_alarm(sessions: Sessions) -> None:
    install(sessions)
    with work(sessions, SYSTEM) as session:
        known, later = proving.proofs(session), NOW + timedelta(days=40)
        unproved = [person.name for person in roster.our_people(session).values()
                    if not reach.is_proved([proof for _, proof in proving.of(person, known)], later)]  # fmt: skip
        assert unproved == [demo.UNPROVED]
        assert proving.unproved(session, later) == []


def test_this_host_is_a_machine_under_a_platinum_contract(sessions: Sessions) -> None:
    secrets = install(sessions, host="Büro PC_7.local")
    assert "this-host-b-ro-pc_7.local" in secrets
    with work(sessions, SYSTEM) as session:
        tier = session.scalar(
            select(Contract.tier)
            .join(Machine, Machine.customer_id == Contract.customer_id)
            .where(Machine.name == "this-host-b-ro-pc_7.local")
        )
    assert tier == "platinum"


def test_a_renamed_host_retires_its_old_name(sessions: Sessions) -> None:
    known = install(sessions, host="old")
    now_known = install(sessions, known, host="new")
    assert "this-host-new" in now_known
    assert "this-host-old" not in now_known
    with work(sessions, SYSTEM) as session:
        old = session.scalars(select(Machine).where(Machine.name == "this-host-old")).one()
        live = select(func.count()).where(
            MachineCredential.machine_id == old.id, MachineCredential.revoked_at.is_(None)
        )
        assert old.retired_at == NOW
        assert session.scalar(live) == 0


@pytest.mark.parametrize("hostname", ["", "---", "x" * 200, "ALL.CAPS", "dot.", "日本"])
def test_any_host_name_becomes_a_machine_name(sessions: Sessions, hostname: str) -> None:
    with work(sessions, SYSTEM) as session:
        fits = session.scalar(
            text("SELECT :name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'"), {"name": demo.host_machine(hostname)}
        )
    assert fits


def test_removing_takes_every_demo_row_and_nothing_else(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        before = rows(session)
    install(sessions)
    with work(sessions, SYSTEM) as session:
        place(session, Fault(Kind.FAN, "vmc-db-1", NOW), None, NOW)
    with work(sessions, SYSTEM) as session:
        gone = demo.remove(session, NOW)
    assert (gone.customers, gone.machines) == (13, 61)
    with work(sessions, SYSTEM) as session:
        after = rows(session)
        assert session.get(Customer, cast.plant) is not None
        assert demo.count(session) == demo.Count(0, 0, 0)
    # The audit is insert-only by design: it still tells what was enrolled and removed.
    assert {k: v for k, v in after.items() if k != "audit"} == {k: v for k, v in before.items() if k != "audit"}


def test_a_notice_of_ones_own_outlives_the_demos_engineer_it_went_to(sessions: Sessions, cast: Cast) -> None:
    install(sessions)
    with work(sessions, SYSTEM) as session:
        own = Incident(
            customer_id=cast.plant,
            cause="memory",
            severity=2,
            title="Memory",
            began_at=NOW,
            opened_at=NOW,
            changed_at=NOW,
        )
        session.add(own)
        session.flush()  # the notice refers to it
        theirs = session.scalars(select(Person).where(Person.demo, Person.customer_id.is_(None)).limit(1)).one()
        told = {"channel": "email", "address": theirs.email, "subject": "Memory", "body": {"text": "Memory fills"}}
        at = {"created_at": NOW, "due_at": NOW, "next_try_at": NOW}
        session.add(Notice(customer_id=cast.plant, incident_id=own.id, rung=0, person_id=theirs.id, **told, **at))
    with work(sessions, SYSTEM) as session:
        demo.remove(session, NOW)
    with work(sessions, SYSTEM) as session:
        kept = session.scalars(select(Notice)).one()
        assert (kept.person_id, kept.address) == (None, theirs.email)


def test_the_demo_comes_back_after_it_was_removed(sessions: Sessions) -> None:
    install(sessions)
    with work(sessions, SYSTEM) as session:
        demo.remove(session, NOW)
    assert len(install(sessions)) == 61


def test_a_customer_of_ones_own_with_a_demo_name_is_left_alone(sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(Customer(slug="corrib", name="My own Corrib", created_at=NOW))
    with pytest.raises(demo.DemoError, match="corrib"):
        install(sessions)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count(Customer.id))) == 1
        demo.remove(session, NOW)
        assert session.scalar(select(func.count(Customer.id))) == 1


def test_names_of_the_cast_are_unique_and_no_customer_is_without_a_contact() -> None:
    names = [member.build.name for member in play.machines()]
    assert len(set(names)) == len(names) == 60
    assert len({house.prefix for house in play.HOUSES}) == len(play.HOUSES) == 12
    assert all(house.contacts for house in play.HOUSES)
    assert {place.name for house in play.HOUSES for place in house.places} >= {m.site for m in play.machines()}


def test_every_table_that_names_a_machine_is_known_here(sessions: Sessions) -> None:
    """A new table with a machine's bare name, and no tie to a customer, would keep demo rows behind."""
    with work(sessions, SYSTEM) as session:
        found = inspect(session.connection())
        tables = {
            table
            for table in found.get_table_names()
            if "machine" in {column["name"] for column in found.get_columns(table)}
        }
    assert tables <= {"delivery_ledger", "dead_letters", LabOrder.__tablename__}
