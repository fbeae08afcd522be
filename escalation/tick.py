"""What time does by itself: due rungs are climbed, missed promises are breached, what has recovered is resolved.

One incident a transaction, its row locked: whoever acknowledges first is heard first, and no rung is climbed after it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation import climbing, duty, ending, flapping, notify, promises, story, timers, words
from escalation.incident import VIGIE, State
from escalation.one_by_one import is_of_all, one_by_one
from models import audit
from models.customers import Customer
from models.incidents import OPEN_STATES, Incident, Promise
from models.session import SYSTEM, Sessions, work

log = structlog.get_logger("tick")

RECOVERED_HOLD = flapping.RECOVERED_HOLD


def tick(session: Session, now: datetime, limit: int = 100) -> int:
    """Do everything that is due for up to `limit` incidents in this one transaction; how many were changed.

    A worker uses `tick_all`, which gives each incident a transaction of its own.
    """
    while timers.fire_some(session, now):
        pass
    due = due_incidents(session, now, limit)
    for customer_id in dict.fromkeys(customer_id for _, customer_id in due):
        audit.take_turns(session, customer_id)
    return sum(_one(session, incident_id, now) for incident_id, _ in due)


def tick_all(sessions: Sessions, now: datetime, limit: int = 100) -> tuple[int, datetime | None]:
    """Fire what is to be warned of, then tick each due incident in its own transaction.

    Answers how many incidents were changed, and when something is due next.
    """
    _warn(sessions, now)
    changed, seen = 0, frozenset[uuid.UUID]()
    while changed < limit:
        # What cannot be done, and what is looked at in vain, stays due: without going on past it, so many of them as
        # one look takes would keep everybody else's ladder from being climbed for ever.
        with work(sessions, SYSTEM) as session:
            ids = due_incidents(session, now, limit, besides=seen)
        changed += one_by_one(sessions, "clocks", ids, lambda session, id: _one(session, id, now))
        seen |= {id for id, _ in ids}
        if len(ids) < limit:
            break
    with work(sessions, SYSTEM) as session:
        return changed, next_due(session, now)


def _warn(sessions: Sessions, now: datetime) -> None:
    """Fire warnings. One that cannot be told must not keep ladders from being climbed; it is tried at every turn."""
    try:
        timers.fire(sessions, now)
    except Exception as error:
        if is_of_all(error):
            raise
        log.exception("warnings left for the next turn")


def due_incidents(
    session: Session, now: datetime, limit: int, *, besides: Collection[uuid.UUID] = ()
) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """(incident, customer) of what is due, customer by customer, so that turns are taken in one order everywhere.
    `besides`: what was looked at in this turn."""
    rungs = select(Incident.id).where(Incident.next_rung_at <= now)
    missed = select(Promise.incident_id).where(Promise.state == "running", Promise.due_at < now)
    recovered = select(Incident.id).where(
        Incident.state == State.OPEN.value, Incident.condition_ended_at <= now - RECOVERED_HOLD
    )
    ids = rungs.union(missed, recovered).subquery()
    # The longest overdue first: what is left over by the limit comes next.
    urgent = (
        select(Incident.id, Incident.customer_id)
        .where(Incident.id.in_(select(ids.c.id)), *([Incident.id.not_in(besides)] if besides else []))
        .order_by(Incident.next_rung_at.asc().nulls_last(), Incident.id)
        .limit(limit)
    )
    return sorted(((row[0], row[1]) for row in session.execute(urgent)), key=lambda pair: (str(pair[1]), str(pair[0])))


def next_due(session: Session, after: datetime) -> datetime | None:
    """When the next rung, warning, promise or recovery falls due after an instant; None when nothing is waited for."""
    rung = select(func.min(Incident.next_rung_at)).where(Incident.next_rung_at > after)
    promise = select(func.min(Promise.due_at)).where(Promise.state == "running", Promise.due_at >= after)
    ended = select(func.min(Incident.condition_ended_at)).where(
        Incident.state == State.OPEN.value, Incident.condition_ended_at > after - RECOVERED_HOLD
    )
    # A promise is kept at its very instant, so it is missed just after.
    found = [
        (session.scalar(rung), timedelta(0)),
        (session.scalar(promise), timedelta(milliseconds=1)),
        (session.scalar(ended), RECOVERED_HOLD),
        (timers.next_due(session, after), timedelta(0)),
    ]
    return min((at + more for at, more in found if at is not None), default=None)


def _one(session: Session, incident_id: uuid.UUID, now: datetime) -> bool:
    incident = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
    if incident is None:
        return False
    deeds: tuple[tuple[str, Callable[[Session, Incident, datetime], bool]], ...] = (
        ("resolve recovered", _recover),
        ("breach promise", _breach),
        ("climb", _climb),
    )
    done = [deed for deed, act in deeds if act(session, incident, now)]
    if done:
        story.changed(session, incident, ", ".join(done), now)
    return bool(done)


def _recover(session: Session, incident: Incident, now: datetime) -> bool:
    """Nobody has taken it up and it has been well for the hold: it resolves itself and the customer is told."""
    ended = incident.condition_ended_at
    if incident.state != State.OPEN or ended is None or now - ended < flapping.hold(incident):
        return False
    language = session.get_one(Customer, incident.customer_id).language
    text = words.public(language, "auto", minutes=int(flapping.hold(incident).total_seconds() // 60))
    ending.we_said(session, incident, VIGIE, text, now)
    ending.finish(session, incident, now)
    story.tell(session, incident, "resolved", text, now, public=True, facts={"by": "recovery"})
    return True


_MISSED = {
    "customer": "The promise of a {kind} was missed.",
    "internal": "Our own target for the {kind} was missed.",
    "vendor": "The {kind} is late by what the vendor agreed to.",
}


def _breach(session: Session, incident: Incident, now: datetime) -> bool:
    missed = [promise for promise in promises.of(session, incident, "running") if promises.breach(promise, now)]
    for promise in missed:
        kind = promises.words(promise.kind)
        text = _MISSED[promise.party].format(kind=kind)
        facts = {
            "promise": promise.kind,
            "party": promise.party,
            "due": promise.breached_at.isoformat() if promise.breached_at else None,
        }
        story.tell(session, incident, "breach", text, now, facts=facts)
        _tell_of_breach(session, incident, text, now)
        if promise.kind == "update" and promise.party == "customer" and incident.state in OPEN_STATES:
            # The next word is owed all the same; after a sleep of ours one new promise is enough.
            promises.begin_update(session, incident, now)
    return bool(missed)


def _tell_of_breach(session: Session, incident: Incident, text: str, now: datetime) -> None:
    told = notify.tell_owner(session, incident, text, "a promise was missed", now)
    desk = duty.on_duty(session, incident, now)
    theirs = incident.owner_id or incident.second_id
    if told and theirs not in duty.absent(desk):
        return
    why = "whoever has it is not there" if theirs is not None else "nobody owns it"
    for place in duty.whom(desk, "duty") or duty.whom(desk, "lead"):
        if place.person_id != theirs:
            notify.alert(session, incident, desk.people[place.person_id], text, f"{place.reason}; {why}", now)


def _climb(session: Session, incident: Incident, now: datetime) -> bool:
    if incident.next_rung_at is None or incident.next_rung_at > now:
        return False
    if incident.state == State.ACKNOWLEDGED and incident.ladder.get("ack_timeout_s"):
        return climbing.wear_off(session, incident, now)
    if incident.state != State.OPEN:
        climbing.stop(incident)
        return False
    return climbing.climb(session, incident, now)
