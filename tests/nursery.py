"""Processes for the tests as `vigie up` makes them: forks of one that has everything imported (app/offspring.py).

Most of what a bridge or a watcher costs in a test is its imports, two seconds of a core each, some 150 times a run. A
test process has threads and must not fork; so it keeps a nursery beside it, which does. Where forking is not safe, and
where another version's code is to run, children are fresh interpreters instead.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from app.offspring import CAN_FORK, Process

ROOT = Path(__file__).resolve().parent.parent
_PRELOADED = (
    "app.cli", "app.logs", "app.settings", "telemetry.bridge", "telemetry.broker", "telemetry.watch", "kafka",
    "escalation.climbing", "escalation.deliver", "escalation.tick", "escalation.channels.webhook",
    "tests.faults.killpoint",
)  # fmt: skip


def start(program: str, *arguments: str, environment: Mapping[str, str], out: IO[bytes]) -> Process:
    """Run `program`, lines of Python, in a process of its own at the root of the house; `arguments` are its own."""
    if not CAN_FORK:
        argv = [sys.executable, "-c", program, *arguments]
        return subprocess.Popen(argv, env=environment, stdout=out, stderr=out, cwd=ROOT)
    said = json.dumps({"program": program, "arguments": arguments, "environment": dict(environment)}).encode()
    line = socket.socket(socket.AF_UNIX)
    line.connect(_nursery())
    socket.send_fds(line, [len(said).to_bytes(4)], [out.fileno(), out.fileno()])
    line.sendall(said)
    return Nursling(line)


def run(
    program: str, *arguments: str, environment: Mapping[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `program` to its end; what it said is in `stdout`. Raises subprocess.TimeoutExpired, and ends it then."""
    with tempfile.TemporaryFile() as out:
        process = start(program, *arguments, environment=environment, out=out)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        out.seek(0)
        return subprocess.CompletedProcess(arguments, status, out.read().decode(errors="replace"))


class Nursling:
    """A child of the nursery, spoken to like a `subprocess.Popen`; the nursery tells how it ended."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.pid = int.from_bytes(_exactly(line, 4))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status once it has ended (negative: the signal), else None."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, waited for. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = int.from_bytes(_exactly(self._line, 4), signed=True)
            except (TimeoutError, BlockingIOError) as error:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0) from error
            self._line.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended this moment, and the nursery has seen it already
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)


@cache
def _nursery() -> str:
    """The address of this process's nursery, begun at the first call and ended with us."""
    folder = tempfile.TemporaryDirectory(prefix="vigie-nursery-")
    place = str(Path(folder.name) / "line")
    argv = [sys.executable, "-m", "tests.nursery", place]
    process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    lifeline = process.stdin
    assert lifeline is not None
    assert process.stdout is not None
    assert process.stdout.read(1) == b".", "the nursery did not start"
    process.stdout.close()

    def end() -> None:
        lifeline.close()
        process.wait(20)
        folder.cleanup()

    atexit.register(end)
    return place


def _exactly(line: socket.socket, size: int) -> bytes:
    said = b""
    while len(said) < size:
        more = line.recv(size - len(said))
        if not more:
            raise EOFError("the nursery is gone")
        said += more
    return said


def _serve(ear: socket.socket) -> str:
    """Fork whenever asked, tell each caller how its child ended; the parent leaves at the end of its standard input.

    Returns the program, in the child alone.
    """
    lines: dict[int, socket.socket] = {}
    woken, wakes = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as ready:
        for one in (ear.fileno(), woken, 0):
            ready.register(one, selectors.EVENT_READ)
        while True:
            heard = {key.fd for key, _ in ready.select()}
            if 0 in heard:
                for pid in lines:
                    os.kill(pid, signal.SIGKILL)
                sys.exit(0)
            if woken in heard:
                os.read(woken, 4096)
                _tell_ended(lines)
            if ear.fileno() in heard:
                line, _ = ear.accept()
                size, given, _, _ = socket.recv_fds(line, 4, 2)
                asked = json.loads(_exactly(line, int.from_bytes(size)))
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for theirs in (line, ear, *lines.values()):
                        theirs.close()
                    os.close(woken)
                    os.close(wakes)
                    break
                for fd in given:
                    os.close(fd)
                lines[pid] = line
                line.sendall(pid.to_bytes(4))
    _become(asked["arguments"], asked["environment"], *given)
    return str(asked["program"])


def _tell_ended(lines: dict[int, socket.socket]) -> None:
    while lines:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with lines.pop(pid) as line, suppress(BrokenPipeError):  # who asked may have stopped listening
            line.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))


def _become(arguments: list[str], environment: dict[str, str], out: int, err: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
        if source > 2:
            os.close(source)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["-c", *arguments]


def _main() -> str:
    """As the nursery, to the end of the tests; as one of its children, the program to be."""
    for name in _PRELOADED:
        __import__(name)
    gc.collect()
    gc.freeze()  # the collector would otherwise touch, and so copy, every shared page
    ear = socket.socket(socket.AF_UNIX)
    ear.bind(sys.argv[1])
    ear.listen(16)
    sys.stdout.write(".")
    sys.stdout.flush()
    return _serve(ear)


if __name__ == "__main__":
    exec(compile(_main(), "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - a test's own lines
