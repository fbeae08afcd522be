"""Two incidents that are one problem: one goes into the other, which from then on stands for both.

The rules, which the story repeats in words:

- the one that is merged is closed and keeps its timeline; whoever answers under its number reaches the survivor;
- of each promise that both owe, the earlier instant stands, whichever incident it was made on; what only one owes is
  owed on. It runs or rests as the survivor does;
- notices that have not left follow the survivor, and say so; a page that only looked for somebody to take it is called
  off when somebody has the survivor;
- findings and alerts of the merged one belong to the survivor, and whatever else is seen of its cause joins there;
- what its opening took from an allowance is given back;
- the survivor is as grave as the graver of the two; an owner who had only the merged one stands beside.

It is undone within the minute like any act, and later by reopening what was merged.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts import allowances
from escalation import (
    agreeing,
    climbing,
    deeds,
    instants,
    merged_notices,
    promises,
    relating,
    seconds,
    story,
    swarm,
    words,
)
from escalation.hands import grasp, step_in
from escalation.incident import Act, Actor, NotNow, State
from models.calendars import Threshold
from models.customers import Customer
from models.duty import Handover
from models.escalations import Escalation
from models.inbound import InboundAlert
from models.incidents import Finding, Incident, Promise
from models.people import Person
from models.relations import IncidentCause, IncidentRelation
from models.session import as_staff


def merge(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    into_id: uuid.UUID,
    reason: str = "",
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Merge the first incident into the second, both open and of one customer; answers with the survivor."""
    with deeds.remembered(session, [into_id, incident_id], "merge", actor, now):
        merged = grasp(session, incident_id, Act.MERGE, now, expected_version)
        if isinstance(merged, NotNow):
            return merged
        if into_id == merged.id:
            return NotNow("An incident cannot be merged into itself.", "Name another one.", "value")
        into = session.get(Incident, into_id, with_for_update=True, populate_existing=True)
        if into is None or into.customer_id != merged.customer_id:
            return NotNow("There is no such incident of this customer.", "Name another one, as VG-1001.", "absent")
        if not into.is_open:
            return NotNow(
                f"{into.label} is {into.state}: nothing goes on there.",
                "Reopen it first, or say that this one is a duplicate of it.",
            )
        _unite(session, merged, into, actor, reason.strip(), now)
        return into


def _unite(session: Session, merged: Incident, into: Incident, actor: Actor, reason: str, now: datetime) -> None:
    explained = _clocks(session, merged, into, now)
    _severity(session, merged, into, actor, now)
    _people(session, merged, into, actor, now)
    _earliest(merged, into)
    merged_notices.follow(session, merged, into, now)
    _signs(session, merged, into, now)
    _beside(session, merged, into, actor, now)
    back = allowances.give_back_incident(session, merged, actor.name, f"merged into {into.label}", now)
    merged.state, merged.waiting_for, merged.waiting_reason = State.CLOSED.value, "", ""
    merged.resolved_at = merged.resolved_at or now
    merged.closed_at, merged.merged_into_id = now, into.id
    climbing.stop(merged)
    relating.add(session, merged, "merged_into", actor, now, other_id=into.id, words=reason)
    facts = {"into": into.label, "merged": merged.label, "given_back": back.units if back else 0,
             "clocks": explained}  # fmt: skip
    _tell(session, merged, into, actor, reason, explained, facts, now)
    story.changed(session, merged, "merge", now, actor=actor, facts=facts)
    story.changed(session, into, "take in", now, actor=actor, facts=facts)


def _tell(
    session: Session,
    merged: Incident,
    into: Incident,
    actor: Actor,
    reason: str,
    explained: list[str],
    facts: dict[str, object],
    now: datetime,
) -> None:
    language = session.get_one(Customer, into.customer_id).language
    kept = words.public(language, "merged_promise") if explained else ""
    there = words.public(language, "merged", into=into.label, promises=kept).strip()
    here = words.public(language, "merged_here", label=merged.label, promises=kept).strip()
    story.tell(session, merged, "merged", there, now, actor=actor, public=True, facts=facts)
    story.tell(session, into, "merged", here, now, actor=actor, public=True, facts=facts)
    why = f" {words.whole(reason)}" if reason else ""
    said = " ".join(explained) or "Nothing was owed on it any more."
    text = f"{merged.label} “{merged.title}” was merged into this one; its timeline stays there.{why} {said}"
    story.tell(session, into, "merge clocks", text, now, actor=actor, facts=facts, stamps=instants.within(said))


