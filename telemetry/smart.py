"""What a drive says of itself, day by day, turned into signs of wear, and the signs into a risk. Plain.

A drive's raw counters under their SMART numbers (``smart_5_raw``, on a host ``smart_5_raw.sda``): 1 read error rate,
5 reallocated sectors, 9 power-on hours, 194 temperature, 197 pending sectors; ``capacity_bytes`` where it is told.
Everything looks back only. What was never told counts as typical and says nothing.

The weights are a readable table, ``smart_card.json``: made by ``vigie train smart``, with its lineage in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

DAY_MS: Final = 86_400_000
NEW_DAY_MS: Final = DAY_MS * 5 // 6  # a report this long after the last day's opens another day
KEPT_DAYS: Final = 30
PACKED: Final = 4_000_000_000  # some makers pack several counters into one number; beyond this it is no rate
MILLIONS: Final = 10_000_000
SECTORS_OF_8: Final = 8  # drives with 4 KiB sectors count in eighths: 8, 16, 24 …

SIGNS: Final = (
    "reallocated", "pending_worst", "both", "worse_of_two", "grew_1d", "grew_7d", "grew_30d", "any", "pending",
    "growing", "per_age", "standing_still", "read_rate", "read_rate_zero", "read_rate_packed", "temperature", "hot",
    "age", "off_midlife", "young", "newborn", "capacity", "tb_1", "tb_1_5", "tb_3", "tb_4", "missed_days", "calm_reads",
    "calm_reallocated", "calm_pending", "calm_any", "tb_3_reallocated", "tb_3_pending", "tb_3_any",
    "tb_1_5_reallocated", "tb_1_5_young", "reallocated_squared", "pending_squared", "grew_7d_squared", "still_any",
    "still_tb_1_5",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """One day of one drive; NaN where a counter was not told."""

    read_rate: float = math.nan
    reallocated: float = math.nan
    hours: float = math.nan
    temperature: float = math.nan
    pending: float = math.nan
    capacity: float = math.nan

    def filled(self, before: Told) -> Told:
        """What is missing stands as it was last told."""
        now, then = asdict(self), asdict(before)
        return Told(**{name: then[name] if math.isnan(value) else value for name, value in now.items()})


@dataclass(slots=True)
class Drive:
    """One drive over its days."""

    last: Told = field(default_factory=Told)
    last_ms: int = -1  # the instant that opened the last day
    first_ms: int = -1
    counts: list[tuple[int, float]] = field(default_factory=list)  # (instant, reallocated) of the days kept
    unit_5: int = SECTORS_OF_8
    unit_197: int = SECTORS_OF_8
    changes: int = 0
    days: int = 0
    still: float = 0.0  # days the read error rate has not moved
    growing: float = 0.0
    worst_pending: float = 0.0
    worst_rate: float = 0.0

    def hear(self, at_ms: int, told: Told) -> list[float]:
        """The signs as they stand after this report, in the order of ``SIGNS``; NaN where nothing was ever told."""
        now = told.filled(self.last)
        missed = 0.0
        if self.last_ms < 0 or at_ms - self.last_ms >= NEW_DAY_MS:
            missed = self._next_day(at_ms, now)
        elif now.pending > self.worst_pending:
            self.worst_pending = now.pending
        return self._signs(at_ms, now, missed)

    def _next_day(self, at_ms: int, now: Told) -> float:
        """Close the day before; days nobody heard of it."""
        passed = 0.0 if self.last_ms < 0 else round((at_ms - self.last_ms) / DAY_MS)
        if self.last_ms >= 0:
            self.days += 1
            moved = now.read_rate != self.last.read_rate
            self.changes += int(moved)
            self.still = 0.0 if moved else self.still + passed
        else:
            self.first_ms = at_ms
        self.growing = 0.8 * self.growing + float(now.reallocated > self.last.reallocated)
        self.unit_5 = _unit(self.unit_5, now.reallocated)
        self.unit_197 = _unit(self.unit_197, now.pending)
        if now.pending > self.worst_pending:
            self.worst_pending = now.pending
        if self.worst_rate < now.read_rate < PACKED:
            self.worst_rate = now.read_rate
        since = at_ms - KEPT_DAYS * DAY_MS
        self.counts = [kept for kept in self.counts if kept[0] >= since]
        self.counts.append((at_ms, _or(now.reallocated, 0.0)))
        self.last, self.last_ms = now, at_ms
        return max(0.0, passed - 1.0)

    def _grew(self, at_ms: int, count: float, days: int) -> float:
        since = at_ms - days * DAY_MS
        return max(0.0, count - next((was for at, was in self.counts if at >= since), count))

    def _signs(self, at_ms: int, now: Told, missed: float) -> list[float]:
        unit = min(self.unit_5, self.unit_197)
        count, pending_now = _or(now.reallocated, 0.0), _or(now.pending, 0.0)
        reallocated, pending = math.log1p(count / unit), math.log1p(self.worst_pending / unit)
        any_ = float(count > 0 or self.worst_pending > 0)
        grew = [math.log1p(self._grew(at_ms, count, days) / unit) for days in (1, 7, 30)]
        usually_moves = self.changes >= max(1.0, 0.7 * (self.days - self.still))
        still = min(self.still, 6.0) if usually_moves and self.still >= 2 and _or(now.read_rate, 0.0) > 0 else 0.0
        terabytes = now.capacity / 1e12
        tb_1, tb_1_5 = float(terabytes < 1.1), float(1.4 < terabytes < 1.6)
        tb_3, tb_4 = float(2.9 < terabytes < 3.1), float(terabytes > 3.5)
        age = now.hours / 1e4
        young = float(now.hours < 8000)
        calm = float(self.worst_rate < MILLIONS and _or(now.read_rate, 0.0) < MILLIONS and terabytes >= 1.9)
        loud_3 = tb_3 * (1.0 - calm)
        return [
            reallocated, pending, min(reallocated, pending), max(reallocated, pending), *grew, any_,
            math.log1p(pending_now / unit), self.growing, math.log1p(count / unit / max(100.0, now.hours) * 1e4), still,
            math.log1p(max(now.read_rate, 0.0)), float(now.read_rate == 0), float(now.read_rate >= PACKED),
            now.temperature, max(now.temperature - 30.0, 0.0), age, abs(age - 1.5), young, float(now.hours < 720),
            math.log(max(now.capacity, 1.0)), tb_1, tb_1_5, tb_3, tb_4, min(missed, 5.0), calm,
            reallocated * calm, pending * calm, any_ * calm, reallocated * loud_3, pending * loud_3, any_ * loud_3,
            reallocated * tb_1_5, young * tb_1_5, reallocated**2, pending**2, grew[1] ** 2, still * any_,
            still * tb_1_5,
        ]  # fmt: skip


def _unit(unit: int, count: float) -> int:
    return 1 if not math.isnan(count) and count % SECTORS_OF_8 else unit


def _or(value: float, instead: float) -> float:
    return instead if math.isnan(value) else value


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard: each sign's weight in its own usual spread, the sum turned into a risk between 0 and 1."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    weight: tuple[float, ...]
    start: float
    warns: float  # risk that 0.25 % of held-out healthy drives ever reached: an incident opens here
    eases: float  # … and 1 %: below this it is over
    lineage: Mapping[str, Any]

    def shares(self, signs: Sequence[float]) -> list[float]:
        """What each sign adds to or takes from the sum."""
        return [
            0.0 if math.isnan(x) else w * (x - m) / s
            for x, m, s, w in zip(signs, self.mean, self.spread, self.weight, strict=True)
        ]

    def risk(self, signs: Sequence[float]) -> float:
        """Between 0 and 1; a rank among drives, no probability a year."""
        return 1.0 / (1.0 + math.exp(-float(np.clip(self.start + sum(self.shares(signs)), -40.0, 40.0))))

    def as_json(self) -> dict[str, Any]:
        """Readable: one line a sign."""
        rows = zip(SIGNS, self.mean, self.spread, self.weight, strict=True)
        return {
            "lineage": dict(self.lineage),
            "start": self.start,
            "warns": self.warns,
            "eases": self.eases,
            "signs": {name: {"mean": m, "spread": s, "weight": w} for name, m, s, w in rows},
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Card:
        """The inverse; ``ValueError`` when it speaks of other signs than this code makes."""
        signs = body["signs"]
        if tuple(signs) != SIGNS:
            raise ValueError("the scorecard was made for other signs than this version of Vigie looks for")
        mean, spread, weight = (tuple(float(signs[s][k]) for s in SIGNS) for k in ("mean", "spread", "weight"))
        start, warns, eases = (float(body[k]) for k in ("start", "warns", "eases"))
        return cls(mean, spread, weight, start, warns, eases, body["lineage"])
