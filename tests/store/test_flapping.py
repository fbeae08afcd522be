"""A condition that comes and goes stays one incident, and its ends are believed only after a longer quiet."""

from __future__ import annotations

from datetime import timedelta

from escalation.flapping import FLAPPING_HOLD, RECOVERED_HOLD, TIMES
from escalation.intake import condition_ended, report
from escalation.tick import tick
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


def come_and_go(sessions: Sessions, cast: Cast, times: int) -> None:
    with work(sessions, SYSTEM) as session:
        for number in range(times):
            at = cast.now + desk.minutes(5 * number)
            found = desk.finding(session, cast.plant_machine, at)
            report(session, desk.signal(cast.plant_machine, at, finding_id=found), at)
            condition_ended(session, cast.plant_machine, "memory", at + desk.minutes(1), at + desk.minutes(1), found)


def test_what_comes_back_often_waits_longer_before_it_resolves_by_itself(sessions: Sessions, cast: Cast) -> None:
    come_and_go(sessions, cast, TIMES)
    ended = cast.now + desk.minutes(5 * (TIMES - 1) + 1)
    with work(sessions, SYSTEM) as session:
        assert desk.the_incident(session).flapping_since == cast.now + desk.minutes(5 * (TIMES - 1))
        assert len(desk.story(session, "flapping")) == 1
        tick(session, ended + RECOVERED_HOLD + timedelta(minutes=1))
        assert desk.the_incident(session).state == "open"
        tick(session, ended + FLAPPING_HOLD)
        assert desk.the_incident(session).state == "resolved"
        assert [state for kind, state, _ in desk.promises(session) if kind == "respond"] != ["running"]


def test_what_came_back_once_or_twice_does_not_flap(sessions: Sessions, cast: Cast) -> None:
    come_and_go(sessions, cast, TIMES - 1)
    with work(sessions, SYSTEM) as session:
        assert desk.the_incident(session).flapping_since is None
        tick(session, cast.now + desk.minutes(5 * TIMES) + RECOVERED_HOLD)
        assert desk.the_incident(session).state == "resolved"
