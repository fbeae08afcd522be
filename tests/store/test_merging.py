"""Two incidents become one and one becomes two: clocks, notices, signs, people, allowances, and the way back."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from escalation import acts, agreeing, merging, outbox, splitting, tick, undo
from escalation.incident import Actor, NotNow
from escalation.intake import Answer, Request, condition_ended, open_by_person, report
from escalation.splitting import Part
from models.agreements import AllowanceTaking, ContractLine
from models.incidents import Finding, Incident, Promise, TimelineEntry
from models.machines import Machine
from models.notices import Notice
from models.relations import IncidentCause, IncidentRelation
from models.session import SYSTEM, Sessions, work
from models.swarm import Companion
from tests import desk
from tests.cast import Cast


@pytest.fixture
def pair(sessions: Sessions, cast: Cast) -> tuple[uuid.UUID, uuid.UUID]:
    """Two incidents of Ada's: VG-1001 of severity 2; five minutes later VG-1002 of severity 1 on another machine."""
    with work(sessions, SYSTEM) as session:
        machine = Machine(customer_id=cast.plant, name="plant-app-1", created_at=cast.now)
        session.add(machine)
        session.flush()
        session.add(ContractLine(customer_id=cast.plant, contract_id=cast.plant_contract, machine_id=machine.id))
        session.flush()
        found = []
        for machine_id, severity, cause, later in ((cast.plant_machine, 2, "memory", 0), (machine.id, 1, "cpu", 5)):
            at = cast.now + desk.minutes(later)
            finding = desk.finding(session, machine_id, at, cause)
            more = {"severity": severity, "finding_id": finding}
            answer = report(session, desk.signal(machine_id, at, cause, **more), at)
            assert answer.incident_id is not None
            found.append(answer.incident_id)
        return found[0], found[1]


def merged(sessions: Sessions, cast: Cast, which: uuid.UUID, into: uuid.UUID, minute: float = 6) -> None:
    with work(sessions, SYSTEM) as session:
        dee = desk.actor(cast, "dee")
        desk.done(merging.merge(session, which, dee, cast.now + desk.minutes(minute), into, "one broken switch"))


