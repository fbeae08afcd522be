"""The promises of an incident as rows: begun, paused, met, breached. Budget and calendar were frozen at the opening."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import promising
from contracts.budget import Budget
from contracts.clock import Pause
from contracts.promising import Leg, Place, PromiseSpec
from contracts.terms import Terms
from escalation import thresholds
from models.base import new_id
from models.incidents import Incident, Promise

LIVE = ("running", "paused")
_WORDS = {
    "acknowledge": "acknowledgement",
    "respond": "first response",
    "update": "next update",
    "workaround": "workaround",
    "resolve": "resolution",
    "on_site": "visit on site",
    "answer": "vendor's answer",
}
# What a change of severity counts anew: everything that began with the incident.
_COUNTED_ANEW = promising.AT_OPENING


def words(kind: str) -> str:
    """A promise as people say it."""
    return _WORDS.get(kind, kind)


def terms_of(incident: Incident) -> Terms:
    """The terms frozen into an incident."""
    return Terms.from_json(incident.terms)


def place_of(incident: Incident) -> Place:
    """Where the frozen terms are read."""
    return Place(incident.terms["zone"], incident.terms["country"])


def freeze(terms: Terms, zone: str, country: str) -> dict[str, object]:
    """The frozen form: the terms with the place whose calendar they are read in."""
    return {**terms.to_json(), "zone": zone, "country": country}


def of(session: Session, incident: Incident, *states: str) -> list[Promise]:
    """The incident's promises in order of their start, of these states (all when none is named)."""
    query = select(Promise).where(Promise.incident_id == incident.id).order_by(Promise.started_at, Promise.id)
    return list(session.scalars(query.where(Promise.state.in_(states)) if states else query))


def write(session: Session, incident: Incident, spec: PromiseSpec) -> Promise:
    """Keep a promise as a row, with a row for each share of it that is warned of."""
    promise = Promise(
        id=new_id(),
        customer_id=incident.customer_id,
        incident_id=incident.id,
        kind="answer" if spec.party == "vendor" else spec.kind,
        party=spec.party,
        state="running",
        started_at=spec.started_at,
        due_at=spec.due_at,
        budget=spec.budget.to_json(),
        calendar=spec.calendar,
        pauses=[],
        legs=[],
    )
    session.add(promise)
    session.flush()  # its warnings refer to it
    thresholds.arm(session, promise, legs(promise), pauses(promise), terms_of(incident).clocks.warn_at)
    return promise


def begin(session: Session, incident: Incident, start: datetime) -> None:
    """The promises an incident gets when it opens or opens again.

    What was owed until it is solved runs on after a reopening: the time it was taken to be solved is a pause.
    """
    continued = _continue(session, incident, start)
    for spec in promising.at_opening(terms_of(incident), incident.severity, start, place_of(incident)):
        if (spec.kind, spec.party) not in continued:
            write(session, incident, spec)


def _continue(session: Session, incident: Incident, now: datetime) -> set[tuple[str, str]]:
    return {(promise.kind, promise.party) for promise in run_again(session, incident, "resolve", now, "resolved")}


def run_again(session: Session, incident: Incident, kind: str, now: datetime, reason: str) -> list[Promise]:
    """What was kept did not hold: its clock runs on, and the time it was taken to hold is a pause."""
    kept = [one for one in of(session, incident) if one.kind == kind and one.met_at is not None]
    for promise in kept:
        assert promise.met_at is not None  # chosen above
        held = {"from": promise.met_at.isoformat(), "to": now.isoformat(), "reason": reason}
        promise.pauses, promise.met_at = [*promise.pauses, held], None
        if promise.state == "met":
            promise.state = "running"
            recount(session, promise)
    return kept


def begin_one(
    session: Session, incident: Incident, kind: str, now: datetime, party: str = "customer"
) -> Promise | None:
    """A clock that begins later than the incident (a visit, the vendor's answer); None when the terms hold none."""
    spec = promising.spec(terms_of(incident), kind, incident.severity, now, place_of(incident), party)
    return write(session, incident, spec) if spec is not None else None


def begin_update(session: Session, incident: Incident, start: datetime) -> Promise | None:
    """The promise of the next update, counted from `start`; None when the terms hold none for this severity."""
    return begin_one(session, incident, "update", start)


def keep_updating(session: Session, incident: Incident, now: datetime) -> None:
    """Once we have spoken, the next word is owed while the severity asks for it, and not when it no longer does."""
    if promising.budget_of(terms_of(incident), "update", incident.severity) is None:
        cancel(session, incident, ("update",))
        return
    running = any(promise.kind == "update" for promise in of(session, incident, *LIVE))
    if incident.told_customer_at is not None and incident.state != "waiting" and not running:
        begin_update(session, incident, now)


def legs(promise: Promise) -> list[Leg]:
    """What a promise is counted by: its own budget, and one more for each upgrade it met."""
    start = promise.counts_from or promise.started_at
    own = Leg(start, Budget.from_json(promise.budget), promise.calendar)
    return [own, *(_leg(given) for given in promise.legs or ())]


def _leg(given: dict[str, object]) -> Leg:
    calendar, budget = given["calendar"], given["budget"]
    assert isinstance(calendar, dict)
    assert isinstance(budget, dict)
    return Leg(datetime.fromisoformat(str(given["from"])), Budget.from_json(budget), calendar)


def pauses(promise: Promise) -> tuple[Pause, ...]:
    """When a promise stood still, and why."""
    return tuple(pause_of(given) for given in promise.pauses)


def due(promise: Promise) -> datetime | None:
    """When a promise falls due with the pauses it has, the earliest of its legs; None while it is paused."""
    held = pauses(promise)
    if any(pause.end is None for pause in held):
        return None
    return min((end for leg in legs(promise) if (end := leg.due(held)) is not None), default=None)


