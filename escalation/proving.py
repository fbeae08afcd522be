"""Proving that people can be reached: codes to new ways, weekly test pages by each way, and what comes back.

A test page carries a link of its own; looking at the link changes nothing, its button is the answer. A provider's word
that a call was answered, and a page that showed the notice, answer as well.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import dark, outbox, reach, roster, rota, routing
from escalation.dark import Named
from escalation.incident import Actor, NotNow
from escalation.one_by_one import one_by_one
from escalation.outbox import BROWSER, NO_RUNG, Draft
from escalation.reach import NOTHING, Proof
from escalation.roster import Roster
from escalation.words import rung_name
from models import audit
from models.notices import Notice
from models.people import NamedPerson, Person, Shift
from models.reach import ReachProof
from models.session import SYSTEM, Sessions, work

PATH = "/reached/"
# Where what was sent stays open until it is ended: there a page is ended once it is answered, or followed by the next.
STAYS_OPEN = ("pagerduty",)
AHEAD = timedelta(days=7)  # who is on duty within a week is tried before, not during, their first night
_LINK_COUNTS = timedelta(days=7)

Way = tuple[uuid.UUID, str, str]  # person, channel, address


def proofs(session: Session, people: Iterable[uuid.UUID] | None = None) -> dict[Way, ReachProof]:
    """What is known of everybody's ways, or of some people's."""
    query = select(ReachProof)
    if people is not None:
        query = query.where(ReachProof.person_id.in_(list(people)))
    return {(row.person_id, row.channel, row.address): row for row in session.scalars(query)}


def plain(row: ReachProof | None) -> Proof:
    """A stored proof as the plain one."""
    return Proof(row.confirmed_at, row.tested_at, row.answered_at, row.failed_at) if row is not None else NOTHING


def of(person: Person, known: Mapping[Way, ReachProof]) -> list[tuple[dict[str, str], Proof]]:
    """Each way of a person with what is known of it. A browser's page is no way to reach somebody."""
    return [
        (way, plain(known.get((person.id, way["channel"], way["address"]))))
        for way in person.notify
        if way["channel"] != BROWSER
    ]


@dataclass(frozen=True, slots=True)
class Called:
    """Whom our ladders may call: those on duty this minute, and those who may be within a week."""

    now: frozenset[uuid.UUID]
    soon: frozenset[uuid.UUID]


def called(session: Session, now: datetime) -> Called:
    """Everybody who stands on a rung: on duty now or within a week, lead or above, named for an account or by a ladder
    itself."""
    people = roster.our_people(session)
    on_duty = roster.units_now(session, now).keys() & people.keys()
    soon = {person.id for person in people.values() if person.rungs}
    soon |= {id for id in session.scalars(select(NamedPerson.person_id)) if id in people}
    by_address = {f"person:{person.email.lower()}": person.id for person in people.values()}
    soon |= {by_address[word] for word, _ in dark.in_force(session, now) if word in by_address}
    coming = select(Shift.person_id).where(Shift.starts_at < now + AHEAD, Shift.ends_at > now)
    soon |= {id for id in session.scalars(coming) if id in people}
    for _, plan in roster.schedules(session, now, now + AHEAD):
        soon |= {turn.person for turn in rota.stretches(plan, now, now + AHEAD) if turn.person in people}
    return Called(frozenset(on_duty), frozenset(soon | on_duty))


