"""Fleet events as rows: what began together becomes one parent, and one incident for each contract it touches.

The first machine of a contract goes the way of every signal (contract, ladder, promises, notices); the others of that
contract share its answer and its incident, so that nobody is called twice for one problem. Everything here is done
under one lock for the whole house, taken before any customer's turn: two watchers cannot make two parents of one event.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from escalation import opening, story
from escalation.fleet_words import child_title, members_joined, parent_title
from escalation.onsets import a_day, fresh, going_on, onset, onset_of, recent, spot_of
from escalation.signal import Report, Signal
from escalation.together import FLEET, Found, Onset, mean_signature, named_after, problem_of, sort_out
from escalation.whereabouts import Place, contracts_of, places_of
from models import audit
from models.base import new_id
from models.fleet_events import FleetEvent, FleetMember
from models.incidents import OPEN_STATES, Finding, Incident

Tell = Callable[[Session, Signal, datetime], Report]
Key = tuple[uuid.UUID, uuid.UUID | None]  # customer and contract

_MOST_SPOTS: Final = 300
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('vigie.fleet', 42))")

_SHARED: Final = text(
    """
    UPDATE findings SET incident_id = given.incident_id, decision_id = given.decision_id, shadow = given.shadow
    FROM json_to_recordset(CAST(:rows AS json)) AS given(id uuid, incident_id uuid, decision_id uuid, shadow boolean)
    WHERE findings.id = given.id
    """
)


def take_lock(session: Session) -> None:
    """Be alone with the question what began together. Before any customer's turn, or two may wait crosswise."""
    session.execute(_LOCK)


def take(session: Session, signals: Sequence[Signal], now: datetime, tell: Tell) -> dict[int, Report]:
    """Answer those of these signals that belong to a fleet event, by their place; the others are the caller's.

    `tell`: how one signal goes to the contract. The caller holds `take_lock`. Never commits.
    """
    new = fresh(session, signals)
    machines = {signals[at].machine_id for at in new}
    if not new:
        return {}
    problems = {problem_of(signals[at].cause) for at in new}
    before = recent(session, problems, machines, now)
    events = going_on(session, now)
    if len(machines) < 2 and not before and not events:
        return {}
    places = places_of(session, machines | {row.machine_id for row in before})
    known = [at for at in new if signals[at].machine_id in places]
    onsets = [onset(signals[at], places) for at in known] + [onset_of(row, places) for row in before]
    answers: dict[int, Report] = {}
    joined: dict[uuid.UUID, list[int]] = defaultdict(list)
    for found in sort_out(onsets, events, a_day(session, problems, now)):
        mine = [at for at in found.members if at < len(known)]
        if found.joins is not None:
            joined[found.joins] += mine
        elif mine:  # else nobody of this batch is in it: it was looked at when it began
            begun = _Batch(session, now, tell, places, [signals[known[at]] for at in mine])
            adopted = [before[at - len(known)] for at in found.members if at >= len(known)]
            told = begun.begin(found, [onsets[at] for at in found.members], adopted)
            answers |= dict(zip([known[at] for at in mine], told, strict=True))
    for event_id, mine in joined.items():
        if not mine:
            continue
        grown = _Batch(session, now, tell, places, [signals[known[at]] for at in mine])
        event = session.get_one(FleetEvent, event_id, with_for_update=True, populate_existing=True)
        told = grown.join(event, [onsets[at] for at in mine])
        answers |= dict(zip([known[at] for at in mine], told, strict=True))
    return answers


def child_for(session: Session, machine_id: uuid.UUID, cause: str) -> Incident | None:
    """The open child that stands for this machine's problem too."""
    return session.scalar(
        select(Incident)
        .join(FleetMember, FleetMember.incident_id == Incident.id)
        .where(
            FleetMember.machine_id == machine_id,
            FleetMember.cause == cause,
            FleetMember.released_at.is_(None),
            Incident.state.in_(OPEN_STATES),
        )
        .with_for_update(of=Incident)
        .execution_options(populate_existing=True)
        .limit(1)
    )


def back_again(session: Session, incident: Incident, machine_id: uuid.UUID, cause: str) -> None:
    """A member's problem came back: it is not recovered any more."""
    if incident.fleet_event_id is not None:
        mine = (FleetMember.event_id == incident.fleet_event_id, FleetMember.machine_id == machine_id)
        session.execute(update(FleetMember).where(*mine, FleetMember.cause == cause).values(recovered_at=None))


