"""Faults 22 to 24: the database drops its sessions, is fought over, and is full."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from escalation.intake import report_all
from escalation.tick import tick_all
from models.incidents import Incident
from models.session import SYSTEM, Sessions, make_engine, make_sessions, work
from tests import desk, postgres
from tests.cast import Cast
from tests.faults.deskwork import Clients, Worker, all_told, reach_by_web, utc_now, verdict
from tests.faults.history import Asked, Audited, History, Outcome
from tests.faults.judge import judge
from tests.rig import until
from tests.sink import sink


@pytest.mark.timeout(180)
def test_22_sessions_shot_at_random_lose_nothing_and_open_nothing_twice(
    sessions: Sessions, cast: Cast, database: str, tmp_path: Path
) -> None:
    shots = 0
    with sink() as there:
        reach_by_web(sessions, cast, there.url)
        with work(sessions, SYSTEM) as session:
            machines = [
                cast.plant_machine,
                *(desk.covered_machine(session, f"m{n}", "platinum", cast.now) for n in "ab"),
            ]
        worker = Worker(postgres.as_role(database, "worker"), tmp_path).start()
        try:
            with Clients(sessions, machines, utc_now, 0.02) as clients:
                until(lambda: there.heard, "notices flow")
                with psycopg.connect(postgres.plain(database), autocommit=True) as gun:
                    for _ in range(25):
                        hit = gun.execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                            " AND usename = 'vigie_worker' ORDER BY random() LIMIT 1"
                        ).fetchall()
                        shots += len(hit)
                        time.sleep(0.2)
            until(lambda: all_told(sessions), "every due notice is told after the last shot", 90)
        finally:
            worker.end()
        assert shots > 10
        verdict(sessions, there, clients.asked)


@pytest.mark.timeout(180)
def test_23_sixteen_threads_in_opposite_order_open_one_incident_each(
    sessions: Sessions, cast: Cast, database: str
) -> None:
    many = make_sessions(make_engine(postgres.as_role(database, "worker"), pool_size=16))
    with work(sessions, SYSTEM) as session:
        machines = [cast.plant_machine, *(desk.covered_machine(session, f"m{n}", "platinum", cast.now) for n in "abc")]
    retries, start = [], threading.Barrier(16)

    def batch(turn: int) -> list[str]:
        signals = [desk.signal(machine, cast.now, cause) for machine in machines for cause in ("memory", "cpu")]
        signals = signals[turn % 8 :] + signals[: turn % 8]
        if turn % 2:
            signals.reverse()
        start.wait(60)
        while True:
            try:
                with work(many, SYSTEM) as session:
                    return [answer.outcome for answer in report_all(session, signals, cast.now)]
            except OperationalError as error:
                # Waiting too long for one's turn is a reason to try again; a deadlock would be a defect.
                if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                    raise
                retries.append(turn)

    with ThreadPoolExecutor(16) as pool:
        outcomes = [outcome for batch in pool.map(batch, range(16)) for outcome in batch]
    many.kw["bind"].dispose()
    assert outcomes.count("opened") == 8
    assert set(outcomes) == {"opened", "joined"}
    with work(sessions, SYSTEM) as session:
        keys = [Audited(f"{one.machine_id}/{one.cause}") for one in session.query(Incident)]
        asked = [Asked(f"{machine}/{cause}", Outcome.OK) for machine in machines for cause in ("memory", "cpu")]
    assert judge(History(asked=asked, audited=keys)) == []
    print(f"{len(retries)} batches had to try again")


FULL = """
CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER disk_full BEFORE INSERT ON timeline FOR EACH ROW EXECUTE FUNCTION disk_full()
"""


def test_24_a_full_disk_leaves_nothing_half_written_and_work_goes_on_after_it(
    sessions: Sessions, cast: Cast, database: str
) -> None:
    engine = create_engine(database)
    asked: list[Asked] = []

    def open_one(key: str) -> None:
        try:
            with work(sessions, SYSTEM) as session:
                report_all(session, [desk.signal(cast.plant_machine, cast.now, key)], cast.now)
            asked.append(Asked(key, Outcome.OK))
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.DiskFull):
                raise
            asked.append(Asked(key, Outcome.FAILED))

    open_one("cause-before")
    with engine.begin() as connection:
        connection.execute(text(FULL))
    try:
        for number in range(5):
            open_one(f"cause-{number}")
        with pytest.raises(OperationalError, match="No space left"):
            tick_all(sessions, cast.now + desk.minutes(6))  # the worker's loop waits and tries again
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER disk_full ON timeline"))
            connection.execute(text("DROP FUNCTION disk_full()"))
        engine.dispose()
    open_one("cause-after")
    assert tick_all(sessions, cast.now + desk.minutes(6))[0] == 2
    with work(sessions, SYSTEM) as session:
        effects = [Audited(one.cause) for one in session.query(Incident)]
        assert judge(History(asked=asked, audited=effects)) == []
        assert len(desk.story(session, "opened")) == 2
    assert [one.outcome for one in asked] == [Outcome.OK, *[Outcome.FAILED] * 5, Outcome.OK]
