"""One whole Vigie as its own process tree, for tests that look at it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0


def await_that(claim: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
    """Return once `claim` holds; fails, saying `what`, when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"within {seconds:.0f} s not seen: {what}"
        time.sleep(0.1)


class Vigie:
    """A running `vigie up`: what it has said so far, and the processes it has started."""

    def __init__(self, process: subprocess.Popen[str], data: Path) -> None:
        self.process = process
        self.data = data
        self.lines: list[str] = []
        self.pids: set[int] = set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def said(self) -> str:
        return "\n".join(self.lines)

    def await_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, f"it ended while starting:\n{self.said()}"
            return any(line.startswith("ready ") for line in self.lines)

        await_that(ready, "the line that begins with `ready`")

    @property
    def address(self) -> str:
        return next(line for line in self.lines if line.startswith("ready "))[6:].rstrip("/")

    @property
    def link(self) -> str:
        found = re.search(r"sign in +(\S+)", self.said())
        assert found, self.said()
        return found[1]

    def family(self) -> list[psutil.Process]:
        """Every process below it at this moment, remembered in `pids`."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        self.pids |= {one.pid for one in found}
        return found

    def part(self, title: str) -> psutil.Process | None:
        """The process whose command line says `title`."""
        for one in self.family():
            try:
                if title in " ".join(one.cmdline()) and one.status() != psutil.STATUS_ZOMBIE:
                    return one
            except psutil.Error:
                continue
        return None

    def left(self) -> list[str]:
        """What of the remembered processes is still alive."""
        found = []
        for pid in self.pids:
            try:
                one = psutil.Process(pid)
                if one.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{pid} {' '.join(one.cmdline())[:80]}")
            except psutil.NoSuchProcess:
                continue
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def begin(data: Path, *options: str, environment: Mapping[str, str] | None = None) -> Vigie:
    """Start `vigie up` on `data` with free ports; not waited for."""
    argv = [sys.executable, "-m", "app.cli", "up", "--data", str(data), "--port", "0", "--mqtt-port", "0", *options]
    own = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    process = subprocess.Popen(
        argv, cwd=ROOT, env={**own, **(environment or {})}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    return Vigie(process, data)


@contextmanager
def running(data: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Vigie]:
    """A `vigie up` that is ready; whatever happens, nothing of it outlives the block."""
    vigie = begin(data, *options, environment=environment)
    try:
        vigie.await_ready()
        vigie.family()
        yield vigie
    finally:
        end(vigie)


def end(vigie: Vigie) -> None:
    """Stop it, by force if need be."""
    if vigie.process.poll() is None:
        vigie.family()
        vigie.process.terminate()
        try:
            vigie.process.wait(60)
        except subprocess.TimeoutExpired:
            vigie.process.kill()
            vigie.process.wait()
    for pid in vigie.pids:
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            continue
    if vigie.process.stdout is not None:
        vigie._reader.join(10)
        vigie.process.stdout.close()


def command(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    """`vigie ARGUMENTS` on the folder `data`, run to its end."""
    argv = [sys.executable, "-m", "app.cli", *arguments]
    environment = {**os.environ, "VIGIE_DATA": str(data)}
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
