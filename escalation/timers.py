"""Firing the warnings of promises: each once, at its stored instant, or marked late after a sleep of ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from escalation import announce, notify, promises
from models.base import new_id
from models.calendars import Threshold
from models.incidents import OPEN_STATES, Incident, Promise, TimelineEntry
from models.session import SYSTEM, Sessions, work

# Fired within so much of its instant it was on time; later, it is marked.
PUNCTUAL = timedelta(seconds=30)
# Which shares are worth a word to the owner: half a budget is a figure, and the whole of it is told as a breach.
WORTH_A_WORD = range(60, 100)
BATCH = 500
_RETRY = timedelta(seconds=1)  # what somebody had in hand is looked at again so soon


@dataclass(frozen=True, slots=True)
class Fired:
    """A share that was used up."""

    id: uuid.UUID
    promise_id: uuid.UUID
    incident_id: uuid.UUID
    percent: int
    at: datetime
    late: bool


def fire(sessions: Sessions, now: datetime) -> list[Fired]:
    """Fire everything that is due, in transactions of a bounded size; two workers at once never fire one twice."""
    fired: list[Fired] = []
    while True:
        with work(sessions, SYSTEM) as session:
            batch = fire_some(session, now)
        fired += batch
        if not batch:
            return fired


def fire_some(session: Session, now: datetime, limit: int = BATCH) -> list[Fired]:
    """Claim what is due by `now`, mark it fired, and tell of it. What somebody else has in hand is left to them.

    Both rows are taken or neither, without waiting: whoever acts on the incident goes first, and the next turn sees
    what their act has made of the clock.
    """
    query = (
        select(Threshold, Incident)
        .join(Incident, Incident.id == Threshold.incident_id)
        .where(Threshold.fired_at.is_(None), Threshold.at <= now)
        .order_by(Threshold.at, Threshold.percent)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.execute(query).all()
    if not rows:
        return []
    fired = []
    for row, _ in rows:
        assert row.at is not None  # chosen by it
        row.fired_at, row.late = now, now - row.at > PUNCTUAL
        fired.append(Fired(row.id, row.promise_id, row.incident_id, row.percent, row.at, row.late))
    session.flush()  # the rows are ours before anything is said of them
    _tell(session, {incident.id: incident for _, incident in rows}, fired, now)
    return fired


def _tell(session: Session, incidents: dict[uuid.UUID, Incident], fired: Sequence[Fired], now: datetime) -> None:
    """One line and one notice an incident and turn, of the share nearest to the end: a warning, never a storm."""
    worth = [one for one in fired if one.percent in WORTH_A_WORD and incidents[one.incident_id].state in OPEN_STATES]
    nearest: dict[uuid.UUID, Fired] = {}
    for one in sorted(worth, key=lambda one: (one.percent, one.at)):
        nearest[one.incident_id] = one
    if not nearest:
        return
    ids = [one.promise_id for one in nearest.values()]
    owed = {row.id: row for row in session.scalars(select(Promise).where(Promise.id.in_(ids)))}
    entries = []
    for incident_id, one in nearest.items():
        incident, promise = incidents[incident_id], owed[one.promise_id]
        said = _sentence(promise, one)
        entries.append(
            {
                "id": new_id(),
                "customer_id": incident.customer_id,
                "incident_id": incident_id,
                "at": now,
                "kind": "threshold",
                "actor": "Vigie",
                "public": False,
                "text": said,
                "facts": {"promise": promise.kind, "percent": one.percent, "at": one.at.isoformat(), "late": one.late},
            }
        )
        notify.remind_owner(session, incident, said, "a promise nears its end", now, f"{promise.id}/{one.percent}")
    session.execute(insert(TimelineEntry), entries)
    session.execute(update(Incident).where(Incident.id.in_(list(nearest))).values(changed_at=now))
    for incident_id in nearest:
        _announce(session, incidents[incident_id])


_WHOSE = {"customer": "the", "internal": "our own target for the", "vendor": "the"}


def _sentence(promise: Promise, one: Fired) -> str:
    said = f"{one.percent} % of {_WHOSE[promise.party]} {promises.words(promise.kind)} is used up."
    return f"{said} This warning comes late." if one.late else said


def _announce(session: Session, incident: Incident) -> None:
    payload = {"kind": "incident", "id": str(incident.id), "customer_id": str(incident.customer_id),
               "version": incident.version}  # fmt: skip
    notify_pages = text("SELECT pg_notify(:channel, :payload)")
    session.execute(notify_pages, {"channel": announce.LIVE, "payload": json.dumps(payload)})


def next_due(session: Session, after: datetime) -> datetime | None:
    """When the next warning is due; soon after `after` when one waits that somebody else had in hand."""
    query = select(func.min(Threshold.at)).where(Threshold.fired_at.is_(None), Threshold.at.is_not(None))
    found = session.scalar(query)
    return None if found is None else max(found, after + _RETRY) if found <= after else found
