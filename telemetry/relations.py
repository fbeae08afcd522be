"""What each metric should be, from the others: streamed over columns of the fleet, one step at a time. Plain.

The same arithmetic as ``baselines.py`` does over whole histories; a test holds the two together. Of every series the
last day's half hours are kept (mean residual, narrow floats), so that what happens daily is known to happen daily.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from telemetry.features import SLACK, SLOT_S, SLOTS, SLOTS_A_DAY, Array, daily, slot_means, smooth
from telemetry.levels import CLIP, LINKED_TOP, QUICK_LINK, SLOW_LINK, linked_level

if TYPE_CHECKING:  # scikit-learn takes its second when something is first fitted or loaded
    from telemetry.baselines import Baselines

Rows = NDArray[np.int64]
Slots = NDArray[np.float32]
Columns = dict[str, Array]
MANY = 16  # machines from which on looking for what they have in common costs less than it spares
AWAY = 1.0  # of what history exceeds in one step of two hundred: from there on a metric is not where it was
IN_CACHE = 32_768  # weights widened at a time: a quarter of a megabyte


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
    top: float = 0.0  # the highest peak of held-out history, times the level; 0: too little history to say
    noise: float = 0.0  # the same of history without what recurs weekly
    kin: NDArray[np.int8] | None = None  # (m, m): how closely metrics move together (`baselines.py`); None: not known


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
    top, noise = (float(one) if np.isfinite(one) else 0.0 for one in (model.linked_top_, model.linked_noise_))
    return Links(
        rows, weights, model.offset_, model.linked_level_, model.cap, model.usual_weight_, model.grid_s, phase, top,
        noise, model.kin_,
    )  # fmt: skip


def close(
    c: Columns, slots: Slots, rows: Rows, steps: Array, grid_s: Array, slow: Array, one_step: bool = False
) -> None:
    """Close each row's step into its averages; ``slow`` is the weight of the step in the day-long ones. ``one_step``:
    it is known that ``steps`` are all 1."""
    unit = c["unit"].take(rows)
    unit[unit <= 0] = 1.0
    z = np.clip((c["now"].take(rows) - c["center"].take(rows)) / unit, -CLIP, CLIP).astype(np.float32)
    before = c["z1"].take(rows)
    c["z2"][rows] = before if one_step else np.where(steps > 1, z, before)
    c["z1"][rows] = z
    quick, held = c["linked_now"].take(rows), c["slow_now"].take(rows)
    c["linked"][rows], c["slow"][rows] = quick, held
    for name, newest in (("linked_day", quick), ("slow_day", held)):
        day = c[name].take(rows)
        day += slow * (newest - day)
        c[name][rows] = day
    # Its half hour: written when the next reading lies in another.
    told, count = c["slot_sum"].take(rows) + quick, c["slot_count"].take(rows) + 1.0
    step = c["step"].take(rows) + c["phase"].take(rows)
    slot, later = _slot(step * grid_s), _slot((step + steps) * grid_s)
    over = later > slot
    if np.count_nonzero(over):
        at = slot[over].astype(np.int64)
        slots[rows[over], at % SLOTS] = told[over] / count[over]
        told[over] = count[over] = 0.0
        silent = np.minimum(later[over] - slot[over] - 1, SLOTS).astype(np.int64)
        for k in range(1, int(silent.max()) + 1):
            some = silent >= k
            slots[rows[over][some], (at[some] + k) % SLOTS] = np.nan
    c["slot_sum"][rows], c["slot_count"][rows] = told, count


def _slot(second: Array) -> Array:
    """Whole half hours. The series of a machine come one after the other and share their instant: divided once."""
    if len(second) < 20 * MANY:
        out: Array = second // SLOT_S
        return out
    first = np.flatnonzero(np.concatenate(([True], second[1:] != second[:-1])))
    return np.repeat(second[first] // SLOT_S, np.diff(np.append(first, len(second))))


def accept(c: Columns, rows: Rows) -> None:
    """A condition of these series has ended. Where one is calm only because the recent past has come near it, and not
    because it went back, the recent past stands where it is now: else the rest of the way, which takes most of a day,
    is told again by the next noise on top of it.
    """
    level = c["slow_now"][rows]
    by_history = np.abs(level - c["slow_center"][rows]) / c["slow_0"][rows]
    by_last_day = np.abs(level - c["slow_day"][rows]) / c["slow_1"][rows]
    stays = rows[(by_history > AWAY) & (by_last_day < by_history)]
    c["slow_day"][stays] = c["linked_day"][stays] = c["slow_now"][stays]


def surprise(c: Columns, slots: Slots, links: Sequence[Links], new_step: Sequence[bool] | NDArray[np.bool_]) -> Apart:
    """How far each metric of some machines is from what the others say, loudness considered: at once, and over a
    while. Each machine once.
    """
    sizes = np.array([len(k.offset) for k in links])
    ends: Rows = np.cumsum(sizes)
    rows = np.concatenate([k.rows for k in links])
    caps = spread(np.array([k.cap for k in links]), sizes)
    weight = spread(np.array([k.usual_weight for k in links]) * np.array(new_step), sizes)
    live = c["live"].take(rows)
    residual = _residual(c, rows, links, sizes)

    closed = c["linked"].take(rows)
    quick = closed + QUICK_LINK * (residual - closed)
    raw = np.minimum(
        np.abs(quick - c["linked_center"].take(rows)) / c["linked_0"].take(rows),
        np.abs(quick - c["linked_day"].take(rows)) / c["linked_1"].take(rows),
    )
    raw = np.minimum(raw, caps) * live
    usual = c["usual"].take(rows)
    usual += weight * (c["surprise"].take(rows) - usual)
    c["usual"][rows] = usual
    c["linked_now"][rows], c["surprise"][rows] = quick.astype(np.float32), raw.astype(np.float32)
    at_once = raw / np.maximum(usual / c["usual_level"].take(rows), 1.0)

    closed = c["slow"].take(rows)
    slow = closed + SLOW_LINK * (residual - closed)
    raw = np.minimum(
        np.abs(slow - c["slow_center"].take(rows)) / c["slow_0"].take(rows),
        np.abs(slow - c["slow_day"].take(rows)) / c["slow_1"].take(rows),
    )
    steps = np.maximum.reduceat(c["step"].take(rows), ends - sizes)
    raw = np.fmin(raw, _from_yesterday(slots, rows, slow, links, sizes, steps) / c["slow_2"].take(rows))
    raw = np.minimum(raw, caps) * live
    usual = c["slow_usual"].take(rows)
    usual += weight * (c["slow_surprise"].take(rows) - usual)
    c["slow_usual"][rows] = usual
    c["slow_now"][rows], c["slow_surprise"][rows] = slow.astype(np.float32), raw.astype(np.float32)
    for_long = raw / np.maximum(usual / c["slow_usual_level"].take(rows), 1.0)
    levels = linked_level(_wide(at_once, sizes), _wide(for_long, sizes), np.minimum(sizes, LINKED_TOP))
    return Apart(levels.tolist(), at_once, for_long, ends.tolist())


def _residual(c: Columns, rows: Rows, links: Sequence[Links], sizes: Rows) -> Array:
    """Each metric less what the others say of it. Machines with as many metrics are one product of stacked matrices,
    few enough at a time to stay in the processor's cache."""
    z = np.clip((c["now"].take(rows) - c["center"].take(rows)) / c["unit"].take(rows), -CLIP, CLIP)
    z1, z2 = c["z1"].take(rows), c["z2"].take(rows)
    if len(links) == 1 or always(sizes == sizes[0]):
        like = (len(links), 1, int(sizes[0]))
        found = _told_by(z.reshape(like), z1.reshape(like), z2.reshape(like), links)
    else:
        found = np.empty(len(rows))
        starts = np.cumsum(sizes) - sizes
        for m in np.unique(sizes).tolist():
            whose = np.flatnonzero(sizes == m)
            places = starts[whose][:, None, None] + np.arange(m)
            some = [links[i] for i in whose.tolist()]
            found[places.reshape(-1)] = _told_by(z.take(places), z1.take(places), z2.take(places), some)
    found -= np.concatenate([k.offset for k in links])
    return found


