"""What each metric should be, from the others: streamed over columns of the fleet, one step at a time. Plain.

The same arithmetic as ``baselines.py`` does over whole histories; a test holds the two together. Of every series the
last day's half hours are kept (mean residual, narrow floats), so that what happens daily is known to happen daily.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telemetry.baselines import CLIP, LINKED_TOP, QUICK_LINK, SLOW_LINK, Baselines, linked_level
from telemetry.features import SLACK, SLOT_S, SLOTS, SLOTS_A_DAY, Array, daily, slot_means, smooth

Rows = NDArray[np.int64]
Slots = NDArray[np.float32]
Columns = dict[str, Array]


@dataclass(slots=True)
class Links:
    """One machine's relations: what each metric should be, from all others now and at two lags."""

    rows: Rows
    weights: Slots  # (3 m, m); kept narrow, computed with in 64 bits
    offset: Array  # (m,)
    level: float
    cap: float
    usual_weight: float
    grid_s: float
    phase: float  # added to a step: steps since the row slots of half an hour are counted from


@dataclass(frozen=True, slots=True)
class Apart:
    """How far some machines' metrics are from what the others say: a level each, and the metrics' own surprises."""

    levels: list[float]
    quick: Array
    slow: Array
    ends: list[int]

    def of(self, index: int) -> tuple[Array, Array]:
        """The metrics of one of the machines: at once, and over a while."""
        one = slice(self.ends[index - 1] if index else 0, self.ends[index])
        return self.quick[one], self.slow[one]


