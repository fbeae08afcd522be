"""The platform's own health: processes, ledger, log, dead letters, notices, alarms. Everything from rows, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import func, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app import words
from app.pages.ledger import HourView
from escalation.canary_watch import CanaryView
from models.customers import Customer
from models.incidents import Incident
from models.notices import NOT_NEEDED, Notice
from models.people import Person
from models.telemetry import DeadLetter, LogPosition, LogRecord, ProcessBeat

QUIET_AFTER = timedelta(seconds=45)  # three missed beats: we do not know whether it still works
SLOW_LOG_S = 10  # as the desk counts it: the way in is closed then
LETTERS_SHOWN = 12
NOTICES_SHOWN = 12
_LOST = (Notice.given_up_at.is_not(None), Notice.last_error.not_like(f"{NOT_NEEDED}%"))

PARTS: Mapping[str, tuple[str, str]] = {
    "supervisor": ("Supervisor", "starts the parts and brings dead ones back"),
    "postgres": ("PostgreSQL", "the memory"),
    "broker": ("Broker", "MQTT connections and sessions"),
    "path": ("Way in", "from the machines to the watchers; while it is closed machines are unknown, not silent"),
    "bridge": ("Bridge", "MQTT in, log out; acknowledges what the log confirmed"),
    "watch": ("Watch", "decodes, scores, opens incidents"),
    "work": ("Desk", "climbs rungs, delivers notices, audits"),
    "tick": ("Ladder clock", "climbs due rungs"),
    "deliver": ("Delivery", "mail, webhooks, files"),
    "audit": ("Auditor", "looks from outside"),
    "auditor": ("Auditor", "looks from outside"),
    "web": ("Web", "pages and API"),
    "lab": ("Lab", "plays the demo fleet"),
    "agent": ("Agent", "reports this very host"),
    "canary": ("Canary", "breaks its own machine on purpose, to measure detection"),
}


_UNITS = {"s": "s", "ms": "ms", "mb": "MB", "pct": "%"}  # at the end of a fact's name


@dataclass(frozen=True, slots=True)
class PartView:
    """One process."""

    name: str
    title: str
    does: str
    kind: str
    words: str
    since: str
    restarts: str
    facts: str


@dataclass(frozen=True, slots=True)
class LetterView:
    """Dead letters of one reason from one machine."""

    number: int
    reason: str
    detail: str
    source: str
    last: str
    head: str
    tail: str
    code: str  # the reason as programs know it
    machine: str
    kinds: int  # reasons and machines in all, those that are not shown included


@dataclass(frozen=True, slots=True)
class CanaryLine:
    """A canary as the platform page tells of it."""

    machine: str
    kind: str  # of its mark
    last: str
    below: str
    median: str
    tried: int
    missed: int


def canary_view(one: CanaryView, now: datetime, zone: tzinfo) -> CanaryLine:
    """How long its last fault took to be found, and the median of its day."""
    last, missed = one.last, one.missed(now)
    if last is None:
        said, below, kind = "nothing to tell yet", "its first fault is still to come", "unknown"
    else:
        below = f"{last.kind}, made {words.hour(last.began_at, zone, now)}, to be found within {last.due_s} s"
        found = last.latency_s is not None
        said = f"{last.latency_s:.1f} s" if found else "not found"
        kind = "deviates" if last.missed(now) else "healthy"
    usual = "–" if one.median_s is None else f"{one.median_s:.1f} s"
    return CanaryLine(one.machine, kind, said, below, usual, len(one.tried), missed)


def read_beats(session: Session) -> list[ProcessBeat]:
    """Every process that ever beat here, in the order a reading travels."""
    order = {name: place for place, name in enumerate(PARTS)}
    return sorted(session.scalars(select(ProcessBeat)), key=lambda beat: (order.get(_noun(beat.name), 99), beat.name))


def part_view(beat: ProcessBeat, now: datetime, zone: tzinfo) -> PartView:
    """A process that has not beaten for a while is unknown, not healthy and not down."""
    noun = _noun(beat.name)
    title, does = PARTS.get(noun, (noun.capitalize(), ""))
    number = beat.name.removeprefix(noun).strip("-.:")
    quiet = now - beat.beat_at
    if beat.state == "stopped":
        kind, said = "maintenance", "stopped"
    elif quiet > QUIET_AFTER:
        kind, said = "unknown", f"not heard for {words.span(quiet.total_seconds())}"
    elif beat.state == "running":
        strained = strained_words(beat.facts)
        kind, said = ("deviates", f"running; {strained}") if strained else ("healthy", "running")
    else:
        kind, said = "deviates", "waits before the next try" if beat.state == "waiting" else beat.state
    again = "never restarted" if not beat.restarts else f"{words.count(beat.restarts, 'restart')}"
    if beat.restarts and beat.why:
        again += f"; last end: {beat.why}"
    return PartView(
        name=beat.name,
        title=f"{title} {number}".strip(),
        does=does,
        kind=kind,
        words=said,
        since=f"since {words.hour(beat.started_at, zone, now)}, process {beat.pid}",
        restarts=again,
        facts=facts_words(beat.facts),
    )


def strained_words(facts: Mapping[str, object]) -> str:
    """What keeps a running process from doing its work, and what becomes of it meanwhile; empty when nothing does."""
    away, waiting, dropped = (_whole(facts.get(n)) for n in ("log_away_s", "unacknowledged", "dropped_by_broker"))
    if facts.get("connected") is False:
        return "not connected to its broker, which keeps what comes"
    if away >= SLOW_LOG_S:
        kept = f"{words.count(waiting, 'message')} here and all others at the broker wait"
        return f"the log has taken nothing for {words.span(away)}: nothing is acknowledged, {kept}"
    if dropped:
        return f"the broker has dropped {words.count(dropped, 'message')}: its limits are too small for what waits"
    return str(facts.get("degraded") or "")


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def facts_words(facts: Mapping[str, object]) -> str:
    """What a process tells of its progress, as "noun value" pairs; nested ones are left to the API."""
    said = []
    for name, value in facts.items():
        if value is False:
            said.append(f"not {name.replace('_', ' ')}")
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, int | float):
            noun, _, unit = name.rpartition("_")
            named, unit = (noun, _UNITS[unit]) if noun and unit in _UNITS else (name, "")
            said.append(f"{named.replace('_', ' ')} {words.amount(float(value))} {unit}".rstrip())
        elif isinstance(value, str) and value:
            said.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(said[:6])


def read_letters(session: Session, now: datetime, zone: tzinfo) -> tuple[int, list[LetterView]]:
    """How many dead letters wait, and the newest of each reason and machine."""
    letter = DeadLetter
    groups = (
        select(
            letter.reason,
            letter.machine,
            func.count().label("number"),
            func.max(letter.received_at).label("last"),
            func.sum(func.count()).over().label("all"),
            func.count().over().label("kinds"),
        )
        .where(letter.replay_asked_at.is_(None))
        .group_by(letter.reason, letter.machine)
        .order_by(func.max(letter.received_at).desc())
        .limit(LETTERS_SHOWN)
        .subquery()
    )
    size = func.length(letter.payload)
    ends = func.substr(letter.payload, 1, 61), func.substr(letter.payload, func.greatest(61, size - 59))
    rows = session.execute(
        select(groups, letter.detail, letter.topic, ends[0].label("start"), ends[1].label("end"), Customer.name)
        .join(
            letter,
            (letter.reason == groups.c.reason)
            & (letter.machine == groups.c.machine)
            & (letter.received_at == groups.c.last),
        )
        .outerjoin(Customer, Customer.id == letter.customer_id)
        .ext(distinct_on(groups.c.last, groups.c.reason, groups.c.machine))
        .order_by(groups.c.last.desc(), groups.c.reason, groups.c.machine)
    ).all()
    views = [
        LetterView(
            number=row.number,
            reason=row.reason.replace("_", " "),
            detail=row.detail,
            source=", ".join(part for part in (row.name, row.machine) if part) or row.topic,
            last=words.hour(row.last, zone, now),
            head=words.first_bytes(bytes(row.start)),
            tail=f"…{words.first_bytes(bytes(row.end))}" if row.end else "",
            code=row.reason,
            machine=row.machine,
            kinds=int(row.kinds),
        )
        for row in rows
    ]
    return (int(rows[0].all) if rows else 0), views


def read_log(session: Session, now: datetime) -> list[tuple[str, str, str, str]]:
    """Reader, partition, how far behind the embedded log it is, and who holds it."""
    head = (
        select(LogRecord.partition, func.max(LogRecord.position).label("last")).group_by(LogRecord.partition).subquery()
    )
    at = LogPosition  # not the whole row: its snapshot is large
    rows = session.execute(
        select(at.reader, at.partition, at.position, at.moved_at, at.owner, head.c.last)
        .outerjoin(head, head.c.partition == LogPosition.partition)
        .where(at.reader != "write")  # the log's own end stands in the same table: nobody reads there
        .order_by(LogPosition.reader, LogPosition.partition)
    )  # fmt: skip
    lines = []
    for reader, partition, position, moved_at, owner, last in rows:
        behind = max(0, int(last) + 1 - int(position)) if last is not None else 0
        lag = f"{words.count(behind, 'record')} behind" if behind else "nothing waits"
        moved = f"moved {words.ago(moved_at, now)}" if moved_at else "not moved yet"
        lines.append((f"{reader} {partition}", lag, moved, owner or "nobody just now"))
    return lines


def read_notices(session: Session) -> tuple[dict[str, int], list[tuple[Notice, str, int]]]:
    """Counts of the last day (delivered, waiting, given up), and the newest ones with person and incident. One query:
    the counts stand beside each row, and alone where there is none."""
    sums = (
        select(
            func.count().filter(Notice.settled_at.is_not(None)).label("delivered"),
            func.count().filter(Notice.settled_at.is_(None), Notice.given_up_at.is_(None)).label("waiting"),
            func.count().filter(*_LOST).label("given_up"),
        )
        .where(Notice.created_at > func.now() - timedelta(days=1))
        .subquery()
    )
    order = ((Notice.settled_at.is_(None) & Notice.given_up_at.is_(None)).desc(), Notice.created_at.desc())
    of_incidents = select(Notice.id).where(Notice.incident_id.is_not(None))
    newest = of_incidents.order_by(*order).limit(NOTICES_SHOWN).subquery()
    rows = session.execute(
        select(sums, Notice, Person.name, Incident.number)
        .select_from(sums)
        .outerjoin(newest, true())
        .outerjoin(Notice, Notice.id == newest.c.id)
        .outerjoin(Incident, Incident.id == Notice.incident_id)
        .outerjoin(Person, Person.id == Notice.person_id)
        .order_by(*order)
    ).all()
    counts = {"delivered": rows[0].delivered, "waiting": rows[0].waiting, "given up": rows[0].given_up}
    shown = [(row.Notice, row.name or row.Notice.address, row.number) for row in rows if row.Notice is not None]
    return counts, shown


def in_one_sentence(parts: list[PartView], unsure: list[str], hours: list[HourView], letters: int) -> str:
    """How the platform stands, first what asks for somebody."""
    if not parts:
        return "No process has reported itself here yet."
    first = (
        f"{words.listed(unsure)} {'needs' if len(unsure) == 1 else 'need'} a look."
        if unsure
        else f"All {len(parts)} parts run."
    )
    missing = sum(hour.missing for hour in hours)
    second = f"{words.count(missing, 'report')} missing." if missing else "Everything received is accounted for."
    third = f" {words.count(letters, 'dead letter')} to look at." if letters else ""
    return f"{first} {second}{third}"


def _noun(name: str) -> str:
    return name.rstrip("0123456789").rstrip("-.:")
