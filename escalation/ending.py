"""How an incident ends, and how it comes back: the last acts of `acts`, which offers them to callers."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from escalation import climbing, merging, notify, promises, story, swarm
from escalation.deeds import undoable
from escalation.hands import grasp, step_in
from escalation.incident import Act, Actor, NotNow, State
from models.incidents import Incident


def we_said(session: Session, incident: Incident, actor: Actor, text: str, now: datetime) -> None:
    """A word of ours has gone to the customer: what was owed is kept, and who knew first is settled."""
    promises.meet(session, incident, ("respond", "update"), now)
    incident.told_customer_at = incident.told_customer_at or now
    notify.tell_customer(session, incident, text, actor, now)


@undoable("resolve")
def resolve(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    text: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Say publicly what was done; the clocks stop and nobody more is called."""
    if not text.strip():
        return NotNow("A resolution needs words.", "Write what was done, for the customer.", "value")
    incident = grasp(session, incident_id, Act.RESOLVE, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if incident.state == State.OPEN:
        step_in(session, incident, State.ACKNOWLEDGED, actor, now, alone=True)
    if incident.state == State.WAITING:
        promises.resume(session, incident, now)
    we_said(session, incident, actor, text, now)
    finish(session, incident, now)
    story.tell(session, incident, "resolved", text, now, actor=actor, public=True)
    story.changed(session, incident, "resolve", now, actor=actor)
    return incident


def finish(session: Session, incident: Incident, now: datetime, *, solved: bool = True) -> None:
    """Make an incident resolved: no rung, no wait, nothing owed any more. The caller tells the story.

    `solved`: what was owed is thereby kept; else nothing of it was owed to anybody.
    """
    incident.state, incident.waiting_for, incident.waiting_reason = State.RESOLVED.value, "", ""
    incident.resolved_at = now
    climbing.stop(incident)
    swarm.dismiss(session, incident, now, "the incident is over")
    if solved:
        promises.end(session, incident, now)
        return
    for promise in promises.of(session, incident, *promises.LIVE):
        promises.call_off(session, promise)


@undoable("close")
def close(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, *, expected_version: int | None = None
) -> Incident | NotNow:
    """A resolved incident is done with."""
    incident = grasp(session, incident_id, Act.CLOSE, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    incident.state, incident.closed_at = State.CLOSED.value, now
    story.tell(session, incident, "closed", "The incident is closed.", now, actor=actor, public=True)
    story.changed(session, incident, "close", now, actor=actor)
    return incident


@undoable("reopen")
def reopen(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """It came back: open again, promised again, and the ladder starts over."""
    incident = grasp(session, incident_id, Act.REOPEN, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if incident.merged_into_id is not None:
        merging.taken_out(session, incident, actor, now)
    incident.state, incident.condition_ended_at = State.OPEN.value, None
    incident.acknowledged_at = incident.resolved_at = incident.closed_at = None
    incident.owner_id = incident.workaround_at = None
    swarm.dismiss(session, incident, now, "the incident was opened again", everybody=True)
    if actor.is_customer:
        incident.customer_told_us_at = incident.customer_told_us_at or now
    words = f"Reopened: {reason}" if reason.strip() else "Reopened."
    story.tell(session, incident, "reopened", words, now, actor=actor, public=True)
    promises.begin(session, incident, now)
    session.flush()  # the notices tell what is owed
    climbing.start(session, incident, now)
    story.changed(session, incident, "reopen", now, actor=actor, facts={"reason": reason})
    return incident
