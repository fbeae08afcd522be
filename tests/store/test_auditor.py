"""The watchman sees what the loops would not tell of themselves."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from escalation import acts, roster, rota
from escalation.auditor import Watchman, audit_house
from escalation.channels import ChannelError, Letter, Receipt
from escalation.intake import report
from escalation.tick import tick_all
from models.duty import DutySchedule, TimeOff
from models.incidents import Incident, Promise
from models.notices import NOT_NEEDED, Notice
from models.people import Person, Shift
from models.session import SYSTEM, Sessions, work
from models.telemetry import ProcessBeat
from tests import desk
from tests.cast import Cast


def rules(sessions: Sessions, now: datetime) -> set[str]:
    with work(sessions, SYSTEM) as session:
        return {alarm.rule for alarm in audit_house(session, now)}


@pytest.fixture
def opened(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now, severity=1), cast.now)
        session.execute(update(Notice).values(settled_at=cast.now))


@pytest.mark.usefixtures("staffed")
def test_a_house_where_nothing_happens_raises_no_alarm(sessions: Sessions, cast: Cast) -> None:
    assert rules(sessions, cast.now) == set()


@pytest.mark.usefixtures("opened")
def test_rungs_nobody_stands_on_are_an_alarm_before_they_are_reached(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        dark = [alarm.subject for alarm in audit_house(session, cast.now) if alarm.rule == "rung_dark"]
    assert dark == ["people named for the account", "number two", "number one"]


@pytest.mark.usefixtures("opened")
def test_loops_that_stand_still_are_seen_from_outside(sessions: Sessions, cast: Cast) -> None:
    assert rules(sessions, cast.now + desk.minutes(6)) == {"rung_dark"}
    assert rules(sessions, cast.now + desk.minutes(18)) == {"rung_dark", "rung_overdue", "promise_unwatched"}
    with work(sessions, SYSTEM) as session:
        session.execute(update(Notice).values(settled_at=None))
    assert "notice_overdue" in rules(sessions, cast.now + desk.minutes(3))


@pytest.mark.usefixtures("opened")
def test_what_somebody_has_and_nothing_is_due_of_is_an_alarm_after_three_days_without_a_word(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.execute(update(Incident).values(state="working", owner_id=cast.dee, next_rung_at=None))
        session.execute(update(Promise).values(state="met"))
    assert "forgotten" not in rules(sessions, cast.now + timedelta(hours=71))
    assert "forgotten" in rules(sessions, cast.now + timedelta(hours=73))
    with work(sessions, SYSTEM) as session:
        session.execute(update(Promise).values(state="running", due_at=cast.now + timedelta(days=9)))
    assert "forgotten" not in rules(sessions, cast.now + timedelta(hours=73))


@pytest.mark.usefixtures("opened")
def test_a_running_promise_without_an_instant_is_watched_by_no_clock(sessions: Sessions, cast: Cast) -> None:
    assert "promise_unwatched" not in rules(sessions, cast.now)
    with work(sessions, SYSTEM) as session:
        session.execute(update(Promise).values(due_at=None))
    assert "promise_unwatched" in rules(sessions, cast.now)


@pytest.mark.usefixtures("opened")
def test_a_ladder_that_ended_without_anybody_is_an_alarm(sessions: Sessions, cast: Cast) -> None:
    late = cast.now + timedelta(hours=2)
    for at in (cast.now + timedelta(hours=1), late):  # the lead is told, and then nobody is left
        tick_all(sessions, at)
    assert "no_due_step" in rules(sessions, late)
    with work(sessions, SYSTEM) as session:
        session.execute(update(Incident).values(state="acknowledged"))
    assert "no_due_step" not in rules(sessions, late)


@pytest.mark.usefixtures("opened")
def test_a_notice_given_up_is_an_alarm(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.execute(update(Notice).values(settled_at=None, given_up_at=cast.now, last_error="550"))
    assert "notice_given_up" in rules(sessions, cast.now)
    assert "notice_given_up" not in rules(sessions, cast.now + timedelta(days=2))
    with work(sessions, SYSTEM) as session:
        session.execute(update(Notice).values(last_error=f"{NOT_NEEDED}: merged into VG-7, which somebody has"))
    assert "notice_given_up" not in rules(sessions, cast.now), "what was called off is not lost"


@pytest.mark.usefixtures("staffed")
def test_a_process_without_progress_is_an_alarm(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        for name, state in (("bridge", "running"), ("old", "stopped")):
            session.add(ProcessBeat(name=name, pid=1, state=state, started_at=cast.now, beat_at=cast.now))
    with work(sessions, SYSTEM) as session:
        alarms = audit_house(session, cast.now + desk.minutes(3))
    assert [(alarm.rule, alarm.subject) for alarm in alarms] == [("process_stuck", "bridge")]


@pytest.mark.usefixtures("staffed")
def test_messages_dropped_by_the_broker_are_an_alarm(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        for name, dropped in (("bridge", 0), ("bridge-2", 7)):
            facts = {"dropped_by_broker": dropped}
            row = ProcessBeat(name=name, pid=1, state="running", started_at=cast.now, beat_at=cast.now, facts=facts)
            session.add(row)
    with work(sessions, SYSTEM) as session:
        (alarm,) = audit_house(session, cast.now + desk.minutes(1))
    assert (alarm.rule, alarm.subject) == ("messages_dropped", "bridge-2")
    assert "dropped 7 messages" in alarm.words


@pytest.mark.usefixtures("staffed")
def test_operators_are_told_once_an_hour_past_the_outbox(sessions: Sessions, cast: Cast) -> None:
    letters: list[Letter] = []

    def channel(letter: Letter, now: datetime) -> Receipt:
        letters.append(letter)
        return Receipt()

    stuck(sessions, cast)
    watchman = Watchman(sessions, {"email": channel})
    for minute in (3, 4, 30, 64, 65):
        watchman.once(cast.now + desk.minutes(minute))
    assert [letter.address for letter in letters] == ["root@example.org"] * 2
    assert letters[0].subject == "Vigie itself: bridge has not made progress since 2026-03-10 09:00 UTC."
    assert letters[0].id != letters[1].id


@pytest.mark.usefixtures("staffed")
@pytest.mark.parametrize("trouble", [ChannelError("no"), UnicodeEncodeError("ascii", "é", 0, 1, "an address")])
def test_an_alarm_that_no_channel_took_is_raised_again_a_minute_later(
    trouble: Exception, sessions: Sessions, cast: Cast
) -> None:
    tried: list[int] = []
    heard: list[int] = []

    def channel(letter: Letter, now: datetime) -> Receipt:
        tried.append(int((now - cast.now).total_seconds() // 60))
        if len(tried) < 3:
            raise trouble
        return Receipt()

    def beside(letter: Letter, now: datetime) -> Receipt:
        heard.append(int((now - cast.now).total_seconds() // 60))
        return Receipt()

    stuck(sessions, cast)
    with work(sessions, SYSTEM) as session:  # what a page shows is no way to be told
        root = session.scalars(select(Person).where(Person.role == "administrator")).one()
        root.notify = [{"channel": "browser", "address": str(root.id)}, *root.notify]
    watchman = Watchman(sessions, {"email": channel})
    for minute in (3, 4, 5, 6, 30):
        watchman.once(cast.now + desk.minutes(minute))
    assert tried == [3, 4, 5]
    tried.clear()
    two = Watchman(sessions, {"email": channel, "webhook": beside}, "https://watch.example/alarm")
    for minute in (3, 4):
        two.once(cast.now + desk.minutes(minute))
    assert (tried, heard) == ([3], [3]), "one of two ways is enough, and the one that breaks stops not the other"


def stuck(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(ProcessBeat(name="bridge", pid=1, state="running", started_at=cast.now, beat_at=cast.now))


def test_hours_ahead_that_nobody_has_are_one_alarm_while_there_is_time_to_ask_for_cover(
    sessions: Sessions, cast: Cast
) -> None:
    def gaps(hours: float) -> list[tuple[str, str]]:
        with work(sessions, SYSTEM) as session:
            found = audit_house(session, cast.now + timedelta(hours=hours))
        return [(alarm.subject, alarm.words) for alarm in found if alarm.rule == "duty_gap"]

    assert gaps(0) == [], "a house that keeps no schedules has not said that somebody should always be there"
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        layer = {"people": [str(cast.dee)], "first_day": f"{cast.now - timedelta(days=7):%Y-%m-%d}", "days": 7}
        session.add(DutySchedule(name="Vélizy", unit="europe", zone="Europe/Paris", layers=[layer],
                                 changed_at=cast.now))  # fmt: skip
    assert gaps(0) == []
    away = cast.now + timedelta(hours=30)
    with work(sessions, SYSTEM) as session:
        session.add(TimeOff(person_id=cast.dee, kind="absent", starts_at=away, ends_at=away + timedelta(hours=8)))
    [(subject, words)] = gaps(0)
    assert subject == f"from {away:%Y-%m-%d %H:%M}"
    assert words.startswith("Nobody will be on duty anywhere")
    assert [one[0] for one in gaps(20)] == [subject], "the same alarm as it nears"
    with work(sessions, SYSTEM) as session:
        session.add(Shift(person_id=cast.eve, unit="europe", starts_at=away, ends_at=away + timedelta(hours=8)))
    assert gaps(0) == [], "somebody else has those hours"


def test_the_turns_of_somebody_who_has_left_are_a_gap_or_the_next_layers(sessions: Sessions, cast: Cast) -> None:
    def gaps() -> list[str]:
        with work(sessions, SYSTEM) as session:
            return [alarm.rule for alarm in audit_house(session, cast.now) if alarm.rule.endswith("_gap")]

    first_day = f"{cast.now - timedelta(days=7):%Y-%m-%d}"
    layers = [{"people": [str(id)], "first_day": first_day, "days": 7} for id in (cast.dee, cast.eve)]
    with work(sessions, SYSTEM) as session:
        row = DutySchedule(name="Vélizy", unit="europe", zone="Europe/Paris", layers=layers, changed_at=cast.now)
        session.add(row)
        session.execute(update(Person).where(Person.id == cast.dee).values(active=False))
    assert gaps() == []
    with work(sessions, SYSTEM) as session:
        assert list(roster.units_now(session, cast.now)) == [cast.eve], "the next layer has them"
        [(_, plan)] = roster.schedules(
            session, cast.now - timedelta(days=2), cast.now + timedelta(days=2), now=cast.now
        )
        held = rota.stretches(plan, cast.now - timedelta(days=2), cast.now + timedelta(days=2))
        assert [turn.person for turn in held] == [cast.dee, cast.eve], "what was served stays theirs"
    with work(sessions, SYSTEM) as session:
        session.execute(update(Person).where(Person.id == cast.eve).values(active=False))
        session.add(Shift(person_id=cast.eve, unit="europe", starts_at=cast.now, ends_at=cast.now + timedelta(days=9)))
    assert gaps() == ["duty_gap"], "nor does a single shift of theirs count"


@pytest.mark.usefixtures("opened")
def test_what_lies_in_the_hands_of_somebody_who_is_gone_is_an_alarm(sessions: Sessions, cast: Cast) -> None:
    begins = cast.now + desk.minutes(10)
    with work(sessions, SYSTEM) as session:
        incident = desk.the_incident(session).id
        desk.done(acts.claim(session, incident, desk.actor(cast, "dee"), cast.now + desk.minutes(1)))
        session.add(TimeOff(person_id=cast.dee, kind="absent", starts_at=begins, ends_at=begins + timedelta(days=9)))
    assert "owner_gone" not in rules(sessions, begins + desk.minutes(59))
    assert "owner_gone" in rules(sessions, begins + desk.minutes(60))
    assert "owner_gone" not in rules(sessions, begins + timedelta(days=9))
    with work(sessions, SYSTEM) as session:  # from home after all
        desk.done(acts.note(session, incident, desk.actor(cast, "dee"), begins + desk.minutes(5), "I look at it."))
    assert "owner_gone" not in rules(sessions, begins + desk.minutes(60))
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).active = False
    assert "owner_gone" in rules(sessions, begins + desk.minutes(60))
