"""Bodies that run again and again beside one another, each in a thread of its own, none able to end another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

log = structlog.get_logger()

LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True)
class Loop:
    """A body and how long to rest after each run, seconds."""

    name: str
    every_s: float
    body: Callable[[datetime], object]


@contextmanager
def running(loops: Sequence[Loop], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[None]:
    """Run the loops for the length of the block; each ends after the body it is in."""
    over = threading.Event()
    threads = [threading.Thread(target=_run, args=(loop, over, clock), name=loop.name) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _run(loop: Loop, over: threading.Event, clock: Callable[[], datetime]) -> None:
    failures = 0
    while not over.is_set():
        try:
            loop.body(clock())
            failures = 0
        except Exception:
            failures += 1
            log.exception("loop.failed", loop=loop.name, failures=failures)
        over.wait(min(LONGEST_PAUSE_S, loop.every_s * 2**failures) if failures else loop.every_s)
