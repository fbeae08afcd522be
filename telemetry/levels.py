"""The two scores of a row of metrics, own past and relations, as levels. Plain.

Apart from the estimator that learns from history (telemetry/baselines.py), so that a process which only scores does not
wait for scikit-learn to be imported.
"""

from __future__ import annotations

import numpy as np

from telemetry.features import TOP, Array, mean_of_top

QUICK_SPAN, SLOW_SPAN = 2, 6  # grid steps of the residuals' two averages: what begins now, and what stays
QUICK_LINK, SLOW_LINK = 2 / (QUICK_SPAN + 1), 2 / (SLOW_SPAN + 1)
QUICK_SHARE = 2 / 3  # of the geometric mean of both scores
LINKED_TOP = 8  # metrics each of the two scores is the mean of
CLIP = 8.0  # robust units: further out says nothing more about relations
OWN_CAP = 8.0  # a metric's own-past surprise counts up to here in the mean of the top: two odd metrics are no problem …
ALONE = 20.0  # … unless one of them is this far out: then it is one alone, at the common threshold


def own_level(surprise: Array, threshold: float, counts: Array | None = None) -> Array:
    """Own-past score in robust sigmas of rows of metrics: several a little, or one a lot. ``counts``: how many of the
    top there are in each row, where rows are padded with zeros."""
    several = mean_of_top(np.minimum(surprise, OWN_CAP), TOP)
    if counts is not None:
        several *= TOP / counts
    out: Array = np.maximum(several, np.maximum.reduce(surprise, axis=1, initial=0.0) * (threshold / ALONE))
    return out


def linked_level(quick: Array, slow: Array, counts: Array | None = None) -> Array:
    """Relation score of rows of metrics: the quick and the slow score multiplied. ``counts`` as above."""
    a, b = mean_of_top(quick, LINKED_TOP), mean_of_top(slow, LINKED_TOP)
    if counts is not None:
        a, b = a * (LINKED_TOP / counts), b * (LINKED_TOP / counts)
    out: Array = a**QUICK_SHARE * b ** (1 - QUICK_SHARE)
    return out
