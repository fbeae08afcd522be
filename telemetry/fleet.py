"""Detector state as columns: one row a (machine, metric) series, grown and scored as arrays. Plain.

A row holds 568 bytes: 236 in columns, 128 of closed steps, 200 of yesterday's half hours. They are as wide as they must
be; what is computed with them is computed in 64 bits.

Time is cut into each machine's grid steps. A reading revises the step it falls in (a mean that leans on the last
few values), and every reading is scored against the step as it stands, so a machine that speaks every 5 seconds is
judged at once, by baselines learned at 60. When a reading opens a later step the one before is closed into the slow
averages; a gap closes with the weight of all steps it spans.

Row 0 belongs to nobody: it stands in for metrics a report did not carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from telemetry import relations
from telemetry.features import BEFORE, DAY_S, FAST, RECENT, SLOTS, Array, daily, smooth
from telemetry.notebook import LARGEST
from telemetry.relations import Apart, Links, Rows, Slots, always

if TYPE_CHECKING:  # scikit-learn takes its second when something is first fitted or loaded
    from telemetry.baselines import Baselines

QUICK: Final = 3.0  # values a step leans on at least: enough to calm it, few enough to see a fault within seconds
RING: Final = BEFORE + RECENT - 1  # closed steps that "now" is held against, with the closed part of "now"

HOT: Final = (
    "step", "count", "now", "fast", "fast_now", "day", "before", "recent",  # own past
    "z1", "z2", "linked", "linked_now", "linked_day", "usual", "surprise",  # relations, quick
    "slow", "slow_now", "slow_day", "slow_usual", "slow_surprise",  # relations, slow
    "slot_sum", "slot_count",  # this half hour of the quick residual
)  # fmt: skip
LEARNED: Final = (
    "live", "own_center", "own_0", "own_1", "own_2", "center", "unit", "low", "high", "positive",
    "linked_center", "linked_middle", "linked_0", "linked_1", "usual_level",
    "slow_center", "slow_0", "slow_1", "slow_2", "slow_usual_level", "phase",
)  # fmt: skip
COLUMNS: Final = (*HOT, *LEARNED)
# What is told in robust units, or is a factor near one, needs seven digits; raw units and instants need more.
NARROW: Final = frozenset({
    "count", "z1", "z2", "linked", "linked_now", "linked_day", "usual", "surprise",
    "slow", "slow_now", "slow_day", "slow_usual", "slow_surprise", "slot_sum", "slot_count",
    "live", "positive", "linked_center", "linked_middle", "linked_0", "linked_1", "usual_level",
    "slow_center", "slow_0", "slow_1", "slow_2", "slow_usual_level",
})  # fmt: skip


class Fleet:
    """Columns of floats by name, and two rings a series: closed steps (``ages`` counts them), and half hours."""

    def __init__(self) -> None:
        self.size = 1
        self.free: list[int] = []
        self.columns: dict[str, Array] = {name: np.zeros(64, dtype=kind_of(name)) for name in COLUMNS}
        self.columns["step"][0] = -1
        self.ring: Slots = np.zeros((64, RING), dtype=np.float32)
        self.slots: Slots = np.full((64, SLOTS), np.nan, dtype=np.float32)
        self.ages = np.zeros(64, dtype=np.int8)
        self.frozen = np.zeros(64, dtype=bool)

    def add(self, count: int) -> Rows:
        """Rows for new series."""
        rows = [self.free.pop() for _ in range(min(count, len(self.free)))]
        fresh = count - len(rows)
        need = self.size + fresh
        self.reserve(need)
        rows += range(self.size, need)
        self.size = need
        out = np.array(rows, dtype=np.int64)
        self._blank(out)
        return out

    def reserve(self, need: int) -> None:
        """Room for so many rows, and one that stays empty: the last ring is read past its end."""
        have = len(self.ages)
        if need < have:
            return
        more = max(need + 1, have + have // 4) - have
        for name, column in self.columns.items():
            self.columns[name] = np.concatenate((column, np.zeros(more, dtype=column.dtype)))
        self.ring = np.concatenate((self.ring, np.zeros((more, RING), dtype=np.float32)))
        self.slots = np.concatenate((self.slots, np.full((more, SLOTS), np.nan, dtype=np.float32)))
        self.ages = np.concatenate((self.ages, np.zeros(more, dtype=np.int8)))
        self.frozen = np.concatenate((self.frozen, np.zeros(more, dtype=bool)))

    def drop(self, rows: Rows) -> None:
        """Give rows back."""
        self._blank(rows)
        self.free = sorted({*self.free, *rows.tolist()}, reverse=True)

    def _blank(self, rows: Rows) -> None:
        for column in self.columns.values():
            column[rows] = 0.0
        self.columns["step"][rows] = -1.0
        self.ring[rows] = 0.0
        self.slots[rows] = np.nan
        self.ages[rows] = 0
        self.frozen[rows] = False

    def settle(self, rows: Rows, model: Baselines, history: Array, last_step: int) -> Links | None:
        """Take what was learned, and stand where the averages stand at the end of ``history``, whose last row is
        ``last_step``.
        """
        c = self.columns
        learned = {
            "live": model.live_,
            "own_center": model.own_center_,
            "own_0": model.own_scale_[0],
            "own_1": model.own_scale_[1],
            "own_2": model.own_scale_[2],
            "center": model.center_,
            "unit": model.unit_,
            "low": model.low_,
            "high": model.high_,
            "positive": model.positive_,
        }
        for name, values in learned.items():
            c[name][rows] = values
        fast = smooth(history, FAST)
        slow = smooth(fast, daily(model.grid_s))
        held = np.clip(history[-RING - 1 : -1], -LARGEST, LARGEST)
        self.ring[rows, RING - len(held) :] = held.T
        self.ages[rows] = len(held)
        c["step"][rows], c["count"][rows], c["now"][rows] = last_step, 1.0, history[-1]
        c["fast"][rows], c["fast_now"][rows] = fast[-2:][0], fast[-1]
        c["day"][rows] = slow[-2:][0]
        self._remember(rows)
        if not model.linked_:
            return None
        return relations.settle(c, self.slots, rows, model, history, last_step)

    def _remember(self, rows: Rows) -> None:
        """``recent`` (sum of the closed part of "now") and ``before`` (mean of what lies ahead of it) from the ring."""
        self._summed(rows, self.ring[rows], self.ages[rows])

    def _summed(self, rows: Rows, ring: Slots, ages: NDArray[np.int8]) -> None:
        self.columns["recent"][rows] = ring[:, RING - 2].astype(float) + ring[:, RING - 1]
        total = ring[:, : RING - RECENT + 1].sum(axis=1, dtype=float)
        if always(ages == RING):
            self.columns["before"][rows] = total / (RING - RECENT + 1)
            return
        ahead = np.maximum(ages - (RECENT - 1), 0)
        self.columns["before"][rows] = np.where(ahead > 0, total / np.maximum(ahead, 1), np.nan)

    def close(self, rows: Rows, steps: Array, grid_s: Array) -> None:
        """Close each row's step into its averages; ``steps`` is how many grid steps until the next reading."""
        c = self.columns
        now, thawed = c["now"].take(rows), ~self.frozen.take(rows)
        many = len(rows) >= 20 * relations.MANY
        one_step = many and always(steps == 1.0)
        left = now - c["fast_now"].take(rows)
        held = now - (left if one_step else left * (1 - FAST) ** (steps - 1))
        c["fast"][rows] = held
        forgets = 1 - daily_of(grid_s[:1] if many and always(grid_s == grid_s[0]) else grid_s)
        slow = (1 - (forgets if one_step else forgets**steps)) * thawed
        day = c["day"].take(rows)
        c["day"][rows] = day + slow * (held - day)
        relations.close(c, self.slots, rows, steps, grid_s, slow, one_step)
        ring = self._pushed(rows, np.clip(now, -LARGEST, LARGEST), steps, one_step)
        ages = np.minimum(self.ages.take(rows) + np.minimum(steps, RING), RING).astype(np.int8)
        self.ages[rows] = ages
        kept = c["before"].take(rows)
        self._summed(rows, ring, ages)
        if not always(thawed):
            c["before"][rows] = np.where(thawed, c["before"].take(rows), kept)

    def _pushed(self, rows: Rows, closed: Array, steps: Array, one_step: bool) -> Slots:
        """The rows' rings once each has taken its closed value, as often as there were steps."""
        if one_step:
            ring = self._later(rows, closed, 1)
        else:
            pushes = np.minimum(steps, RING).astype(np.int64)
            ring = np.empty((len(rows), RING), dtype=np.float32)
            for times in np.unique(pushes).tolist():
                some = np.flatnonzero(pushes == times)
                ring[some] = self._later(rows[some], closed[some], times)
        self.ring[rows] = ring
        return ring

    def _later(self, rows: Rows, closed: Array, times: int) -> Slots:
        """Each ring as it lies in memory, begun so many places later: what follows its end is overwritten."""
        flat = self.ring.reshape(-1)[times:]
        ring = flat[: len(flat) // RING * RING].reshape(-1, RING).take(rows, axis=0)
        ring[:, RING - times :] = closed[:, None]
        return ring

    def forget(self, rows: Rows) -> None:
        """Take what was heard while the rows were frozen out of the recent past: a recovery is no news of its own."""
        known = rows[~np.isnan(self.columns["before"][rows])]
        self.ring[known] = self.columns["before"][known][:, None]
        self.ages[known] = RING
        self._remember(known)

    def hear(self, rows: Rows, values: Array, steps: Array, grid_s: Array) -> None:
        """Put values into their steps. All arrays flat, one entry a series; a row at most once; steps never go back."""
        c = self.columns
        # As rings and notebooks hold them: what the largest numbers differ by is none, and a row would never mend.
        values = np.minimum(np.maximum(values, -LARGEST), LARGEST)
        known = c["step"].take(rows)
        first = known < 0
        later = ~first & (steps > known)
        opens = first | later
        none_first = not np.count_nonzero(first)
        if none_first and always(later):
            self.close(rows, steps - known, grid_s)
        elif np.count_nonzero(later):
            self.close(rows[later], (steps - known)[later], grid_s[later])
        if always(opens):
            now = values
            c["count"][rows] = 1.0
        else:
            count, now = c["count"].take(rows), c["now"].take(rows)
            count = np.where(opens, 1.0, count + 1.0)
            now = np.where(opens, values, now + (values - now) / np.minimum(count, QUICK))
            c["count"][rows] = count
        c["now"][rows], c["step"][rows] = now, steps
        if not none_first:
            new = rows[first]
            c["fast"][new] = c["day"][new] = now[first]
            c["before"][new] = np.nan
        fast = c["fast"].take(rows)
        c["fast_now"][rows] = fast + FAST * (now - fast)

    def own_surprise(self, rows: Rows) -> Array:
        """Each series' distance from its own past in robust sigmas (rows may be of any shape)."""
        c = self.columns
        fast = c["fast_now"].take(rows)
        # A metric that never moved has no scale: it stays silent until a refit knows it.
        scale = np.ones(rows.shape)
        scale[c["live"].take(rows) <= 0] = np.inf
        before = c["before"].take(rows)
        hour = (c["now"].take(rows) + c["recent"].take(rows)) / RECENT - before
        hour[np.isnan(before)] = 0.0
        long = np.abs(fast - c["own_center"].take(rows)) / (np.maximum(c["own_0"].take(rows), 1e-300) * scale)
        day = np.abs(fast - c["day"].take(rows)) / (np.maximum(c["own_1"].take(rows), 1e-300) * scale)
        out: Array = np.minimum(
            np.minimum(long, day), np.abs(hour) / (np.maximum(c["own_2"].take(rows), 1e-300) * scale)
        )
        return out

    def linked_surprise(self, links: Sequence[Links], new_step: Sequence[bool] | NDArray[np.bool_]) -> Apart:
        """How far some machines' metrics are from what the others say; each machine once."""
        return relations.surprise(self.columns, self.slots, links, new_step)


def kind_of(column: str) -> type[np.float32] | type[np.float64]:
    """How wide a column's numbers are."""
    return np.float32 if column in NARROW else np.float64


def daily_of(grid_s: Array) -> Array:
    """``features.daily`` of many grids."""
    out: Array = 1 - np.exp(-grid_s / DAY_S)
    return out
