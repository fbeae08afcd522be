"""Climbing one incident's ladder: whom the due rung means, their notices, the line in the story, the next instant."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.tiers import Terms
from escalation import duty as desk
from escalation import instants, notify, story, waiting_line
from escalation import ladder as ladders
from escalation.duty import Duty
from escalation.incident import Actor
from escalation.ladder import Climb, Convention, Ladder, Rung, Step
from escalation.routing import ABOVE_FIRST, Place
from escalation.words import rung_name, rung_words
from models.incidents import Incident, TimelineEntry

# A tick within so much of the due instant was on time: the next rung is counted from when this one was due, and the
# ladder does not drift. Later than that, the people told only now get their whole delay from now.
PUNCTUAL = timedelta(seconds=30)


def ladder_of(terms: Terms) -> Ladder:
    """The ladder of a contract's terms; what each wait counts from is for their convention to say."""
    again = terms.climbing.again_after
    return Ladder(
        tuple(Rung(timedelta(seconds=rung.wait), (rung.who,), rung_name(rung.who)) for rung in terms.ladder),
        Convention(terms.climbing.convention),
        terms.climbing.repeats,
        timedelta(seconds=again) if again is not None else None,
    )


def start(session: Session, incident: Incident, now: datetime) -> None:
    """Begin (or begin again) at the foot of the ladder, and page the first rung if it is due at once."""
    if incident.ladder_since is not None:
        incident.ladder_round += 1
    incident.ladder_since, incident.ladder_loop = now, 0
    incident.rung, incident.climbed_at = -1, None
    climb(session, incident, now)


def stop(incident: Incident) -> None:
    """Nobody more is told: it was acknowledged, or it is over."""
    incident.next_rung_at = incident.queued_at = None


def acknowledged(incident: Incident, now: datetime) -> None:
    """Nobody more is told, unless the acknowledgement wears off before anybody has worked on it."""
    stop(incident)
    again = ladders.from_json(incident.ladder).ack_timeout
    if again is not None and incident.state == "acknowledged":
        incident.next_rung_at = now + again


def wear_off(session: Session, incident: Incident, now: datetime) -> bool:
    """An acknowledgement nobody acted upon has worn off: open again, its owner stays, the ladder starts over. Any act
    of a person puts it off."""
    again = ladders.from_json(incident.ladder).ack_timeout
    mine = (TimelineEntry.incident_id == incident.id, TimelineEntry.person_id.is_not(None))
    last = session.scalar(select(func.max(TimelineEntry.at)).where(*mine))
    if again is not None and last is not None and last + again > now:
        incident.next_rung_at = last + again
        return False
    incident.state = "open"
    words = "It was acknowledged and nobody has worked on it since: the ladder starts over."
    story.tell(session, incident, "rung", words, now, facts={"worn_off": True})
    start(session, incident, now)
    return True


def climb(session: Session, incident: Incident, now: datetime) -> bool:
    """Page what is due by `now` and set the next instant; True when the story grew.

    The caller holds the incident's row and counts the version. After a sleep several rungs are due: each is named in
    the story, and everybody on them is told once.
    """
    ladder = ladders.from_json(incident.ladder)
    duty = desk.on_duty(session, incident, now)
    meant = _meant(ladder, duty)

    def reachable(index: int) -> bool:
        return bool(meant[index])

    steps = ladders.overdue(ladder, _place(incident), now, reachable)
    queued = waiting_line.join(session, incident, duty, now)
    called = [_after_time_out(meant[step.index], step) for step in steps]
    for step, places in zip(steps, called, strict=True):
        _tell_of(session, incident, duty, step, places, now)
    if steps:
        _move(incident, steps, now)
        _page(session, incident, duty, called, now)
    following = ladders.upcoming(ladder, _place(incident), reachable)
    if not isinstance(following, Step):
        # Somebody may come on duty for a rung that is dark now, so it keeps its instant.
        following = ladders.upcoming(ladder, _place(incident))
    incident.next_rung_at = following.due if isinstance(following, Step) else None
    if incident.next_rung_at is not None and incident.next_rung_at <= now:
        incident.next_rung_at = None
        words = "Nobody can be reached on any rung that is left of this incident's ladder."
        story.tell(session, incident, "rung", words, now, facts={"unreachable": True})
        return True
    return queued or bool(steps)


