"""The watcher: log in; history, findings and incidents out; each record's effects and the position in one transaction.

Several watchers share the partitions. Whoever takes one loads the last snapshot of its state, silently hears again what
came between snapshot and position, and goes on; whoever lost one can no longer commit for it.
"""

from __future__ import annotations

import gc
import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Any, Final

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError

from contracts import hours
from models.session import SYSTEM, Sessions, make_engine, make_sessions, work
from telemetry import beats, declared, effects, flushing, positions, remembering, taught, watch_facts, watch_keeping
from telemetry.directory import Directory
from telemetry.forgetting import Forgetting
from telemetry.log import LogReader, PositionGone, Record
from telemetry.log_door import open_reader
from telemetry.needs import Needs
from telemetry.positions import READER, Overtaken
from telemetry.seat import Seat
from telemetry.sifting import BeginAnew, Sifter
from telemetry.succession import Succession
from telemetry.told import Told, to_ms
from telemetry.trying import OF_ITS_OWN, Failures

log = structlog.get_logger()

COLLECT = (50_000, 20, 20)  # rarely: each look goes over all state, in which there is nothing to find
BEAT_S: Final = 5.0
GATHER_S: Final = 0.5  # what begins is stored at once; then the next waits as long as that took, at most so long


def main(settings: Needs, name: str = "watch") -> None:
    """Watch until SIGTERM or SIGINT. Ends with an exception, to be started again, when log or database fail it."""
    gc.set_threshold(*COLLECT)
    hours.load_holidays()
    engine = make_engine(settings.database_for("worker"), pool_size=1, name=f"vigie-{name}")
    # A name and who sits there now: our own successor takes over at once, without waiting for leases to run out.
    owner = f"{name}/{secrets.token_hex(4)}"
    reader = open_reader(settings, READER, owner)
    watcher = Watcher(settings, make_sessions(engine), reader, owner)

    def stop(number: int, frame: FrameType | None) -> None:
        watcher.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        watcher.run(name)
    finally:
        reader.close()
        engine.dispose()


