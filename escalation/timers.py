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
    due = (
        select(Threshold.id)
        .join(Incident, Incident.id == Threshold.incident_id)
        .where(Threshold.fired_at.is_(None), Threshold.at <= now)
        .order_by(Threshold.at, Threshold.percent)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
        .cte("due")
    )
    taken = (
        update(Threshold)
        .where(Threshold.id.in_(select(due.c.id)))
        .values(fired_at=now, late=Threshold.at < now - PUNCTUAL)
        .returning(Threshold.promise_id, Threshold.incident_id, Threshold.percent, Threshold.at, Threshold.late)
        .execution_options(synchronize_session=False)
    )
    rows = (
        Fired(promise_id, incident_id, percent, at, late)
        for promise_id, incident_id, percent, at, late in session.execute(taken)
        if at is not None  # chosen by it
    )
    fired = sorted(rows, key=lambda one: (one.at, one.percent))
    _tell(session, fired, now)
    return fired


def _tell(session: Session, fired: Sequence[Fired], now: datetime) -> None:
    """One line and one notice an incident and turn, of the share nearest to the end: a warning, never a storm."""
    nearest: dict[uuid.UUID, Fired] = {}
    for one in sorted(fired, key=lambda one: (one.percent, one.at)):
        if one.percent in WORTH_A_WORD:
            nearest[one.incident_id] = one
    if not nearest:
        return
    ids = [one.promise_id for one in nearest.values()]
    rows = session.execute(
        select(Incident, Promise)
        .join(Promise, Promise.incident_id == Incident.id)
        .where(Promise.id.in_(ids), Incident.state.in_(OPEN_STATES))
    )
    entries, told = [], []
    for incident, promise in rows:
        one = nearest[incident.id]
        said = _sentence(promise, one)
        entries.append(
            {
                "id": new_id(),
                "customer_id": incident.customer_id,
                "incident_id": incident.id,
                "at": now,
                "kind": "threshold",
                "actor": "Vigie",
                "public": False,
                "text": said,
                "facts": {"promise": promise.kind, "percent": one.percent, "at": one.at.isoformat(), "late": one.late},
            }
        )
        told.append(incident)
        notify.remind_owner(session, incident, said, "a promise nears its end", now, f"{promise.id}/{one.percent}")
    if told:
        session.execute(insert(TimelineEntry), entries)
        changed = update(Incident).where(Incident.id.in_([incident.id for incident in told])).values(changed_at=now)
        session.execute(changed.execution_options(synchronize_session=False))
        session.execute(_NOTIFY, [{"channel": announce.LIVE, "payload": _payload(incident)} for incident in told])


_WHOSE = {"customer": "the", "internal": "our own target for the", "vendor": "the"}


def _sentence(promise: Promise, one: Fired) -> str:
    said = f"{one.percent} % of {_WHOSE[promise.party]} {promises.words(promise.kind)} is used up."
    return f"{said} This warning comes late." if one.late else said


_NOTIFY = text("SELECT pg_notify(:channel, :payload)")


def _payload(incident: Incident) -> str:
    facts = {"id": str(incident.id), "customer_id": str(incident.customer_id), "version": incident.version}
    return json.dumps({"kind": "incident", **facts})


def next_due(session: Session, after: datetime) -> datetime | None:
    """When the next warning is due; soon after `after` when one waits that somebody else had in hand."""
    query = select(func.min(Threshold.at)).where(Threshold.fired_at.is_(None), Threshold.at.is_not(None))
    found = session.scalar(query)
    return None if found is None else max(found, after + _RETRY) if found <= after else found
