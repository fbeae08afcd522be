"""What an alert does to incidents: opens one, joins the open one, is answered by the contract, ends it when it ends.

The same intake as for telemetry and people: joined on cause, decided by the contract, told in the story.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask, Granted
from escalation import causes, climbing, ending, hands, notify, opening, promises, story, words
from escalation.inbound.events import Change, Event
from escalation.incident import VIGIE, Actor, State
from escalation.opening import Case
from models.customers import Customer
from models.inbound import InboundAlert, InboundDoor
from models.incidents import Finding, Incident, TimelineEntry
from models.machines import Machine
from models.notices import Notice

# What begins again so soon after its end is the same incident, opened again.
REOPEN_WITHIN = timedelta(minutes=30)
# Somebody who was called this lately is not called again for the same incident.
CALL_DAMPED = timedelta(minutes=10)
# The same is told to the customer, and written into the story, once an hour.
TOLD_DAMPED = timedelta(hours=1)
# A refusal may turn into a grant while the alert goes on; the contract is asked again after so much.
ASK_AGAIN = timedelta(minutes=15)


def begin(session: Session, door: InboundDoor, row: InboundAlert, event: Event, now: datetime) -> str:
    """A condition began: what became of it, as one word (opened, joined, reopened, refused, shadow)."""
    machine = machine_of(session, door, event)
    cause = cause_of(door, row, event)
    there = causes.open_incident(session, door.customer_id, machine.id if machine is not None else None, cause)
    if there is not None:
        row.incident_id, row.decision_id = there.id, there.decision_id
        _join(session, there, door, row, event, now)
        return "joined"
    before = _ended_lately(session, row, machine, cause, now)
    if before is not None:
        _reopen(session, before, door, row, event, now)
        return "reopened"
    return _ask(session, door, row, event, machine, cause, now)


def again(session: Session, door: InboundDoor, row: InboundAlert, event: Event, now: datetime) -> str:
    """A condition that goes on was said again: nothing new, unless it got graver or the contract says yes by now."""
    incident = _of(session, row)
    if incident is None:
        due = row.asked_at is None or now - row.asked_at >= ASK_AGAIN
        return begin(session, door, row, event, now) if due else "refused"
    if not incident.is_open:
        # Somebody resolved it and the sender still complains: after a while it is a new one.
        if incident.resolved_at is not None and now - incident.resolved_at < REOPEN_WITHIN:
            return "resolved here"
        return begin(session, door, row, event, now)
    _join(session, incident, door, row, event, now)
    return "joined"


def acknowledged(session: Session, door: InboundDoor, row: InboundAlert, event: Event, now: datetime) -> str:
    """Somebody at the sender's has it: nobody further is called, unless the door says that this is not enough."""
    incident = _of(session, row)
    if incident is None or not incident.is_open:
        return "noted"
    who = event.by or door.name
    text = f"{who} acknowledged it in {door.name}." + (f" {event.comment}" if event.comment else "")
    if incident.state == State.OPEN and door.settings.get("acknowledges", True):
        hands.step_in(session, incident, State.ACKNOWLEDGED, Actor(None, who), now)
        story.tell(session, incident, "acknowledged", text, now, actor=Actor(None, who))
        story.changed(session, incident, "acknowledge", now, actor=Actor(None, who), facts={"door": door.name})
        return "acknowledged"
    story.tell(session, incident, "note", text, now)
    story.changed(session, incident, "note", now, facts={"door": door.name})
    return "noted"


def taken_back(session: Session, door: InboundDoor, row: InboundAlert, now: datetime) -> None:
    """The sender dropped its acknowledgement: where that was all we had, the ladder begins again."""
    incident = _of(session, row)
    if incident is None or incident.state != State.ACKNOWLEDGED or incident.owner_id is not None:
        return
    incident.state, incident.acknowledged_at = State.OPEN.value, None
    story.tell(session, incident, "note", f"{door.name} took its acknowledgement back.", now)
    climbing.start(session, incident, now)
    story.changed(session, incident, "acknowledgement dropped", now, facts={"door": door.name})


