"""Who stands beside an incident's owner: the second's word, the roles of a swarm, and help wanted by skill."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.acts import answered, refused
from app.api.door import Answer, Call, route
from app.api.incidents import IncidentWhole
from app.problems import Problem
from app.wire import In, Instant, Line, MaybeLine, MaybeWords, Out, Words
from escalation import acts, helping, swarm
from escalation.incident import NotNow
from models.people import Person
from models.swarm import Companion, HelpWanted

_PROBLEMS = ("not-found", "not-now", "changed-meanwhile")


class Stand(In):
    accept: bool
    reason: MaybeWords = Field("", description="needed to decline")


class Role(In):
    role: Literal["lead", "scribe", "voice", "specialist"]
    person: uuid.UUID | None = Field(None, description="left out: the caller takes the role themselves")
    subject: MaybeLine = Field("", description="of a specialist: what they are asked for")


class RoleAnswer(In):
    answer: Literal["accepted", "declined", "left"]
    reason: MaybeWords = Field("", description="needed to decline")


class Help(In):
    subject: Line = Field(description="the skill, as trainings name it: GET /duty/subjects")
    words: Words = Field(description="what is needed, for those who have the skill")


class CompanionOut(Out):
    id: uuid.UUID
    incident_id: uuid.UUID
    person_id: uuid.UUID
    person: str
    role: str
    subject: str
    state: str = Field(description="asked, accepted, declined, unanswered, left")
    asked_by: str
    why: str
    asked_at: Instant
    answer_by: Instant | None = Field(description="without a word until then, the next is asked")
    answered_at: Instant | None
    reason: str


class HelpOut(Out):
    id: uuid.UUID
    incident_id: uuid.UUID
    subject: str
    words: str
    asked_by: str
    asked_at: Instant
    taken_by_id: uuid.UUID | None
    taken_at: Instant | None
    ended_at: Instant | None


class Swarm(Out):
    people: list[CompanionOut]
    help: list[HelpOut]


class HelpList(Out):
    items: list[HelpOut]


@route("GET", "/incidents/{incident}/swarm", "incidents:read", {200: Swarm}, staff=True, problems=("not-found",))
def get(call: Call, *, incident: str) -> Swarm:
    """Everybody who was asked to stand beside, what they said, and the help that is or was wanted."""
    row = lookup.incident(call, incident)
    people = select(Companion).where(Companion.incident_id == row.id).order_by(Companion.asked_at, Companion.id)
    wanted = select(HelpWanted).where(HelpWanted.incident_id == row.id).order_by(HelpWanted.asked_at, HelpWanted.id)
    return Swarm(
        people=[_shown(call, one) for one in call.session.scalars(people)],
        help=[HelpOut.model_validate(one) for one in call.session.scalars(wanted)],
    )


@route("POST", "/incidents/{incident}/second/answer", "incidents:act", {200: IncidentWhole}, body=Stand, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def stand(call: Call, body: Stand, *, incident: str) -> Answer:
    """What the one who is asked to be the second says. Until they accept, the owner counts as alone."""
    row, version = lookup.incident(call, incident), call.expected_version()
    done = acts.stand(call.session, row.id, call.actor, call.now, body.accept, body.reason, expected_version=version)
    return answered(call, done)


@route("POST", "/incidents/{incident}/swarm", "incidents:act", {201: CompanionOut}, body=Role, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def invite(call: Call, body: Role, *, incident: str) -> CompanionOut:
    """Ask somebody to take a role; who names themselves has it at once."""
    row = lookup.incident(call, incident)
    person = body.person or call.caller.person
    if person is None:
        raise Problem("not-now", "A program has no role in a swarm.", remedy="Name a person.")
    if body.person is not None:
        lookup.person(call, str(body.person), "person")
    return _companion(call, swarm.invite(call.session, row.id, call.actor, call.now, body.role, person, body.subject))


@route("POST", "/swarm/{companion}/answer", "incidents:act", {200: CompanionOut}, body=RoleAnswer, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def answer(call: Call, body: RoleAnswer, *, companion: str) -> CompanionOut:
    """Accept a role, decline it with a reason, or leave it."""
    row = lookup.companion(call, companion)
    return _companion(call, swarm.answer(call.session, row.id, call.actor, call.now, body.answer, body.reason))


@route("POST", "/incidents/{incident}/help", "incidents:act", {201: HelpOut}, body=Help, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def want_help(call: Call, body: Help, *, incident: str) -> HelpOut:
    """Show on the floor of everybody with this skill that it is wanted here."""
    row = lookup.incident(call, incident)
    return _help(helping.want_help(call.session, row.id, call.actor, call.now, body.subject, body.words))


@route("GET", "/help", "incidents:act", {200: HelpList}, staff=True)
def wanted(call: Call) -> HelpList:
    """Help that is wanted with what the caller is trained in today, the longest wanted first."""
    if call.caller.person is None:
        return HelpList(items=[])
    found = helping.wanted_of(call.session, call.caller.person, call.now)
    return HelpList(items=[HelpOut.model_validate(row) for row, _ in found])


@route("POST", "/help/{help}/take", "incidents:act", {200: HelpOut}, staff=True, problems=("not-found", "not-now"))
def take_help(call: Call, *, help: str) -> HelpOut:
    """Somebody with the skill takes it, and is in the swarm as a specialist."""
    return _help(helping.take_help(call.session, lookup.help_wanted(call, help).id, call.actor, call.now))


@route("POST", "/help/{help}/call-off", "incidents:act", {200: HelpOut}, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def call_off_help(call: Call, *, help: str) -> HelpOut:
    """It is not wanted any more."""
    return _help(helping.call_off_help(call.session, lookup.help_wanted(call, help).id, call.actor, call.now))


def _companion(call: Call, done: Companion | NotNow) -> CompanionOut:
    if isinstance(done, NotNow):
        raise refused(done)
    call.session.flush()  # its id is shown
    return _shown(call, done)


def _shown(call: Call, row: Companion) -> CompanionOut:
    facts = {name: getattr(row, name) for name in CompanionOut.model_fields if name != "person"}
    return CompanionOut(**facts, person=call.session.get_one(Person, row.person_id).name)


def _help(done: HelpWanted | NotNow) -> HelpOut:
    if isinstance(done, NotNow):
        raise refused(done)
    return HelpOut.model_validate(done)
