"""An incident that is nobody's debt: cancelled before it was solved, or found to be our own doing.

Either way what its opening took from an allowance is given back, exactly once.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import allowances
from escalation import climbing, promises, story, words
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow, State
from models import audit
from models.customers import Customer
from models.incidents import Incident


def cancel(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """It is not wanted any more, or should not have been opened: nothing is owed on it, nobody more is called."""
    if not reason.strip():
        return NotNow("A cancellation needs a reason.", "Say why it is not wanted any more.", "value")
    incident = grasp(session, incident_id, Act.RESOLVE, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    for promise in promises.of(session, incident, *promises.LIVE):
        promises.call_off(session, promise)
    incident.state, incident.waiting_for, incident.resolved_at = State.RESOLVED.value, "", now
    climbing.stop(incident)
    back = allowances.give_back_incident(session, incident, actor.name, f"cancelled: {reason}", now)
    language = session.get_one(Customer, incident.customer_id).language
    text = words.public(language, "cancelled", reason=reason)
    facts = {"given_back": back.units if back else 0}
    story.tell(session, incident, "cancelled", text, now, actor=actor, public=True, facts=facts)
    story.changed(session, incident, "cancel", now, actor=actor, facts={"reason": reason, **facts})
    return incident


def found_ours(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """The cause was ours: it costs the customer nothing. It is worked on as before; saying so twice changes nothing."""
    if not reason.strip():
        return NotNow("That needs a reason.", "Say what we did.", "value")
    customer_id = session.scalar(select(Incident.customer_id).where(Incident.id == incident_id))
    if customer_id is None:
        return NotNow("There is no such incident.", "Look it up by its number.", "absent")
    audit.take_turns(session, customer_id)
    incident = session.get_one(Incident, incident_id, with_for_update=True, populate_existing=True)
    if expected_version is not None and incident.version != expected_version:
        return NotNow("Somebody changed it meanwhile.", "Look at it as it is now, and decide again.", "version")
    back = allowances.give_back_incident(session, incident, actor.name, f"ours: {reason}", now)
    facts = {"given_back": back.units if back else 0}
    language = session.get_one(Customer, incident.customer_id).language
    text = words.public(language, "ours", reason=reason)
    story.tell(session, incident, "ours", text, now, actor=actor, public=True, facts=facts)
    story.changed(session, incident, "found ours", now, actor=actor, facts={"reason": reason, **facts})
    return incident