def ended(session: Session, door: InboundDoor, row: InboundAlert, now: datetime) -> str:
    """A condition ended: its incident is resolved once nothing of it goes on."""
    incident = _of(session, row)
    if incident is None or not incident.is_open:
        return "ended"
    session.flush()  # the question below counts what goes on
    others = session.scalar(
        select(func.count())
        .select_from(InboundAlert)
        .where(InboundAlert.incident_id == incident.id, InboundAlert.state != "resolved", InboundAlert.id != row.id)
    )
    seen = select(Finding.id).where(Finding.incident_id == incident.id, Finding.ended_at.is_(None)).limit(1)
    if others or session.scalar(seen) is not None:
        story.tell(session, incident, "ended", f"{door.name}: {row.title}: ended; other signs of it go on.", now)
        story.changed(session, incident, "sign ended", now, facts={"door": door.name, "key": row.key})
        return "goes on"
    _resolve(session, incident, door, row, now)
    return "resolved"


def machine_of(session: Session, door: InboundDoor, event: Event | Change) -> Machine | None:
    """The customer's machine a word speaks of: by name, the likeliest first, else the door's own."""
    if event.machines:
        mine = select(Machine).where(Machine.customer_id == door.customer_id, Machine.name.in_(event.machines))
        found = {machine.name: machine for machine in session.scalars(mine)}
        for name in event.machines:
            if name in found:
                return found[name]
    return session.get(Machine, door.machine_id) if door.machine_id else None


def cause_of(door: InboundDoor, row: InboundAlert, event: Event) -> str:
    """What the incident is joined on: what the sender declares, else the condition's own key."""
    if event.cause:
        return event.cause
    # A fingerprint or a host and service mean the same through whichever door of a customer they come.
    return f"alert:{row.key}" if event.shared else f"alert:{door.id}:{row.key}"


def _of(session: Session, row: InboundAlert) -> Incident | None:
    if row.incident_id is None:
        return None
    return session.get(Incident, row.incident_id, with_for_update=True, populate_existing=True)


def _ended_lately(
    session: Session, row: InboundAlert, machine: Machine | None, cause: str, now: datetime
) -> Incident | None:
    """The incident of the occurrence before, if the sender's own end resolved it a short while ago."""
    incident = _of(session, row)
    if incident is None or incident.state != State.RESOLVED or incident.resolved_at is None:
        return None
    fits = incident.cause == cause and incident.machine_id == (machine.id if machine else None)
    return incident if fits and now - incident.resolved_at < REOPEN_WITHIN else None


def _ask(
    session: Session,
    door: InboundDoor,
    row: InboundAlert,
    event: Event,
    machine: Machine | None,
    cause: str,
    now: datetime,
) -> str:
    question = Ask("open_incident", now, row.severity, machine.id if machine else None, "alert")
    answer, decision, holds = ledger.ask(session, door.customer_id, question, now, asked_by=door.name)
    row.asked_at, row.decision_id, row.incident_id = now, decision.id, None
    if not isinstance(answer, Granted):
        return answer.outcome
    case = Case(
        machine_id=machine.id if machine else None,
        cause=cause,
        kind="alert",
        channel=door.kind,
        severity=row.severity,
        title=row.title,
        summary=row.summary,
        # A sender's clock may be wrong; nothing began after we heard of it.
        began_at=min(event.began_at or now, now),
        evidence={"alert": row.facts, "door": door.name, "key": row.key},
    )
    incident = opening.insert(session, holds, decision, case, now)
    if incident is None:  # somebody who does not take turns was quicker
        there = causes.open_incident(session, door.customer_id, machine.id if machine is not None else None, cause)
        if there is None:
            raise RuntimeError("an incident stood in the way of a new one and is gone")
        row.incident_id = there.id
        _join(session, there, door, row, event, now)
        return "joined"
    row.incident_id = incident.id
    customer = session.get_one(Customer, door.customer_id)
    public = words.public(customer.language, "opened_alert", door=door.name)
    opening.begin(session, incident, now, public=public, decision=decision)
    return "opened"


