"""Starting what is measured, each as its own process, and reading what it has cost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil

ROOT: Final = Path(__file__).resolve().parent.parent
PATIENCE_S: Final = 300.0  # other work may have both cores


class BenchError(Exception):
    """The bench cannot go on; the message says why."""


def until(claim: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """The first truthy answer. Raises BenchError, saying `what`, when it does not come in time."""
    end = time.monotonic() + seconds
    while not (answer := claim()):
        if time.monotonic() > end:
            raise BenchError(f"not seen within {seconds:.0f} s: {what}")
        time.sleep(0.05)
    return answer


class Child:
    """A process of ours; the last line it printed is `said`."""

    def __init__(self, name: str, argv: list[str], environment: dict[str, str], folder: Path) -> None:
        self.name, self.said = name, ""
        self._errors = (folder / f"{name}.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, *argv], cwd=ROOT, env={**os.environ, **environment}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said = line.strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    @property
    def ended(self) -> bool:
        """Never true: raises BenchError when it ended by itself."""
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} ended with status {self.process.returncode}; see its log")
        return False

    def kill(self) -> None:
        """At once, and nothing it could do about it."""
        self.process.kill()
        self.process.wait()
        self.end()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self._errors.close()


class Meter:
    """CPU seconds a group of processes has used. It looks every so often, so that one that ends is counted too."""

    def __init__(self, named: Callable[[], dict[int, str]]) -> None:
        self._named = named  # pid → group, of processes we started
        self._seen: dict[int, tuple[str, float]] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def read(self) -> dict[str, float]:
        """Seconds so far, by group."""
        self._look()
        with self._lock:
            sums: dict[str, float] = {}
            for group, seconds in self._seen.values():
                sums[group] = sums.get(group, 0.0) + seconds
        return sums

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            self._look()

    def _look(self) -> None:
        named = self._named()
        for process in psutil.Process().children(recursive=True):
            try:
                group = named.get(process.pid) or _group(process.name())
                used = process.cpu_times()
            except psutil.Error:
                continue  # it ended between two looks; its last figure stands
            if group:
                with self._lock:
                    self._seen[process.pid] = (group, used.user + used.system)


def _group(program: str) -> str:
    return {"postgres": "PostgreSQL", "java": "Kafka", "mosquitto": "Mosquitto"}.get(program, "")
