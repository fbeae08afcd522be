"""Notices of an incident that is merged while they are on their way: they follow the survivor."""

from __future__ import annotations

from datetime import datetime
from zlib import crc32

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import outbox, words
from escalation.incident import State
from models.customers import Customer
from models.incidents import Incident
from models.notices import NOT_NEEDED, Notice
from models.people import Person
from models.session import as_staff


def follow(session: Session, merged: Incident, into: Incident, now: datetime) -> None:
    """Point what has not been taken at the survivor; a letter that is leaving at this moment keeps its words.

    A page to find somebody is called off where somebody has the survivor: nobody is woken for what is in hand.
    """
    session.flush()  # notices written in this transaction follow too
    open_ones = (
        Notice.incident_id == merged.id,
        Notice.settled_at.is_(None),
        Notice.given_up_at.is_(None),
    )
    language = session.get_one(Customer, into.customer_id).language
    with as_staff(session):
        found = select(Notice, Person.customer_id).outerjoin(Person, Person.id == Notice.person_id)
        rows = session.execute(found.where(*open_ones).with_for_update(of=Notice)).all()
        for notice, contact_of in rows:
            leaves_now = notice.lease_until is not None and notice.lease_until > now
            if notice.rung >= 0 and into.state != State.OPEN and not leaves_now:
                notice.given_up_at, notice.lease_until = now, None
                notice.last_error = f"{NOT_NEEDED}: merged into {into.label}, which somebody has"
                continue
            notice.incident_id = into.id
            # A place of its own: the survivor may have told the same person of the same rung.
            notice.rung, notice.round = outbox.NO_RUNG, -1 - (crc32(notice.id.bytes) & 0x7FFFFFFF)
            if not leaves_now:
                _readdress(notice, merged, into, language if contact_of is not None else "en")


def _readdress(notice: Notice, merged: Incident, into: Incident, language: str) -> None:
    where = words.public(language, "merged", into=into.label, promises="").strip()
    body = dict(notice.body)
    body["text"] = f"{merged.label}: {where}\n\n{body.get('text', '')}"
    body["path"] = str(body.get("path", "")).replace(merged.label, into.label)
    if "data" in body:
        body["data"] = {**body["data"], "incident": into.label, "id": str(into.id), "merged": merged.label}
    notice.body = body
    notice.subject = notice.subject.replace(merged.label, into.label)