def _clocks(session: Session, merged: Incident, into: Incident, now: datetime) -> list[str]:
    """Of each promise the earlier stands; what was settled, in sentences."""
    said = []
    for promise in promises.of(session, merged, *promises.LIVE):
        if promises.breach(promise, now):
            continue  # it was missed on the merged one, and stays so there
        if promise.kind == "acknowledge" and into.acknowledged_at is not None:
            promises.call_off(session, promise)
            continue
        own = _same(session, into, promise)
        mine, theirs = _ends(promise, now), _ends(own, now) if own is not None else None
        name = promises.words(promise.kind)
        if own is not None and (mine is None or (theirs is not None and theirs <= mine)):
            promises.call_off(session, promise)
            if theirs is not None:
                said.append(f"The {name} of {instants.stamp(theirs)} stands: it was promised here, and is the earlier.")
            continue
        if own is not None:
            promises.call_off(session, own)
        if mine is not None:
            how, rest = ("stands", ", and it is the earlier") if own is not None else ("is owed on", "")
            said.append(f"The {name} of {instants.stamp(mine)} {how}: {merged.label} was promised it{rest}.")
        _move(session, promise, into, now)
    return said


def _same(session: Session, into: Incident, promise: Promise) -> Promise | None:
    live = promises.of(session, into, *promises.LIVE)
    return next((one for one in live if (one.kind, one.party) == (promise.kind, promise.party)), None)


def _ends(promise: Promise, now: datetime) -> datetime | None:
    """When a promise falls due, or would if its rest ended now."""
    held = tuple(
        pause if pause.end is not None else type(pause)(pause.start, now, pause.reason)
        for pause in promises.pauses(promise)
    )
    return min((end for leg in promises.legs(promise) if (end := leg.due(held)) is not None), default=None)


def _move(session: Session, promise: Promise, into: Incident, now: datetime) -> None:
    """The promise is the survivor's, and runs or rests as the survivor does."""
    promise.incident_id = into.id
    rests = into.state == State.WAITING and into.waiting_for in promises.terms_of(into).clocks.pauses
    if rests and promise.state == "running":
        held = {"from": now.isoformat(), "to": None, "reason": into.waiting_for}
        promise.pauses, promise.state = [*promise.pauses, held], "paused"
    elif not rests and promise.state == "paused":
        promise.pauses = [{**given, "to": given.get("to") or now.isoformat()} for given in promise.pauses]
        promise.state = "running"
    session.flush()  # its warnings are found by it
    session.execute(update(Threshold).where(Threshold.promise_id == promise.id).values(incident_id=into.id))
    promises.recount(session, promise)


def _severity(session: Session, merged: Incident, into: Incident, actor: Actor, now: datetime) -> None:
    there = agreeing.proposed(session, merged.id)
    if there is not None:
        there.state, there.answered_by, there.answered_at = "withdrawn", actor.name, now
        there.answer = f"merged into {into.label}"
    if merged.severity >= into.severity:
        return
    was, into.severity = into.severity, merged.severity
    why = f"{merged.label}, merged into it, is as grave"
    agreeing.overtaken(session, into, actor, now, why)
    agreeing.note_down(session, into, was, into.severity, why, actor, now, "set")
    text = f"Severity raised from {was} to {into.severity}: {why}."
    story.tell(session, into, "severity", text, now, actor=actor, facts={"from": was, "to": into.severity})


def _people(session: Session, merged: Incident, into: Incident, actor: Actor, now: datetime) -> None:
    """Whoever had the merged one has the survivor, or stands beside its owner."""
    owner_id = merged.owner_id
    if owner_id is not None and into.owner_id is None:
        with as_staff(session):
            person = session.get_one(Person, owner_id)
        if into.second_id == owner_id:
            seconds.release(session, into, now, "owns it now")
        step_in(session, into, State.ACKNOWLEDGED if into.state == State.OPEN else State(into.state),
                Actor(person.id, person.name), now, instead_of=[merged.id])  # fmt: skip
    elif owner_id not in (None, into.owner_id, into.second_id):
        assert owner_id is not None  # the line above; mypy does not follow it
        if into.second_id is None or into.second_accepted_at is None:
            seconds.swap(session, into, owner_id, now, f"had {merged.label}, which was merged into this one")
        elif not any(one.person_id == owner_id for one in swarm.standing_of(session, into)):
            session.add(swarm.seat(into, owner_id, "specialist", actor, now, accepted=True, subject=merged.label))
    swarm.dismiss(session, merged, now, f"merged into {into.label}", everybody=True)