class Watcher:
    """All seats of one process. One thread."""

    def __init__(
        self,
        settings: Needs,
        sessions: Sessions,
        reader: LogReader,
        owner: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.stopping = False
        self.seats: dict[int, Seat] = {}
        self._settings, self._sessions, self._reader = settings, sessions, reader
        self._owner, self._clock = owner, clock
        self._directory, self._forgetting, self._succession = Directory(), Forgetting(), Succession()
        self._sifter = Sifter(sessions, owner, clock)
        self._pending_since, self._snapshot_due = dict[int, float](), dict[int, float]()
        self._cycles: dict[int, bytes] = {}  # open at the position of partitions that come to it yet
        self._unsound: dict[int, str] = {}  # partitions that learn anew, and why
        self._beat_due, self._taken, self._most = 0.0, 0, flushing.RECORDS_AT_ONCE  # records in the next turn
        self._failures, self._more = Failures(), False  # whether more is there than a turn takes
        self._storing, self._gather_until = 0.0, 0.0  # seconds of this turn; verdicts wait until then

    def run(self, name: str) -> None:
        """Until `stopping`; then what is pending is stored and the state handed over."""
        began = time.monotonic()
        while not self.stopping:
            before, began, taken = began, time.monotonic(), self._taken
            pause = self._gather_until, self._settings.flush_s
            self.turn(flushing.patience(self.seats.values(), self._pending_since, time.monotonic(), *pause))
            if self._taken != taken:
                breath = 0.0 if self._more else flushing.breath(self._taken - taken, began - before)
                time.sleep(max(0.0, began + breath - time.monotonic()))
            if time.monotonic() >= self._beat_due:
                self._beat_due = time.monotonic() + BEAT_S
                self._beat(name)
        for partition in list(self.seats):
            self._let_go(partition)
        log.info("watch.stopped")

    def turn(self, timeout_s: float) -> None:
        """Read once, hear it, and store what is due."""
        try:
            records = self._reader.poll(timeout_s, self._most)
        except PositionGone as gone:
            self._without_snapshot(gone)
            return
        before = set(self.seats.values())
        self._follow(self._reader.held)
        messages, self._storing, gathers = 0, 0.0, time.monotonic() < self._gather_until
        for seat in list(self.seats.values()):
            # What was read for whoever sat there before is read again from where the new one begins.
            mine = [one for one in records if one.partition == seat.partition] if seat in before else []
            try:
                messages += self._hear(seat, mine)
            except BeginAnew as order:
                self._begin_anew(order)
            except Overtaken as problem:
                self._give_up(problem)
            except OF_ITS_OWN as problem:
                self._failures.wait(problem)
                self._begin_anew(BeginAnew([seat.partition]))  # what was read may be half heard
        self._store_what_is_due(gathers)
        if self._storing:
            self._gather_until = time.monotonic() + min(self._storing, GATHER_S)
        self._more = len(records) >= self._most
        if records:
            self._most = flushing.fitting(len(records), messages, self._most)
        watch_keeping.models(self._sessions, self._directory, self.seats.values(), self._clock())

    # ---- taking and giving partitions

    def _follow(self, held: frozenset[int]) -> None:
        for partition in self.seats.keys() - held:
            self._let_go(partition)
        for partition in held - self.seats.keys():
            try:
                self._sit_down(partition)
            except OperationalError as problem:
                # Whoever sat there is frozen in the middle of a transaction: the database ends that, and we try again.
                log.warning("watch.partition_waits", partition=partition, why=str(problem.orig).splitlines()[0])

    def _sit_down(self, partition: int, use_snapshot: bool = True) -> None:
        with work(self._sessions, SYSTEM) as session:
            place = positions.take(session, partition, self._owner)
            seat = Seat(partition, place.position, round(self._settings.future_tolerance_s * 1000))
            declared.give(session, [seat])
            self._sifter.begin(session, partition, min(place.position, place.snapshot_position))
        if use_snapshot and (why := watch_keeping.restore(seat, place)):
            self._unsound[partition] = why
        self.seats[partition] = seat
        self._cycles[partition] = place.cycles
        self._forgetting.begin(seat, self._clock())
        self._snapshot_due[partition] = time.monotonic() + self._settings.snapshot_s
        self._reader.seek(partition, seat.reached)
        log.info("watch.partition_taken", partition=partition, position=seat.position, rebuilt_from=seat.reached)

    def _begin_anew(self, order: BeginAnew) -> None:
        """From the snapshots, as after a crash: to find a word we fail at, or a machine was taken away."""
        self._directory = Directory()
        for partition in order.partitions & self.seats.keys():
            del self.seats[partition]
            self._pending_since.pop(partition, None)
        self._follow(self._reader.held)

    def _give_up(self, problem: Overtaken) -> None:
        """Another watcher has it; it is ours again only if the log says so again."""
        log.warning("watch.overtaken", partition=problem.partition, why=str(problem))
        self.seats.pop(problem.partition, None)
        self._leave(problem.partition)

    def _leave(self, partition: int) -> None:
        self._pending_since.pop(partition, None)
        self._sifter.leave(partition)
        self._reader.release(partition)

    def _let_go(self, partition: int) -> None:
        """Store what is pending and hand the state over; of what fails, the next to sit there hears the log again."""
        seat = self.seats.pop(partition)
        try:
            if not seat.is_rebuilding:
                self._store([seat])
                self._keep_snapshot(seat)
        except (Overtaken, DBAPIError, BeginAnew) as problem:  # another's already, or what it holds cannot be stored
            log.warning("watch.partition_lost", partition=partition, why=str(problem).splitlines()[0])
        self._leave(partition)
        log.info("watch.partition_released", partition=partition, position=seat.position)

    def _without_snapshot(self, gone: PositionGone) -> None:
        """Records before the position serve only to rebuild: without them history must do. After it they are a loss."""
        seat = self.seats.get(gone.partition)
        if seat is None or gone.wanted >= seat.position:
            log.critical("watch.position_gone", partition=gone.partition, wanted=gone.wanted, oldest=gone.oldest)
            raise gone
        log.warning("watch.rebuild_from_history", partition=gone.partition, wanted=gone.wanted, oldest=gone.oldest)
        self._unsound[gone.partition] = "learns anew, because the log no longer reaches back to its snapshot"
        self._sit_down(gone.partition, use_snapshot=False)

    # ---- hearing and storing

    def _hear(self, seat: Seat, records: list[Record]) -> int:
        """How many messages these records held."""
        old = [record for record in records if record.position < seat.position]
        new = records[len(old) :]
        if told_before := [*seat.understand(old), *watch_keeping.go_on(seat, self._cycles)]:
            self._take(seat, told_before, again=True)
            seat.forget_pending()
            seat.models.clear()
        told = seat.understand(new)
        messages = len(told) + len(old)  # what is heard again is bounded as well, if not as well counted
        if not seat.is_rebuilding:
            told += seat.tidy(to_ms(self._clock()))
        if told:
            self._take(seat, told)
        if not seat.is_rebuilding:
            seat.tell_over()
        if new or seat.pending.count or seat.pending.verdicts:
            self._pending_since.setdefault(seat.partition, time.monotonic())
        return messages

    def _take(self, seat: Seat, told: list[Told], *, again: bool = False) -> None:
        def hear(some: Sequence[Told]) -> None:
            known = remembering.meet(self._sessions, self._directory, seat, some, self._clock(), again=again)
            self._taken += sum(len(each.heard) for each in some)
            seat.take(some, known)

        self._sifter.hear(seat, told, hear, again=again)

    def _store_what_is_due(self, gathers: bool) -> None:
        """All of it in one transaction; and the snapshots that are due of seats that have nothing pending."""
        now = time.monotonic()
        try:
            self._store(flushing.due(self.seats.values(), self._pending_since, now, self._settings.flush_s, gathers))
            for seat in list(self.seats.values()):
                at_rest = not seat.is_rebuilding and seat.partition not in self._pending_since
                if at_rest and now >= self._snapshot_due[seat.partition]:
                    self._snapshot_due[seat.partition] = now + self._settings.snapshot_s
                    self._keep_snapshot(seat)
        except BeginAnew as order:
            self._begin_anew(order)
        except Overtaken as problem:
            self._give_up(problem)
            self._store_what_is_due(gathers)  # nothing was kept of the others either
        except OF_ITS_OWN as problem:
            self._failures.wait(problem)

    def _store(self, seats: Sequence[Seat]) -> None:
        seats = [s for s in seats if s.partition in self._pending_since or s.pending.count or s.pending.verdicts]
        began = time.monotonic()
        if not seats:
            return
        try:
            models = effects.artefacts(seats)
            with work(self._sessions, SYSTEM) as session:
                effects.store(session, seats, self._owner, self._clock(), models)
        except Exception as problem:
            self._sifter.storing_failed(seats, problem)
            raise
        self._failures.over()
        self._storing += time.monotonic() - began
        for seat in seats:
            for verdict in (verdict for _, verdict in seat.pending.verdicts if verdict.opened):
                seat.models.pop(verdict.machine, None)
                log.info("watch.condition_began", machine=verdict.machine, cause=verdict.cause, kind=verdict.kind)
            seat.position = seat.reached
            seat.forget_pending()
            self._pending_since.pop(seat.partition, None)
            self._sifter.stored(seat)

    def _keep_snapshot(self, seat: Seat) -> None:
        if why := watch_keeping.snapshot(self._sessions, seat, self._owner):
            self._unsound[seat.partition] = why
            return
        self._unsound.pop(seat.partition, None)
        self._sifter.kept(seat.partition, seat.position)

    # ---- telling how it fares

    def facts(self) -> Mapping[str, Any]:
        """How far behind, how much is held."""
        unsound = [f"partition {where} {why}" for where, why in sorted(self._unsound.items())]
        unsound += [*self._sifter.words(), *self._succession.words()]
        return watch_facts.facts(self.seats, self._reader, self._taken, unsound, to_ms(self._clock()))

    def _beat(self, name: str) -> None:
        try:
            with work(self._sessions, SYSTEM) as session:
                declared.give(session, self.seats.values())
                taught.give(session, self.seats.values(), self._clock())
                forgot = self._forgetting.give(session, self.seats.values(), self._directory, self._clock())
                forgot |= self._succession.give(session, self.seats.values(), self._clock())
                self._snapshot_due |= dict.fromkeys(forgot, 0.0)  # the last one holds what was to be forgotten
                beats.beat(session, name, self.facts(), self._clock())
        except DBAPIError as problem:
            log.warning("watch.beat_missed", why=str(problem.orig).strip())
