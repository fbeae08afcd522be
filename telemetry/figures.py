"""Figures: least, mean, most and count of each metric in equal stretches of time. Plain.

They are kept as `Columns` with a column for each of the four, so that a roll-up is packed like a block of reports:
`l:cpu`, `m:cpu`, `h:cpu`, `n:cpu`, and `#` for how many reports a stretch holds. `at_ms` is where a stretch begins;
stretches are cut on multiples of their width since 1970, in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from telemetry.columns import Columns, Floats, Instants, joined

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
REPORTS: Final = "#"
_PART: Final = 2.0**-64  # so many of the largest number there is make no infinity
_NONE: Final = Columns(np.zeros(0, np.int64), {})


@dataclass(frozen=True)
class Line:
    """One metric: one value a stretch; NaN, and 0 of them, in a stretch without a value."""

    least: Floats
    mean: Floats
    most: Floats
    count: Instants


def columns_for(metrics: Iterable[str]) -> frozenset[str]:
    """The columns in which the figures of these metrics stand."""
    return frozenset(f"{part}:{name}" for name in metrics for part in "lmhn") | {REPORTS}


def names_in(figures: Columns) -> list[str]:
    """The metrics there are figures of."""
    return sorted(name[2:] for name in figures.values if name.startswith("n:"))


def of_reports(reports: Columns, width_ms: int, origin_ms: int = 0) -> Columns:
    """The figures of reports as they were sent."""
    ones: dict[str, Floats] = {REPORTS: np.ones(len(reports))}
    for name, values in reports.values.items():
        ones |= {f"l:{name}": values, f"m:{name}": values, f"h:{name}": values}
        ones[f"n:{name}"] = np.where(np.isnan(values), 0.0, 1.0)
    return summed(Columns(reports.at_ms, ones), width_ms, origin_ms)


def summed(figures: Columns, width_ms: int, origin_ms: int = 0) -> Columns:
    """The figures of wider stretches, or of one stretch told in several rows; rows in order of their instants."""
    if not len(figures):
        return _NONE
    place = (figures.at_ms - origin_ms) // width_ms
    first = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
    values: dict[str, Floats] = {}
    if REPORTS in figures.values:
        values[REPORTS] = np.add.reduceat(_known(figures.values[REPORTS]), first)
    for name in names_in(figures):
        count = _known(figures.values[f"n:{name}"])
        total = np.add.reduceat(count, first)
        there = count > 0
        mean = means(np.where(there, figures.values[f"m:{name}"], 0.0), count, first, total)
        empty = total == 0
        values[f"l:{name}"] = _extreme(np.minimum, figures.values[f"l:{name}"], there, first, empty, np.inf)
        values[f"m:{name}"] = np.where(empty, np.nan, mean)
        values[f"h:{name}"] = _extreme(np.maximum, figures.values[f"h:{name}"], there, first, empty, -np.inf)
        values[f"n:{name}"] = total
    return Columns(origin_ms + place[first] * width_ms, values)


def means(values: Floats, count: Floats, first: Instants, total: Floats) -> Floats:
    """The mean of each stretch (they begin at ``first``), of values that stand for so many each; of none it is 0.

    Where a sum is larger than any number, it is made of parts of the values.
    """
    counted = np.where(total == 0, 1.0, total)
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = np.add.reduceat(values * count, first) / counted
    if not (whole := np.isfinite(found)).all():
        least, most = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
        parts = np.clip(np.add.reduceat(values * _PART * count, first) / counted, least * _PART, most * _PART) / _PART
        found = np.where(whole, found, parts)
    return found


def replaced(old: Columns, new: Columns) -> Columns:
    """The old figures with those of `new` in the place of their stretches, all metrics of them."""
    return _sorted(joined([without(old, new.at_ms), new]))


def added(old: Columns, new: Columns, width_ms: int) -> Columns:
    """Both together: what came late beside what was there before."""
    names = sorted({*names_in(old), *names_in(new)})
    both = np.concatenate([old.at_ms, new.at_ms])
    order = np.argsort(both, kind="stable")
    values = {
        name: np.concatenate([_column(old, name), _column(new, name)])[order] for name in sorted(columns_for(names))
    }
    return summed(Columns(both[order], values), width_ms)


def without(figures: Columns, at_ms: Instants) -> Columns:
    """The figures less those of the stretches that begin at these instants."""
    return where(figures, ~np.isin(figures.at_ms, at_ms))


def between(figures: Columns, start_ms: int, end_ms: int) -> Columns:
    """The figures of stretches that begin within the span."""
    return where(figures, (figures.at_ms >= start_ms) & (figures.at_ms < end_ms))


def where(figures: Columns, kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Columns:
    """Some of the stretches; columns that are empty then are left out."""
    found = {name: values[kept] for name, values in figures.values.items()}
    return Columns(figures.at_ms[kept], {name: values for name, values in found.items() if not np.isnan(values).all()})


def lines(figures: Columns) -> Mapping[str, Line]:
    """The four of each metric, by the metric's name."""
    return {
        name: Line(
            figures.values[f"l:{name}"],
            figures.values[f"m:{name}"],
            figures.values[f"h:{name}"],
            _known(figures.values[f"n:{name}"]).astype(np.int64),
        )
        for name in names_in(figures)
    }


def reports_in(figures: Columns) -> int:
    """How many reports the figures are made of."""
    found = figures.values.get(REPORTS)
    return 0 if found is None else int(_known(found).sum())


def _known(values: Floats) -> Floats:
    return np.nan_to_num(values, nan=0.0)


def _extreme(
    ufunc: np.ufunc, values: Floats, there: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], first: Instants,
    empty: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], neutral: float,
) -> Floats:  # fmt: skip
    reduced: Callable[..., Floats] = ufunc.reduceat
    return np.where(empty, np.nan, reduced(np.where(there, values, neutral), first))


def _column(figures: Columns, name: str) -> Floats:
    found = figures.values.get(name)
    return np.full(len(figures), np.nan) if found is None else found


def _sorted(figures: Columns) -> Columns:
    return Columns(figures.at_ms, dict(sorted(figures.values.items())))
