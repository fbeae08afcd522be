"""Writing notices beside what they tell of: pages to ours, public words to the customer's contacts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import instants, outbox, promises, told_plainly, words
from escalation.duty import ways
from escalation.incident import Actor
from escalation.outbox import Draft
from escalation.quiet import held_until
from escalation.words import Facts
from models.customers import Customer
from models.incidents import Incident
from models.machines import Machine
from models.people import Person
from models.session import as_staff


def facts_of(session: Session, incident: Incident, zone: str = "UTC") -> Facts:
    """What a notice tells of an incident, with instants for a reader in `zone`."""
    machine = session.get(Machine, incident.machine_id) if incident.machine_id else None
    owed = promises.next_promise(session, incident)
    summary, stamps = instants.found(incident.summary, incident.evidence)
    return Facts(
        id=str(incident.id),
        label=incident.label,
        customer=session.get_one(Customer, incident.customer_id).name,
        tier=incident.tier,
        machine=(f"{machine.name} ({machine.title})" if machine.title else machine.name) if machine else "",
        severity=incident.severity,
        title=incident.title,
        summary=summary,
        opened_at=incident.opened_at,
        owed=promises.words(owed.kind) if owed else "",
        owed_by=owed.due_at if owed else None,
        zone=zone,
        stamps=stamps,
    )


def page(session: Session, incident: Incident, person: Person, rung: int, why: str, now: datetime) -> int:
    """Page one of ours for a rung of the present round; how many notices were written."""
    facts = facts_of(session, incident, person.zone)
    body = words.page_body(facts, why)
    if _is_top(incident, rung):
        body["path"] += "/brief"  # they have not followed the story: one page says what it is about
    return _send(session, incident, person, rung, incident.ladder_round, words.subject(facts), body, why, now)


def held(person: Person, severity: int, now: datetime) -> datetime | None:
    """Until when their quiet hours hold a page of this severity on every way of theirs; None: it goes now."""
    holds = [held_until(way, person.zone, severity, now) for way in ways(person, severity, now)]
    known = [until for until in holds if until is not None]
    return min(known) if known and len(known) == len(holds) else None


def _is_top(incident: Incident, rung: int) -> bool:
    """Whether a rung calls number two or number one of the company."""
    rungs = incident.ladder.get("rungs", [])
    return 0 <= rung < len(rungs) and not {"number-two", "number-one"}.isdisjoint(rungs[rung].get("who", ()))


def alert(session: Session, incident: Incident, person: Person, text: str, why: str, now: datetime) -> int:
    """Tell one of ours something about an incident in hand, outside the ladder."""
    facts = facts_of(session, incident, person.zone)
    body = words.alert_body(facts, text, why)
    # The version the change is about to get tells this word from every other one.
    round = incident.version + 1
    return _send(session, incident, person, outbox.NO_RUNG, round, words.subject(facts), body, why, now)


def tell_owner(session: Session, incident: Incident, text: str, why: str, now: datetime) -> int:
    """Tell the owner, or the second where there is no owner, something about their incident."""
    with as_staff(session):  # the customer wrote this, and does not see our people
        person = _whose(session, incident)
    return alert(session, incident, person, text, why, now) if person is not None else 0


def _whose(session: Session, incident: Incident) -> Person | None:
    """Who has it, or stands beside. Whoever has left the house is told nothing of its customers any more."""
    for id in (incident.owner_id, incident.second_id):
        person = session.get(Person, id) if id is not None else None
        if person is not None and person.active:
            return person
    return None


def remind_owner(session: Session, incident: Incident, text: str, why: str, now: datetime, key: str) -> int:
    """Remind the owner (or the second) of something that changes nothing about the incident; once for each `key`."""
    person = _whose(session, incident)
    if person is None:
        return 0
    facts = facts_of(session, incident, person.zone)
    body = words.alert_body(facts, text, why)
    # Versions count changes and are positive; a reminder is told from others by its key, below them.
    round = -1 - (crc32(key.encode()) & 0x7FFFFFFF)
    return _send(session, incident, person, outbox.NO_RUNG, round, words.subject(facts), body, why, now)


def tell_customer(session: Session, incident: Incident, text: str, actor: Actor, now: datetime) -> int:
    """A public word to every contact of the customer who can be reached; how many notices were written."""
    customer = session.get_one(Customer, incident.customer_id)
    contacts = session.scalars(
        select(Person).where(Person.customer_id == customer.id, Person.active).order_by(Person.name)
    )
    machine = session.get(Machine, incident.machine_id) if incident.machine_id else None
    title = told_plainly.title(incident, machine, customer.language)
    facts = replace(facts_of(session, incident, customer.zone), title=title)
    heading = words.public(customer.language, "subject", label=incident.label, title=title)
    body = words.word_body(facts, text, actor.name, "you are a contact of this customer")
    why = "a public word"
    told = [
        _send(session, incident, person, outbox.NO_RUNG, incident.version + 1, heading, body, why, now)
        for person in contacts
        if person.id != actor.person_id
    ]
    return sum(told)


def _send(
    session: Session,
    incident: Incident,
    person: Person,
    rung: int,
    round: int,
    subject: str,
    body: dict[str, Any],  # Any: JSON
    why: str,
    now: datetime,
) -> int:
    drafts = [
        Draft(
            rung,
            round,
            way["channel"],
            way["address"],
            subject,
            body,
            why,
            person.id,
            held_until(way, person.zone, incident.severity, now),
        )
        for way in ways(person, incident.severity, now)
    ]
    return sum(outbox.enqueue(session, incident, draft, now) for draft in drafts)
