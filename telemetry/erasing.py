"""Erasing what a machine sent within a span: seen before it is done, then done just so, and never silently.

Reports, roll-ups, scores, newest values, changes told, messages that could not be read, and models fitted from them go;
the watchers learn the machine anew of what stays (telemetry/forgetting.py). The ledger keeps its sums and says how
many of those stored were erased. Incidents keep the points frozen into them, the record of what was done, unless those
are to go as well. Takes a session, never commits.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from models import audit
from models.artefacts import ModelArtefact
from models.base import new_id
from models.history import HistoryRemoval
from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from models.releases import ReleaseArtefact
from models.telemetry import DeadLetter, DeliveryCount, ReadingBlock
from telemetry import changes_kept, figures, history, letters_of, newest, rollups, traces
from telemetry.columns import Columns, packed, unpacked
from telemetry.figures import HOUR_MS
from telemetry.history import instant as _at
from telemetry.releases import learned_in

# A model learns from three days, so one of a week later has nothing of the span in it.
_LEARNED_FROM: Final = timedelta(days=7)
_AHEAD: Final = timedelta(hours=2)  # more than a clock may be ahead of ours and still be believed


class Changed(Exception):
    """What would go is no longer what was seen."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What an erasure takes. `figures` counts hours; those of an hour whose reports are gone go whole."""

    reports: int
    figures: int
    first_at: datetime | None
    last_at: datetime | None
    letters: int
    changes: int
    models: int
    newest_values: bool
    findings: int  # with points of the span frozen into them, and incidents of the same
    incidents: int

    @property
    def is_nothing(self) -> bool:
        return not (self.reports or self.figures or self.letters or self.changes or self.newest_values)

    def seen(self, machine_id: uuid.UUID, start: datetime, end: datetime) -> str:
        """A word for this very extent: an erasure asks for it back, so that what was seen is what goes."""
        told = json.dumps([str(machine_id), start.isoformat(), end.isoformat(), asdict(self)], default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def preview(session: Session, machine: Machine, start: datetime, end: datetime) -> Extent:
    """What would go. `start` is included, `end` is not."""
    by_hour, first, last = _stored(session, machine.id, start, end)
    known = rollups.hours(session, machine.id, (), _hour(start), end)
    letters = letters_of.machine(session, machine, start, end)
    state = session.get(MachineState, machine.id)
    frozen = [_overlapping(session, kind, machine.id, start, end) for kind in (Finding, Incident)]
    return Extent(
        reports=sum(by_hour.values()),
        figures=len(known),
        first_at=first or (_at(int(known.at_ms[0])) if len(known) else None),
        last_at=last or (_at(int(known.at_ms[-1])) if len(known) else None),
        letters=int(session.scalar(select(func.count()).where(*letters)) or 0),
        changes=changes_kept.number(session, machine.id, start, end),
        models=sum(session.scalar(select(func.count()).where(*one)) or 0 for one in _models(machine.id, start, end)),
        newest_values=state is not None and newest.of_state(session, state, start, end) != (state.latest, state.facts),
        findings=len(frozen[0]),
        incidents=len(frozen[1]),
    )


def erase(
    session: Session, machine: Machine, start: datetime, end: datetime, *, seen: str, actor: str, reason: str,
    now: datetime, with_evidence: bool = False,
) -> HistoryRemoval:  # fmt: skip
    """Erase what `preview` told of. Raises `Changed` when that is no longer what was seen."""
    audit.take_turns(session, machine.customer_id)
    history.hold(session, machine.id)
    extent = preview(session, machine, start, end)
    if extent.seen(machine.id, start, end) != seen:
        raise Changed
    known = rollups.hours(session, machine.id, (), _hour(start), end)
    by_hour = _with_figures(_stored(session, machine.id, start, end)[0], known)
    _take_blocks(session, machine.id, start, end)
    rollups.take_out(session, machine.id, [_at(at) for at in known.at_ms.tolist()])
    said = _count_in_ledger(session, machine, by_hour)
    changes_kept.forget(session, machine.id, start, end)
    traces.erase(session, machine.id, _hour(start), end)
    session.execute(delete(DeadLetter).where(*letters_of.machine(session, machine, start, end)))
    for kind, which in zip((ModelArtefact, ReleaseArtefact), _models(machine.id, start, end), strict=True):
        session.execute(delete(kind).where(*which))
    state = session.get(MachineState, machine.id)
    if state is not None:
        state.latest, state.facts = newest.of_state(session, state, start, end)
    stripped = _strip(session, machine.id, start, end, now) if with_evidence else 0
    facts = {
        "machine": machine.name, "from": start.isoformat(), "to": end.isoformat(), "reason": reason,
        "reports": sum(by_hour.values()), "hours_of_figures": extent.figures, "letters": extent.letters,
        "changes": extent.changes, "models": extent.models, "counted_in_ledger": said, "evidence_erased": stripped,
    }  # fmt: skip
    row = HistoryRemoval(
        id=new_id(), customer_id=machine.customer_id, machine_id=machine.id, kind="erased", what="reports",
        starts_at=start, ends_at=end, reports=sum(by_hour.values()), actor=actor, reason=reason, done_at=now,
        facts=facts,
    )  # fmt: skip
    session.add(row)
    audit.record(
        session, actor=actor, deed="history.erased", subject=f"machine:{machine.id}", now=now,
        customer_id=machine.customer_id, facts=facts,
    )  # fmt: skip
    return row


def _stored(
    session: Session, machine_id: uuid.UUID, start: datetime, end: datetime
) -> tuple[Counter[datetime], datetime | None, datetime | None]:
    """Reports within the span by the hour, the first and the last. Only blocks that reach over an edge are opened."""
    block = ReadingBlock
    told = select(block.hour, block.part, block.first_at, block.last_at, block.reports)
    rows = session.execute(told.where(*_touched(machine_id, start, end)))
    found: Counter[datetime] = Counter()
    first: datetime | None = None
    last: datetime | None = None
    for row in rows:
        number, since, until = row.reports, row.first_at, row.last_at
        if since < start or until >= end:
            body = session.scalar(select(block.body).where(*_one(machine_id, row.hour, row.part)))
            at = _within(unpacked(body), start, end).at_ms if body is not None else np.zeros(0, np.int64)
            if not len(at):
                continue
            number, since, until = len(at), _at(int(at[0])), _at(int(at[-1]))
        found[row.hour] += number
        first = since if first is None else min(first, since)
        last = until if last is None else max(last, until)
    return found, first, last


def _take_blocks(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> None:
    block = ReadingBlock
    mine = _touched(machine_id, start, end)
    session.execute(delete(block).where(*mine, block.first_at >= start, block.last_at < end))
    for row in session.execute(select(block.hour, block.part, block.body).where(*mine).with_for_update()).all():
        whole = unpacked(row.body)
        outside = _outside(whole, start, end)
        if not len(outside):
            session.execute(delete(block).where(*_one(machine_id, row.hour, row.part)))
        elif len(outside) < len(whole):
            left = {
                "first_at": _at(int(outside.at_ms[0])), "last_at": _at(int(outside.at_ms[-1])),
                "reports": len(outside), "body": packed(outside),
            }  # fmt: skip
            session.execute(update(block).where(*_one(machine_id, row.hour, row.part)).values(**left))
    # The figures of these hours go; what stays of them is rolled up anew.
    hours = (block.machine_id == machine_id, block.hour >= _hour(start), block.hour < end)
    session.execute(update(block).where(*hours).values(rolled=False))


def _count_in_ledger(session: Session, machine: Machine, by_hour: Mapping[datetime, int]) -> int:
    """Say in the hours they came in how many of those stored were erased; how many could be told.

    The ledger counts by the hour of arrival and history by the instant of the report: what an hour has no room for came
    later, and is counted with what came then.
    """
    if not by_hour:
        return 0
    count = DeliveryCount
    mine = (
        count.machine == machine.name,
        count.customer_id == machine.customer_id,
        count.hour >= min(by_hour) - _AHEAD,
    )
    rows = session.scalars(select(count).where(*mine).order_by(count.hour).with_for_update()).all()
    waiting, owed = sorted(by_hour.items()), 0
    for row in rows:
        while waiting and waiting[0][0] <= row.hour:
            owed += waiting.pop(0)[1]
        owed -= _say_erased(row, owed)
    owed += sum(number for _, number in waiting)
    for row in reversed(rows):  # its clock was ahead of ours: it came before it was measured
        owed -= _say_erased(row, owed)
    return sum(by_hour.values()) - owed


def _say_erased(row: DeliveryCount, number: int) -> int:
    """As many as the hour has room for."""
    take = min(number, row.scored + row.late - row.erased)
    row.erased += take
    return take


def _with_figures(by_hour: Counter[datetime], known: Columns) -> Counter[datetime]:
    """Reports by the hour, of hours whose reports are gone as many as their figures are made of."""
    told = known.values.get(figures.REPORTS)
    for at, number in zip(known.at_ms.tolist(), () if told is None else told.tolist(), strict=False):
        if _at(at) not in by_hour:
            by_hour[_at(at)] = int(number)
    return by_hour


def _strip(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime, now: datetime) -> int:
    """Take the points of the span out of what is frozen; its sentences and its digest stay, and it says so."""
    found = 0
    note = {"from": start.isoformat(), "to": end.isoformat(), "at": now.isoformat()}
    rows: list[Finding | Incident] = [
        *_overlapping(session, Finding, machine_id, start, end),
        *_overlapping(session, Incident, machine_id, start, end),
    ]
    for row in rows:
        row.evidence = {**row.evidence, "series": _cut(row.evidence["series"], start, end), "erased": note}
        found += 1
    return found


def _overlapping(
    session: Session, kind: type[Finding] | type[Incident], machine_id: uuid.UUID, start: datetime, end: datetime
) -> list[Any]:  # Any: rows of either table
    rows: Iterable[Any] = session.scalars(  # Any: rows of either table
        select(kind).where(kind.machine_id == machine_id, kind.evidence.has_key("series"))
    )
    return [row for row in rows if _points_within(row.evidence["series"], start, end)]


def _points_within(series: Any, start: datetime, end: datetime) -> bool:  # Any: JSON
    from_ms, to_ms = _ms(start), _ms(end)
    return any(from_ms <= at < to_ms for one in series for at in one.get("at_ms", ()))


def _cut(series: Any, start: datetime, end: datetime) -> list[dict[str, Any]]:
    from_ms, to_ms = _ms(start), _ms(end)
    left = []
    for one in series:
        kept = [i for i, at in enumerate(one["at_ms"]) if not from_ms <= at < to_ms]
        left.append({**one, **{name: [one[name][i] for i in kept] for name in ("at_ms", "observed") if name in one}})
    return left


def _touched(machine_id: uuid.UUID, start: datetime, end: datetime) -> tuple[Any, ...]:
    block = ReadingBlock
    hours = (block.hour >= _hour(start), block.hour < end)
    return (block.machine_id == machine_id, *hours, block.last_at >= start, block.first_at < end)


def _one(machine_id: uuid.UUID, hour: datetime, part: int) -> tuple[Any, ...]:
    block = ReadingBlock
    return block.machine_id == machine_id, block.hour == hour, block.part == part


def _models(machine_id: uuid.UUID, start: datetime, end: datetime) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What was learned of the span: by the machine itself, or in a training; live artefacts, and those of releases."""
    model, kept = ModelArtefact, ReleaseArtefact
    itself = (model.created_at >= start) & (model.created_at < end + _LEARNED_FROM)
    live = (model.machine_id == machine_id, itself | learned_in(model.lineage, start, end))
    return live, (kept.machine_id == machine_id, learned_in(kept.lineage, start, end))


def _within(columns: Columns, start: datetime, end: datetime) -> Columns:
    return figures.where(columns, (columns.at_ms >= _ms(start)) & (columns.at_ms < _ms(end)))


def _outside(columns: Columns, start: datetime, end: datetime) -> Columns:
    return figures.where(columns, (columns.at_ms < _ms(start)) | (columns.at_ms >= _ms(end)))


def _hour(at: datetime) -> datetime:
    return _at(_ms(at) // HOUR_MS * HOUR_MS)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
