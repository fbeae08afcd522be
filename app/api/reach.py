"""Reachability: how each way to each of ours is proved, codes to new ways, and test pages."""

from __future__ import annotations

import uuid
from typing import Annotated

from pydantic import Field

from app.api import lookup
from app.api.door import Answer, Call, route
from app.front import as_house
from app.problems import Problem, invalid
from app.wire import In, Instant, Out
from escalation import proving, reach, roster
from escalation.incident import NotNow
from escalation.outbox import BROWSER
from models.people import Person
from models.reach import ReachProof

Code = Annotated[str, Field(pattern=r"^\s*[0-9]{6}\s*$", description="the six digits that came by this way")]


class WayIn(In):
    channel: str = Field(min_length=1, max_length=40)
    address: str = Field(max_length=500)


class ConfirmIn(WayIn):
    code: Code


class ProofOut(Out):
    person_id: uuid.UUID
    person: str
    channel: str
    address: str
    standing: str = Field(description="proved, confirmed, asked, not answered, refused, never tried")
    reachable: bool = Field(description="whether they count as reachable by this way")
    confirmed_at: Instant | None
    tested_at: Instant | None
    answered_at: Instant | None
    failed_at: Instant | None


class Reach(Out):
    items: list[ProofOut]
    unreachable: list[str] = Field(description="what the watchman says of it today, a sentence each")


@route("GET", "/duty/reach", "duty:read", {200: Reach}, staff=True)
def index(call: Call) -> Reach:
    """Every way to everybody our ladders may call within a week, and how it is proved."""
    known = proving.proofs(call.session)
    wanted = proving.called(call.session, call.now)
    people = roster.our_people(call.session)
    items = [one for id, person in people.items() if id in wanted.soon for one in _ways(call, person, known)]
    return Reach(items=items, unreachable=[words for _, _, words, _ in proving.unproved(call.session, call.now)])


@route("GET", "/people/{person}/ways/proofs", "people:read", {200: Reach}, staff=True, problems=("not-found",))
def of_person(call: Call, *, person: str) -> Reach:
    """How each way of one person is proved."""
    row = _ours(call, person)
    return Reach(items=_ways(call, row, proving.proofs(call.session, [row.id])), unreachable=[])


@route("POST", "/people/{person}/ways/code", None, {204: None}, body=WayIn, staff=True, problems=("not-found",))
def code(call: Call, body: WayIn, *, person: str) -> Answer:
    """Send a code by one of somebody's ways. They enter it themselves, so that it proves the way."""
    row, _ = _way(call, person, body)
    proving.send_code(call.session, row, body.channel, body.address, call.actor, call.now)
    return Answer(status=204)


@route("POST", "/people/{person}/ways/confirm", None, {200: ProofOut}, body=ConfirmIn, staff=True,
       problems=("not-found", "conflict"))  # fmt: skip
def confirm(call: Call, body: ConfirmIn, *, person: str) -> ProofOut:
    """Enter the code that came. Only its reader can, so nobody does it for another."""
    row, _ = _way(call, person, body)
    if row.id != call.caller.person:
        raise Problem("not-allowed", "Only the one who reads the code confirms the way.", remedy="Let them enter it.")
    with as_house() as own:  # a transaction of its own: a wrong try is counted although the call is refused
        said = proving.confirm(own, row, body.channel, body.address, body.code, call.actor, call.now)
    if isinstance(said, NotNow):
        raise Problem("conflict", said.reason, remedy=said.remedy)
    known = proving.proofs(call.session, [row.id])
    return next(one for one in _ways(call, row, known) if (one.channel, one.address) == (body.channel, body.address))


@route("POST", "/people/{person}/ways/test", None, {204: None}, body=WayIn, staff=True, problems=("not-found",))
def test(call: Call, body: WayIn, *, person: str) -> Answer:
    """Send a test page by one way now, without waiting for the weekly one."""
    row, way = _way(call, person, body)
    proving.send_test(call.session, row, way, call.now)
    return Answer(status=204)


def _ways(call: Call, person: Person, known: dict[proving.Way, ReachProof]) -> list[ProofOut]:
    return [
        ProofOut(
            person_id=person.id,
            person=person.name,
            channel=way["channel"],
            address=way["address"],
            standing=reach.standing(proof, call.now).value,
            reachable=reach.holds(proof, call.now),
            confirmed_at=proof.confirmed_at,
            tested_at=proof.tested_at,
            answered_at=proof.answered_at,
            failed_at=proof.failed_at,
        )
        for way, proof in proving.of(person, known)
    ]


def _ours(call: Call, ref: str) -> Person:
    row = lookup.person(call, ref)
    if row.customer_id is not None:
        raise Problem("not-found", "This is a customer's contact.", remedy="Only our own people are called.")
    return row


def _way(call: Call, ref: str, body: WayIn) -> tuple[Person, dict[str, str]]:
    """The person and the way meant: one's own, or anybody's for who may change people."""
    row = _ours(call, ref)
    if row.id != call.caller.person and not call.caller.may("people:write"):
        raise Problem("not-allowed", "Somebody else's ways are for a manager.", remedy="Ask a manager.")
    for way in row.notify:
        if way["channel"] != BROWSER and (way["channel"], way["address"]) == (body.channel, body.address):
            return row, way
    raise invalid("address", "is none of their ways", "add the way first, with PUT /people/{person}/ways")
