"""Taking an act back within the minute: what it changed is put back, row by row, and the story says so.

Only whoever did it takes it back, and only while nobody has changed the same things since. What taking back means:

- state, owner, second, severity, clocks, relations, hand-overs, allowances: as they stood before, clocks as if the act
  had never been (a rung that fell due meanwhile is climbed at the next tick);
- notices that have not left: they never leave. To ours who were told: a word that it was taken back. To the customer
  who was told of anything but a reply: the same. A reply that has left cannot be taken back, and the answer says so;
- a file: its row goes, and its bytes unless another one has the same; what was said of it stays in the story and audit;
- lines of the story: they stay for us, struck out; the customer reads that something was taken back.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from contracts import allowances
from escalation import attaching, deeds, notify, rows, story, words
from escalation.attic import Attic
from escalation.incident import VIGIE, Actor, NotNow
from models.agreements import Allowance, AllowanceTaking
from models.customers import Customer
from models.deeds import IncidentDeed
from models.incidents import Incident, Promise, TimelineEntry
from models.notices import Notice
from models.people import Person
from models.session import as_staff

# Rows an act makes that are no record of anything once it is taken back.
_UNMADE = ("companions", "help_wanted", "incident_relations", "incident_causes", "severity_changes", "handovers",
           "turn_ends", "attachments", "escalations", "promise_thresholds", "promises")  # fmt: skip


def undo(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    *,
    deed_id: uuid.UUID | None = None,
    attic: Attic | None = None,
) -> Incident | NotNow:
    """Take back the actor's last act on an incident, or the one named. `attic`: where the bytes of its files lie."""
    if not deeds.hold(session, [incident_id]):
        return NotNow("There is no such incident.", "Look it up by its number.", "absent")
    mine = [one for one in deeds.open_deeds(session, incident_id, actor, now) if deed_id in (None, one.id)]
    if not mine:
        return NotNow(
            "There is nothing of yours here to take back: an act can be taken back for a minute, by whoever did it.",
            "Do the opposite instead; the story keeps both.",
            "window",
        )
    deed = mine[0]
    ids = [deed.incident_id, *([deed.other_id] if deed.other_id else [])]
    deeds.hold(session, ids)
    again = rows.moved_on(rows.look(session, ids), deed.changes)
    if again:
        return NotNow(
            f"It has gone on since: {words.listed(sorted(set(again))[:3])} changed again after “{deed.act}”.",
            "Take back what came later first, or do the opposite.",
            "version",
        )
    sent = _left(session, deed)
    if deed.act == "reply" and (reached := sorted({name for name, is_contact in sent.values() if is_contact})):
        return NotNow(
            f"It has reached {words.listed(reached)} and cannot be taken back.",
            "Write again, or edit it: the former text stays to be seen.",
            "sent",
        )
    brought = attaching.digests(session, deed.changes.get("attachments", {}).get("made", []))
    incident = _restore(session, deed, actor, sent, now)
    if attic is not None:
        attaching.let_go(session, attic, brought)
    return incident


def _left(session: Session, deed: IncidentDeed) -> dict[uuid.UUID, tuple[str, bool]]:
    """Who was told by the act already: id → (name, whether the customer's); a letter on its way counts as told."""
    ids = deed.changes.get("notices", {}).get("made", [])
    with as_staff(session):
        told = (
            select(Person.id, Person.name, Person.customer_id)
            .join(Notice, Notice.person_id == Person.id)
            .where(
                Notice.id.in_(ids), (Notice.tries > 0) | Notice.settled_at.is_not(None), Notice.given_up_at.is_(None)
            )
        )
        return {row[0]: (row[1], row[2] is not None) for row in session.execute(told)}


def _restore(
    session: Session, deed: IncidentDeed, actor: Actor, sent: dict[uuid.UUID, tuple[str, bool]], now: datetime
) -> Incident:
    changes: dict[str, Any] = {**deed.changes}  # Any: see escalation.rows
    rungs = _withdraw(session, changes.pop("notices", {}), now)
    taken = changes.pop("allowance_takings", {})
    was_public = _strike(session, changes.pop("timeline", {}), actor, now)
    made = changes.get("incidents", {}).get("made", [])
    for table in _UNMADE:
        if ids := changes.get(table, {}).get("made"):
            rows.unmake(session, table, ids)
    for table, parts in changes.items():
        for id, columns in parts["changed"].items():
            rows.put_back(session, table, id, columns)
    session.expire_all()  # the database was changed behind the session's back
    _retake(session, taken, now)
    incident = session.get_one(Incident, deed.incident_id)
    _unseat(session, deed)
    if rungs:
        incident.ladder_round += 1  # whom it calls next is called by a notice of its own
    for id in made:
        _fold(session, session.get_one(Incident, uuid.UUID(id)), incident, actor, now)
    deed.undone_at, deed.undone_by = now, actor.name
    _tell(session, deed, incident, actor, sent, was_public, now)
    return incident


