"""Stored history replayed under two models: what one opens that the other does not, and what was said of it.

The model alone is compared, before contract and desk: what each would open is matched by machine and time. What
engineers said up to each instant acts on both as it acted then, and so does what was changed. Takes a session, never
commits.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import audit
from models.base import new_id
from models.incidents import Finding
from models.machines import Machine
from models.releases import ModelComparison, ModelRelease, ReleaseArtefact
from models.session import let_think
from models.telemetry import ReadingBlock
from telemetry import changes_kept, gridded, history, installing, matching, releases, taught, worked_on
from telemetry.changes import DEPLOYMENT
from telemetry.columns import Columns
from telemetry.machine import Machine as Known
from telemetry.maintenance import covering
from telemetry.matching import Opening, Pair
from telemetry.notebook import MOST_SERIES
from telemetry.reading import Event, Reading
from telemetry.verdict import Verdict
from telemetry.watching import Watching

LEARNED_FROM: Final = timedelta(days=3)  # before the span: what own learning begins with, and where averages stand
HEARD: Final = timedelta(hours=2)  # of that, one by one: rules, rhythm and counters stand where they stood
MOST: Final = 200  # openings listed in a kept comparison, of each kind


class NothingToCompare(ValueError):
    """No machine both models know has history in the span; says so."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What two models make of the same history. `left_out`: machines one of them could not score, and why."""

    a: str
    b: str
    machines: int
    reports: int
    pairs: Sequence[Pair]
    left_out: dict[str, str]

    def of(self, by: str) -> list[Pair]:
        """Those opened by `both`, by `a` alone, or by `b` alone."""
        return [pair for pair in self.pairs if pair.by == by]


def compare(
    session: Session, a: ModelRelease | None, b: ModelRelease | None, start: datetime, end: datetime,
    machines: Sequence[str] = (), said: Callable[[str], None] = lambda words: None,
) -> Compared:  # fmt: skip
    """Replay `start` up to `end` under both; None is what each machine learns by itself. Raises `BadRelease`,
    `NothingToCompare`."""
    let_think(session)
    for one in (a, b):
        if one is not None:
            releases.check(session, one)
    chosen = _machines(session, [one for one in (a, b) if one is not None], machines, start, end)
    if not chosen:
        raise NothingToCompare("no machine that both models know has stored history in that span")
    sides = (_Side(session, a), _Side(session, b))
    left_out, reports = _replayed(session, sides, chosen, start, end)
    for side in sides:
        said(f"{side.name}: {len(side.opened)} incidents in {reports} reports")
    notes = _verdicts(session, chosen, start, end)
    first, second = ([_noted(one, notes) for one in side.openings()] for side in sides)
    pairs = matching.paired(first, second)
    return Compared(sides[0].name, sides[1].name, len(chosen) - len(left_out), reports, pairs, left_out)


def keep(
    session: Session, compared: Compared, a: ModelRelease | None, b: ModelRelease | None, start: datetime,
    end: datetime, *, actor: str, now: datetime,
) -> ModelComparison:  # fmt: skip
    """Keep it, so that the pages and the API can show it."""
    kinds = {"both": "both", "lost": "a", "gained": "b"}
    row = ModelComparison(
        id=new_id(), a_id=a.id if a else None, b_id=b.id if b else None, starts_at=start, ends_at=end, made_at=now,
        made_by=actor,
        result={
            "a": compared.a, "b": compared.b, "machines": compared.machines, "reports": compared.reports,
            "left_out": compared.left_out,
            **{f"{word}_count": len(compared.of(by)) for word, by in kinds.items()},
            **{word: [_as_json(pair.one) for pair in compared.of(by)[:MOST]] for word, by in kinds.items()},
        },
    )  # fmt: skip
    session.add(row)
    facts = {name: row.result[name] for name in ("a", "b", "both_count", "lost_count", "gained_count")}
    audit.record(session, actor=actor, deed="model.compared", subject=f"models {compared.a} {compared.b}", now=now,
                 facts=facts)  # fmt: skip
    return row


