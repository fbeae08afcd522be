"""What is left in somebody's hands as their turn of duty ends: they are told once, and what nobody takes over climbs.

Whoever holds it keeps it after their turn, and is not free, until a taker accepts it or it is over.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zlib import crc32

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from escalation import duty, handover, instants, notify, outbox, roster, rota, story
from escalation.deeds import undoable
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from escalation.one_by_one import one_by_one
from escalation.outbox import NO_RUNG, Draft
from escalation.promises import place_of, terms_of
from escalation.turn_end import AHEAD, BEHIND, LONGEST_STAY, TOLD_BEFORE, Span, Turn, goes_on, turn
from escalation.words import instant
from models.base import new_id
from models.duty import Handover, TurnEnd
from models.incidents import Incident, Promise
from models.people import Person, Shift
from models.session import SYSTEM, Sessions, as_staff, work

_IN_HANDS = ("acknowledged", "working", "waiting")
_CALM = 3  # a word before the end of a turn rings nobody's second telephone


@dataclass(frozen=True, slots=True)
class Held:
    """An incident that goes on after the turn of whoever holds it."""

    incident: Incident
    person_id: uuid.UUID
    turn: Turn
    row: TurnEnd | None  # what was told and said of it at this end
    offer: Handover | None  # the one that waits for a word
    taken_at: datetime | None  # when they took it, where they claimed it or accepted it from somebody

    @property
    def told(self) -> bool:
        return self.row is not None and self.row.told_at is not None

    @property
    def climbed(self) -> bool:
        return self.row is not None and self.row.climbed_at is not None

    def stays_until(self, now: datetime) -> datetime | None:
        """Until when they stay with it on their word; None once that is over, or they have not said so."""
        until = self.row.stays_until if self.row is not None else None
        return until if until is not None and until > now else None

    def taken_since(self) -> bool:
        """Whether they took it only after their turn: on their own word, and free to go by it."""
        took = max((at for at in (self.taken_at, self.incident.acknowledged_at) if at is not None), default=None)
        return took is not None and took >= self.turn.ends_at

    def climbs(self, now: datetime) -> bool:
        """Whether the lead is to be told now: it is over, and nobody has taken it, may still, or stays."""
        waits = self.offer is not None and self.offer.answer_by > now
        answered_for = waits or self.climbed or self.stays_until(now) is not None or self.taken_since()
        return self.turn.is_over(now) and not answered_for


def attend(sessions: Sessions, now: datetime) -> tuple[int, datetime | None]:
    """Tell whose turn ends soon, and the lead of what is left after one; how many incidents climbed, and when to look
    again."""
    with work(sessions, SYSTEM) as session:
        turns = turns_of(session, owners(session), now)
        held = of(session, turns, now)
        tell = {one.person_id: one for one in held if one.turn.is_near(now) and _is_news(one, now)}
        due = [(one.incident.id, one.incident.customer_id) for one in held if one.climbs(now)]
    one_by_one(sessions, "ends of turns", [(id, None) for id in tell], lambda session, id: _tell(session, id, now))
    climbed = one_by_one(sessions, "turns that ended", due, lambda session, id: _climb(session, id, now))
    return climbed, _next(turns, held, now)


def _next(turns: Mapping[uuid.UUID, Turn], held: Sequence[Held], now: datetime) -> datetime | None:
    ends = [at for one in turns.values() for at in (one.ends_at - TOLD_BEFORE, one.ends_at)]
    words = [one.stays_until(now) for one in held] + [one.offer.answer_by for one in held if one.offer is not None]
    return min((at for at in [*ends, *words] if at is not None and at > now), default=None)


def owners(session: Session) -> set[uuid.UUID]:
    """Who holds anything. Whoever has left the house is the watchman's alarm: they had no end of a turn."""
    owned = select(Incident.owner_id).join(Person, Person.id == Incident.owner_id)
    owned = owned.where(Incident.state.in_(_IN_HANDS), Person.active, Person.customer_id.is_(None))
    return {id for id in session.scalars(owned.distinct()) if id is not None}