def _earliest(merged: Incident, into: Incident) -> None:
    """Who knew first, and when we first spoke, are the earlier of the two."""
    for name in ("customer_told_us_at", "told_customer_at", "began_at", "acknowledged_at"):
        both = [at for at in (getattr(merged, name), getattr(into, name)) if at is not None]
        if name == "acknowledged_at" and into.state == State.OPEN:
            continue
        setattr(into, name, min(both, default=None))


def _signs(session: Session, merged: Incident, into: Incident, now: datetime) -> None:
    """What was seen of it, and what will be, belongs to the survivor."""
    for table in (Finding, InboundAlert):
        session.execute(update(table).where(table.incident_id == merged.id).values(incident_id=into.id))
    if merged.condition_ended_at is None:
        into.condition_ended_at = None
    stood_for = select(IncidentCause).where(IncidentCause.incident_id == merged.id, IncidentCause.ended_at.is_(None))
    causes = [(merged.machine_id, merged.cause, merged.id)]
    for row in session.scalars(stood_for):
        causes.append((row.machine_id, row.cause, row.from_id or merged.id))
        row.ended_at = now
    for machine_id, cause, from_id in causes:
        session.add(
            IncidentCause(
                customer_id=into.customer_id,
                incident_id=into.id,
                machine_id=machine_id,
                cause=cause,
                from_id=from_id,
                since=now,
            )
        )


def _beside(session: Session, merged: Incident, into: Incident, actor: Actor, now: datetime) -> None:
    """A hand-over in the air is called off, an escalation goes on at the survivor."""
    offered = (Handover.incident_id == merged.id, Handover.state == "offered")
    for offer in session.scalars(select(Handover).where(*offered)):
        offer.state, offer.answered_at, offer.reason = "withdrawn", now, f"merged into {into.label}"
    running = session.scalar(
        select(Escalation).where(Escalation.incident_id == merged.id, Escalation.ended_at.is_(None))
    )
    if running is None:
        return
    there = select(Escalation.id).where(Escalation.incident_id == into.id, Escalation.ended_at.is_(None))
    if session.scalar(there) is None:
        running.incident_id = into.id
    else:
        running.ended_at, running.ended_words = now, f"It goes on with the escalation of {into.label}."


def taken_out(session: Session, incident: Incident, actor: Actor, now: datetime) -> None:
    """A merged incident is reopened: it stands for itself again. The caller opens it and counts the change."""
    into = session.get_one(Incident, incident.merged_into_id)
    incident.merged_into_id = None
    holds = (
        IncidentRelation.incident_id == incident.id,
        IncidentRelation.kind == "merged_into",
        IncidentRelation.ended_at.is_(None),
    )
    for relation in session.scalars(select(IncidentRelation).where(*holds)):
        relation.ended_at, relation.ended_by = now, actor.name
    back = (IncidentCause.from_id == incident.id, IncidentCause.ended_at.is_(None))
    for row in session.scalars(select(IncidentCause).where(*back)):
        row.ended_at = now
        if (row.machine_id, row.cause) != (incident.machine_id, incident.cause):  # a fault it was the symptom of
            session.add(IncidentCause(customer_id=row.customer_id, incident_id=incident.id, machine_id=row.machine_id,
                                      cause=row.cause, since=now))  # fmt: skip
            of_it = (Finding.machine_id == row.machine_id, Finding.cause == row.cause)
            moved = update(Finding).where(*of_it, Finding.incident_id == into.id)
            session.execute(moved.values(incident_id=incident.id))
    if incident.machine_id is not None:
        own = (Finding.machine_id == incident.machine_id, Finding.cause == incident.cause)
        mine = update(Finding).where(*own, Finding.incident_id == into.id)
        session.execute(mine.values(incident_id=incident.id))
    language = session.get_one(Customer, into.customer_id).language
    for one, other in ((incident, into), (into, incident)):
        text = words.public(language, "reopened_apart", label=other.label)
        story.tell(session, one, "split", text, now, actor=actor, public=True)
    story.changed(session, into, "give back", now, actor=actor, facts={"incident": incident.label})
