"""Hand-overs: offering an incident with its note, what waits for one's word, and the answer."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Call, route
from app.api.paging import page
from app.problems import Problem, not_found
from app.wire import In, Instant, MaybeWords, Out, Paged, Words
from escalation import handover as handing
from escalation import still_held
from escalation.handover import Note
from escalation.incident import NotNow
from escalation.still_held import Held
from models.duty import Handover, TurnEnd

_PROBLEMS = ("not-found", "not-now", "changed-meanwhile")


class HandoverIn(In):
    taker: uuid.UUID = Field(description="one of ours; GET /people")
    state: Words = Field(description="how it stands")
    tried: MaybeWords = ""
    avoid: MaybeWords = Field("", description="what not to do")


class HandoverAnswer(In):
    answer: Literal["accepted", "refused", "withdrawn"]
    reason: MaybeWords = Field("", description="needed to refuse")


class HandoverOut(Out):
    id: uuid.UUID
    incident_id: uuid.UUID
    giver_id: uuid.UUID | None
    taker_id: uuid.UUID | None
    note: dict[str, str] = Field(description="state, tried, avoid, and promise: the next one as it stood")
    state: str
    offered_at: Instant
    answer_by: Instant = Field(description="without a word until then, the lead is told")
    answered_at: Instant | None
    climbed_at: Instant | None
    reason: str


class HandoverQuery(Paged):
    mine: bool = Field(False, description="only what was offered to the caller")


class Handovers(Out):
    items: list[HandoverOut]
    next: str | None


class StayIn(In):
    until: Instant = Field(description="after the turn, by twelve hours at the most")
    reason: Words


class StayOut(Out):
    incident_id: uuid.UUID
    person_id: uuid.UUID
    ends_at: Instant = Field(description="of their turn")
    stays_until: Instant
    reason: str


class HeldOut(Out):
    incident: str = Field(description="its label")
    incident_id: uuid.UUID
    person_id: uuid.UUID
    ends_at: Instant = Field(description="of the turn of whoever holds it")
    told_at: Instant | None = Field(description="when they were told that it goes on after their turn")
    offered_to: uuid.UUID | None
    stays_until: Instant | None
    reason: str = Field(description="why they stay")
    climbed_at: Instant | None = Field(description="when the lead was told that nobody has taken it over")


class TurnEnds(Out):
    items: list[HeldOut]


@route("GET", "/duty/turn-ends", "incidents:act", {200: TurnEnds}, staff=True)
def turn_ends(call: Call) -> TurnEnds:
    """What goes on after the turn of whoever holds it, of turns that end within half an hour or are over, the gravest
    first."""
    turns = still_held.turns_of(call.session, still_held.owners(call.session), call.now)
    return TurnEnds(items=[_held(one) for one in still_held.of(call.session, turns, call.now)])


def _held(one: Held) -> HeldOut:
    row = one.row
    return HeldOut(
        incident=one.incident.label,
        incident_id=one.incident.id,
        person_id=one.person_id,
        ends_at=one.turn.ends_at,
        told_at=row.told_at if row is not None else None,
        offered_to=one.offer.taker_id if one.offer is not None else None,
        stays_until=row.stays_until if row is not None else None,
        reason=row.reason if row is not None else "",
        climbed_at=row.climbed_at if row is not None else None,
    )


@route("POST", "/incidents/{incident}/stay", "incidents:act", {200: StayOut}, body=StayIn, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def stay(call: Call, body: StayIn, *, incident: str) -> StayOut:
    """Stay with it after one's turn, until an instant and for a reason. Without that, or a hand-over somebody accepts,
    it climbs to the lead when the turn ends."""
    row, version = lookup.incident(call, incident), call.expected_version()
    said = still_held.stay(call.session, row.id, call.actor, call.now, body.until, body.reason,
                           expected_version=version)  # fmt: skip
    if isinstance(said, TurnEnd):
        return StayOut.model_validate(said)
    raise _refused(said)


@route("GET", "/handovers", "incidents:act", {200: Handovers}, query=HandoverQuery, staff=True)
def index(call: Call, query: HandoverQuery) -> Handovers:
    """What waits for a word, by when it must come: offered to the caller, or to anybody."""
    waiting = select(Handover).where(Handover.state == "offered")
    if query.mine:
        waiting = waiting.where(Handover.taker_id == call.caller.person)
    rows, after = page(call.session, waiting, query, Handover.answer_by, Handover.id, newest_first=False)
    return Handovers(items=[HandoverOut.model_validate(row) for row in rows], next=after)


@route("POST", "/incidents/{incident}/handover", "incidents:act", {201: HandoverOut}, body=HandoverIn, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def offer(call: Call, body: HandoverIn, *, incident: str) -> HandoverOut:
    """Offer it to somebody, who is told. The owner keeps it until they accept."""
    row, version = lookup.incident(call, incident), call.expected_version()
    taker = lookup.person(call, str(body.taker), "taker")
    note = Note(body.state, body.tried, body.avoid)
    said = handing.offer(call.session, row.id, call.actor, call.now, note, taker_id=taker.id, expected_version=version)
    return _done(said)


@route("POST", "/handovers/{handover}/answer", "incidents:act", {200: HandoverOut}, body=HandoverAnswer, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def answer(call: Call, body: HandoverAnswer, *, handover: str) -> HandoverOut:
    """Accept it, refuse it with a reason, or (whoever offered it) withdraw it."""
    row = lookup.handover(call, handover)
    return _done(handing.answer(call.session, row.id, call.actor, body.answer, call.now, reason=body.reason))


def _done(said: Handover | NotNow) -> HandoverOut:
    if isinstance(said, Handover):
        return HandoverOut.model_validate(said)
    raise _refused(said)


def _refused(said: NotNow) -> Problem:
    match said.rule:
        case "absent":
            return not_found("hand-over")
        case "version":
            return Problem("changed-meanwhile", said.reason, remedy=said.remedy)
        case _:
            return Problem("not-now", said.reason, remedy=said.remedy)