def _unseat(session: Session, deed: IncidentDeed) -> None:
    """A second whom the act brought may have said yes meanwhile: with the seat goes the yes."""
    for id in filter(None, (deed.incident_id, deed.other_id)):
        columns = deed.changes.get("incidents", {}).get("changed", {}).get(str(id), {})
        if "second_id" in columns and "second_accepted_at" not in columns:
            session.get_one(Incident, id).second_accepted_at = None


def _withdraw(session: Session, notices: dict[str, Any], now: datetime) -> int:  # Any: as above
    """What has not left never leaves; how many pages of rungs have."""
    made = [uuid.UUID(id) for id in notices.get("made", [])]
    unsent = (Notice.id.in_(made), Notice.tries == 0, Notice.settled_at.is_(None), Notice.joined_into.is_(None))
    session.execute(delete(Notice).where(*unsent).execution_options(synchronize_session=False))
    for id, columns in notices.get("changed", {}).items():
        rows.put_back(session, "notices", id, columns)
    left = select(Notice.id).where(Notice.id.in_(made), Notice.rung >= 0)
    return len(session.scalars(left).all())


def _strike(session: Session, lines: dict[str, Any], actor: Actor, now: datetime) -> bool:  # Any: as above
    """Strike out what the act wrote into the story; whether the customer could read any of it."""
    for id, columns in lines.get("changed", {}).items():
        rows.put_back(session, "timeline", id, columns)
    was_public = False
    made = [uuid.UUID(id) for id in lines.get("made", [])]
    for entry in session.scalars(select(TimelineEntry).where(TimelineEntry.id.in_(made))):
        was_public = was_public or entry.public
        entry.facts = {**entry.facts, "undone": {"at": now.isoformat(), "by": actor.name, "public": entry.public}}
        entry.public = False
    session.flush()  # before rows are changed behind the session's back
    return was_public


def _retake(session: Session, taken: dict[str, Any], now: datetime) -> None:  # Any: as above
    """What the act gave back to an allowance is taken again, where it is still there; what it took is given back."""
    for id in taken.get("made", []):
        taking = session.get_one(AllowanceTaking, uuid.UUID(id))
        allowances.give_back(session, taking.decision_id, VIGIE.name, "taken back", now)
    for id in taken.get("changed", {}):
        taking = session.get_one(AllowanceTaking, uuid.UUID(id), with_for_update=True)
        there = session.execute(
            update(Allowance)
            .where(Allowance.id == taking.allowance_id, Allowance.used + taking.units <= Allowance.granted)
            .values(used=Allowance.used + taking.units)
            .returning(Allowance.id)
        ).first()
        if there is not None:  # else somebody used them meanwhile, and the customer keeps the gift
            taking.given_back_at, taking.given_back_by, taking.given_back_reason = None, "", ""


def _fold(session: Session, made: Incident, into: Incident, actor: Actor, now: datetime) -> None:
    """An incident the act made is closed and points at the one it came from; nothing is owed on it."""
    for promise in session.scalars(select(Promise).where(Promise.incident_id == made.id)):
        promise.state, promise.due_at = "cancelled", None
    made.state, made.waiting_for, made.next_rung_at, made.queued_at = "closed", "", None, None
    made.resolved_at = made.closed_at = now
    made.merged_into_id = into.id
    allowances.give_back_incident(session, made, actor.name, "taken back", now)
    story.tell(
        session, made, "undone", f"{actor.name} took the split back; it goes on as {into.label}.", now, actor=actor
    )
    story.changed(session, made, "undo split", now, actor=actor, facts={"into": into.label})


def _tell(
    session: Session,
    deed: IncidentDeed,
    incident: Incident,
    actor: Actor,
    sent: dict[uuid.UUID, tuple[str, bool]],
    was_public: bool,
    now: datetime,
) -> None:
    said = words.act(deed.act)
    facts = {"deed": str(deed.id), "act": deed.act, "told": sorted(name for name, _ in sent.values())}
    language = session.get_one(Customer, incident.customer_id).language if was_public else "en"
    text = words.public(language, "undone", who=actor.name) if was_public else f"{actor.name} took back: {said}."
    story.tell(session, incident, "undone", text, now, actor=actor, public=was_public, facts=facts)
    if any(is_contact for _, is_contact in sent.values()):
        notify.tell_customer(session, incident, words.public(language, "undone_told", who=actor.name), actor, now)
    with as_staff(session):
        ours = [session.get_one(Person, id) for id, (_, is_contact) in sent.items() if not is_contact]
        for person in ours:
            if person.id != actor.person_id:
                notify.alert(session, incident, person, f"{actor.name} took back: {said}.", "you were told of it", now)
    story.changed(session, incident, f"undo {deed.act}", now, actor=actor, facts=facts, takes_back=True)
    if deed.other_id is not None and not deed.changes.get("incidents", {}).get("made"):
        other = session.get_one(Incident, deed.other_id)
        story.tell(session, other, "undone", f"{actor.name} took back: {said}.", now, actor=actor, facts=facts)
        story.changed(session, other, f"undo {deed.act}", now, actor=actor, facts=facts, takes_back=True)
