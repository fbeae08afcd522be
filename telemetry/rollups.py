"""Roll-ups: the figures of every hour and day of a machine, made of its reports once an hour is over.

A block says whether the roll-ups know of it (`rolled`). Whatever comes late, or stays after an erasure, lies in a block
they do not know: its hour is made anew. Hours whose reports are no longer kept are sealed: what comes for them still is
added to their figures. Takes a session, never commits.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.history import ReadingRollup
from models.session import SYSTEM, Sessions, work
from models.telemetry import ReadingBlock
from telemetry import figures, history
from telemetry.columns import Columns, joined, packed, unpacked
from telemetry.figures import DAY_MS, HOUR_MS

# An hour is over for us when the slowest flush has had its time; what comes after that is late, and makes it anew.
_SETTLED: Final = timedelta(hours=1, minutes=5)
_HOURS_AT_ONCE: Final = 400  # a transaction stays short

Hours = dict[tuple[uuid.UUID, uuid.UUID], list[datetime]]


def roll(session: Session, now: datetime, limit: int = _HOURS_AT_ONCE) -> int:
    """Bring the roll-ups up to what is stored, for at most `limit` hours; how many. Done again it changes nothing."""
    block = ReadingBlock
    rows = session.execute(
        select(block.machine_id, block.customer_id, block.hour)
        .where(~block.rolled, block.hour < now - _SETTLED)
        .distinct()
        .order_by(block.machine_id, block.hour)
        .limit(limit)
    ).all()
    machines: Hours = defaultdict(list)
    for machine_id, customer_id, hour in rows:
        machines[machine_id, customer_id].append(hour)
    for (machine_id, customer_id), hours in machines.items():
        _roll_machine(session, machine_id, customer_id, hours)
    return len(rows)


def rolling_loop(sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop that keeps the roll-ups up to what is stored; a minute between two turns is plenty."""

    def body(now: datetime) -> None:
        more = True
        while more:
            with work(sessions, SYSTEM) as session:
                more = roll(session, now) == _HOURS_AT_ONCE

    return body


def hours(
    session: Session, machine_id: uuid.UUID, metrics: Collection[str] | None, start: datetime, end: datetime
) -> Columns:
    """The figures of every hour that begins in the span, those not rolled up yet made on the spot."""
    day = _midnight(start)
    rows = session.execute(
        select(ReadingRollup.starts_at, ReadingRollup.sealed, ReadingRollup.body)
        .where(
            ReadingRollup.machine_id == machine_id,
            ReadingRollup.grain == "hour",
            ReadingRollup.starts_at >= day,
            ReadingRollup.starts_at < end,
        )
        .order_by(ReadingRollup.starts_at)
    ).all()
    only = None if metrics is None else figures.columns_for(metrics)
    known = joined(unpacked(row.body, only) for row in rows)
    sealed = {row.starts_at for row in rows if row.sealed}
    fresh = fresh_hours(session, machine_id, start, end)
    if fresh:
        late = [hour for hour in fresh if _midnight(hour) in sealed]
        known = figures.replaced(known, _made(session, machine_id, sorted(set(fresh) - set(late)), metrics))
        known = figures.added(known, _made(session, machine_id, late, metrics, late=True), HOUR_MS)
    return figures.between(known, _ms(start), _ms(end))


def days(
    session: Session, machine_id: uuid.UUID, metrics: Collection[str] | None, start: datetime, end: datetime
) -> Columns:
    """The figures of every day (UTC) that begins in the span, those of days not rolled up yet made on the spot."""
    bodies = session.scalars(
        select(ReadingRollup.body)
        .where(
            ReadingRollup.machine_id == machine_id,
            ReadingRollup.grain == "day",
            ReadingRollup.starts_at >= _first_of_month(start),
            ReadingRollup.starts_at < end,
        )
        .order_by(ReadingRollup.starts_at)
    )
    only = None if metrics is None else figures.columns_for(metrics)
    known = joined(unpacked(body, only) for body in bodies)
    for day in sorted({_midnight(hour) for hour in fresh_hours(session, machine_id, start, end)}):
        anew = hours(session, machine_id, metrics, day, day + timedelta(days=1))
        known = figures.replaced(known, figures.summed(anew, DAY_MS))
    return figures.between(known, _ms(start), _ms(end))


