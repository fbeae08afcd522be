"""The history a machine is learned from: bounded, one row a minute, names joining as they come. Plain."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.features import Array

BASE_S: Final = 60  # finest step kept
MOST_SERIES: Final = 2048  # a machine; what comes beyond is stored in history and not scored
MOST_ROWS: Final = 50_000  # while nothing is learned yet: a month of minutes
SHORT_GAP: Final = 3  # missing steps that are bridged; longer silence is cut out, not invented
LARGEST: Final = 3e38  # a narrow number holds hardly more
Narrow = NDArray[np.float32]


class Notebook:
    """Rows of one machine in arrival order; the open row collects until its minute is over.

    A row holds the last value told in its minute, not the mean: a machine that speaks every 5 seconds is judged on what
    it says every 5 seconds, so the noise that is learned must be that of single values.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.steps: list[int] = []
        self.rows: list[Narrow] = []
        self._step = -1
        self._row: Array = np.zeros(0)
        self._told: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._keys: tuple[str, ...] = ()
        self._columns: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.kept: NDArray[np.bool_] | None = None  # which names of the last report have a column; None: all
        self._waits: tuple[NDArray[np.int64], Collection[float]] | None = None  # told last, and not in the row yet

    def is_new(self, names: tuple[str, ...]) -> bool:
        """Whether a report of these names is shaped otherwise than the one before."""
        return names != self._keys

    def columns(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Column of each name that has one (`kept` says which); the same report shape twice costs one comparison."""
        if names != self._keys:
            for name in names:
                if name not in self.index and len(self.names) < MOST_SERIES:
                    self.index[name] = len(self.names)
                    self.names.append(name)
            self._keys = names
            found = np.array([self.index.get(n, -1) for n in names], dtype=np.int64)
            self.kept = None if (found >= 0).all() else found >= 0
            self._columns = found if self.kept is None else found[self.kept]
            grown = len(self.names) - len(self._row)
            self._row = np.concatenate((self._row, np.zeros(grown)))
            self._told = np.concatenate((self._told, np.zeros(grown, dtype=bool)))
        return self._columns

    def note(self, at_ms: int, columns: NDArray[np.int64], values: Collection[float]) -> None:
        """Keep values (columns from ``columns``, none negative), which nobody changes afterwards.

        Of those told in one minute under the same names only the last are written into the row.
        """
        step = at_ms // (BASE_S * 1000)
        if step != self._step:
            self.close()
            self._step = step
        elif self._waits is not None and self._waits[0] is not columns:
            self._put()
        self._waits = (columns, values)

    def _put(self) -> None:
        if self._waits is not None:
            columns, values = self._waits
            self._row[columns] = np.fromiter(values, float, len(columns))
            self._told[columns] = True
            self._waits = None

    def close(self) -> None:
        """End the open row."""
        self._put()
        if self._step >= 0 and self._told.any():
            row = np.clip(self._row, -LARGEST, LARGEST).astype(np.float32)
            row[~self._told] = np.nan
            self.rows.append(row)
            self.steps.append(self._step)
            self._told[:] = False
            if len(self.rows) > MOST_ROWS:
                self.trim(MOST_ROWS * 3 // 4)
        self._step = -1

    def open_row(self) -> tuple[int, Array, NDArray[np.bool_]]:
        """The minute under way, for a snapshot: its step, its values, and which of them were told."""
        self._put()
        return self._step, self._row, self._told

    def reopen(self, step: int, row: Array, told: NDArray[np.bool_]) -> None:
        """The inverse of ``open_row``."""
        self._step, self._row, self._told, self._waits = step, row, told, None

    def trim(self, rows: int) -> None:
        """Keep the newest rows only."""
        self.steps = self.steps[-rows:] if rows else []
        self.rows = self.rows[-rows:] if rows else []

    @property
    def span_s(self) -> int:
        """Seconds of history the rows stand for, silence not counted."""
        return len(self.steps) * self.cadence_s

    @property
    def cadence_s(self) -> int:
        """Usual distance of rows in seconds, a multiple of ``BASE_S``."""
        if len(self.steps) < 2:
            return BASE_S
        recent = np.sort(np.asarray(self.steps[-200:], dtype=np.int64))
        gaps = np.diff(recent)
        gaps = gaps[gaps > 0]
        return int(np.median(gaps)) * BASE_S if len(gaps) else BASE_S

    def table(self) -> tuple[Array, int, int]:
        """(rows × names without gaps, grid in seconds, grid step of the last row). Late rows find their place."""
        grid_s = self.cadence_s
        wide = np.full((len(self.rows), len(self.names)), np.nan)
        for i, row in enumerate(self.rows):
            wide[i, : len(row)] = row
        steps = np.asarray(self.steps, dtype=np.int64) * BASE_S // grid_s
        order = np.argsort(steps, kind="stable")
        steps, wide = steps[order], wide[order]
        last = np.concatenate((steps[1:] != steps[:-1], [True]))  # a step told twice: the later word
        steps, wide = steps[last], wide[last]
        gaps = np.diff(steps, prepend=steps[0] - 1)
        repeat = np.where(gaps <= SHORT_GAP + 1, np.maximum(gaps, 1), 1)
        # A bridged gap repeats the row before it: shift the extra copies one row up.
        copies = np.concatenate((repeat[1:], [1]))
        wide = np.repeat(wide, copies, axis=0)
        return _filled(wide), grid_s, int(steps[-1])


def _filled(wide: Array) -> Array:
    """Holes take the last value before them, at the start the first after."""
    holes = np.isnan(wide)
    if not holes.any():
        return wide
    rows = np.arange(len(wide))[:, None]
    before = np.maximum.accumulate(np.where(holes, -1, rows), axis=0)
    first = np.argmax(~holes, axis=0)
    source = np.where(before < 0, first[None, :], before)
    out: Array = wide[source, np.arange(wide.shape[1])[None, :]]
    return np.nan_to_num(out, nan=0.0)
