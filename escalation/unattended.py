"""What should have been done by itself by now, and was not: something went wrong with that one thing. Reads rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from escalation import alone
from escalation.inbound import left_open
from models.duty import Handover, TimeOff
from models.escalations import Escalation
from models.incidents import Incident, TimelineEntry
from models.people import Person

# Doors are looked after every ten minutes, so an alert is late after three turns; the others wait for no turn.
_DOORS = timedelta(minutes=30)
_AWAY = timedelta(hours=1)  # an errand over lunch leaves nothing lying

Found = tuple[str, str, str, datetime]  # rule, subject, words, since


def find(session: Session, now: datetime, late: timedelta, most: int) -> list[Found]:
    """What is more than `late` behind, at most so much of each kind."""
    overdue = [*_handovers(session, now - late, most), *_words(session, now - late, most)]
    return [*overdue, *_alerts(session, now, most), *_owners(session, now, most)]


def _handovers(session: Session, by: datetime, most: int) -> list[Found]:
    waits = (Handover.state == "offered", Handover.climbed_at.is_(None), Handover.answer_by < by)
    query = select(Handover.answer_by, Incident).join(Incident, Incident.id == Handover.incident_id).where(*waits)
    return [
        ("handover_unclimbed", one.label, f"The hand-over of {one.label} was not answered, and no lead was told.", at)
        for at, one in session.execute(query.order_by(Handover.answer_by).limit(most))
    ]


def _words(session: Session, by: datetime, most: int) -> list[Found]:
    late = (Escalation.ended_at.is_(None), Escalation.reminded_at.is_(None), Escalation.next_word_at < by)
    query = select(Escalation).where(*late).order_by(Escalation.next_word_at).limit(most)
    return [
        ("word_unreminded", str(one.id), "The next word on an escalation is late, and nobody was reminded of it.",
         one.next_word_at)
        for one in session.scalars(query)
    ]  # fmt: skip


def _owners(session: Session, now: datetime, most: int) -> list[Found]:
    acted = exists().where(
        TimelineEntry.incident_id == Incident.id, TimelineEntry.person_id == Person.id,
        TimelineEntry.at >= TimeOff.starts_at,
    )  # fmt: skip
    absent = exists().where(
        TimeOff.person_id == Person.id, TimeOff.kind == "absent", TimeOff.starts_at <= now - _AWAY,
        TimeOff.ends_at > now, ~acted,
    )  # fmt: skip
    query = select(Incident, Person.name, Person.active).join(Person, Person.id == Incident.owner_id)
    query = query.where(Incident.state.in_(alone.WATCHED), or_(~Person.active, absent))
    return [
        ("owner_gone", one.label, f"{name}, who has {one.label}, {'is absent' if active else 'has left the house'}: "
         "nobody works on it. Let somebody claim it.", one.changed_at)
        for one, name, active in session.execute(query.order_by(Incident.severity, Incident.id).limit(most))
    ]  # fmt: skip


def _alerts(session: Session, now: datetime, most: int) -> list[Found]:
    return [
        ("alert_unended", str(id), f"The alert “{title}” should have ended with the last group that told of it.", since)
        for id, title, since in left_open.unsettled(session, now - _DOORS, most)
    ]