def send_code(session: Session, person: Person, channel: str, address: str, actor: Actor, now: datetime) -> ReachProof:
    """Send a code of six digits by a way; whoever reads it there can confirm the way. The last code counts."""
    row = _row(session, person.id, channel, address)
    _over(session, row, _code_notice(row), now)
    code = f"{secrets.randbelow(1_000_000):06}"
    row.code_hash, row.code_sent_at, row.code_tries = _code_hash(row, code), now, 0
    minutes = int(reach.CODE_COUNTS.total_seconds() // 60)
    text = f"Your code is {code}. Enter it in Vigie within {minutes} minutes: it proves that this way reaches you."
    body = {"type": "vigie.house.code", "text": text, "path": "/my/ways", "data": {"severity": 4}}
    # Subjects stand in the log of notices, which colleagues read; the code is in the text alone.
    outbox.enqueue_word(session, None, _about_code(row), _code_draft(row, body), now)
    facts = {"channel": channel}
    audit.record(session, actor=actor.name, deed="way.code_sent", subject=f"person:{person.id}", facts=facts, now=now)
    return row


def confirm(
    session: Session, person: Person, channel: str, address: str, code: str, actor: Actor, now: datetime
) -> ReachProof | NotNow:
    """Take the code that came by a way. A wrong one counts against it; after five a new one is needed."""
    key = (ReachProof.person_id == person.id, ReachProof.channel == channel, ReachProof.address == address)
    row = session.scalar(select(ReachProof).where(*key).with_for_update())
    if row is None or row.code_hash is None or row.code_sent_at is None:
        return NotNow("No code is under way to this address.", "Have one sent first.", "code")
    if now - row.code_sent_at > reach.CODE_COUNTS:
        return NotNow("This code has run out.", "Have a new one sent.", "code")
    if row.code_tries >= reach.CODE_TRIES:
        return NotNow("Too many wrong codes.", "Have a new one sent.", "code")
    if not secrets.compare_digest(row.code_hash, _code_hash(row, code.strip())):
        row.code_tries += 1
        return NotNow("This is not the code that was sent.", "Read it again, all six digits.", "code")
    row.code_hash, row.confirmed_at = None, now
    _over(session, row, _code_notice(row), now)
    facts = {"channel": channel}
    audit.record(session, actor=actor.name, deed="way.confirmed", subject=f"person:{person.id}", facts=facts, now=now)
    return row


def send_test(session: Session, person: Person, way: Mapping[str, str], now: datetime) -> ReachProof:
    """Send a test page by one way; its answer proves the way."""
    row = _row(session, person.id, way["channel"], way["address"])
    if row.tested_at is not None and (row.answered_at is None or row.answered_at < row.tested_at):
        _over(session, row, row.notice_id, now)
    token = secrets.token_urlsafe(24)
    text = (
        "This is the weekly test page: it proves that you can be reached this way while you are on duty.\n\n"
        "Open the page below and press its button. Nothing is wrong."
    )
    body = {"type": "vigie.house.test", "text": text, "path": PATH + token, "data": {"severity": 4}}
    subject = "Vigie: test page, please answer"
    draft = Draft(NO_RUNG, 0, row.channel, row.address, subject, body, "the weekly test page", person.id)
    about = f"test/{row.id}/{now.isoformat()}"
    outbox.enqueue_word(session, None, about, draft, now)
    row.token_hash, row.tested_at, row.notice_id = digest(token), now, outbox.id_of(about, draft)
    return row


def test_due(sessions: Sessions, now: datetime) -> int:
    """Send every test page that is due, person by person: what goes wrong with one leaves the others theirs. How many
    were sent. People of a demo have no inbox."""
    with work(sessions, SYSTEM) as session:
        wanted = called(session, now)
        known = proofs(session, wanted.soon)
        people = [one for one in roster.our_people(session).values() if one.id in wanted.soon and not one.demo]
        due = [(one.id, None) for one in people if _untested(one, known, wanted, now)]
    return one_by_one(sessions, "test pages", due, lambda session, id: _test(session, id, wanted, now))


def _untested(person: Person, known: Mapping[Way, ReachProof], wanted: Called, now: datetime) -> list[dict[str, str]]:
    """The ways of somebody that are to be tried now."""
    on_duty = person.id in wanted.now
    return [way for way, proof in of(person, known) if reach.is_due(proof, way, person.zone, now, on_duty=on_duty)]


def _test(session: Session, person_id: uuid.UUID, wanted: Called, now: datetime) -> int:
    person = session.get_one(Person, person_id, with_for_update=True)  # two workers at once send it once
    ways = _untested(person, proofs(session, [person_id]), wanted, now)
    for way in ways:
        send_test(session, person, way, now)
    return len(ways)


def missing(known: Mapping[Way, ReachProof], now: datetime, ours: Roster) -> frozenset[uuid.UUID]:
    """Who of ours should have been proved to be reachable by now, and is not. People of a demo have no inbox."""
    return frozenset(
        person.id
        for person in ours.people.values()
        if not person.demo and reach.is_missing([proof for _, proof in of(person, known)], person.created_at, now)
    )


def unproved(
    session: Session,
    now: datetime,
    ours: Roster | None = None,
    known: Mapping[Way, ReachProof] | None = None,
    named: Iterable[Named] | None = None,
) -> list[tuple[str, str, str, datetime]]:
    """(rule, subject, words, since) of each rung on which nobody is proved to be reachable, and of each one on duty who
    is not; the gravest first. Rungs nobody stands on are for `dark` to find. `known` and `named`:
    `proofs` and `dark.named`, where they are read."""
    ours = ours or roster.read(session, now)
    people = ours.people
    known = proofs(session) if known is None else known
    missed = missing(known, now, ours)
    units = {id: zones for id, zones in ours.units.items() if id in people}
    found = []
    for rung, standing in _rungs(people, units, dark.named(session) if named is None else named).items():
        if standing and standing <= missed:
            names = ", ".join(sorted(people[id].name for id in standing))
            found.append(("rung_unproved", rung, f"Nobody is proved to be reachable as {rung}: {names}.", now))
    if units and units.keys() <= missed:
        words = "Nobody on duty, in any zone, is proved to be reachable: this desk may be talking to itself."
        found.insert(0, ("nobody_reachable", "the house", words, now))
    for id in sorted(units.keys() & missed, key=lambda id: people[id].name):
        said = "; ".join(f"{way['channel']} {reach.words(proof, now, 'UTC')}" for way, proof in of(people[id], known))
        words = f"{people[id].name} is on duty and not proved to be reachable: {said or 'no way is known'}."
        found.append(("person_unproved", people[id].name, words, now))
    return found


def _rungs(
    people: Mapping[uuid.UUID, Person], units: Mapping[uuid.UUID, set[str]], named: Iterable[Named]
) -> dict[str, set[uuid.UUID]]:
    """Who stands on each rung that people stand on by name or by schedule."""
    rungs: dict[str, set[uuid.UUID]] = {}
    for unit in routing.UNITS:
        rungs[f"engineer on duty in {unit}"] = {id for id, zones in units.items() if unit in zones}
    for person in people.values():
        for word in person.rungs:
            rungs.setdefault(rung_name(word), set()).add(person.id)
    for one in named:
        if one.person in people:
            rungs.setdefault(f"named for {one.name}", set()).add(one.person)
    return rungs


def by_token(session: Session, token: str, now: datetime) -> ReachProof | None:
    """The way a test page went, by the link in it; None once a later one went out, or after a week."""
    row = session.scalar(select(ReachProof).where(ReachProof.token_hash == digest(token)))
    return row if row is not None and row.tested_at is not None and now - row.tested_at <= _LINK_COUNTS else None


def answer(session: Session, row: ReachProof, by: str, now: datetime) -> None:
    """A test page came back: its way is proved. A second answer changes nothing."""
    if row.tested_at is None or (row.answered_at is not None and row.answered_at >= row.tested_at):
        return
    row.answered_at, row.answered_by = now, by
    _over(session, row, row.notice_id, now)
    facts = {"channel": row.channel, "by": by}
    audit.record(session, actor="Vigie", deed="way.proved", subject=f"person:{row.person_id}", facts=facts, now=now)


def heard(session: Session, notice: Notice, by: str, now: datetime) -> None:
    """A provider reports that a call was taken. A message that was merely delivered has been read by nobody yet."""
    if notice.customer_id is None and notice.channel == "voice":
        row = session.scalar(select(ReachProof).where(ReachProof.notice_id == notice.id))
        if row is not None:
            answer(session, row, by, now)


def failed(session: Session, notice: Notice, reason: str, now: datetime) -> None:
    """A channel gave up on a notice: the way it was to go is no way any more, until it is mended and proved again."""
    if notice.person_id is None or notice.channel == BROWSER:
        return
    person = session.get(Person, notice.person_id)
    if person is None or person.customer_id is not None:
        return
    row = _row(session, person.id, notice.channel, notice.address)
    row.failed_at, row.failure = now, reason[:300]


def _over(session: Session, row: ReachProof, notice_id: uuid.UUID | None, now: datetime) -> None:
    """End a page where it would stay open; one that never left needs no end."""
    left = session.get(Notice, notice_id) if notice_id is not None and row.channel in STAYS_OPEN else None
    if left is None or not (left.tries or left.settled_at) or left.given_up_at is not None:
        return
    body = {"type": "vigie.house.over", "text": "It is over; nothing needs to be done.", "path": "/my/ways",
            "data": {"severity": 4, "ends": str(left.id)}}  # fmt: skip
    draft = Draft(NO_RUNG, 0, row.channel, row.address, f"Over: {left.subject}", body, "it is over", row.person_id)
    outbox.enqueue_word(session, None, f"over/{left.id}", draft, now)


def _about_code(row: ReachProof) -> str:
    return f"code/{row.id}/{row.code_sent_at.isoformat() if row.code_sent_at else ''}"


def _code_draft(row: ReachProof, body: Mapping[str, Any]) -> Draft:
    return Draft(NO_RUNG, 0, row.channel, row.address, "Vigie: your code", body, "a way is confirmed", row.person_id)


def _code_notice(row: ReachProof) -> uuid.UUID | None:
    """The letter the last code went in; its id follows from what it is about."""
    return outbox.id_of(_about_code(row), _code_draft(row, {})) if row.code_sent_at is not None else None


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _code_hash(row: ReachProof, code: str) -> bytes:
    return hashlib.sha256(f"{row.id}/{code}".encode()).digest()


def _row(session: Session, person_id: uuid.UUID, channel: str, address: str) -> ReachProof:
    key = (ReachProof.person_id == person_id, ReachProof.channel == channel, ReachProof.address == address)
    row = session.scalar(select(ReachProof).where(*key).with_for_update())
    if row is None:
        row = ReachProof(person_id=person_id, channel=channel, address=address)
        session.add(row)
        session.flush()  # its id goes into the code's hash and the notice's name
    return row