def _join(
    session: Session, incident: Incident, door: InboundDoor, row: InboundAlert, event: Event, now: datetime
) -> None:
    incident.condition_ended_at = None
    worse = row.severity < incident.severity
    if worse:
        opening.worsen(session, incident, row.severity, row.title, now)
    if not worse and _told_lately(session, incident, "joined", now):
        return
    story.tell(session, incident, "joined", f"{door.name} says again: {row.title}", now, facts={"key": row.key})
    opening.call_again(session, incident, now)
    story.changed(session, incident, "join", now, facts={"door": door.name, "key": row.key})


def _reopen(
    session: Session, incident: Incident, door: InboundDoor, row: InboundAlert, event: Event, now: datetime
) -> None:
    """It began again soon after its end: the same incident, its promises anew, and no second call within minutes."""
    called = _called_at(session, incident)
    incident.resolved_at = incident.condition_ended_at = None
    incident.state = State.OPEN.value if incident.owner_id is None else State.ACKNOWLEDGED.value
    if not _told_lately(session, incident, "reopened", now):
        language = session.get_one(Customer, incident.customer_id).language
        story.tell(session, incident, "reopened", words.public(language, "back"), now, public=True)
    story.tell(session, incident, "joined", f"{door.name} says that it is back: {row.title}", now)
    promises.begin(session, incident, now)
    session.flush()  # the notices tell what is owed
    if incident.owner_id is None:
        incident.acknowledged_at = None
        _call_again(session, incident, called, now)
    elif called is None or now - called >= CALL_DAMPED:
        notify.tell_owner(session, incident, words.public("en", "back"), "it is yours", now)
    story.changed(session, incident, "reopen", now, facts={"door": door.name, "starts": event.starts})


def _call_again(session: Session, incident: Incident, called: datetime | None, now: datetime) -> None:
    """The ladder from its foot, its first rung no sooner than the damping after the last call."""
    incident.ladder_round += 1
    incident.ladder_since = max(now, called + CALL_DAMPED) if called is not None else now
    incident.ladder_loop, incident.rung, incident.climbed_at = 0, -1, None
    climbing.climb(session, incident, now)


def _called_at(session: Session, incident: Incident) -> datetime | None:
    """When somebody of ours was last called for it."""
    pages = select(func.max(Notice.created_at)).where(Notice.incident_id == incident.id, Notice.rung >= 0)
    return session.scalar(pages)


def _resolve(session: Session, incident: Incident, door: InboundDoor, row: InboundAlert, now: datetime) -> None:
    language = session.get_one(Customer, incident.customer_id).language
    text = words.public(language, "ended_alert", door=door.name)
    if incident.state == State.WAITING:
        promises.resume(session, incident, now)
    if _told_lately(session, incident, "resolved", now):
        promises.meet(session, incident, ("respond", "update"), now)
    else:
        ending.we_said(session, incident, VIGIE, text, now)
    notify.tell_owner(session, incident, f"{door.name} says that it has ended: {row.title}", "it is yours", now)
    incident.condition_ended_at = now
    ending.finish(session, incident, now)
    story.tell(session, incident, "resolved", text, now, public=True, facts={"by": door.name, "key": row.key})
    story.changed(session, incident, "resolve", now, facts={"door": door.name, "key": row.key})


def _told_lately(session: Session, incident: Incident, kind: str, now: datetime) -> bool:
    lately = select(TimelineEntry.id).where(
        TimelineEntry.incident_id == incident.id, TimelineEntry.kind == kind, TimelineEntry.at > now - TOLD_DAMPED
    )
    return session.scalar(lately.limit(1)) is not None
