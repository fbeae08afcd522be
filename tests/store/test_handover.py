"""Hand-overs: nobody is free before somebody else has said yes, and what is not answered climbs."""

from __future__ import annotations

import uuid
from datetime import UTC, timedelta

import pytest
from sqlalchemy import select

from app.pages.handed import handed
from escalation import acts, handover, intake, undo
from escalation.handover import Note
from escalation.incident import Actor, NotNow
from escalation.intake import Signal
from models.duty import Handover
from models.incidents import Incident, TimelineEntry
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast, settle

MINUTE = timedelta(minutes=1)
NOTE = Note("The fan is ordered.", tried="A reset.", avoid="Do not power it down.")


@pytest.fixture
def cast(sessions: Sessions) -> Cast:
    with work(sessions, SYSTEM) as session:
        return settle(session)


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> uuid.UUID:
    """Dee has it, severity 3."""
    signal = Signal(cast.plant_machine, "fan:1", "rule", 3, NOW, "A fan stands still", "Fan 1.", {}, None)
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        return opened


def offered(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> uuid.UUID:
    with work(sessions, SYSTEM) as session:
        row = handover.offer(session, incident, Actor(cast.dee, "Dee"), NOW, NOTE, taker_id=cast.eve)
        assert isinstance(row, Handover)
        return row.id


def owner(sessions: Sessions, incident: uuid.UUID) -> uuid.UUID | None:
    with work(sessions, SYSTEM) as session:
        return session.get_one(Incident, incident).owner_id


def told(sessions: Sessions, person: uuid.UUID) -> list[str]:
    with work(sessions, SYSTEM) as session:
        return [notice.why for notice in session.scalars(select(Notice).where(Notice.person_id == person))]


def test_the_giver_has_it_until_the_taker_accepts(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    row = offered(sessions, cast, incident)
    assert owner(sessions, incident) == cast.dee
    assert "it is handed over to you" in told(sessions, cast.eve)
    with work(sessions, SYSTEM) as session:
        assert [one.id for one, _ in handover.offered_to(session, cast.eve)] == [row]
        assert session.get_one(Handover, row).note["promise"].startswith("first response by 2026-03-10T13:00:00Z")
        handover.answer(session, row, Actor(cast.eve, "Eve"), "accepted", NOW + MINUTE)
    assert owner(sessions, incident) == cast.eve
    assert "you offered it" in told(sessions, cast.dee)


def test_a_refusal_needs_a_reason_and_leaves_it_with_the_giver(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    row = offered(sessions, cast, incident)
    with work(sessions, SYSTEM) as session:
        wordless = handover.answer(session, row, Actor(cast.eve, "Eve"), "refused", NOW)
        assert isinstance(wordless, NotNow)
        handover.answer(session, row, Actor(cast.eve, "Eve"), "refused", NOW, reason="I know nothing of fans.")
    assert owner(sessions, incident) == cast.dee
    with work(sessions, SYSTEM) as session:
        said = session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "handover_refused")).one()
    assert said == "Eve did not take it over: I know nothing of fans."


def test_only_the_taker_answers_and_only_the_giver_withdraws(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    row = offered(sessions, cast, incident)
    with work(sessions, SYSTEM) as session:
        for person, word in ((cast.dee, "accepted"), (cast.eve, "withdrawn"), (cast.max, "accepted")):
            refused = handover.answer(session, row, Actor(person, "Somebody"), word, NOW)
            assert isinstance(refused, NotNow)
            assert refused.rule == "person"
        assert isinstance(handover.answer(session, row, Actor(cast.dee, "Dee"), "withdrawn", NOW), Handover)
        again = handover.answer(session, row, Actor(cast.eve, "Eve"), "accepted", NOW)
        assert isinstance(again, NotNow)
        assert again.reason == "It is withdrawn already."


def test_what_is_not_answered_in_time_climbs_once(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    offered(sessions, cast, incident)
    due = NOW + handover.PATIENCE[3]
    with work(sessions, SYSTEM) as session:
        assert handover.next_due(session) == due
    assert handover.climb_unanswered(sessions, due - timedelta(seconds=1)) == 0
    assert handover.climb_unanswered(sessions, due) == 1
    assert handover.climb_unanswered(sessions, due + MINUTE) == 0
    assert told(sessions, cast.max) == ["a hand-over was not answered"]
    assert owner(sessions, incident) == cast.dee


def test_an_offer_on_an_incident_that_ended_asks_nobody(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    offered(sessions, cast, incident)
    with work(sessions, SYSTEM) as session:
        acts.resolve(session, incident, Actor(cast.dee, "Dee"), NOW + MINUTE, "Fan replaced.")
    assert handover.climb_unanswered(sessions, NOW + 30 * MINUTE) == 0
    assert told(sessions, cast.max) == []
    with work(sessions, SYSTEM) as session:
        acts.reopen(session, incident, Actor(cast.dee, "Dee"), NOW + 40 * MINUTE, "It is back.")
        story = session.scalars(select(TimelineEntry).where(TimelineEntry.incident_id == incident)).all()
        assert handed(story, True, NOW + 41 * MINUTE, UTC) is None, "nothing waits for a word any more"


def test_who_claims_what_is_offered_to_them_has_accepted_it(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    row, eve = offered(sessions, cast, incident), Actor(cast.eve, "Eve")
    with work(sessions, SYSTEM) as session:
        acts.claim(session, incident, eve, NOW + MINUTE)
        assert session.get_one(Handover, row).state == "accepted"
        story = session.scalars(select(TimelineEntry).where(TimelineEntry.incident_id == incident)).all()
        shown = handed(story, True, NOW + MINUTE, UTC)
        assert shown is not None
        assert (shown.waits, shown.giver, shown.taker, shown.note["avoid"]) == (False, "Dee", "Eve", NOTE.avoid)
    assert owner(sessions, incident) == cast.eve
    assert handover.climb_unanswered(sessions, NOW + 30 * MINUTE) == 0
    assert told(sessions, cast.max) == []


def test_who_else_claims_it_is_not_robbed_of_it_by_a_late_yes_and_may_take_the_claim_back(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    row, eve, max_ = offered(sessions, cast, incident), Actor(cast.eve, "Eve"), Actor(cast.max, "Max")
    with work(sessions, SYSTEM) as session:
        acts.claim(session, incident, max_, NOW + MINUTE)
        late = handover.answer(session, row, eve, "accepted", NOW + MINUTE)
        assert isinstance(late, NotNow)
        assert late.reason == "It is withdrawn already."
    assert owner(sessions, incident) == cast.max
    with work(sessions, SYSTEM) as session:
        assert isinstance(undo.undo(session, incident, max_, NOW + 1.5 * MINUTE), Incident)
        assert session.get_one(Handover, row).state == "offered"
        assert isinstance(handover.answer(session, row, eve, "accepted", NOW + 2 * MINUTE), Handover)
    assert owner(sessions, incident) == cast.eve


def test_what_somebody_else_offers_is_shown_as_the_owners(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        handover.offer(session, incident, Actor(cast.max, "Max"), NOW, NOTE, taker_id=cast.eve)
        story = session.scalars(select(TimelineEntry).where(TimelineEntry.incident_id == incident)).all()
        shown = handed(story, True, NOW, UTC)
        assert shown is not None
        assert (shown.by, shown.giver, shown.taker) == ("Max", "Dee", "Eve")
        assert shown.giver_id == str(cast.dee)
        assert handed(story, False, NOW, UTC) is None


@pytest.mark.parametrize(
    ("note", "taker", "reason"),
    [
        (Note(" "), "eve", "A hand-over needs words on how it stands."),
        (NOTE, "dee", "This person cannot take it."),
        (NOTE, "ada", "This person cannot take it."),
    ],
)
def test_an_offer_that_cannot_be_says_why(
    sessions: Sessions, cast: Cast, incident: uuid.UUID, note: Note, taker: str, reason: str
) -> None:
    with work(sessions, SYSTEM) as session:
        said = handover.offer(session, incident, Actor(cast.dee, "Dee"), NOW, note, taker_id=getattr(cast, taker))
        assert isinstance(said, NotNow)
        assert said.reason == reason


def test_one_incident_is_offered_to_one_person_at_a_time(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    offered(sessions, cast, incident)
    with work(sessions, SYSTEM) as session:
        said = handover.offer(session, incident, Actor(cast.dee, "Dee"), NOW, NOTE, taker_id=cast.max)
        assert isinstance(said, NotNow)
        assert said.reason == "It is offered already."


def test_an_offer_nobody_answered_in_time_gives_way_to_another_and_comes_back_when_that_is_undone(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    first, late, dee = offered(sessions, cast, incident), NOW + 21 * MINUTE, Actor(cast.dee, "Dee")
    handover.climb_unanswered(sessions, late)
    with work(sessions, SYSTEM) as session:
        second = handover.offer(session, incident, dee, late, NOTE, taker_id=cast.max)
        assert isinstance(second, Handover)
        assert session.get_one(Handover, first).state == "withdrawn"
        gone = handover.answer(session, first, Actor(cast.eve, "Eve"), "accepted", late)
        assert isinstance(gone, NotNow)
        assert gone.reason == "It is withdrawn already."
        assert isinstance(undo.undo(session, incident, dee, late + MINUTE), Incident)
        assert isinstance(handover.answer(session, first, Actor(cast.eve, "Eve"), "accepted", late + MINUTE), Handover)
    assert owner(sessions, incident) == cast.eve
