"""Taking what came through a door: rows of what each sender says, and what that does to incidents.

Everything a request says is taken in the caller's transaction, or nothing; the same request taken twice does nothing
the second time. Customers take turns (`audit.take_turns`), so two senders of one alert never open two incidents.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import any_, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from escalation.inbound import effects, left_open
from escalation.inbound.course import Known, Step, state_after, step
from escalation.inbound.events import Action, Batch, Change, Event, Group, instant
from models import audit
from models.base import new_id
from models.inbound import InboundAlert, InboundChange, InboundDoor, InboundGroup
from models.session import STAFF, Sessions, work

_PART = 25  # words a transaction: under a second even where each opens an incident
_MOST_GROUPS = 5  # of one alert: each receiver it is routed to may group it in its own way
_MOST_KEYS = 20  # of one condition: enough to know a resolve by the key of a trigger long ago


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one word. `outcome`: opened, joined, reopened, refused, shadow, acknowledged, resolved, late…"""

    event: Event
    row: InboundAlert | None
    outcome: str


def take(session: Session, door: InboundDoor, batch: Batch, now: datetime) -> list[Taken]:
    """Take everything a request says. Never commits."""
    audit.take_turns(session, door.customer_id)
    taken = [_take(session, door, event, now) for event in batch.events]
    return taken + _finish(session, door, batch, taken, now)


def take_in_parts(sessions: Sessions, door_id: uuid.UUID, batch: Batch, now: datetime) -> list[Taken]:
    """Take a request of any size, some dozen words a transaction, so that a flood holds up nobody else's turn.

    What was taken before a failure is known when the sender comes again. Raises LookupError for a door that is gone.
    """
    taken: list[Taken] = []
    for at in range(0, max(1, len(batch.events)), _PART):
        part, is_last = batch.events[at : at + _PART], at + _PART >= len(batch.events)
        with work(sessions, STAFF) as session:
            door = session.get(InboundDoor, door_id)
            if door is None:
                raise LookupError(f"door {door_id} is not known")
            taken += take(session, door, Batch(part), now)
            if is_last:
                taken += _finish(session, door, batch, taken, now)
    return taken


def _finish(session: Session, door: InboundDoor, batch: Batch, taken: Sequence[Taken], now: datetime) -> list[Taken]:
    """What a request says beyond its words one by one: of the group, of a change."""
    if batch.change is not None:
        take_change(session, door, batch.change, now)
    overtaken = bool(taken) and all(each.outcome == "late" for each in taken)
    if batch.group is None or overtaken:
        return []
    return _take_group(session, door, batch.group, batch.events, now)


def _take(session: Session, door: InboundDoor, event: Event, now: datetime) -> Taken:
    row = _row_of(session, door, event)
    known = Known(row.state, row.starts, row.sent_at, row.level, row.ended_at) if row is not None else None
    what = step(known, event, now)
    if row is None:
        if what is not Step.BEGIN:
            if event.action is Action.RESOLVE and (event.starts or event.sent_at):
                _write(session, door, event, now, ended=True)  # its beginning may have been overtaken, and come yet
            return Taken(event, None, "nothing")
        row = _write(session, door, event, now)
        return Taken(event, row, effects.begin(session, door, row, event, now))
    row.last_at = now
    if what is Step.LATE:
        row.stale += 1
        return Taken(event, row, "late")
    if what is Step.NOTHING:
        if event.action is Action.RESOLVE:
            _ended_unheard(row, event, now)
        return Taken(event, row, "nothing")
    was_acknowledged = row.state == "acknowledged"
    row.state = state_after(known, event, what)
    row.sent_at = event.sent_at or row.sent_at
    row.number = event.number or row.number
    _remember_key(row, event)
    if what is Step.END:
        row.ended_at = now
        return Taken(event, row, effects.ended(session, door, row, now))
    if what is Step.ACKNOWLEDGED:
        said_before = was_acknowledged
        outcome = "nothing" if said_before else effects.acknowledged(session, door, row, event, now)
        return Taken(event, row, outcome)
    return _said_again(session, door, row, event, what, was_acknowledged, now)


def _ended_unheard(row: InboundAlert, event: Event, now: datetime) -> None:
    """The end of an occurrence whose beginning was not heard: should that come yet, it comes too late."""
    row.sent_at = event.sent_at or row.sent_at
    began, before = instant(event.starts), instant(row.starts)
    if began is not None and (before is None or began > before):
        row.starts, row.ended_at = event.starts, now


def _said_again(
    session: Session,
    door: InboundDoor,
    row: InboundAlert,
    event: Event,
    what: Step,
    was_acknowledged: bool,
    now: datetime,
) -> Taken:
    if what is Step.BEGIN:
        row.facts = {name: said for name, said in row.facts.items() if name != "left_open"}
    _describe(row, event)
    if what is Step.AGAIN:
        row.triggers += 1
        if was_acknowledged and row.state == "triggered":
            effects.taken_back(session, door, row, now)
        return Taken(event, row, effects.again(session, door, row, event, now))
    row.triggers, row.ended_at, row.asked_at = 1, None, None
    row.occurrence += 1
    row.sender_keys = [event.sender_key or event.key]
    return Taken(event, row, effects.begin(session, door, row, event, now))


