"""Loops that fail alone, wake when there is work, and stop when told; the whole desk on a real database."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from escalation import wake
from escalation import work as desk_work
from escalation.intake import report
from escalation.loops import Loop, run_loops
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk, postgres
from tests.cast import Cast

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def test_a_body_that_raises_is_counted_and_rests_longer_each_time() -> None:
    def broken(now: datetime) -> None:
        raise RuntimeError("away")

    loop = Loop("broken", 5, broken)
    assert [loop.once(NOW) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (loop.failures, loop.failing, loop.runs, loop.last_error) == (8, 8, 0, "RuntimeError: away")


@pytest.mark.parametrize(
    ("due", "pause"), [(None, 30.0), (timedelta(seconds=7), 7.0), (timedelta(hours=1), 30.0), (-timedelta(1), 0.0)]
)
def test_a_loop_sleeps_until_it_is_wanted_and_no_longer_than_its_time(due: timedelta | None, pause: float) -> None:
    loop = Loop("calm", 30, lambda now: now + due if due is not None else None)
    assert loop.once(NOW) == pause
    assert (loop.runs, loop.failing, loop.last_run_at) == (1, 0, NOW)


def test_one_loop_that_fails_leaves_the_others_running_and_all_end_together() -> None:
    stop, ran = threading.Event(), threading.Semaphore(0)

    def fine(now: datetime) -> datetime:
        ran.release()
        return now

    def broken(now: datetime) -> None:
        raise RuntimeError("away")

    loops = [Loop("broken", 60, broken), Loop("fine", 60, fine)]
    runner = threading.Thread(target=run_loops, args=(loops, stop, lambda: datetime.now(UTC)))
    runner.start()
    for _ in range(5):
        assert ran.acquire(timeout=30)
    stop.set()
    runner.join(30)
    assert not runner.is_alive()
    assert loops[0].failures >= 1


def test_a_nudge_wakes_those_who_want_one() -> None:
    stop, ran, nudged = threading.Event(), threading.Semaphore(0), threading.Event()

    def body(now: datetime) -> None:
        ran.release()

    def nudges(nudge: object, over: threading.Event) -> None:
        nudged.wait(30)
        assert callable(nudge)
        nudge()

    deaf = Loop("deaf", 3600, lambda now: None, nudged=False)
    runner = threading.Thread(
        target=run_loops,
        args=([Loop("keen", 3600, body), deaf], stop, lambda: datetime.now(UTC)),
        kwargs={"nudges": nudges},
    )
    runner.start()
    assert ran.acquire(timeout=30)
    nudged.set()
    assert ran.acquire(timeout=30)
    stop.set()
    runner.join(30)
    assert deaf.runs == 1


def test_the_desk_delivers_a_page_as_soon_as_the_incident_commits(
    sessions: Sessions, cast: Cast, database: str, tmp_path: Path
) -> None:
    channels = desk_work.make_channels(
        mail_from="Vigie <vigie@house.example>",
        smtp_url="",
        folder=tmp_path / "mail",
        secrets=[],
        house="http://127.0.0.1:8080",
    )
    assert sorted(channels) == ["email", "file", "pagerduty", "slack", "teams"]
    loops, close = desk_work.desk_loops(sessions, channels, lambda: datetime.now(UTC))
    stop = threading.Event()
    runner = threading.Thread(
        target=run_loops,
        args=(loops, stop, lambda: datetime.now(UTC)),
        kwargs={"nudges": partial(wake.listen, postgres.as_role(database, "worker"))},
    )
    runner.start()
    try:
        with work(sessions, SYSTEM) as session:
            report(session, desk.signal(cast.plant_machine, datetime.now(UTC)), cast.now)
        deadline = time.monotonic() + 60
        while True:
            with work(sessions, SYSTEM) as session:
                # The same desk tells that contracts end, by a date of its own.
                notice = session.scalars(select(Notice).where(Notice.incident_id.is_not(None))).first()
                if notice is not None and notice.settled_at is not None:
                    break
            assert time.monotonic() < deadline, "the page was not delivered"
            time.sleep(0.1)
    finally:
        stop.set()
        runner.join(60)
        close()
    assert not runner.is_alive()
    files = [file for file in (tmp_path / "mail").iterdir() if str(notice.id) in file.name]
    assert len(files) == 1
    assert "http://127.0.0.1:8080/incidents/VG-" in files[0].read_text()