def turns_of(session: Session, people: Collection[uuid.UUID], now: datetime) -> dict[uuid.UUID, Turn]:
    """The turn each of them has, or the last they had within a week. Who has none at all is left out."""
    if not people:
        return {}
    start, end = now - BEHIND, now + AHEAD
    off = roster.off(session, start, end)
    spans: dict[uuid.UUID, list[Span]] = {}
    for _, schedule in roster.schedules(session, start, end, off, now):
        for one in rota.stretches(schedule, start, end):
            if one.person in people and one.person is not None:
                spans.setdefault(one.person, []).append((one.start, one.end))
    shifts = select(Shift.person_id, Shift.starts_at, Shift.ends_at).where(Shift.person_id.in_(people))
    absences = [one for one in off if one.kind == "absent"]
    for person_id, low, high in session.execute(shifts.where(Shift.starts_at < end, Shift.ends_at > start)):
        there = [(low, high)]
        for away in absences:
            there = rota.without(there, away.starts_at, away.ends_at) if away.person_id == person_id else there
        spans.setdefault(person_id, []).extend(there)
    found = ((id, turn(theirs, now)) for id, theirs in spans.items())
    return {id: one for id, one in found if one is not None}


def of(session: Session, turns: Mapping[uuid.UUID, Turn], now: datetime, *, ahead: bool = False) -> list[Held]:
    """What these people hold that goes on after their turns, the gravest first: of turns that are over or end soon,
    and of all of them where `ahead` is asked for. A fixed number of questions, whatever their number."""
    people = [id for id, one in turns.items() if ahead or one.is_near(now) or one.is_over(now)]
    mine = (Incident.owner_id.in_(people), Incident.state.in_(_IN_HANDS))
    first = (Incident.severity, Incident.number)
    owned = session.scalars(select(Incident).where(*mine).order_by(*first)).all() if people else []
    if not owned:
        return []
    ids = [one.id for one in owned]
    running = (Promise.incident_id.in_(ids), Promise.state == "running", Promise.party == "customer")
    asked = select(Promise.incident_id, func.min(Promise.due_at)).where(*running).group_by(Promise.incident_id)
    owed = {row[0]: row[1] for row in session.execute(asked)}
    said = select(TurnEnd).where(TurnEnd.incident_id.in_(ids))
    rows = {(one.incident_id, one.person_id, one.ends_at): one for one in session.scalars(said)}
    waits = select(Handover).where(Handover.incident_id.in_(ids), Handover.state == "offered")
    offers = {one.incident_id: one for one in session.scalars(waits)}
    took = handover.taken_over(session, ids)
    found = []
    for one in owned:
        assert one.owner_id is not None  # asked for
        over = turns[one.owner_id]
        if goes_on_after(one, owed.get(one.id), over):
            row = rows.get((one.id, one.owner_id, over.ends_at))
            found.append(Held(one, one.owner_id, over, row, offers.get(one.id), took.get((one.id, one.owner_id))))
    return found


def goes_on_after(incident: Incident, owed: datetime | None, over: Turn) -> bool:
    """Whether an incident needs somebody after this turn; `owed`: the first of its promises to the customer."""
    place = place_of(incident)
    service = terms_of(incident).service(incident.severity, place.zone, place.country)
    return goes_on(incident.state, service, owed, over)


def _is_news(one: Held, now: datetime) -> bool:
    """Whether its holder is still to be told: not yet, and there is something to be done about it."""
    return not one.told and one.offer is None and one.stays_until(now) is None


def _tell(session: Session, person_id: uuid.UUID, now: datetime) -> bool:
    person = session.get(Person, person_id)
    held = of(session, turns_of(session, [person_id], now), now)
    news = [one for one in held if one.turn.is_near(now) and _is_news(one, now)]
    if person is None or not news:
        return False
    ends_at = news[0].turn.ends_at
    for one in news:
        key = {"incident_id": one.incident.id, "person_id": person_id, "ends_at": ends_at}
        row = {"id": new_id(), "customer_id": one.incident.customer_id, "told_at": now, "reason": "", **key}
        made = insert(TurnEnd).values(row)
        session.execute(made.on_conflict_do_update(index_elements=list(key), set_={"told_at": now}))
    _send(session, person, news, now)
    return True


def _send(session: Session, person: Person, news: Sequence[Held], now: datetime) -> None:
    """One word for all of them, with one place to hand them over. No quiet hours hold it: they are at work."""
    lines = [f"{one.incident.label}, severity {one.incident.severity}: {one.incident.title}" for one in news]
    text = (
        f"Your turn ends at {instant(news[0].turn.ends_at, person.zone)}. This goes on after it, and is yours:\n\n"
        + "\n".join(lines)
        + "\n\nHand it over, or say that you stay with it. It is yours until a taker accepts; what is in your hands "
        "without a word when your turn ends is told to the lead."
    )
    labels = [one.incident.label for one in news]
    body = {"type": "vigie.house.turn", "text": text, "path": "/handovers/turn",
            "data": {"severity": _CALM, "incidents": labels}}  # fmt: skip
    about = f"turn/{person.id}/{news[0].turn.ends_at.isoformat()}"
    for way in duty.ways(person, _CALM, now):
        if way["channel"] != "pagerduty":  # a trigger there that nothing would ever resolve; the page shows it
            # What they took since the first word is another word; two workers at once write the same.
            draft = Draft(NO_RUNG, crc32("/".join(labels).encode()) & 0x7FFFFFFF, way["channel"], way["address"],
                          "Your turn ends: what goes on", body, "your turn ends", person.id)  # fmt: skip
            outbox.enqueue_word(session, None, about, draft, now)


