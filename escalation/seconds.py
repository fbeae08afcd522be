"""The second engineer: asked by rule or on request, and counted on only from their yes.

Whoever is asked accepts, or declines with a reason and the next is asked at once; without a word the next is asked when
the patience ends. When everybody was asked, the lead is told and the round begins again: it never ends in silence.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import duty, notify, story
from escalation.duty import Duty
from escalation.incident import VIGIE, Actor, NotNow
from escalation.routing import Place, second_for
from models.incidents import Incident, TimelineEntry
from models.people import Person
from models.session import as_staff
from models.swarm import Companion

# How long a yes is waited for, by severity: on the gravest, as long as a phone is let ring twice.
PATIENCE = {1: timedelta(minutes=5), 2: timedelta(minutes=5), 3: timedelta(minutes=10), 4: timedelta(minutes=10)}

# That nobody is there is said once in so long; the desk is asked far more often.
_SAID_ONCE = timedelta(hours=1)


def attach(
    session: Session, incident: Incident, now: datetime, *, actor: Actor = VIGIE, person_id: uuid.UUID | None = None
) -> NotNow | None:
    """Ask somebody to stand beside the owner. None when they were asked; one who offers themselves has said yes.

    By the house's own rule (`actor` is Vigie) an empty desk is no refusal but a line in the story: somebody is alone.
    """
    desk = duty.on_duty(session, incident, now)
    if person_id is None:
        place = _next(session, incident, desk, now)
    elif person_id == incident.owner_id or person_id not in desk.people or desk.people[person_id].role == "contact":
        return NotNow("This person cannot be the second.", "Name one of ours who is not the owner.", "person")
    else:
        place = Place(person_id, desk.people[person_id].name, f"{actor.name} asked for them")
    if place is None:
        words = "Nobody is there to stand beside: one engineer is alone on it."
        if actor is VIGIE:
            if not _said_lately(session, incident, now):
                story.tell(session, incident, "alone", words, now)
            return None
        return NotNow(words, "Escalate, or name a person.", "person")
    _ask(session, incident, place, desk, actor, now)
    return None


def _said_lately(session: Session, incident: Incident, now: datetime) -> bool:
    said = select(TimelineEntry.id).where(
        TimelineEntry.incident_id == incident.id, TimelineEntry.kind == "alone", TimelineEntry.at > now - _SAID_ONCE
    )
    return session.scalar(said.limit(1)) is not None


def _ask(session: Session, incident: Incident, place: Place, desk: Duty, actor: Actor, now: datetime) -> None:
    release(session, incident, now, "somebody else was asked")
    why = "; ".join(part for part in (place.reason, place.relaxed) if part)
    offers = actor.person_id == place.person_id
    session.add(
        Companion(
            customer_id=incident.customer_id,
            incident_id=incident.id,
            person_id=place.person_id,
            role="second",
            state="accepted" if offers else "asked",
            asked_by=actor.name,
            why=why,
            asked_at=now,
            answer_by=None if offers else now + PATIENCE[incident.severity],
            answered_at=now if offers else None,
        )
    )
    incident.second_id, incident.second_accepted_at = place.person_id, now if offers else None
    said = f"{place.name} stands beside" if offers else f"{place.name} is asked to stand beside"
    facts = {"person": str(place.person_id)}
    story.tell(session, incident, "second", f"{said}: {why}.", now, actor=actor, facts=facts)
    if not offers:
        text = "You are asked to be the second on this incident: accept it, or say why not, and the next is asked."
        notify.alert(session, incident, desk.people[place.person_id], text, why, now)


def _next(session: Session, incident: Incident, desk: Duty, now: datetime) -> Place | None:
    """Who is asked next: on duty, else a lead. Whoever declined is not asked again; who said nothing, when all were."""
    since = incident.ladder_since or incident.opened_at  # a reopened incident asks everybody anew
    asked = select(Companion.person_id, Companion.state).where(
        Companion.incident_id == incident.id, Companion.role == "second", Companion.asked_at >= since
    )
    answers = [(row[0], row[1]) for row in session.execute(asked)]
    no, silent = ({person for person, state in answers if state == word} for word in ("declined", "unanswered"))
    places = [*desk.order.places, *duty.whom(desk, "lead")]
    fresh = second_for([place for place in places if place.person_id not in no | silent], incident.owner_id)
    if fresh is not None or not silent:
        return fresh
    _tell_the_lead(session, incident, desk, now)
    return second_for([place for place in places if place.person_id not in no], incident.owner_id)


def _tell_the_lead(session: Session, incident: Incident, desk: Duty, now: datetime) -> None:
    text = "Everybody was asked to be the second here, and nobody has said yes: one engineer is alone on it."
    leads = [desk.people[place.person_id] for place in duty.whom(desk, "lead")]
    told = ", ".join(lead.name for lead in leads) or "nobody, for no lead can be reached"
    story.tell(session, incident, "alone", f"{text} Told: {told}.", now)
    for lead in leads:
        notify.alert(session, incident, lead, text, "nobody stands beside", now)


def asked(session: Session, incident: Incident) -> Companion | None:
    """Who is asked to be the second, or is it."""
    standing = (Companion.incident_id == incident.id, Companion.role == "second")
    return session.scalar(select(Companion).where(*standing, Companion.state.in_(("asked", "accepted"))))


def release(session: Session, incident: Incident, now: datetime, reason: str) -> None:
    """Nobody is the second any more."""
    session.flush()  # one who was asked in this very transaction is found
    row = asked(session, incident)
    if row is not None:
        row.state, row.answered_at, row.reason = "left", row.answered_at or now, reason
        session.flush()  # the schema allows one second at a time, and the next may be asked at once
    incident.second_id = incident.second_accepted_at = None


def swap(session: Session, incident: Incident, person_id: uuid.UUID | None, now: datetime, why: str) -> None:
    """Put somebody into the second's place who has been on it and needs not be asked; None: nobody."""
    release(session, incident, now, why)
    if person_id is None:
        return
    session.add(
        Companion(
            customer_id=incident.customer_id,
            incident_id=incident.id,
            person_id=person_id,
            role="second",
            state="accepted",
            asked_by=VIGIE.name,
            why=why,
            asked_at=now,
            answered_at=now,
        )
    )
    incident.second_id, incident.second_accepted_at = person_id, now


def pass_on(session: Session, incident: Incident, row: Companion, now: datetime) -> None:
    """Whoever was asked has not answered in time: the next is asked. The caller counts the change."""
    with as_staff(session):
        name = session.get_one(Person, row.person_id).name
    row.state, row.answered_at, row.reason = "unanswered", now, "no word in time"
    incident.second_id = incident.second_accepted_at = None
    session.flush()  # the next one looks at who was asked
    story.tell(session, incident, "second", f"{name} has not answered; the next is asked.", now)
    attach(session, incident, now)
