"""The play itself: cohorts tell their story over the switchboard; orders and the script break and mend machines."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.session import SYSTEM, Sessions, work
from telemetry.lab import orders, story
from telemetry.lab.cast import Member, machines
from telemetry.lab.cohort import HISTORY, Cohort
from telemetry.lab.faults import Fault
from telemetry.lab.orders import Running
from telemetry.lab.player import Switchboard
from telemetry.lab.reports import REPORTS_A_MESSAGE

log = structlog.get_logger()

TICK_S = 1.0
SAVE_EVERY_S = 10.0
# History a machine may be ahead of its receipt. Receipts come every few seconds, so the few machines of the opening may
# run far ahead; what the many others have said must never keep the watcher from the live scene for long.
AHEAD_FIRST = 20 * REPORTS_A_MESSAGE
AHEAD_MOST = 3 * REPORTS_A_MESSAGE
SCENE_S = 15.0  # the opening has the stage to itself so long, before the rest of the fleet tells its history
BEAT_EVERY_S = 5.0
STALLED_S = 5.0  # receipts so long without progress are not coming: go on by what the broker confirms


def cohorts(names: Collection[str], history: timedelta = HISTORY) -> list[Cohort]:
    """The machines of these names, in two groups: those of the opening scene first.

    Their history is short enough to be watched within seconds, so the scene need not wait for the whole fleet's.
    """
    first = {*story.OPENING, story.LOSES_ON}
    groups: tuple[list[Member], list[Member]] = ([], [])
    for member in machines():
        if member.build.name in names:
            groups[member.build.name not in first].append(member)
    return [Cohort(group, number, history) for number, group in enumerate(groups) if group]


class Stage:
    """Guards the running play: who is where in time, what is broken, and what has been saved of it."""

    def __init__(self, sessions: Sessions, board: Switchboard, troupe: list[Cohort], state_file: Path) -> None:
        self.sessions, self.board, self.troupe = sessions, board, troupe
        self.state_file = state_file
        self.active: list[Running] = []
        self.began: datetime | None = None
        self._checked: datetime | None = None
        self._receipts = 0
        self._receipts_moved_s = 0.0
        self._others_due = 0.0
        self._tick_due = 0.0
        self._save_due = monotonic() + SAVE_EVERY_S
        self._beat_due = 0.0

    def begin(self, now: datetime) -> None:
        """Take up where the state file and the product say we stopped."""
        self._load()
        with work(self.sessions, SYSTEM) as session:
            known = orders.heard(session, list(self.board.lines))
            self.active = orders.running(session)
        for cohort in self.troupe:
            cohort.begin(now, known)
        log.info("lab_begins", machines=len(self.board.lines), faults=len(self.active))

    def turn(self, now: datetime) -> None:
        """One turn of the loop: bytes, then, once a second, life."""
        self.board.turn(min(TICK_S, self._tick_due - monotonic()))
        if monotonic() < self._tick_due:
            return
        self._tick_due = monotonic() + TICK_S
        for deed in (self._take_orders, self._mend, self._follow_script):
            self._keep(deed, now)
        for cohort in self.troupe:
            if cohort.is_live(now):
                self._speak(cohort, now)
            elif cohort is self.troupe[0] or monotonic() >= self._others_due:
                self._remember(cohort, now)
                break  # the next cohort's history waits for this one's
        if monotonic() >= self._save_due:
            self._save_due = monotonic() + SAVE_EVERY_S
            self.save()

    def save(self) -> None:
        """Write the state file whole or not at all."""
        body = {cohort.names[0]: cohort.to_json() for cohort in self.troupe}
        draft = self.state_file.with_suffix(".new")
        draft.write_bytes(orjson.dumps(body))
        os.replace(draft, self.state_file)

    def _load(self) -> None:
        try:
            body: dict[str, Any] = orjson.loads(self.state_file.read_bytes())  # Any: a JSON document
        except FileNotFoundError:
            return
        except (OSError, orjson.JSONDecodeError) as error:
            log.warning("lab_state_unreadable", error=str(error))
            return
        for cohort in self.troupe:
            try:
                cohort.restore(body.get(cohort.names[0], {}))
            except (KeyError, ValueError, TypeError) as error:
                log.warning("lab_state_of_another_fleet", error=str(error))

    def _remember(self, cohort: Cohort, now: datetime) -> None:
        """Tell the next stretch of history, as soon as the last one has been taken in."""
        self._tick_due = monotonic() + 0.05
        if not self._has_room(cohort):
            return
        for name, told in cohort.history(now, self._faults()).items():
            for said in told:
                self.board.lines[name].say(said)
        if cohort.is_live(now):
            log.info("lab_history_told", machines=len(cohort.names))

    def _has_room(self, cohort: Cohort) -> bool:
        lines = [self.board.lines[name] for name in cohort.names if not self.board.lines[name].muted]
        speaking = [line for line in lines if line.is_connected]
        if not speaking or any(not line.is_drained for line in speaking):
            return False
        stored = sum(line.stored for line in lines)
        if stored != self._receipts:
            self._receipts, self._receipts_moved_s = stored, monotonic()
        ahead = max(cohort.spoken[line.machine].seq - line.stored for line in speaking)
        most = AHEAD_FIRST if cohort is self.troupe[0] else AHEAD_MOST
        return ahead <= most or monotonic() - self._receipts_moved_s > STALLED_S

    def _speak(self, cohort: Cohort, now: datetime) -> None:
        if self.began is None and all(self.board.lines[name].is_drained for name in cohort.names):
            self.began = self._checked = now
            self._others_due = monotonic() + SCENE_S
        for name, said in cohort.live(now, self._faults()).items():
            line = self.board.lines[name]
            if said is None and not line.muted:
                line.cut()
            elif said is not None:
                line.muted = False
                line.say(said)
                line.pump()

    def _progress(self) -> dict[str, int]:
        lines = self.board.lines.values()
        return {
            "machines": len(lines),
            "connected": sum(line.is_connected for line in lines),
            "faults": len(self.active),
            "reports": sum(spoken.seq for cohort in self.troupe for spoken in cohort.spoken.values()),
            "dropped": sum(line.dropped for line in lines),
        }

    def _faults(self) -> Iterator[Fault]:
        return (running.fault for running in self.active)

    def _take_orders(self, now: datetime) -> None:
        with work(self.sessions, SYSTEM) as session:
            if monotonic() >= self._beat_due:
                self._beat_due = monotonic() + BEAT_EVERY_S
                orders.beat(session, now, self._progress())
            taken = orders.take(session, list(self.board.lines), now)
            for order in taken:
                if order.kind == orders.CURE:
                    self._cure(order.machine)
                else:
                    self._break(orders.as_running(order))

    def _mend(self, now: datetime) -> None:
        over = {r.fault.machine for r in self.active if r.until is not None and r.until <= now}
        for machine in over:
            self._cure(machine)
        if over:
            with work(self.sessions, SYSTEM) as session:
                for machine in sorted(over):
                    orders.note_cure(session, machine, now)

    def _follow_script(self, now: datetime) -> None:
        if self.began is None or self._checked is None:
            return
        played = set(self.board.lines)
        due = story.starting(self.began, self._checked, now, self._faults())
        due = [(scene, fault) for scene, fault in due if fault.machine in played]
        self._checked = now
        for scene, fault in due:
            self._break(Running(fault, now + scene.lasts))
        if due:
            with work(self.sessions, SYSTEM) as session:
                for scene, fault in due:
                    orders.note(session, fault, now + scene.lasts, now)

    def _break(self, running: Running) -> None:
        fault = running.fault
        self.active = [r for r in self.active if (r.fault.machine, r.fault.kind) != (fault.machine, fault.kind)]
        self.active.append(running)
        log.info("lab_fault", kind=fault.kind.value, machine=fault.machine)

    def _cure(self, machine: str) -> None:
        for gone in [r for r in self.active if r.fault.machine == machine]:
            self.active.remove(gone)
            for cohort in self.troupe:
                cohort.cure(gone.fault)
            log.info("lab_cure", kind=gone.fault.kind.value, machine=machine)

    def _keep(self, deed: Callable[[datetime], None], now: datetime) -> None:
        """Machines go on without a database; only orders and their record wait."""
        try:
            deed(now)
        except (DBAPIError, PoolTimeout) as error:
            log.warning("lab_without_database", error=str(error).splitlines()[0])


def play(stage: Stage, clock: Callable[[], datetime], is_over: Callable[[], bool]) -> None:
    """Play until `is_over`; then save and say goodbye. Raises what the database raises when the play cannot begin."""
    stage.begin(clock())
    try:
        while not is_over():
            stage.turn(clock())
    finally:
        stage.board.drain(1.0)
        stage.save()
        stage.board.close()