def settle(c: Columns, slots: Slots, rows: Rows, model: Baselines, history: Array, last_step: int) -> Links:
    """Take what was learned, and stand where the averages stand at the end of ``history``."""
    phase = len(history) - 1.0 - last_step
    learned = {
        "linked_center": model.quick_center_,
        "linked_middle": model.quick_middle_,
        "linked_0": model.quick_scale_[0],
        "linked_1": model.quick_scale_[1],
        "usual_level": model.usual_[0],
        "slow_center": model.slow_center_,
        "slow_0": model.slow_scale_[0],
        "slow_1": model.slow_scale_[1],
        "slow_2": model.slow_scale_[2],
        "slow_usual_level": model.usual_[1],
        "phase": np.full(len(rows), phase),
    }
    for name, values in learned.items():
        c[name][rows] = values
    z = model.standard(history[-3:])
    c["z1"][rows], c["z2"][rows] = z[-2:][0], z[-3:][0]
    residual = model.residual(history)
    quick, slow = smooth(residual, QUICK_LINK), smooth(residual, SLOW_LINK)
    names = (
        ("linked", "linked_now", "linked_day", "usual", "surprise"),
        ("slow", "slow_now", "slow_day", "slow_usual", "slow_surprise"),
    )
    for (closed, now, day, usual, last), x, surprise in zip(
        names, (quick, slow), model.surprises(residual), strict=True
    ):
        c[closed][rows], c[now][rows] = x[-2:][0], x[-1]
        c[day][rows] = smooth(x, daily(model.grid_s))[-2:][0]
        c[usual][rows] = smooth(surprise, model.usual_weight_)[-2:][0]
        c[last][rows] = surprise[-1]
    means, slot = slot_means(quick[:-1], model.grid_s)
    at = int((len(history) - 1) * model.grid_s // SLOT_S)
    begun = quick[:-1][slot == at]
    c["slot_sum"][rows], c["slot_count"][rows] = begun.sum(axis=0), len(begun)
    for k in range(max(at - SLOTS, 0), min(at, len(means))):
        slots[rows, k % SLOTS] = means[k]
    weights = model.weights_.astype(np.float32)
    return Links(rows, weights, model.offset_, model.linked_level_, model.cap, model.usual_weight_, model.grid_s, phase)


def close(c: Columns, slots: Slots, rows: Rows, steps: Array, grid_s: Array, slow: Array) -> None:
    """Close each row's step into its averages; ``slow`` is the weight of the step in the day-long ones."""
    unit = c["unit"][rows]
    z = np.clip((c["now"][rows] - c["center"][rows]) / np.where(unit > 0, unit, 1.0), -CLIP, CLIP)
    c["z2"][rows] = np.where(steps > 1, z, c["z1"][rows])
    c["z1"][rows] = z
    quick, held = c["linked_now"][rows], c["slow_now"][rows]
    c["linked"][rows], c["slow"][rows] = quick, held
    c["linked_day"][rows] += slow * (quick - c["linked_day"][rows])
    c["slow_day"][rows] += slow * (held - c["slow_day"][rows])
    # Its half hour: written when the next reading lies in another.
    told, count = c["slot_sum"][rows] + quick, c["slot_count"][rows] + 1.0
    step = c["step"][rows] + c["phase"][rows]
    slot, later = step * grid_s // SLOT_S, (step + steps) * grid_s // SLOT_S
    over = later > slot
    if over.any():
        at = slot[over].astype(np.int64)
        slots[rows[over], at % SLOTS] = told[over] / count[over]
        told[over] = count[over] = 0.0
        silent = np.minimum(later[over] - slot[over] - 1, SLOTS).astype(np.int64)
        for k in range(1, int(silent.max()) + 1):
            some = silent >= k
            slots[rows[over][some], (at[some] + k) % SLOTS] = np.nan
    c["slot_sum"][rows], c["slot_count"][rows] = told, count


def surprise(c: Columns, slots: Slots, links: Sequence[Links], new_step: Sequence[bool]) -> Apart:
    """How far each metric of some machines is from what the others say, loudness considered: at once, and over a
    while. Each machine once.
    """
    sizes = [len(k.rows) for k in links]
    ends: Rows = np.cumsum(sizes)
    rows = np.concatenate([k.rows for k in links])
    caps = np.repeat([k.cap for k in links], sizes)
    weight = np.repeat([k.usual_weight if new else 0.0 for k, new in zip(links, new_step, strict=True)], sizes)
    z = np.clip((c["now"][rows] - c["center"][rows]) / c["unit"][rows], -CLIP, CLIP)
    z1, z2, live = c["z1"][rows], c["z2"][rows], c["live"][rows]
    residual = np.empty(len(rows))
    for k, size, end in zip(links, sizes, ends.tolist(), strict=True):
        one = slice(end - size, end)
        residual[one] = np.concatenate((z[one], z1[one], z2[one])) @ k.weights.astype(float) - k.offset

    closed = c["linked"][rows]
    quick = closed + QUICK_LINK * (residual - closed)
    raw = np.minimum(
        np.abs(quick - c["linked_center"][rows]) / c["linked_0"][rows],
        np.abs(quick - c["linked_day"][rows]) / c["linked_1"][rows],
    )
    raw = np.minimum(raw, caps) * live
    usual = c["usual"][rows]
    usual += weight * (c["surprise"][rows] - usual)
    c["usual"][rows], c["linked_now"][rows], c["surprise"][rows] = usual, quick, raw
    at_once = raw / np.maximum(usual / c["usual_level"][rows], 1.0)

    closed = c["slow"][rows]
    slow = closed + SLOW_LINK * (residual - closed)
    steps = np.maximum.reduceat(c["step"][rows], ends - np.array(sizes))
    raw = np.minimum(
        np.abs(slow - c["slow_center"][rows]) / c["slow_0"][rows],
        np.abs(slow - c["slow_day"][rows]) / c["slow_1"][rows],
    )
    raw = np.fmin(raw, _from_yesterday(slots, rows, slow, links, sizes, steps) / c["slow_2"][rows])
    raw = np.minimum(raw, caps) * live
    usual = c["slow_usual"][rows]
    usual += weight * (c["slow_surprise"][rows] - usual)
    c["slow_usual"][rows], c["slow_now"][rows], c["slow_surprise"][rows] = usual, slow, raw
    for_long = raw / np.maximum(usual / c["slow_usual_level"][rows], 1.0)
    # One matrix for all: a row a machine, filled up with zeros.
    which = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(rows)) - np.repeat(ends - np.array(sizes), sizes)
    wide = np.zeros((2, len(sizes), max(*sizes, LINKED_TOP)))
    wide[0, which, place], wide[1, which, place] = at_once, for_long
    levels = linked_level(wide[0], wide[1], np.minimum(sizes, LINKED_TOP))
    return Apart(levels.tolist(), at_once, for_long, ends.tolist())


def _from_yesterday(
    slots: Slots, rows: Rows, x: Array, links: Sequence[Links], sizes: Sequence[int], steps: Array
) -> Array:
    """Distance from the nearest of yesterday's half hours around this time; NaN where none is known."""
    at = [int((s + k.phase) * k.grid_s // SLOT_S) for s, k in zip(steps.tolist(), links, strict=True)]
    first = np.repeat(np.array(at, dtype=np.int64) - SLOTS_A_DAY - SLACK, sizes)
    like = (first[:, None] + np.arange(2 * SLACK + 1)) % SLOTS
    nearest: Array = np.fmin.reduce(np.abs(slots[rows[:, None], like] - x[:, None]), axis=1)
    return nearest
