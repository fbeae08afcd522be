"""Fault 21: the database is killed five times under load, and every promise is kept by those who lived through it."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app import embedded, migrate
from models.session import SYSTEM, Sessions, make_engine, make_sessions, work
from tests import desk
from tests.cast import settle
from tests.faults.deskwork import Clients, Worker, all_told, reach_by_web, utc_now, verdict
from tests.faults.history import Outcome
from tests.rig import until
from tests.sink import Sink, sink

# With no word to anybody, and as `pg_ctl stop -m immediate` does it: neither leaves a checkpoint.
CRASHES = [signal.SIGKILL, signal.SIGQUIT, signal.SIGKILL, signal.SIGQUIT, signal.SIGKILL]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: a socket's whole path must fit a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="vg-") as made:
        data = Path(made) / "data"
        data.mkdir(mode=0o700)
        yield data


@pytest.mark.timeout(300)
def test_21_a_database_that_crashes_five_times_under_load_loses_nothing_and_tells_nobody_twice(
    folder: Path, tmp_path: Path
) -> None:
    with ExitStack() as ends, sink() as there:
        for turn, crash in enumerate([*CRASHES, None]):
            with embedded.running(folder) as cluster:
                if not turn:
                    sessions, clients, worker = _at_work(cluster, there, tmp_path, ends)
                before = len(there.heard)
                until(lambda: len(there.heard) > before, f"notices flow before {crash!r}")  # noqa: B023  called at once
                if crash is not None:
                    # Now that one was heard, its sender has not written so yet: the worst of moments.
                    os.kill(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]), crash)
                    continue
                clients.stop()
                until(lambda: all_told(sessions), "every due notice is told after the last crash")  # noqa: B023
                assert worker.process is not None
                assert worker.process.poll() is None, "the worker lives through it"
                verdict(sessions, there, clients.asked)
                assert sum(one.outcome is Outcome.OK for one in clients.asked) > len(CRASHES)


def _at_work(
    cluster: embedded.Cluster, there: Sink, tmp_path: Path, ends: ExitStack
) -> tuple[Sessions, Clients, Worker]:
    """A database with the cast in it, a worker that tells, and clients that open incidents all the time."""
    migrate.upgrade(cluster.url(embedded.OWNER))
    url = cluster.url(embedded.WORKER)
    engine = make_engine(url)
    ends.callback(engine.dispose)
    sessions = make_sessions(engine)
    with work(sessions, SYSTEM) as session:
        cast = settle(session, utc_now())
        machines = [cast.plant_machine, desk.covered_machine(session, "m1", "platinum", cast.now)]
    reach_by_web(sessions, cast, there.url)
    worker = Worker(url, tmp_path).start()
    ends.callback(lambda: print(worker.words[-4000:]))  # shown when it fails
    ends.callback(worker.end)
    return sessions, ends.enter_context(Clients(sessions, machines, utc_now, 0.3)), worker
