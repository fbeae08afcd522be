"""What a watch is set to, and how one machine stands in it. Plain."""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.reading import Reading


@dataclass(frozen=True, slots=True)
class Settings:
    """One set for every kind of machine."""

    learn_s: int = 3600
    backdated_s: int = 900
    learn_until_ms: int | None = None  # replay's --history-until: before this instant nothing opens
    calm_trusted: float = 1.75  # classes whose relations are calmer than this on history are judged by them

    def is_quiet(self, r: Reading) -> bool:
        """Whether a report is learned from only: sent long after its instant, or before the one from which we watch."""
        late = r.received_at_ms - r.at_ms > self.backdated_s * 1000
        return late or (self.learn_until_ms is not None and r.at_ms < self.learn_until_ms)


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
