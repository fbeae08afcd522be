"""Keep the parts alive: one process each, started again with a back-off, stopped in order, none left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from app import leash, offspring
from app.offspring import Process

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# A part that ran so long has recovered: its next end starts the back-off anew.
STEADY_S = 60.0
GRACE_S = 10.0
# A part's log is cut back when it grows past this; the last one is kept beside it.
LARGEST_LOG = 10 * 2**20


@dataclass(frozen=True)
class Part:
    """One process of ours: how it is started, and how it is asked to stop.

    `arguments` are those of `vigie`, for a part that may be a fork of ours; `argv` is the whole command for any other.
    """

    name: str
    argv: Sequence[str] = ()
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stop: signal.Signals = signal.SIGTERM
    beats_itself: bool = False  # whether it reports its own progress; else we vouch for its being there


@dataclass
class Run:
    """How a part fares. States: running, waiting (for its back-off), stopped."""

    part: Part
    process: Process
    began: float
    started_at: datetime
    state: str = "running"
    restarts: int = 0
    failures: int = 0
    again_at: float = 0.0
    why: str = ""


def pause_after(failures: int) -> float:
    """Seconds to wait before the next start, after so many failures in a row."""
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(0, failures - 1)))


def vigie(*arguments: str) -> list[str]:
    """The command line of one of our own commands, under the same Python, whatever the working directory."""
    return [sys.executable, "-P", "-m", "app.cli", *arguments]


class Supervisor:
    """Guards the running parts. Not thread-safe: one thread starts, watches and stops them all."""

    def __init__(
        self, logs: Path, tell: Callable[[str], None], environment: Mapping[str, str],
        let_go: Sequence[Callable[[], None]] = (),
    ) -> None:  # fmt: skip
        self._let_go = [self.close, *let_go]
        self.runs: dict[str, Run] = {}
        self.asked_to_stop = False
        self._logs = logs
        self._tell = tell
        self._environment = environment
        self._wake, self._bell = socket.socketpair()
        self._wake.setblocking(False)
        self._bell.setblocking(False)

    def listen(self) -> None:
        """Let SIGTERM, SIGINT and SIGHUP ask for the end, and the death of a child wake us at once."""
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._ask_to_stop())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def start(self, part: Part) -> Run:
        """Start a part for the first time."""
        run = Run(part, self._launch(part), time.monotonic(), datetime.now(UTC))
        self.runs[part.name] = run
        return run

    def rest(self, seconds: float) -> None:
        """Sleep, but wake when a child ends or a signal comes."""
        self._wake.settimeout(max(0.0, seconds))
        with suppress(TimeoutError, BlockingIOError):
            self._wake.recv(4096)

    def look(self) -> bool:
        """Notice which parts have ended and start those whose pause is over. True when anything changed."""
        changed = False
        for run in self.runs.values():
            if run.state == "running" and run.process.poll() is not None:
                self._note_end(run)
                changed = True
            elif run.state == "waiting" and time.monotonic() >= run.again_at and not self.asked_to_stop:
                self._tidy_log(run.part.name)
                run.process = self._launch(run.part)
                run.began, run.started_at = time.monotonic(), datetime.now(UTC)
                run.state, run.restarts = "running", run.restarts + 1
                changed = True
        return changed

    def next_due(self) -> float:
        """Seconds until a paused part is to be started again; infinite when none is."""
        due = [run.again_at for run in self.runs.values() if run.state == "waiting"]
        return max(0.0, min(due) - time.monotonic()) if due else float("inf")

    def stop(self, stages: Sequence[Sequence[str]]) -> None:
        """Stop the parts stage by stage, those of one stage together, and whatever they started themselves."""
        for stage in stages:
            runs = [self.runs[name] for name in stage if name in self.runs]
            for run in runs:
                if run.process.poll() is None:
                    run.process.send_signal(run.part.stop)
            deadline = time.monotonic() + GRACE_S
            for run in runs:
                self._await_end(run, deadline)
                run.state = "stopped"

    def close(self) -> None:
        """Let go of the sockets that wake us; nothing can be started or watched afterwards."""
        self._wake.close()
        self._bell.close()

    def tidy_logs(self) -> None:
        """Cut back logs that have grown too long."""
        for name in self.runs:
            self._tidy_log(name)

    def last_words(self, name: str, lines: int = 8) -> str:
        """The end of a part's log, for a person."""
        try:
            said = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join("    " + line for line in said[-lines:])

    def _ask_to_stop(self) -> None:
        self.asked_to_stop = True

    def _launch(self, part: Part) -> Process:
        with (self._logs / f"{part.name}.log").open("ab") as log:
            return self.launch(part, log.fileno(), log.fileno())

    def launch(self, part: Part, output: int, error: int) -> Process:
        """A process for `part` in a session of its own, not watched over by us yet."""
        environment = {**self._environment, **part.environment}
        if part.arguments and offspring.CAN_FORK:
            return offspring.spawn(part.arguments, environment, output, error, self._let_go)
        return subprocess.Popen(
            part.argv or leash.command(vigie(*part.arguments)),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=error,
            start_new_session=True,  # Ctrl-C reaches us alone, so that we can stop them in order
        )

    def _note_end(self, run: Run) -> None:
        code = run.process.returncode or 0
        run.why = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        if time.monotonic() - run.began >= STEADY_S:
            run.failures = 0
        run.failures += 1
        pause = pause_after(run.failures)
        run.again_at = time.monotonic() + pause
        run.state = "waiting"
        _end_group(run.process.pid)
        log = self._logs / f"{run.part.name}.log"
        self._tell(f"{run.part.name} {run.why}; starting it again in {pause:g} s (its log: {log})")

    def _await_end(self, run: Run, deadline: float) -> None:
        try:
            run.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._tell(f"{run.part.name} did not stop within {GRACE_S:g} s and was ended by force")
            run.process.kill()
            run.process.wait()
        _end_group(run.process.pid)

    def _tidy_log(self, name: str) -> None:
        log = self._logs / f"{name}.log"
        with suppress(FileNotFoundError):
            if log.stat().st_size > LARGEST_LOG:
                log.with_suffix(".log.1").write_bytes(log.read_bytes()[-LARGEST_LOG:])
                os.truncate(log, 0)  # it was opened for appending, so its writer goes on at the start


def _end_group(leader: int) -> None:
    """End what a part that is gone had started: a web worker, or Mosquitto, would keep the port."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
