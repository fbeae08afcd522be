"""How the customer of an incident is served now: on the phone, in a remote session, in writing; changing it.

Whoever has it must have room for it that way: one cannot phone twice at once. What nobody has yet is looked at anew by
the routing of the other way, and joins the line where everybody's hands are full.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from escalation import duty, roster, story, waiting_line
from escalation.deeds import undoable
from escalation.duty import Duty
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from escalation.routing import CAPACITY, no_room
from escalation.words import listed
from models.incidents import Incident

# Each way as a sentence ends with it.
WORDS = {"phone": "on the phone", "remote": "in a remote session", "written": "in writing"}
_NAMED = 3  # of those passed over, in a sentence; the story's facts keep them all


def mode(incident: Incident) -> str:
    """How its customer is served: phone, remote or written."""
    return roster.mode_of(incident.channel, incident.served_by)


@undoable("serve")
def serve(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    wanted: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Serve the customer another way from now on. Refused while its owner has no room for one more that way: who has
    is named, and why the others are passed over."""
    if wanted not in CAPACITY:
        return NotNow(f"Nobody is served {wanted!r}.", f"Use {listed(tuple(CAPACITY))}.", "value")
    incident = grasp(session, incident_id, Act.SERVE, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    before = mode(incident)
    if wanted == before:
        return NotNow(f"It is served {WORDS[wanted]} already.", "Nothing needs to be done.", "value")
    _one_at_a_time(session, incident.owner_id)
    desk = duty.on_duty(session, incident, now, mode=wanted)
    if full := _full(desk, incident.owner_id, wanted):
        return NotNow(f"{full} {_passed(desk, incident.owner_id)}".strip(), _remedy(desk, incident.owner_id), "full")
    incident.served_by = wanted
    facts = {
        "was": before,
        "is": wanted,
        "first": desk.order.first.name if desk.order.first is not None else "",
        "passed": {one.name: one.reason for one in desk.order.passed},
    }
    words = f"Served {WORDS[wanted]} from now on. Before: {WORDS[before]}."
    story.tell(session, incident, "serving", words, now, actor=actor, facts=facts)
    if incident.owner_id is None:  # it waits its turn where only room is missing that way
        waiting_line.join(session, incident, desk, now)
    story.changed(session, incident, "serve", now, actor=actor, facts={"was": before, "is": wanted})
    return incident


def _one_at_a_time(session: Session, owner: uuid.UUID | None) -> None:
    """Hold the owner's hands until the transaction ends. Two customers' chains do not wait for each other, so two
    incidents of one owner would else both find the one phone free."""
    if owner is not None:
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 51))"), {"owner": str(owner)})


def _full(desk: Duty, owner: uuid.UUID | None, wanted: str) -> str:
    """Why the owner cannot take it that way; empty while they can, and where nobody has it."""
    theirs = next((one for one in desk.known.engineers if one.person_id == owner), None) if desk.known else None
    why = no_room(theirs, wanted) if theirs is not None else ""
    return f"{theirs.name} has it, with {why}." if theirs is not None and why else ""


def _passed(desk: Duty, owner: uuid.UUID | None) -> str:
    passed = [one for one in desk.order.passed if one.person_id != owner]
    others = [f"{one.name} ({one.reason})" for one in passed[:_NAMED]]
    return f"Passed over: {listed(others)}." if others else ""


def _remedy(desk: Duty, owner: uuid.UUID | None) -> str:
    able = next((place for place in desk.order.places if place.person_id != owner), None)
    if able is None:
        return "Nobody else on duty has room that way: end another one first, or call back later."
    return f"Hand it over to {able.name} ({able.reason}), or end another one first."