def _told_by(z: Array, z1: Array, z2: Array, links: Sequence[Links]) -> Array:
    """The products with the weights of machines that have as many metrics, one after the other: (machines, 1, m)."""
    told = np.concatenate((z, z1, z2), axis=2)
    found = np.empty(z.shape)
    at_once = max(1, IN_CACHE // (3 * z.shape[2] ** 2))
    for first in range(0, len(links), at_once):
        some = slice(first, first + at_once)
        np.matmul(told[some], np.array([k.weights for k in links[some]], dtype=float), out=found[some])
    return found.reshape(-1)


def _wide(flat: Array, sizes: Rows) -> Array:
    """A row a machine, filled up with zeros."""
    width = max(LINKED_TOP, int(sizes.max()))
    if always(sizes == width):
        return flat.reshape(len(sizes), width)
    wide = np.zeros((len(sizes), width))
    wide[np.arange(width) < sizes[:, None]] = flat
    return wide


def _from_yesterday(slots: Slots, rows: Rows, x: Array, links: Sequence[Links], sizes: Rows, steps: Array) -> Array:
    """Distance from the nearest of yesterday's half hours around this time; NaN where none is known."""
    phase, grid_s = np.array([k.phase for k in links]), np.array([k.grid_s for k in links])
    first = ((steps + phase) * grid_s // SLOT_S).astype(np.int64) - SLOTS_A_DAY - SLACK
    flat, begin = slots.reshape(-1), rows * SLOTS
    nearest: Array = np.abs(flat.take(begin + spread(first % SLOTS, sizes)) - x)
    for shift in range(1, 2 * SLACK + 1):
        like = begin + spread((first + shift) % SLOTS, sizes)
        np.fmin(nearest, np.abs(flat.take(like) - x), out=nearest)
    return nearest


def spread(each: NDArray[Any], sizes: Rows) -> NDArray[Any]:
    """`np.repeat`, quicker where all sizes are one."""
    size = int(sizes[0])
    return each.repeat(size if len(sizes) >= MANY and always(sizes == size) else sizes)


def always(claim: NDArray[np.bool_]) -> bool:
    """`claim.all()` without numpy's own layer of Python, which costs more than a wave's few hundred rows."""
    return bool(np.count_nonzero(claim) == claim.size)
