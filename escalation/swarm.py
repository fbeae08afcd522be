"""Standing beside: the second's yes or no, and the roles of a swarm.

A swarm is several people on one incident, each with a role: `lead` decides who does what, `scribe` writes the story,
`voice` speaks with the customer, `specialist` knows the part. The owner stays the owner.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import deeds, notify, seconds, story
from escalation.deeds import undoable
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from escalation.words import listed
from models.incidents import Incident
from models.people import Person
from models.session import as_staff
from models.swarm import SINGLE, Companion, HelpWanted

# The second is asked by an act of its own: the rule "never alone" watches over it.
ROLES = {
    "lead": "leads the swarm",
    "scribe": "writes down what is done",
    "voice": "speaks with the customer",
    "specialist": "knows the part",
}


@undoable("second")
def second(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    *,
    person_id: uuid.UUID | None = None,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Ask for a second engineer: the one named, or the first in routing's order who is not the owner."""
    incident = grasp(session, incident_id, Act.SECOND, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    there = seconds.asked(session, incident)
    if there is not None and person_id is None:
        with as_staff(session):
            name = session.get_one(Person, there.person_id).name
        said = (
            f"{name} stands beside already."
            if there.state == "accepted"
            else f"{name} is asked, and may still say yes."
        )
        return NotNow(said, "Name somebody else, or let the rule ask the next.", "person")
    refused = seconds.attach(session, incident, now, actor=actor, person_id=person_id)
    if refused is not None:
        return refused
    story.changed(session, incident, "second", now, actor=actor, facts={"person": str(incident.second_id)})
    return incident


@undoable("stand beside")
def stand(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    accepts: bool,
    reason: str = "",
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """What the second says: yes, and the owner is not alone any more; or no, with a reason, and the next is asked."""
    incident = grasp(session, incident_id, Act.SECOND, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    row = seconds.asked(session, incident)
    if row is None or row.person_id != actor.person_id:
        return NotNow("You are not asked to be the second here.", "Offer yourself: call yourself as second.", "person")
    if accepts and row.state == "accepted":
        return NotNow("You stand beside already.", "Nothing needs to be done.")
    if not accepts and not reason.strip():
        return NotNow("A refusal needs a reason; the owner reads it.", "Say why.", "value")
    if accepts:
        row.state, row.answered_at = "accepted", now
        incident.second_accepted_at = now
        story.tell(session, incident, "second", f"{actor.name} stands beside.", now, actor=actor)
        notify.tell_owner(session, incident, f"{actor.name} stands beside you.", "a second said yes", now)
    else:
        row.state, row.answered_at, row.reason = "declined", now, reason
        incident.second_id = incident.second_accepted_at = None
        session.flush()  # the next one looks at who was asked
        text = f"{actor.name} cannot stand beside: {reason}"
        story.tell(session, incident, "second", text, now, actor=actor)
        seconds.attach(session, incident, now)
    deed = "accept second" if accepts else "decline second"
    story.changed(session, incident, deed, now, actor=actor, facts={"reason": reason} if reason else {})
    return incident


@undoable("call into the swarm")
def invite(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    role: str,
    person_id: uuid.UUID,
    subject: str = "",
) -> Companion | NotNow:
    """Ask somebody to take a role; who names themselves has it at once. Whoever had a single role gives it up."""
    if role not in ROLES:
        return NotNow(f"A swarm has no role {role!r}.", f"Use {listed(tuple(ROLES))}.", "value")
    incident = grasp(session, incident_id, Act.SECOND, now, None)
    if isinstance(incident, NotNow):
        return incident
    with as_staff(session):
        person = session.get(Person, person_id)
    if person is None or person.customer_id is not None or not person.active:
        return NotNow("This person cannot join.", "Name one of ours.", "person")
    standing = standing_of(session, incident)
    if any(one.person_id == person_id and one.role == role for one in standing):
        return NotNow(f"{person.name} has this role, or is asked for it.", "Nothing needs to be done.", "person")
    for other in standing:
        if role in SINGLE and other.role == role:
            other.state, other.answered_at, other.reason = (
                "left",
                other.answered_at or now,
                "somebody else has the role",
            )
    session.flush()  # the schema allows a single role once
    offers = actor.person_id == person_id
    row = seat(incident, person_id, role, actor, now, accepted=offers, subject=subject)
    session.add(row)
    said = f"{person.name} {ROLES[role]}" if offers else f"{person.name} is asked to join ({role})"
    text = f"{said}: {subject}." if subject else f"{said}."
    story.tell(session, incident, "swarm", text, now, actor=actor, facts={"role": role, "person": str(person_id)})
    if not offers:
        words = f"{actor.name} asks you to join as {role}" + (f": {subject}." if subject else ".")
        notify.alert(
            session, incident, person, f"{words} Accept it, or say why not.", "you are asked into a swarm", now
        )
    story.changed(session, incident, "invite", now, actor=actor, facts={"role": role, "person": str(person_id)})
    return row


def seat(
    incident: Incident,
    person_id: uuid.UUID,
    role: str,
    actor: Actor,
    now: datetime,
    *,
    accepted: bool,
    subject: str,
) -> Companion:
    """A place in the swarm, to be added to the session."""
    return Companion(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        person_id=person_id,
        role=role,
        subject=subject,
        state="accepted" if accepted else "asked",
        asked_by=actor.name,
        why=f"{actor.name} asked" if not accepted else "offered",
        asked_at=now,
        answered_at=now if accepted else None,
    )


def answer(
    session: Session, companion_id: uuid.UUID, actor: Actor, now: datetime, word: str, reason: str = ""
) -> Companion | NotNow:
    """Accept a role, decline it with a reason, or leave it. Only whoever was asked does."""
    words = {"accepted": "has joined", "declined": "has not joined", "left": "has left"}
    if word not in words:
        return NotNow(f"{word!r} is no answer.", f"Use {listed(tuple(words))}.", "value")
    found = session.get(Companion, companion_id)
    if found is None:
        return NotNow("There is no such place in a swarm.", "Look at the incident.", "absent")
    if found.role == "second":
        return NotNow("The second answers by an act of its own.", "Accept or decline being the second.", "value")
    with deeds.remembered(session, [found.incident_id], f"{word} a role", actor, now):
        incident = grasp(session, found.incident_id, Act.SECOND, now, None)
        if isinstance(incident, NotNow):
            return incident
        row = session.get_one(Companion, companion_id, populate_existing=True)
        if row.person_id != actor.person_id:
            return NotNow("Only whoever was asked can say.", "Ask them, or join yourself.", "person")
        if row.state != ("accepted" if word == "left" else "asked"):
            return NotNow(f"It is {row.state} already.", "Nothing needs to be done.")
        if word == "declined" and not reason.strip():
            return NotNow("A refusal needs a reason; whoever asked reads it.", "Say why.", "value")
        row.state, row.answered_at, row.reason = word, now, reason
        text = f"{actor.name} {words[word]} as {row.role}" + (f": {reason}" if reason.strip() else ".")
        story.tell(session, incident, "swarm", text, now, actor=actor, facts={"role": row.role})
        story.changed(session, incident, f"swarm {word}", now, actor=actor, facts={"role": row.role})
        return row


def standing_of(session: Session, incident: Incident) -> list[Companion]:
    """Who is in the swarm, or asked into it."""
    standing = select(Companion).where(Companion.incident_id == incident.id, Companion.role != "second")
    return list(session.scalars(standing.where(Companion.state.in_(("asked", "accepted")))))


def dismiss(session: Session, incident: Incident, now: datetime, reason: str, *, everybody: bool = False) -> None:
    """It is over: whoever was only asked is free, and no help is wanted. `everybody`: those who stood beside too."""
    states = ("asked", "accepted") if everybody else ("asked",)
    rows = select(Companion).where(Companion.incident_id == incident.id, Companion.state.in_(states))
    for row in session.scalars(rows):
        row.state, row.answered_at, row.reason = "left", row.answered_at or now, reason
    wanted = select(HelpWanted).where(HelpWanted.incident_id == incident.id, HelpWanted.ended_at.is_(None))
    for help in session.scalars(wanted):
        help.ended_at = now
    if everybody or (incident.second_id is not None and incident.second_accepted_at is None):
        incident.second_id = incident.second_accepted_at = None