def _machines(
    session: Session, of: Sequence[ModelRelease], names: Sequence[str], start: datetime, end: datetime
) -> list[Machine]:
    heard = select(ReadingBlock.machine_id).where(ReadingBlock.hour >= start - timedelta(hours=1),
                                                  ReadingBlock.hour < end)  # fmt: skip
    wanted = select(Machine).where(Machine.retired_at.is_(None), Machine.id.in_(heard)).order_by(Machine.name)
    if of:
        ids = {one.id for one in of}
        both = (
            select(ReleaseArtefact.machine_id)
            .where(ReleaseArtefact.release_id.in_(ids))
            .group_by(ReleaseArtefact.machine_id)
            .having(func.count() == len(ids))
        )
        wanted = wanted.where(Machine.id.in_(both))
    if names:
        wanted = wanted.where(Machine.name.in_(names))
    return list(session.scalars(wanted))


class _Side:
    """One of the two models over the fleet, and what it opens."""

    def __init__(self, session: Session, release: ModelRelease | None) -> None:
        self.watching = Watching()
        self.release = release
        self.name = release.label if release else releases.OWN
        self.opened: dict[uuid.UUID, tuple[Verdict, datetime | None]] = {}
        self._session = session

    def meet(self, machine: Machine, before: Columns, counters: frozenset[str]) -> str:
        """Bring a machine to where it stood when the span began; why that cannot be, or nothing."""
        try:
            if self.release is None:
                _learn(self.watching, machine.name, before, counters)
            else:
                brought = _brought(self._session, self.release, machine.id)
                installing.install(self.watching, machine.name, brought, before)
        except installing.NotYet:
            return "it said too little before the span to stand anywhere"
        except releases.Incompatible as why:
            return str(why)
        return ""

    def hear(self, heard: Sequence[Reading | Event]) -> None:
        """As if live."""
        for verdict in self.watching.feed(heard):
            if verdict.kind != "anomaly":
                continue
            if verdict.opened:
                self.opened[verdict.finding_id] = verdict, None
            elif verdict.finding_id in self.opened:
                self.opened[verdict.finding_id] = self.opened[verdict.finding_id][0], _at(verdict.at_ms)
        self.watching.take_models()
        self.watching.changes.take()

    def openings(self) -> list[Opening]:
        """In the order in which they began."""
        each = self.opened.values()
        return [Opening(v.machine, v.cause, v.severity, _at(v.started_ms), ended, v.summary) for v, ended in each]


def _replayed(
    session: Session, sides: Sequence[_Side], machines: Sequence[Machine], start: datetime, end: datetime
) -> tuple[dict[str, str], int]:
    """Feed both sides, each report read once; machines left out and why, and how many reports there were."""
    by_name = {one.name: one for one in machines}
    counters: dict[str, frozenset[str]] = {}
    left_out: dict[str, str] = {}
    for name, machine in by_name.items():
        before = history.reports(session, machine.id, None, start - LEARNED_FROM, start)
        counters[name] = gridded.counters_in(before)
        wrong = next(filter(None, (side.meet(machine, before, counters[name]) for side in sides)), "")
        if wrong:
            left_out[name] = wrong
    words = taught.judgements(session, end)
    for side in sides:
        for name in left_out:
            side.watching.drop(name)
        side.watching.judge(words)
    windows = worked_on.windows_of(session, [one.id for one in machines], start)
    watched = [one for one in machines if one.name not in left_out]
    changed, reports = _changes(session, watched, start, end), 0
    for batch in _heard(session, watched, counters, start, end):
        reports += len(batch)
        kept = [r for r in batch if covering(windows.get(by_name[r.machine].id, ()), _at(r.at_ms)) is None]
        told = [changed.pop(0) for _ in range(bisect_right(changed, batch[-1].at_ms, key=_instant) if batch else 0)]
        heard: list[Reading | Event] = sorted((*told, *kept), key=_instant)
        for side in sides:
            side.hear(heard)
    return left_out, reports


