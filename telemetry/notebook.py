"""The history a machine is learned from: bounded, one row a minute, names joining as they come. Plain."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.features import Array

BASE_S: Final = 60  # finest step kept; a 5-second agent's minute is one row, its mean
MOST_SERIES: Final = 2048  # a machine; what comes beyond is stored in history and not scored
MOST_ROWS: Final = 50_000  # while nothing is learned yet: a month of minutes
SHORT_GAP: Final = 3  # missing steps that are bridged; longer silence is cut out, not invented
Narrow = NDArray[np.float32]


class Notebook:
    """Rows of one machine in arrival order; the open row collects until its minute is over."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.steps: list[int] = []
        self.rows: list[Narrow] = []
        self._step = -1
        self._sum: Array = np.zeros(0)
        self._count: Array = np.zeros(0)
        self._keys: tuple[str, ...] = ()
        self._columns: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def columns(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Column of each name, -1 for those beyond the bound; the same report shape twice costs one comparison."""
        if names != self._keys:
            for name in names:
                if name not in self.index and len(self.names) < MOST_SERIES:
                    self.index[name] = len(self.names)
                    self.names.append(name)
            self._keys = names
            self._columns = np.array([self.index.get(n, -1) for n in names], dtype=np.int64)
            grown = len(self.names) - len(self._sum)
            self._sum = np.concatenate((self._sum, np.zeros(grown)))
            self._count = np.concatenate((self._count, np.zeros(grown)))
        return self._columns

    def note(self, at_ms: int, columns: NDArray[np.int64], values: Array) -> None:
        """Keep values (columns from ``columns``, none negative)."""
        step = at_ms // (BASE_S * 1000)
        if step != self._step:
            self.close()
            self._step = step
        self._sum[columns] += values
        self._count[columns] += 1.0

    def close(self) -> None:
        """End the open row."""
        if self._step >= 0 and self._count.any():
            row = (self._sum / np.maximum(self._count, 1.0)).astype(np.float32)
            row[self._count == 0] = np.nan
            self.rows.append(row)
            self.steps.append(self._step)
            self._sum[:] = 0.0
            self._count[:] = 0.0
            if len(self.rows) > MOST_ROWS:
                self.trim(MOST_ROWS * 3 // 4)
        self._step = -1

    def open_row(self) -> tuple[int, Array, Array]:
        """The minute under way, for a snapshot: its step, sums and counts."""
        return self._step, self._sum, self._count

    def reopen(self, step: int, total: Array, count: Array) -> None:
        """The inverse of ``open_row``."""
        self._step, self._sum, self._count = step, total, count

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
