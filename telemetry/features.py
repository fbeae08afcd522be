"""Smooth, lag, top: the arithmetic every score is made of, over whole histories at once. Plain; rows are grid steps.

``fleet.py`` does the same one step at a time; a test holds the two together.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SPAN: Final = 3  # grid steps of the fast average: a problem of three minutes shows, one odd sample does not
RECENT: Final = 3  # grid steps that are "now" in the half-hour surprise
BEFORE: Final = 30  # grid steps they are held against; 15 to 30 are a plateau
DAY_S: Final = 86_400
WEEKLY_S: Final = 75 * 60  # people's clocks move an hour twice a year, and jobs start a little late
TOP: Final = 3  # metrics a machine's own-past score is the mean of
SLOT_S: Final = 1800  # seconds of one of yesterday's slots
SLOTS_A_DAY: Final = DAY_S // SLOT_S
SLACK: Final = 2  # slots before and after the same time of day in which yesterday's like is looked for
SLOTS: Final = SLOTS_A_DAY + SLACK  # slots that must be remembered for it

FAST: Final = 2 / (SPAN + 1)


def daily(grid_s: float) -> float:
    """Weight of one grid step in an average that forgets over a day."""
    return float(1 - np.exp(-grid_s / DAY_S))


def smooth(x: Array, weight: float) -> Array:
    """Exponential average down the rows, started at the first row."""
    from scipy.signal import lfilter  # imported where used: only the process that fits pays for it

    start = x[:1] * (1 - weight)
    out: Array = lfilter([weight], [1.0, weight - 1.0], x, axis=0, zi=start)[0]
    return out


def lagged(x: Array, steps: int) -> Array:
    """Rows moved down; the first row stands in for what came before."""
    if steps == 0:
        return x
    return np.concatenate((np.repeat(x[:1], steps, axis=0), x[:-steps]))[: len(x)]


def half_hour(x: Array) -> Array:
    """Mean of the last RECENT rows minus the mean of the BEFORE rows ahead of them.

    0 until there is something ahead.
    """
    n = len(x)
    total = np.concatenate((np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)))
    end = np.arange(1, n + 1)
    middle = np.maximum(end - RECENT, 0)
    start = np.maximum(middle - BEFORE, 0)
    recent = (total[end] - total[middle]) / (end - middle)[:, None]
    before = (total[middle] - total[start]) / np.maximum(middle - start, 1)[:, None]
    out: Array = np.where((middle > start)[:, None], recent - before, 0.0)
    return out


def slot_means(x: Array, grid_s: float) -> tuple[Array, NDArray[np.int64]]:
    """Mean of each slot of half an hour, the last one perhaps unfinished; and each row's slot, counted from row 0."""
    slot = (np.arange(len(x)) * grid_s // SLOT_S).astype(np.int64)
    starts = np.flatnonzero(np.concatenate(([True], slot[1:] != slot[:-1])))
    means = np.full((int(slot[-1]) + 1, x.shape[1]), np.nan)
    means[slot[starts]] = np.add.reduceat(x, starts, axis=0) / np.diff(np.append(starts, len(x)))[:, None]
    return means, slot


def from_yesterday(x: Array, means: Array, slot: NDArray[np.int64]) -> Array:
    """Distance of each row from the nearest of yesterday's slots around the same time of day; inf where none is known.

    What happens at about the same time every day, a nightly job for one, is no surprise the second time.
    """
    out = np.full(x.shape, np.inf)
    for shift in range(-SLACK, SLACK + 1):
        like = slot - SLOTS_A_DAY + shift
        known = like >= 0
        out[known] = np.fmin(out[known], np.abs(x[known] - means[like[known]]))
    return out


def mean_of_top(u: Array, count: int) -> Array:
    """Mean of the ``count`` largest of each row (all of them when there are fewer)."""
    width = u.shape[1]
    if width == 0:
        return np.zeros(len(u))
    if width <= count:
        return np.asarray(u.mean(axis=1))
    top = u.copy()
    top.partition(width - count, axis=1)
    # As numpy's mean takes it, without its layers of Python.
    return np.asarray(np.add.reduce(top[:, width - count :], axis=1) / count)


def without_weekly(score: Array, level: float, grid_s: float) -> Array:
    """The same score, nought where it stood above a level at about the same hour of two weeks in a row: a weekly job
    says nothing about how high noise can rise."""
    week, around = round(7 * DAY_S / grid_s), max(1, round(WEEKLY_S / grid_s))
    if len(score) <= week + around:
        return score
    over = np.convolve(score > level, np.ones(2 * around + 1), "same") > 0
    weekly = np.zeros(len(score), dtype=bool)
    both = over[week:] & over[:-week]
    weekly[week:] |= both
    weekly[:-week] |= both
    out: Array = np.where(weekly, 0.0, score)
    return out


def separate_peaks(score: Array, count: int, apart: int) -> float:
    """Height of the ``count``-th highest peak when peaks nearer than ``apart`` rows are one."""
    left = score.copy()
    height = 0.0
    for _ in range(max(1, count)):
        at = int(np.argmax(left))
        height = float(left[at])
        left[max(0, at - apart) : at + apart + 1] = -1.0
    return max(height, 0.0)


def block_level(score: Array, block: int, count: int) -> float:
    """The level that ``count`` blocks of ``block`` rows exceed."""
    whole = len(score) // block * block
    if whole == 0:
        return float(score.max(initial=0.0))
    highs = np.sort(score[:whole].reshape(-1, block).max(axis=1))[::-1]
    return float(highs[min(count, len(highs) - 1)])
