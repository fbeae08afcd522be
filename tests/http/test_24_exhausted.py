"""Fault 24 at the front door: no connection left, or a full disk, is 503 with Retry-After, and nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from flask import Flask
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.audit import AuditEntry
from models.decisions import DecisionRow
from models.incidents import Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.faults.test_22_database import FULL
from tests.http.conftest import Visitor

ASKED = {"machine": "plant-db-1", "severity": 1, "title": "the line stands"}


def counts(sessions: Sessions) -> list[int]:
    with work(sessions, SYSTEM) as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0
                for table in (Incident, DecisionRow, AuditEntry)]  # fmt: skip


def test_24_a_full_disk_is_said_with_the_time_to_come_back(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast, database: str
) -> None:
    ada, before = visit("ada"), counts(sessions)
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(FULL))
    try:
        refused = ada.post("/api/v1/incidents", ASKED)
        assert ada.get("/api/v1/incidents").status_code == 200, "reading goes on"
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER disk_full ON timeline"))
            connection.execute(text("DROP FUNCTION disk_full()"))
        engine.dispose()
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert counts(sessions) == before
    assert ada.post("/api/v1/incidents", ASKED).status_code == 201


def test_24_no_connection_left_is_said_with_the_time_to_come_back(visit: Callable[[str], Visitor], app: Flask) -> None:
    ada, engine = visit("ada"), app.extensions["vigie.engine"]
    engine.pool._timeout = 0.2  # what is waited for before it is said
    with ExitStack() as held:
        try:
            for _ in range(100):
                held.enter_context(engine.connect())
        except PoolTimeout:
            refused = ada.get("/api/v1/incidents")
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert ada.get("/api/v1/incidents").status_code == 200
