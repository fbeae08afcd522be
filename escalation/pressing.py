"""Escalations of a case or an account: asked for with a reason, owned by somebody, kept moving by a promised next word.

It ends with words on what was reached. A next word that is late is told to the owner and the lead, once each time.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation import duty, outbox
from escalation.announce import announce
from escalation.incident import Actor, NotNow
from escalation.one_by_one import one_by_one
from escalation.outbox import Draft
from escalation.words import listed
from models import audit
from models.customers import Customer
from models.duty import Detachment
from models.escalations import Escalation
from models.incidents import Incident
from models.people import NamedPerson, Person
from models.session import SYSTEM, Sessions, as_staff, work

REASONS: Mapping[str, str] = {
    "no-progress": "no progress is seen",
    "promise-missed": "a promise was missed",
    "severity": "it is graver than it was taken for",
    "repeated": "it came back",
    "communication": "we were not told enough",
    "risk": "something larger is at risk",
}
TRENDS = ("improving", "steady", "worsening")
# The first word of the owner: within the hour for a case, by half a day for an account, where people must be gathered.
FIRST_WORD = {"case": timedelta(hours=1), "account": timedelta(hours=4)}
# What a word on an escalation may change, and taking it back puts back.
CHANGED = ("owner_id", "trend", "next_word_at", "reminded_at", "exit_criteria", "ended_at", "ended_words")
# What the house puts before somebody's words in the history. Whoever shows them in another language takes it off.
AGAIN, ENDED = "Asked again: ", "De-escalated: "
LATEST = timedelta(days=31)  # a next word further away than that is no promise


def ask(
    session: Session,
    customer_id: uuid.UUID,
    actor: Actor,
    reason: str,
    words: str,
    now: datetime,
    *,
    incident: Incident | None = None,
    exit_criteria: str = "",
) -> tuple[Escalation, bool] | NotNow:
    """Open one, or join the one that runs; with whether it is new. The owner is told either way."""
    if reason not in REASONS:
        return NotNow(f"{reason!r} is no reason we know.", f"Use {listed(tuple(REASONS))}.", "value")
    if not words.strip():
        return NotNow("An escalation needs words; its owner begins with them.", "Say what is wrong.", "value")
    audit.take_turns(session, customer_id)
    running = _running(session, customer_id, incident)
    row = running or _open(session, customer_id, actor, reason, words, now, incident, exit_criteria)
    if running is not None:
        before = standing(running)
        _told(running, actor, running.trend, f"{AGAIN}{words}", running.next_word_at, now, before)
    session.flush()  # the audit and the notices name the row
    deed = "escalation.joined" if running else "escalation.asked"
    write_down(session, row, deed, actor, now, {"reason": reason, "words": words})
    tell(session, row, f"{actor.name} asks for escalation ({REASONS[reason]}): {words}", now, with_lead=False)
    return row, running is None


def _running(session: Session, customer_id: uuid.UUID, incident: Incident | None) -> Escalation | None:
    mine = (
        Escalation.incident_id == incident.id
        if incident is not None
        else (Escalation.customer_id == customer_id) & Escalation.incident_id.is_(None)
    )
    return session.scalar(select(Escalation).where(mine, Escalation.ended_at.is_(None)).with_for_update())


def _open(
    session: Session,
    customer_id: uuid.UUID,
    actor: Actor,
    reason: str,
    words: str,
    now: datetime,
    incident: Incident | None,
    exit_criteria: str,
) -> Escalation:
    kind = "case" if incident is not None else "account"
    row = Escalation(
        customer_id=customer_id,
        incident_id=incident.id if incident is not None else None,
        reason=reason,
        words=words,
        asked_by=actor.name,
        by_customer=actor.is_customer,
        owner_id=owner_for(session, customer_id, now),
        exit_criteria=exit_criteria,
        asked_at=now,
        next_word_at=now + FIRST_WORD[kind],
        demo=session.get_one(Customer, customer_id).demo,
    )
    _told(row, actor, "new", words, row.next_word_at, now, None)
    session.add(row)
    return row


def owner_for(session: Session, customer_id: uuid.UUID, now: datetime) -> uuid.UUID | None:
    """Who answers for it: the contract's escalation owner, else who is detached to the account, else the lead. Whoever
    is absent, or has no way to be reached, answers for nothing."""
    with as_staff(session):
        desk = duty.for_customer(session, customer_id, now)
        there = [one.id for one in desk.people.values() if one.notify and one.id not in duty.absent(desk)]
        named = select(NamedPerson.person_id).join(Person, Person.id == NamedPerson.person_id)
        mine = (NamedPerson.customer_id == customer_id, NamedPerson.duty == "escalation owner", Person.id.in_(there))
        found = session.scalar(named.where(*mine).order_by(Person.name).limit(1))
        if found is not None:
            return found
        detached = select(Detachment.person_id).where(
            Detachment.customer_id == customer_id, Detachment.starts_at <= now, Detachment.ends_at.is_(None),
            Detachment.person_id.in_(there),
        )  # fmt: skip
        found = session.scalar(detached.limit(1))
        if found is not None:
            return found
        leads = duty.whom(desk, "lead")
        return leads[0].person_id if leads else None


def say(
    session: Session,
    escalation_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    *,
    trend: str,
    words: str,
    next_word_at: datetime,
    exit_criteria: str | None = None,
    owner_id: uuid.UUID | None = None,
) -> Escalation | NotNow:
    """The owner's word: how it goes, and when the next one comes. Whoever says it may pass the ownership on."""
    if trend not in TRENDS:
        return NotNow(f"{trend!r} is no trend.", f"Use {listed(TRENDS)}.", "value")
    if not words.strip():
        return NotNow("A word on it needs words.", "Say how it stands.", "value")
    if not now < next_word_at <= now + LATEST:
        return NotNow("The next word must lie ahead, within a month.", "Give an instant that lies ahead.", "value")
    row = _grasp(session, escalation_id)
    if isinstance(row, NotNow):
        return row
    before = standing(row)
    if owner_id is not None:
        owner = session.get(Person, owner_id)
        if owner is None or owner.customer_id is not None or not owner.active:
            return NotNow("This person cannot own it.", "Name one of ours.", "person")
        row.owner_id = owner_id
    row.trend, row.next_word_at, row.reminded_at = trend, next_word_at, None
    if exit_criteria is not None:
        row.exit_criteria = exit_criteria
    _told(row, actor, trend, words, next_word_at, now, before)
    write_down(session, row, "escalation.said", actor, now, {"trend": trend, "words": words})
    return row