def _changes(session: Session, machines: Sequence[Machine], start: datetime, end: datetime) -> list[Event]:
    """What was changed on these machines from a day before the span on, as it was told live; restarts show by
    themselves."""
    names = {one.id: one.name for one in machines}
    rows = changes_kept.within(session, names, start - timedelta(days=1), end)
    return [
        Event(names[row.machine_id], ms, DEPLOYMENT, 4, row.what, ms, "history")
        for row in rows if row.kind == DEPLOYMENT for ms in (round(row.at.timestamp() * 1000),)
    ]  # fmt: skip


def _instant(said: Reading | Event) -> int:
    return said.at_ms


def _learn(watching: Watching, name: str, before: Columns, counters: frozenset[str]) -> None:
    """Own learning, of what history held when the span began. All but its last hours is taken as rows at once; a lone
    metric is judged by all of its values, one by one."""
    if 1 < len(before.values) <= MOST_SERIES and len(before):
        heard_ms = int(before.at_ms[-1]) - round(HEARD.total_seconds() * 1000)
        older = gridded.without(before, [(heard_ms, int(before.at_ms[-1]) + 1)])
        watching.known[name] = Known(name, notebook=gridded.notebook_of(older, counters))
        before = gridded.without(before, [(0, heard_ms)])
    aged = 10 * watching.settings.backdated_s * 1000
    told = before.rows()
    watching.feed([Reading(name, at, metrics, None, at + aged, "history", counters=counters) for at, metrics in told])
    if name not in watching.known:
        raise installing.NotYet


def _brought(session: Session, release: ModelRelease, machine_id: uuid.UUID) -> installing.Brought:
    row = session.execute(
        select(ReleaseArtefact.body, ReleaseArtefact.digest, ReleaseArtefact.lineage).where(
            ReleaseArtefact.release_id == release.id, ReleaseArtefact.machine_id == machine_id
        )
    ).one()
    return installing.brought(release.label, row.body, row.digest, row.lineage)


def _heard(
    session: Session,
    machines: Sequence[Machine],
    counters: Mapping[str, frozenset[str]],
    start: datetime,
    end: datetime,
) -> Iterator[list[Reading]]:
    """Every machine's reports in order of time, an hour at once."""
    at = start
    while at < end:
        until = min(at + timedelta(hours=1), end)
        columns = [(one.name, history.reports(session, one.id, None, at, until)) for one in machines]
        told = [
            [Reading(name, ms, metrics, None, ms, "history", counters=counters[name]) for ms, metrics in some.rows()]
            for name, some in columns
        ]
        yield list(merge(*told, key=lambda reading: reading.at_ms))
        at = until


def _verdicts(
    session: Session, machines: Sequence[Machine], start: datetime, end: datetime
) -> list[tuple[str, datetime, datetime | None, str]]:
    """What engineers said of the findings in the span: machine, from, to, word."""
    rows = session.execute(
        select(Machine.name, Finding.started_at, Finding.ended_at, Finding.verdict)
        .join(Machine, Machine.id == Finding.machine_id)
        .where(Finding.machine_id.in_([one.id for one in machines]), Finding.verdict != "", Finding.opened_at < end,
               (Finding.ended_at > start) | Finding.ended_at.is_(None))
    )  # fmt: skip
    return [(row.name, row.started_at, row.ended_at, row.verdict) for row in rows]


def _noted(one: Opening, notes: Sequence[tuple[str, datetime, datetime | None, str]]) -> Opening:
    """The opening with what engineers said of a finding at that time."""
    for machine, since, until, word in notes:
        inside = one.opened_at <= (until or one.opened_at) + matching.SLACK
        if machine == one.machine and inside and (one.ended_at is None or since <= one.ended_at + matching.SLACK):
            return Opening(one.machine, one.cause, one.severity, one.opened_at, one.ended_at, one.summary, word)
    return one


def _as_json(one: Opening) -> dict[str, Any]:
    return {
        "machine": one.machine, "cause": one.cause, "severity": one.severity, "opened_at": _said(one.opened_at),
        "ended_at": _said(one.ended_at) if one.ended_at else None, "summary": one.summary, "verdict": one.note,
    }  # fmt: skip


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _said(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
