"""One wave of reports, at most one a machine, scored as arrays; a person's objects only for what stands out. Plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from telemetry import restraint, verdicts
from telemetry.baselines import own_level
from telemetry.classes import Classes
from telemetry.features import TOP, Array
from telemetry.fleet import Fleet
from telemetry.machine import FREEZE_MS, SIGN_SHARE, Machine
from telemetry.relations import Links, Rows
from telemetry.teaching import signature_of
from telemetry.verdict import Verdict
from telemetry.verdicts import OWN_BESIDE, THRESHOLD

Score = tuple[str, int, float]  # machine, instant, robust sigmas
Found = list[tuple[int, Verdict]]  # what begins or ends, each with its report's place


@dataclass(slots=True)
class Told:
    """One reading of a fitted machine on its way to a score. ``place`` is where it stands among all that is fed."""

    place: int
    machine: Machine
    at_ms: int
    rows: Rows  # of the fleet, one a value
    values: Sequence[float]
    quiet: bool  # learn from it, open nothing


def score(fleet: Fleet, classes: Classes, wave: Sequence[Told], scores: list[Score] | None) -> Found:
    """Conditions that begin or end with these reports; ``scores`` collects if given."""
    machines = [t.machine for t in wave]
    advanced = _heard(fleet, machines, wave)
    width = max(TOP, *(len(m.rows) for m in machines))
    own = fleet.own_surprise(_wide(machines, width))
    counts = np.array([min(TOP, max(len(m.rows), 1)) for m in machines])
    level = own_level(own, THRESHOLD, counts).tolist()
    standing = [classes.of(m) if m.links is not None else None for m in machines]
    beside = [-1] * len(wave)  # where a machine stands in ``apart``
    links: list[Links] = []
    opens: list[bool] = []
    for i, (m, own_class) in enumerate(zip(machines, standing, strict=True)):
        if m.links is not None and own_class is not None and own_class.trusted:
            beside[i] = len(links)
            links.append(m.links)
            opens.append(advanced[i])
    apart = fleet.linked_surprise(links, opens) if links else None
    out: Found = []
    for i, t in enumerate(wave):
        m, k, own_class = t.machine, beside[i], standing[i]
        by_past, restless = THRESHOLD, 1.0
        if k >= 0 and own_class is not None:
            by_past, restless = OWN_BESIDE, own_class.restless
        ratio = level[i] / by_past
        if apart is not None and k >= 0 and m.links is not None:
            ratio = max(ratio, verdicts.linked_ratio(apart.levels[k], m.links, restless))
        alone = m.eyes.ratio  # one of the other eyes judges this machine alone
        ratio = (ratio / m.stricter if alone is None else alone) / m.youth
        m.score = ratio * THRESHOLD
        if scores is not None and m.eyes.score is None:
            scores.append((m.name, t.at_ms, m.score))
        if ratio < SIGN_SHARE and not m.condition.is_open:
            m.condition.calms()  # the answer of nearly every report
            continue
        mine = own[i, : len(m.rows)] if alone is None else np.full(len(m.rows), alone * by_past)
        linked = apart.of(k) if apart is not None and k >= 0 else None
        out += [(t.place, v) for v in _concluded(fleet, t, ratio, mine / by_past, linked, restless)]
    return out


def _heard(fleet: Fleet, machines: Sequence[Machine], wave: Sequence[Told]) -> list[bool]:
    """Put the values into their steps; whether each report opened a new one."""
    grids = np.array([m.grid_s for m in machines], dtype=np.int64)
    before = np.array([m.step for m in machines], dtype=np.int64)
    steps = np.maximum(np.array([t.at_ms for t in wave], dtype=np.int64) // (grids * 1000), before)
    for m, step in zip(machines, steps.tolist(), strict=True):
        m.step = step
    sizes = [len(t.rows) for t in wave]
    values = np.fromiter(chain.from_iterable([t.values for t in wave]), dtype=float, count=sum(sizes))
    rows = np.concatenate([t.rows for t in wave])
    fleet.hear(rows, values, np.repeat(steps.astype(float), sizes), np.repeat(grids.astype(float), sizes))
    advanced: list[bool] = (steps > before).tolist()
    return advanced


def _wide(machines: Sequence[Machine], width: int) -> Rows:
    """Each machine's rows, filled up with row 0, which is nobody's."""
    if all(len(m.rows) == width for m in machines):
        return np.concatenate([m.rows for m in machines]).reshape(len(machines), width)
    wide = np.zeros((len(machines), width), dtype=np.int64)
    for i, m in enumerate(machines):
        wide[i, : len(m.rows)] = m.rows
    return wide


def _concluded(
    fleet: Fleet, t: Told, ratio: float, own: Array, linked: verdicts.Linked | None, restless: float
) -> list[Verdict]:
    """Follow the condition of a machine that is not calm. ``own``: each metric's share of the threshold by its past."""
    m = t.machine
    out: list[Verdict] = []
    may_open, signature, shares = True, {}, (own, own)
    if not m.condition.is_open and ratio * m.youth >= 1.0:
        shares = verdicts.shares(own, linked, m.links, restless)
        signature = signature_of(m.notebook.names, np.maximum(*shares))
        may_open = not restraint.held_back(m, signature, ratio, t.at_ms, t.quiet)
    turn = m.condition.step(ratio, t.at_ms, m.grid_s * 1000, m.cadence_ms, may_open)
    if turn:
        said = verdicts.of_model(m, fleet, turn, ratio, THRESHOLD, t.at_ms, *shares)
        out.append(verdicts.held(m, m.taught.note(said, signature)))
        if said.opened:
            m.habits.note(t.at_ms, ratio, signature, str(said.finding_id))
    if m.condition.is_open:
        if ratio >= 1.0:
            m.habits.go_on(t.at_ms, ratio)
        fleet.frozen[m.rows] = t.at_ms - m.condition.started_ms < FREEZE_MS
    elif turn:
        fleet.forget(m.rows[fleet.frozen[m.rows]])
        fleet.frozen[m.rows] = False
    return out