def end(session: Session, escalation_id: uuid.UUID, actor: Actor, now: datetime, words: str) -> Escalation | NotNow:
    """De-escalate: what was reached, measured against the exit criteria."""
    if not words.strip():
        return NotNow("Ending it needs words.", "Say what was reached.", "value")
    row = _grasp(session, escalation_id)
    if isinstance(row, NotNow):
        return row
    before = standing(row)
    row.ended_at, row.ended_words = now, words
    _told(row, actor, row.trend, f"{ENDED}{words}", None, now, before)
    write_down(session, row, "escalation.ended", actor, now, {"words": words})
    return row


def _grasp(session: Session, escalation_id: uuid.UUID) -> Escalation | NotNow:
    customer_id = session.scalar(select(Escalation.customer_id).where(Escalation.id == escalation_id))
    if customer_id is None:
        return NotNow("There is no such escalation.", "Look at the list of them.", "absent")
    audit.take_turns(session, customer_id)
    row = session.get_one(Escalation, escalation_id, with_for_update=True, populate_existing=True)
    if row.ended_at is not None:
        return NotNow("It has ended already.", "Ask for a new one.", "state")
    return row


def remind(sessions: Sessions, now: datetime) -> int:
    """Tell owner and lead of every word that is late, once; how many were late."""
    late = (Escalation.ended_at.is_(None), Escalation.reminded_at.is_(None), Escalation.next_word_at <= now)
    with work(sessions, SYSTEM) as session:
        due = session.execute(select(Escalation.id, Escalation.customer_id).where(*late)).all()
    return one_by_one(sessions, "words on escalations", due, lambda session, id: _remind(session, id, now))


def _remind(session: Session, escalation_id: uuid.UUID, now: datetime) -> bool:
    row = session.get(Escalation, escalation_id, with_for_update=True, populate_existing=True)
    if row is None or row.ended_at is not None or row.reminded_at is not None or row.next_word_at > now:
        return False
    row.reminded_at = now
    tell(session, row, "The next word on an escalation is late.", now, with_lead=True)
    return True


def next_due(session: Session) -> datetime | None:
    """When the next word falls due."""
    waits = (Escalation.ended_at.is_(None), Escalation.reminded_at.is_(None))
    return session.scalar(select(func.min(Escalation.next_word_at)).where(*waits))


def standing(row: Escalation) -> dict[str, Any]:
    """What a word on it may change, as it is now: texts, and null."""
    return {name: str(value) if (value := getattr(row, name)) is not None else None for name in CHANGED}


def _told(
    row: Escalation,
    actor: Actor,
    trend: str,
    words: str,
    next_word_at: datetime | None,
    now: datetime,
    before: dict[str, Any] | None,
) -> None:
    """A line of the history; `before` is what `unsaying` puts back, None where there was nothing before it."""
    line = {"at": now.isoformat(), "who": actor.name, "trend": trend, "words": words,
            "next_word_at": next_word_at.isoformat() if next_word_at else None,
            "undo": {"person": str(actor.person_id) if actor.person_id else None, "before": before}}  # fmt: skip
    row.history = [*(row.history or []), line]


def tell(session: Session, row: Escalation, words: str, now: datetime, *, with_lead: bool, about: str = "") -> None:
    """Tell whoever answers for it. The letters name the line of its history they go with."""
    with as_staff(session):
        people = {row.owner_id} if row.owner_id else set()
        if with_lead or not people:
            people |= {place.person_id for place in duty.whom(duty.for_customer(session, row.customer_id, now), "lead")}
        customer = session.get_one(Customer, row.customer_id).name
        body = {"type": "vigie.escalation", "text": f"{words}\n\n{customer}", "path": "/escalations",
                "data": {"escalation": str(row.id), "customer": customer, "word": len(row.history)}}  # fmt: skip
        about = about or f"escalation:{row.id}:{len(row.history)}:{with_lead}"
        for person in session.scalars(select(Person).where(Person.id.in_(people)).order_by(Person.name)):
            for channel, address in duty.methods(person, 1, now):
                draft = Draft(outbox.NO_RUNG, 0, channel, address, f"Escalation of {customer}", body,
                              "you answer for it, or lead", person.id)  # fmt: skip
                outbox.enqueue_word(session, row.customer_id, about, draft, now)


def write_down(
    session: Session, row: Escalation, deed: str, actor: Actor, now: datetime, facts: dict[str, str]
) -> None:
    audit.record(session, actor=actor.name, deed=deed, subject=f"escalation:{row.id}", customer_id=row.customer_id,
                 facts=facts, now=now)  # fmt: skip
    incident = session.get(Incident, row.incident_id) if row.incident_id else None
    if incident is not None:
        announce(session, incident)
