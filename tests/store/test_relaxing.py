"""Floor and room are preferences: who has an incident below the one or beyond the other is on record, with the word."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from escalation import acts, handover, merging, roster, undo
from escalation.handover import Note
from escalation.intake import report
from escalation.tick import tick_all
from models.duty import Handover, Training
from models.incidents import Incident, TimelineEntry
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> uuid.UUID:
    """A platinum incident, whose floor is senior; Eve is confirmed only."""
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.eve).level = "confirmed"
        made = report(session, desk.signal(cast.plant_machine, cast.now, "disk:/var", severity=3), cast.now)
        assert made.incident_id is not None
        return made.incident_id


def relaxed(sessions: Sessions) -> list[str]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "relaxed")))


def test_who_claims_below_the_floor_does_so_on_their_own_word(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    with work(sessions, SYSTEM) as session:
        desk.done(acts.claim(session, incident, desk.actor(cast, "eve"), cast.now))
    assert relaxed(sessions) == [
        "Eve (confirmed) stands below the contract's floor (senior): relaxed, on their own word."
    ]
    with work(sessions, SYSTEM) as session:
        desk.done(acts.claim(session, incident, desk.actor(cast, "dee"), cast.now))
    assert len(relaxed(sessions)) == 1, "Dee is senior"


@pytest.mark.parametrize(("until", "lines"), [(date(2026, 12, 31), 0), (date(2026, 3, 9), 1)])
def test_a_training_in_the_subject_counts_while_it_holds(
    sessions: Sessions, cast: Cast, incident: uuid.UUID, until: date, lines: int
) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(Training(person_id=cast.eve, subject="storage", level="senior", expires_on=until))
        session.flush()  # the act reads it
        desk.done(acts.claim(session, incident, desk.actor(cast, "eve"), cast.now))
    assert len(relaxed(sessions)) == lines


def test_a_hand_over_to_somebody_below_the_floor_is_recorded(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    with work(sessions, SYSTEM) as session:
        dee, eve = desk.actor(cast, "dee"), desk.actor(cast, "eve")
        desk.done(acts.claim(session, incident, dee, cast.now))
        handover.offer(session, incident, dee, cast.now, Note("it fills"), taker_id=cast.eve)
        offered = session.scalars(select(Handover)).one()
        handover.answer(session, offered.id, eve, "accepted", cast.now + desk.minutes(2))
    assert [text.rpartition(": ")[2] for text in relaxed(sessions)] == ["relaxed, by a hand-over they accepted."]


def test_after_a_time_out_the_page_says_that_those_above_have_not_answered(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    tick_all(sessions, cast.now + timedelta(minutes=6))
    with work(sessions, SYSTEM) as session:
        why = session.scalars(select(Notice.why).where(Notice.person_id == cast.eve, Notice.rung == 1)).one()
    assert "below the contract's floor (senior): those above it were called first, and nobody has answered" in why


def beyond(sessions: Sessions) -> list[str]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "beyond room")))


def test_who_takes_one_more_than_they_have_room_for_is_on_record(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).capacity = {"written": 1}
        other = report(session, desk.signal(cast.plant_machine, cast.now, "fan", severity=3), cast.now).incident_id
        assert other is not None
        desk.done(acts.claim(session, other, desk.actor(cast, "dee"), cast.now))
        desk.done(acts.claim(session, other, desk.actor(cast, "eve"), cast.now))
        desk.done(acts.claim(session, other, desk.actor(cast, "dee"), cast.now))
    assert beyond(sessions) == [], "one is her room"
    with work(sessions, SYSTEM) as session:
        desk.done(acts.claim(session, incident, desk.actor(cast, "dee"), cast.now))
        desk.done(undo.undo(session, incident, desk.actor(cast, "dee"), cast.now))
        desk.done(acts.wait(session, other, desk.actor(cast, "dee"), cast.now, "vendor", "a part"))
        desk.done(acts.claim(session, incident, desk.actor(cast, "dee"), cast.now))
    said = "Dee takes it with hands full (1 of 1 written), on their own word."
    assert beyond(sessions) == [said], "what waits for others takes no hands"


def test_a_hand_over_and_a_merge_count_what_the_taker_has_else(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.eve).capacity = {"written": 1}
        made = [report(session, desk.signal(cast.plant_machine, cast.now, cause, severity=3), cast.now).incident_id
                for cause in ("fan", "power")]  # fmt: skip
        assert made[0] is not None
        assert made[1] is not None
        dee, eve = desk.actor(cast, "dee"), desk.actor(cast, "eve")
        desk.done(acts.claim(session, made[0], eve, cast.now))
        desk.done(merging.merge(session, made[0], eve, cast.now, made[1]))
        desk.done(acts.claim(session, incident, dee, cast.now))
        assert session.scalar(select(Incident.owner_id).where(Incident.id == made[1])) == cast.eve
        assert not session.scalar(select(TimelineEntry.id).where(TimelineEntry.kind == "beyond room"))
        handover.offer(session, incident, dee, cast.now, Note("it fills"), taker_id=cast.eve)
        offered = session.scalars(select(Handover)).one()
        handover.answer(session, offered.id, eve, "accepted", cast.now + desk.minutes(2))
    assert [text.rpartition(", ")[2] for text in beyond(sessions)] == ["by a hand-over they accepted."]


@pytest.mark.parametrize(
    ("channel", "mode"), [("phone", "phone"), ("remote", "remote"), ("mail", "written"), ("telemetry", "written")]
)
def test_how_they_came_says_how_they_are_served(channel: str, mode: str) -> None:
    assert roster.mode_of(channel) == mode
