"""The promises of an incident as rows: begun, paused, met, breached. Budget and calendar were frozen at the opening."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import hours
from contracts.clock import Pause
from contracts.ledger import PromiseSpec, promises_for, update_after
from contracts.tiers import Budget, Terms
from models.incidents import Incident, Promise

LIVE = ("running", "paused")
_WORDS = {"respond": "first response", "update": "next update", "on_site": "visit on site"}


def words(kind: str) -> str:
    """A promise as people say it."""
    return _WORDS.get(kind, kind)


def terms_of(incident: Incident) -> Terms:
    """The terms frozen into an incident."""
    return Terms.from_json(incident.terms)


def freeze(terms: Terms, zone: str, country: str) -> dict[str, object]:
    """The frozen form: the terms with the place whose calendar they are read in."""
    return {**terms.to_json(), "zone": zone, "country": country}


def of(session: Session, incident: Incident, *states: str) -> list[Promise]:
    """The incident's promises in order of their start, of these states (all when none is named)."""
    query = select(Promise).where(Promise.incident_id == incident.id).order_by(Promise.started_at, Promise.id)
    return list(session.scalars(query.where(Promise.state.in_(states)) if states else query))


def _write(session: Session, incident: Incident, spec: PromiseSpec) -> Promise:
    promise = Promise(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        kind=spec.kind,
        started_at=spec.started_at,
        due_at=spec.due_at,
        budget=spec.budget.to_json(),
        calendar=spec.calendar,
    )
    session.add(promise)
    return promise


def begin(session: Session, incident: Incident, start: datetime) -> None:
    """The promises an incident gets when it opens or opens again."""
    place = incident.terms
    for spec in promises_for(terms_of(incident), incident.severity, start, place["zone"], place["country"]):
        _write(session, incident, spec)


def begin_update(session: Session, incident: Incident, start: datetime) -> Promise | None:
    """The promise of the next update, counted from `start`; None when the terms hold none for this severity."""
    place = incident.terms
    spec = update_after(terms_of(incident), incident.severity, start, place["zone"], place["country"])
    return _write(session, incident, spec) if spec is not None else None


def keep_updating(session: Session, incident: Incident, now: datetime) -> None:
    """Once we have spoken, the next word is owed while the severity asks for it, and not when it no longer does."""
    if incident.severity != 1:
        cancel(session, incident, ("update",))
        return
    running = any(promise.kind == "update" for promise in of(session, incident, *LIVE))
    if incident.told_customer_at is not None and incident.state != "waiting" and not running:
        begin_update(session, incident, now)


def due(promise: Promise) -> datetime | None:
    """When a promise falls due with the pauses it has; None while it is paused.

    A pause stops service time. A promise in business days is a date, so each pause moves its start by its own length.
    """
    budget, calendar = Budget.from_json(promise.budget), hours.parse(promise.calendar)
    pauses = tuple(_pause(given) for given in promise.pauses)
    if any(pause.end is None for pause in pauses):
        return None
    if budget.days:
        held = sum((pause.end - pause.start for pause in pauses if pause.end is not None), timedelta(0))
        return budget.due(calendar, promise.started_at + held)
    return budget.due(calendar, promise.started_at, pauses)


def _pause(given: dict[str, str | None]) -> Pause:
    end = given.get("to")
    return Pause(
        datetime.fromisoformat(str(given["from"])),
        datetime.fromisoformat(end) if end is not None else None,
        str(given.get("reason", "")),
    )


def pause(session: Session, incident: Incident, now: datetime, reason: str) -> None:
    """Hold every running promise from now on. One that was due already is breached instead, as it would be anyway."""
    for promise in of(session, incident, "running"):
        if breach(promise, now):
            continue
        promise.pauses = [*promise.pauses, {"from": now.isoformat(), "to": None, "reason": reason}]
        promise.state, promise.due_at = "paused", None


def resume(session: Session, incident: Incident, now: datetime) -> None:
    """Let every paused promise run on."""
    for promise in of(session, incident, "paused"):
        promise.pauses = [{**given, "to": given.get("to") or now.isoformat()} for given in promise.pauses]
        promise.state = "running"
        promise.due_at = due(promise)


def meet(session: Session, incident: Incident, kinds: Iterable[str], now: datetime) -> list[Promise]:
    """Keep the promises of these kinds that are not kept yet; late is breached, and when it was done is noted too."""
    kept = [promise for promise in of(session, incident) if promise.kind in kinds and promise.met_at is None]
    kept = [promise for promise in kept if promise.state != "cancelled"]
    for promise in kept:
        promise.met_at = now
        if promise.state in LIVE and not breach(promise, now):
            promise.state = "met"
    return kept


def cancel(session: Session, incident: Incident, kinds: Iterable[str]) -> None:
    """Nothing more is owed on these."""
    for promise in of(session, incident, *LIVE):
        if promise.kind in kinds:
            promise.state, promise.due_at = "cancelled", None


def breach(promise: Promise, now: datetime) -> bool:
    """Mark a running promise breached when its instant lies behind; sticky. At the very instant it is still kept."""
    if promise.state != "running" or promise.due_at is None or promise.due_at >= now:
        return False
    promise.state, promise.breached_at = "breached", promise.due_at
    return True


def retarget(session: Session, incident: Incident, now: datetime) -> None:
    """Count the first response anew for the present severity: from the opening, earlier pauses honoured.

    A new target that is gone already is breached at this instant, not before: nobody owed it then.
    """
    place, terms = incident.terms, terms_of(incident)
    for promise in of(session, incident, *LIVE):
        if promise.kind != "respond" or breach(promise, now):
            continue
        (spec,) = promises_for(terms, incident.severity, promise.started_at, place["zone"], place["country"])
        promise.budget, promise.calendar = spec.budget.to_json(), spec.calendar
        promise.due_at = due(promise)
        if promise.state == "running" and promise.due_at is not None and promise.due_at < now:
            promise.state, promise.breached_at = "breached", now
    keep_updating(session, incident, now)


def next_promise(session: Session, incident: Incident) -> Promise | None:
    """What is owed next."""
    live = [promise for promise in of(session, incident, "running") if promise.due_at is not None]
    return min(live, key=lambda promise: (promise.due_at is None, promise.due_at), default=None)
