"""Our people as routing sees them: who is on duty where, trained in what, with how much in hand. Reads rows, decides
nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from contracts.ladder_terms import slug
from escalation import reserving, rota
from escalation.reserving import InHand
from escalation.rota import Schedule, Stretch
from escalation.routing import NOWHERE, Candidate, Seat
from escalation.words import instant
from models.duty import Cover, DutySchedule, HouseSite, TimeOff, Training
from models.incidents import Incident
from models.people import Person, Shift

# What an owner serves right now: an incident that waits for somebody else takes no hands.
_IN_HANDS = ("open", "acknowledged", "working")
_ABSENT = "absent"
_MOMENT = timedelta(seconds=1)
AHEAD = timedelta(days=7)  # absences are known for


def mode_of(channel: str, served_by: str = "") -> str:
    """How a customer is served, on the phone, in a remote session or in writing: as somebody has said since, else as
    they came in."""
    return served_by or (channel if channel in ("phone", "remote") else "written")


def our_people(session: Session) -> dict[uuid.UUID, Person]:
    """Everybody active of ours, by id."""
    ours = select(Person).where(Person.customer_id.is_(None), Person.active).order_by(Person.name)
    return {person.id: person for person in session.scalars(ours)}


def units_now(session: Session, now: datetime) -> dict[uuid.UUID, set[str]]:
    """Where each person is on duty at `now`: by the schedules, and by single shifts beside them."""
    return _on_duty(session, now, _MOMENT).units


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule with its name and the zone of ours it is drawn up for."""

    name: str
    unit: str
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Turns:
    """Who is on duty at an instant, and what is drawn up for some time from it on."""

    units: dict[uuid.UUID, set[str]]  # where each person is on duty
    standing: dict[str, uuid.UUID]  # a schedule's name as a rung says it → who
    plans: tuple[Plan, ...]
    shifts: tuple[tuple[str, datetime, datetime], ...]  # (zone of ours, start, end)


def _on_duty(session: Session, now: datetime, ahead: timedelta, known: Sequence[TimeOff] | None = None) -> Turns:
    standing: dict[str, uuid.UUID] = {}
    units: dict[uuid.UUID, set[str]] = {}
    end = now + ahead
    touching = select(Shift.person_id, Shift.unit, Shift.starts_at, Shift.ends_at).join(Person).where(Person.active)
    shifts = session.execute(touching.where(Shift.starts_at < end, Shift.ends_at > now)).all()
    for person_id, unit, starts_at, _ in shifts:
        if starts_at <= now:
            units.setdefault(person_id, set()).add(unit)
    every = schedules(session, now, end, known)
    for row, schedule in every:
        person = rota.on_duty(schedule, now)
        if person is not None:
            units.setdefault(person, set()).add(row.unit)
            standing[slug(row.name)] = person
    spans = tuple((shift.unit, shift.starts_at, shift.ends_at) for shift in shifts)
    return Turns(units, standing, tuple(Plan(row.name, row.unit, schedule) for row, schedule in every), spans)


def schedules(
    session: Session,
    start: datetime,
    end: datetime,
    known: Sequence[TimeOff] | None = None,
    now: datetime | None = None,
) -> list[tuple[DutySchedule, Schedule]]:
    """Every active schedule by name, with the covers and absences that touch [start, end); `known`: all of them, where
    they are read already. Whoever has left is absent from `now` on (`start` where it is not given): their turns are
    the next layer's, or a gap. Before it they may have served."""
    ours = select(func.array_agg(Person.id)).where(Person.active, Person.customer_id.is_(None)).scalar_subquery()
    found = session.execute(select(DutySchedule, ours).where(DutySchedule.active).order_by(DutySchedule.name)).all()
    if not found:
        return []
    rows, there = [row for row, _ in found], frozenset(found[0][1] or ())
    accepted = select(Cover).where(Cover.state == "accepted", Cover.starts_at < end, Cover.ends_at > start)
    covers: dict[uuid.UUID, list[Stretch]] = {}
    for cover in session.scalars(accepted.order_by(Cover.answered_at, Cover.id)):
        stretch = Stretch(cover.starts_at, cover.ends_at, cover.person_id, "cover")
        covers.setdefault(cover.schedule_id, []).append(stretch)
    absent = tuple(
        Stretch(one.starts_at, one.ends_at, one.person_id)
        for one in (off(session, start, end) if known is None else known)
        if one.kind == _ABSENT and one.starts_at < end and one.ends_at > start
    )
    since = max(start, now or start)
    if since < end:
        absent += tuple(Stretch(since, end, id) for id in _with_turns(rows, covers) - there)
    return [(row, drawn(row, covers.get(row.id, ()), absent)) for row in rows]


def _with_turns(rows: Iterable[DutySchedule], covers: Mapping[uuid.UUID, Sequence[Stretch]]) -> frozenset[uuid.UUID]:
    """Everybody who has turns or covers, whether still one of ours or not."""
    turns = frozenset(uuid.UUID(str(id)) for row in rows for layer in row.layers for id in layer["people"])
    return turns | {one.person for every in covers.values() for one in every if one.person is not None}