class _Batch:
    """Signals of one event, on their way to rows."""

    def __init__(
        self, session: Session, now: datetime, tell: Tell, places: Mapping[uuid.UUID, Place], signals: Sequence[Signal]
    ) -> None:
        self.session, self.now, self.tell, self.places, self.signals = session, now, tell, places, signals
        self.answered: dict[Key, Report] = {}
        self.shared: list[dict[str, Any]] = []  # answers of findings that share another's
        self.counts: dict[uuid.UUID | None, int] = {}  # machines behind each child, before this batch

    def begin(self, found: Found, onsets: Sequence[Onset], adopted: Sequence[Any]) -> list[Report]:
        """A new event: what was reported a moment ago and opened incidents of its own is taken in."""
        problem = problem_of(self.signals[0].cause)
        event = FleetEvent(
            id=new_id(), place="fleet", name="", problem=problem,
            severity=min(signal.severity for signal in self.signals), title="", chance=found.chance,
            began_at=min(one.began_at for one in onsets), last_began_at=max(one.began_at for one in onsets),
            opened_at=self.now, changed_at=self.now, machines=0, recovered=0, version=0, facts={"shared": []},
        )  # fmt: skip
        self.session.add(event)
        self.session.flush()  # members refer to it
        event.facts = {"shared": sorted(spot.key for spot in found.spots)}
        children = self._adopt(event, adopted)
        return self._add(event, onsets, children)

    def join(self, event: FleetEvent, onsets: Sequence[Onset]) -> list[Report]:
        """More machines of an event that goes on."""
        rows = self.session.scalars(
            select(Incident).where(Incident.fleet_event_id == event.id, Incident.state.in_(OPEN_STATES))
        )
        children = {(row.customer_id, row.contract_id): row for row in rows}
        event.last_began_at = max([event.last_began_at, *(one.began_at for one in onsets)])
        event.severity = min([event.severity, *(signal.severity for signal in self.signals)])
        return self._add(event, onsets, children)

    def _adopt(self, event: FleetEvent, adopted: Sequence[Any]) -> dict[Key, Incident]:
        """Rows of findings that came a moment before; the oldest open incident of each contract becomes its child."""
        if not adopted:
            return {}
        ids = [row.incident_id for row in adopted if row.incident_id is not None]
        opened = select(Incident).where(Incident.id.in_(ids), Incident.state.in_(OPEN_STATES)).order_by(Incident.number)
        rows = list(self.session.scalars(opened.with_for_update().execution_options(populate_existing=True)))
        children: dict[Key, Incident] = {}
        for row in rows:
            key = (row.customer_id, row.contract_id)
            if key not in children and row.fleet_event_id is None:
                row.fleet_event_id = event.id
                children[key] = row
        contracts = contracts_of(self.session, [self.places[row.machine_id] for row in adopted], self.now)
        by_id = {row.id: row for row in children.values()}
        members = [
            {
                "finding_id": row.id, "machine_id": row.machine_id, "customer_id": row.customer_id, "cause": row.cause,
                "contract_id": contracts[row.machine_id][1], "began_at": row.started_at, "recovered_at": row.ended_at,
                "incident_id": row.incident_id if row.incident_id in by_id else None,
                "answer": "opened" if row.incident_id is not None else "shadow" if row.shadow else "shown",
            }
            for row in adopted
        ]  # fmt: skip
        self._write(event, members)
        return children

    def _add(self, event: FleetEvent, onsets: Sequence[Onset], children: dict[Key, Incident]) -> list[Report]:
        mine = [self.places[signal.machine_id] for signal in self.signals]
        contracts = contracts_of(self.session, mine, self.now)
        by_contract: dict[Key, list[int]] = defaultdict(list)
        for at, signal in enumerate(self.signals):
            by_contract[contracts[signal.machine_id]].append(at)
        self._name(event, onsets)
        self.answered = self._answered(event)
        counted = select(FleetMember.incident_id, func.count()).where(FleetMember.event_id == event.id)
        for child, count in self.session.execute(counted.group_by(FleetMember.incident_id)):
            self.counts[child] = count
        answers: dict[int, Report] = {}
        for key in sorted(by_contract, key=str):
            answers |= self._of_contract(event, key, by_contract[key], children.get(key))
        self.session.flush()  # findings refer to what was opened
        if self.shared:
            self.session.execute(_SHARED, {"rows": orjson.dumps(self.shared).decode()})
        members = [
            {
                "finding_id": signal.finding_id, "machine_id": signal.machine_id, "cause": signal.cause,
                "customer_id": contracts[signal.machine_id][0], "contract_id": contracts[signal.machine_id][1],
                "began_at": signal.began_at or signal.seen_at, "recovered_at": None,
                "incident_id": answers[at].incident_id,
                "answer": "opened" if answers[at].incident_id is not None else answers[at].outcome,
            }
            for at, signal in enumerate(self.signals)
        ]  # fmt: skip
        self._write(event, members)
        self._count(event)
        return [answers[at] for at in range(len(self.signals))]

    def _of_contract(self, event: FleetEvent, key: Key, mine: list[int], child: Incident | None) -> dict[int, Report]:
        """All machines of one contract: the first is told to it, the others share what comes of that."""
        answers: dict[int, Report] = {}
        rest = list(mine)
        answer = self.answered.get(key) if child is None else None
        before = self.counts.get(child.id, 0) if child is not None else 0
        if child is None and answer is None:
            first = min(mine, key=lambda at: (self.signals[at].severity, self.places[self.signals[at].machine_id].name))
            told = replace(
                self.signals[first], title=child_title(self.signals[first].title, len(mine), event), at_once=True
            )
            answer = self.tell(self.session, told, self.now)
            answers[first] = answer
            rest.remove(first)
            if answer.incident_id is not None:
                child = self.session.get_one(Incident, answer.incident_id)
                child.fleet_event_id, before = event.id, 1
        if child is not None:
            if rest:
                self._tell_story(event, child, rest, before)
            answer = Report("joined", child.id, child.decision_id, f"{child.label} is open for this event")
        assert answer is not None  # told, found, or joined
        given = {"incident_id": answer.incident_id, "decision_id": answer.decision_id}
        ids = [id for at in rest if (id := self.signals[at].finding_id) is not None]
        self.shared += [{"id": id, **given, "shadow": answer.outcome == "shadow"} for id in ids]
        return answers | dict.fromkeys(rest, answer)

    def _answered(self, event: FleetEvent) -> dict[Key, Report]:
        """What contracts without a child answered earlier in this event: none is asked for every machine."""
        rows = self.session.execute(
            select(FleetMember.customer_id, FleetMember.contract_id, FleetMember.answer, Finding.decision_id)
            .join(Finding, Finding.id == FleetMember.finding_id)
            .where(FleetMember.event_id == event.id, FleetMember.answer.in_(("shown", "shadow", "refused")))
        )
        said = "answered for this event before"
        return {(row.customer_id, row.contract_id): Report(row.answer, None, row.decision_id, said) for row in rows}

    def _tell_story(self, event: FleetEvent, child: Incident, rest: Sequence[int], before: int) -> None:
        """More machines stand behind a child: said when their number doubles, so that a storm is a few lines."""
        count = before + len(rest)
        severity = min(self.signals[at].severity for at in rest)
        graver = severity < child.severity
        doubled = before < 1 or count.bit_length() != before.bit_length()
        if not graver and not doubled and child.condition_ended_at is None:
            return
        audit.take_turns(self.session, child.customer_id)
        if graver:
            opening.worsen(self.session, child, severity, f"{count} machines have the same problem", self.now)
        child.condition_ended_at = None
        child.title = child_title(child.title, count, event)
        names = sorted(self.places[self.signals[at].machine_id].name for at in rest)
        facts = {"event": event.label, "machines": names[:50], "count": count}
        story.tell(self.session, child, "joined", members_joined(names, count, event), self.now, facts=facts)
        story.changed(self.session, child, "join fleet event", self.now, facts=facts)

    def _write(self, event: FleetEvent, members: Iterable[dict[str, Any]]) -> None:
        rows = [{"id": new_id(), "event_id": event.id, "joined_at": self.now, **member} for member in members]
        if rows:
            once = insert(FleetMember).on_conflict_do_nothing(index_elements=["event_id", "machine_id"])
            self.session.execute(once, rows)

    def _count(self, event: FleetEvent) -> None:
        """Count, name and announce the event as it stands now."""
        counted = select(func.count(), func.count(FleetMember.recovered_at)).where(FleetMember.event_id == event.id)
        machines, recovered = self.session.execute(counted).one()
        event.machines, event.recovered, event.recovered_at = machines, recovered, None
        event.title = parent_title(event)
        event.version += 1
        event.changed_at = self.now

    def _name(self, event: FleetEvent, onsets: Sequence[Onset]) -> None:
        """What its machines have in common, counted on as they join."""
        facts = dict(event.facts)
        counts: dict[str, int] = defaultdict(int, facts.get("counts", {}))
        for spot in (spot for one in onsets for spot in one.spots):
            counts[spot.key] += 1
        total = int(facts.get("total", 0)) + len(onsets)
        loudest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_SPOTS]
        spots = {spot_of(key): count for key, count in loudest}
        found = named_after(spots, total)
        shared = {spot_of(key) for key in facts.get("shared", ())} | ({found} - {FLEET})
        if found.kind == "fleet" and len({one.customer_id for one in onsets}) > 1 and total >= 10:
            shared.add(FLEET)
        event.place, event.name = found.kind, found.name
        problems = sorted({*facts.get("problems", ()), *(one.problem for one in onsets)})
        event.facts = {
            "counts": dict(loudest), "total": total, "shared": sorted(spot.key for spot in shared),
            "problems": problems[:50],
            "signature": mean_signature([facts.get("signature", {}), *(one.signature for one in onsets)]),
        }  # fmt: skip