def fresh_hours(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> list[datetime]:
    """Hours of the span of which something is stored that the roll-ups do not know yet."""
    block = ReadingBlock
    return list(
        session.scalars(
            select(block.hour)
            .where(block.machine_id == machine_id, block.hour >= start, block.hour < end, ~block.rolled)
            .distinct()
            .order_by(block.hour)
        )
    )


def metrics_of(session: Session, machine_id: uuid.UUID, start: datetime, end: datetime) -> list[str]:
    """Every metric that was reported on a day of the span."""
    return figures.names_in(days(session, machine_id, None, _midnight(start), end))


def take_out(session: Session, machine_id: uuid.UUID, hours_out: Collection[datetime]) -> int:
    """Forget the figures of these hours, and make their days anew of the hours that stay; how many had figures."""
    by_day: dict[datetime, list[int]] = defaultdict(list)
    for hour in hours_out:
        by_day[_midnight(hour)].append(_ms(hour))
    gone = 0
    touched = []
    for row in session.scalars(
        select(ReadingRollup)
        .where(
            ReadingRollup.machine_id == machine_id, ReadingRollup.grain == "hour", ReadingRollup.starts_at.in_(by_day)
        )
        .order_by(ReadingRollup.starts_at)
        .with_for_update()
    ):
        known = unpacked(row.body)
        left = figures.without(known, np.asarray(by_day[row.starts_at], np.int64))
        gone += len(known) - len(left)
        touched.append((row.starts_at, left, row.customer_id))
        if len(left):
            row.body = packed(left)
        else:
            session.delete(row)
    session.flush()  # the days are written from what has been taken out above
    for day, left, customer_id in touched:
        _put_days(session, machine_id, customer_id, [day], figures.summed(left, DAY_MS))
    return gone


def _roll_machine(session: Session, machine_id: uuid.UUID, customer_id: uuid.UUID, hours: list[datetime]) -> None:
    history.hold(session, machine_id)
    made, made_days = [], []
    for day, of_day in _by_day(hours).items():
        row = session.execute(
            select(ReadingRollup.body, ReadingRollup.sealed)
            .where(
                ReadingRollup.machine_id == machine_id, ReadingRollup.grain == "hour", ReadingRollup.starts_at == day
            )
            .with_for_update()
        ).one_or_none()
        is_sealed = row is not None and row.sealed
        known = unpacked(row.body) if row is not None else joined([])
        fresh = _made(session, machine_id, of_day, None, late=is_sealed, take=True)
        whole = figures.added(known, fresh, HOUR_MS) if is_sealed else figures.replaced(known, fresh)
        if not len(whole):
            continue
        made.append(_row(machine_id, customer_id, "hour", day, whole))
        made_days.append((day, figures.summed(whole, DAY_MS)))
    _put(session, made)
    if made_days:
        every = joined(one for _, one in made_days)
        _put_days(session, machine_id, customer_id, [day for day, _ in made_days], every)


def _made(
    session: Session, machine_id: uuid.UUID, hours: Collection[datetime], metrics: Collection[str] | None,
    *, late: bool = False, take: bool = False,
) -> Columns:  # fmt: skip
    """Figures of these hours, of all that is stored of them, or (`late`) of what the roll-ups do not know only.

    `take`: mark what was read as known; of late ones nothing stays but the figures, as of their whole hour.
    """
    if not hours:
        return joined([])
    block = ReadingBlock
    mine = (block.machine_id == machine_id, block.hour.in_(hours), *((~block.rolled,) if late else ()))
    wanted = select(block.hour, block.part, block.body).where(*mine).order_by(block.hour, block.part)
    rows = session.execute(wanted.with_for_update() if take else wanted).all()
    only = None if metrics is None else frozenset(metrics)
    # Late parts of one instant may be words that history would have joined: each hour is joined before it is counted.
    made = figures.of_reports(joined(unpacked(row.body, only) for row in rows), HOUR_MS)
    for row in rows if take else ():
        one = (block.machine_id == machine_id, block.hour == row.hour, block.part == row.part)
        session.execute(delete(block).where(*one) if late else update(block).where(*one).values(rolled=True))
    return made


def _put_days(
    session: Session, machine_id: uuid.UUID, customer_id: uuid.UUID, days: Iterable[datetime], anew: Columns
) -> None:
    """Write the figures of these days, all of them; one of which `anew` says nothing has none any more."""
    months: dict[datetime, list[datetime]] = defaultdict(list)
    for day in days:
        months[_first_of_month(day)].append(day)
    for month, some in months.items():
        own = (ReadingRollup.machine_id == machine_id, ReadingRollup.grain == "day", ReadingRollup.starts_at == month)
        body = session.scalar(select(ReadingRollup.body).where(*own).with_for_update())
        known = unpacked(body) if body is not None else joined([])
        at = np.asarray([_ms(day) for day in some], np.int64)
        whole = figures.replaced(figures.without(known, at), figures.where(anew, np.isin(anew.at_ms, at)))
        if len(whole):
            _put(session, [_row(machine_id, customer_id, "day", month, whole)])
        else:
            session.execute(delete(ReadingRollup).where(*own))


def _put(session: Session, rows: list[dict[str, Any]]) -> None:
    if rows:
        new = insert(ReadingRollup)
        key = ["machine_id", "grain", "starts_at"]
        session.execute(new.on_conflict_do_update(index_elements=key, set_={"body": new.excluded.body}), rows)


def _row(
    machine_id: uuid.UUID, customer_id: uuid.UUID, grain: str, starts_at: datetime, figures: Columns
) -> dict[str, Any]:
    return {
        "machine_id": machine_id,
        "customer_id": customer_id,
        "grain": grain,
        "starts_at": starts_at,
        "sealed": False,
        "body": packed(figures),
    }


def _by_day(hours: Iterable[datetime]) -> dict[datetime, list[datetime]]:
    found: dict[datetime, list[datetime]] = defaultdict(list)
    for hour in hours:
        found[_midnight(hour)].append(hour)
    return found


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _first_of_month(at: datetime) -> datetime:
    return _midnight(at).replace(day=1)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
