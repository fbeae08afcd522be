"""What people do with an incident. Each act writes the timeline and the audit, and counts up the version.

Every function locks the incident's row, never commits, and answers with the changed `Incident` or with `NotNow`.
`expected_version`: when given and no longer true, nothing is done (the page was stale).
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from escalation import climbing, handover, notify, opening, promises, seconds, story
from escalation.agreeing import set_severity
from escalation.deeds import undoable
from escalation.ending import close, reopen, resolve, we_said
from escalation.hands import grasp, step_in
from escalation.incident import VERDICTS, WAITING_FOR, Act, Actor, NotNow, State, after
from escalation.swarm import second, stand
from escalation.words import listed
from models.incidents import Finding, Incident

__all__ = [
    "acknowledge",
    "claim",
    "close",
    "escalate",
    "note",
    "reopen",
    "reply",
    "resolve",
    "resume",
    "second",
    "set_severity",
    "stand",
    "verdict",
    "wait",
]


@undoable("acknowledge")
def acknowledge(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, *, expected_version: int | None = None
) -> Incident | NotNow:
    """Somebody has seen it: no further rung is climbed. On the gravest severities a second engineer is attached."""
    incident = grasp(session, incident_id, Act.ACKNOWLEDGE, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    step_in(session, incident, State.ACKNOWLEDGED, actor, now)
    story.tell(session, incident, "acknowledged", f"{actor.name} has seen it.", now, actor=actor, public=True)
    story.changed(session, incident, "acknowledge", now, actor=actor)
    return incident


@undoable("claim")
def claim(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, *, expected_version: int | None = None
) -> Incident | NotNow:
    """The actor becomes the owner and works on it."""
    if actor.person_id is None:
        return NotNow("A program cannot own an incident.", "Let a person claim it.", "person")
    incident = grasp(session, incident_id, Act.CLAIM, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if incident.owner_id == actor.person_id and incident.state == State.WORKING:
        return NotNow("You have it already.", "Nothing needs to be done.")
    handover.claimed(session, incident, actor, now)
    incident.owner_id = None  # taken over from whoever had it
    if incident.second_id == actor.person_id:
        seconds.release(session, incident, now, "owns it now")
    step_in(session, incident, _target(Act.CLAIM, incident), actor, now)
    story.tell(session, incident, "claimed", f"{actor.name} works on it.", now, actor=actor, public=True)
    story.changed(session, incident, "claim", now, actor=actor)
    return incident


@undoable("reply")
def reply(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    text: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """A public word.

    Ours meets the `respond` promise, starts the next `update` and is sent to the customer; a customer's reaches the
    owner and ends a wait for them.
    """
    if not text.strip():
        return NotNow("A reply needs words.", "Write what the customer should know.", "value")
    incident = grasp(session, incident_id, Act.REPLY, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if actor.is_customer:
        _customer_said(session, incident, actor, text, now)
    else:
        if incident.state == State.OPEN:
            step_in(session, incident, State.ACKNOWLEDGED, actor, now)
        we_said(session, incident, actor, text, now)
        if incident.state not in (State.RESOLVED, State.WAITING):
            promises.keep_updating(session, incident, now)
    story.tell(session, incident, "reply", text, now, actor=actor, public=True)
    story.changed(session, incident, "reply", now, actor=actor)
    return incident


def _customer_said(session: Session, incident: Incident, actor: Actor, text: str, now: datetime) -> None:
    incident.customer_told_us_at = incident.customer_told_us_at or now
    if incident.state == State.WAITING and incident.waiting_for == "customer":
        _run_on(session, incident, now)
        story.tell(session, incident, "resumed", f"{actor.name} answered; the wait is over.", now, public=True)
    notify.tell_owner(session, incident, f"{actor.name} wrote: {text}", "the customer wrote", now)
    opening.call_again(session, incident, now)


@undoable("note")
def note(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    text: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """An internal word the customer never reads."""
    if not text.strip():
        return NotNow("A note needs words.", "Write what your colleagues should know.", "value")
    incident = grasp(session, incident_id, Act.NOTE, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    story.tell(session, incident, "note", text, now, actor=actor)
    story.changed(session, incident, "note", now, actor=actor)
    return incident


@undoable("wait")
def wait(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    waiting_for: str,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Wait for customer, vendor or maintenance, and say why; the promises pause."""
    if waiting_for not in WAITING_FOR:
        return NotNow(f"An incident cannot wait for {waiting_for!r}.", f"Use {listed(WAITING_FOR)}.", "value")
    if not reason.strip():
        return NotNow("A wait needs a reason; the customer reads it.", "Say what is waited for.", "value")
    incident = grasp(session, incident_id, Act.WAIT, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if incident.state == State.OPEN:
        step_in(session, incident, State.ACKNOWLEDGED, actor, now)
    incident.state, incident.waiting_for, incident.waiting_reason = State.WAITING.value, waiting_for, reason.strip()
    if promises.pause(session, incident, now, waiting_for):
        words = f"The contract allows no pause while we wait for the {waiting_for}: what is owed runs on."
        story.tell(session, incident, "runs on", words, now, facts={"for": waiting_for})
    words = f"Waiting for the {waiting_for}: {reason}" if waiting_for != "maintenance" else f"In maintenance: {reason}"
    story.tell(session, incident, "waiting", words, now, actor=actor, public=True, facts={"for": waiting_for})
    story.changed(session, incident, "wait", now, actor=actor, facts={"for": waiting_for})
    return incident


def _run_on(session: Session, incident: Incident, now: datetime) -> None:
    incident.state, incident.waiting_for, incident.waiting_reason = State.WORKING.value, "", ""
    promises.resume(session, incident, now)
    promises.keep_updating(session, incident, now)


@undoable("go on")
def resume(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, *, expected_version: int | None = None
) -> Incident | NotNow:
    """The wait is over; the promises run on."""
    incident = grasp(session, incident_id, Act.RESUME, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    _run_on(session, incident, now)
    story.tell(session, incident, "resumed", "The wait is over.", now, actor=actor, public=True)
    story.changed(session, incident, "resume", now, actor=actor)
    return incident


@undoable("verdict")
def verdict(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    word: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """The engineer's judgement of the detection: true, benign or false; written on its findings."""
    if word not in VERDICTS:
        return NotNow(f"{word!r} is no verdict.", f"Use {listed(VERDICTS)}.", "value")
    incident = grasp(session, incident_id, Act.VERDICT, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    session.execute(update(Finding).where(Finding.incident_id == incident.id).values(verdict=word, judged_at=now))
    text = {"true": "a true alarm", "benign": "true, but harmless", "false": "a false alarm"}[word]
    facts = {"verdict": word}
    story.tell(session, incident, "verdict", f"{actor.name} judged it {text}.", now, actor=actor, facts=facts)
    story.changed(session, incident, "verdict", now, actor=actor, facts=facts)
    return incident


@undoable("escalate")
def escalate(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Page the next rung now, acknowledged or not, because somebody asked for it."""
    if not reason.strip():
        return NotNow("An escalation needs a reason; those it calls read it.", "Say why.", "value")
    incident = grasp(session, incident_id, Act.ESCALATE, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    names = climbing.climb_now(session, incident, actor, reason, now)
    if not names:
        return NotNow("Everybody on this ladder has been told already.", "Call a second engineer, or phone.", "rungs")
    text = f"{actor.name} asked for escalation: {reason}"
    story.tell(session, incident, "escalated", text, now, actor=actor, public=True)
    story.changed(session, incident, "escalate", now, actor=actor, facts={"reason": reason, "told": names})
    return incident


def _target(act: Act, incident: Incident) -> State:
    state = after(act, State(incident.state))
    if isinstance(state, NotNow):
        raise RuntimeError("an act was allowed and is not any more under the same lock")
    return state
