"""How far a machine's clock is off, and by how much its instants are moved. Plain: one machine's state over time.

What a report shows is its instant by the machine's clock less its arrival by ours: the clock's error less the time the
report took. So nothing can seem to come from the future but by a clock that is ahead, and that is known at once; a
clock that is behind looks like a report that took long, and is believed only when a minute of arrivals and more agree
on it, and only beyond what agents keep back to send together (``BEHIND_MS``). A correction follows a drift in steps of
``STEP_MS``. It depends on nothing but the reports in the order they arrived, so replay finds the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Final, TypeVar

from telemetry.formats.instants import EARLIEST_MS
from telemetry.reading import Event, Reading

AHEAD_MS: Final = 30_000  # baselines go by the minute, people by less: a clock this far off misleads both
BEHIND_MS: Final = 120_000
END_MS: Final = 20_000  # nearer than this a clock that was corrected counts as right again
STEP_MS: Final = 10_000
SAMPLES: Final = 9  # arrivals remembered; most of them have to agree
LEAST: Final = 5
APART_MS: Final = 10_000  # between samples: a burst of what was kept back is one witness, not many
SPAN_MS: Final = 60_000
AGREE_MS: Final = 5_000
_MOST: Final = 0.75  # of the samples
_T = TypeVar("_T", Reading, Event)


@dataclass(frozen=True, slots=True)
class Moved:
    """From this arrival on a machine's clock counts as ``offset_ms`` ahead of ours (behind: negative; right: 0)."""

    since_ms: int
    offset_ms: int


@dataclass(slots=True)
class Clock:
    """See the module's docstring. Instants are epoch milliseconds."""

    offset_ms: int = 0
    newest_ms: int = -1  # newest instant by the machine's own clock
    samples: list[tuple[int, int]] = field(default_factory=list)  # (arrival, instant less arrival)
    moved: list[Moved] = field(default_factory=list)  # since it was last asked

    def look(self, at_ms: int, received_ms: int) -> None:
        """Take notice of a report that names its instant and is told for the first time."""
        if received_ms < EARLIEST_MS:
            return  # a recording whose clock began at nought
        error = at_ms - received_ms
        if error - self.offset_ms > AHEAD_MS:
            self._believe(error, received_ms)
            self.samples.clear()
        elif self.offset_ms > 0 and at_ms < self.newest_ms - AHEAD_MS and abs(error) <= END_MS:
            self._believe(0, received_ms)  # it stepped back, and is right now
            self.samples.clear()
        self.newest_ms = max(self.newest_ms, at_ms)
        if not self.samples or received_ms - self.samples[-1][0] >= APART_MS:
            self.samples.append((received_ms, error))
            del self.samples[:-SAMPLES]
            self._weigh(received_ms)

    def corrected(self, said: _T) -> _T:
        """What was said, at the instant it was by our clock. Without an instant of its own it is right as it is."""
        if not self.offset_ms or said.at_ms == said.received_at_ms:
            return said
        return replace(said, at_ms=said.at_ms - self.offset_ms)

    def take_moved(self) -> list[Moved]:
        """Corrections that began, changed or ended since the last call."""
        moved, self.moved = self.moved, []
        return moved

    def _weigh(self, received_ms: int) -> None:
        if len(self.samples) < LEAST or self.samples[-1][0] - self.samples[0][0] < SPAN_MS:
            return
        errors = [error for _, error in self.samples]
        middle = median(errors)
        if sum(abs(error - middle) <= AGREE_MS for error in errors) >= _MOST * len(errors):
            self._believe(round(middle), received_ms)

    def _believe(self, error: int, received_ms: int) -> None:
        right = abs(error) <= END_MS if self.offset_ms else -BEHIND_MS <= error <= AHEAD_MS
        offset = 0 if right else error
        if offset != self.offset_ms and (right or abs(offset - self.offset_ms) > STEP_MS):
            self.offset_ms = offset
            self.moved.append(Moved(received_ms, offset))

    def snapshot(self) -> list[Any]:
        """Plain values from which ``restored`` makes an equal one."""
        return [self.offset_ms, self.newest_ms, self.samples]


def restored(kept: list[Any]) -> Clock:
    """The inverse of ``Clock.snapshot``."""
    offset, newest, samples = kept
    return Clock(offset, newest, [(arrival, error) for arrival, error in samples])
