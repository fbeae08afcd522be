"""Escalations: somebody answers for each, the next word is a promise, and it ends with what was reached."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from escalation import pressing, unsaying
from escalation.incident import Actor, NotNow
from models.duty import Detachment, TimeOff
from models.escalations import Escalation
from models.notices import Notice
from models.people import NamedPerson, Person
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast, settle

HOUR = timedelta(hours=1)


@pytest.fixture
def cast(sessions: Sessions) -> Cast:
    with work(sessions, SYSTEM) as session:
        return settle(session)


@pytest.fixture
def ada(cast: Cast) -> Actor:
    return Actor(cast.ada, "Ada", is_customer=True)


def asked(sessions: Sessions, cast: Cast, actor: Actor, words: str = "Nobody calls back.") -> tuple[uuid.UUID, bool]:
    with work(sessions, SYSTEM) as session:
        said = pressing.ask(session, cast.plant, actor, "communication", words, NOW)
        assert not isinstance(said, NotNow)
        return said[0].id, said[1]


def told(sessions: Sessions, person: uuid.UUID) -> int:
    with work(sessions, SYSTEM) as session:
        return len(session.scalars(select(Notice).where(Notice.person_id == person)).all())


def test_it_has_an_owner_and_a_promised_next_word_from_the_first_minute(
    sessions: Sessions, cast: Cast, ada: Actor
) -> None:
    id, is_new = asked(sessions, cast, ada)
    assert is_new
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Escalation, id)
        assert (row.owner_id, row.next_word_at, row.by_customer) == (cast.max, NOW + 4 * HOUR, True)
    assert told(sessions, cast.max) == 1


def test_the_contracts_own_escalation_owner_comes_before_who_is_detached_and_before_the_lead(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        assert pressing.owner_for(session, cast.plant, NOW) == cast.max
        session.add(Detachment(customer_id=cast.plant, person_id=cast.dee, starts_at=NOW, reason="a crisis"))
        session.flush()
        assert pressing.owner_for(session, cast.plant, NOW) == cast.dee
        session.add(NamedPerson(customer_id=cast.plant, person_id=cast.eve, duty="escalation owner"))
        session.flush()
        assert pressing.owner_for(session, cast.plant, NOW) == cast.eve


def test_whoever_is_absent_or_cannot_be_reached_answers_for_no_escalation(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(NamedPerson(customer_id=cast.plant, person_id=cast.eve, duty="escalation owner"))
        session.add(Detachment(customer_id=cast.plant, person_id=cast.dee, starts_at=NOW, reason="a crisis"))
        session.add(TimeOff(person_id=cast.eve, kind="absent", starts_at=NOW - HOUR, ends_at=NOW + HOUR))
        session.flush()
        assert pressing.owner_for(session, cast.plant, NOW) == cast.dee
        assert pressing.owner_for(session, cast.plant, NOW + HOUR) == cast.eve
        session.get_one(Person, cast.dee).notify = []
        session.flush()
        assert pressing.owner_for(session, cast.plant, NOW) == cast.max


def test_asking_again_joins_what_runs(sessions: Sessions, cast: Cast, ada: Actor) -> None:
    first, _ = asked(sessions, cast, ada)
    again = asked(sessions, cast, ada, "Still nobody.")
    assert again == (first, False)
    with work(sessions, SYSTEM) as session:
        assert [line["words"] for line in session.get_one(Escalation, first).history] == [
            "Nobody calls back.",
            "Asked again: Still nobody.",
        ]
    assert told(sessions, cast.max) == 2


def test_a_late_word_is_told_to_owner_and_lead_once_and_a_new_word_starts_over(
    sessions: Sessions, cast: Cast, ada: Actor
) -> None:
    id, _ = asked(sessions, cast, ada)
    late = NOW + 4 * HOUR
    with work(sessions, SYSTEM) as session:
        assert pressing.next_due(session) == late
    assert pressing.remind(sessions, late - timedelta(seconds=1)) == 0
    assert pressing.remind(sessions, late) == 1
    assert pressing.remind(sessions, late + HOUR) == 0
    assert told(sessions, cast.max) == 2
    with work(sessions, SYSTEM) as session:
        said = pressing.say(session, id, Actor(cast.max, "Max"), late, trend="improving", words="Dee is on it.",
                            next_word_at=late + HOUR, exit_criteria="A week without an outage.")  # fmt: skip
        assert isinstance(said, Escalation)
    assert pressing.remind(sessions, late + HOUR) == 1


def test_it_ends_with_words_and_is_not_touched_afterwards(sessions: Sessions, cast: Cast, ada: Actor) -> None:
    id, _ = asked(sessions, cast, ada)
    max = Actor(cast.max, "Max")
    with work(sessions, SYSTEM) as session:
        wordless = pressing.end(session, id, max, NOW, " ")
        assert isinstance(wordless, NotNow)
        assert isinstance(pressing.end(session, id, max, NOW + HOUR, "Called; agreed."), Escalation)
        after = pressing.end(session, id, max, NOW + HOUR, "Again.")
        assert isinstance(after, NotNow)
        assert after.reason == "It has ended already."
    assert asked(sessions, cast, ada)[1]  # a new one may be asked for


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"trend": "new"}, "'new' is no trend."),
        ({"words": ""}, "A word on it needs words."),
        ({"next_word_at": NOW}, "The next word must lie ahead, within a month."),
        ({"next_word_at": NOW + timedelta(days=32)}, "The next word must lie ahead, within a month."),
        ({"owner_id": uuid.UUID(int=1)}, "This person cannot own it."),
    ],
)
def test_a_word_that_cannot_be_says_why(
    sessions: Sessions, cast: Cast, ada: Actor, more: dict[str, object], reason: str
) -> None:
    id, _ = asked(sessions, cast, ada)
    given: dict[str, object] = {"trend": "steady", "words": "So so.", "next_word_at": NOW + HOUR, **more}
    with work(sessions, SYSTEM) as session:
        said = pressing.say(session, id, Actor(cast.max, "Max"), NOW, **given)  # type: ignore[arg-type]
        assert isinstance(said, NotNow)
        assert said.reason == reason


def newest(sessions: Sessions, id: uuid.UUID) -> Escalation:
    with work(sessions, SYSTEM) as session:
        return session.get_one(Escalation, id)


def taken_back(sessions: Sessions, id: uuid.UUID, actor: Actor, after_s: float = 59) -> Escalation | NotNow:
    with work(sessions, SYSTEM) as session:
        return unsaying.undo(session, id, actor, NOW + timedelta(seconds=after_s))


def test_a_word_is_taken_back_within_the_minute_and_what_it_changed_stands_again(
    sessions: Sessions, cast: Cast, ada: Actor
) -> None:
    id, _ = asked(sessions, cast, ada)
    max, dee = Actor(cast.max, "Max"), Actor(cast.dee, "Dee")
    before = pressing.standing(newest(sessions, id))
    with work(sessions, SYSTEM) as session:
        pressing.say(session, id, dee, NOW, trend="worsening", words="Not yet.", next_word_at=NOW + HOUR,
                     exit_criteria="A quiet week.", owner_id=cast.dee)  # fmt: skip
    assert isinstance(taken_back(sessions, id, max), NotNow), "by nobody else"
    assert isinstance(taken_back(sessions, id, dee, 61), NotNow), "and not later"
    assert not isinstance(taken_back(sessions, id, dee), NotNow)
    row = newest(sessions, id)
    assert pressing.standing(row) == before
    assert row.history[-1]["undone"]["by"] == "Dee"
    assert isinstance(taken_back(sessions, id, dee), NotNow), "once"


def test_an_end_is_taken_back_unless_another_one_runs_by_then(sessions: Sessions, cast: Cast, ada: Actor) -> None:
    id, _ = asked(sessions, cast, ada)
    max = Actor(cast.max, "Max")
    for again in (False, True):
        with work(sessions, SYSTEM) as session:
            assert not isinstance(pressing.end(session, id, max, NOW, "All quiet."), NotNow)
        if again:
            assert asked(sessions, cast, ada, "It is not.")[1], "a new one"
        said = taken_back(sessions, id, max)
        assert isinstance(said, NotNow) == again
    assert newest(sessions, id).ended_at is not None
    assert "undone" not in newest(sessions, id).history[-1]


def test_what_was_asked_for_by_mistake_ends_and_its_letters_never_leave(
    sessions: Sessions, cast: Cast, ada: Actor
) -> None:
    id, _ = asked(sessions, cast, ada)
    assert told(sessions, cast.max) == 1
    assert not isinstance(taken_back(sessions, id, ada), NotNow)
    assert newest(sessions, id).ended_words == "Taken back by Ada."
    assert told(sessions, cast.max) == 0


def test_whoever_has_read_of_it_hears_that_it_was_taken_back(sessions: Sessions, cast: Cast, ada: Actor) -> None:
    id, _ = asked(sessions, cast, ada)
    with work(sessions, SYSTEM) as session:
        session.execute(update(Notice).values(settled_at=NOW, tries=1))
    assert not isinstance(taken_back(sessions, id, ada), NotNow)
    assert told(sessions, cast.max) == 2
