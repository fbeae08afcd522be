"""What becomes of one report: taken, late, told before, or from the future. Plain: one machine's state over time."""

from __future__ import annotations

import base64
import uuid
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any, Final

from telemetry import changes, clocks, name_signs
from telemetry.clocks import Clock
from telemetry.numbers import Numbers
from telemetry.prints import Prints
from telemetry.reading import Reading
from telemetry.storable import storable_texts

_REMEMBERED: Final = 15  # intervals and skews the medians rest on
_LIVE_MS: Final = 900_000  # older at its arrival: history sent in bulk, says nothing about cadence or clock
_RHYTHM_MS: Final = 2 * 86_400_000  # a longer pause is no rhythm
_ROUND_MS: Final = 1_000  # what comes within is one arrival
MOST_LATEST: Final = 400  # metrics kept as newest values; a wider machine shows the rest from history


class Fate(StrEnum):
    """The columns of the delivery ledger."""

    SCORED = "scored"
    LATE = "late"  # stored, too old to be scored: a newer one was
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass
class Heard:
    """What we know of one machine from its reports. A row of `machine_states` is made of it."""

    numbers: Numbers = field(default_factory=Numbers)
    last_at_ms: int = -1
    last_received_ms: int = -1
    said: str | None = None
    latest: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    intervals: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    skews: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    cadence_known_s: float | None = None  # as it was stored, until enough new intervals are known
    missing: int = 0  # numbers missing since the last flush, less those that came after all
    prints: Prints = field(default_factory=Prints)  # of reports without a number
    clock: Clock = field(default_factory=Clock)
    rounds: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))  # ms between arrivals
    round_ms: int = -1  # when the newest arrival began
    machine_id: uuid.UUID | None = None  # whose state it is: a name may be given to another machine
    turns: dict[str, list[int]] = field(default_factory=dict)  # when each version changed lately
    changed: list[tuple[str, str, str]] = field(default_factory=list)  # see `take_changed`

    @property
    def cadence_s(self) -> float | None:
        """Seconds between reports, the median of the last; of a machine that sends many at once, between sendings."""
        if len(self.intervals) < 3:
            return self.cadence_known_s
        usual = median(self.intervals)
        return round((max(usual, median(self.rounds)) if len(self.rounds) >= 3 else usual) / 1000, 3)

    @property
    def skew_s(self) -> float | None:
        """The machine's clock less ours, travel time included."""
        return round(median(self.skews) / 1000, 3) if self.skews else None

    def admit(self, reading: Reading, *, retained: bool, future_tolerance_ms: int) -> Fate:
        """Say what becomes of a report, and remember it unless it was told before or lies in the future.

        It is remembered at its corrected instant (`clock`); what was told before is known by the one it was sent with.
        A retained report is an old one handed to a new subscriber. One without a number was told before when the same
        values came for the same instant. A number stored before, under an instant newer than all, is a machine that
        counts anew: nothing can be sent twice before it was measured once.
        """
        if reading.at_ms > reading.received_at_ms + future_tolerance_ms:
            return Fate.REFUSED
        dated = reading.at_ms != reading.received_at_ms
        if retained:
            return Fate.DUPLICATE
        if reading.seq is None:
            if dated and self.prints.seen(reading):
                return Fate.DUPLICATE
        elif reading.seq in self.numbers:
            # By its own clock: a correction that began in between makes nothing newer than it was.
            if not dated or reading.at_ms <= (self.clock.newest_ms if self.clock.newest_ms >= 0 else self.last_at_ms):
                return Fate.DUPLICATE
            self.numbers.start_anew(reading.seq)
        else:
            self.missing += self.numbers.add(reading.seq)
        if dated:
            self.clock.look(reading.at_ms, reading.received_at_ms)
        said = self.clock.corrected(reading) if self.clock.offset_ms else reading
        return self._remember(said, dated, reading.at_ms - reading.received_at_ms)

    def _remember(self, reading: Reading, dated: bool, skew_ms: int) -> Fate:
        live = reading.received_at_ms - reading.at_ms < _LIVE_MS
        if live:
            # A bridge that was away delivers many at once: device time tells their rhythm, unless they always come so.
            if 0 < reading.at_ms - self.last_at_ms < _RHYTHM_MS and self.last_at_ms >= 0:
                self.intervals.append(reading.at_ms - self.last_at_ms)
            if dated:
                self.skews.append(skew_ms)
        if reading.received_at_ms - self.round_ms >= _ROUND_MS:
            if self.round_ms >= 0 and reading.received_at_ms - self.round_ms < _RHYTHM_MS:
                self.rounds.append(reading.received_at_ms - self.round_ms)
            self.round_ms = reading.received_at_ms
        self.last_received_ms = max(self.last_received_ms, reading.received_at_ms)
        if reading.facts:
            self._learn_facts(reading)
        if reading.at_ms < self.last_at_ms or (reading.at_ms == self.last_at_ms and reading.seq is not None):
            return Fate.LATE  # without a number, the newest instant's second part is as new as its first
        self.last_at_ms = reading.at_ms
        if len(self.latest) + len(reading.metrics) <= MOST_LATEST:
            self.latest.update(reading.metrics)
        else:
            self.latest = dict(list(reading.metrics.items())[:MOST_LATEST])
        return Fate.SCORED

    def take_changed(self) -> list[tuple[str, str, str]]:
        """Versions that are others since the last call: fact, before, now."""
        changed, self.changed = self.changed, []
        return changed

    def _learn_facts(self, reading: Reading) -> None:
        told = storable_texts(reading.facts)
        if reading.at_ms < self.last_at_ms:  # what was true before the newest says nothing of now
            self.facts = {**told, **self.facts}
            return
        for name, now in told.items():
            before = self.facts.get(name, "")
            is_other = bool(before) and bool(now) and before != now and name_signs.is_version(name)
            if is_other and changes.turns_steadily(self.turns, name, reading.at_ms):
                self.changed.append((name, before, now))
        self.facts.update(told)

    def snapshot(self) -> list[Any]:
        """Plain values from which `restored` makes an equal one."""
        return [
            self.numbers.spans, self.last_at_ms, self.last_received_ms, self.said, self.latest, self.facts,
            list(self.intervals), list(self.skews), self.cadence_known_s,
            str(self.machine_id) if self.machine_id else None, base64.b64encode(bytes(self.prints)).decode(),
            self.clock.snapshot(), list(self.rounds), self.round_ms, self.turns,
        ]  # fmt: skip


def restored(kept: list[Any]) -> Heard:
    """The inverse of `Heard.snapshot`; one of before machines were told apart by id (nine values) counts for anyone."""
    spans, last_at, last_received, said, latest, facts, intervals, skews, cadence, *whose = kept
    return Heard(
        Numbers(spans), last_at, last_received, said, latest, facts,
        deque(intervals, _REMEMBERED), deque(skews, _REMEMBERED), cadence,
        machine_id=uuid.UUID(whose[0]) if whose and whose[0] else None,
        prints=Prints(base64.b64decode(whose[1]) if len(whose) > 1 else b""),
        clock=clocks.restored(whose[2]) if len(whose) > 2 else Clock(),
        rounds=deque(whose[3] if len(whose) > 3 else (), _REMEMBERED), round_ms=whose[4] if len(whose) > 4 else -1,
        turns=whose[5] if len(whose) > 5 else {},
    )  # fmt: skip
