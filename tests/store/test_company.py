"""Nobody stays alone: a second is attached by time, when the desk has one, and the minutes alone are kept."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import delete

from escalation import acts, company, intake
from escalation.incident import Actor
from escalation.intake import Signal
from models.incidents import Incident
from models.people import Person, Shift
from models.session import SYSTEM, Sessions, work
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


def test_a_junior_is_alone_for_fifteen_minutes_and_no_longer(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).level = "junior"
    incident = claimed(sessions, cast, 3)
    assert company.attend(sessions, NOW + 14 * MINUTE) == (0, NOW + 15 * MINUTE)
    assert second(sessions, incident) is None
    assert company.attend(sessions, NOW + 15 * MINUTE) == (1, None)
    assert second(sessions, incident) == cast.eve
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, incident).alone_s == 15 * 60


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
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, incident).alone_s == 6 * 60
