"""What is normal for one machine, learned from its unlabelled history: an estimator in scikit-learn's conventions.

Two views of the same history. *Own past*: each metric's distance from its long history, its last day and its last
half hour, the smallest of the three counting. *Relations*: each metric predicted from all others, now and at two
lags, by the inverse of a shrunk correlation (``sklearn.covariance.ShrunkCovariance``); what the others do not
explain is the surprise. Methods and figures: docs/detection.md.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.covariance import ShrunkCovariance

from telemetry.features import (
    DAY_S,
    FAST,
    Array,
    block_level,
    daily,
    from_yesterday,
    half_hour,
    lagged,
    mean_of_top,
    separate_peaks,
    slot_means,
    smooth,
    without_weekly,
)
from telemetry.levels import CLIP, LINKED_TOP, QUICK_LINK, SLOW_LINK, linked_level, own_level

LAGS = 2
CALM_DAYS = 3  # memory of how surprising a metric usually is: one that turned noisy must shout louder
LEAST_LINKED = 0.05  # robust units: no residual is told finer than this
LEAST_PEAKS = 5  # separate peaks of held-out history that say how its highest compares with its usual ones
TINY = 1e-12
KIN = 0.7  # correlation over history from which on two metrics speak for one another


class Baselines(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Robust baselines of one machine.

    ``fit(X)`` takes a (grid steps, metrics) array without gaps, ``grid_s`` seconds apart; ``score_samples(X)``
    returns how unusual each step is, 1.0 being the threshold. Settings are the constructor's; learned things end in
    an underscore.
    """

    linked_top_: float = np.inf  # of models that were fitted before it was known
    linked_noise_: float = np.inf
    kin_: NDArray[np.int8] | None = None

    def __init__(
        self,
        grid_s: float = 60.0,
        own_threshold: float = 5.75,
        own_threshold_beside: float = 16.0,
        linked_threshold: float = 0.7,
        linked_peaks_a_day: float = 0.5,
        ridge: float = 0.3,
        cap: float = 6.0,
        floor_of_range: float = 0.05,
        folds: int = 4,
        most_linked: int = 128,
    ) -> None:
        self.grid_s = grid_s
        self.own_threshold = own_threshold
        self.own_threshold_beside = own_threshold_beside
        self.linked_threshold = linked_threshold
        self.linked_peaks_a_day = linked_peaks_a_day
        self.ridge = ridge
        self.cap = cap
        self.floor_of_range = floor_of_range
        self.folds = folds
        self.most_linked = most_linked

    def fit(self, X: Array, y: None = None, floors: Array | None = None) -> Self:
        """Learn from a history.

        ``floors``: smallest meaningful deviation of each metric, in its own unit (0: unknown).
        """
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        self.rows_ = len(X)
        self._fit_scales(X, np.zeros(X.shape[1]) if floors is None else floors)
        self._fit_own(X)
        self._fit_linked(X)
        return self

    @property
    def warm_(self) -> int:
        """Rows at the start whose slow averages still remember the first row."""
        return max(1, min(self.rows_ // 4, int(DAY_S / self.grid_s)))

    def _fit_scales(self, X: Array, floors: Array) -> None:
        low, q05, middle, q95, high = np.quantile(X, (0.001, 0.05, 0.5, 0.95, 0.999), axis=0)
        least, most = X.min(axis=0), X.max(axis=0)
        spread = most - least
        self.live_ = spread > 0
        self.low_, self.high_ = np.quantile(X, (0.01, 0.99), axis=0)
        self.positive_ = least >= 0
        self.center_ = middle
        bulk = np.clip(X, low, high).std(axis=0)
        self.unit_ = np.maximum.reduce(
            ((q95 - q05) / 3.29, 0.3 * bulk, 0.01 * (high - low), 0.002 * spread, 1e-4 * np.abs(middle), floors)
        )
        self.unit_ = np.maximum(self.unit_, TINY)
        wide = self.floor_of_range
        self.floor_ = np.maximum.reduce((wide * (high - low), 0.2 * wide * spread, 1e-4 * np.abs(middle), floors))
        self.floor_ = np.maximum(self.floor_, TINY)

    def _fit_own(self, X: Array) -> None:
        fast = smooth(X, FAST)
        day = fast - lagged(smooth(fast, daily(self.grid_s)), 1)
        hour = half_hour(X)
        warm = self.warm_
        self.own_center_ = np.median(fast, axis=0)
        q05, q95 = np.quantile(fast, (0.05, 0.95), axis=0)
        scales = (
            (q95 - q05) / 3.29,
            np.quantile(np.abs(day[warm:]), 0.95, axis=0) / 1.96,
            np.quantile(np.abs(hour[warm:]), 0.95, axis=0) / 1.96,
        )
        own = []
        for signal, scale in zip((fast - self.own_center_, day, hour), scales, strict=True):
            held = np.maximum(scale, self.floor_)
            tail = np.quantile(np.abs(signal[warm:]) / held, 0.99, axis=0)
            own.append(held * np.sqrt(np.maximum(tail, 1.0)))
        self.own_scale_ = np.stack(own)

    def _fit_linked(self, X: Array) -> None:
        m, days = X.shape[1], len(X) * self.grid_s / DAY_S
        self.linked_ = bool(3 <= self.live_.sum() <= self.most_linked and len(X) >= 12 * self.folds and days >= 1)
        self.calm_, self.linked_level_, self.linked_top_, self.linked_noise_ = np.inf, 1.0, np.inf, np.inf
        if not self.linked_:
            return
        self.kin_ = _kin(X)
        stacked = self.stacked(X)
        self.relation_, self.weights_, self.offset_ = self._relate(stacked, m)
        held_out = np.zeros_like(X)
        cuts = np.linspace(0, len(X), self.folds + 1).astype(int)
        for a, b in pairwise(cuts.tolist()):
            rest = np.concatenate((stacked[:a], stacked[b:]))
            _, weights, offset = self._relate(rest, m)
            held_out[a:b] = stacked[a:b] @ weights - offset
        # Scales and levels come from held-out history: what a relation says of rows it was fitted on is too calm.
        warm = self.warm_
        quick, slow = smooth(held_out, QUICK_LINK), smooth(held_out, SLOW_LINK)
        self.quick_center_, self.slow_center_ = np.median(quick, axis=0), np.median(slow, axis=0)
        usual = np.abs(quick - self.quick_center_)[warm:]
        self.quick_middle_ = np.maximum(np.quantile(usual, 0.9, axis=0) / 1.645, LEAST_LINKED)
        self.quick_scale_ = np.stack([_tail(s, warm, self.grid_s) for s in self._drifts(quick, self.quick_center_)])
        seasonal = from_yesterday(slow, *slot_means(quick, self.grid_s))
        drifts = (*self._drifts(slow, self.slow_center_), seasonal)
        self.slow_scale_ = np.stack([_tail(s, warm, self.grid_s) for s in drifts])
        self.usual_ = np.zeros((2, m))
        score = linked_level(*self._loud(held_out, fitting=True))[warm:]
        self.calm_ = self._calm(quick, days)
        apart = max(1, int(4 * 3600 / self.grid_s))
        count = round(self.linked_peaks_a_day * days)
        self.linked_level_ = max(separate_peaks(score, count, apart), TINY)
        if count >= LEAST_PEAKS:
            self.linked_top_ = separate_peaks(score, 1, apart) / self.linked_level_
            noise = without_weekly(score, self.linked_level_, self.grid_s)
            self.linked_noise_ = separate_peaks(noise, 1, apart) / self.linked_level_

    def _calm(self, quick: Array, days: float) -> float:
        """What three half-hours a day of held-out history exceed, in units of the residuals' middle: tails show."""
        warm, parts = self.warm_, []
        for signal in self._drifts(quick, self.quick_center_):
            size = np.abs(signal)
            middle = np.maximum(np.quantile(size[warm:], 0.9, axis=0) / 1.645, LEAST_LINKED)
            tail = np.quantile(size[warm:] / middle, 0.99, axis=0)
            parts.append(size / (middle * np.sqrt(np.maximum(tail, 1.0))))
        surprise = np.minimum(np.minimum(*parts), self.cap) * self.live_
        usual = smooth(surprise, self.usual_weight_)
        surprise /= np.maximum(lagged(usual, 1) / np.maximum(np.median(usual[warm:], axis=0), 0.05), 1.0)
        return block_level(mean_of_top(surprise, LINKED_TOP), max(1, int(1800 / self.grid_s)), int(3 * days))

    def _drifts(self, x: Array, center: Array) -> tuple[Array, Array]:
        """How far from the middle of history, and from the last day."""
        return x - center, x - lagged(smooth(x, daily(self.grid_s)), 1)

    def surprises(self, residual: Array) -> tuple[Array, Array]:
        """Quick and slow surprise of each metric of each row of residuals, in units of its own tail."""
        quick, slow = smooth(residual, QUICK_LINK), smooth(residual, SLOW_LINK)
        seasonal = from_yesterday(slow, *slot_means(quick, self.grid_s))
        near = self._nearest(self._drifts(quick, self.quick_center_), self.quick_scale_)
        far = self._nearest((*self._drifts(slow, self.slow_center_), seasonal), self.slow_scale_)
        return near, far

    def _nearest(self, signals: tuple[Array, ...], scales: Array) -> Array:
        out: Array = np.minimum.reduce([np.abs(s) / k for s, k in zip(signals, scales, strict=True)])
        out = np.minimum(out, self.cap)
        out *= self.live_
        return out

    def _loud(self, residual: Array, *, fitting: bool = False) -> tuple[Array, Array]:
        """Both surprises, loudness considered; fitting learns what is usual."""
        loud = []
        for i, surprise in enumerate(self.surprises(residual)):
            usual = smooth(surprise, self.usual_weight_)
            if fitting:
                self.usual_[i] = np.maximum(np.median(usual[self.warm_ :], axis=0), 0.05)
            loud.append(surprise / np.maximum(lagged(usual, 1) / self.usual_[i], 1.0))
        return loud[0], loud[1]

    @property
    def usual_weight_(self) -> float:
        """Weight of one grid step in the memory of usual surprise."""
        return float(1 - np.exp(-self.grid_s / (CALM_DAYS * DAY_S)))

    def standard(self, X: Array) -> Array:
        """Values in robust units of the history, clipped."""
        out: Array = np.clip((X - self.center_) / self.unit_, -CLIP, CLIP)
        return out

    def stacked(self, X: Array) -> Array:
        """Each row with the LAGS rows before it."""
        z = self.standard(X)
        return np.concatenate([lagged(z, k) for k in range(LAGS + 1)], axis=1)

    def _relate(self, stacked: Array, m: int) -> tuple[ShrunkCovariance, Array, Array]:
        mean, spread = stacked.mean(axis=0), stacked.std(axis=0)
        spread = np.where(spread > 1e-6, spread, np.inf)  # what never moved says nothing about the others
        # correlation + ridge, up to a factor that the quotient below cancels
        relation = ShrunkCovariance(assume_centered=True, shrinkage=self.ridge / (1 + self.ridge))
        relation.fit((stacked - mean) / spread)
        precision = relation.precision_
        weights = (precision[:, :m] / np.diag(precision)[:m]) / spread[:, None]
        offset: Array = mean @ weights
        return relation, weights, offset

    def own_score(self, X: Array) -> Array:
        """Own-past score in robust sigmas, one a row."""
        fast = smooth(X, FAST)
        day = fast - lagged(smooth(fast, daily(self.grid_s)), 1)
        signals = (fast - self.own_center_, day, half_hour(X))
        surprise = np.minimum.reduce([np.abs(s) / k for s, k in zip(signals, self.own_scale_, strict=True)])
        return own_level(surprise * self.live_, self.own_threshold)

    def residual(self, X: Array) -> Array:
        """What the other metrics do not explain, in robust units."""
        out: Array = self.stacked(X) @ self.weights_ - self.offset_
        return out

    def linked_score(self, X: Array) -> Array:
        """Relation score, one a row; 0 where relations were not learned."""
        if not self.linked_:
            return np.zeros(len(X))
        return linked_level(*self._loud(self.residual(X)))

    def score_samples(self, X: Array, bar: float = 1.0) -> Array:
        """How unusual each row is; 1.0 is the threshold where relations are trusted and ``bar`` times as much asked."""
        X = np.asarray(X, dtype=float)
        own = self.own_score(X) / self.own_threshold_beside
        return np.maximum(own, self.linked_score(X) / (self.linked_threshold * bar))

    def lineage(self) -> dict[str, Any]:
        """What this model rests on, as JSON."""
        return {
            "rows": int(self.rows_),
            "grid_s": float(self.grid_s),
            "metrics": int(self.n_features_in_),
            "linked": self.linked_,
            "calm": round(float(self.calm_), 4) if np.isfinite(self.calm_) else None,
            "linked_level": round(float(self.linked_level_), 4),
            "settings": self.get_params(),
        }


def _kin(X: Array) -> NDArray[np.int8]:
    """How closely metrics moved together, rising or falling, in hundredths; 0 below KIN, and of each with itself."""
    spread = X.std(axis=0)
    z = (X - X.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    together = np.abs(z.T @ z) / len(X)
    np.fill_diagonal(together, 0.0)
    return np.where(together >= KIN, np.round(100 * together), 0).astype(np.int8)


def _tail(signal: Array, warm: int, grid_s: float) -> Array:
    """A residual's unit: what it exceeds in one row of two hundred; tiny (so that the others decide) if never known."""
    size = np.abs(signal[warm:])
    known = np.isfinite(size[:, :1]).all(axis=1)
    if known.sum() * grid_s < DAY_S / 2:
        return np.full(signal.shape[1], TINY)
    out: Array = np.maximum(np.quantile(size[known], 0.995, axis=0), LEAST_LINKED)
    return out
