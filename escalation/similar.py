"""Incidents that are like one: open ones that may be the same problem, and former ones with what helped then."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from escalation import likeness
from escalation.likeness import DUPLICATE, SIMILAR, Likeness, Sight
from models.incidents import OPEN_STATES, Incident, TimelineEntry
from models.machines import Machine

# A problem told twice is told within days; what helped two years ago was another machine's software.
_DUPLICATES_WITHIN = timedelta(days=7)
_BEFORE_WITHIN = timedelta(days=730)
_LOOKED_AT = 60  # rows of each question


@dataclass(frozen=True, slots=True)
class Like:
    """An incident that is like another, and why; `helped`: how it was resolved, in the words of then."""

    incident: Incident
    likeness: Likeness
    helped: str = ""


@dataclass(frozen=True, slots=True)
class Alike:
    duplicates: Sequence[Like]  # open, of the same customer
    before: Sequence[Like]  # over, of whoever the session may see


def find(session: Session, incident: Incident) -> Alike:
    """What is like an incident, within the reach of the session. A fixed number of bounded questions."""
    one = _sights(session, [incident])[0]
    mine = select(Incident).where(Incident.customer_id == incident.customer_id, Incident.id != incident.id)
    open_ones = mine.where(
        Incident.state.in_(OPEN_STATES), Incident.opened_at > incident.opened_at - _DUPLICATES_WITHIN
    )
    duplicates = _likes(session, one, [open_ones], DUPLICATE)
    over = select(Incident).where(
        Incident.id != incident.id,
        Incident.state.not_in(OPEN_STATES),
        Incident.merged_into_id.is_(None),
        Incident.opened_at > incident.opened_at - _BEFORE_WITHIN,
    )
    asked = [over.where(Incident.customer_id == incident.customer_id)]
    if incident.machine_id is not None:
        asked.append(over.where(Incident.machine_id == incident.machine_id))
    if likeness.named(incident.cause):
        asked.append(over.where(Incident.cause == incident.cause))
    before = _likes(session, one, asked, SIMILAR)
    helped = _helped(session, [like.incident.id for like in before])
    return Alike(duplicates, [Like(like.incident, like.likeness, helped.get(like.incident.id, "")) for like in before])


def _likes(session: Session, one: Sight, asked: Iterable[Select[Incident]], least: float) -> list[Like]:
    rows: dict[uuid.UUID, Incident] = {}
    for question in asked:
        newest = question.order_by(Incident.opened_at.desc()).limit(_LOOKED_AT)
        rows |= {row.id: row for row in session.scalars(newest)}
    found = likeness.alike(one, _sights(session, list(rows.values())), least)
    return [Like(rows[each.id], each) for each in found]


def _sights(session: Session, rows: Sequence[Incident]) -> list[Sight]:
    ids = {row.machine_id for row in rows if row.machine_id is not None}
    asked = select(Machine.id, Machine.site_id).where(Machine.id.in_(ids))
    sites = {row[0]: row[1] for row in session.execute(asked)} if ids else {}
    return [
        Sight(
            row.id,
            row.cause,
            row.title,
            row.summary,
            row.machine_id,
            sites.get(row.machine_id) if row.machine_id else None,
            frozenset(_metrics(row)),
            row.began_at,
        )
        for row in rows
    ]


def _metrics(row: Incident) -> Iterable[str]:
    told = row.evidence.get("metrics", [])
    named = (
        [one.get("metric") or one.get("name") for one in told if isinstance(one, dict)]
        if isinstance(told, list)
        else []
    )
    return [str(name) for name in named if name]


def _helped(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    said = (
        select(TimelineEntry.incident_id, TimelineEntry.text)
        .where(TimelineEntry.incident_id.in_(ids), TimelineEntry.kind.in_(("resolved", "workaround")))
        .order_by(TimelineEntry.at)
    )
    return {row[0]: row[1] for row in session.execute(said)} if ids else {}
