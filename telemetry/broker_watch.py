"""The watch over the broker: its log becomes the security log, and who floods it is kept out for a while.

Mosquitto writes down a refused publication only when it writes down every packet, which costs it as much again as the
work itself. So we listen closely while it is calm; while it is busy, a moment every ten minutes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.orm import Session

from models.machines import Machine, MachineCredential
from models.session import SYSTEM, Sessions, work
from telemetry import broker_files, broker_keeping, enrol, last_use, security
from telemetry.broker_access import CHECK_USER, HEARD_USER, HOST_USER, RECORD_USER
from telemetry.broker_files import Files
from telemetry.broker_log import Ear, Sighting
from telemetry.floods import Floods
from telemetry.needs import Needs

log = structlog.get_logger()

HELD_FOR: Final = timedelta(minutes=10)
_AT_ONCE: Final = 8 << 20  # bytes of the log read in one turn
_LARGEST_LOG: Final = 16 << 20
# More than so many bytes a second while listening closely: four lines a message, so about a hundred messages.
_CALM_BYTES_S: Final = 40_000
_BUSY_FOR: Final = timedelta(minutes=10)
_HOUSEKEEPING: Final = timedelta(hours=6)


def watch_loop(settings: Needs, sessions: Sessions) -> Callable[[datetime], None]:
    """The body of a loop to be run every second or two on the machine the broker runs on."""
    files = broker_files.files_in(settings.data / "mqtt")
    ours = {settings.mqtt_username, CHECK_USER, HEARD_USER, HOST_USER, RECORD_USER}
    return Watch(sessions, files, frozenset(ours)).turn


class Watch:
    """Guards how far the log was read, and what was heard on the way there."""

    def __init__(self, sessions: Sessions, files: Files, ours: frozenset[str]) -> None:
        self._sessions, self._files, self._ours = sessions, files, ours
        self._held: int | None = None  # the lock of the one worker that watches
        self._at: tuple[int, int] | None = None  # the log's inode and how far it was read
        self._rest = b""
        self._ear: Ear | None = None
        self._floods = Floods()
        self._rules: object = None
        self._busy_until: datetime | None = None
        self._before: datetime | None = None
        self._tidied: datetime | None = None

    def turn(self, now: datetime) -> None:
        """Read what is new, write down what was tried, keep out who floods."""
        if not self._is_ours() or not self._files.acl.exists():
            return
        lines, read = self._new_lines()
        sightings = [one for line in lines for one in self._hear().hear(line)]
        floods = list(self._floods.judge(sightings))
        self._floods.forget(now.timestamp())
        if sightings or floods:
            with work(self._sessions, SYSTEM) as session:
                done = {one.user: self._keep_out(session, one, now) for one in floods if one.user}
                security.note(session, [*sightings, *floods], "mqtt", done)
                last_use.note(session, sightings)
        self._save()
        self._tidy(now)
        self._choose_closeness(read, now)

    def _hear(self) -> Ear:
        rules = self._files.acl.stat().st_mtime_ns
        if self._ear is None:
            self._ear = Ear(broker_files.read_acl(self._files.acl), self._ours)
        elif rules != self._rules:
            self._ear.access = broker_files.read_acl(self._files.acl)
        self._rules = rules
        return self._ear

    def _keep_out(self, session: Session, flood: Sighting, now: datetime) -> str:
        """Hold the credential the flood came in with; what was done, in words."""
        machine = enrol.machine_named(session, enrol.machine_of(flood.user))
        if machine is None:
            return "refused"
        until = now + HELD_FOR
        for row in self._came_in_with(session, machine, flood.user, now):
            enrol.hold(session, row, until, flood.detail, now)
        log.warning("broker.held", user=flood.user, until=until.isoformat(), why=flood.detail)
        return f"kept out until {until.strftime('%H:%M')} UTC"

    def _came_in_with(
        self, session: Session, machine: Machine, user: str, now: datetime
    ) -> Sequence[MachineCredential]:
        label = user.partition("@")[2]
        return [row for row in enrol.live(session, machine, now) if row.label == label]

    # ---- the log

    def _is_ours(self) -> bool:
        """Whether this is the one process that watches; the lock ends with it."""
        if self._held is None:
            handle = os.open(self._files.folder / "watch.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return False
            self._held = handle
            self._at = self._saved()
        return True

    def _new_lines(self) -> tuple[list[str], int]:
        """Whole lines that were added, and how many bytes were read."""
        try:
            file = self._files.log.open("rb")
        except FileNotFoundError:
            return [], 0
        with file:
            stands = os.fstat(file.fileno())
            inode, offset = self._at or (stands.st_ino, 0)
            if inode != stands.st_ino or offset > stands.st_size:
                self._rest += self._end_of_the_last(inode, offset)
                offset = 0
            file.seek(offset)
            piece = file.read(_AT_ONCE)
        self._at = (stands.st_ino, offset + len(piece))
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole], len(piece)

    def _end_of_the_last(self, inode: int, offset: int) -> bytes:
        """What was written to the log we put aside, after we had read it."""
        try:
            with self._files.log.with_suffix(".log.1").open("rb") as file:
                if os.fstat(file.fileno()).st_ino == inode:
                    file.seek(offset)
                    return file.read(_AT_ONCE)
        except FileNotFoundError:
            pass  # nothing was put aside
        return b""

    def _saved(self) -> tuple[int, int] | None:
        try:
            inode, offset = json.loads(self._position.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None
        return int(inode), int(offset)

    def _save(self) -> None:
        if self._at is not None and self._at != self._saved():
            inode, offset = self._at
            self._position.write_text(json.dumps([inode, offset - len(self._rest)]), encoding="ascii")

    @property
    def _position(self) -> Path:
        return self._files.folder / "watch.at"

    def _tidy(self, now: datetime) -> None:
        if self._at is not None and self._at[1] > _LARGEST_LOG:
            self._files.log.replace(self._files.log.with_suffix(".log.1"))
            broker_keeping.tell_broker(self._files)  # it opens its log anew; the embedded one sees it by itself
        if self._tidied is None or now - self._tidied > _HOUSEKEEPING:
            self._tidied = now
            with work(self._sessions, SYSTEM) as session:
                security.forget_old(session, now)

    def _choose_closeness(self, read: int, now: datetime) -> None:
        """Have Mosquitto write down every packet while that is little."""
        before, self._before = self._before, now
        if not self._files.config.exists() or before is None or now <= before:
            return
        rate = read / (now - before).total_seconds()
        if rate > _CALM_BYTES_S:
            self._busy_until = now + _BUSY_FOR
        closely = self._busy_until is None or self._busy_until <= now
        if broker_files.listen_closely(self._files, closely):
            told = broker_keeping.tell_broker(self._files)
            log.info("broker.listened_to", closely=closely, bytes_a_second=round(rate), broker_told=told)
