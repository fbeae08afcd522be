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
from sklearn.base import BaseEstimator
from sklearn.covariance import ShrunkCovariance

from telemetry.features import (
    DAY_S,
    FAST,
    TOP,
    Array,
    block_level,
    daily,
    half_hour,
    lagged,
    mean_of_top,
    separate_peaks,
    smooth,
)

LAGS = 2
LINKED_SPAN = 2  # grid steps of the residuals' fast average
LINKED = 2 / (LINKED_SPAN + 1)
CALM_DAYS = 3  # memory of how surprising a metric usually is: one that turned noisy must shout louder
CLIP = 8.0  # robust units: further out says nothing more about relations
TINY = 1e-12


class Baselines(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Robust baselines of one machine.

    ``fit(X)`` takes a (grid steps, metrics) array without gaps, ``grid_s`` seconds apart; ``score_samples(X)``
    returns how unusual each step is, 1.0 being the threshold. Settings are the constructor's; learned things end in
    an underscore.
    """

    def __init__(
        self,
        grid_s: float = 60.0,
        own_threshold: float = 5.75,
        own_threshold_beside: float = 8.0,
        linked_threshold: float = 2.0,
        linked_peaks_a_day: float = 0.5,
        linked_top: int = 8,
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
        self.linked_top = linked_top
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
        self.calm_ = np.inf
        self.linked_level_ = self.linked_threshold
        if not self.linked_:
            return
        stacked = self.stacked(X)
        self.relation_, self.weights_, self.offset_ = self._relate(stacked, m)
        held_out = np.zeros_like(X)
        cuts = np.linspace(0, len(X), self.folds + 1).astype(int)
        for a, b in pairwise(cuts.tolist()):
            rest = np.concatenate((stacked[:a], stacked[b:]))
            _, weights, offset = self._relate(rest, m)
            held_out[a:b] = stacked[a:b] @ weights - offset
        warm = self.warm_
        fast = smooth(held_out, LINKED)
        day = fast - lagged(smooth(fast, daily(self.grid_s)), 1)
        self.linked_center_ = np.median(fast, axis=0)
        q05, q95 = np.quantile(fast, (0.05, 0.95), axis=0)
        scales = ((q95 - q05) / 3.29, np.quantile(np.abs(day[warm:]), 0.95, axis=0) / 1.96)
        linked = []
        for signal, scale in zip((fast - self.linked_center_, day), scales, strict=True):
            held = np.maximum(scale, 0.05)
            tail = np.quantile(np.abs(signal[warm:]) / held, 0.99, axis=0)
            linked.append(held * np.sqrt(np.maximum(tail, 1.0)))
        self.linked_scale_ = np.stack(linked)
        surprise = self.linked_surprise(fast, day)
        usual = smooth(surprise, self.usual_weight_)
        self.usual_ = np.maximum(np.median(usual[warm:], axis=0), 0.05)
        # Levels come from held-out history: what a relation says of the rows it was fitted on is too calm.
        score = mean_of_top(self._louder(surprise, usual), self.linked_top)
        self.calm_ = block_level(score, max(1, int(1800 / self.grid_s)), int(3 * days))
        peak = separate_peaks(score[warm:], round(self.linked_peaks_a_day * days), max(1, int(4 * 3600 / self.grid_s)))
        # Between one absolute level for everybody and this machine's own peaks: alone, the one floods noisy machines
        # and the other silences machines whose history held problems.
        self.linked_level_ = float(np.sqrt(self.linked_threshold * max(peak, 0.5 * self.linked_threshold)))

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

    def linked_surprise(self, fast: Array, day: Array) -> Array:
        """Each metric's residual against its history and its last day, the smaller; ``day`` is already a difference."""
        own, last_day = np.abs(fast - self.linked_center_), np.abs(day)
        out: Array = np.minimum(own / self.linked_scale_[0], last_day / self.linked_scale_[1])
        out = np.minimum(out, self.cap)
        out *= self.live_
        return out

    def _louder(self, surprise: Array, usual: Array) -> Array:
        out: Array = surprise / np.maximum(lagged(usual, 1) / self.usual_, 1.0)
        return out

    def own_score(self, X: Array) -> Array:
        """Own-past score in robust sigmas, one a row."""
        fast = smooth(X, FAST)
        day = fast - lagged(smooth(fast, daily(self.grid_s)), 1)
        signals = (fast - self.own_center_, day, half_hour(X))
        surprise = np.minimum.reduce([np.abs(s) / k for s, k in zip(signals, self.own_scale_, strict=True)])
        return mean_of_top(surprise * self.live_, TOP)

    def linked_score(self, X: Array) -> Array:
        """Relation score, one a row; 0 where relations were not learned."""
        if not self.linked_:
            return np.zeros(len(X))
        fast = smooth(self.stacked(X) @ self.weights_ - self.offset_, LINKED)
        day = fast - lagged(smooth(fast, daily(self.grid_s)), 1)
        surprise = self.linked_surprise(fast, day)
        return mean_of_top(self._louder(surprise, smooth(surprise, self.usual_weight_)), self.linked_top)

    def score_samples(self, X: Array) -> Array:
        """How unusual each row is; 1.0 is the threshold of a machine whose class trusts relations."""
        X = np.asarray(X, dtype=float)
        own = self.own_score(X) / self.own_threshold_beside
        return np.maximum(own, self.linked_score(X) / self.linked_level_)

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
