"""The link in a mail: looking at it shows a page with a button, and only the button acknowledges.

Mail scanners follow every link they see; they press no button. The link names one notice to one person and counts for a
day, so whoever holds it may do this one thing and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, Response, request

from app import limits
from app.front import as_house, front, now
from app.pages.frame import page
from app.problems import Problem
from app.sealing import link_keys
from escalation import acts, causes
from escalation.channels import acklink
from escalation.incident import Actor, NotNow
from models.incidents import Incident
from models.notices import Notice
from models.people import Person

COUNTS_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a link stands for."""

    incident: Incident
    person: Person


def register(app: Flask) -> None:
    app.add_url_rule("/acknowledge/<token>", "acknowledge", show, methods=["GET"])
    app.add_url_rule("/acknowledge/<token>", "acknowledge_now", act, methods=["POST"])


def show(token: str) -> Response:
    """What would be acknowledged, and the button."""
    meant = _meant(token)
    said = "" if meant.incident.state == "open" else _already(meant.incident)
    return page("acknowledge.html", incident=meant.incident, person=meant.person, said=said, done=bool(said))


def act(token: str) -> Response:
    """Acknowledge as the person the notice was sent to."""
    meant = _meant(token)
    with as_house() as session:
        answer = acts.acknowledge(session, meant.incident.id, Actor(meant.person.id, meant.person.name), now())
    if isinstance(answer, NotNow):
        said = _already(meant.incident)
        return page("acknowledge.html", incident=meant.incident, person=meant.person, said=said, done=True)
    said = "You have it: nobody further is called."
    return page("acknowledge.html", incident=answer, person=meant.person, said=said, done=True)


def _meant(token: str) -> Meant:
    """Raises Problem: as for a page that does not exist, so that a guess learns nothing."""
    keys = link_keys(front().settings)
    notice_id = next((id for key in keys if (id := acklink.notice_of(token, key)) is not None), None)
    with as_house() as session:
        notice = session.get(Notice, notice_id) if notice_id is not None else None
        incident = session.get(Incident, notice.incident_id) if notice is not None and notice.incident_id else None
        if incident is not None:
            incident = causes.survivor(session, incident)  # what was merged meanwhile goes on there
        person = session.get(Person, notice.person_id) if notice is not None and notice.person_id else None
        if notice is None:
            wait = limits.take(session, limits.LINK_ADDRESS, request.remote_addr or "", now())
            if wait:
                raise Problem("too-often", "Too many tries.", headers={"Retry-After": str(wait)}, remedy="Wait.")
    ours = person is not None and person.active and person.customer_id is None
    if notice is None or incident is None or person is None or not ours or now() - notice.created_at > COUNTS_FOR:
        raise Problem("not-found", "This link counts no more, or never did.", remedy="Sign in and open the incident.")
    return Meant(incident, person)


def _already(incident: Incident) -> str:
    return f"{incident.label} is {incident.state} already; nothing was changed."
