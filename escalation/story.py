"""How an incident's story is told: a timeline entry to read, an audit entry to prove it, a version to notice it by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from escalation import alone
from escalation.announce import announce
from escalation.incident import VIGIE, Actor
from models import audit
from models.incidents import Incident, TimelineEntry


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
) -> TimelineEntry:
    """Add a line to the story. `public`: the customer reads it. Several lines may belong to one change."""
    entry = TimelineEntry(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        at=now,
        kind=kind,
        actor=actor.name,
        person_id=actor.person_id,
        public=public,
        text=text,
        facts=dict(facts or {}),
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
) -> None:
    """Close one change of an incident: count the version, write the audit entry, announce it."""
    incident.version += 1
    incident.changed_at = now
    alone.count(incident, now)
    record(session, incident, deed, now, actor=actor, facts=facts)


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
