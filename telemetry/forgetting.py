"""Watchers forget what was erased: a machine's baselines are dropped, and learned anew of the history that stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.history import HistoryRemoval
from models.machines import Machine
from telemetry import changes_kept, history, newest, taught
from telemetry.directory import Directory
from telemetry.reading import Reading
from telemetry.remembering import RELEARN, learn, recall
from telemetry.seat import Seat
from telemetry.told import to_ms

log = structlog.get_logger()

_AGAIN: Final = timedelta(minutes=30)
_MARGIN: Final = timedelta(minutes=2)  # a row is seen when its transaction ends, not at the instant it tells


class Forgetting:
    """Which erasures the seats of one watcher have followed. One thread."""

    def __init__(self) -> None:
        self._since: dict[int, datetime] = {}  # by partition
        self._done: set[tuple[int, uuid.UUID]] = set()
        self._again: dict[int, datetime] = {}  # when what could not be learned from is tried once more

    def begin(self, seat: Seat, now: datetime) -> None:
        """A seat was taken: its state is as old as the newest word in it, and knows of nothing after that."""
        newest = max((state.last_received_ms for state in seat.heard.values()), default=to_ms(now))
        since = datetime.fromtimestamp(max(newest, 0) / 1000, UTC)
        self._since[seat.partition] = min(since, now) - _MARGIN
        self._again[seat.partition] = now + _AGAIN
        self._done = {pair for pair in self._done if pair[0] != seat.partition}

    def give(self, session: Session, seats: Iterable[Seat], directory: Directory, now: datetime) -> set[int]:
        """Let every seat that is up to date forget what was erased of its machines; partitions of those that did."""
        forgot: set[int] = set()
        for seat in seats:
            if seat.unlearned and not seat.is_rebuilding and now >= self._again.get(seat.partition, now):
                self._again[seat.partition] = now + _AGAIN
                if learn_again(session, seat, directory, now):
                    forgot.add(seat.partition)
            if seat.is_rebuilding or seat.partition not in self._since:
                continue
            rows = session.execute(
                select(HistoryRemoval.id, Machine.name, HistoryRemoval.starts_at, HistoryRemoval.ends_at)
                .join(Machine, Machine.id == HistoryRemoval.machine_id)
                .where(HistoryRemoval.kind == "erased", HistoryRemoval.done_at > self._since[seat.partition])
                .order_by(HistoryRemoval.done_at)
            ).all()
            for removal_id, name, start, end in rows:
                if (seat.partition, removal_id) in self._done:
                    continue
                self._done.add((seat.partition, removal_id))
                if name in seat.heard:
                    forget(session, seat, directory, name, start, end, now)
                    forgot.add(seat.partition)
        return forgot


def forget(
    session: Session, seat: Seat, directory: Directory, name: str, start: datetime, end: datetime, now: datetime
) -> None:
    """Drop what a seat learned of a machine, and what it told last if that was within the span; learn it anew."""
    state = seat.heard[name]
    if state.machine_id is not None:
        state.latest = newest.left(session, state.machine_id, state.latest, state.last_at_ms, start, end)
    if to_ms(start) <= state.last_at_ms < to_ms(end):
        state.facts = {}
    seat.unlearned.pop(name, None)
    _anew(session, seat, directory, name, now)
    log.info("watch.forgot", machine=name, partition=seat.partition)


def learn_again(session: Session, seat: Seat, directory: Directory, now: datetime) -> bool:
    """Try once more what history teaches of machines where we failed at it before; whether it went well for any.

    It is tried on a seat of its own: where we fail again, what a machine has learned since stays.
    """
    learned = False
    for name in list(seat.unlearned):
        whose = directory.look_up(session, {name}, now).get(name)
        if whose is not None and whose.is_watched and name in seat.heard:
            told, trial = _as_it_reports(seat, name), Seat(seat.partition, 0, 0)
            stays = history.reports(session, whose.machine_id, None, now - RELEARN, now)
            unended = taught.unended(session, whose.machine_id, name)
            try:
                learn(trial, whose, stays.rows(), told, unended)
            except MemoryError:  # of this process, and not of the machine
                raise
            except Exception as problem:  # ours, as it was: it stays said, and is tried again
                log.exception("watch.cannot_learn", machine=name)
                seat.unlearned[name] = type(problem).__name__
                continue
            _anew(session, seat, directory, name, now)
            learned = True
        del seat.unlearned[name]
    return learned


def _anew(session: Session, seat: Seat, directory: Directory, name: str, now: datetime) -> None:
    told = _as_it_reports(seat, name)
    seat.watching.drop(name)
    seat.shadow.drop(name)  # what is on duty there comes again, to what stays
    seat.traces.forget(name)
    seat.models.pop(name, None)
    whose = directory.look_up(session, {name}, now).get(name)
    if whose is not None and whose.is_watched:
        stays = history.reports(session, whose.machine_id, None, now - RELEARN, now)
        learn(seat, whose, stays.rows(), told, taught.unended(session, whose.machine_id, name))
        changed = changes_kept.lately(session, [whose.machine_id], now)
        recall(seat, whose, changed.get(whose.machine_id, ()))


def _as_it_reports(seat: Seat, name: str) -> Reading | None:
    """Which of its values are counters; history does not tell."""
    known = seat.watching.known.get(name)
    return None if known is None else Reading(name, 0, {}, None, 0, "history", counters=frozenset(known.rates))
