"""One thing's own trouble stops none of the others; what it keeps from being done is an alarm, and is tried again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from escalation import acts, handover, proving, tick, timers
from escalation.auditor import audit_house
from escalation.handover import Note
from escalation.intake import report
from escalation.one_by_one import is_of_all, one_by_one
from models.duty import Handover
from models.escalations import Escalation
from models.incidents import Incident
from models.people import Person
from models.reach import ReachProof
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


def opened(sessions: Sessions, cast: Cast, *causes: str) -> list[uuid.UUID]:
    with work(sessions, SYSTEM) as session:
        for cause in causes:
            report(session, desk.signal(cast.plant_machine, cast.now, cause, severity=1), cast.now)
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(Incident.id).order_by(Incident.number)))


def test_the_ladder_of_one_that_cannot_be_climbed_stops_no_other(
    sessions: Sessions, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisonous, *others = opened(sessions, cast, "memory", "disk:/var", "fan")
    climb = tick._climb

    def stumbles(session: Session, incident: Incident, now: datetime) -> bool:
        if incident.id == poisonous:
            raise KeyError("rungs")
        return climb(session, incident, now)

    monkeypatch.setattr(tick, "_climb", stumbles)
    later = cast.now + desk.minutes(60)
    tick.tick_all(sessions, later)
    with work(sessions, SYSTEM) as session:
        due = [session.get_one(Incident, one).next_rung_at for one in (poisonous, *others)]
        assert due[0] is not None
        assert due[0] < later
        assert all(at is None or at > later for at in due[1:])
    with work(sessions, SYSTEM) as session:
        assert "rung_overdue" in {one.rule for one in audit_house(session, later + desk.minutes(3))}
    monkeypatch.undo()
    tick.tick_all(sessions, later)
    with work(sessions, SYSTEM) as session:
        at = session.get_one(Incident, poisonous).next_rung_at
        assert at is None or at > later


def test_a_warning_that_cannot_be_told_keeps_no_ladder_from_being_climbed(
    sessions: Sessions, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(sessions, cast, "memory")

    def breaks(*_: object) -> str:
        raise KeyError("respond")

    monkeypatch.setattr(timers, "_sentence", breaks)
    later = cast.now + desk.minutes(14)
    tick.tick_all(sessions, later)
    with work(sessions, SYSTEM) as session:
        assert len(desk.story(session, "rung")) > 1
        assert desk.story(session, "threshold") == []
    monkeypatch.undo()
    tick.tick_all(sessions, later)
    with work(sessions, SYSTEM) as session:
        assert len(desk.story(session, "threshold")) == 1


def test_what_one_things_trouble_keeps_from_being_done_is_an_alarm(sessions: Sessions, cast: Cast) -> None:
    [incident] = opened(sessions, cast, "memory")
    with work(sessions, SYSTEM) as session:
        row = desk.done(acts.claim(session, incident, desk.actor(cast, "dee"), cast.now))
        offer = handover.offer(session, incident, desk.actor(cast, "dee"), cast.now, Note("so"), taker_id=cast.eve)
        assert isinstance(offer, Handover)
        session.add(
            Escalation(
                customer_id=row.customer_id, incident_id=incident, reason="no-progress", words="so",
                asked_by="Ada", by_customer=True, owner_id=cast.dee, asked_at=cast.now, next_word_at=offer.answer_by,
            )
        )  # fmt: skip
        due = offer.answer_by
    rules = {"handover_unclimbed", "word_unreminded"}
    with work(sessions, SYSTEM) as session:
        assert not rules & {one.rule for one in audit_house(session, due + desk.minutes(1))}
        assert rules <= {one.rule for one in audit_house(session, due + desk.minutes(3))}
    assert handover.climb_unanswered(sessions, due + desk.minutes(3)) == 1
    with work(sessions, SYSTEM) as session:
        assert "handover_unclimbed" not in {one.rule for one in audit_house(session, due + timedelta(minutes=3))}


def test_what_is_wrong_with_the_database_itself_is_raised(sessions: Sessions, cast: Cast) -> None:
    def full(session: Session, id: uuid.UUID) -> bool:
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$"))
        return True

    with pytest.raises(DBAPIError):
        one_by_one(sessions, "a trial", [(cast.plant, cast.plant)], full)

    def held(session: Session, id: uuid.UUID) -> bool:
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'held' USING ERRCODE = '55P03'; END $$"))
        return True

    assert one_by_one(sessions, "a trial", [(cast.plant, cast.plant)], held) == 0
    assert is_of_all(OperationalError("select 1", {}, Exception("connection refused")))


def test_more_that_cannot_be_climbed_than_one_look_takes_keep_nobody_elses_ladder_waiting(
    sessions: Sessions, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    *sick, healthy = opened(sessions, cast, "memory", "disk:/var", "fan", "psu", "net")
    with work(sessions, SYSTEM) as session:  # the sick ones wait longest
        session.get_one(Incident, healthy).next_rung_at = cast.now + desk.minutes(59)
    climb = tick._climb

    def stumbles(session: Session, incident: Incident, now: datetime) -> bool:
        if incident.id in sick:
            raise KeyError("rungs")
        return climb(session, incident, now)

    monkeypatch.setattr(tick, "_climb", stumbles)
    later = cast.now + desk.minutes(60)
    changed, _ = tick.tick_all(sessions, later, 2)
    assert changed == 1
    with work(sessions, SYSTEM) as session:
        at = session.get_one(Incident, healthy).next_rung_at
        assert at is None or at > later


def test_a_test_page_that_cannot_be_written_leaves_the_others_theirs(
    sessions: Sessions, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = proving.send_test

    def stumbles(session: Session, person: Person, way: Mapping[str, str], now: datetime) -> ReachProof:
        row = send(session, person, way, now)
        if person.id == cast.dee:
            raise KeyError("address")
        return row

    monkeypatch.setattr(proving, "send_test", stumbles)
    assert proving.test_due(sessions, cast.now) == 1, "Eve's"
    with work(sessions, SYSTEM) as session:
        tested = session.scalars(select(ReachProof.person_id).where(ReachProof.tested_at.is_not(None))).all()
        assert set(tested) == {cast.eve}
    monkeypatch.undo()
    assert proving.test_due(sessions, cast.now) == 1, "Dee's, at the next turn"
