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
from escalation.handover import Note
from escalation.incident import NotNow
from models.duty import Handover

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
    match said.rule:
        case "absent":
            raise not_found("hand-over")
        case "version":
            raise Problem("changed-meanwhile", said.reason, remedy=said.remedy)
        case _:
            raise Problem("not-now", said.reason, remedy=said.remedy)
