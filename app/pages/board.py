"""Everything the duty board shows: who is on duty where, what they hold, what is missing ahead, whom rungs call."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import turns, words
from app.pages.reachable import Reached, of_rung, reached
from app.turns import AHEAD, BEHIND
from contracts.tiers import DEFAULTS, Tier
from escalation import dark, duty, proving, roster, rota
from escalation.dark import Dark
from escalation.roster import Roster
from escalation.rota import Stretch
from escalation.routing import CAPACITY, UNITS, Candidate, Need, order
from escalation.words import rung_name
from models.customers import Customer
from models.duty import Cover, DutySchedule
from models.people import Person, Shift

LOOKED_AHEAD = timedelta(days=14)  # how far gaps are looked for: time enough to ask for cover
TITLES = {"europe": "Europe", "americas": "Americas", "asia-pacific": "Asia-Pacific"}
_NOBODY = uuid.UUID(int=0)  # whose account the ladder below is drawn for: nobody's in particular


@dataclass(frozen=True, slots=True)
class Row:
    """One person's line: their stretches on the axis, what they hold, what room they have."""

    name: str
    duty: str  # on, off, unsure: the mark beside the name
    said: str
    strip: Markup
    holds: str
    room: str
    proof: Reached
    is_on: bool  # on duty this minute, whatever the mark says


@dataclass(frozen=True, slots=True)
class UnitBoard:
    title: str
    said: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class RungLine:
    number: int
    name: str
    after: str
    people: tuple[str, ...]  # nobody: the rung is dark tonight
    proof: str  # by which test page it is proved
    proved: bool


@dataclass(frozen=True, slots=True)
class Gap:
    schedule: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class CoverLine:
    id: uuid.UUID
    schedule: str
    who: str
    asked_of: str
    start: datetime
    end: datetime
    state: str
    reason: str
    mine: bool  # the reader asked for it
    to_me: bool  # the reader may take it
    of_me: bool  # and was asked by name: their no is an answer


@dataclass(frozen=True, slots=True)
class Board:
    said: str
    axis: Markup
    units: tuple[UnitBoard, ...]
    ladder: tuple[RungLine, ...]
    dark: tuple[Dark, ...]  # rungs of contracts in force nobody can be reached on, now or within a week
    gaps: tuple[Gap, ...]
    covers: tuple[CoverLine, ...]
    schedules: tuple[DutySchedule, ...]
    people: tuple[Person, ...]


def read_board(session: Session, reader: uuid.UUID | None, now: datetime, zone: tzinfo) -> Board:
    """The whole board. A fixed number of queries, whatever the number of people."""
    known = roster.read(session, now)
    people, able = known.people, {one.person_id: one for one in known.engineers}
    drawn = roster.schedules(session, now - BEHIND, now + LOOKED_AHEAD, now=now)
    spans = _spans(session, drawn, now)
    proved = proving.proofs(session)
    reach = {id: reached(person, proved, now, zone) for id, person in people.items()}
    accounts = _accounts(session, known.engineers)
    units = tuple(_unit(unit, people, able, spans, reach, accounts, now, zone) for unit in UNITS)
    gaps = tuple(
        Gap(row.name, gap.start, gap.end) for row, plain in drawn for gap in rota.gaps(plain, now, now + LOOKED_AHEAD)
    )
    ladder = _ladder(known, reach)
    return Board(
        _said(units, gaps, ladder),
        turns.axis(now, zone),
        units,
        ladder,
        tuple(dark.find(session, now, known, proving.missing(proved, now, known), dark.named(session))),
        gaps,
        tuple(_covers(session, people, drawn, reader, now)),
        tuple(row for row, _ in drawn),
        tuple(person for person in people.values() if person.role == "engineer"),
    )


Spans: TypeAlias = Mapping[tuple[str, uuid.UUID], list[Stretch]]


def _spans(session: Session, drawn: Sequence[tuple[DutySchedule, rota.Schedule]], now: datetime) -> Spans:
    """(unit, person) → their stretches on the axis, in order."""
    found: dict[tuple[str, uuid.UUID], list[Stretch]] = {}
    first, last = now - BEHIND, now + AHEAD
    for row, plain in drawn:
        for stretch in rota.stretches(plain, first, last):
            if stretch.person is not None:
                found.setdefault((row.unit, stretch.person), []).append(stretch)
    shifts = select(Shift).where(Shift.starts_at < last, Shift.ends_at > first).order_by(Shift.starts_at)
    for shift in session.scalars(shifts):
        stretch = Stretch(max(shift.starts_at, first), min(shift.ends_at, last), shift.person_id, "")
        found.setdefault((shift.unit, shift.person_id), []).append(stretch)
    return {key: rota.joined(stretches) for key, stretches in found.items()}


def _unit(
    unit: str,
    people: Mapping[uuid.UUID, Person],
    able: Mapping[uuid.UUID, Candidate],
    spans: Spans,
    reach: Mapping[uuid.UUID, Reached],
    accounts: Mapping[uuid.UUID, str],
    now: datetime,
    zone: tzinfo,
) -> UnitBoard:
    here = [people[id] for (where, id) in spans if where == unit and id in people]
    ordered = sorted(here, key=lambda one: (not _is_now(spans[unit, one.id], now), one.name))
    rows = [_row(one, able.get(one.id), spans[unit, one.id], reach[one.id], accounts, now, zone) for one in ordered]
    on_duty = [person for person in here if _is_now(spans[unit, person.id], now)]
    spoken = sorted({language for person in on_duty for language in person.languages})
    said = f"{len(on_duty)} on duty, speaking {', '.join(spoken)}" if on_duty else "nobody is on duty"
    return UnitBoard(TITLES[unit], said, tuple(rows))


