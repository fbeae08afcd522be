"""How one incident stands to others, to a customer's change, to a vendor's case: said, and said no more."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import deeds, story
from escalation.deeds import undoable
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from escalation.words import listed
from models.incidents import Incident
from models.relations import TO_INCIDENTS, TO_OTHERS, IncidentRelation

# Said by people; what merging, splitting and the fleet write is theirs.
BY_PEOPLE = ("caused_by", "child_of", "duplicate_of", "related", "change", "vendor_case")
# Read from the incident itself, and from the other end.
WORDS: Mapping[str, tuple[str, str]] = {
    "caused_by": ("caused by", "causes"),
    "child_of": ("part of", "is the parent of"),
    "duplicate_of": ("the same as", "told again as"),
    "merged_into": ("merged into", "took in"),
    "split_from": ("split off from", "gave off"),
    "related": ("seen beside", "seen beside"),
    "change": ("the change", ""),
    "vendor_case": ("the vendor's case", ""),
}
# A parent that were its own grandchild would count itself; so of these there are no circles.
_TREES = ("caused_by", "child_of", "duplicate_of")
_DEEPEST = 20


@undoable("relate")
def relate(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    kind: str,
    *,
    other_id: uuid.UUID | None = None,
    ref: str = "",
    party: str = "",
    words: str = "",
) -> IncidentRelation | NotNow:
    """Say how this incident stands to another of the same customer, or to a change or a vendor's case by its number."""
    if kind not in BY_PEOPLE:
        return NotNow(f"People say no relation {kind!r}.", f"Use {listed(BY_PEOPLE)}.", "value")
    incident = grasp(session, incident_id, Act.NOTE, now, None)
    if isinstance(incident, NotNow):
        return incident
    name = ref.strip()
    if kind in TO_INCIDENTS:
        other = session.get(Incident, other_id) if other_id is not None else None
        if other is None or other.customer_id != incident.customer_id:
            return NotNow("There is no such incident of this customer.", "Name another one, as VG-1001.", "absent")
        if other.id == incident.id:
            return NotNow("An incident stands in no relation to itself.", "Name another one.", "value")
        if kind in _TREES and incident.id in _above(session, other.id, kind):
            return NotNow("They would go round in a circle.", f"{other.label} stands under this one already.", "value")
        name = ""
    elif kind in TO_OTHERS and not name:
        return NotNow("It needs the number others know it by.", "Name the change, or the vendor's case.", "value")
    there = (
        IncidentRelation.incident_id == incident.id,
        IncidentRelation.kind == kind,
        IncidentRelation.ref == name,
        IncidentRelation.ended_at.is_(None),
    )
    to = IncidentRelation.other_id == other_id if kind in TO_INCIDENTS else IncidentRelation.other_id.is_(None)
    if session.scalar(select(IncidentRelation.id).where(*there, to)) is not None:
        return NotNow("It is said already.", "Nothing needs to be done.", "duplicate")
    row = add(session, incident, kind, actor, now, other_id=other_id if kind in TO_INCIDENTS else None, ref=name,
              party=party.strip(), words=words.strip())  # fmt: skip
    facts = {"kind": kind, "to": _name(session, row)}
    text = f"{WORDS[kind][0].capitalize()} {_name(session, row)}." + (f" {words.strip()}" if words.strip() else "")
    story.tell(session, incident, "related", text, now, actor=actor, facts=facts)
    story.changed(session, incident, "relate", now, actor=actor, facts=facts)
    return row


def add(
    session: Session,
    incident: Incident,
    kind: str,
    actor: Actor,
    now: datetime,
    *,
    other_id: uuid.UUID | None = None,
    ref: str = "",
    party: str = "",
    words: str = "",
) -> IncidentRelation:
    """Write a relation down; the caller tells the story."""
    row = IncidentRelation(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        kind=kind,
        other_id=other_id,
        ref=ref,
        party=party,
        words=words,
        made_by=actor.name,
        made_at=now,
    )
    session.add(row)
    session.flush()  # the schema says here when it stands already
    return row


def end(session: Session, relation_id: uuid.UUID, actor: Actor, now: datetime) -> IncidentRelation | NotNow:
    """It does not hold any more. What merging and splitting wrote ends with an act of its own."""
    found = session.get(IncidentRelation, relation_id)
    if found is None:
        return NotNow("There is no such relation.", "Look at the incident.", "absent")
    if found.kind not in BY_PEOPLE:
        return NotNow("It came from an act of its own.", "Reopen what was merged, or merge what was split.", "value")
    with deeds.remembered(session, [found.incident_id], "end relation", actor, now):
        incident = grasp(session, found.incident_id, Act.NOTE, now, None)
        if isinstance(incident, NotNow):
            return incident
        row = session.get_one(IncidentRelation, relation_id, populate_existing=True)
        if row.ended_at is not None:
            return NotNow("It has ended already.", "Nothing needs to be done.")
        row.ended_at, row.ended_by = now, actor.name
        facts = {"kind": row.kind, "to": _name(session, row)}
        text = f"No longer {WORDS[row.kind][0]} {_name(session, row)}."
        story.tell(session, incident, "related", text, now, actor=actor, facts=facts)
        story.changed(session, incident, "end relation", now, actor=actor, facts=facts)
        return row


def relations_of(session: Session, incident_id: uuid.UUID) -> list[IncidentRelation]:
    """What holds now, from either end, oldest first."""
    either = (IncidentRelation.incident_id == incident_id) | (IncidentRelation.other_id == incident_id)
    holds = select(IncidentRelation).where(either, IncidentRelation.ended_at.is_(None))
    return list(session.scalars(holds.order_by(IncidentRelation.made_at, IncidentRelation.id)))


def _above(session: Session, incident_id: uuid.UUID, kind: str) -> set[uuid.UUID]:
    """The incident and everything above it by this kind of relation."""
    seen, edge = {incident_id}, {incident_id}
    for _ in range(_DEEPEST):
        up = select(IncidentRelation.other_id).where(
            IncidentRelation.incident_id.in_(edge), IncidentRelation.kind == kind, IncidentRelation.ended_at.is_(None)
        )
        edge = {one for one in session.scalars(up) if one is not None} - seen
        if not edge:
            break
        seen |= edge
    return seen


def _name(session: Session, row: IncidentRelation) -> str:
    if row.other_id is not None:
        other = session.get(Incident, row.other_id)
        return other.label if other is not None else "an incident elsewhere"
    return f"{row.ref} ({row.party})" if row.party else row.ref