def recount(session: Session, promise: Promise) -> None:
    """Set the due instant and those of its warnings by what the row says now."""
    promise.due_at = due(promise) if promise.state == "running" else None
    thresholds.rearm(session, promise, legs(promise), pauses(promise))


def pause_of(given: dict[str, str | None]) -> Pause:
    end = given.get("to")
    return Pause(
        datetime.fromisoformat(str(given["from"])),
        datetime.fromisoformat(end) if end is not None else None,
        str(given.get("reason", "")),
    )


def pause(session: Session, incident: Incident, now: datetime, reason: str) -> list[Promise]:
    """Hold every running promise from now on; the ones that run on, because the terms allow no pause for this reason.

    One that was due already is breached instead, as it would be anyway. Waiting for a vendor begins the vendor's clock,
    where one is agreed.
    """
    running = [promise for promise in of(session, incident, "running") if not breach(promise, now)]
    clocks = terms_of(incident).clocks
    allowed = reason in clocks.pauses
    for promise in running if allowed else ():
        promise.pauses = [*promise.pauses, {"from": now.isoformat(), "to": None, "reason": reason}]
        promise.state = "paused"
        recount(session, promise)
    if reason == "vendor" and clocks.vendor is not None:
        begin_one(session, incident, "respond", now, "vendor")
    return [] if allowed else running


def resume(session: Session, incident: Incident, now: datetime) -> None:
    """Let every paused promise run on; what a vendor owed was given."""
    for promise in of(session, incident):
        if promise.party == "vendor" and promise.met_at is None and promise.state != "cancelled":
            keep(session, promise, now)
        elif promise.state == "paused":
            promise.pauses = [{**given, "to": given.get("to") or now.isoformat()} for given in promise.pauses]
            promise.state = "running"
            recount(session, promise)


def meet(session: Session, incident: Incident, kinds: Iterable[str], now: datetime) -> list[Promise]:
    """Keep the promises of these kinds that are not kept yet; late is breached, and when it was done is noted too."""
    kept = [promise for promise in of(session, incident) if promise.kind in kinds and promise.met_at is None]
    kept = [promise for promise in kept if promise.state != "cancelled"]
    for promise in kept:
        keep(session, promise, now)
    return kept


def keep(session: Session, promise: Promise, now: datetime) -> None:
    """This one is kept, or, when its instant lies behind, made good."""
    promise.met_at = now
    if promise.state in LIVE and not breach(promise, now):
        promise.state = "met"
        promise.pauses = [{**given, "to": given.get("to") or now.isoformat()} for given in promise.pauses]
    thresholds.disarm(session, promise)


def end(session: Session, incident: Incident, now: datetime) -> None:
    """It is solved: that is an answer, a way around and the resolution at once; nothing more is owed on the rest."""
    meet(session, incident, ("acknowledge", "workaround", "resolve", "answer"), now)
    cancel(session, incident, ("respond", "update", "on_site"))


def cancel(session: Session, incident: Incident, kinds: Iterable[str]) -> None:
    """Nothing more is owed on these."""
    for promise in of(session, incident, *LIVE):
        if promise.kind in kinds:
            call_off(session, promise)


def call_off(session: Session, promise: Promise) -> None:
    """Nothing more is owed on this one."""
    promise.state, promise.due_at = "cancelled", None
    thresholds.disarm(session, promise)


def breach(promise: Promise, now: datetime) -> bool:
    """Mark a running promise breached when its instant lies behind; sticky. At the very instant it is still kept."""
    if promise.state != "running" or promise.due_at is None or promise.due_at >= now:
        return False
    promise.state, promise.breached_at = "breached", promise.due_at
    return True


def retarget(session: Session, incident: Incident, now: datetime) -> None:
    """Count what began with the incident anew for the present severity, earlier pauses honoured.

    From the opening, or from this instant where the terms say so. A new target that is gone already is breached at this
    instant, not before: nobody owed it then. A clock the severity does not have ends, and one it brings begins.
    """
    place, terms = place_of(incident), terms_of(incident)
    known = set()
    for promise in of(session, incident):
        if promise.kind not in _COUNTED_ANEW or promise.party == "vendor":
            continue
        known.add((promise.kind, promise.party))
        if promise.state not in LIVE or breach(promise, now):
            continue
        start = now if terms.clocks.restarts else promise.started_at
        spec = promising.spec(terms, promise.kind, incident.severity, start, place, promise.party)
        if spec is None:
            call_off(session, promise)
            continue
        promise.budget, promise.calendar, promise.legs = spec.budget.to_json(), spec.calendar, []
        promise.counts_from = now if terms.clocks.restarts else None
        recount(session, promise)
        if promise.state == "running" and promise.due_at is not None and promise.due_at < now:
            promise.state, promise.breached_at = "breached", now
    _begin_new(session, incident, now, known)
    keep_updating(session, incident, now)


def _begin_new(session: Session, incident: Incident, now: datetime, known: set[tuple[str, str]]) -> None:
    terms = terms_of(incident)
    start = now if terms.clocks.restarts else incident.opened_at
    for spec in promising.at_opening(terms, incident.severity, start, place_of(incident)):
        is_done = spec.kind == "acknowledge" and incident.acknowledged_at is not None
        if (spec.kind, spec.party) in known or is_done:
            continue
        promise = write(session, incident, spec)
        if promise.due_at is not None and promise.due_at < now:
            promise.state, promise.breached_at = "breached", now


def next_promise(session: Session, incident: Incident) -> Promise | None:
    """What is owed to the customer next."""
    live = [one for one in of(session, incident, "running") if one.due_at is not None and one.party == "customer"]
    return min(live, key=lambda promise: (promise.due_at is None, promise.due_at), default=None)
