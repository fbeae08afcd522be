"""Every act is taken back within the minute: rows as they stood before, letters that never leave."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import (
    acts,
    agreeing,
    deeds,
    handover,
    helping,
    outbox,
    relating,
    rows,
    swarm,
    undo,
    withdrawing,
    workaround,
)
from escalation.handover import Note
from escalation.incident import Actor, NotNow
from escalation.intake import report
from models.audit import AuditEntry, first_broken_link
from models.incidents import Incident, Promise, TimelineEntry
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

Deed = Callable[[Session, uuid.UUID, Actor, datetime], object]


@pytest.fixture
def opened(sessions: Sessions, cast: Cast) -> uuid.UUID:
    """A severity 1 incident on Ada's machine."""
    with work(sessions, SYSTEM) as session:
        found = desk.finding(session, cast.plant_machine, cast.now)
        answer = report(session, desk.signal(cast.plant_machine, cast.now, severity=1, finding_id=found), cast.now)
        assert answer.incident_id is not None
        return answer.incident_id


def claimed(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    desk.done(acts.claim(session, incident, actor, at))


def waits(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    desk.done(acts.wait(session, incident, actor, at, "customer", "which disk?"))


def resolved(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    desk.done(acts.resolve(session, incident, actor, at, "Mended."))


def closed(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    resolved(session, incident, actor, at)
    desk.done(acts.close(session, incident, actor, at))


def around(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    desk.done(workaround.found(session, incident, actor, at, "Use the other disk."))


# (what went before, the act); each leaves something to take back.
ACTS: dict[str, tuple[Deed | None, Deed]] = {
    "acknowledge": (None, acts.acknowledge),
    "claim": (None, acts.claim),
    "claim from a colleague": (
        lambda s, i, a, t: claimed(s, i, Actor(uuid.uuid5(uuid.NAMESPACE_DNS, "eve.cast"), "Eve"), t),
        acts.claim,
    ),
    "second": (
        claimed,
        lambda s, i, a, t: acts.second(s, i, a, t, person_id=uuid.uuid5(uuid.NAMESPACE_DNS, "max.cast")),
    ),
    "reply": (None, lambda s, i, a, t: acts.reply(s, i, a, t, "We look at it.")),
    "note": (None, lambda s, i, a, t: acts.note(s, i, a, t, "smells like a leak")),
    "wait": (None, lambda s, i, a, t: acts.wait(s, i, a, t, "vendor", "a disk is ordered")),
    "go on": (waits, acts.resume),
    "severity": (None, lambda s, i, a, t: acts.set_severity(s, i, a, t, 3, "agreed on the phone")),
    "propose severity": (None, lambda s, i, a, t: agreeing.propose(s, i, a, t, 2, "half of them work")),
    "verdict": (None, lambda s, i, a, t: acts.verdict(s, i, a, t, "false")),
    "escalate": (None, lambda s, i, a, t: acts.escalate(s, i, a, t, "we stand still")),
    "resolve": (None, lambda s, i, a, t: acts.resolve(s, i, a, t, "Mended.")),
    "resolve while it waits": (waits, lambda s, i, a, t: acts.resolve(s, i, a, t, "Mended.")),
    "close": (resolved, acts.close),
    "reopen": (closed, lambda s, i, a, t: acts.reopen(s, i, a, t, "it leaks")),
    "cancel": (None, lambda s, i, a, t: withdrawing.cancel(s, i, a, t, "a drill")),
    "found ours": (None, lambda s, i, a, t: withdrawing.found_ours(s, i, a, t, "our update")),
    "workaround": (None, lambda s, i, a, t: workaround.found(s, i, a, t, "Use the other disk.")),
    "workaround gone": (around, lambda s, i, a, t: workaround.gone(s, i, a, t, "it is full too")),
    "hand over": (
        claimed,
        lambda s, i, a, t: handover.offer(
            s, i, a, t, Note("it leaks"), taker_id=uuid.uuid5(uuid.NAMESPACE_DNS, "eve.cast")
        ),
    ),
    "call into the swarm": (
        claimed,
        lambda s, i, a, t: swarm.invite(s, i, a, t, "scribe", uuid.uuid5(uuid.NAMESPACE_DNS, "eve.cast")),
    ),
    "want help": (claimed, lambda s, i, a, t: helping.want_help(s, i, a, t, "storage", "who knows this array?")),
    "relate": (None, lambda s, i, a, t: relating.relate(s, i, a, t, "change", ref="CHG-4711")),
}
# Columns that count the change itself, and the place in the ladder that a later call is told apart by.
_COUNTED = {"version", "changed_at", "alone_since", "alone_s", "ladder_round"}


def picture(session: Session, incident: uuid.UUID) -> dict[str, list[str]]:
    """Everything of an incident that counts, but not what is only told of it."""
    seen = rows.look(session, [incident])
    seen["incidents"] = {
        id: {name: value for name, value in row.items() if name not in _COUNTED}
        for id, row in seen["incidents"].items()
    }
    return {
        table: sorted(map(str, found.values())) for table, found in seen.items() if table not in ("timeline", "notices")
    }


@pytest.mark.parametrize("name", ACTS)
def test_what_is_taken_back_is_as_if_it_had_not_been(
    sessions: Sessions, cast: Cast, opened: uuid.UUID, name: str
) -> None:
    does_and_takes_back(sessions, cast, opened, *ACTS[name])


def does_and_takes_back(sessions: Sessions, cast: Cast, opened: uuid.UUID, before: Deed | None, does: Deed) -> None:
    """Dee does it, takes it back a minute later, and everything stands as before."""
    dee, at = desk.actor(cast, "dee"), cast.now + desk.minutes(2)
    with work(sessions, SYSTEM) as session:
        if before is not None:
            before(session, opened, dee, cast.now + desk.minutes(1))
    with work(sessions, SYSTEM) as session:
        was = picture(session, opened)
        written = set(session.scalars(select(Notice.id)))
        version = session.get_one(Incident, opened).version
        assert not isinstance(does(session, opened, dee, at), NotNow)
    with work(sessions, SYSTEM) as session:
        done = desk.done(undo.undo(session, opened, dee, at + timedelta(seconds=59)))
        assert done.version == version + 2  # the act, and taking it back
    with work(sessions, SYSTEM) as session:
        assert picture(session, opened) == was
        assert set(session.scalars(select(Notice.id))) == written  # nothing of it leaves
        assert (
            desk.story(session, "undone")[-1].startswith("Dee took ")
            or "took the last step" in desk.story(session, "undone")[-1]
        )
        chain = select(AuditEntry).where(AuditEntry.customer_id == cast.plant).order_by(AuditEntry.id)
        assert first_broken_link(session.scalars(chain)) is None


def test_an_act_can_be_taken_back_for_a_minute_and_by_nobody_else(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    dee, eve = desk.actor(cast, "dee"), desk.actor(cast, "eve")
    with work(sessions, SYSTEM) as session:
        desk.done(acts.acknowledge(session, opened, dee, cast.now))
        for actor, later in ((eve, 1), (dee, 61), (Actor(None, "Dee"), 1)):
            refused = undo.undo(session, opened, actor, cast.now + timedelta(seconds=later))
            assert isinstance(refused, NotNow)
            assert refused.rule == "window"
        assert desk.done(undo.undo(session, opened, dee, cast.now + timedelta(seconds=60))).state == "open"
        again = undo.undo(session, opened, dee, cast.now + timedelta(seconds=60))
        assert isinstance(again, NotNow)  # once


def test_a_reply_that_is_held_never_leaves_and_the_customer_does_not_read_it(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    dee, until = desk.actor(cast, "dee"), cast.now + timedelta(minutes=1)
    with work(sessions, SYSTEM) as session:
        desk.done(acts.reply(session, opened, dee, cast.now, "All your data is lost."))
        assert deeds.hold_back(session, opened, dee, cast.now, until) == 2  # Ada and Bo
    with work(sessions, SYSTEM) as session:
        leased = outbox.claim(session, until - timedelta(seconds=1), "email", "a", 9)
        assert cast.ada not in {notice.person_id for notice in leased}
    with work(sessions, SYSTEM) as session:
        desk.done(undo.undo(session, opened, dee, until - timedelta(seconds=1)))
        said = session.scalars(select(TimelineEntry).where(TimelineEntry.kind == "reply")).one()
        assert (said.public, said.facts["undone"]["by"]) == (False, "Dee")
        assert session.scalars(select(Notice).where(Notice.person_id == cast.ada)).all() == []
        assert session.scalars(select(Promise.state).where(Promise.kind == "respond")).one() == "running"


def test_what_is_held_back_can_be_sent_at_once(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    dee, until = desk.actor(cast, "dee"), cast.now + timedelta(minutes=1)
    with work(sessions, SYSTEM) as session:
        desk.done(acts.reply(session, opened, dee, cast.now, "We look at it."))
        deeds.hold_back(session, opened, dee, cast.now, until)
        assert deeds.let_go(session, opened, dee, cast.now) == 2
        assert cast.ada in {notice.person_id for notice in outbox.claim(session, cast.now, "email", "a", 9)}


def test_a_reply_that_has_left_cannot_be_taken_back_and_says_whom_it_reached(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        desk.done(acts.reply(session, opened, dee, cast.now, "We look at it."))
        for notice in outbox.claim(session, cast.now, "email", "a", 9):
            outbox.settle(session, notice.id, {}, cast.now)
        refused = undo.undo(session, opened, dee, cast.now + timedelta(seconds=5))
        assert isinstance(refused, NotNow)
        assert refused.rule == "sent"
        assert "Ada and Bo" in refused.reason
        assert desk.the_incident(session).told_customer_at == cast.now


def test_those_who_were_told_hear_that_it_was_taken_back(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        for notice in outbox.claim(session, cast.now, "email", "a", 9):
            outbox.settle(session, notice.id, {}, cast.now)
        desk.done(acts.resolve(session, opened, dee, cast.now, "Mended."))
        for notice in outbox.claim(session, cast.now + desk.minutes(1), "email", "a", 9):
            outbox.settle(session, notice.id, {}, cast.now)
        incident = desk.done(undo.undo(session, opened, dee, cast.now + timedelta(seconds=30)))
        assert incident.state == "open"
        told = session.execute(select(Notice.person_id, Notice.body).where(Notice.settled_at.is_(None))).all()
        assert {person for person, _ in told} >= {cast.ada, cast.bo}
        assert all("taken the step back" in body["text"] for person, body in told if person in (cast.ada, cast.bo))


def test_what_went_on_meanwhile_is_not_trampled_on(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    dee, eve = desk.actor(cast, "dee"), desk.actor(cast, "eve")
    with work(sessions, SYSTEM) as session:
        desk.done(acts.acknowledge(session, opened, dee, cast.now))
        desk.done(acts.claim(session, opened, eve, cast.now + timedelta(seconds=10)))
        refused = undo.undo(session, opened, dee, cast.now + timedelta(seconds=20))
        assert isinstance(refused, NotNow)
        assert refused.rule == "version"
        assert desk.the_incident(session).owner_id == cast.eve


def test_a_second_who_said_yes_meanwhile_goes_with_the_acknowledgement(
    sessions: Sessions, cast: Cast, opened: uuid.UUID
) -> None:
    dee, eve = desk.actor(cast, "dee"), desk.actor(cast, "eve")
    with work(sessions, SYSTEM) as session:
        desk.done(acts.acknowledge(session, opened, dee, cast.now))
        desk.done(acts.note(session, opened, eve, cast.now + timedelta(seconds=5), "on my way"))
        undone = desk.done(undo.undo(session, opened, dee, cast.now + timedelta(seconds=20)))
        assert (undone.state, undone.second_id, undone.second_accepted_at) == ("open", None, None)


def test_a_rung_that_fell_due_meanwhile_is_climbed_after_all(sessions: Sessions, cast: Cast, opened: uuid.UUID) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        due = desk.the_incident(session).next_rung_at
        assert due is not None
        desk.done(acts.acknowledge(session, opened, dee, due - timedelta(seconds=10)))
        undone = desk.done(undo.undo(session, opened, dee, due + timedelta(seconds=20)))
        assert undone.next_rung_at == due