def _row_of(session: Session, door: InboundDoor, event: Event) -> InboundAlert | None:
    """What is known of the condition: under its key, a key it had before, or by what the word is about."""
    mine = select(InboundAlert).where(InboundAlert.door_id == door.id)
    mine = mine.execution_options(populate_existing=True)
    row = session.scalar(mine.where(InboundAlert.key == event.key))
    if row is not None or not event.sender_key or event.action is Action.TRIGGER:
        return row
    row = session.scalar(mine.where(literal(event.sender_key) == any_(InboundAlert.sender_keys)).limit(1))
    if row is not None or not event.looks_like:
        return row
    # Some senders resolve under a key they never used. What they describe is enough when only one thing open fits it.
    names = zip(("source", "component", "group", "class"), event.looks_like, strict=True)
    alike = [InboundAlert.facts[name].astext == words for name, words in names if words]
    found = session.scalars(mine.where(InboundAlert.state != "resolved", *alike).limit(2)).all()
    return found[0] if len(found) == 1 else None


def _write(session: Session, door: InboundDoor, event: Event, now: datetime, *, ended: bool = False) -> InboundAlert:
    row = InboundAlert(
        customer_id=door.customer_id,
        door_id=door.id,
        key=event.key,
        sender_keys=[event.sender_key or event.key],
        state="resolved" if ended else "triggered",
        ended_at=now if ended else None,
        triggers=0 if ended else 1,
        occurrence=0 if ended else 1,
        stale=0,
        number=event.number,
        sent_at=event.sent_at,
        first_at=now,
        last_at=now,
        severity=event.severity,
        title=event.title,
    )
    _describe(row, event)
    session.add(row)
    session.flush()  # incidents are found through it
    return row


def _describe(row: InboundAlert, event: Event) -> None:
    known = row.facts or {}
    row.level, row.severity = event.level, event.severity
    row.title, row.summary = event.title, event.summary
    row.starts, row.group_key = event.starts, event.group
    row.facts = dict(event.facts)
    if event.group:
        row.facts["groups"] = list(dict.fromkeys([*known.get("groups", []), event.group]))[-_MOST_GROUPS:]
    if event.action is Action.TRIGGER and known.get("left_open", event.group) != event.group:
        row.facts["left_open"] = known["left_open"]  # until the group that holds it for over speaks of it again


def _remember_key(row: InboundAlert, event: Event) -> None:
    if event.sender_key and event.sender_key not in row.sender_keys:
        # The first one stays: under it the occurrence is known outside.
        row.sender_keys = [row.sender_keys[0], *row.sender_keys[1:][-(_MOST_KEYS - 2) :], event.sender_key]


def _take_group(
    session: Session, door: InboundDoor, group: Group, listed: Sequence[Event], now: datetime
) -> list[Taken]:
    """Write the group down; when it is over, end what of it is still open: what was cut off is never listed."""
    row = upsert(InboundGroup).values(
        id=new_id(), customer_id=door.customer_id, door_id=door.id, key=group.key, is_open=group.is_open,
        cut_off=group.cut_off, last_at=now,
    )  # fmt: skip
    said = {"is_open": group.is_open, "cut_off": group.cut_off, "last_at": now}
    session.execute(row.on_conflict_do_update(index_elements=["door_id", "key"], set_=said))
    if group.is_open:
        return []
    session.flush()
    names = {event.key for event in listed}
    left = select(InboundAlert).where(
        InboundAlert.door_id == door.id, InboundAlert.group_key == group.key, InboundAlert.state != "resolved"
    )
    taken = []
    for alert in session.scalars(left.order_by(InboundAlert.key).execution_options(populate_existing=True)).all():
        if alert.key in names:
            continue
        if group.cut_off and left_open.goes_on_elsewhere(session, alert, group.key, now):
            left_open.leave(alert, group.key)
            continue
        alert.state, alert.ended_at, alert.last_at = "resolved", now, now
        event = Event(Action.RESOLVE, alert.key, alert.title, severity=alert.severity, group=group.key)
        taken.append(Taken(event, alert, effects.ended(session, door, alert, now)))
    return taken


def take_change(session: Session, door: InboundDoor, change: Change, now: datetime) -> bool:
    """Keep a change that was announced; False when it was kept before."""
    said: dict[str, Any] = {"summary": change.summary, "source": change.source, "facts": dict(change.facts)}
    said["at"] = change.at.isoformat() if change.at else ""
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()
    row = upsert(InboundChange).values(
        id=new_id(),
        customer_id=door.customer_id,
        door_id=door.id,
        digest=digest,
        at=change.at or now,
        received_at=now,
        source=change.source,
        summary=change.summary,
        facts=dict(change.facts),
    )
    return session.execute(row.on_conflict_do_nothing().returning(InboundChange.id)).first() is not None
