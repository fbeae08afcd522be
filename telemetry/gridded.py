"""Stored reports as the rows a machine is learned from: what live learning notes one by one, over whole days at once.

Plain. History keeps counters as they were sent and does not say which they are: a metric that rises nearly always and
hardly ever falls is taken for one, and turned into growth a second, as live. A share, a room, a temperature or a speed
that we know by name is none, however long a disk has been filling.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.columns import Columns, Floats
from telemetry.notebook import BASE_S, LARGEST, Notebook
from telemetry.vocabulary import is_scored, word

LEAST_VALUES: Final = 30  # fewer say nothing of how a metric moves
RISES: Final = 0.9  # of its steps, and it is a counter …
FALLS: Final = 0.01  # … that falls only when it begins anew

LEVELS: Final = frozenset({"%", "GB", "°C", "rpm", "W", "ms", "/s", "MB/s"})  # units in which nothing counts up

Spans = Sequence[tuple[int, int]]  # in epoch ms, the end not included


def counters_in(columns: Columns) -> frozenset[str]:
    """Metrics that count up."""
    may = (name for name in columns.values if is_scored(name) and word(name).unit not in LEVELS)
    return frozenset(name for name in may if _counts_up(columns.values[name]))


def without(columns: Columns, spans: Spans) -> Columns:
    """The reports outside of these spans."""
    keep = np.ones(len(columns), dtype=bool)
    for start, end in spans:
        keep[np.searchsorted(columns.at_ms, start) : np.searchsorted(columns.at_ms, end)] = False
    if keep.all():
        return columns
    return Columns(columns.at_ms[keep], {name: values[keep] for name, values in columns.values.items()})


def notebook_of(columns: Columns, counters: Collection[str], names: Sequence[str] = ()) -> Notebook:
    """A notebook with a row a minute, as if the reports had been noted as they came. ``names`` come first, whether they
    were told or not."""
    book = Notebook()
    book.names = [*names, *sorted(set(columns.values) - set(names))]
    book.index = {name: place for place, name in enumerate(book.names)}
    if not len(columns):
        return book
    minute = columns.at_ms // (BASE_S * 1000)
    first = np.flatnonzero(np.append(True, minute[1:] != minute[:-1]))
    wide = np.full((len(first), len(book.names)), np.nan)
    for name, values in columns.values.items():
        grown = _growth(columns.at_ms, values) if name in counters else values
        place = np.maximum.reduceat(np.where(np.isnan(grown), -1, np.arange(len(grown))), first)
        wide[:, book.index[name]] = np.where(place < 0, np.nan, grown[place])
    told = ~np.isnan(wide).all(axis=1)
    book.steps = minute[first][told].tolist()
    book.rows = list(np.clip(wide[told], -LARGEST, LARGEST).astype(np.float32))
    return book


def _counts_up(values: Floats) -> bool:
    steps = np.diff(values[~np.isnan(values)])
    if len(steps) < LEAST_VALUES:
        return False
    return bool((steps > 0).mean() > RISES and (steps < 0).mean() < FALLS)


def _growth(at_ms: NDArray[np.int64], values: Floats) -> Floats:
    """A second; NaN at the first value and where the counter began anew."""
    out = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < 2:
        return out
    grown, spans = np.diff(values[known]), np.diff(at_ms[known]) / 1000.0
    out[known[1:]] = np.where((grown >= 0) & (spans > 0), grown / np.maximum(spans, 1e-3), np.nan)
    return out
