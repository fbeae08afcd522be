"""A way around the problem, apart from its cure: its own clock stops, the incident goes on until it is mended."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from escalation import promises, story, words
from escalation.deeds import undoable
from escalation.ending import we_said
from escalation.hands import grasp, step_in
from escalation.incident import Act, Actor, NotNow, State
from models.customers import Customer
from models.incidents import Incident


@undoable("workaround")
def found(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    text: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Say publicly how to get around it. The promise of a workaround is kept; what was promised of the cure runs on."""
    if not text.strip():
        return NotNow("A workaround needs words.", "Write what the customer can do meanwhile.", "value")
    incident = grasp(session, incident_id, Act.WORKAROUND, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if incident.workaround_at is not None:
        return NotNow("A way around it is in place.", "Say first that it does not hold any more.")
    if incident.state == State.OPEN:
        step_in(session, incident, State.ACKNOWLEDGED, actor, now)
    promises.meet(session, incident, ("workaround",), now)
    incident.workaround_at = now
    public = words.public(_language(session, incident), "workaround", text=text.strip())
    we_said(session, incident, actor, public, now)
    if incident.state != State.WAITING:
        promises.keep_updating(session, incident, now)
    story.tell(session, incident, "workaround", public, now, actor=actor, public=True)
    story.changed(session, incident, "workaround", now, actor=actor)
    return incident


@undoable("workaround gone")
def gone(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """It does not hold any more: its clock runs on, the time it held is a pause."""
    if not reason.strip():
        return NotNow("That needs a reason; the customer reads it.", "Say what was seen.", "value")
    incident = grasp(session, incident_id, Act.WORKAROUND, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if incident.workaround_at is None:
        return NotNow("No way around it is in place.", "Nothing needs to be done.")
    incident.workaround_at = None
    promises.run_again(session, incident, "workaround", now, "workaround")
    public = words.public(_language(session, incident), "workaround_gone", reason=reason.strip())
    story.tell(session, incident, "workaround", public, now, actor=actor, public=True)
    story.changed(session, incident, "workaround gone", now, actor=actor, facts={"reason": reason.strip()})
    return incident


def _language(session: Session, incident: Incident) -> str:
    return session.get_one(Customer, incident.customer_id).language
