"""History: what every machine reported, in compressed blocks of an hour, readable over any span for a chart.

A flush adds a part to each hour it touched; `compact` joins the parts of an hour into one, part 0. Takes a session.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

import numpy as np
import orjson
import structlog
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models.session import SYSTEM, Sessions, work
from models.telemetry import ReadingBlock
from telemetry import figures
from telemetry.columns import Columns, Floats, Instants, joined, of_reports, packed, unpacked

log = structlog.get_logger("history")

HOUR_MS: Final = 3_600_000
# An hour that still fills is joined when it lies in so many parts; a past one as soon as there are two.
_LOOSE_PARTS: Final = 40
_HOURS_AT_ONCE: Final = 100  # a compaction's transaction stays short

Report = tuple[int, Mapping[str, float]]  # instant in epoch ms, metrics
# All blocks of a flush in one statement.
_ADD: Final = text(
    """
    INSERT INTO reading_blocks (machine_id, customer_id, hour, part, first_at, last_at, reports, rolled, body)
    SELECT machine_id, customer_id, hour, part, first_at, last_at, reports, rolled,
        substring(CAST(:bodies AS bytea) FROM begins FOR size)
    FROM json_to_recordset(CAST(:rows AS json)) AS given(machine_id uuid, customer_id uuid, hour timestamptz,
        part bigint, first_at timestamptz, last_at timestamptz, reports int, rolled boolean, begins int, size int)
    """
)
# Several spans of machines in one question.
_SPANS: Final = text(
    """
    SELECT asked.at, b.body
    FROM json_to_recordset(CAST(:asked AS json)) AS asked(at int, machine uuid, first timestamptz, until timestamptz)
    JOIN reading_blocks b ON b.machine_id = asked.machine AND b.hour >= asked.first AND b.hour < asked.until
    ORDER BY asked.at, b.hour, b.part
    """
)
_HOLD: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:machine, 63))")
_TRY_HOLD: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:machine, 63))")


@dataclass(frozen=True)
class Line:
    """One metric over a span: one point a bucket; NaN in a bucket without a value."""

    least: Floats
    mean: Floats
    most: Floats


@dataclass(frozen=True)
class Span:
    """What a chart needs. `at_ms` is the middle of each bucket, or the report's own instant when none were joined."""

    at_ms: Instants
    lines: Mapping[str, Line]
    reports: int
    step_ms: int  # width of a bucket; 0 when every report stands for itself


def hold(session: Session, machine_id: uuid.UUID) -> None:
    """Nobody else joins, rolls up, clears or erases what is stored of this machine until the transaction ends.

    Whoever holds several takes them in the order of their ids. Storing goes on meanwhile.
    """
    try:
        session.execute(_HOLD, {"machine": str(machine_id)})
    except OperationalError:
        log.warning("machine held by somebody else", machine=str(machine_id))  # the error names no values
        raise


def part_number(partition: int, now: datetime) -> int:
    """The part a flush writes: no other flush of any partition has it. Never 0."""
    return round(now.timestamp() * 1_000_000) * 1024 + partition


