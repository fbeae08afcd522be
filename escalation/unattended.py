"""What should have been done by itself by now, and was not: something went wrong with that one thing. Reads rows."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Select, cast, exists, literal, null, or_, select, union_all
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
    kinds = [each.limit(most).subquery() for each in (_handovers(now - late), _words(now - late), _owners(now))]
    found = session.execute(union_all(*(select(kind) for kind in kinds)))
    return [*(_said(*row) for row in found), *_alerts(session, now, most)]


def _said(rule: str, number: int | None, id: uuid.UUID, name: str, active: bool, since: datetime) -> Found:
    """What one row of the question below means."""
    label = f"VG-{number}"
    if rule == "handover_unclimbed":
        return rule, label, f"The hand-over of {label} was not answered, and no lead was told.", since
    if rule == "word_unreminded":
        return rule, str(id), "The next word on an escalation is late, and nobody was reminded of it.", since
    gone = "is absent" if active else "has left the house"
    return rule, label, f"{name}, who has {label}, {gone}: nobody works on it. Let somebody claim it.", since


# One question brings three kinds, each with the same columns: rule, number, id, name, whether active, since.
_Kind = Select[str, int, uuid.UUID, str, bool, datetime]


def _handovers(by: datetime) -> _Kind:
    waits = (Handover.state == "offered", Handover.climbed_at.is_(None), Handover.answer_by < by)
    said = (literal("handover_unclimbed"), Incident.number, Incident.id, literal(""), literal(True), Handover.answer_by)
    asked = select(*said).join(Incident, Incident.id == Handover.incident_id)
    return asked.where(*waits).order_by(Handover.answer_by)


def _words(by: datetime) -> _Kind:
    late = (Escalation.ended_at.is_(None), Escalation.reminded_at.is_(None), Escalation.next_word_at < by)
    nothing = cast(null(), BigInteger)
    said = (literal("word_unreminded"), nothing, Escalation.id, literal(""), literal(True), Escalation.next_word_at)
    return select(*said).where(*late).order_by(Escalation.next_word_at)


def _owners(now: datetime) -> _Kind:
    acted = exists().where(
        TimelineEntry.incident_id == Incident.id, TimelineEntry.person_id == Person.id,
        TimelineEntry.at >= TimeOff.starts_at,
    )  # fmt: skip
    absent = exists().where(
        TimeOff.person_id == Person.id, TimeOff.kind == "absent", TimeOff.starts_at <= now - _AWAY,
        TimeOff.ends_at > now, ~acted,
    )  # fmt: skip
    said = (literal("owner_gone"), Incident.number, Incident.id, Person.name, Person.active, Incident.changed_at)
    asked = select(*said).join(Person, Person.id == Incident.owner_id)
    asked = asked.where(Incident.state.in_(alone.WATCHED), or_(~Person.active, absent))
    return asked.order_by(Incident.severity, Incident.id)


def _alerts(session: Session, now: datetime, most: int) -> list[Found]:
    return [
        ("alert_unended", str(id), f"The alert “{title}” should have ended with the last group that told of it.", since)
        for id, title, since in left_open.unsettled(session, now - _DOORS, most)
    ]
