"""Loops of a worker: each in a thread of its own, asleep until something is due, woken early by a notification.

A loop that raises is logged, counted and tried again with a growing pause; it never takes its neighbours along.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

log = structlog.get_logger("loops")

# The pause after a failure: doubled each time up to a minute, so an absent database costs nothing and is found soon.
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0


@dataclass(slots=True)
class Loop:
    """A body called at least every `every_s` seconds, and when it asked to be.

    The body is given the instant and answers when it wants to run next (None: at `every_s`); never sooner than now.
    `nudged`: whether a notification of work wakes it. The counts tell of progress.
    """

    name: str
    every_s: float
    body: Callable[[datetime], datetime | None]
    nudged: bool = True
    runs: int = 0
    failures: int = 0
    failing: int = 0  # in a row
    last_run_at: datetime | None = None
    last_error: str = ""
    _wake: threading.Event = field(default_factory=threading.Event, repr=False)

    def nudge(self) -> None:
        """Run soon."""
        self._wake.set()

    def once(self, now: datetime) -> float:
        """Run the body; answers how many seconds to sleep. The loop's outermost line: whatever is raised ends here."""
        try:
            due = self.body(now)
        except Exception as error:
            self.failures += 1
            self.failing += 1
            self.last_error = f"{type(error).__name__}: {error}"[:500]
            log.exception("loop failed", loop=self.name, failing=self.failing)
            return float(min(_FIRST_PAUSE_S * 2 ** min(self.failing - 1, 10), _LONGEST_PAUSE_S))
        self.runs += 1
        self.failing, self.last_error, self.last_run_at = 0, "", now
        if due is None:
            return self.every_s
        return min(max((due - now).total_seconds(), 0.0), self.every_s)


def run_loops(
    loops: Sequence[Loop],
    stop: threading.Event,
    clock: Callable[[], datetime],
    *,
    nudges: Callable[[Callable[[], None], threading.Event], None] | None = None,
) -> None:
    """Run the loops until `stop` is set, then wait for each to finish its turn.

    `nudges(nudge, stop)` blocks in a thread of its own and calls `nudge` whenever there is work (`wake.listen`).
    """
    threads = [threading.Thread(target=_run, args=(loop, stop, clock), name=loop.name) for loop in loops]

    def nudge_all() -> None:
        for loop in loops:
            if loop.nudged:
                loop.nudge()

    if nudges is not None:
        threads.append(threading.Thread(target=nudges, args=(nudge_all, stop), name="nudges"))
    for thread in threads:
        thread.start()
    stop.wait()
    for loop in loops:
        loop.nudge()  # out of its sleep
    for thread in threads:
        thread.join()


def _run(loop: Loop, stop: threading.Event, clock: Callable[[], datetime]) -> None:
    while not stop.is_set():
        loop._wake.clear()
        pause = loop.once(clock())
        if loop.failing:
            stop.wait(pause)  # a nudge is no reason to hammer at what is broken
        else:
            loop._wake.wait(pause)
