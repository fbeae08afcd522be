"""Routing over real rows: walls, turns of duty from schedules, and the line of those who came while hands were full."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, select

from escalation import acts, duty, intake, waiting_line
from escalation.incident import Actor
from escalation.intake import Signal
from models.duty import Cover, Detachment, DutySchedule, TimeOff, Training
from models.incidents import Incident, TimelineEntry
from models.notices import Notice
from models.people import Person, Shift
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast, settle

MINUTE = timedelta(minutes=1)


@pytest.fixture
def cast(sessions: Sessions) -> Cast:
    with work(sessions, SYSTEM) as session:
        return settle(session)


def an_incident(sessions: Sessions, cast: Cast, cause: str = "disk-full:/var", severity: int = 2) -> uuid.UUID:
    signal = Signal(cast.plant_machine, cause, "rule", severity, NOW, f"{cause} on plant-db-1", "It is so.", {}, None)
    with work(sessions, SYSTEM) as session:
        answer = intake.report(session, signal, NOW)
        assert answer.incident_id is not None
        return answer.incident_id


def order_now(sessions: Sessions, incident: uuid.UUID) -> tuple[list[str], dict[str, str]]:
    with work(sessions, SYSTEM) as session:
        answer = duty.on_duty(session, session.get_one(Incident, incident), NOW).order
        return [place.name for place in answer.places], {one.name: one.reason for one in answer.passed}


def test_absence_expired_training_and_detachment_elsewhere_are_walls(sessions: Sessions, cast: Cast) -> None:
    incident = an_incident(sessions, cast)
    with work(sessions, SYSTEM) as session:
        session.add(Training(person_id=cast.dee, subject="storage", level="senior", expires_on=date(2026, 3, 9)))
    assert order_now(sessions, incident) == (["Eve"], {"Dee": "training in storage has expired"})
    with work(sessions, SYSTEM) as session:
        session.add(TimeOff(person_id=cast.eve, kind="protected", starts_at=NOW, ends_at=NOW + 60 * MINUTE))
    assert order_now(sessions, incident)[1]["Eve"] == "in protected time until 2026-03-10 11:00 (Europe/Paris)"
    with work(sessions, SYSTEM) as session:
        session.execute(delete(TimeOff))
        session.add(Detachment(customer_id=cast.joinery, person_id=cast.eve, starts_at=NOW, reason="a crisis"))
    assert order_now(sessions, incident)[1]["Eve"] == "detached to another account"


def test_training_holds_through_its_last_day_where_the_person_lives(sessions: Sessions, cast: Cast) -> None:
    incident = an_incident(sessions, cast)
    with work(sessions, SYSTEM) as session:
        session.add(Training(person_id=cast.eve, subject="storage", level="senior", expires_on=NOW.date()))
    assert order_now(sessions, incident)[0] == ["Eve", "Dee"]


def test_a_schedule_puts_people_on_duty_and_an_accepted_cover_replaces_them(sessions: Sessions, cast: Cast) -> None:
    incident = an_incident(sessions, cast)
    layer = {"people": [str(cast.dee)], "first_day": "2026-03-02", "days": 7, "handover": "09:00"}
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        schedule = DutySchedule(name="Vélizy", unit="europe", zone="Europe/Paris", layers=[layer], changed_at=NOW)
        session.add(schedule)
        session.flush()
        asked = Cover(schedule_id=schedule.id, for_id=cast.dee, person_id=cast.eve, asked_at=NOW,
                      starts_at=NOW, ends_at=NOW + 60 * MINUTE)  # fmt: skip
        session.add(asked)
        session.flush()
        cover = asked.id
    assert order_now(sessions, incident) == (["Dee"], {"Eve": "off duty"})
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Cover, cover)
        row.state, row.answered_at = "accepted", NOW
    assert order_now(sessions, incident) == (["Eve"], {"Dee": "off duty"})


def test_what_comes_while_hands_are_full_waits_and_is_handed_on_when_there_is_room(
    sessions: Sessions, cast: Cast
) -> None:
    first = an_incident(sessions, cast, "fan:1", 3)
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift).where(Shift.person_id == cast.eve))
        session.get_one(Person, cast.dee).capacity = {"written": 1}
        acts.acknowledge(session, first, Actor(cast.dee, "Dee"), NOW)
    late = an_incident(sessions, cast, "network", 3)
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Incident, late)
        assert row.queued_at == NOW
        assert row.next_rung_at is not None or row.rung >= 0  # the ladder climbs all the same
        said = session.scalar(select(TimelineEntry.text).where(TimelineEntry.kind == "queued"))
        assert said == "Everybody on duty has their hands full; it waits its turn as number 1."
    assert waiting_line.serve(sessions, NOW + MINUTE) == 0
    with work(sessions, SYSTEM) as session:
        acts.resolve(session, first, Actor(cast.dee, "Dee"), NOW + MINUTE, "Fan replaced.")
    assert waiting_line.serve(sessions, NOW + 2 * MINUTE) == 1
    assert waiting_line.serve(sessions, NOW + 3 * MINUTE) == 0
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, late).queued_at is None
        to_dee = select(Notice).where(Notice.incident_id == late, Notice.person_id == cast.dee)
        assert [notice.why.split(":")[0] for notice in session.scalars(to_dee)] == ["its turn has come"]


def test_whoever_takes_it_meanwhile_takes_it_out_of_the_line(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        for person in (cast.dee, cast.eve):
            session.get_one(Person, person).capacity = {"written": 0}
    incident = an_incident(sessions, cast, "cpu", 4)
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, incident).queued_at == NOW
        acts.acknowledge(session, incident, Actor(cast.max, "Max"), NOW + MINUTE)
        assert session.get_one(Incident, incident).queued_at is None
        assert waiting_line.in_turn(session) == []