def _climb(session: Session, incident_id: uuid.UUID, now: datetime) -> bool:
    incident = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
    if incident is None or incident.owner_id is None:
        return False
    found = of(session, turns_of(session, [incident.owner_id], now), now)
    one = next((one for one in found if one.incident.id == incident_id and one.climbs(now)), None)
    if one is None:
        return False
    row = one.row or _row(session, one)
    row.climbed_at = now
    owner = session.get_one(Person, incident.owner_id)
    desk = duty.on_duty(session, incident, now)
    leads = [desk.people[place.person_id] for place in duty.whom(desk, "lead") if place.person_id != owner.id]
    told = ", ".join(lead.name for lead in leads) or "nobody, for no lead can be reached"
    ended = instants.stamp(one.turn.ends_at)
    stayed = f" They stayed until {instants.stamp(row.stays_until)}." if row.stays_until is not None else ""
    words = (
        f"{owner.name}'s turn ended at {ended} and nobody has taken it over.{stayed} "
        f"Told: {told}. It stays with {owner.name} until somebody accepts it."
    )
    facts = {"turn_end": ended, "of": str(owner.id), "told": [lead.name for lead in leads]}
    story.tell(session, incident, "turn_ended", words, now, facts=facts, stamps=instants.within(words))
    for lead in leads:
        said = instants.read(words, instants.within(words), partial(instant, zone=lead.zone))
        notify.alert(session, incident, lead, said, "a turn ended with it in hand", now)
    story.changed(session, incident, "turn ended", now, facts=facts)
    return True


def _row(session: Session, one: Held) -> TurnEnd:
    row = TurnEnd(customer_id=one.incident.customer_id, incident_id=one.incident.id, person_id=one.person_id,
                  ends_at=one.turn.ends_at)  # fmt: skip
    session.add(row)
    return row


@undoable("stay")
def stay(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    until: datetime,
    reason: str,
    *,
    expected_version: int | None = None,
) -> TurnEnd | NotNow:
    """Its owner stays with it after their turn, until an instant and for a reason: it does not climb before."""
    if not reason.strip():
        return NotNow("Staying with it needs a reason; the lead reads it.", "Say why.", "value")
    incident = grasp(session, incident_id, Act.HAND_OVER, now, expected_version)
    if isinstance(incident, NotNow):
        return incident
    if actor.person_id is None or actor.person_id != incident.owner_id:
        return NotNow("Only whoever has it can stay with it.", "Claim it, or offer to stand beside.", "person")
    with as_staff(session):
        theirs = turns_of(session, [actor.person_id], now).get(actor.person_id)
    if theirs is None:
        return NotNow("You have no turn of duty that ends.", "Nothing needs to be done: it is yours.", "state")
    if until <= max(now, theirs.ends_at):
        return NotNow("Your turn lasts until then, or it is over by now.", "Give an instant after it.", "value")
    if until > max(now, theirs.ends_at) + LONGEST_STAY:
        return NotNow(f"Nobody stays longer than {LONGEST_STAY.seconds // 3600} hours after their turn.",
                      "Hand it over to somebody who is on duty.", "value")  # fmt: skip
    key = (TurnEnd.incident_id == incident.id, TurnEnd.person_id == actor.person_id, TurnEnd.ends_at == theirs.ends_at)
    row = session.scalar(select(TurnEnd).where(*key))
    row = row or _row(session, Held(incident, actor.person_id, theirs, None, None, None))
    row.stays_until, row.reason, row.climbed_at = until, reason.strip(), None
    words = f"{actor.name} stays with it after their turn, until {instants.stamp(until)}: {reason.strip()}"
    facts = {"until": instants.stamp(until), "turn_end": instants.stamp(theirs.ends_at), "reason": reason.strip()}
    story.tell(session, incident, "stays", words, now, actor=actor, facts=facts, stamps=[instants.stamp(until)])
    story.changed(session, incident, "stay", now, actor=actor, facts=facts)
    return row
