"""Parts that outlived a supervisor which was itself killed: noted while it ran, ended before the next start."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from app.folder import write_whole

_FILE = "parts.json"
# The leash has already asked them to stop; this is how long they may take to hand over what they hold.
PATIENCE_S = 5.0


def note(data: Path, pids: Mapping[str, int]) -> None:
    """Write down the processes that must not be found alive by the next start, with when each was made."""
    made: dict[str, tuple[int, float]] = {}
    for name, pid in pids.items():
        with suppress(psutil.NoSuchProcess):
            made[name] = (pid, psutil.Process(pid).create_time())
    write_whole(data / _FILE, json.dumps(made))


def forget(data: Path) -> None:
    """Everything was stopped in order."""
    (data / _FILE).unlink(missing_ok=True)


def clear(data: Path) -> list[str]:
    """Wait for, then end, what an earlier start left running, with everything it started; returns their names."""
    try:
        written = json.loads((data / _FILE).read_text())
        noted = {str(name): (int(pid), float(made)) for name, (pid, made) in written.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return []
    left = [name for name, (pid, made) in noted.items() if _members(pid, made)]
    deadline = time.monotonic() + PATIENCE_S
    for name in left:
        pid, made = noted[name]
        while members := _members(pid, made):
            if time.monotonic() > deadline:
                for member in members:
                    with suppress(psutil.NoSuchProcess):
                        member.kill()
                psutil.wait_procs(members, timeout=PATIENCE_S)
                break
            with suppress(psutil.NoSuchProcess):
                members[0].send_signal(signal.SIGTERM)
            time.sleep(0.2)
    forget(data)
    return left


def _members(leader: int, made: float) -> list[psutil.Process]:
    """What is alive of the process group a part led; never a stranger that was given the number later."""
    with suppress(psutil.NoSuchProcess):
        if abs(psutil.Process(leader).create_time() - made) > 1.0:
            return []
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