def climb_now(session: Session, incident: Incident, actor: Actor, reason: str, now: datetime) -> list[str]:
    """Page the next rung without waiting for it, because somebody asked; the names told (none: nobody is left).

    An incident that was acknowledged does not go on climbing by itself afterwards.
    """
    ladder = ladders.from_json(incident.ladder)
    duty = desk.on_duty(session, incident, now)
    meant = _meant(ladder, duty)
    step = ladders.upcoming(ladder, _place(incident), lambda index: bool(meant[index]))
    if not isinstance(step, Step):
        return []
    _move(incident, [Step(step.index, step.loop, now, step.passed_by)], now)
    names = [place.name for place in meant[step.index]]
    _tell_of(session, incident, duty, step, meant[step.index], now)
    _page(session, incident, duty, [meant[step.index]], now, f"{actor.name} asked for it: {reason}")
    if incident.next_rung_at is not None or incident.state == "open":
        following = ladders.upcoming(ladder, _place(incident))
        incident.next_rung_at = following.due if isinstance(following, Step) else None
    return names


def _place(incident: Incident) -> Climb:
    since = incident.ladder_since or incident.opened_at
    return Climb(since, incident.rung, incident.ladder_loop, incident.climbed_at)


def _meant(ladder: Ladder, duty: Duty) -> list[list[Place]]:
    return [[place for word in rung.who for place in desk.whom(duty, word)] for rung in ladder.rungs]


def _after_time_out(places: list[Place], step: Step) -> list[Place]:
    """Past the first rung a floor is relaxed because those above it were called and nobody has answered."""
    if step.index == 0 and step.loop == 0:
        return places
    said = "those above it were called first, and nobody has answered in time"
    return [replace(place, relaxed=place.relaxed.replace(ABOVE_FIRST, said)) for place in places]


def _move(incident: Incident, steps: list[Step], now: datetime) -> None:
    place = _place(incident)
    for step in steps:
        incident.ladder_round += step.loop - place.loop
        place = place.onto(step, step.due)
    punctual = len(steps) == 1 and now - steps[0].due <= PUNCTUAL
    incident.rung, incident.ladder_loop, incident.ladder_since = place.rung, place.loop, place.since
    incident.climbed_at = steps[0].due if punctual else now


def _tell_of(session: Session, incident: Incident, duty: Duty, step: Step, places: list[Place], now: datetime) -> None:
    ladder = ladders.from_json(incident.ladder)
    names = [place.name for place in places]
    people = [duty.people[place.person_id] for place in places]
    held = {person: until for person in people if (until := notify.held(person, incident.severity, now)) is not None}
    dark = [ladder.rungs[index].name for index in step.passed_by]
    facts = {
        "rung": step.index,
        "loop": step.loop,
        "due": step.due.isoformat(),
        "told": names,
        "passed_by": dark,
        "relaxed": [place.relaxed for place in places if place.relaxed],
        "held": {person.name: until.isoformat() for person, until in held.items()},
    }
    stamps = [instants.stamp(until) for until in held.values()]
    said = [f"{person.name} until {until}" for person, until in zip(held, stamps, strict=True)]
    words = rung_words(ladder.rungs[step.index].name, step.index, names, dark, said)
    story.tell(session, incident, "rung", words, now, facts=facts, stamps=stamps)


def _page(
    session: Session, incident: Incident, duty: Duty, rungs: list[list[Place]], now: datetime, asked: str = ""
) -> None:
    told: set[uuid.UUID] = set()
    for places in reversed(rungs):
        for place in places:
            if place.person_id in told:
                continue
            told.add(place.person_id)
            why = "; ".join(part for part in (place.reason, place.relaxed, asked) if part)
            notify.page(session, incident, duty.people[place.person_id], incident.rung, why, now)
