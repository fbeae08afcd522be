"""A part as a fork of the supervisor: what every part imports is imported once, and its memory shared.

Measured on two slow cores with everything started at once: eight fresh interpreters took 31 s to be ready and held
650 MB. On systems where a fork of a loaded program is not safe (macOS), parts are started as fresh commands instead.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from setproctitle import getproctitle, setproctitle

CAN_FORK = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1


class Process(Protocol):
    """What the supervisor needs of a child, whichever way it was started."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class Offspring:
    """A forked child, spoken to like a `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status once it has ended (negative: the signal), else None."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, waited for. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            time.sleep(0.02)
        return status

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)


def preload() -> None:
    """Import what most parts need, so that it is shared by all of them. To be called before the first fork."""
    import models  # noqa: F401
    from app import logs  # noqa: F401
    from models import session  # noqa: F401

    getproctitle()  # it looks for its memory at the first call, and finds it only while the environment is untouched
    gc.collect()
    gc.freeze()  # the collector would otherwise touch, and so copy, every shared page


def spawn(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: int,
    error: int,
    let_go: Sequence[Callable[[], None]],
) -> Offspring:
    """Fork a child that runs `vigie` with `arguments` in a session of its own and never returns from here.

    `let_go` closes, in the child, what belongs to the parent. To be called while only one thread runs.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Offspring(pid)
    status = 70  # EX_SOFTWARE, should even the lines below fail
    try:
        _settle(parent, environment, output, error)
        for close in let_go:
            close()
        status = _run(arguments)
    except BaseException:  # noqa: BLE001 - the outermost line of a process: it says why it ends, and ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _settle(parent: int, environment: Mapping[str, str], output: int, error: int) -> None:
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)  # the parent died before we could ask to be told
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (error, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(environment)


def _run(arguments: Sequence[str]) -> int:
    from app.cli import main

    setproctitle("vigie " + " ".join(arguments))
    try:
        main(args=list(arguments), prog_name="vigie")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    finally:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    return 0
