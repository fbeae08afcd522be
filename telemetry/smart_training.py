"""Fit the drives' scorecard on a table of daily SMART counters with failures (Backblaze's format), and judge it
honestly: on drives it was not fitted on, and on days after those it was fitted on.

A logistic regression over the signs of ``smart.py``: on 57 failures it beat boosted trees by ten points, and its
weights can be read. Healthy drives are drawn as often as they have days to be wrong on; every drive weighs the same.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from telemetry.features import Array
from telemetry.smart import DAY_MS, SIGNS, Card, Drive, Told

FOLDS: Final = 5
DRAWS: Final = 5  # healthy days are drawn this often, the weights averaged
DAYS_DRAWN: Final = 2  # of every healthy drive, on average
FAILING_WEIGHS: Final = 20.0
STRENGTH: Final = 0.0005  # of scikit-learn's C: small, as failures are few; a plateau from 0.0003 to 0.03
BUDGETS: Final = (0.01, 0.0025)  # of healthy drives flagged, ever
COLUMNS: Final = ("smart_1_raw", "smart_5_raw", "smart_9_raw", "smart_194_raw", "smart_197_raw", "capacity_bytes")


class BadTable(ValueError):
    """The table lacks a column or holds no drives."""


@dataclass(frozen=True, slots=True)
class Days:
    """Signs of every drive and day, with the days left to its failure (infinite for a healthy one)."""

    signs: Array
    drive: NDArray[np.int64]
    day: Array
    left: Array
    failing: NDArray[np.bool_]  # one a drive
    first: str
    last: str


def read(path: Path) -> Days:
    """Every drive of a CSV (``.gz`` or not) in the order of its days. Raises ``BadTable``."""
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as f:
        table = csv.DictReader(f)
        lacking = {"date", "serial_number", "failure", "smart_5_raw"} - set(table.fieldnames or ())
        if lacking:
            raise BadTable(f"{path} has no column {', '.join(sorted(lacking))}")
        drives: dict[str, list[Mapping[str, str]]] = {}
        for row in table:
            drives.setdefault(row["serial_number"], []).append(row)
    if not drives:
        raise BadTable(f"{path} holds no drives")
    return _days(drives[name] for name in sorted(drives))


def _days(drives: Iterable[list[Mapping[str, str]]]) -> Days:
    signs: list[list[float]] = []
    drive: list[int] = []
    day: list[float] = []
    left: list[float] = []
    failing: list[bool] = []
    seen: set[str] = set()
    for index, unsorted in enumerate(drives):
        rows = sorted(unsorted, key=lambda r: r["date"])
        at = [round(datetime.fromisoformat(r["date"]).replace(tzinfo=UTC).timestamp() * 1000) for r in rows]
        fails = next((t for t, r in zip(at, rows, strict=True) if r["failure"] == "1"), None)
        kept = Drive()
        for t, r in zip(at, rows, strict=True):
            signs.append(kept.hear(t, Told(*(float(r[c]) if r.get(c) else math.nan for c in COLUMNS))))
            drive.append(index)
            day.append(t / DAY_MS)
            left.append(math.inf if fails is None else (fails - t) / DAY_MS)
        failing.append(fails is not None)
        seen |= {rows[0]["date"], rows[-1]["date"]}
    return Days(
        np.array(signs), np.array(drive), np.array(day), np.array(left), np.array(failing), min(seen), max(seen)
    )  # fmt: skip


def fitted(days: Days, rows: NDArray[np.bool_], seed: int = 0) -> tuple[Array, Array, Array, float]:
    """Mean, spread, weight of every sign and the start, from these rows."""
    x = days.signs
    mean, spread = np.nanmean(x[rows], axis=0), np.nanstd(x[rows], axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    sick = days.failing[days.drive]
    weights, starts = [], []
    rng = np.random.default_rng(seed)
    healthy = np.flatnonzero(rows & ~sick)
    drives = len(np.unique(days.drive[healthy]))
    with threadpool_limits(limits=1):  # the same bytes on any number of cores
        for _ in range(DRAWS):
            drawn = rng.choice(healthy, min(len(healthy), DAYS_DRAWN * drives), replace=False)
            chosen = np.concatenate((np.flatnonzero(rows & sick & (days.left >= 0)), drawn))
            z = np.nan_to_num((x[chosen] - mean) / spread, nan=0.0)
            count = np.bincount(days.drive[chosen], minlength=len(days.failing))[days.drive[chosen]]
            weigh = np.where(sick[chosen], FAILING_WEIGHS, 1.0) / count * DAYS_DRAWN
            model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(z, sick[chosen], sample_weight=weigh)
            weights.append(model.coef_[0])
            starts.append(float(model.intercept_[0]))
    return mean, spread, np.mean(weights, axis=0), float(np.mean(starts))


def scored(days: Days, card: tuple[Array, Array, Array, float]) -> Array:
    """The sum of every row."""
    mean, spread, weight, start = card
    out: Array = np.nan_to_num((days.signs - mean) / spread, nan=0.0) @ weight + start
    return out


def warned(days: Days, score: Array, rows: NDArray[np.bool_]) -> dict[float, tuple[float, float]]:
    """For each budget: (share of failing drives warned a day ahead or more, the level of the score).

    A drive is flagged when any of its days passes the level; the level is the highest the budget allows.
    """
    before = rows & (days.left >= 1)
    peak = np.full(len(days.failing), -np.inf)
    np.maximum.at(peak, days.drive[before], score[before])
    heard = np.zeros(len(days.failing), dtype=bool)
    heard[days.drive[rows]] = True
    healthy = np.sort(peak[heard & ~days.failing])[::-1]
    sick = peak[heard & days.failing]
    levels = {b: float(healthy[min(int(b * len(healthy)), len(healthy) - 1)]) for b in BUDGETS}
    return {b: (float((sick > level).mean()) if len(sick) else math.nan, level) for b, level in levels.items()}


def by_drives(days: Days, seed: int) -> Array:
    """Every drive's score by weights fitted without it."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(days.failing), dtype=int)
    for group in (days.failing, ~days.failing):
        members = np.flatnonzero(group)
        rng.shuffle(members)
        fold[members] = np.arange(len(members)) % FOLDS
    out = np.empty(len(days.signs))
    for k in range(FOLDS):
        held = fold[days.drive] == k
        out[held] = scored(days, fitted(days, ~held, seed))[held]
    return out


