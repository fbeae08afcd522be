"""How a fleet event ends: its machines recover, the parent resolves, and whoever is left gets an own incident."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, bindparam, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from escalation import story
from escalation.fleet_words import child_title, parent_title
from escalation.gathering import Tell, take_lock
from escalation.signal import Signal
from escalation.together import is_over
from models import audit
from models.fleet_events import FleetEvent, FleetMember
from models.incidents import OPEN_STATES, Finding, Incident
from models.machines import Machine
from models.session import SYSTEM, Sessions, work

HOLD: Final = timedelta(minutes=10)  # so long its machines stay well before the event is over
LONGEST: Final = timedelta(days=7)  # whatever lasts longer is no event any more
Ending = tuple[uuid.UUID, str, datetime, uuid.UUID]  # machine, cause, when it ended, finding

_FINDING: Final = (
    update(Finding)
    .where(Finding.id == bindparam("finding"), Finding.ended_at.is_(None))
    .values(ended_at=bindparam("ended"))
)
_MEMBER: Final = (
    update(FleetMember)
    .where(
        FleetMember.machine_id == bindparam("machine"),
        FleetMember.cause == bindparam("problem"),
        FleetMember.recovered_at.is_(None),
    )
    .values(recovered_at=bindparam("ended"))
)


def member_recovered(session: Session, machine_id: uuid.UUID, cause: str, at: datetime) -> None:
    """This machine's part in whatever event it is in is over; of a machine in none nothing is known."""
    session.connection().execute(_MEMBER, [{"machine": machine_id, "problem": cause, "ended": at}])


def many_recovered(session: Session, endings: Sequence[Ending]) -> set[int]:
    """End those of these conditions that belong to an event, all at once; which of them, by their place.

    Of each contract's incident the last one is left to the caller, who tells its story.
    """
    asked = {(machine, cause) for machine, cause, _, _ in endings}
    rows = session.execute(
        select(FleetMember.machine_id, FleetMember.cause, FleetMember.incident_id)
        .join(FleetEvent, FleetEvent.id == FleetMember.event_id)
        .where(
            FleetEvent.resolved_at.is_(None), tuple_(FleetMember.machine_id, FleetMember.cause).in_(list(asked))
        )
    )  # fmt: skip
    child_of = {(row.machine_id, row.cause): row.incident_id for row in rows}
    last = {child_of[one[:2]]: at for at, one in enumerate(endings) if one[:2] in child_of}
    mine = [
        at for at, one in enumerate(endings)
        if one[:2] in child_of and (child_of[one[:2]] is None or last[child_of[one[:2]]] != at)
    ]  # fmt: skip
    if mine:
        rows_ended = [
            {"machine": machine, "problem": cause, "ended": ended, "finding": finding}
            for machine, cause, ended, finding in (endings[at] for at in mine)
        ]
        session.flush()  # what is updated below in plain SQL was written before
        session.connection().execute(_FINDING, rows_ended)
        session.connection().execute(_MEMBER, rows_ended)
    return set(mine)


def settle_all(sessions: Sessions, now: datetime, tell: Tell) -> int:
    """Look at every event that goes on; how many changed."""
    with work(sessions, SYSTEM) as session:
        ids = list(session.scalars(select(FleetEvent.id).where(FleetEvent.resolved_at.is_(None))))
    changed = 0
    for id in ids:
        with work(sessions, SYSTEM) as session:
            take_lock(session)
            changed += settle(session, id, now, tell)
    return changed


def settle(session: Session, event_id: uuid.UUID, now: datetime, tell: Tell) -> bool:
    """Count who has recovered; resolve the event once enough have stayed well. The caller holds the lock."""
    event = session.get_one(FleetEvent, event_id, with_for_update=True, populate_existing=True)
    if event.resolved_at is not None:
        return False
    machines, recovered = _counted(session, event)
    over = is_over(machines, recovered) or now - event.opened_at > LONGEST
    before = (event.machines, event.recovered, event.recovered_at, event.resolved_at)
    event.machines, event.recovered = machines, recovered
    event.recovered_at = (event.recovered_at or now) if over else None
    if event.recovered_at is not None and now - event.recovered_at >= HOLD:
        event.resolved_at = now
        _release(session, event, now, tell)
    recounted = _recount_children(session, event, now)
    if before == (event.machines, event.recovered, event.recovered_at, event.resolved_at) and not recounted:
        return False
    event.title = parent_title(event)
    event.version += 1
    event.changed_at = now
    return True


