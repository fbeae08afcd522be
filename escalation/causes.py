"""Which open incident a machine and a cause belong to: their own, or the one theirs was merged into.

Every way in asks here, so what was merged does not open a second time.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.incidents import OPEN_STATES, Finding, Incident
from models.relations import IncidentCause

# A chain of merges is as long as people make it; one that never ends would be a circle, which `merging` refuses.
_LONGEST_CHAIN = 50
# What has been slow for longer is slow of something else than of what begins to fill now.
_SYMPTOM_WITHIN = timedelta(days=1)


def open_incident(
    session: Session, customer_id: uuid.UUID, machine_id: uuid.UUID | None, cause: str
) -> Incident | None:
    """The open incident of this machine (None: of no machine) and cause, its row locked; None when there is none."""
    mine = (
        select(Incident.id)
        .where(Incident.customer_id == customer_id, Incident.state.in_(OPEN_STATES), Incident.cause == cause)
        .where(_is(Incident.machine_id, machine_id))
    )
    found = session.scalar(mine.limit(1))
    if found is None:
        stands_for = (
            select(Incident.id)
            .join(IncidentCause, IncidentCause.incident_id == Incident.id)
            .where(IncidentCause.cause == cause, IncidentCause.ended_at.is_(None), Incident.state.in_(OPEN_STATES))
            .where(IncidentCause.customer_id == customer_id, _is(IncidentCause.machine_id, machine_id))
            .order_by(IncidentCause.since.desc())
        )
        found = session.scalar(stands_for.limit(1))
    if found is None:
        return None
    # Another transaction may have changed the row since this session read it.
    return session.get(Incident, found, with_for_update=True, populate_existing=True)


def symptom_of(
    session: Session, customer_id: uuid.UUID, machine_id: uuid.UUID, cause: str, brings: frozenset[str], now: datetime
) -> Incident | None:
    """The open incident in which the model sees only what this cause brings, its row locked; it stands for this cause
    as well from now on. None when there is none, its condition is over, or it is known already what it comes of: the
    second disk that fills is a problem of its own."""
    known = select(Finding.id).where(
        Finding.incident_id == Incident.id, Finding.kind.in_(("rule", "event", "forecast"))
    )
    found = session.scalar(
        select(Incident.id)
        .where(Incident.customer_id == customer_id, Incident.machine_id == machine_id)
        .where(Incident.state.in_(OPEN_STATES), Incident.kind == "anomaly", Incident.fleet_event_id.is_(None))
        .where(func.split_part(Incident.cause, ":", 1).in_(brings), Incident.condition_ended_at.is_(None))
        .where(Incident.opened_at > now - _SYMPTOM_WITHIN, ~known.exists())
        .order_by(Incident.opened_at, Incident.id)
        .limit(1)
    )
    if found is None:
        return None
    session.add(
        IncidentCause(customer_id=customer_id, incident_id=found, machine_id=machine_id, cause=cause, since=now)
    )
    return session.get(Incident, found, with_for_update=True, populate_existing=True)


def survivor(session: Session, incident: Incident) -> Incident:
    """The incident itself, or the one it was merged into, however often that was merged on."""
    for _ in range(_LONGEST_CHAIN):
        if incident.merged_into_id is None:
            break
        incident = session.get_one(Incident, incident.merged_into_id)
    return incident


def with_survivor(session: Session, incident_id: uuid.UUID) -> list[uuid.UUID]:
    """The incident and, where it was merged, the one it went into."""
    incident = session.get(Incident, incident_id)
    if incident is None or incident.merged_into_id is None:
        return [incident_id]
    return [incident_id, survivor(session, incident).id]


def _is(column: InstrumentedAttribute[uuid.UUID | None], machine_id: uuid.UUID | None) -> ColumnElement[bool]:
    return column == machine_id if machine_id is not None else column.is_(None)
