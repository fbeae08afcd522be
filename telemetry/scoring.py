"""One wave of reports, at most one a machine, scored as arrays; a person's objects only for what stands out. Plain."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import is_

import numpy as np
from numpy.typing import NDArray

from telemetry import relations, restraint, verdicts
from telemetry.changes import Stand
from telemetry.classes import Class, Classes
from telemetry.features import TOP, Array
from telemetry.fleet import Fleet
from telemetry.habits import NEAR
from telemetry.levels import own_level
from telemetry.machine import FREEZE_MS, SIGN_SHARE, Machine
from telemetry.relations import Apart, Links, Rows, spread
from telemetry.teaching import Signature, signature_of
from telemetry.verdict import Verdict
from telemetry.verdicts import LINKED_THRESHOLD, OWN_BESIDE, THRESHOLD

Score = tuple[str, int, float]  # machine, instant, robust sigmas
Found = list[tuple[int, Verdict]]  # what begins or ends, each with its report's place


@dataclass(slots=True)
class Told:
    """One reading of a fitted machine on its way to a score. ``place`` is where it stands among all that is fed."""

    place: int
    machine: Machine
    at_ms: int
    rows: Rows  # of the fleet, one a value
    values: Collection[float]
    quiet: bool  # learn from it, open nothing


def score(fleet: Fleet, classes: Classes, wave: Sequence[Told], scores: list[Score] | None) -> Found:
    """Conditions that begin or end with these reports; ``scores`` collects if given."""
    machines = [t.machine for t in wave]
    rows_of = [m.rows for m in machines]
    rows, sizes = np.concatenate(rows_of), np.fromiter(map(len, rows_of), dtype=np.int64, count=len(wave))
    told = [t.rows for t in wave]
    all_told = all(map(is_, told, rows_of))
    advanced = _heard(fleet, machines, wave, rows if all_told else np.concatenate(told), sizes if all_told else None)
    own = fleet.own_surprise(_wide(rows, sizes))
    level = own_level(own, THRESHOLD, np.minimum(np.maximum(sizes, 1), TOP))
    standing, among = _standing(classes, machines)
    by_others = among >= 0
    links = [m.links for m, linked in zip(machines, by_others.tolist(), strict=True) if linked and m.links is not None]
    apart = fleet.linked_surprise(links, advanced[by_others]) if links else None
    eyes = [m.eyes for m in machines]
    lone = [i for i, e in enumerate(eyes) if e.ratio is not None or e.score is not None]
    young = np.array([m.youth for m in machines])
    ratios = _ratios(machines, level, standing, by_others, links, apart)
    for i in lone:
        if (alone := eyes[i].ratio) is not None:
            ratios[i] = alone  # one of the other eyes judges this machine alone
    ratios /= young
    told_as = (ratios * THRESHOLD).tolist()
    for m, sigmas in zip(machines, told_as, strict=True):
        m.score = sigmas
    if scores is not None:
        every = zip([m.name for m in machines], [t.at_ms for t in wave], told_as, strict=True)
        scores += every if not lone else [one for one, e in zip(every, eyes, strict=True) if e.score is None]
    out: Found = []
    for i, (condition, ratio) in enumerate(zip([m.condition for m in machines], ratios.tolist(), strict=True)):
        if ratio < SIGN_SHARE and condition.started_ms < 0:
            condition.sign_ms = condition.over_ms = -1  # the answer of nearly every report
            continue
        t, m, own_class, alone, k = wave[i], machines[i], standing[i], eyes[i].ratio, int(among[i])
        is_calm = ratio < 1.0 and ratio * m.youth < 1.0 and condition.started_ms < 0
        if is_calm:
            condition.shows(t.at_ms)
            if ratio < NEAR or t.quiet or not m.habits.comes_near(t.at_ms, ratio):
                continue
        by_past, restless = (THRESHOLD, 1.0) if k < 0 or own_class is None else (OWN_BESIDE, own_class.restless)
        mine = own[i, : len(m.rows)] if alone is None else np.full(len(m.rows), alone * by_past)
        linked = apart.of(k) if apart is not None and k >= 0 else None
        if is_calm:
            each = np.maximum(*verdicts.shares(mine / by_past, linked, m.links, restless))
            m.habits.near(t.at_ms, ratio, signature_of(m.notebook.names, each))
            continue
        out += [(t.place, v) for v in _concluded(fleet, t, ratio, mine / by_past, linked, restless)]
    return out


def _standing(classes: Classes, machines: Sequence[Machine]) -> tuple[list[Class | None], Rows]:
    """Each machine's class, if it has relations, and where it stands among those that are judged by them (-1: not)."""
    linked = [m for m in machines if m.links is not None]
    known = classes.of_each(linked)
    standing: list[Class | None] = list(known)
    if len(linked) < len(machines):
        each = iter(known)
        standing = [next(each) if m.links is not None else None for m in machines]
    trusted = np.array([own_class is not None and own_class.trusted for own_class in standing], dtype=bool)
    return standing, np.where(trusted, np.cumsum(trusted) - 1, -1)