def _recount_children(session: Session, event: FleetEvent, now: datetime) -> int:
    """Titles say how many machines stand behind a child; while a storm blew they were left as they were."""
    counted = (
        select(FleetMember.incident_id, func.count().label("machines"))
        .where(FleetMember.event_id == event.id, FleetMember.released_at.is_(None))
        .group_by(FleetMember.incident_id)
        .subquery()
    )
    rows = session.execute(
        select(Incident.id, Incident.customer_id, Incident.title, counted.c.machines)
        .join(counted, counted.c.incident_id == Incident.id)
        .where(Incident.state.in_(OPEN_STATES))
        .order_by(Incident.customer_id, Incident.id)
    ).all()
    stale = [row for row in rows if row.title != child_title(row.title, row.machines, event)]
    for row in stale:
        audit.take_turns(session, row.customer_id)
        incident = session.get_one(Incident, row.id, with_for_update=True, populate_existing=True)
        incident.title = child_title(incident.title, row.machines, event)
        facts = {"event": event.label, "count": row.machines}
        story.changed(session, incident, "count fleet event", now, facts=facts)
    return len(stale)


def _done() -> tuple[ColumnElement[bool], ...]:
    return (
        FleetMember.recovered_at.is_not(None),
        Machine.retired_at.is_not(None),
        Incident.state.not_in(OPEN_STATES),
    )


def _counted(session: Session, event: FleetEvent) -> tuple[int, int]:
    """Its machines, and how many are well, out of service, or in an incident that people have ended."""
    ended = or_(*_done())
    row = session.execute(
        select(func.count(), func.count().filter(ended))
        .select_from(FleetMember)
        .join(Machine, Machine.id == FleetMember.machine_id)
        .outerjoin(Incident, Incident.id == FleetMember.incident_id)
        .where(FleetMember.event_id == event.id)
    ).one()
    return int(row[0]), int(row[1])


def _release(session: Session, event: FleetEvent, now: datetime, tell: Tell) -> None:
    """Machines the event leaves behind: each is a fault of its own now and goes the way of every signal."""
    rows = session.execute(
        select(FleetMember, Finding)
        .join(Machine, Machine.id == FleetMember.machine_id)
        .join(Finding, Finding.id == FleetMember.finding_id)
        .outerjoin(Incident, Incident.id == FleetMember.incident_id)
        .where(
            FleetMember.event_id == event.id, FleetMember.recovered_at.is_(None), Machine.retired_at.is_(None),
            Finding.ended_at.is_(None), or_(Incident.id.is_(None), Incident.state.in_(OPEN_STATES)),
        )
        .order_by(FleetMember.customer_id, FleetMember.machine_id)
    ).all()  # fmt: skip
    for member, finding in rows:
        child = session.get(Incident, member.incident_id) if member.incident_id else None
        if child is not None and child.machine_id == member.machine_id:
            member.released_at = now  # the child is its own incident already
            continue
        member.released_at = now
        finding.incident_id = finding.decision_id = None
        session.flush()  # the intake looks for an answer it had
        tell(session, signal_of(finding), now)


def signal_of(finding: Finding) -> Signal:
    """The signal a finding came with, as far as it was kept."""
    return Signal(
        machine_id=finding.machine_id,
        cause=finding.cause,
        kind=finding.kind,
        severity=finding.severity,
        seen_at=finding.opened_at,
        title=finding.summary.partition(",")[0][:120],
        summary=finding.summary,
        evidence=finding.evidence,
        finding_id=finding.id,
        began_at=finding.started_at,
    )