def by_time(days: Days) -> dict[float, tuple[float, float]]:
    """Fitted on what was known at half time; warned among the drives that failed after it, on days after it."""
    half = float(np.median(np.unique(days.day)))
    past = days.day <= half
    fails_at = np.where(np.isinf(days.left), np.inf, days.day + days.left)
    known = days.failing.copy()
    known[days.drive[fails_at > half]] = False  # at half time these were healthy as far as anybody knew
    then = Days(days.signs, days.drive, days.day, days.left, known, days.first, days.last)
    score = scored(days, fitted(then, past))
    return warned(days, score, (days.day > half) & (fails_at > half))


def trained(days: Days, source: str, seeds: int = 3, **origin: Any) -> Card:
    """The card fitted on everything, with what it reached on drives and days held out in its lineage."""
    runs = [warned(days, by_drives(days, seed), np.ones(len(days.signs), dtype=bool)) for seed in range(seeds)]
    later = by_time(days)
    mean, spread, weight, start = fitted(days, np.ones(len(days.signs), dtype=bool))
    one, quarter = ([run[b] for run in runs] for b in BUDGETS)
    lineage = {
        "source": source,
        "from": days.first,
        "to": days.last,
        "drives": len(days.failing),
        "failures": int(days.failing.sum()),
        "warned_at_1_pct_flagged": round(float(np.mean([share for share, _ in one])), 3),
        "warned_at_0.25_pct_flagged": round(float(np.mean([share for share, _ in quarter])), 3),
        "warned_later_days_at_1_pct": round(later[0.01][0], 3),
        "warned_later_days_at_0.25_pct": round(later[0.0025][0], 3),
        "settings": {"C": STRENGTH, "failing_weighs": FAILING_WEIGHS, "days_drawn": DAYS_DRAWN, "draws": DRAWS},
        **origin,
    }

    def rounded(values: Array) -> tuple[float, ...]:
        return tuple(float(f"{v:.6g}") for v in values)

    def risk(levels: list[tuple[float, float]]) -> float:
        return round(1.0 / (1.0 + math.exp(-float(np.mean([level for _, level in levels])))), 6)

    card = Card(rounded(mean), rounded(spread), rounded(weight), round(start, 6), risk(quarter), risk(one), lineage)
    assert len(card.weight) == len(SIGNS)
    return card
