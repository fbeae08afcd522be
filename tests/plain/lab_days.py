"""Four weeks in the lab: two weeks of history and twelve days that are judged, a report every ten minutes.

Every machine lives a story of its own; nothing but its readings reaches the detector.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from telemetry.lab import faults
from telemetry.lab.faults import Fault, Kind
from telemetry.lab.hardware import Build
from telemetry.lab.physics import World
from telemetry.lab.sensors import NAMES
from telemetry.reading import Heard, Reading
from telemetry.verdict import Verdict
from telemetry.watching import Settings, Watching

Floats = NDArray[np.float64]
STEP_S = 600
BEGINS = datetime(2026, 10, 2, tzinfo=UTC)  # a Friday
LIVE = BEGINS + timedelta(days=14)
ENDS = LIVE + timedelta(days=10.5)  # clocks change on the tenth day, 25 October
AT_ONCE = 144
BUSY = np.isin(NAMES, ("cpu_util", "disk_busy_pct", "net_rx_mb_s", "net_tx_mb_s", "latency_ms", "procs"))


def at(day: float) -> datetime:
    """An instant by days after the judging began."""
    return LIVE + timedelta(days=day)


@dataclass(frozen=True)
class Story:
    """One machine: what breaks on it and until when, and what in its life is unusual and yet normal."""

    name: str
    role: str = "web"
    rack: str = "A1"
    breaks: tuple[tuple[Kind, datetime, datetime, float, float], ...] = ()  # kind, from, to, severity, speed
    cross_fed: bool = False
    weekly_job: bool = False  # Sundays from two to four in the morning, UTC
    more_from: datetime | None = None  # a quarter more work for good
    noise: float = 0.0  # share of every busy sensor's value

    def build(self) -> Build:
        return Build(self.name, self.role, "Europe/Paris", self.rack, psus=2 if self.cross_fed else 1,
                     cross_fed=self.cross_fed)  # fmt: skip


class Life(World):
    """The lab's world with what a story adds to demand."""

    def __init__(self, stories: Iterable[Story], seed: int) -> None:
        self.stories = tuple(stories)
        super().__init__([story.build() for story in self.stories], seed)

    def demand(self, at_ms: int) -> Floats:
        now = datetime.fromtimestamp(at_ms / 1000, UTC)
        base = super().demand(at_ms)
        job = now.weekday() == 6 and 2 <= now.hour < 4
        for place, story in enumerate(self.stories):
            if story.weekly_job and job:
                base[place] = 0.95
            if story.more_from is not None and now >= story.more_from:
                base[place] *= 1.25
        return base


@dataclass
class Days:
    """What was opened on each machine, in order."""

    opened: dict[str, list[Verdict]] = field(default_factory=dict)
    ended: dict[str, list[Verdict]] = field(default_factory=dict)
    watching: Watching = field(default_factory=Watching)
    heard: dict[str, list[int]] = field(default_factory=dict)  # instants of the reports, in milliseconds

    def longest_gap(self, name: str) -> timedelta:
        """Between two reports."""
        return timedelta(milliseconds=int(np.diff(self.heard[name]).max()))

    def causes(self, name: str) -> list[str]:
        return [verdict.cause for verdict in self.opened.get(name, [])]

    def first(self, name: str, *kinds: str) -> datetime:
        """When the first condition of one of these kinds opened."""
        hits = [v.started_ms for v in self.opened.get(name, []) if v.cause.partition(":")[0] in kinds]
        return datetime.fromtimestamp(min(hits) / 1000, UTC)


def play(stories: Iterable[Story], seed: int = 7) -> Days:
    """Live all of it."""
    world = Life(stories, seed)
    days = Days(watching=Watching(Settings(learn_until_ms=round(LIVE.timestamp() * 1000))))
    rng = np.random.default_rng(seed)
    faulted = [
        (Fault(kind, story.name, begins, severity, speed), ends)
        for story in world.stories
        for kind, begins, ends, severity, speed in story.breaks
    ]
    mended: set[int] = set()
    told: list[Heard] = []
    now = BEGINS
    jitter = np.array([story.noise for story in world.stories])
    while now < ENDS:
        now += timedelta(seconds=STEP_S)
        at_ms = round(now.timestamp() * 1000)
        for number, (fault, ends) in enumerate(faulted):
            if now >= ends and number not in mended:
                mended.add(number)
                faults.cure(world.state, world.builds, fault)
        active = [fault for fault, ends in faulted if fault.since <= now < ends]
        sample = world.step(at_ms, STEP_S, faults.strain(world.builds, active))
        values = sample.values
        for place, story in enumerate(world.stories):
            if not sample.heard[place]:
                continue
            row = values[place]
            if jitter[place]:
                row = np.where(BUSY, row * (1 + jitter[place] * rng.standard_normal(len(row)).clip(-3, 3)), row)
            metrics = {name: v for name, v in zip(NAMES, row.tolist(), strict=True) if v == v}
            days.heard.setdefault(story.name, []).append(at_ms)
            told.append(Reading(story.name, at_ms, metrics, None, at_ms, "native"))
        if len(told) >= AT_ONCE * len(world.stories) or now >= ENDS:
            for verdict in days.watching.feed(told):
                (days.opened if verdict.opened else days.ended).setdefault(verdict.machine, []).append(verdict)
            told = []
    return days
