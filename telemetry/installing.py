"""Putting a model of a release on a machine that is watched, and taking it off again. Plain.

The model brings what it learned; where the machine stands (its averages, its last half hours) comes from the reports of
the last day. What engineers said, habits, and an open condition stay with the machine.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from telemetry import shelf
from telemetry.columns import Columns
from telemetry.gridded import notebook_of
from telemetry.machine import LEAST_ROWS, Condition, Machine
from telemetry.relations import Rows
from telemetry.releases import Incompatible
from telemetry.verdicts import THRESHOLD
from telemetry.watching import Watching

if TYPE_CHECKING:  # scikit-learn takes its second when something is first fitted or loaded
    from telemetry.baselines import Baselines

NO_ROWS: Final[Rows] = np.zeros(0, dtype=np.int64)


class NotYet(Exception):
    """The machine said too little lately to stand anywhere."""


@dataclass(frozen=True, slots=True)
class Brought:
    """One machine's model, loaded. ``release`` is M-3, or empty for what the machine learned by itself."""

    release: str
    digest: str
    model: Baselines
    lineage: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """The metrics it was fitted on, in their order."""
        return list(self.model.feature_names_in_)

    @property
    def counters(self) -> frozenset[str] | None:
        """Those it learned as growth a second; None: those the machine itself said count up, it was learned live."""
        told = getattr(self.model, "counters_", None)
        return None if told is None else frozenset(told)

    @property
    def stricter(self) -> float:
        """Its threshold in times of the usual one."""
        return float(self.model.own_threshold) / THRESHOLD


def brought(release: str, body: bytes, digest: str, lineage: Mapping[str, Any]) -> Brought:
    """Load and verify. Raises `shelf.BadArtefact`, `Incompatible`."""
    model = shelf.loaded(body, digest)
    if len(getattr(model, "feature_names_in_", ())) != model.n_features_in_:
        raise Incompatible("the model does not say which metrics it was fitted on: an older version made it")
    return Brought(release, digest, model, lineage)


def install(watching: Watching, name: str, one: Brought, recent: Columns) -> None:
    """From the next report on the machine is judged by this model. Raises `Incompatible`, `NotYet`; then nothing has
    changed."""
    m = watching.known.get(name) or Machine(name)
    counters = frozenset(m.rates) if one.counters is None else one.counters
    wrong = sorted(set(one.names) & (set(m.rates) ^ counters) & set(recent.values)) if m.rates else []
    if wrong:
        raise Incompatible(f"{wrong[0]} counts up on the machine and did not in training, or the other way round")
    book = notebook_of(recent, counters, one.names)
    if len(book.steps) < LEAST_ROWS:
        raise NotYet
    table, grid_s, last_step = book.table()
    if grid_s != one.model.grid_s:
        raise Incompatible(f"the machine reports every {grid_s} s, the model was fitted on {one.model.grid_s:.0f} s")
    table = table[:, : len(one.names)]
    untold = [i for i, metric in enumerate(one.names) if metric not in recent.values]
    table[:, untold] = one.model.center_[untold]
    _take_off(watching, m)
    m.rows = watching.fleet.add(len(one.names))
    m.links = watching.fleet.settle(m.rows, one.model, table, last_step)
    m.grid_s, m.step, m.learned_s = grid_s, last_step, round(one.model.rows_ * grid_s)
    m.calm, m.notebook = float(one.model.calm_), book
    m.release, m.stricter = one.release, one.stricter
    m.lineage = {**one.model.lineage(), "digest": one.digest, **({"release": one.release} if one.release else {})}
    book.trim(0)
    watching.known[name] = m
    watching.classes.join(m)


def relearn(watching: Watching, name: str, recent: Columns) -> None:
    """Take the release off; the machine learns by itself again, of these reports, with its next one."""
    m = watching.known[name]
    _take_off(watching, m)
    m.notebook = notebook_of(recent, frozenset(m.rates))
    m.rows, m.links, m.lineage = NO_ROWS, None, {}
    m.learned_s = m.looked_at = 0
    m.release, m.stricter = "", 1.0


def beside(champion: Watching, name: str) -> Machine:
    """A machine as it stands, for a challenger: the same habits and words, none of its open conditions."""
    m = copy.deepcopy(champion.known[name])
    m.rows, m.links, m.condition, m.held = NO_ROWS, None, Condition(), None
    m.release, m.stricter = "", 1.0
    return m


def _take_off(watching: Watching, m: Machine) -> None:
    if m.is_fitted:
        watching.classes.leave(m)
        watching.fleet.drop(m.rows)
