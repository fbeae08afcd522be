"""What should have been done by itself by now, and was not: something went wrong with that one thing. Reads rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.inbound import left_open
from models.duty import Handover
from models.escalations import Escalation
from models.incidents import Incident

# Doors are looked after every ten minutes, so an alert is late after three turns; the others wait for no turn.
_DOORS = timedelta(minutes=30)

Found = tuple[str, str, str, datetime]  # rule, subject, words, since


def find(session: Session, now: datetime, late: timedelta, most: int) -> list[Found]:
    """What is more than `late` behind, at most so much of each kind."""
    return [*_handovers(session, now - late, most), *_words(session, now - late, most), *_alerts(session, now, most)]


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


def _alerts(session: Session, now: datetime, most: int) -> list[Found]:
    return [
        ("alert_unended", str(id), f"The alert “{title}” should have ended with the last group that told of it.", since)
        for id, title, since in left_open.unsettled(session, now - _DOORS, most)
    ]
