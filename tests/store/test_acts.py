"""Acts of people: each leaves the story, the audit and the version behind it, and stops or starts the right clocks."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from escalation import acts, agreeing
from escalation.incident import Actor, NotNow
from escalation.intake import Request, open_by_person, report
from escalation.tick import tick_all
from models.audit import AuditEntry, first_broken_link
from models.incidents import Finding, Incident, Promise
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


@pytest.fixture
def opened(sessions: Sessions, cast: Cast) -> uuid.UUID:
    """A severity 1 incident on Ada's machine."""
    with work(sessions, SYSTEM) as session:
        found = desk.finding(session, cast.plant_machine, cast.now)
        answer = report(session, desk.signal(cast.plant_machine, cast.now, severity=1, finding_id=found), cast.now)
        assert answer.incident_id is not None
        return answer.incident_id


def test_an_acknowledgement_stops_the_ladder_and_attaches_a_second(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    at = cast.now + desk.minutes(1)
    with work(sessions, SYSTEM) as session:
        incident = desk.done(acts.acknowledge(session, opened, desk.actor(cast, "dee"), at, expected_version=1))
        assert (incident.state, incident.version, incident.next_rung_at) == ("acknowledged", 2, None)
        assert (incident.owner_id, incident.second_id, incident.acknowledged_at) == (cast.dee, cast.eve, at)
        assert ("Eve", -1, 2) in desk.told(session)
        assert desk.promises(session)[0][1] == "running"  # seen is not answered


def test_a_whole_life_leaves_one_audit_entry_and_one_version_an_act(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    dee, now = desk.actor(cast, "dee"), cast.now
    with work(sessions, SYSTEM) as session:
        for incident in (
            acts.claim(session, opened, dee, now),
            acts.reply(session, opened, dee, now, "We look at it."),
            acts.note(session, opened, dee, now, "smells like a leak"),
            acts.wait(session, opened, dee, now, "customer", "please send the log"),
            acts.resume(session, opened, dee, now),
            acts.set_severity(session, opened, dee, now, 3, "agreed with Ada"),
            acts.second(session, opened, dee, now, person_id=cast.max),
            acts.escalate(session, opened, dee, now, "needs a decision"),
            acts.verdict(session, opened, dee, now, "true"),
            acts.resolve(session, opened, dee, now, "The leak is mended."),
            acts.close(session, opened, dee, now),
            acts.reopen(session, opened, dee, now + timedelta(days=1), "it leaks again"),
        ):
            desk.done(incident)
    with work(sessions, SYSTEM) as session:
        incident = desk.the_incident(session)
        assert (incident.state, incident.version) == ("open", 13)
        assert (incident.owner_id, incident.second_id, incident.closed_at) == (None, None, None)
        chain = select(AuditEntry).where(AuditEntry.customer_id == cast.plant).order_by(AuditEntry.id)
        entries = list(session.scalars(chain))
        assert [entry.facts["version"] for entry in entries] == list(range(1, 14))
        assert first_broken_link(entries) is None
        assert session.scalars(select(Finding.verdict)).all() == ["true"]


def test_our_reply_keeps_the_first_promise_starts_the_next_and_reaches_the_customer(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    at = cast.now + desk.minutes(10)
    with work(sessions, SYSTEM) as session:
        incident = desk.done(acts.reply(session, opened, desk.actor(cast, "dee"), at, "We look at it."))
        assert (incident.state, incident.told_customer_at) == ("acknowledged", at)
        assert desk.promises(session) == [
            ("respond", "met", cast.now + desk.minutes(15)),
            ("update", "running", at + desk.minutes(30)),
        ]
        assert {who for who, _, _ in desk.told(session)} >= {"Ada", "Bo"}
        desk.done(acts.reply(session, opened, desk.actor(cast, "dee"), at + desk.minutes(5), "Still looking."))
        assert [state for kind, state, _ in desk.promises(session) if kind == "update"] == ["met", "running"]


def test_a_late_reply_is_a_breach_that_stays(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    at = cast.now + desk.minutes(16)
    with work(sessions, SYSTEM) as session:
        desk.done(acts.reply(session, opened, desk.actor(cast, "dee"), at, "Sorry."))
        promise = session.scalars(select(Promise).where(Promise.kind == "respond")).one()
        assert (promise.state, promise.met_at, promise.breached_at) == ("breached", at, cast.now + desk.minutes(15))


def test_a_wait_holds_the_clock_by_as_long_as_it_lasts(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        desk.done(acts.wait(session, opened, dee, cast.now + desk.minutes(5), "customer", "which disk?"))
        assert desk.promises(session) == [("respond", "paused", None)]
        desk.done(acts.resume(session, opened, dee, cast.now + desk.minutes(65)))
        assert desk.promises(session) == [("respond", "running", cast.now + desk.minutes(75))]


def test_the_customers_word_ends_the_wait_for_them_and_reaches_the_owner(
    sessions: Sessions, web_sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    with work(sessions, SYSTEM) as session:
        desk.done(acts.wait(session, opened, desk.actor(cast, "dee"), cast.now, "customer", "which disk?"))
    with work(web_sessions, cast.plant) as session:  # as the portal has it: nothing of ours is visible
        at = cast.now + desk.minutes(3)
        incident = desk.done(acts.reply(session, opened, desk.actor(cast, "ada"), at, "The second one"))
        assert (incident.state, incident.customer_told_us_at, incident.told_customer_at) == ("working", at, None)
        assert session.scalars(select(Person.name).where(Person.id == cast.max)).all() == []
    with work(sessions, SYSTEM) as session:
        assert ("Dee", -1, 3) in desk.told(session)
        assert desk.promises(session)[0][1] == "running"


def test_a_customer_may_ask_for_escalation_and_the_next_rung_is_called(
    sessions: Sessions, web_sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    with work(web_sessions, cast.plant) as session:
        incident = desk.done(acts.escalate(session, opened, desk.actor(cast, "ada"), cast.now, "we stand still"))
        assert (incident.rung, incident.next_rung_at) == (1, cast.now + desk.minutes(5))
    with work(sessions, SYSTEM) as session:
        assert [who for who, rung, _ in desk.told(session) if rung == 1] == ["Eve"]
        why = session.scalars(select(Notice.why).where(Notice.rung == 1)).one()
        assert "Ada asked for it: we stand still" in why


def test_escalating_what_is_acknowledged_calls_one_rung_and_does_not_climb_on(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        desk.done(acts.acknowledge(session, opened, dee, cast.now))
        names = []
        while isinstance(answer := acts.escalate(session, opened, dee, cast.now, "help"), Incident):
            names.append(answer.rung)
            assert answer.next_rung_at is None
        assert names == [1, 3]  # nobody is named for the account, nor number two or one: passed by
        assert answer.rule == "rungs"


def test_a_stale_page_changes_nothing(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        answer = acts.claim(session, opened, desk.actor(cast, "dee"), cast.now, expected_version=7)
        assert isinstance(answer, NotNow)
        assert answer.rule == "version"
        assert desk.the_incident(session).version == 1


@pytest.mark.parametrize("words", ["", "   "])
def test_public_words_cannot_be_empty(sessions: Sessions, cast: Cast, opened: uuid.UUID, words: str) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        for answer in (
            acts.reply(session, opened, dee, cast.now, words),
            acts.note(session, opened, dee, cast.now, words),
            acts.resolve(session, opened, dee, cast.now, words),
            acts.wait(session, opened, dee, cast.now, "vendor", words),
            acts.wait(session, opened, dee, cast.now, "godot", "x"),
            acts.escalate(session, opened, dee, cast.now, words),
            acts.set_severity(session, opened, dee, cast.now, 5, "x"),
            acts.set_severity(session, opened, dee, cast.now, 1, "x"),
            acts.verdict(session, opened, dee, cast.now, "perhaps"),
        ):
            assert isinstance(answer, NotNow)
            assert answer.rule == "value"
        assert desk.the_incident(session).version == 1


def test_an_act_that_does_not_fit_says_why_and_leaves_no_trace(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    with work(sessions, SYSTEM) as session:
        for answer in (
            acts.resume(session, opened, desk.actor(cast, "dee"), cast.now),
            acts.close(session, opened, desk.actor(cast, "dee"), cast.now),
            acts.claim(session, opened, Actor(None, "robot"), cast.now),
            acts.second(session, opened, desk.actor(cast, "dee"), cast.now, person_id=cast.ada),
            acts.acknowledge(session, uuid.uuid4(), desk.actor(cast, "dee"), cast.now),
        ):
            assert isinstance(answer, NotNow)
    with work(sessions, SYSTEM) as session:
        assert desk.the_incident(session).version == 1
        assert len(session.scalars(select(AuditEntry)).all()) == 1


def test_reopening_beside_an_open_incident_of_the_same_cause_is_refused(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        desk.done(acts.resolve(session, opened, dee, cast.now, "done"))
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        answer = acts.reopen(session, opened, dee, cast.now, "again")
        assert isinstance(answer, NotNow)
        assert answer.rule == "duplicate"


def test_a_reopened_incident_climbs_again_in_a_new_round(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    dee, later = desk.actor(cast, "dee"), cast.now + timedelta(hours=5)
    with work(sessions, SYSTEM) as session:
        desk.done(acts.resolve(session, opened, dee, cast.now, "done"))
        desk.done(acts.reopen(session, opened, dee, later, "again"))
        assert [one for one in desk.told(session) if one[1] == 0] == [("Dee", 0, 0), ("Dee", 0, 1)]
        assert desk.promises(session)[-1] == ("respond", "running", later + desk.minutes(15))


def test_who_is_alone_at_night_is_said(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        for person in session.scalars(select(Person).where(Person.id.in_([cast.eve, cast.max, cast.root]))):
            person.active = False
        incident = desk.done(acts.claim(session, opened, desk.actor(cast, "dee"), cast.now))
        assert incident.second_id is None
        assert desk.story(session, "alone")
        answer = acts.second(session, opened, desk.actor(cast, "dee"), cast.now)
        assert isinstance(answer, NotNow)


def test_the_second_who_claims_is_no_longer_the_second(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        desk.done(acts.acknowledge(session, opened, desk.actor(cast, "dee"), cast.now))
        incident = desk.done(acts.claim(session, opened, desk.actor(cast, "eve"), cast.now))
        assert (incident.owner_id, incident.second_id) == (cast.eve, cast.dee)
        again = acts.claim(session, opened, desk.actor(cast, "eve"), cast.now)
        assert isinstance(again, NotNow)


def test_a_no_to_a_proposal_never_makes_milder_what_the_evidence_has_made_graver_since(
    sessions: Sessions, cast: Cast
) -> None:
    now, dee, ada = cast.now, desk.actor(cast, "dee"), desk.actor(cast, "ada")
    with work(sessions, SYSTEM) as session:
        id = report(session, desk.signal(cast.plant_machine, now, severity=3), now).incident_id
        assert id is not None
        assert desk.done(agreeing.propose(session, id, dee, now, 2, "half of them stand")).severity == 2
        report(session, desk.signal(cast.plant_machine, now + desk.minutes(5), severity=1), now + desk.minutes(5))
        late = agreeing.answer(session, id, ada, now + desk.minutes(6), False, "two of them stand")
        assert isinstance(late, NotNow), "there is nothing to answer any more"
        assert [row.state for row in agreeing.history(session, id)] == ["withdrawn", "set"]
        assert session.get_one(Incident, id).severity == 1


def test_a_graver_proposal_still_waits_for_its_answer_when_the_evidence_gets_graver(
    sessions: Sessions, cast: Cast
) -> None:
    now, dee, ada = cast.now, desk.actor(cast, "dee"), desk.actor(cast, "ada")
    with work(sessions, SYSTEM) as session:
        id = report(session, desk.signal(cast.plant_machine, now, severity=3), now).incident_id
        assert id is not None
        desk.done(agreeing.propose(session, id, ada, now, 1, "the whole line stands"))
        report(session, desk.signal(cast.plant_machine, now + desk.minutes(5), severity=2), now + desk.minutes(5))
        assert desk.done(agreeing.answer(session, id, dee, now + desk.minutes(6), True)).severity == 1


@pytest.mark.parametrize("again", ["writes", "asks for the same cause"])
def test_a_customer_who_speaks_when_the_ladder_has_ended_unheard_has_it_climbed_again(
    again: str, sessions: Sessions, web_sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    for minutes in range(0, 61, 5):
        tick_all(sessions, cast.now + desk.minutes(minutes))
    ada, later = desk.actor(cast, "ada"), cast.now + desk.minutes(150)
    with work(web_sessions, cast.plant) as session:
        incident = session.get_one(Incident, opened)
        assert (incident.state, incident.next_rung_at, incident.ladder_round) == ("open", None, 0)
        if again == "writes":
            desk.done(acts.reply(session, opened, ada, later, "Is anybody there?"))
        else:
            request = Request(2, "Slow", "Is anybody there?", cast.plant_machine, cause=incident.cause)
            assert open_by_person(session, cast.plant, request, ada, later).joined
        assert (incident.ladder_round, incident.rung) == (1, 0)
    with work(sessions, SYSTEM) as session:
        assert ("Dee", 0, 1) in desk.told(session)
