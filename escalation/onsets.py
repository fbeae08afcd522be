"""What is known of problems that begin: a batch's signals, those of a moment ago, events that go on. Reads rows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from escalation.signal import Signal
from escalation.together import FLEET, LONGEST, Gathering, Onset, Spot, problem_of
from escalation.whereabouts import Place, places_of
from models.fleet_events import FleetEvent, FleetMember
from models.incidents import OPEN_STATES, Finding, Incident

KINDS: Final = frozenset({"anomaly", "rule", "event", "silence"})  # a forecast is of no instant
_LATELY: Final = timedelta(minutes=10)
_DAY: Final = timedelta(days=1)
_MOST_RECENT: Final = 2_000


def spot_of(key: str) -> Spot:
    """The inverse of `Spot.key`."""
    kind, _, name = key.partition(":")
    return Spot(kind, name)


def fresh(session: Session, signals: Sequence[Signal]) -> list[int]:
    """Signals that would open something: not answered before, no incident open for them, no event that holds them."""
    machines = {signal.machine_id for signal in signals if signal.kind in KINDS}
    if not machines:
        return []
    ids = {signal.finding_id for signal in signals if signal.finding_id is not None}
    answered = set(
        session.scalars(
            select(Finding.id).where(
                Finding.id.in_(ids), or_(Finding.incident_id.is_not(None), Finding.decision_id.is_not(None))
            )
        )
    )
    open_here = session.execute(
        select(Incident.machine_id, Incident.cause).where(
            Incident.machine_id.in_(machines), Incident.state.in_(OPEN_STATES)
        )
    )
    held = session.execute(
        select(FleetMember.machine_id, FleetMember.cause)
        .join(FleetEvent, FleetEvent.id == FleetMember.event_id)
        .where(FleetMember.machine_id.in_(machines), FleetEvent.resolved_at.is_(None))
    )
    busy = {(row[0], row[1]) for row in (*open_here, *held)}
    return [
        at for at, signal in enumerate(signals)
        if signal.kind in KINDS and signal.finding_id not in answered and (signal.machine_id, signal.cause) not in busy
    ]  # fmt: skip


def recent(session: Session, problems: set[str], without: set[uuid.UUID], now: datetime) -> list[Any]:
    """Findings of these problems that began a moment ago, go on, and belong to no event."""
    in_event = select(FleetMember.finding_id).where(FleetMember.finding_id == Finding.id).exists()
    rows = session.execute(
        select(
            Finding.id, Finding.machine_id, Finding.customer_id, Finding.cause, Finding.started_at, Finding.ended_at,
            Finding.incident_id, Finding.shadow, Finding.evidence["signature"].label("signature"),
            Finding.evidence["cadence_s"].label("cadence_s"),
        )
        .where(
            Finding.opened_at > now - _LATELY, Finding.opened_at <= now, Finding.ended_at.is_(None),
            Finding.kind.in_(KINDS), _is_one_of(problems),
            or_(Finding.incident_id.is_not(None), Finding.decision_id.is_not(None)), ~in_event,
        )
        .order_by(Finding.opened_at.desc())
        .limit(_MOST_RECENT)
    ).all()  # fmt: skip
    newest: dict[uuid.UUID, Any] = {}
    for row in rows:
        if row.machine_id not in without:
            newest.setdefault(row.machine_id, row)
    return list(newest.values())


def going_on(session: Session, now: datetime) -> list[Gathering]:
    """Events that may still grow, the oldest first."""
    rows = session.scalars(
        select(FleetEvent)
        .where(FleetEvent.resolved_at.is_(None), FleetEvent.opened_at > now - LONGEST)
        .order_by(FleetEvent.number)
    )
    return [
        Gathering(
            row.id, frozenset((row.problem, *row.facts.get("problems", ()))), row.began_at, row.last_began_at,
            frozenset(spot_of(key) for key in row.facts.get("shared", ())), row.facts.get("signature", {}),
        )
        for row in rows
    ]  # fmt: skip


def a_day(session: Session, problems: set[str], now: datetime) -> dict[tuple[str, Spot], float]:
    """How many of these problems began at each spot in the day before, machines of events left out."""
    in_event = select(FleetMember.finding_id).where(FleetMember.finding_id == Finding.id).exists()
    problem = func.split_part(Finding.cause, ":", 1).label("problem")
    rows = session.execute(
        select(Finding.machine_id, problem, func.count().label("times"))
        .where(Finding.opened_at > now - _DAY, Finding.opened_at <= now - _LATELY, _is_one_of(problems), ~in_event)
        .group_by(Finding.machine_id, problem)
        .limit(_MOST_RECENT)
    ).all()
    places = places_of(session, {row.machine_id for row in rows})
    found: dict[tuple[str, Spot], float] = defaultdict(float)
    for row in rows:
        for spot in (*places[row.machine_id].spots, FLEET):
            found[row.problem, spot] += row.times
    return found


def onset(signal: Signal, places: Mapping[uuid.UUID, Place]) -> Onset:
    """What a signal says began."""
    place = places[signal.machine_id]
    return Onset(
        signal.machine_id, place.customer_id, problem_of(signal.cause), signal.began_at or signal.seen_at, place.spots,
        float(signal.evidence.get("cadence_s") or 0.0), signal.evidence.get("signature") or {},
    )  # fmt: skip


def onset_of(row: Any, places: Mapping[uuid.UUID, Place]) -> Onset:  # Any: a row of `recent`
    """What a finding of a moment ago says began."""
    return Onset(
        row.machine_id, row.customer_id, problem_of(row.cause), row.started_at, places[row.machine_id].spots,
        float(row.cadence_s or 0.0), row.signature or {},
    )  # fmt: skip


def _is_one_of(problems: set[str]) -> ColumnElement[bool]:
    return func.split_part(Finding.cause, ":", 1).in_(problems)
