"""Readings in, verdicts out: the pure core that live watching and replay share. Plain: no clock, no database, no
network.

How ``telemetry/watch.py`` uses it (one ``Watching`` per partition)::

    watching = Watching()                       # or Watching.restore(snapshot)
    verdicts = watching.feed(heard)             # heard: Reading, Event, Status in arrival order; transitions in order
    blob = watching.snapshot()                  # bytes; deterministic, holds everything that later verdicts depend on
    watching.machines()                         # name -> Watched (state, cadence, last score, ...), for
    machine_states rows watching.drop("srv-1")                      # forget a machine (removed, or moved to another
    partition); no verdicts

What ``feed`` does with a reading, by its own instant (event time), never by a clock:
  * older than the machine's newest: kept out of the scores (history stores it, a score counts once);
  * arrived more than ``Settings.backdated_s`` after its instant (history sent in bulk): learned from, opens nothing;
  * otherwise: the machine is fitted as soon as ``Settings.learn_s`` of history is there, then every reading is scored.
    A back-dated history of days is fitted in one go at the first live reading.
Rules (``rules.py``) and events need no history and work from the first live reading.

Feeding is deterministic: the same readings in the same order give the same verdicts, however they are cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telemetry.reading import Heard
from telemetry.verdict import Verdict

__all__ = ["Settings", "Verdict", "Watched", "Watching"]


@dataclass(frozen=True, slots=True)
class Settings:
    """One set for every kind of machine."""

    learn_s: int = 3600
    backdated_s: int = 900
    learn_until_ms: int | None = None  # replay's --history-until: before this instant nothing opens


@dataclass(frozen=True, slots=True)
class Watched:
    """What the watch knows about one machine."""

    machine: str
    state: str  # "learning" (rules only) or "watched" (baselines fitted)
    cadence_s: float | None
    last_at_ms: int | None
    score: float  # last score in robust sigmas, 0 while learning
    threshold: float
    learned_s: int  # span of history the baselines rest on, or collected so far
    series: int
    open_causes: tuple[str, ...]


class Watching:
    """See the module's docstring. Not thread-safe: one owner per partition."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def feed(self, heard: Sequence[Heard]) -> list[Verdict]:
        """Learn from or score each message, in order; return the conditions that began or ended."""
        raise NotImplementedError

    def machines(self) -> dict[str, Watched]:
        """State of every machine seen."""
        raise NotImplementedError

    def drop(self, machine: str) -> None:
        """Forget a machine; unknown names are no error."""
        raise NotImplementedError

    def snapshot(self) -> bytes:
        """Everything later verdicts depend on, as bytes; equal states give equal bytes."""
        raise NotImplementedError

    @classmethod
    def restore(cls, blob: bytes, settings: Settings | None = None) -> Watching:
        """The inverse of ``snapshot``; raises ``ValueError`` for bytes of another version or damaged ones."""
        raise NotImplementedError
