"""The data folder: whose it is, which version wrote it, who is using it now, and whether the disk still has room."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

DEFAULT = Path(__file__).resolve().parent.parent / ".vigie"

# Raised when the layout of the folder changes so that older code would misread it.
FORMAT = 1
_MARKER = "vigie.json"
_LOCK = "lock"
_BEFORE = (_LOCK, "pki")  # what may stand there before the first start: `vigie pki init` comes first where there is TLS
_RUNNING = "running.json"

# A first start writes about 60 MB; below this PostgreSQL could stop half-way through a checkpoint.
ROOM_NEEDED = 200 * 2**20


class FolderError(Exception):
    """The data folder cannot be used; the message is one sentence for a person."""


class Claim:
    """Our hold on a data folder, for as long as this process lives or until `release`."""

    def __init__(self, data: Path, lock: IO[str]) -> None:
        self.data = data
        self._lock = lock

    def note(self, **facts: Any) -> None:  # Any: JSON values
        """Tell commands typed beside us where things are (see `what_runs`)."""
        write_whole(self.data / _RUNNING, json.dumps(facts))

    def let_go(self) -> None:
        """In a forked child: the hold is the parent's alone."""
        self._lock.close()

    def release(self) -> None:
        """Let another copy use the folder."""
        (self.data / _RUNNING).unlink(missing_ok=True)
        self._lock.close()


def claim(data: Path) -> Claim:
    """Take the folder for this process, making it on first use; nothing in it is read or changed yet.

    Raises FolderError: somebody else's files, another copy at work, no permission, no room.
    """
    with _in_words(data):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (data / _MARKER).exists() and any(entry.name not in _BEFORE for entry in data.iterdir()):
            raise FolderError(f"{data} holds other files and is no data folder of Vigie; name another one with --data")
        return Claim(data, _lock(data))


def furnish(held: Claim, *, now: datetime, fresh: bool = False) -> None:
    """Make a claimed folder ready for use: erase what it held if `fresh`, check who wrote it, and that there is room.

    Raises FolderError.
    """
    with _in_words(held.data):
        if fresh:
            _erase(held.data)
        require_room(held.data)
        _check_marker(held.data, now)
        (held.data / "logs").mkdir(mode=0o700, exist_ok=True)


def what_runs(data: Path) -> dict[str, Any]:
    """The addresses a running `vigie up` on this folder noted down; empty when none runs."""
    try:
        noted = json.loads((data / _RUNNING).read_text())
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in noted.items() if name != "pid"} if isinstance(noted, dict) else {}


def require_room(data: Path) -> None:
    """Raises FolderError when the disk has less room than a start needs."""
    free = shutil.disk_usage(data).free
    if free < ROOM_NEEDED:
        raise FolderError(_full(data, free))


def write_whole(file: Path, content: str) -> None:
    """Write so that a reader, or a crash, sees the old content or the new one and nothing between."""
    beside = file.with_name(f".{file.name}.new")
    with beside.open("w") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)


@contextmanager
def _in_words(data: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FolderError(_full(data)) from error
        unusable = f"the data folder {data} cannot be used: {error.strerror}; name another one with --data"
        raise FolderError(unusable) from error


def _full(data: Path, free: int = 0) -> str:
    return (
        f"the disk that holds {data} is full ({free // 2**20} MB left, {ROOM_NEEDED // 2**20} MB needed): "
        "make room, or name a folder elsewhere with --data"
    )


def _lock(data: Path) -> IO[str]:
    lock = (data / _LOCK).open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        pid = lock.read().strip() or "unknown"
        lock.close()
        raise FolderError(
            f"another Vigie (pid {pid}) is already running on {data}: stop it, or name another folder with --data"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _erase(data: Path) -> None:
    for entry in data.iterdir():
        if entry.name in (_LOCK, _MARKER):
            continue  # the marker goes last: an erasure cut short must still be recognised as ours
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    (data / _MARKER).unlink(missing_ok=True)


def _check_marker(data: Path, now: datetime) -> None:
    marker = data / _MARKER
    if not marker.exists():
        write_whole(marker, json.dumps({"what": "data folder of Vigie", "format": FORMAT, "made_at": now.isoformat()}))
        return
    try:
        found = json.loads(marker.read_text())["format"]
    except (ValueError, KeyError, TypeError):
        found = "unreadable"
    if found != FORMAT:
        raise FolderError(
            f"{data} was written by another version of Vigie (format {found}, this one writes format {FORMAT}): "
            "start that version, or begin anew with --fresh"
        )
