"""Machines whose state no snapshot brought: what the database knows of them, what history teaches, what had begun."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.machines import MachineState
from models.session import SYSTEM, Sessions, let_think, work
from telemetry import admission, changes_kept, clocks_kept, history, taught
from telemetry.clocks import Clock
from telemetry.directory import Directory, Known
from telemetry.machine import Machine
from telemetry.numbers import Numbers
from telemetry.reading import Event, Reading
from telemetry.resuming import Unended
from telemetry.seat import Seat
from telemetry.told import Told, names_in, to_ms

log = structlog.get_logger()

RELEARN: Final = timedelta(days=3)
_NEVER: Final = 1 << 62


def meet(
    sessions: Sessions, directory: Directory, seat: Seat, told: Sequence[Told], now: datetime, *, again: bool
) -> dict[str, Known]:
    """Whom `told` speaks of, with what a seat must know before it hears them; no transaction for those it knows."""
    names = names_in(told)
    known = directory.at_hand(names, now)
    if known is not None:
        seat.forget_others(names, known)
        if known.keys() <= seat.heard.keys():
            return known
    with work(sessions, SYSTEM) as session:
        known = directory.look_up(session, names, now)
        seat.forget_others(names, known)
        strangers = [whose for name, whose in known.items() if name not in seat.heard]
        if strangers:
            let_think(session)  # they are learned of one after the other
            remember(session, seat, strangers, told, now, again=again)
    return known


def remember(
    session: Session, seat: Seat, strangers: Iterable[Known], told: Sequence[Told], now: datetime, *, again: bool
) -> None:
    """Bring machines a seat knows nothing of to where they stood. `told` is what it is about to hear.

    `again`: it rebuilds, and hears word by word what came after its snapshot. Then only a machine that was there before
    is remembered here: the others are told completely.
    """
    by_id = {whose.machine_id: whose for whose in strangers}
    clocks, changed = clocks_kept.clocks(session, by_id), changes_kept.lately(session, by_id, now)
    for row in session.scalars(select(MachineState).where(MachineState.machine_id.in_(by_id))):
        whose = by_id[row.machine_id]
        columns = history.reports(session, whose.machine_id, None, now - RELEARN, now) if row.last_at else None
        unended = taught.unended(session, whose.machine_id, whose.name)
        if again:
            known_since = [one.started_ms for one in unended] + ([int(columns.at_ms[0])] if columns else [])
            if min(known_since, default=_NEVER) >= _first_told(told, whose.name):
                continue
        seat.heard[whose.name] = admission.Heard(
            Numbers(row.seqs), to_ms(row.last_at), to_ms(row.last_received_at), row.said, dict(row.latest),
            dict(row.facts), cadence_known_s=row.cadence_s, machine_id=whose.machine_id,
            clock=clocks.get(whose.machine_id) or Clock(),
        )  # fmt: skip
        reports = columns.rows() if columns and whose.is_watched else ()
        try:
            learn(seat, whose, reports, _like(told, whose.name), unended)
        except MemoryError:  # of this process, and not of the machine
            raise
        except Exception as problem:  # ours: what it says from now on is heard all the same, and it learns of that
            log.exception("watch.cannot_learn", machine=whose.name)
            seat.watching.drop(whose.name)
            seat.unlearned[whose.name] = type(problem).__name__
        if whose.is_watched:
            recall(seat, whose, changed.get(whose.machine_id, ()))
    if not again:  # else the state itself knows them
        for machine_id, cause, since_ms, names in taught.silent_metrics(session, list(by_id)):
            seat.metrics.take_up(by_id[machine_id].name, cause, since_ms, names)


def learn(
    seat: Seat,
    whose: Known,
    reports: Iterable[tuple[int, Mapping[str, float]]],
    like: Reading | None = None,
    unended: Sequence[Unended] = (),
) -> None:
    """Feed stored history of a machine whose state was lost: learned from, nothing opens.

    `like` tells which values are counters. Conditions that had not ended (the oldest first) go on from where they
    began; those that are over by the end of history, or that nobody looks for any more, wait in `seat.over`.
    """
    aged = 10 * seat.watching.settings.backdated_s * 1000
    told = like or Reading(whose.name, 0, {}, None, 0, "history")
    readings = [
        replace(told, at_ms=at, metrics=metrics, seq=None, received_at_ms=at + aged, facts={})
        for at, metrics in reports
        if not whose.is_worked_on(at)
    ]
    done = 0
    for one in unended:
        until = bisect_right(readings, one.started_ms, key=lambda reading: reading.at_ms)
        _learn_on(seat, whose, readings[done:until])
        done = until
        if not seat.watching.resume(one):
            seat.over.append((whose, one.over(one.started_ms)))
    _learn_on(seat, whose, readings[done:])
    seat.watching.scores = []  # they were told once
    seat.watching.changes.take()  # so were these, and whoever speaks next may be another machine


def recall(seat: Seat, whose: Known, told: Sequence[tuple[int, str, str]]) -> None:
    """What was changed on a machine within the day, as `changes_kept.lately` has it, for one that was learned anew."""
    for one in told:
        seat.watching.known.setdefault(whose.name, Machine(whose.name)).lately.note(*one)


def _learn_on(seat: Seat, whose: Known, readings: Sequence[Reading]) -> None:
    seat.over += [(whose, verdict) for verdict in seat.watching.feed(readings) if not verdict.opened]


def _first_told(told: Sequence[Told], name: str) -> int:
    spoken = (h for each in told for h in each.heard if isinstance(h, Reading | Event) and h.machine == name)
    return min((heard.at_ms for heard in spoken), default=_NEVER)


def _like(told: Sequence[Told], name: str) -> Reading | None:
    """A report of this machine as its agent sends them: history keeps the values, not which of them are counters."""
    return next((h for each in told for h in each.heard if isinstance(h, Reading) and h.machine == name), None)
