"""A canary on its way through time: a simulated server that lives a day, then breaks and is mended, again and again.

Its faults are made in the simulated hardware and found, if they are, by the same watchers as anybody's; here it is only
written down when each began. A fault is mended when it was found, or when its time has long been up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.base import new_id
from models.canaries import Canary, CanaryFault
from models.incidents import Finding
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from telemetry import beats
from telemetry.lab import orders
from telemetry.lab.cast import Member
from telemetry.lab.cohort import Cohort
from telemetry.lab.faults import Fault, Kind
from telemetry.lab.hardware import Build
from telemetry.lab.player import Switchboard

log = structlog.get_logger()

HISTORY: Final = timedelta(hours=26)
# What is broken in turn, how badly, and within how many seconds it must be found. A report comes every ten seconds.
TURNS: Final = ((Kind.FAN, 1.0, 120), (Kind.NIC, 1.0, 180), (Kind.DISK, 1.0, 120))
HEARD: Final = timedelta(seconds=30)
SETTLES: Final = timedelta(minutes=2)  # after the last mending, before the next fault
GIVEN_UP_AFTER: Final = 2  # times its time, and a fault is mended though nobody found it
KEPT: Final = timedelta(days=35)
TURN_S, LOOK_S = 1.0, 2.0
BEAT_S: Final = 5.0


@dataclass
class _Bird:
    """One canary: its machine, and what is broken on it."""

    name: str
    machine_id: object
    customer_id: object
    every: timedelta
    turn: int
    next_at: datetime
    row_id: object = None
    fault: Fault | None = None
    due_s: int = 0
    is_heard: bool = False


class Aviary:
    """All canaries of this desk over one switchboard. One thread."""

    def __init__(self, sessions: Sessions, board: Switchboard) -> None:
        self.sessions, self.board = sessions, board
        members = [Member(Build(name, "web", "UTC", "canary"), "canary", "") for name in sorted(board.lines)]
        self.cohort = Cohort(members, 900, HISTORY, says_facts=False)
        self.birds: list[_Bird] = []
        self._tick = self._look = self._beat = 0.0
        self._told = 0

    def begin(self, now: datetime) -> None:
        """Learn how each stood; faults of a canary that was stopped say nothing."""
        with work(self.sessions, SYSTEM) as session:
            rows = session.execute(
                select(Machine.name, Machine.id, Machine.customer_id, Canary.every_s)
                .join(Canary, Canary.machine_id == Machine.id)
                .where(Machine.name.in_(self.board.lines), Machine.retired_at.is_(None))
                .order_by(Machine.name)
            ).all()
            session.execute(update(CanaryFault).where(CanaryFault.mended_at.is_(None)).values(mended_at=now, void=True))
            counts = dict(
                session.execute(select(CanaryFault.machine_id, func.count()).group_by(CanaryFault.machine_id)).all()
            )
            self.cohort.begin(now, orders.heard(session, list(self.board.lines)))
        self.birds = [
            _Bird(name, machine_id, whose, timedelta(seconds=every_s), counts.get(machine_id, 0), now + SETTLES)
            for name, machine_id, whose, every_s in rows
        ]
        log.info("canary.begins", canaries=len(self.birds))

    def turn(self, now: datetime) -> None:
        """Bytes, then, once a second, life."""
        self.board.turn(max(0.0, min(TURN_S, self._tick - monotonic())))
        if monotonic() < self._tick:
            return
        self._tick = monotonic() + TURN_S
        if not self.cohort.is_live(now):
            self._remember(now)
            return
        for name, said in self.cohort.live(now, self._faults()).items():
            if said is not None:
                self._told += 1
                self.board.lines[name].say(said)
                self.board.lines[name].pump()
        if monotonic() >= self._look:
            self._look = monotonic() + LOOK_S
            try:
                self._follow(now)
            except DBAPIError as error:
                log.warning("canary.without_database", why=str(error.orig).splitlines()[0])

    def _remember(self, now: datetime) -> None:
        if all(line.is_drained and line.is_connected for line in self.board.lines.values()):
            for name, told in self.cohort.history(now, ()).items():
                for said in told:
                    self.board.lines[name].say(said)
        for bird in self.birds:
            bird.next_at = now + SETTLES

    def _faults(self) -> list[Fault]:
        return [bird.fault for bird in self.birds if bird.fault is not None]

    def _follow(self, now: datetime) -> None:
        with work(self.sessions, SYSTEM) as session:
            for bird in self.birds:
                if bird.fault is None:
                    if now >= bird.next_at and (bird.is_heard or self._is_heard(session, bird, now)):
                        self._break(session, bird, now)
                elif self._is_done(session, bird, now):
                    self._mend(session, bird, now)
            if monotonic() >= self._beat:
                self._beat = monotonic() + BEAT_S
                beats.beat(session, "canary", {"canaries": len(self.birds), "broken": len(self._faults())}, now)

    def _break(self, session: Session, bird: _Bird, now: datetime) -> None:
        kind, severity, due_s = TURNS[bird.turn % len(TURNS)]
        bird.fault, bird.due_s, bird.row_id = Fault(kind, bird.name, now, severity), due_s, new_id()
        forgotten = (CanaryFault.machine_id == bird.machine_id, CanaryFault.began_at < now - KEPT)
        session.execute(delete(CanaryFault).where(*forgotten))
        session.add(
            CanaryFault(id=bird.row_id, customer_id=bird.customer_id, machine_id=bird.machine_id, kind=kind.value,
                        began_at=now, due_s=due_s)
        )  # fmt: skip
        log.info("canary.broken", machine=bird.name, kind=kind.value)

    def _is_heard(self, session: Session, bird: _Bird, now: datetime) -> bool:
        """Whether its history is dealt with: before that a first fault would measure our own haste. Asked once."""
        last = session.scalar(select(MachineState.last_at).where(MachineState.machine_id == bird.machine_id))
        bird.is_heard = last is not None and now - last < HEARD
        return bird.is_heard

    def _is_done(self, session: Session, bird: _Bird, now: datetime) -> bool:
        assert bird.fault is not None
        if now - bird.fault.since > timedelta(seconds=GIVEN_UP_AFTER * bird.due_s):
            return True
        found = select(Finding.id).where(
            Finding.machine_id == bird.machine_id, Finding.created_at >= bird.fault.since, Finding.kind != "silence"
        )
        return session.scalar(found.limit(1)) is not None

    def _mend(self, session: Session, bird: _Bird, now: datetime) -> None:
        assert bird.fault is not None
        self.cohort.cure(bird.fault)
        session.execute(update(CanaryFault).where(CanaryFault.id == bird.row_id).values(mended_at=now))
        log.info("canary.mended", machine=bird.name, kind=bird.fault.kind.value)
        bird.fault, bird.turn = None, bird.turn + 1
        bird.next_at = max(now + SETTLES, now + bird.every)


def sing(aviary: Aviary, clock: Callable[[], datetime], is_over: Callable[[], bool]) -> None:
    """Until `is_over`; then say goodbye."""
    aviary.begin(clock())
    try:
        while not is_over():
            aviary.turn(clock())
    finally:
        aviary.board.drain(1.0)
        aviary.board.close()
