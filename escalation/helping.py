"""Help wanted by skill: asked on an incident, shown on the floor to everybody who has it, taken by one of them."""

from __future__ import annotations

import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import deeds, notify, story
from escalation.deeds import undoable
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from escalation.swarm import seat, standing_of
from escalation.words import listed
from models.duty import Training
from models.incidents import OPEN_STATES, Incident
from models.people import Person
from models.session import as_staff
from models.swarm import HelpWanted


@undoable("want help")
def want_help(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, subject: str, words: str
) -> HelpWanted | NotNow:
    """Show on the floor of everybody with this skill that it is wanted here."""
    if not subject.strip() or not words.strip():
        return NotNow("Help is wanted with something, in words.", "Name the skill and say what is needed.", "value")
    incident = grasp(session, incident_id, Act.SECOND, now, None)
    if isinstance(incident, NotNow):
        return incident
    mine = (HelpWanted.incident_id == incident.id, HelpWanted.subject == subject, HelpWanted.ended_at.is_(None))
    if session.scalar(select(HelpWanted.id).where(*mine)) is not None:
        return NotNow(f"Help with {subject} is wanted already.", "Nothing needs to be done.", "duplicate")
    row = HelpWanted(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        subject=subject,
        words=words,
        asked_by=actor.name,
        asked_at=now,
    )
    session.add(row)
    who = [person.name for person in skilled(session, subject, now)]
    known = f"{listed(who)} can see it." if who else "Nobody of ours has this skill on record."
    said = words.strip() if words.strip().endswith((".", "?", "!")) else f"{words.strip()}."
    story.tell(session, incident, "swarm", f"Help wanted with {subject}: {said} {known}", now, actor=actor)
    story.changed(session, incident, "want help", now, actor=actor, facts={"subject": subject, "skilled": who})
    return row


def skilled(session: Session, subject: str, now: datetime) -> list[Person]:
    """Everybody of ours whose training in a subject holds today where they live, by name."""
    with as_staff(session):
        rows = session.execute(
            select(Person, Training.expires_on)
            .join(Training, Training.person_id == Person.id)
            .where(Training.subject == subject, Person.active, Person.customer_id.is_(None))
            .order_by(Person.name)
        )
        return [
            person for person, until in rows if until is None or now.astimezone(ZoneInfo(person.zone)).date() <= until
        ]


def take_help(session: Session, help_id: uuid.UUID, actor: Actor, now: datetime) -> HelpWanted | NotNow:
    """Somebody with the skill takes it, and is in the swarm as a specialist."""
    found = session.get(HelpWanted, help_id)
    if found is None:
        return NotNow("No such help is wanted.", "Look at the floor.", "absent")
    with deeds.remembered(session, [found.incident_id], "take help", actor, now):
        incident = grasp(session, found.incident_id, Act.SECOND, now, None)
        if isinstance(incident, NotNow):
            return incident
        row = session.get_one(HelpWanted, help_id, populate_existing=True)
        if row.ended_at is not None:
            return NotNow("Somebody was quicker, or it is not wanted any more.", "Look at the incident.")
        if actor.person_id is None or actor.person_id not in {one.id for one in skilled(session, row.subject, now)}:
            return NotNow(
                f"You have no training in {row.subject} that holds today.", "Let somebody who has it come.", "person"
            )
        row.taken_by_id, row.taken_at, row.ended_at = actor.person_id, now, now
        there = any(
            one.person_id == actor.person_id and one.role == "specialist" for one in standing_of(session, incident)
        )
        if not there:
            session.add(seat(incident, actor.person_id, "specialist", actor, now, accepted=True, subject=row.subject))
        story.tell(session, incident, "swarm", f"{actor.name} helps with {row.subject}.", now, actor=actor)
        notify.tell_owner(session, incident, f"{actor.name} helps with {row.subject}.", "you wanted help", now)
        story.changed(session, incident, "take help", now, actor=actor, facts={"subject": row.subject})
        return row


def call_off_help(session: Session, help_id: uuid.UUID, actor: Actor, now: datetime) -> HelpWanted | NotNow:
    """It is not wanted any more."""
    found = session.get(HelpWanted, help_id)
    if found is None:
        return NotNow("No such help is wanted.", "Look at the incident.", "absent")
    with deeds.remembered(session, [found.incident_id], "call off help", actor, now):
        incident = grasp(session, found.incident_id, Act.SECOND, now, None)
        if isinstance(incident, NotNow):
            return incident
        row = session.get_one(HelpWanted, help_id, populate_existing=True)
        if row.ended_at is not None:
            return NotNow("It is not wanted any more.", "Nothing needs to be done.")
        row.ended_at = now
        story.tell(session, incident, "swarm", f"Help with {row.subject} is not wanted any more.", now, actor=actor)
        story.changed(session, incident, "call off help", now, actor=actor, facts={"subject": row.subject})
        return row


def wanted_of(session: Session, person_id: uuid.UUID, now: datetime) -> list[tuple[HelpWanted, Incident]]:
    """Help that is wanted with what this person is trained in today, the longest wanted first."""
    person = session.get_one(Person, person_id)
    today = now.astimezone(ZoneInfo(person.zone)).date()
    mine = select(Training.subject).where(
        Training.person_id == person_id, (Training.expires_on.is_(None)) | (Training.expires_on >= today)
    )
    rows = session.execute(
        select(HelpWanted, Incident)
        .join(Incident, Incident.id == HelpWanted.incident_id)
        .where(HelpWanted.ended_at.is_(None), HelpWanted.subject.in_(mine), Incident.state.in_(OPEN_STATES))
        .order_by(HelpWanted.asked_at)
    )
    return [(row[0], row[1]) for row in rows]
