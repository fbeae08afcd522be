"""Fitting and judging baselines outside the stream. Plain but for scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from telemetry.features import DAY_S, Array
from telemetry.vocabulary import is_scored, word

if TYPE_CHECKING:  # scikit-learn takes its second when something is first fitted or loaded
    from telemetry.baselines import Baselines


@dataclass(frozen=True, slots=True)
class Judged:
    """How a model behaves on rows it was not fitted on, without labels: what an alarm budget is held against."""

    rows: int
    over_a_day: float  # separate alarms a machine and day at the model's own threshold
    calmest: float  # median score
    loudest: float  # highest score; 1.0 is the threshold


def fitted(history: Array, metrics: Sequence[str], grid_s: float, **settings: float) -> Baselines:
    """Baselines of one machine from (grid steps × metrics) without gaps. The history is not changed. ``settings`` are
    the estimator's own, where they are not the usual ones.

    One thread, so that the same history gives the same bytes on any number of cores.
    """
    from telemetry.baselines import Baselines

    table = np.array(history, dtype=float)
    table[:, [not is_scored(m) for m in metrics]] = 0.0  # a clock is no metric: constant, hence silent
    with threadpool_limits(limits=1):
        model = Baselines(grid_s=grid_s)
        model.set_params(**settings)
        model.fit(table, floors=np.array([word(m).least for m in metrics]))
    model.feature_names_in_ = list(metrics)  # so that it can be put back on the machine later
    return model


def judged(model: Baselines, rows: Array, apart_s: float = 4 * 3600) -> Judged:
    """Score rows and count alarms, those nearer than ``apart_s`` as one."""
    score = model.score_samples(rows)
    over = np.flatnonzero(score >= 1.0)
    alarms = 0 if len(over) == 0 else 1 + int((np.diff(over) * model.grid_s > apart_s).sum())
    days = max(len(rows) * model.grid_s / DAY_S, 1e-9)
    return Judged(len(rows), alarms / days, float(np.median(score)), float(score.max(initial=0.0)))
