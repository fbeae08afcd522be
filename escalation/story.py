"""How an incident's story is told: a timeline entry to read, an audit entry to prove it, a version to notice it by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from escalation import alone, instants
from escalation.announce import announce
from escalation.incident import VIGIE, Actor
from models import audit
from models.incidents import Incident, TimelineEntry
from models.swarm import Companion


def tell(
    session: Session,
    incident: Incident,
    kind: str,
    text: str,
    now: datetime,
    *,
    actor: Actor = VIGIE,
    public: bool = False,
    facts: Mapping[str, Any] | None = None,
    stamps: Iterable[str] = (),
) -> TimelineEntry:
    """Add a line to the story. `public`: the customer reads it. Several lines may belong to one change.

    `stamps`: the instants of the text that are the house's own words, read by everybody on their own clock.
    """
    named = list(stamps)
    entry = TimelineEntry(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        at=now,
        kind=kind,
        actor=actor.name,
        person_id=actor.person_id,
        public=public,
        text=text,
        facts={**(facts or {}), **({instants.BESIDE: named} if named else {})},
    )
    session.add(entry)
    return entry


def changed(
    session: Session,
    incident: Incident,
    deed: str,
    now: datetime,
    *,
    actor: Actor = VIGIE,
    facts: Mapping[str, Any] | None = None,
    takes_back: bool = False,
) -> None:
    """Close one change of an incident: count the version, write the audit entry, announce it.

    `takes_back`: the actor only takes something back, which is no sign of being at work on it.
    """
    incident.version += 1
    incident.changed_at = now
    if not takes_back:
        _whoever_acts_is_there(session, incident, actor, now)
    alone.count(incident, now)
    record(session, incident, deed, now, actor=actor, facts=facts)


def _whoever_acts_is_there(session: Session, incident: Incident, actor: Actor, now: datetime) -> None:
    """A second who acts stands beside, whether or not they have said so in so many words."""
    if actor.person_id is None or actor.person_id != incident.second_id or incident.second_accepted_at is not None:
        return
    incident.second_accepted_at = now
    seat = (Companion.incident_id == incident.id, Companion.role == "second", Companion.state == "asked")
    session.execute(update(Companion).where(*seat).values(state="accepted", answered_at=now))


def record(
    session: Session,
    incident: Incident,
    deed: str,
    now: datetime,
    *,
    actor: Actor = VIGIE,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the audit entry and announce, without a new version: for the opening, which is version 1."""
    session.flush()  # the audit names what is written, so it is written first
    audit.record(
        session,
        actor=actor.name,
        deed=deed,
        subject=incident.label,
        customer_id=incident.customer_id,
        facts={"version": incident.version, "state": incident.state, **(facts or {})},
        now=now,
    )
    announce(session, incident)
