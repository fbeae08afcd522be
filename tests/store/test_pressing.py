"""Escalations: somebody answers for each, the next word is a promise, and it ends with what was reached."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from escalation import pressing
from escalation.incident import Actor, NotNow
from models.duty import Detachment
from models.escalations import Escalation
from models.notices import Notice
from models.people import NamedPerson
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
        ({"next_word_at": NOW}, "The next word must come, within a month."),
        ({"next_word_at": NOW + timedelta(days=32)}, "The next word must come, within a month."),
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