def _is_now(stretches: Sequence[Stretch], now: datetime) -> bool:
    return any(one.start <= now < one.end for one in stretches)


def _accounts(session: Session, engineers: Sequence[Candidate]) -> dict[uuid.UUID, str]:
    """The names of the accounts somebody is detached to."""
    ids = {one.exclusive for one in engineers if one.exclusive is not None}
    return dict(session.execute(select(Customer.id, Customer.name).where(Customer.id.in_(ids))).all()) if ids else {}


def _row(
    person: Person,
    able: Candidate | None,
    spans: Sequence[Stretch],
    proof: Reached,
    accounts: Mapping[uuid.UUID, str],
    now: datetime,
    zone: tzinfo,
) -> Row:
    is_on = _is_now(spans, now)
    unsure_place = not person.notify or bool(able and able.away)
    unsure = unsure_place or not proof.good
    trained = [f"{subject} ({level})" for subject, level in sorted(able.trained.items())] if able else []
    expired = [f"{subject} expired" for subject in sorted(able.expired)] if able else []
    account = accounts.get(able.exclusive) if able is not None and able.exclusive is not None else None
    detached = [f"detached to {account}"] if account is not None else []
    said = ", ".join([person.level if person.role == "engineer" else person.role, *detached, *trained, *expired])
    holds = words.count(able.in_hand, "incident") if able else ""
    free = [
        f"{max(0, able.capacity.get(mode, most) - able.serving.get(mode, 0))} {mode}" for mode, most in CAPACITY.items()
    ] if able else []  # fmt: skip
    room = able.away if able and able.away else (f"room for {', '.join(free)}" if is_on and able else "")
    mark = "unsure" if unsure else ("on" if is_on else "off")
    return Row(
        person.name,
        mark,
        said,
        turns.strip(spans, now, zone),
        holds if is_on else "",
        room,
        proof,
        is_on and not unsure_place,
    )


def _ladder(known: Roster, reach: Mapping[uuid.UUID, Reached]) -> tuple[RungLine, ...]:
    """Whom the rungs of a platinum severity 1 in Europe call this minute, by the very functions that call them."""
    terms = DEFAULTS[Tier.PLATINUM]
    need = Need(_NOBODY, "europe", 1, terms.skill_floor)
    desk = duty.Duty(order(known.engineers, need), known.people, (), known=known)
    lines, waited = [], 0
    for number, rung in enumerate(terms.ladder, 1):
        after = f"after {words.span(waited)}" if waited else "at once"
        places = duty.whom(desk, rung.who)
        names = tuple(place.name for place in places)
        proof, is_proved = of_rung([place.person_id for place in places], reach)
        if rung.who == "account":
            names, proof, is_proved = ("whom the customer's contract names",), "see the people of the account", True
        lines.append(RungLine(number, rung_name(rung.who), after, names, proof, is_proved))
        waited += rung.wait
    return tuple(lines)


def _covers(
    session: Session,
    people: Mapping[uuid.UUID, Person],
    drawn: Sequence[tuple[DutySchedule, rota.Schedule]],
    reader: uuid.UUID | None,
    now: datetime,
) -> list[CoverLine]:
    names = {row.id: row.name for row, _ in drawn}
    open_ones = or_(Cover.state == "asked", Cover.state == "accepted")
    rows = session.scalars(select(Cover).where(Cover.ends_at > now, open_ones).order_by(Cover.starts_at).limit(100))

    def name(id: uuid.UUID | None, otherwise: str) -> str:
        return people[id].name if id is not None and id in people else otherwise

    return [
        CoverLine(
            row.id,
            names.get(row.schedule_id, "a schedule no longer active"),
            name(row.for_id, "somebody"),
            name(row.person_id, "anybody"),
            row.starts_at,
            row.ends_at,
            row.state,
            row.reason,
            mine=row.for_id == reader,
            to_me=row.state == "asked" and row.for_id != reader and row.person_id in (None, reader),
            of_me=row.person_id == reader,
        )
        for row in rows
    ]


def _said(units: Sequence[UnitBoard], gaps: Sequence[Gap], ladder: Sequence[RungLine]) -> str:
    dark = [unit.title for unit in units if not any(row.is_on for row in unit.rows)]
    first = f"Nobody is on duty in {' and '.join(dark)}." if dark else "Every zone has somebody on duty."
    second = f" {words.count(len(gaps), 'gap')} in the next two weeks." if gaps else ""
    unlit = [line.name for line in ladder if not line.people]
    third = f" Nobody can be called on {', '.join(unlit)}." if unlit else ""
    dark_ones = [line.name for line in ladder if line.people and not line.proved]
    fourth = f" Nobody is proved reachable as {words.listed(dark_ones)}." if dark_ones else ""
    return first + second + third + fourth


def local_instant(text: str, zone: ZoneInfo) -> datetime | None:
    """What a browser's date-and-time field sends, read in the reader's zone; None when it is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        return None
