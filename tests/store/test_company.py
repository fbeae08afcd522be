"""Nobody stays alone: a second is attached by time, when the desk has one, and the minutes alone are kept."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete

from escalation import acts, alone, company, intake
from escalation.incident import Actor, NotNow
from escalation.intake import Signal
from models.duty import TimeOff
from models.incidents import Incident
from models.people import Person, Shift
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import NOW, Cast, settle

MINUTE = timedelta(minutes=1)


@pytest.fixture
def cast(sessions: Sessions) -> Cast:
    with work(sessions, SYSTEM) as session:
        return settle(session)


def claimed(sessions: Sessions, cast: Cast, severity: int) -> uuid.UUID:
    signal = Signal(cast.plant_machine, "fan:1", "rule", severity, NOW, "A fan stands still", "Fan 1.", {}, None)
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        return opened


def second(sessions: Sessions, incident: uuid.UUID) -> uuid.UUID | None:
    with work(sessions, SYSTEM) as session:
        return session.get_one(Incident, incident).second_id


def accept(sessions: Sessions, incident: uuid.UUID, cast: Cast, at: datetime) -> None:
    with work(sessions, SYSTEM) as session:
        desk.done(acts.stand(session, incident, desk.actor(cast, "eve"), at, True))


def test_a_junior_is_alone_for_fifteen_minutes_and_no_longer(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).level = "junior"
    incident = claimed(sessions, cast, 3)
    assert company.attend(sessions, NOW + 14 * MINUTE) == (0, NOW + 15 * MINUTE)
    assert second(sessions, incident) is None
    # Eve is asked; until she says yes the junior is alone, and her silence has an end.
    assert company.attend(sessions, NOW + 15 * MINUTE) == (1, NOW + 25 * MINUTE)
    assert second(sessions, incident) == cast.eve
    accept(sessions, incident, cast, NOW + 17 * MINUTE)
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, incident).alone_s == 17 * 60
    assert company.attend(sessions, NOW + 60 * MINUTE) == (0, None)


def test_a_senior_on_platinum_gets_company_after_an_hour(sessions: Sessions, cast: Cast) -> None:
    incident = claimed(sessions, cast, 4)
    assert company.attend(sessions, NOW + 59 * MINUTE)[0] == 0
    assert company.attend(sessions, NOW + 60 * MINUTE)[0] == 1
    assert second(sessions, incident) == cast.eve


def test_an_empty_desk_is_asked_again_until_somebody_is_there(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift).where(Shift.person_id == cast.eve))
        for person in (cast.max, cast.root):
            session.get_one(Person, person).notify = []  # no lead can be reached either
    incident = claimed(sessions, cast, 1)
    assert second(sessions, incident) is None
    assert company.attend(sessions, NOW + MINUTE) == (0, NOW + MINUTE + company.AGAIN)
    with work(sessions, SYSTEM) as session:
        session.add(Shift(person_id=cast.eve, unit="europe", starts_at=NOW, ends_at=NOW + 60 * MINUTE))
    assert company.attend(sessions, NOW + 6 * MINUTE)[0] == 1
    accept(sessions, incident, cast, NOW + 7 * MINUTE)
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, incident).alone_s == 7 * 60


def test_whoever_declines_says_why_and_the_next_is_asked_at_once(sessions: Sessions, cast: Cast) -> None:
    incident = claimed(sessions, cast, 1)
    eve, max_ = desk.actor(cast, "eve"), desk.actor(cast, "max")
    with work(sessions, SYSTEM) as session:
        wordless = acts.stand(session, incident, eve, NOW + MINUTE, False, " ")
        assert isinstance(wordless, NotNow)
        left = desk.done(acts.stand(session, incident, eve, NOW + MINUTE, False, "on the phone with another plant"))
        assert (left.second_id, left.second_accepted_at) == (cast.max, None)  # nobody else is on duty: the lead
        stranger = acts.stand(session, incident, eve, NOW + 2 * MINUTE, True)
        assert isinstance(stranger, NotNow)
        desk.done(acts.stand(session, incident, max_, NOW + 3 * MINUTE, True))
        assert session.get_one(Incident, incident).alone_s == 3 * 60


def test_silence_passes_on_to_the_next_and_when_all_were_silent_the_lead_hears_of_it(
    sessions: Sessions, cast: Cast
) -> None:
    incident = claimed(sessions, cast, 1)  # Eve is asked at once
    assert company.attend(sessions, NOW + 4 * MINUTE) == (0, NOW + 5 * MINUTE)
    assert company.attend(sessions, NOW + 5 * MINUTE)[0] == 1
    assert second(sessions, incident) == cast.max
    assert company.attend(sessions, NOW + 10 * MINUTE)[0] == 1
    assert second(sessions, incident) == cast.eve  # the round begins again
    with work(sessions, SYSTEM) as session:
        assert any("nobody has said yes" in line and "Max" in line for line in desk.story(session, "alone"))
        assert alone.seconds(session.get_one(Incident, incident), NOW + 10 * MINUTE) == 600


def test_a_second_who_works_on_it_has_said_yes(sessions: Sessions, cast: Cast) -> None:
    incident = claimed(sessions, cast, 1)
    with work(sessions, SYSTEM) as session:
        desk.done(acts.note(session, incident, desk.actor(cast, "eve"), NOW + 2 * MINUTE, "I look at the fan"))
        row = session.get_one(Incident, incident)
        assert (row.second_accepted_at, row.alone_s) == (NOW + 2 * MINUTE, 120)
    assert company.attend(sessions, NOW + 30 * MINUTE) == (0, None)


@pytest.mark.parametrize("how", ["absent", "left the house"])
def test_a_second_who_is_not_there_any_more_leaves_the_owner_alone_and_the_next_is_asked(
    how: str, sessions: Sessions, cast: Cast
) -> None:
    incident = claimed(sessions, cast, 1)
    accept(sessions, incident, cast, NOW + MINUTE)
    away = NOW + 20 * MINUTE
    assert company.attend(sessions, away - MINUTE) == (0, None)
    with work(sessions, SYSTEM) as session:
        if how == "absent":
            session.add(TimeOff(person_id=cast.eve, kind="absent", starts_at=away, ends_at=away + 60 * MINUTE))
        else:
            session.get_one(Person, cast.eve).active = False
    assert company.attend(sessions, away) == (1, away + 5 * MINUTE)
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Incident, incident)
        assert (row.second_id, row.second_accepted_at, row.alone_since) == (cast.max, None, away)
        assert "Eve is not there any more, and stands beside no longer." in desk.story(session, "second")
    assert company.attend(sessions, away + MINUTE)[0] == 0, "once"


@pytest.mark.parametrize(("said_at", "is_gone"), [(NOW + 10 * MINUTE, True), (NOW - MINUTE, False)])
def test_an_absence_that_is_said_after_the_yes_ends_it_though_it_began_before(
    said_at: datetime, is_gone: bool, sessions: Sessions, cast: Cast
) -> None:
    incident = claimed(sessions, cast, 1)
    accept(sessions, incident, cast, NOW + MINUTE)
    with work(sessions, SYSTEM) as session:
        session.add(TimeOff(person_id=cast.eve, kind="absent", starts_at=NOW - 5 * MINUTE, ends_at=NOW + 90 * MINUTE,
                            said_at=said_at))  # fmt: skip
    company.attend(sessions, NOW + 20 * MINUTE)
    with work(sessions, SYSTEM) as session:
        assert (session.get_one(Incident, incident).second_id != cast.eve) is is_gone


def test_who_offers_themselves_need_not_be_asked(sessions: Sessions, cast: Cast) -> None:
    incident = claimed(sessions, cast, 4)
    with work(sessions, SYSTEM) as session:
        eve = desk.actor(cast, "eve")
        row = desk.done(acts.second(session, incident, eve, NOW + MINUTE, person_id=cast.eve))
        assert (row.second_id, row.second_accepted_at) == (cast.eve, NOW + MINUTE)
        assert desk.told(session).count(("Eve", -1, row.version)) == 0
