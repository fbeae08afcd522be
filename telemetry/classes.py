"""Like machines (the same metrics) are judged alike: which score rules them, how restless they usually are. Plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from telemetry.machine import Machine
from telemetry.verdicts import LINKED_THRESHOLD

NOTHING_BUT_NOISE: Final = 1.5  # times the level: where no peak of history is higher, it holds no problem
ABOVE_NOISE: Final = 1.25  # times the highest noise of history: news begins there
Key = tuple[str, ...]
NONE: Final[Key] = ()


@dataclass(frozen=True, slots=True)
class Class:
    """``trusted``: relations are calm on most of them, so they rule. ``restless``: the median of their own levels, by
    their ``bar``.

    ``bar``: factor on their common threshold. A history with problems of its own says nothing about how high noise can
    rise, and the threshold stays. Where most of them show nothing but noise, its highest is known, and what it reaches
    is no news.
    """

    trusted: bool
    restless: float
    bar: float = 1.0


class Classes:
    """Members join when they are fitted and leave when they are dropped; a class is judged when it is next asked."""

    def __init__(self, calm_trusted: float) -> None:
        self.calm_trusted = calm_trusted
        self._members: dict[Key, dict[str, tuple[float, float, float, float]]] = {}
        self._judged: dict[Key, Class] = {}
        self._keys: dict[Key, Key] = {}  # the members of a class hold one and the same tuple

    def join(self, m: Machine) -> None:
        """A machine was fitted (again)."""
        self.leave(m)
        key = tuple(sorted(m.notebook.names[: len(m.rows)]))
        m.trusted_class = key = self._keys.setdefault(key, key)
        of = (m.links.level, m.links.top, m.links.noise) if m.links is not None else (0.0, 0.0, 0.0)
        self._members.setdefault(key, {})[m.name] = (m.calm, *of)
        self._judged.pop(key, None)

    def leave(self, m: Machine) -> None:
        """A machine is gone, or changes its class."""
        key = m.trusted_class
        members = self._members.get(key, {})
        if members.pop(m.name, None) is not None:
            self._judged.pop(key, None)
            if not members:
                del self._members[key], self._keys[key]

    def of(self, m: Machine) -> Class:
        """The class of a fitted machine."""
        found = self._judged.get(m.trusted_class)
        return found if found is not None else self._judge(m.trusted_class)

    def of_each(self, machines: Sequence[Machine]) -> list[Class]:
        """`of` for fitted machines, most of them of one class: that is looked up once."""
        found: dict[int, Class] = {}
        out = []
        for m in machines:
            own = found.get(id(m.trusted_class))
            if own is None:
                own = found[id(m.trusted_class)] = self.of(m)
            out.append(own)
        return out

    def _judge(self, key: Key) -> Class:
        members = self._members[key].values()
        calm = float(np.median([calm for calm, *_ in members]))
        levels = [level for _, level, _, _ in members if level > 0]
        restless = float(np.median(levels)) if levels else 1.0
        top = float(np.median([top or np.inf for _, _, top, _ in members]))
        if top >= NOTHING_BUT_NOISE:
            # Problems; or most of them have a job that recurs weekly, and but for that are calm.
            top = float(np.median([left or np.inf for *_, left in members]))
        noise = restless * top * ABOVE_NOISE / LINKED_THRESHOLD if top < NOTHING_BUT_NOISE else 1.0
        bar = max(noise, 1.0)
        judged = Class(calm < self.calm_trusted, restless / bar, bar)
        self._judged[key] = judged
        return judged
