"""Warnings of promises: each share fires once, at its stored instant, also after a sleep, and follows its clock."""

from __future__ import annotations

import threading
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from contracts.budget import Budget
from contracts.promising import Leg
from escalation import acts, thresholds, timers
from escalation.incident import NotNow
from escalation.intake import report
from escalation.tick import tick_all
from models.base import new_id
from models.calendars import Threshold
from models.incidents import Incident, Promise, TimelineEntry
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PERCENTS = (50, 75, 90, 100)
OFFICE = {"tz": "Europe/Paris", "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
ALWAYS = {"always_open": True}


def opened(sessions: Sessions, cast: Cast, severity: int = 1) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now, severity=severity), cast.now)


def rows(sessions: Sessions) -> dict[int, Threshold]:
    with work(sessions, SYSTEM) as session:
        found = session.scalars(select(Threshold).join(Promise).where(Promise.kind == "respond"))
        return {row.percent: row for row in found}


def test_a_promise_has_a_row_for_each_share_with_its_instant(sessions: Sessions, cast: Cast) -> None:
    opened(sessions, cast)  # platinum, severity 1: fifteen minutes around the clock
    assert {percent: row.at for percent, row in rows(sessions).items()} == {
        50: cast.now + 7.5 * MINUTE,
        75: cast.now + 11.25 * MINUTE,
        90: cast.now + 13.5 * MINUTE,
        100: cast.now + 15 * MINUTE,
    }


def test_the_owner_is_warned_once_and_reads_it_in_the_story(sessions: Sessions, cast: Cast) -> None:
    opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        assert not isinstance(acts.claim(session, desk.the_incident(session).id, desk.actor(cast, "dee"), cast.now),
                              NotNow)  # fmt: skip
    for n in range(4 * 15):
        tick_all(sessions, cast.now + n * MINUTE / 4)
    with work(sessions, SYSTEM) as session:
        assert desk.story(session, "threshold") == [
            "75 % of the first response is used up.",
            "90 % of the first response is used up.",
        ]
        said = select(func.count()).select_from(Notice).where(Notice.why == "a promise nears its end")
        assert session.scalar(said) == 2


def test_a_reminder_and_the_next_word_to_the_owner_are_both_sent(sessions: Sessions, cast: Cast) -> None:
    opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        acts.claim(session, desk.the_incident(session).id, desk.actor(cast, "dee"), cast.now)
    tick_all(sessions, cast.now + 12 * MINUTE)
    with work(sessions, SYSTEM) as session:
        acts.reply(session, desk.the_incident(session).id, desk.actor(cast, "ada"), cast.now + 12 * MINUTE, "And?")
    with work(sessions, SYSTEM) as session:
        whys = list(session.scalars(select(Notice.why).where(Notice.person_id == cast.dee, Notice.rung < 0)))
    assert sorted(whys) == ["a promise nears its end", "the customer wrote"]


def test_what_fired_during_a_pause_of_ours_fires_once_and_is_marked_late(sessions: Sessions, cast: Cast) -> None:
    opened(sessions, cast)
    tick_all(sessions, cast.now + 7.5 * MINUTE)
    woken = cast.now + 2 * HOUR
    tick_all(sessions, woken)
    tick_all(sessions, woken + MINUTE)
    found = rows(sessions)
    assert [found[percent].late for percent in PERCENTS] == [False, True, True, True]
    assert [found[percent].fired_at for percent in PERCENTS[1:]] == [woken] * 3
    with work(sessions, SYSTEM) as session:
        assert desk.story(session, "threshold") == ["90 % of the first response is used up. This warning comes late."]


def test_a_wait_holds_the_warnings_and_its_end_moves_them(sessions: Sessions, cast: Cast) -> None:
    opened(sessions, cast)
    tick_all(sessions, cast.now + 7.5 * MINUTE)
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        acts.wait(session, desk.the_incident(session).id, dee, cast.now + 8 * MINUTE, "customer", "the key")
    assert {row.at for percent, row in rows(sessions).items() if percent != 50} == {None}
    tick_all(sessions, cast.now + 90 * MINUTE)
    with work(sessions, SYSTEM) as session:
        acts.resume(session, desk.the_incident(session).id, dee, cast.now + 98 * MINUTE)
    found = rows(sessions)
    assert found[50].fired_at == cast.now + 7.5 * MINUTE
    assert [found[percent].at for percent in (75, 90, 100)] == [
        cast.now + (90 + share) * MINUTE for share in (11.25, 13.5, 15)
    ]


