"""Handing an incident over: a structured note, which the taker must accept before the giver is free.

What is refused stays with the giver; what is not answered in time climbs: the lead is told, once.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation import deeds, duty, instants, notify, promises, relaxing, seconds, story
from escalation.deeds import undoable
from escalation.hands import grasp
from escalation.incident import VIGIE, Act, Actor, NotNow
from escalation.one_by_one import one_by_one
from escalation.words import instant
from models.duty import Handover
from models.incidents import OPEN_STATES, Incident, TimelineEntry
from models.people import Person
from models.session import SYSTEM, Sessions, as_staff, work

# How long a taker has for a word, by severity: a page's patience for the gravest, a cup of coffee for the rest.
PATIENCE = {1: timedelta(minutes=10), 2: timedelta(minutes=10), 3: timedelta(minutes=20), 4: timedelta(minutes=20)}
ANSWERS = ("accepted", "refused", "withdrawn")


@dataclass(frozen=True, slots=True)
class Note:
    """What the taker must know. All but `tried` and `avoid` must have words."""

    state: str  # how it stands
    tried: str = ""
    avoid: str = ""  # what not to do
    promise: str = ""  # the next promise, as it stood when it was offered; filled in by `offer`


@undoable("offer hand-over")
def offer(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    note: Note,
    *,
    taker_id: uuid.UUID,
    expected_version: int | None = None,
) -> Handover | NotNow:
    """Offer it to somebody. The giver keeps it until they accept. One offer stands at a time, while it can be
    answered in time."""
    if not note.state.strip():
        return NotNow("A hand-over needs words on how it stands.", "Write what the taker must know.", "value")
    incident = grasp(session, incident_id, Act.HAND_OVER, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if incident.owner_id is None:
        return NotNow("Nobody has it, so nobody can hand it over.", "Let the taker claim it.", "person")
    waiting = open_offer(session, incident.id)
    if waiting is not None and waiting.answer_by > now:
        return NotNow("It is offered already.", f"Wait for an answer until {waiting.answer_by:%H:%M} UTC.", "state")
    taker = session.get(Person, taker_id)
    if taker is None or taker.customer_id is not None or not taker.active or taker.id == incident.owner_id:
        return NotNow("This person cannot take it.", "Name one of ours who is not the owner.", "person")
    if waiting is not None:  # nobody answered in time: it goes to somebody who may
        waiting.state, waiting.answered_at, waiting.reason = "withdrawn", now, "not answered in time; offered anew"
        facts = {"handover": str(waiting.id)}
        story.tell(session, incident, "handover_withdrawn", "The offer before was not answered in time.", now,
                   actor=actor, facts=facts)  # fmt: skip
        session.flush()  # one offer at a time stands
    owed = promises.next_promise(session, incident)
    said = f"{promises.words(owed.kind)} by {instants.stamp(owed.due_at)}" if owed and owed.due_at else "none"
    row = Handover(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        giver_id=incident.owner_id,
        taker_id=taker.id,
        note={**asdict(note), "promise": said},
        offered_at=now,
        answer_by=now + PATIENCE[incident.severity],
    )
    session.add(row)
    session.flush()  # the story names the row
    giver = session.get_one(Person, incident.owner_id)  # who has it; somebody else may offer it
    facts = {"handover": str(row.id), "to": str(taker.id), "to_name": taker.name, **row.note,
             "from": str(giver.id), "from_name": giver.name, "answer_by": row.answer_by.isoformat()}  # fmt: skip
    story.tell(session, incident, "offered", f"{actor.name} offers it to {taker.name}.", now, actor=actor, facts=facts)
    notify.alert(session, incident, taker, page_words(row, actor.name, taker.zone), "it is handed over to you", now)
    story.changed(session, incident, "offer hand-over", now, actor=actor, facts=facts)
    return row


def page_words(row: Handover, giver: str, zone: str) -> str:
    """The note as the taker reads it, on the clock of `zone`."""
    note = row.note
    promise = instants.read(note["promise"], instants.within(note["promise"]), lambda at: instant(at, zone))
    lines = [f"{giver} hands this over to you. It is yours when you accept it.", f"How it stands: {note['state']}"]
    lines += [f"Tried: {note['tried']}"] if note["tried"] else []
    lines += [f"Do not: {note['avoid']}"] if note["avoid"] else []
    return "\n".join([*lines, f"Next promise: {promise}."])


def answer(
    session: Session, handover_id: uuid.UUID, actor: Actor, word: str, now: datetime, *, reason: str = ""
) -> Handover | NotNow:
    """Accept it (the taker owns it and the giver is free), refuse it with a reason, or (the giver) withdraw it."""
    if word not in ANSWERS:
        return NotNow(f"{word!r} is no answer.", f"Use one of {', '.join(ANSWERS)}.", "value")
    incident_id = session.scalar(select(Handover.incident_id).where(Handover.id == handover_id))
    if incident_id is None:
        return NotNow("There is no such hand-over.", "Look at what is offered to you.", "absent")
    with deeds.remembered(session, [incident_id], f"hand-over {word}", actor, now):
        return _answer(session, handover_id, incident_id, actor, word, now, reason)


def _answer(
    session: Session,
    handover_id: uuid.UUID,
    incident_id: uuid.UUID,
    actor: Actor,
    word: str,
    now: datetime,
    reason: str,
) -> Handover | NotNow:
    incident = grasp(session, incident_id, Act.HAND_OVER, now, None)
    if isinstance(incident, NotNow):
        return incident
    row = session.get_one(Handover, handover_id, populate_existing=True)
    if row.state != "offered":
        return NotNow(f"It is {row.state} already.", "Nothing needs to be done.", "state")
    rightful = row.giver_id if word == "withdrawn" else row.taker_id
    if actor.person_id != rightful:
        whose = "whoever offered it" if word == "withdrawn" else "the one it is offered to"
        return NotNow(f"Only {whose} can do that.", "Call a second, or claim the incident.", "person")
    if word == "refused" and not reason.strip():
        return NotNow("A refusal needs a reason; the giver reads it.", "Say why.", "value")
    row.state, row.answered_at, row.reason = word, now, reason
    _settle(session, incident, row, actor, now)
    return row


def _settle(session: Session, incident: Incident, row: Handover, actor: Actor, now: datetime) -> None:
    said = {
        "accepted": f"{actor.name} has taken it over.",
        "refused": f"{actor.name} did not take it over: {row.reason}",
        "withdrawn": f"{actor.name} keeps it.",
    }[row.state]
    if row.state == "accepted":
        incident.owner_id = row.taker_id
        if incident.second_id == row.taker_id:
            # Nobody is alone: they change places until the giver goes.
            seconds.swap(session, incident, row.giver_id, now, "handed it over, and stands beside until they go")
        relaxing.note(session, incident, row.taker_id, "by a hand-over they accepted", now)
        relaxing.beyond_room(session, incident, row.taker_id, "by a hand-over they accepted", now)
    facts = {"handover": str(row.id)}
    story.tell(session, incident, f"handover_{row.state}", said, now, actor=actor, facts=facts)
    giver = session.get(Person, row.giver_id) if row.giver_id else None
    if giver is not None and row.state != "withdrawn":
        notify.alert(session, incident, giver, said, "you offered it", now)
    story.changed(session, incident, f"hand-over {row.state}", now, actor=actor, facts=facts)


def claimed(session: Session, incident: Incident, actor: Actor, now: datetime) -> None:
    """Somebody claims what is offered: the taker has thereby accepted it, and for anybody else there is nothing left
    to hand over. Else the lead would be called for an answer nobody owes, or a late yes would take it from them."""
    row = open_offer(session, incident.id)
    if row is None or actor.person_id == row.giver_id:
        return
    takes = actor.person_id == row.taker_id
    row.state, row.answered_at = ("accepted" if takes else "withdrawn"), now
    row.reason = "" if takes else f"{actor.name} claimed it"
    words = f"{actor.name} has taken it over." if takes else f"{actor.name} claimed it; the offer has ended."
    story.tell(session, incident, f"handover_{row.state}", words, now, actor=actor, facts={"handover": str(row.id)})


def open_offer(session: Session, incident_id: uuid.UUID) -> Handover | None:
    """The offer of an incident that waits for a word."""
    return session.scalar(select(Handover).where(Handover.incident_id == incident_id, Handover.state == "offered"))


def taken_over(
    session: Session, incidents: Collection[uuid.UUID]
) -> dict[tuple[uuid.UUID, uuid.UUID | None], datetime]:
    """When each person last took each incident, by a hand-over they accepted or a claim out of whosever hands."""
    if not incidents:
        return {}
    accepted = select(Handover.incident_id, Handover.taker_id, func.max(Handover.answered_at)).where(
        Handover.incident_id.in_(incidents), Handover.state == "accepted", Handover.answered_at.is_not(None)
    )
    claimed = select(TimelineEntry.incident_id, TimelineEntry.person_id, func.max(TimelineEntry.at)).where(
        TimelineEntry.incident_id.in_(incidents),
        TimelineEntry.kind == "claimed",
        ~TimelineEntry.facts.has_key("undone"),
    )
    took: dict[tuple[uuid.UUID, uuid.UUID | None], datetime] = {}
    for query, person in ((accepted, Handover.taker_id), (claimed, TimelineEntry.person_id)):
        for incident_id, person_id, at in session.execute(query.group_by(query.selected_columns[0], person)):
            if at is not None:
                took[incident_id, person_id] = max(at, took.get((incident_id, person_id), at))
    return took


def climb_unanswered(sessions: Sessions, now: datetime) -> int:
    """Tell the lead of every offer nobody answered in time, once each; how many were told of."""
    late = (Handover.state == "offered", Handover.climbed_at.is_(None), Handover.answer_by <= now)
    with work(sessions, SYSTEM) as session:
        query = select(Handover.id, Handover.customer_id).where(*late).order_by(Handover.answer_by)
        due = session.execute(query).all()
    return one_by_one(sessions, "hand-overs", due, lambda session, id: _climb(session, id, now))


def _climb(session: Session, handover_id: uuid.UUID, now: datetime) -> bool:
    found = session.get(Handover, handover_id, populate_existing=True)
    if found is None or found.state != "offered" or found.climbed_at is not None:
        return False
    incident = session.get_one(Incident, found.incident_id, with_for_update=True, populate_existing=True)
    found.climbed_at = now
    if incident.state not in OPEN_STATES:
        found.state, found.answered_at, found.reason = "withdrawn", now, "the incident ended"
        facts = {"handover": str(found.id)}
        story.tell(session, incident, "handover_withdrawn", "The incident ended, and the offer with it.", now,
                   facts=facts)  # fmt: skip
        story.record(session, incident, "hand-over withdrawn", now, facts=facts)
        return False
    desk = duty.on_duty(session, incident, now)
    leads = [desk.people[place.person_id] for place in duty.whom(desk, "lead")]
    taker = session.get(Person, found.taker_id) if found.taker_id else None
    name = taker.name if taker is not None else "the taker"
    told = ", ".join(lead.name for lead in leads) or "nobody, for no lead can be reached"
    words = f"{name} has not answered the hand-over; told: {told}. It stays with the giver."
    story.tell(session, incident, "handover_climbed", words, now, facts={"handover": str(found.id)})
    for lead in leads:
        notify.alert(session, incident, lead, words, "a hand-over was not answered", now)
    story.changed(session, incident, "hand-over climbed", now, actor=VIGIE)
    return True


def next_due(session: Session) -> datetime | None:
    """When the next unanswered offer climbs."""
    waits = (Handover.state == "offered", Handover.climbed_at.is_(None))
    return session.scalar(select(func.min(Handover.answer_by)).where(*waits))


def offered_to(session: Session, person_id: uuid.UUID) -> list[tuple[Handover, Incident]]:
    """What waits for this person's word, the most urgent first."""
    with as_staff(session):
        rows = session.execute(
            select(Handover, Incident)
            .join(Incident, Incident.id == Handover.incident_id)
            .where(Handover.taker_id == person_id, Handover.state == "offered")
            .order_by(Handover.answer_by)
        )
        return [(row[0], row[1]) for row in rows]