def drawn(row: DutySchedule, covers: Iterable[Stretch] = (), absent: Iterable[Stretch] = ()) -> Schedule:
    """A stored schedule as the plain one. Raises ValueError for layers nobody should have been able to store."""
    return Schedule(row.zone, tuple(rota.layer(given) for given in row.layers), tuple(covers), tuple(absent))


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody of ours at one instant, read once for as many incidents as are looked at then."""

    people: dict[uuid.UUID, Person]
    engineers: tuple[Candidate, ...]
    standing: Mapping[str, uuid.UUID] = field(default_factory=dict)  # a schedule's name as a rung says it → who
    units: Mapping[uuid.UUID, set[str]] = field(default_factory=dict)  # where each is on duty
    absent: frozenset[uuid.UUID] = frozenset()  # of everybody of ours, engineer or not
    plans: tuple[Plan, ...] = ()  # as far ahead as was asked for
    shifts: tuple[tuple[str, datetime, datetime], ...] = ()  # single ones beside the schedules, as far
    absences: Mapping[uuid.UUID, Sequence[tuple[datetime, datetime]]] = field(default_factory=dict)  # of a week

    def towards(self, named: Collection[uuid.UUID]) -> list[Candidate]:
        """The engineers as they stand towards an account; `named`: those its contract names."""
        return [replace(one, named=one.person_id in named) for one in self.engineers]


def read(session: Session, now: datetime, ahead: timedelta = _MOMENT) -> Roster:
    """Our people at `now`, and their turns for some time `ahead`. A fixed number of queries, whatever their number."""
    people = our_people(session)
    times_off = off(session, now, now + max(ahead, AHEAD))
    turns = _on_duty(session, now, ahead, times_off)
    held = _held(session)
    serving = _summed(held)
    trained, expired = _trainings(session, people, now)
    away = _away(times_off, people, now)
    detached, kept = reserving.read(session, now, held)
    seat = seats(session)
    engineers = tuple(
        Candidate(
            person.id,
            person.name,
            person.level,
            frozenset(turns.units.get(person.id, ())),
            frozenset(person.languages),
            sum(serving.get(person.id, {}).values()),
            bool(person.notify),
            exclusive=detached.get(person.id),
            away=away.get(person.id, ""),
            trained=trained.get(person.id, {}),
            expired=frozenset(expired.get(person.id, ())),
            serving=serving.get(person.id, {}),
            capacity={mode: int(room) for mode, room in person.capacity.items()},
            seat=seat(person),
            kept=kept.get(person.id, ()),
        )
        for person in people.values()
        if person.role == "engineer"
    )
    absent = frozenset(id for id, words in away.items() if words.startswith(_ABSENT))
    absences: dict[uuid.UUID, list[tuple[datetime, datetime]]] = {}
    for one in times_off:
        if one.kind == _ABSENT and one.starts_at < now + AHEAD:
            absences.setdefault(one.person_id, []).append((one.starts_at, one.ends_at))
    return Roster(people, engineers, turns.standing, turns.units, absent, turns.plans, turns.shifts, absences)


def seats(session: Session) -> Callable[[Person], Seat]:
    """Where each of ours works, by the name on their own record; a name nobody has described has no size."""
    sites = {one.name.lower(): one for one in session.scalars(select(HouseSite))}

    def seat(person: Person) -> Seat:
        name = person.site.strip()
        site = sites.get(name.lower())
        if site is None:
            return Seat(name) if name else NOWHERE
        return Seat(site.name, site.size, frozenset(site.countries))

    return seat


def off(session: Session, start: datetime, end: datetime) -> Sequence[TimeOff]:
    """Absences and protected times that touch [start, end)."""
    return session.scalars(select(TimeOff).where(TimeOff.starts_at < end, TimeOff.ends_at > start)).all()


def _held(session: Session, *only: ColumnElement[bool]) -> list[InHand]:
    """What everybody serves now, by way of serving, account and tier."""
    by = (Incident.owner_id, Incident.channel, Incident.served_by, Incident.customer_id, Incident.tier)
    owned = select(*by, func.count()).where(Incident.state.in_(_IN_HANDS), Incident.owner_id.is_not(None), *only)
    return [
        InHand(owner, mode_of(channel, served_by), customer_id, tier, count)
        for owner, channel, served_by, customer_id, tier, count in session.execute(owned.group_by(*by))
        if owner is not None
    ]


def _summed(held: Iterable[InHand]) -> dict[uuid.UUID, dict[str, int]]:
    """Person → way of serving → how many."""
    found: dict[uuid.UUID, dict[str, int]] = {}
    for one in held:
        mine = found.setdefault(one.person_id, {})
        mine[one.mode] = mine.get(one.mode, 0) + one.count
    return found


def in_hands(session: Session, person_id: uuid.UUID, mode: str, besides: Collection[uuid.UUID]) -> int:
    """How many customers somebody serves this way now, those of some incidents left out."""
    held = _summed(_held(session, Incident.owner_id == person_id, Incident.id.not_in(besides)))
    return held.get(person_id, {}).get(mode, 0)


def _trainings(
    session: Session, people: Mapping[uuid.UUID, Person], now: datetime
) -> tuple[dict[uuid.UUID, dict[str, str]], dict[uuid.UUID, set[str]]]:
    """Person → subject → level of what holds today where the person lives, and person → subjects that have run out."""
    holds: dict[uuid.UUID, dict[str, str]] = {}
    over: dict[uuid.UUID, set[str]] = {}
    for training in session.scalars(select(Training)):
        person = people.get(training.person_id)
        if person is None:
            continue
        if training.expires_on is not None and now.astimezone(ZoneInfo(person.zone)).date() > training.expires_on:
            over.setdefault(person.id, set()).add(training.subject)
        else:
            holds.setdefault(person.id, {})[training.subject] = training.level
    return holds, over


def _away(off: Iterable[TimeOff], people: Mapping[uuid.UUID, Person], now: datetime) -> dict[uuid.UUID, str]:
    said = {person.id: "not at their place" for person in people.values() if person.away_since is not None}
    for one in off:
        person = people.get(one.person_id)
        if person is not None and one.starts_at <= now < one.ends_at:
            words = _ABSENT if one.kind == _ABSENT else "in protected time"
            said[person.id] = f"{words} until {instant(one.ends_at, person.zone)}"
    return said