def test_the_earlier_promise_stands_and_the_story_explains_it(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    merged(sessions, cast, other, one)
    with work(sessions, SYSTEM) as session:
        # Severity 2 at 09:00 was promised 10:00, severity 1 at 09:05 was promised 09:20.
        running = session.scalars(select(Promise).where(Promise.incident_id == one, Promise.state == "running")).one()
        assert (running.kind, running.due_at) == ("respond", cast.now + desk.minutes(20))
        assert session.scalars(select(Promise.state).where(Promise.incident_id == other)).all() == []
        assert any("T09:20:00Z stands" in line and "VG-1002" in line for line in desk.story(session, "merge clocks"))
        into = session.get_one(Incident, one)
        assert (into.severity, into.state) == (1, "open")
        gone = session.get_one(Incident, other)
        assert (gone.state, gone.merged_into_id, gone.next_rung_at) == ("closed", one, None)
        lines = select(TimelineEntry).where(TimelineEntry.incident_id == other)
        assert len(session.scalars(lines).all()) >= 3  # its timeline stays where it was
        assert tick.tick(session, cast.now + desk.minutes(21)) == 1  # the promise that moved is watched
        assert session.scalars(select(Promise.breached_at).where(Promise.id == running.id)).one() is not None


def test_the_other_way_round_the_same_promise_stands(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    merged(sessions, cast, one, other)
    with work(sessions, SYSTEM) as session:
        states = session.execute(
            select(Promise.incident_id, Promise.state, Promise.due_at).where(Promise.kind == "respond")
        ).all()
        assert {(row[0], row[1]) for row in states} == {(other, "running"), (one, "cancelled")}
        assert [row[2] for row in states if row[0] == other] == [cast.now + desk.minutes(20)]


def test_pages_in_flight_follow_the_survivor_and_their_link_acknowledges_it(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    with work(sessions, SYSTEM) as session:
        leaving = outbox.claim(session, cast.now + desk.minutes(5), "email", "a", 1)[0]
    merged(sessions, cast, other, one)
    with work(sessions, SYSTEM) as session:
        notices = list(session.scalars(select(Notice)))
        assert {notice.incident_id for notice in notices if notice.settled_at is None} == {one}
        followed = [notice for notice in notices if "merged" in notice.body["data"]]
        assert followed
        assert all("VG-1001" in notice.subject and notice.body["path"] == "/incidents/VG-1001" for notice in followed)
        outbox.settle(session, leaving.id, {}, cast.now + desk.minutes(6))  # what was leaving arrives as it was
        # Whoever answers under the old number has the one that goes on.
        done = desk.done(acts.acknowledge(session, other, desk.actor(cast, "dee"), cast.now + desk.minutes(7)))
        assert (done.id, done.state, done.owner_id) == (one, "acknowledged", cast.dee)


def test_a_page_is_called_off_when_somebody_has_the_survivor(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    with work(sessions, SYSTEM) as session:
        desk.done(acts.acknowledge(session, one, desk.actor(cast, "dee"), cast.now + desk.minutes(5)))
    merged(sessions, cast, other, one)
    with work(sessions, SYSTEM) as session:
        pages = session.scalars(select(Notice).where(Notice.incident_id == other, Notice.rung >= 0)).all()
        assert pages
        assert all("merged into VG-1001" in notice.last_error for notice in pages)


def test_what_was_proposed_for_the_survivor_is_over_when_a_graver_one_comes_with_the_merged(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    with work(sessions, SYSTEM) as session:
        desk.done(agreeing.propose(session, one, desk.actor(cast, "dee"), cast.now + desk.minutes(5), 3, "one of them"))
    merged(sessions, cast, other, one)
    with work(sessions, SYSTEM) as session:
        assert agreeing.proposed(session, one) is None
        assert session.get_one(Incident, one).severity == 1


def test_what_is_seen_of_the_merged_cause_joins_the_survivor(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    merged(sessions, cast, other, one)
    at = cast.now + desk.minutes(30)
    with work(sessions, SYSTEM) as session:
        machine = session.get_one(Incident, other).machine_id
        assert machine is not None
        again = report(session, desk.signal(machine, at, "cpu"), at)
        assert (again.outcome, again.incident_id) == ("joined", one)
        asked = Request(severity=3, title="slow again", machine_id=machine, cause="cpu")
        assert open_by_person(session, cast.plant, asked, desk.actor(cast, "ada"), at).joined
        assert session.scalars(select(Finding.incident_id)).all() == [one, one]
        condition_ended(session, machine, "cpu", at, at)
        assert session.get_one(Incident, one).condition_ended_at is None  # the other machine's goes on
        condition_ended(session, cast.plant_machine, "memory", at, at)
        assert session.get_one(Incident, one).condition_ended_at == at


def test_whoever_had_the_merged_one_stands_beside_the_owner_of_the_survivor(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    with work(sessions, SYSTEM) as session:
        desk.done(acts.claim(session, one, desk.actor(cast, "dee"), cast.now + desk.minutes(5)))
        desk.done(acts.claim(session, other, desk.actor(cast, "max"), cast.now + desk.minutes(5)))
    merged(sessions, cast, other, one)
    with work(sessions, SYSTEM) as session:
        into = session.get_one(Incident, one)
        assert (into.owner_id, into.second_id) == (cast.dee, cast.max)
        assert into.second_accepted_at is not None
        left = session.scalars(select(Companion.state).where(Companion.incident_id == other)).all()
        assert set(left) <= {"left"}


def test_a_merge_gives_back_what_was_taken_and_taking_it_back_takes_it_again(sessions: Sessions, cast: Cast) -> None:
    dee, at = desk.actor(cast, "dee"), cast.now + desk.minutes(1)
    with work(sessions, SYSTEM) as session:
        opened = []
        for title in ("stands still", "does not move"):
            asked = Request(severity=2, title=title, machine_id=cast.joinery_machine)
            answer = open_by_person(session, cast.joinery, asked, desk.actor(cast, "cy"), cast.now)
            assert answer.incident is not None
            opened.append(answer.incident.id)
        takings = session.scalars(select(AllowanceTaking).order_by(AllowanceTaking.taken_at, AllowanceTaking.id)).all()
        desk.done(merging.merge(session, opened[1], dee, at, opened[0]))
        session.expire_all()
        given = [taking.given_back_at is not None for taking in takings]
        assert given == ([False, True] if takings else [])
        desk.done(undo.undo(session, opened[0], dee, at + timedelta(seconds=30)))
        assert [taking.given_back_at for taking in takings] == [None] * len(takings)


def test_a_merge_is_taken_back_whole(sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]) -> None:
    one, other = pair
    merged(sessions, cast, other, one)
    with work(sessions, SYSTEM) as session:
        at = cast.now + desk.minutes(6.5)
        desk.done(undo.undo(session, other, desk.actor(cast, "dee"), at))
    with work(sessions, SYSTEM) as session:
        again = session.get_one(Incident, other)
        assert (again.state, again.merged_into_id, again.severity) == ("open", None, 1)
        assert again.next_rung_at is not None
        assert session.get_one(Incident, one).severity == 2
        running = session.execute(select(Promise.incident_id, Promise.due_at).where(Promise.state == "running")).all()
        assert {row[0]: row[1] for row in running} == {
            one: cast.now + desk.minutes(60),
            other: cast.now + desk.minutes(20),
        }
        assert session.scalars(select(IncidentCause)).all() == []
        assert set(session.scalars(select(Notice.incident_id).where(Notice.rung >= 0))) == {one, other}


def test_what_was_merged_can_be_taken_out_again_later(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    merged(sessions, cast, other, one)
    at = cast.now + timedelta(hours=3)
    with work(sessions, SYSTEM) as session:
        again = desk.done(acts.reopen(session, other, desk.actor(cast, "dee"), at, "another switch after all"))
        assert (again.state, again.merged_into_id) == ("open", None)
        joined = report(session, desk.signal(again.machine_id, at, "cpu"), at)  # type: ignore[arg-type]
        assert joined.incident_id == other
        holds = select(IncidentRelation).where(IncidentRelation.ended_at.is_(None))
        assert session.scalars(holds).all() == []


def test_a_merge_that_makes_no_sense_is_refused(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    dee, at = desk.actor(cast, "dee"), cast.now + desk.minutes(6)
    with work(sessions, SYSTEM) as session:
        foreign = open_by_person(session, cast.joinery, Request(3, "the door squeaks"), desk.actor(cast, "cy"), at)
        assert foreign.incident is not None
        for into in (one, foreign.incident.id, uuid.uuid4()):
            assert isinstance(merging.merge(session, one, dee, at, into), NotNow)
        desk.done(acts.resolve(session, other, dee, at, "done"))
        over = merging.merge(session, one, dee, at, other)
        assert isinstance(over, NotNow)
        assert "Reopen it first" in over.remedy
        assert session.get_one(Incident, one).version == 1


def test_a_part_gets_an_incident_of_its_own_with_its_own_decision(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    merged(sessions, cast, other, one)
    dee, at = desk.actor(cast, "dee"), cast.now + desk.minutes(20)
    with work(sessions, SYSTEM) as session:
        line = desk.done(acts.note(session, one, dee, at, "the app has its own trouble"))
        note = session.scalars(select(TimelineEntry).where(TimelineEntry.kind == "note")).one()
        cause = session.scalars(select(IncidentCause)).one()
        part = Part("The app is slow by itself", "another trouble", 3, [cause.id], [note.id])
        split = splitting.split(session, one, dee, at, part)
        assert isinstance(split, Answer)
        made = split.incident
        assert made is not None
        assert (made.machine_id, made.cause, made.severity, made.state) == (cause.machine_id, "cpu", 3, "open")
        assert made.decision_id == split.decision.id != line.decision_id
        assert note.incident_id == made.id
        assert session.scalars(select(Finding.incident_id).where(Finding.cause == "cpu")).one() == made.id
        joined = report(session, desk.signal(cause.machine_id, at, "cpu"), at)  # type: ignore[arg-type]
        assert joined.incident_id == made.id
        kinds = session.scalars(select(IncidentRelation.kind).where(IncidentRelation.incident_id == made.id)).all()
        assert kinds == ["split_from"]


def test_what_is_reopened_stands_again_for_the_fault_it_was_the_symptom_of(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    with work(sessions, SYSTEM) as session:
        machine_id = session.get_one(Incident, other).machine_id
        assert machine_id is not None
        at = cast.now + desk.minutes(5)
        finding = desk.finding(session, machine_id, at, "disk:/var")
        more = {"kind": "forecast", "finding_id": finding, "brings": frozenset({"cpu"})}
        assert report(session, desk.signal(machine_id, at, "disk:/var", **more), at).incident_id == other
    merged(sessions, cast, other, one)
    with work(sessions, SYSTEM) as session:
        later = cast.now + desk.minutes(9)
        assert report(session, desk.signal(machine_id, later, "disk:/var"), later).incident_id == one
        desk.done(acts.reopen(session, other, desk.actor(cast, "dee"), later, "not the same after all"))
        assert session.get_one(Finding, finding).incident_id == other
        assert report(session, desk.signal(machine_id, later, "disk:/var"), later).incident_id == other


def test_a_split_is_taken_back(sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]) -> None:
    one, other = pair
    merged(sessions, cast, other, one)
    dee, at = desk.actor(cast, "dee"), cast.now + desk.minutes(20)
    with work(sessions, SYSTEM) as session:
        cause = session.scalars(select(IncidentCause)).one()
        split = splitting.split(session, one, dee, at, Part("By itself", "another trouble", causes=[cause.id]))
        assert isinstance(split, Answer)
        assert split.incident is not None
        made = split.incident.id
    with work(sessions, SYSTEM) as session:
        desk.done(undo.undo(session, one, dee, at + timedelta(seconds=40)))
        folded = session.get_one(Incident, made)
        assert (folded.state, folded.merged_into_id) == ("closed", one)
        split_off = select(IncidentRelation).where(IncidentRelation.kind == "split_from")
        assert session.scalars(split_off).all() == []  # as if it had not been said
        assert session.scalars(select(Finding.incident_id).where(Finding.cause == "cpu")).one() == one
        joined = report(session, desk.signal(cause.machine_id, at, "cpu"), at)  # type: ignore[arg-type]
        assert joined.incident_id == one
        live = select(Promise).where(Promise.incident_id == made, Promise.state.in_(("running", "paused")))
        assert session.scalars(live).all() == []


def test_a_split_of_nothing_or_of_what_is_elsewhere_is_refused(
    sessions: Sessions, cast: Cast, pair: tuple[uuid.UUID, uuid.UUID]
) -> None:
    one, other = pair
    dee = Actor(cast.dee, "Dee")
    with work(sessions, SYSTEM) as session:
        line = session.scalars(select(TimelineEntry.id).where(TimelineEntry.incident_id == other)).first()
        assert line is not None
        for part in (Part("x", "y"), Part("", "y", entries=[line]), Part("x", "y", entries=[line]),
                     Part("x", "y", causes=[uuid.uuid4()])):  # fmt: skip
            assert isinstance(splitting.split(session, one, dee, cast.now, part), NotNow)
