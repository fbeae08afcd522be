"""In every state people and time can bring about, nobody is alone past the rule without somebody being asked."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from hypothesis.strategies import integers, sampled_from
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from escalation import acts, alone, company, handover, merging, seconds, undo
from escalation.handover import Note
from escalation.incident import Act, NotNow, State, allowed
from escalation.intake import report
from models import Base
from models.duty import Handover
from models.incidents import OPEN_STATES, Incident, TimelineEntry
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast, settle

ENGINEERS = ("dee", "eve", "max")
# Enough to meet each pair of acts many times in a run; a nightly run asks for more.
EXAMPLES = int(os.environ.get("VIGIE_EXAMPLES", "6"))


class Desk(RuleBasedStateMachine):
    """People act on two incidents of one customer while the clock moves; the desk's loop looks in as it does."""

    sessions: Sessions
    url: str

    @initialize(severity=sampled_from((1, 2, 3)), junior=sampled_from((True, False)))
    def opens(self, severity: int, junior: bool) -> None:
        engine = create_engine(self.url)
        with engine.begin() as connection:
            names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
            connection.execute(text("TRUNCATE " + names + " RESTART IDENTITY CASCADE"))
        engine.dispose()
        with work(self.sessions, SYSTEM) as session:
            self.cast: Cast = settle(session)
            self.now: datetime = self.cast.now
            if junior:
                session.get_one(Person, self.cast.dee).level = "junior"
        self.incidents: list[uuid.UUID] = []
        for cause in ("fan", "disk"):
            with work(self.sessions, SYSTEM) as session:
                signal = desk.signal(self.cast.plant_machine, self.now, cause, severity=severity)
                found = report(session, signal, self.now).incident_id
                assert found is not None
                self.incidents.append(found)

    @contextmanager
    def acting(self, which: int) -> Iterator[tuple[Session, uuid.UUID]]:
        with work(self.sessions, SYSTEM) as session:
            yield session, self.incidents[which % len(self.incidents)]

    @rule(
        which=integers(0, 1), who=sampled_from(ENGINEERS), act=sampled_from((acts.acknowledge, acts.claim, acts.resume))
    )
    def plain(self, which: int, who: str, act: object) -> None:
        with self.acting(which) as (session, incident):
            act(session, incident, desk.actor(self.cast, who), self.now)  # type: ignore[operator]

    @rule(which=integers(0, 1), who=sampled_from(ENGINEERS), whom=sampled_from(("customer", "vendor")))
    def waits(self, which: int, who: str, whom: str) -> None:
        with self.acting(which) as (session, incident):
            acts.wait(session, incident, desk.actor(self.cast, who), self.now, whom, "a disk")

    @rule(which=integers(0, 1), who=sampled_from((*ENGINEERS, "ada")))
    def replies(self, which: int, who: str) -> None:
        with self.acting(which) as (session, incident):
            acts.reply(session, incident, desk.actor(self.cast, who), self.now, "We look at it.")

    @rule(which=integers(0, 1), who=sampled_from(ENGINEERS), severity=sampled_from((1, 2, 3, 4)))
    def severity(self, which: int, who: str, severity: int) -> None:
        with self.acting(which) as (session, incident):
            acts.set_severity(session, incident, desk.actor(self.cast, who), self.now, severity, "agreed")

    @rule(which=integers(0, 1), who=sampled_from(ENGINEERS), yes=sampled_from((True, False)))
    def answers(self, which: int, who: str, yes: bool) -> None:
        with self.acting(which) as (session, incident):
            acts.stand(session, incident, desk.actor(self.cast, who), self.now, yes, "on the phone")

    @rule(which=integers(0, 1), who=sampled_from(ENGINEERS))
    def ends_or_reopens(self, which: int, who: str) -> None:
        with self.acting(which) as (session, incident):
            actor = desk.actor(self.cast, who)
            if isinstance(acts.resolve(session, incident, actor, self.now, "done"), NotNow):
                acts.reopen(session, incident, actor, self.now, "it is back")

    @rule(which=integers(0, 1), who=sampled_from(ENGINEERS), to=sampled_from(ENGINEERS))
    def hands_over(self, which: int, who: str, to: str) -> None:
        with self.acting(which) as (session, incident):
            actor, taker = desk.actor(self.cast, who), desk.actor(self.cast, to)
            assert taker.person_id is not None
            handover.offer(session, incident, actor, self.now, Note("it leaks"), taker_id=taker.person_id)
            open_one = session.scalar(select(Handover).where(Handover.state == "offered").limit(1))
            if open_one is not None:
                handover.answer(session, open_one.id, taker, "accepted", self.now)

    @rule(which=integers(0, 1), who=sampled_from(ENGINEERS))
    def merges(self, which: int, who: str) -> None:
        with self.acting(which) as (session, incident):
            other = self.incidents[(which + 1) % 2]
            merging.merge(session, incident, desk.actor(self.cast, who), self.now, other)

    @rule(which=integers(0, 1), who=sampled_from(ENGINEERS))
    def takes_back(self, which: int, who: str) -> None:
        with self.acting(which) as (session, incident):
            undo.undo(session, incident, desk.actor(self.cast, who), self.now)

    @rule(who=sampled_from(ENGINEERS))
    def goes_or_comes(self, who: str) -> None:
        with work(self.sessions, SYSTEM) as session:
            person = session.get_one(Person, getattr(self.cast, who))
            person.away_since = None if person.away_since is not None else self.now

    @rule(minutes=sampled_from((0.5, 1, 6, 16, 70)))
    def time_passes(self, minutes: float) -> None:
        """The loop wakes when it said it would, and at the end of the stretch."""
        until = self.now + timedelta(minutes=minutes)
        for _ in range(40):
            _, due = company.attend(self.sessions, self.now)
            if due is None or due > until:
                break
            self.now = max(due, self.now)
        self.now = until
        company.attend(self.sessions, self.now)

    @invariant()
    def somebody_is_there_or_asked(self) -> None:
        if not hasattr(self, "incidents"):
            return
        with work(self.sessions, SYSTEM) as session:
            for incident in session.scalars(select(Incident)):
                self._holds(session, incident)

    def _holds(self, session: Session, incident: Incident) -> None:
        closed_for = self.now - incident.closed_at if incident.closed_at is not None else None
        can = allowed(State(incident.state), closed_for)
        assert {Act.RESOLVE, Act.REOPEN} & set(can), incident.state  # no dead end
        assert incident.owner_id is None or incident.owner_id != incident.second_id
        assert (incident.alone_since is not None) == alone.is_alone(incident)
        standing = seconds.asked(session, incident)
        assert (standing.person_id if standing else None) == incident.second_id
        if incident.state in OPEN_STATES and incident.state != "open":
            assert incident.next_rung_at is None
        if not alone.is_alone(incident):
            return
        owner = session.get_one(Person, incident.owner_id)
        allowed_for = alone.limit(incident.severity, incident.tier, owner.level)
        assert incident.alone_since is not None
        if allowed_for is None or self.now < incident.alone_since + allowed_for + company.AGAIN:
            return
        # Past the rule: somebody is asked and the wait for them has an end, or the story says that nobody is there.
        if standing is not None:
            assert standing.answer_by is not None
            assert standing.answer_by + company.AGAIN >= self.now, (standing.answer_by, self.now)
            return
        said = select(TimelineEntry.id).where(
            TimelineEntry.incident_id == incident.id, TimelineEntry.kind.in_(("alone", "second"))
        )
        assert session.scalar(said.limit(1)) is not None
        _, due = company.attend(self.sessions, self.now)
        assert due is not None
        assert due <= self.now + company.AGAIN


@pytest.mark.timeout(600)
def test_nobody_is_left_alone_in_any_state_that_can_be_reached(sessions: Sessions, database: str) -> None:
    Desk.sessions, Desk.url = sessions, database
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        ),
    )
