"""A customer's rows are hidden from every other, whatever a query forgets."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from models.audit import AuditEntry, first_broken_link, record
from models.customers import Customer
from models.machines import Machine
from models.session import STAFF, SYSTEM, Sessions, work
from tests.cast import Cast


def test_a_customer_sees_only_its_own_rows(web_sessions: Sessions, cast: Cast) -> None:
    with work(web_sessions, cast.plant) as session:
        assert session.scalars(select(Machine.name)).all() == ["plant-db-1"]
        assert session.scalars(select(Customer.id)).all() == [cast.plant]


def test_no_scope_sees_nothing_even_on_a_connection_used_before(web_sessions: Sessions, cast: Cast) -> None:
    with work(web_sessions, cast.plant):
        pass
    with web_sessions.begin() as session:
        assert session.scalars(select(Machine.name)).all() == []


def test_staff_and_workers_see_every_customer(web_sessions: Sessions, sessions: Sessions, cast: Cast) -> None:
    for some, reach in ((web_sessions, STAFF), (sessions, SYSTEM)):
        with work(some, reach) as session:
            assert session.scalars(select(Machine.name).order_by(Machine.name)).all() == ["joinery-files", "plant-db-1"]


def test_a_customer_cannot_write_into_another(web_sessions: Sessions, cast: Cast) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), work(web_sessions, cast.joinery) as session:
        session.add(Machine(customer_id=cast.plant, name="smuggled", created_at=cast.now))


def test_the_audit_chain_verifies_and_names_the_first_broken_link(
    sessions: Sessions, cast: Cast, database: str
) -> None:
    with work(sessions, SYSTEM) as session:
        for deed in ("first", "second", "third"):
            record(session, actor="Dee", deed=deed, subject="x", now=cast.now, customer_id=cast.plant, facts={"n": 1.5})
    chain = select(AuditEntry).where(AuditEntry.customer_id == cast.plant).order_by(AuditEntry.id)
    with work(sessions, SYSTEM) as session:
        assert first_broken_link(session.scalars(chain)) is None
    with pytest.raises(ProgrammingError, match="permission denied"), work(sessions, SYSTEM) as session:
        session.execute(text("UPDATE audit SET deed = 'forged'"))
    from sqlalchemy import create_engine

    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit SET deed = 'forged' WHERE deed = 'second'"))
    engine.dispose()
    with work(sessions, SYSTEM) as session:
        broken = first_broken_link(session.scalars(chain))
        assert broken is not None
        assert broken.deed == "forged"