def add(session: Session, part: int, machines: Sequence[tuple[uuid.UUID, uuid.UUID, Sequence[Report]]]) -> int:
    """Store reports of (machine, customer, reports) as part `part` of the hours they fall in; the number of blocks."""
    rows = []
    for machine_id, customer_id, reports in machines:
        hours: dict[int, list[Report]] = {}
        for report in reports:
            hours.setdefault(report[0] // HOUR_MS, []).append(report)
        rows += [
            _row(machine_id, customer_id, instant(hour * HOUR_MS), part, of_reports(some))
            for hour, some in hours.items()
        ]
    if rows:
        bodies = [row.pop("body") for row in rows]
        begins = accumulate(map(len, bodies), initial=1)  # of the bodies one after the other
        placed = [row | {"begins": at, "size": len(body)} for row, at, body in zip(rows, begins, bodies, strict=False)]
        session.execute(_ADD, {"rows": orjson.dumps(placed).decode(), "bodies": b"".join(bodies)})
    return len(rows)


def read(
    session: Session,
    machine_id: uuid.UUID,
    metrics: Collection[str] | None,
    start: datetime,
    end: datetime,
    max_points: int = 600,
) -> Span:
    """The metrics named (all, when None) from `start` up to but without `end`, in at most `max_points` buckets."""
    return _span(reports(session, machine_id, metrics, start, end), start, end, max_points)


def _span(columns: Columns, start: datetime, end: datetime, max_points: int) -> Span:
    from_ms, to_ms = _ms(start), _ms(end)
    if len(columns) <= max_points:
        lines = {name: Line(values, values, values) for name, values in columns.values.items()}
        return Span(columns.at_ms, lines, len(columns), 0)
    step = max(1, -(-(to_ms - from_ms) // max_points))
    bucket = (columns.at_ms - from_ms) // step
    edges = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    middles = from_ms + bucket[edges] * step + step // 2
    lines = {name: _line(values, edges) for name, values in columns.values.items()}
    return Span(middles, lines, len(columns), step)


def reports(
    session: Session, machine_id: uuid.UUID, metrics: Collection[str] | None, start: datetime, end: datetime
) -> Columns:
    """Every report in the span as it was sent."""
    from_ms, to_ms = _ms(start), _ms(end)
    bodies = session.scalars(
        select(ReadingBlock.body)
        .where(
            ReadingBlock.machine_id == machine_id,
            ReadingBlock.hour >= instant(from_ms // HOUR_MS * HOUR_MS),
            ReadingBlock.hour < end,
        )
        .order_by(ReadingBlock.hour, ReadingBlock.part)
    )
    return _cut(bodies, metrics, from_ms, to_ms)


@dataclass(frozen=True)
class Wanted:
    """A span of one machine, and which of its metrics."""

    machine_id: uuid.UUID
    metrics: Collection[str]
    start: datetime
    end: datetime


def read_many(session: Session, wanted: Sequence[Wanted], max_points: int = 600) -> list[Span]:
    """`read` for many machines, in one question to the database."""
    asked = [
        {"at": at, "machine": one.machine_id, "first": instant(_ms(one.start) // HOUR_MS * HOUR_MS), "until": one.end}
        for at, one in enumerate(wanted)
        if one.metrics
    ]
    bodies: list[list[bytes]] = [[] for _ in wanted]
    if asked:
        for at, body in session.execute(_SPANS, {"asked": orjson.dumps(asked).decode()}):
            bodies[at].append(body)
    return [
        _span(_cut(some, one.metrics, _ms(one.start), _ms(one.end)), one.start, one.end, max_points)
        for one, some in zip(wanted, bodies, strict=True)
    ]


def _cut(bodies: Iterable[bytes], metrics: Collection[str] | None, from_ms: int, to_ms: int) -> Columns:
    """What lies in these blocks from one instant up to but without another."""
    only = frozenset(metrics) if metrics is not None else None
    columns = joined(unpacked(body, only) for body in bodies)
    first, last = np.searchsorted(columns.at_ms, [from_ms, to_ms])
    return Columns(columns.at_ms[first:last], {name: v[first:last] for name, v in columns.values.items()})


def compact(session: Session, now: datetime, limit: int = _HOURS_AT_ONCE) -> int:
    """Join the loose parts of up to `limit` hours; how many were joined.

    A machine that somebody holds is left for the next turn, and the log says so with how much lies there.
    """
    past = now - timedelta(hours=1, minutes=5)
    loose = session.execute(
        select(ReadingBlock.machine_id, ReadingBlock.hour, func.count().label("parts"))
        .where(ReadingBlock.part > 0)
        .group_by(ReadingBlock.machine_id, ReadingBlock.hour)
        .having((func.count() >= _LOOSE_PARTS) | ((ReadingBlock.hour < past) & (func.count() > 1)))
        .limit(limit)
    ).all()
    done = 0
    for machine_id, hour, parts in sorted((row.machine_id, row.hour, row.parts) for row in loose):
        if session.scalar(_TRY_HOLD, {"machine": str(machine_id)}):
            _compact_hour(session, machine_id, hour)
            done += 1
        else:
            log.warning("compaction waits", machine=str(machine_id), hour=hour.isoformat(), parts=parts)
    return done


def compaction_loop(sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that keeps history compact; a minute between two turns is plenty."""

    def body(now: datetime) -> None:
        more = True
        while more:
            with work(sessions, SYSTEM) as session:
                more = compact(session, now) == _HOURS_AT_ONCE

    return body


def _compact_hour(session: Session, machine_id: uuid.UUID, hour: datetime) -> None:
    own = (ReadingBlock.machine_id == machine_id, ReadingBlock.hour == hour)
    blocks = session.scalars(select(ReadingBlock).where(*own).order_by(ReadingBlock.part).with_for_update()).all()
    if not blocks:
        return
    row = _row(machine_id, blocks[0].customer_id, hour, 0, joined(unpacked(block.body) for block in blocks))
    row["rolled"] = all(block.rolled for block in blocks)
    session.execute(delete(ReadingBlock).where(*own, ReadingBlock.part.in_([block.part for block in blocks])))
    session.execute(insert(ReadingBlock), [row])
    session.expunge_all()  # the rows just deleted must not be taken for rows that still are


def _row(machine_id: uuid.UUID, customer_id: uuid.UUID, hour: datetime, part: int, columns: Columns) -> dict[str, Any]:
    return {
        "machine_id": machine_id,
        "customer_id": customer_id,
        "hour": hour,
        "part": part,
        "first_at": instant(int(columns.at_ms[0])),
        "last_at": instant(int(columns.at_ms[-1])),
        "reports": len(columns),
        "rolled": False,
        "body": packed(columns),
    }


def _line(values: Floats, edges: Instants) -> Line:
    there = ~np.isnan(values)
    count = np.add.reduceat(there.astype(np.int64), edges)
    mean = figures.means(np.where(there, values, 0.0), there.astype(float), edges, count.astype(float))
    least = np.minimum.reduceat(np.where(there, values, np.inf), edges)
    most = np.maximum.reduceat(np.where(there, values, -np.inf), edges)
    empty = count == 0
    least[empty] = most[empty] = mean[empty] = np.nan
    return Line(least, mean, most)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def instant(at_ms: int) -> datetime:
    """Epoch milliseconds as an instant."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
