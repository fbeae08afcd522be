"""Asking a second wherever somebody has been alone for too long by the rule, and the next where one is silent.

Whoever stood beside and is absent since, or has left the house, stands beside no longer.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from escalation import alone, duty, seconds, story
from escalation.one_by_one import one_by_one
from models.duty import TimeOff
from models.incidents import Incident
from models.people import Person
from models.session import SYSTEM, Sessions, work
from models.swarm import Companion

# The desk was empty when a second was due: it is asked again this often.
AGAIN = timedelta(minutes=5)
_IS_ASKED = (Companion.role == "second", Companion.state == "asked")
# Who offers themselves while they are absent is there, by their own word; who goes absent afterwards is not, and who
# only says afterwards that they have been absent all along is not either.
_ABSENT = exists().where(
    TimeOff.person_id == Incident.second_id,
    TimeOff.kind == "absent",
    or_(TimeOff.starts_at > Incident.second_accepted_at, TimeOff.said_at > Incident.second_accepted_at),
    TimeOff.starts_at <= bindparam("now"),
    TimeOff.ends_at > bindparam("now"),
)
_GONE = (
    select(Incident.id, Incident.customer_id)
    .join(Person, Person.id == Incident.second_id)
    .where(Incident.state.in_(alone.WATCHED), Incident.second_accepted_at.is_not(None))
    .where(or_(~Person.active, _ABSENT))
)


def attend(sessions: Sessions, now: datetime) -> tuple[int, datetime | None]:
    """Ask a second wherever the rule wants one by now; how many were asked, and when it looks again."""
    with work(sessions, SYSTEM) as session:
        gone = [(row[0], row[1]) for row in session.execute(_GONE, {"now": now})]
    one_by_one(sessions, "company that left", gone, lambda session, id: _free(session, id, now))
    with work(sessions, SYSTEM) as session:
        due = [(at, incident) for incident, at in _due(session)]
    over = [whose for at, whose in due if at <= now]
    attached = one_by_one(sessions, "company", over, lambda session, id: _attach(session, id, now))
    with work(sessions, SYSTEM) as session:
        ahead = [max(at, now + AGAIN) if at <= now else at for _, at in _due(session)]
    return attached, min(ahead, default=None)


def _due(session: Session) -> list[tuple[tuple[uuid.UUID, uuid.UUID], datetime]]:
    """((incident, customer), instant) of everybody alone whom the rule will not leave so, the longest alone first.

    Where somebody is asked already, the instant is the end of the patience with them.
    """
    rows = session.execute(
        select(
            Incident.id,
            Incident.customer_id,
            Incident.severity,
            Incident.tier,
            Incident.alone_since,
            Person.level,
            Companion.answer_by,
        )
        .join(Person, Person.id == Incident.owner_id)
        .outerjoin(Companion, and_(Companion.incident_id == Incident.id, *_IS_ASKED))
        .where(Incident.alone_since.is_not(None))
        .order_by(Incident.alone_since)
    )
    found = []
    for id, customer, severity, tier, since, level, answer_by in rows:
        allowed = alone.limit(severity, tier, level)
        if answer_by is not None:
            found.append(((id, customer), answer_by))
        elif allowed is not None and since is not None:
            found.append(((id, customer), since + allowed))
    return found


def _free(session: Session, incident_id: uuid.UUID, now: datetime) -> bool:
    """Give the second's place up for whoever is not there any more; the owner is alone from now on."""
    incident = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
    still = session.execute(_GONE.where(Incident.id == incident_id), {"now": now}).first()
    if incident is None or still is None:
        return False
    name = session.get_one(Person, incident.second_id).name
    seconds.release(session, incident, now, "not there any more")
    story.tell(session, incident, "second", f"{name} is not there any more, and stands beside no longer.", now)
    story.changed(session, incident, "second left", now)
    return True


def _attach(session: Session, incident_id: uuid.UUID, now: datetime) -> bool:
    incident = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
    if incident is None or not alone.is_alone(incident):
        return False
    asked = seconds.asked(session, incident)
    if asked is not None:
        if asked.answer_by is None or asked.answer_by > now:
            return False
        seconds.pass_on(session, incident, asked, now)
        story.changed(session, incident, "second unanswered", now, facts={"second": str(incident.second_id)})
        return True
    owner = session.get_one(Person, incident.owner_id)
    allowed = alone.limit(incident.severity, incident.tier, owner.level)
    if allowed is None or incident.alone_since is None or incident.alone_since + allowed > now:
        return False
    if duty.beside(duty.on_duty(session, incident, now), incident.owner_id) is None:
        return False  # that nobody is there was said when it began; the desk is asked again
    seconds.attach(session, incident, now)
    if incident.second_id is None:
        return False
    story.changed(session, incident, "ask second", now, facts={"second": str(incident.second_id)})
    return True