def _ratios(
    machines: Sequence[Machine], level: Array, standing: Sequence[Class | None], by_others: NDArray[np.bool_],
    links: Sequence[Links], apart: Apart | None,
) -> Array:  # fmt: skip
    """Each machine's score in times of its threshold, were it not young."""
    if apart is None:
        ratios = level / THRESHOLD
    else:
        ratios = level / np.where(by_others, OWN_BESIDE, THRESHOLD)
        restless = np.array(
            [own_class.restless for own_class in standing if own_class is not None and own_class.trusted]
        )
        linked = np.array(apart.levels) * restless / (np.array([k.level for k in links]) * LINKED_THRESHOLD)
        past = ratios[by_others]
        ratios[by_others] = np.where(linked > past, linked, past)
    ratios /= np.array([m.stricter for m in machines])
    return ratios


def _heard(
    fleet: Fleet, machines: Sequence[Machine], wave: Sequence[Told], rows: Rows, sizes: Rows | None
) -> NDArray[np.bool_]:
    """Put the values into their steps; whether each report opened a new one. ``sizes``: values a report, if known."""
    grids = np.array([m.grid_s for m in machines], dtype=np.int64)
    before = np.array([m.step for m in machines], dtype=np.int64)
    steps = np.maximum(np.array([t.at_ms for t in wave], dtype=np.int64) // (grids * 1000), before)
    for m, step in zip(machines, steps.tolist(), strict=True):
        m.step = step
    if sizes is None:
        sizes = np.array([len(t.rows) for t in wave], dtype=np.int64)
    values = np.fromiter(chain.from_iterable([t.values for t in wave]), dtype=float, count=len(rows))
    fleet.hear(rows, values, spread(steps.astype(float), sizes), spread(grids.astype(float), sizes))
    advanced: NDArray[np.bool_] = steps > before
    return advanced


def _wide(rows: Rows, sizes: Rows) -> Rows:
    """Each machine's rows, filled up with row 0, which is nobody's."""
    width = max(TOP, int(sizes.max()))
    if (sizes == width).all():
        return rows.reshape(len(sizes), width)
    wide = np.zeros((len(sizes), width), dtype=np.int64)
    wide[np.arange(width) < sizes[:, None]] = rows
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
        each = np.maximum(*shares)
        signature = signature_of(m.notebook.names, each)
        stands = _stands(fleet, m, signature, each) if m.lately.told else {}
        may_open = not restraint.held_back(m, signature, ratio, t.at_ms, t.quiet, stands, linked is not None)
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
        still = fleet.frozen[m.rows]
        fleet.forget(m.rows[still])
        if m.links is not None:
            relations.accept(fleet.columns, m.rows[~still])  # what stood still came near nothing
        fleet.frozen[m.rows] = False
    return out


def _stands(fleet: Fleet, m: Machine, signature: Signature, shares: Array) -> dict[str, Stand]:
    """Where each metric of a signature stands (see ``changes.Stand``), and each that is loud enough by itself: harm
    must not hide behind eight louder metrics."""
    names = m.notebook.names
    told = dict.fromkeys((*signature, *(names[i] for i in np.flatnonzero(shares >= 1.0))))
    rows = m.rows[[m.notebook.index[name] for name in told]]
    c = fleet.columns
    far = np.abs(c["fast_now"][rows] - c["own_center"][rows]) / np.maximum(c["own_0"][rows], 1e-300)
    found = zip(far.tolist(), *(c[name][rows].tolist() for name in ("now", "low", "high")), strict=True)
    return dict(zip(told, found, strict=True))
