"""Faults 26, 27 and 31: schedulers that die in mid-tick or sleep, and an acknowledgement at the moment of the tick."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.offspring import Process
from escalation import acts
from escalation.incident import NotNow
from escalation.intake import report
from escalation.tick import tick_all
from models.incidents import Incident
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk, nursery, postgres
from tests.cast import Cast
from tests.faults import killpoint
from tests.faults.deskwork import (
    Worker,
    all_told,
    broken_chains,
    effects,
    ladders,
    reach_by_web,
    utc_now,
    verdict,
)
from tests.faults.history import Asked, Audited, Climbed, History, Outcome
from tests.faults.judge import judge
from tests.rig import until
from tests.sink import sink

TICK = """
import sys
from datetime import datetime
from escalation.tick import tick_all
from models.session import make_engine, make_sessions
print(tick_all(make_sessions(make_engine(sys.argv[1])), datetime.fromisoformat(sys.argv[2]))[0])
"""
RACES = int(os.environ.get("VIGIE_RACES", "1000"))
T = TypeVar("T")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("when", ["before", "after"])
def test_26_of_two_schedulers_one_dies_in_mid_tick_and_every_rung_is_climbed_once(
    when: str, sessions: Sessions, cast: Cast, database: str, tmp_path: Path
) -> None:
    with work(sessions, SYSTEM) as session:
        for number in range(6):
            report(session, desk.signal(cast.plant_machine, cast.now, f"cause-{number}", severity=1), cast.now)
    due = cast.now + timedelta(minutes=5)

    def scheduler(before: str) -> Process:
        arguments = (postgres.as_role(database, "worker"), due.isoformat())
        with (tmp_path / "said").open("ab") as out:
            return nursery.start(before + TICK, *arguments, environment=os.environ, out=out)

    deadly = killpoint.prelude("escalation.climbing:climb", when, 3)  # type: ignore[arg-type]
    both = [scheduler(deadly), scheduler("")]
    codes = [each.wait(120) for each in both]
    assert codes[1] == 0, (tmp_path / "said").read_text()
    assert codes[0] in (-signal.SIGKILL, 0), "it dies, unless the other was quicker with all but two"
    tick_all(sessions, due)
    with work(sessions, SYSTEM) as session:
        assert {one.rung for one in session.scalars(select(Incident))} == {1}
        climbed, _ = ladders(session)
        assert len(climbed) == 2 * 6
        pages = session.execute(select(Notice.incident_id, Notice.rung, Notice.person_id)).all()
        paged = [Audited(f"the page of {page}") for page in pages]
        opened = [Asked(f"cause-{number}", Outcome.OK) for number in range(6)]
        once = [Asked(key, Outcome.UNKNOWN) for key in {each.key for each in paged}]
        history = History(climbed=climbed, asked=[*opened, *once], audited=[*effects(session), *paged])
        assert judge(history) == []
        assert broken_chains(session) == []


@pytest.mark.timeout(180)
def test_27_a_scheduler_asleep_for_two_hours_tells_each_person_once_and_goes_on(
    sessions: Sessions, cast: Cast, database: str, tmp_path: Path
) -> None:
    with sink() as there:
        reach_by_web(sessions, cast, there.url)
        worker = Worker(postgres.as_role(database, "worker"), tmp_path).start()
        try:
            until(lambda: "at work" in worker.words, "the worker works")
            with work(sessions, SYSTEM) as session:
                report(session, desk.signal(cast.plant_machine, utc_now(), severity=1), utc_now())
            until(lambda: all_told(sessions) and there.heard, "the first page is told")
            worker.send(signal.SIGSTOP)
            first = len(there.heard)
            worker.move(2 * 3600)
            worker.send(signal.SIGCONT)
            until(lambda: desk_rung(sessions) >= 2, "the overdue rungs are climbed", 60)
            until(lambda: all_told(sessions), "everybody is told", 60)
        finally:
            worker.end()
        woken = Counter(one.path for one in there.heard[first:])
        verdict(sessions, there)
    with work(sessions, SYSTEM) as session:
        pages = [Audited(f"the page of {person}") for person in session.scalars(
            select(Notice.person_id).where(Notice.rung > 0))]  # fmt: skip
        once = [Asked(page.key, Outcome.UNKNOWN) for page in pages]
        assert judge(History(asked=once, audited=pages)) == [], "no burst: each person is paged once"
    assert pages
    assert woken
    assert max(woken.values()) <= 3, "a page, and a word each of the promises that were missed meanwhile"


def desk_rung(sessions: Sessions) -> int:
    with work(sessions, SYSTEM) as session:
        return session.scalar(select(Incident.rung)) or 0


@pytest.mark.timeout(400)
def test_31_an_acknowledgement_at_the_moment_of_the_tick_is_never_followed_by_a_rung(
    sessions: Sessions, cast: Cast, database: str
) -> None:
    """A thousand incidents, each acknowledged in the very moment in which its second rung is due."""
    due = cast.now + timedelta(minutes=10)
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).capacity = {"written": 10_000}
        for person in session.scalars(select(Person)):
            person.notify = person.notify[:1] if person.id in (cast.dee, cast.eve) else []
        report(session, desk.signal(cast.plant_machine, cast.now, "cause-0", severity=3), cast.now)
        ids = _copies(session, RACES)
        # One after the other is the longest overdue, so that each tick is about the incident in question.
        for number, id in enumerate(ids):
            session.execute(update(Incident).where(Incident.id == id).values(
                next_rung_at=due - timedelta(milliseconds=RACES - number)))  # fmt: skip
    at_once, asked = threading.Barrier(2), []

    def acknowledge() -> None:
        for id in ids:
            at_once.wait(60)
            said = patiently(lambda: _acknowledge(sessions, cast, id, due))  # noqa: B023  called at once
            asked.append(Asked(str(id), Outcome.FAILED if isinstance(said, NotNow) else Outcome.OK))

    other = threading.Thread(target=acknowledge)
    other.start()
    for _ in ids:
        at_once.wait(60)
        patiently(lambda: tick_all(sessions, due, limit=1))
    other.join()
    assert {one.outcome for one in asked} == {Outcome.OK}
    with work(sessions, SYSTEM) as session:
        late = [incident.label for incident in session.scalars(select(Incident).where(Incident.id.in_(ids)))
                if incident.state != "acknowledged" or incident.next_rung_at is not None]  # fmt: skip
        assert late == []
        told, answered = ladders(session)
        copied = [Climbed(str(id), 0, -1) for id in ids[1:]]  # with its rung, without its story
        acknowledged = [Audited(one.incident) for one in answered]
        history = History(climbed=[*copied, *told], answered=answered, asked=asked, audited=acknowledged)
        assert judge(history) == []
        climbed = session.scalar(select(func.count()).select_from(Incident).where(Incident.rung == 1))
    assert tick_all(sessions, due + timedelta(hours=1))[0] <= RACES  # promises, but no rung:
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Incident).where(Incident.rung > 1)) == 0
    print(f"the tick came first {climbed} times of {RACES}")


def patiently(deed: Callable[[], T]) -> T:
    """Do it again where a turn was waited for too long, as people and the worker's loop do."""
    while True:
        try:
            return deed()
        except OperationalError as late:
            if not isinstance(late.orig, psycopg.errors.LockNotAvailable):
                raise


def _acknowledge(sessions: Sessions, cast: Cast, id: uuid.UUID, at: datetime) -> Incident | NotNow:
    with work(sessions, SYSTEM) as session:
        return acts.acknowledge(session, id, desk.actor(cast, "dee"), at)


def _copies(session: Session, wanted: int) -> list[uuid.UUID]:
    """As many incidents as wanted: the one there is, and copies of it under causes of their own."""
    columns = [column.name for column in Incident.__table__.columns if column.name not in ("id", "cause", "number")]
    names = ", ".join(columns)
    made = (
        f"INSERT INTO incidents (id, cause, {names}) SELECT gen_random_uuid(), 'cause-' || n, {names}"  # noqa: S608
        f" FROM incidents, generate_series(1, {wanted - 1}) n"
    )
    session.execute(text(made))
    return list(session.scalars(select(Incident.id).order_by(Incident.number)))