def test_a_kept_promise_warns_of_nothing_more(sessions: Sessions, cast: Cast) -> None:
    opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        acts.reply(session, desk.the_incident(session).id, desk.actor(cast, "dee"), cast.now + MINUTE, "We look.")
    assert {row.at for row in rows(sessions).values()} == {None}


def test_what_somebody_has_in_hand_is_left_to_them_and_fired_after(sessions: Sessions, cast: Cast) -> None:
    opened(sessions, cast)
    now = cast.now + 8 * MINUTE
    with work(sessions, SYSTEM) as session:
        desk.the_incident(session)
        session.execute(select(Incident).with_for_update())
        assert timers.fire(sessions, now) == []
    assert [one.percent for one in timers.fire(sessions, now)] == [50]


def test_two_workers_fire_each_warning_once(sessions: Sessions, cast: Cast) -> None:
    _fleet(sessions, cast, 600, lambda n: (cast.now, Budget(seconds=3600), ALWAYS))
    fired: list[timers.Fired] = []
    workers = [threading.Thread(target=lambda: fired.extend(timers.fire(sessions, cast.now + 2 * HOUR)))
               for _ in range(4)]  # fmt: skip
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    fired += timers.fire(sessions, cast.now + 2 * HOUR)  # what one worker had in hand while another looked
    assert len(fired) == len({(one.promise_id, one.percent) for one in fired}) == 2400


def _fleet(sessions: Sessions, cast: Cast, size: int, clock_of: Any) -> None:
    """Running clocks, straight into the tables: one incident each, all warnings armed."""
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        model = desk.the_incident(session)
        common = {name: getattr(model, name) for name in ("customer_id", "cause", "severity", "title", "began_at",
                                                          "opened_at", "terms", "ladder", "changed_at")}  # fmt: skip
        session.execute(update(Threshold).values(at=None))
        session.execute(update(Promise).values(state="cancelled", due_at=None))
        incidents, promises, warnings = [], [], []
        for n in range(size):
            start, budget, calendar = clock_of(n)
            incident, promise = new_id(), new_id()
            leg = Leg(start, budget, calendar)
            incidents.append({"id": incident, **common, "state": "working"})
            promises.append({"id": promise, "customer_id": cast.plant, "incident_id": incident, "kind": "respond",
                             "started_at": start, "due_at": leg.due(()), "budget": budget.to_json(),
                             "calendar": calendar})  # fmt: skip
            warnings += [
                {"id": new_id(), "customer_id": cast.plant, "promise_id": promise, "incident_id": incident,
                 "percent": percent, "at": at, "fired_at": None, "late": False}
                for percent, at in thresholds.instants([leg], (), PERCENTS).items()
            ]  # fmt: skip
        session.execute(insert(Incident), incidents)
        session.execute(insert(Promise), promises)
        session.execute(insert(Threshold), warnings)


@pytest.mark.timeout(600)
def test_ten_thousand_clocks_moved_through_a_day_fire_each_share_once_at_its_instant(
    sessions: Sessions, cast: Cast
) -> None:
    budgets = [Budget(seconds=seconds) for seconds in (7200, 14_400, 28_800)]

    def clock_of(n: int) -> tuple[datetime, Budget, dict[str, Any]]:
        return cast.now + n % 40 * 10 * MINUTE, budgets[n % 3], OFFICE if n % 2 else ALWAYS

    _fleet(sessions, cast, 10_000, clock_of)
    end, woken = cast.now + timedelta(hours=24), cast.now + 6 * HOUR
    slept = (cast.now + 4 * HOUR, woken)
    fired: list[tuple[timers.Fired, datetime]] = []
    now = cast.now
    while now <= end:
        fired += [(one, now) for one in timers.fire(sessions, now)]
        with work(sessions, SYSTEM) as session:
            due = timers.next_due(session, now)
        if due is None:
            break
        now = woken if slept[0] < due < woken else due  # the process sleeps from hour four to hour six
    keys = {(one.promise_id, one.percent) for one, _ in fired}
    assert len(fired) == len(keys)
    with work(sessions, SYSTEM) as session:
        stored = {(row.promise_id, row.percent): row for row in session.scalars(select(Threshold)) if row.at}
        told = session.scalar(select(func.count()).select_from(TimelineEntry).where(TimelineEntry.kind == "threshold"))
    assert keys == {key for key, row in stored.items() if row.at is not None and row.at <= end}
    assert len(keys) > 30_000
    late = {(one.promise_id, one.percent) for one, at in fired if at != one.at}
    assert late == {key for key, row in stored.items() if row.at and slept[0] < row.at < woken}
    assert {key for key, row in stored.items() if row.late} == late
    assert late
    assert told is not None
    assert told <= len(keys)
    assert isinstance(next(iter(keys))[0], uuid.UUID)
