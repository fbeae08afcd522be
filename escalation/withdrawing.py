"""An incident that is nobody's debt: cancelled before it was solved, or found to be our own doing.

Either way what its opening took from an allowance is given back, exactly once.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from contracts import allowances
from escalation import ending, story, words
from escalation.deeds import undoable
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from models.customers import Customer
from models.incidents import Incident


@undoable("cancel")
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
    ending.finish(session, incident, now, solved=False)
    _give_back(session, incident, actor, now, "cancel", "cancelled", reason)
    return incident


@undoable("found ours")
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
    incident = grasp(session, incident_id, Act.NOTE, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    _give_back(session, incident, actor, now, "found ours", "ours", reason)
    return incident


def _give_back(
    session: Session, incident: Incident, actor: Actor, now: datetime, deed: str, kind: str, reason: str
) -> None:
    back = allowances.give_back_incident(session, incident, actor.name, f"{kind}: {reason}", now)
    facts = {"given_back": back.units if back else 0}
    language = session.get_one(Customer, incident.customer_id).language
    text = words.public(language, kind, reason=reason)
    story.tell(session, incident, kind, text, now, actor=actor, public=True, facts=facts)
    story.changed(session, incident, deed, now, actor=actor, facts={"reason": reason, **facts})
