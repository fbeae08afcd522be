"""What people answer each other on an incident is taken back within the minute too: offers, asks, roles, words."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import (
    acts,
    agreeing,
    attaching,
    editing,
    handover,
    helping,
    merging,
    relating,
    serving,
    swarm,
    undo,
)
from escalation.attic import Attic
from escalation.handover import Note
from escalation.incident import Actor
from escalation.intake import report
from models.attachments import Attachment
from models.duty import Handover, Training
from models.incidents import Incident, TimelineEntry
from models.relations import IncidentRelation
from models.session import SYSTEM, Sessions, work
from models.swarm import Companion, HelpWanted
from tests import desk
from tests.cast import Cast
from tests.store.test_undo import Deed, does_and_takes_back
from tests.store.test_undo import opened as opened


def cast_actor(name: str, *, is_customer: bool = False) -> Actor:
    return Actor(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.cast"), name.capitalize(), is_customer=is_customer)


EVE, ADA = cast_actor("eve"), cast_actor("ada", is_customer=True)
DEE = cast_actor("dee").person_id
assert DEE is not None


def offered(giver: Actor | None, taker: uuid.UUID | None) -> Deed:
    def does(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
        desk.done(acts.claim(session, incident, giver or actor, at))
        assert taker is not None
        assert isinstance(handover.offer(session, incident, giver or actor, at, Note("so"), taker_id=taker), Handover)

    return does


def answered(word: str) -> Deed:
    def does(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> object:
        offer = handover.open_offer(session, incident)
        assert offer is not None
        return handover.answer(session, offer.id, actor, word, at, reason="at lunch")

    return does


def proposed(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    desk.done(agreeing.propose(session, incident, ADA, at, 3, "half of them work"))


def asked_beside(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    desk.done(acts.claim(session, incident, EVE, at))
    desk.done(acts.second(session, incident, EVE, at, person_id=actor.person_id))


def invited(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    desk.done(acts.claim(session, incident, EVE, at))
    assert actor.person_id is not None
    assert isinstance(swarm.invite(session, incident, EVE, at, "scribe", actor.person_id), Companion)


def joined(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    invited(session, incident, actor, at)
    in_role("accepted")(session, incident, actor, at)


def in_role(word: str) -> Deed:
    def does(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> object:
        seat = session.scalars(select(Companion).where(Companion.incident_id == incident, Companion.role == "scribe"))
        return swarm.answer(session, seat.one().id, actor, at, word, "at lunch")

    return does


def helped(by: Actor | None) -> Deed:
    def does(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
        session.add(Training(person_id=actor.person_id, subject="storage", level="senior"))
        desk.done(acts.claim(session, incident, by or actor, at))
        wanted = helping.want_help(session, incident, by or actor, at, "storage", "who knows this array?")
        assert isinstance(wanted, HelpWanted)

    return does


def with_help(does: Callable[[Session, uuid.UUID, Actor, datetime], object]) -> Deed:
    return lambda s, i, a, t: does(s, s.scalars(select(HelpWanted.id).where(HelpWanted.incident_id == i)).one(), a, t)


def noted(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    desk.done(acts.note(session, incident, actor, at, "smells like a leek"))


def corrected(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> object:
    line = select(TimelineEntry.id).where(TimelineEntry.incident_id == incident, TimelineEntry.kind == "note")
    return editing.edit(session, session.scalars(line).one(), actor, at, "smells like a leak")


def related(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    assert isinstance(relating.relate(session, incident, actor, at, "change", ref="CHG-4711"), IncidentRelation)


def unrelated(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> object:
    row = session.scalars(select(IncidentRelation.id).where(IncidentRelation.incident_id == incident)).one()
    return relating.end(session, row, actor, at)


def another(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
    machine = session.get_one(Incident, incident).machine_id
    assert machine is not None
    report(session, desk.signal(machine, at, "disk:/var", severity=3), at)


def merged_into(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> object:
    other = session.scalars(select(Incident.id).where(Incident.cause == "disk:/var")).one()
    return merging.merge(session, incident, actor, at, other, "one disk")


def taken_in(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> object:
    other = session.scalars(select(Incident.id).where(Incident.cause == "disk:/var")).one()
    return merging.merge(session, other, actor, at, incident, "one disk")


ANSWERS: dict[str, tuple[Deed | None, Deed]] = {
    "take it over": (offered(EVE, DEE), answered("accepted")),
    "do not take it over": (offered(EVE, DEE), answered("refused")),
    "keep it after all": (offered(None, EVE.person_id), answered("withdrawn")),
    "agree to a severity": (proposed, lambda s, i, a, t: agreeing.answer(s, i, a, t, True)),
    "do not agree": (proposed, lambda s, i, a, t: agreeing.answer(s, i, a, t, False, "all of them stand")),
    "stand beside": (asked_beside, lambda s, i, a, t: acts.stand(s, i, a, t, True)),
    "not stand beside": (asked_beside, lambda s, i, a, t: acts.stand(s, i, a, t, False, "at lunch")),
    "take a role": (invited, in_role("accepted")),
    "decline a role": (invited, in_role("declined")),
    "leave a role": (joined, in_role("left")),
    "take help wanted": (helped(EVE), with_help(helping.take_help)),
    "call off help wanted": (helped(None), with_help(helping.call_off_help)),
    "serve another way": (None, lambda s, i, a, t: serving.serve(s, i, a, t, "remote")),
    "correct a note": (noted, corrected),
    "end a relation": (related, unrelated),
    "merge": (another, merged_into),
    "take in": (another, taken_in),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_taken_back_is_as_if_it_had_not_been(
    sessions: Sessions, cast: Cast, opened: uuid.UUID, name: str
) -> None:
    does_and_takes_back(sessions, cast, opened, *ANSWERS[name])


def test_a_file_that_is_removed_is_given_out_again(
    sessions: Sessions, cast: Cast, opened: uuid.UUID, tmp_path: Path
) -> None:
    def brings(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> None:
        row = attaching.add(session, Attic(tmp_path), incident, actor, at, "a.log", b"02:10 began", public=True)
        assert isinstance(row, Attachment)

    def removes(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> object:
        return attaching.remove(session, session.scalars(select(Attachment.id)).one(), actor, at)

    does_and_takes_back(sessions, cast, opened, brings, removes)


def test_a_file_that_is_taken_back_is_gone_with_its_bytes_unless_another_has_the_same(
    sessions: Sessions, cast: Cast, opened: uuid.UUID, tmp_path: Path
) -> None:
    attic, dee, at = Attic(tmp_path), desk.actor(cast, "dee"), cast.now + desk.minutes(2)

    def brings(session: Session, incident: uuid.UUID, actor: Actor, at: datetime) -> object:
        return attaching.add(session, attic, incident, actor, at, "a.log", b"02:10 began", public=True)

    does_and_takes_back(sessions, cast, opened, None, brings)
    with work(sessions, SYSTEM) as session:
        for actor in (dee, EVE):
            assert isinstance(brings(session, opened, actor, at), Attachment)
    for actor, files in ((EVE, 1), (dee, 0)):
        with work(sessions, SYSTEM) as session:
            desk.done(undo.undo(session, opened, actor, at + timedelta(seconds=9), attic=attic))
            assert len(attaching.of_incident(session, opened)) == files
        assert len([one for one in tmp_path.rglob("*") if one.is_file()]) == files
