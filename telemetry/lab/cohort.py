"""A part of the fleet on its way through time: history first, in arrays, then a report every ten seconds. Plain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from telemetry.lab import faults
from telemetry.lab.cast import SEED, Member, machines
from telemetry.lab.faults import Fault
from telemetry.lab.physics import World
from telemetry.lab.reports import REPORTS_A_MESSAGE, facts, report
from telemetry.lab.state import Sample

HISTORY = timedelta(days=3)
HISTORY_STEP_S = 60
LIVE_EVERY_S = 10
LIVE_WITHIN_S = 75  # closer to now than this there is no whole history step left to make up
RACKS = {member.build.name: member.build.rack for member in machines()}


@dataclass
class Spoken:
    """Where a machine stands: its last number, and the device time of its last report (epoch ms)."""

    seq: int = 0
    at_ms: int = 0


class Cohort:
    """Some machines, the world they live in, and how far they have told their story. Guards numbers and instants."""

    def __init__(
        self, members: Sequence[Member], number: int, history: timedelta = HISTORY, *, says_facts: bool = True
    ) -> None:
        self.members = tuple(members)
        self.builds = tuple(m.build for m in members)
        self.names = tuple(b.name for b in self.builds)
        self.world = World(self.builds, SEED + number)
        self.at_ms = 0
        self._days = history
        self.spoken = {name: Spoken() for name in self.names}
        self._new = set(self.names) if says_facts else set()  # who has not yet said its facts

    def begin(self, now: datetime, heard: Mapping[str, tuple[datetime | None, int]]) -> None:
        """Take up the play: from where it stopped, but no further back than the days of history.

        `heard` is what the product already has of each machine (newest device time, highest number); none of it is
        said again. A machine it has nothing of tells all its history, under new numbers, whatever was told before.
        """
        earliest_ms = _ms(now - self._days) // 60_000 * 60_000
        self.at_ms = max(self.at_ms, earliest_ms)
        for name, spoken in self.spoken.items():
            at, seq = heard.get(name, (None, 0))
            spoken.seq = max(spoken.seq, seq)
            spoken.at_ms = max(spoken.at_ms, _ms(at)) if at else 0
            if not spoken.at_ms:
                self.at_ms = earliest_ms

    def is_live(self, now: datetime) -> bool:
        """Whether all history is told."""
        return _ms(now) - self.at_ms < LIVE_WITHIN_S * 1000

    def history(self, now: datetime, active: Iterable[Fault]) -> dict[str, list[bytes]]:
        """The next stretch of history: one message's worth of reports for every machine, oldest first.

        A fault is felt from its own instant on, also when that lies in the past that is being told.
        """
        told: dict[str, list[bytes]] = {name: [] for name in self.names}
        active = list(active)
        for _ in range(REPORTS_A_MESSAGE):
            if self.is_live(now):
                break
            self.at_ms = self.at_ms // (HISTORY_STEP_S * 1000) * HISTORY_STEP_S * 1000
            next_ms = self.at_ms + HISTORY_STEP_S * 1000
            sample = self._step(next_ms, [fault for fault in active if _ms(fault.since) <= next_ms])
            for place, name in enumerate(self.names):
                said = self._tell(sample, place, name)
                if said is not None:
                    told[name].append(said)
        return told

    def live(self, now: datetime, active: Iterable[Fault]) -> dict[str, bytes | None]:
        """Move to `now`; the reports that are due. None instead of a report: the machine says nothing, it is down.

        Each machine has its own second of the ten, so that the fleet does not speak in chorus.
        """
        begun_s, now_s = self.at_ms // 1000, _ms(now) // 1000
        if now_s <= begun_s:
            return {}
        sample = self._step(now_s * 1000, list(active))
        due: dict[str, bytes | None] = {}
        for place, name in enumerate(self.names):
            if not sample.heard[place]:
                due[name] = None
            elif (now_s - place) // LIVE_EVERY_S > (begun_s - place) // LIVE_EVERY_S:
                said = self._tell(sample, place, name)
                if said is not None:
                    due[name] = said
        return due

    def cure(self, fault: Fault) -> None:
        """Mend what a fault left behind on its machine."""
        faults.cure(self.world.state, self.builds, fault)

    def to_json(self) -> dict[str, Any]:  # Any: a JSON document
        """All that must outlive the process."""
        numbers = {name: [s.seq, s.at_ms] for name, s in self.spoken.items()}
        return {"at_ms": self.at_ms, "spoken": numbers, "world": self.world.snapshot()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take `to_json` back. Raises ValueError, KeyError or TypeError when it is of another fleet or damaged."""
        for name, (seq, at_ms) in saved["spoken"].items():
            if name in self.spoken:  # numbers outlive a change of the cast, the world does not
                self.spoken[name] = Spoken(int(seq), int(at_ms))
        self.world.restore(saved["world"])
        self.at_ms = int(saved["at_ms"])

    def _step(self, at_ms: int, active: Sequence[Fault]) -> Sample:
        sample = self.world.step(at_ms, (at_ms - self.at_ms) / 1000.0, faults.strain(self.builds, active, RACKS))
        self.at_ms = at_ms
        return sample

    def _tell(self, sample: Sample, place: int, name: str) -> bytes | None:
        spoken = self.spoken[name]
        if not sample.heard[place] or self.at_ms <= spoken.at_ms:
            return None
        spoken.seq += 1
        spoken.at_ms = self.at_ms
        said = facts(self.members[place]) if name in self._new else None
        self._new.discard(name)
        return report(spoken.seq, self.at_ms, sample.values[place].tolist(), said)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
