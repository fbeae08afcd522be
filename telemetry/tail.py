"""How rare one metric's newest value is, where a machine has only that one: no relations, no families. Plain.

Two surprises, each told in units of its own recent tail (0 the median of the last ``KEPT`` values, 1 what one in a
hundred exceeds):
  *place*: the value's distance from the median;
  *shape*: the distance of the last ``SHAPE`` values from the nearest stretch like them in what is kept, so that a
  daily rhythm, a square wave or a burst that has been there before is no news, and a known level at an unknown hour is.
Their mean is the rarity. ``novelty`` is what a list of scores shows: the rarity where it stands out from the
rarities just before (a peak fades to half in ``FADE`` values), between 0 and 1, else 0.

Nothing here knows the time: a value counts once, in the order of arrival.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from telemetry.features import Array

KEPT: Final = 1500
SHAPE: Final = 20
FADE: Final = 30
FIRST: Final = 50  # values before anything is called rare
OFTEN: Final = 20  # values between two looks at the tails: sorting is dear, tails move slowly
FLOOR: Final = 0.05  # of the range kept: no tail is thinner
MOST: Final = 1000.0  # of rarity: beyond, nothing more is said


class Tail:
    """One metric's recent past and its tails."""

    def __init__(self) -> None:
        self.values: Array = np.zeros(0)
        self.places: Array = np.zeros(0)
        self.shapes: Array = np.zeros(0)
        self.heard = 0
        self.middle = 0.0
        self.floor = 0.0
        self.tails = (0.0, 1.0, 0.0, 1.0)  # of place and of shape: the median, and from there to one in a hundred
        self.peak = 0.0

    def hear(self, value: float) -> tuple[float, float]:
        """Take the next value; (rarity, novelty). Rarity 0 is usual, 1 one in a hundred, 3 is far out."""
        if (self.heard >= FIRST and self.heard % OFTEN == 0) or self.heard == FIRST:
            self._look_back()
        self.heard += 1
        self.values = _with(self.values, value)
        place, shape = abs(value - self.middle), self._shape()
        self.places, self.shapes = _with(self.places, place), _with(self.shapes, shape)
        self.peak *= 0.5 ** (1 / FADE)
        if self.heard <= FIRST:
            return 0.0, 0.0
        a, wide, b, long = self.tails
        rarity = 0.5 * ((place - a) / max(wide, self.floor) + (shape - b) / max(long, self.floor))
        rarity = min(rarity, MOST)
        if rarity <= self.peak:
            return rarity, 0.0
        self.peak = rarity
        return rarity, rarity / (1.0 + rarity)

    def _shape(self) -> float:
        """Root mean square distance of the last stretch from the nearest one that does not overlap it."""
        n = len(self.values)
        if n < 3 * SHAPE:
            return 0.0
        stretches = np.lib.stride_tricks.sliding_window_view(self.values, SHAPE)
        apart = stretches[: n - 2 * SHAPE + 1] - stretches[-1]
        return float(np.sqrt(np.einsum("ij,ij->i", apart, apart).min() / SHAPE))

    def _look_back(self) -> None:
        low, self.middle, high = (float(q) for q in np.quantile(self.values, (0.0, 0.5, 1.0)))
        if self.heard == FIRST:  # until now there was no middle to be away from
            self.places = np.abs(self.values - self.middle)
        self.floor = FLOOR * (high - low) + 1e-4 * abs(self.middle) + 1e-12
        a, far = (float(q) for q in np.quantile(self.places, (0.5, 0.99)))
        b, odd = (float(q) for q in np.quantile(self.shapes, (0.5, 0.99)))
        self.tails = (a, far - a, b, odd - b)

    def state(self) -> dict[str, Any]:
        """What later answers depend on, as JSON."""
        kept = {name: base64.b64encode(getattr(self, name).astype("<f8").tobytes()).decode() for name in _RINGS}
        return kept | {"plain": [self.heard, self.middle, self.floor, self.peak], "tails": list(self.tails)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Tail:
        """The inverse of ``state``."""
        tail = cls()
        for name in _RINGS:
            setattr(tail, name, np.frombuffer(base64.b64decode(state[name]), "<f8").astype(float))
        tail.heard, tail.middle, tail.floor, tail.peak = state["plain"]
        a, wide, b, long = state["tails"]
        tail.tails = (a, wide, b, long)
        return tail


_RINGS: Final = ("values", "places", "shapes")


def _with(ring: Array, value: float) -> Array:
    return np.append(ring[-(KEPT - 1) :], value)
