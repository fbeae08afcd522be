"""Readings in, verdicts out: the pure core that live watching and replay share. Plain: no clock, no database, no
network.

What ``feed`` does with a reading, by its own instant (event time), never by a clock:
  * older than the machine's newest: kept out of the scores (history stores it; a score counts once). Of a second part
    of the newest instant counts what the first did not say;
  * arrived more than ``Settings.backdated_s`` after its instant (history sent in bulk): learned from, opens nothing;
  * otherwise: the machine is fitted as soon as ``Settings.learn_s`` of history is there, then every reading is scored.
    A back-dated history of days is fitted in one go at the first live reading; a younger machine again at twice the
    history, until it has three days.
Rules (``rules.py``) and events need no history and work from the first live reading; ``eyes.py`` judges drives and
machines with one metric, and ``teaching.py`` holds back what engineers dismissed.

Feeding is deterministic: the same readings in the same order bring the same verdicts, however they are cut into batches
(within one call, verdicts of different machines may change places).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from telemetry import snapshots, verdicts
from telemetry.baselines import Baselines, own_level
from telemetry.classes import Classes
from telemetry.features import TOP, Array
from telemetry.fleet import Fleet
from telemetry.machine import FREEZE_MS, KEPT_ROWS, LEAST_ROWS, Machine
from telemetry.reading import Event, Heard, Reading
from telemetry.relations import Rows
from telemetry.teaching import Judgement, signature_of
from telemetry.training import fitted
from telemetry.verdict import Verdict
from telemetry.verdicts import THRESHOLD
from telemetry.vocabulary import is_scored

__all__ = ["Settings", "Verdict", "Watched", "Watching"]

MOST_EVENTS = 200  # open event codes a machine


@dataclass(frozen=True, slots=True)
class Settings:
    """One set for every kind of machine."""

    learn_s: int = 3600
    backdated_s: int = 900
    learn_until_ms: int | None = None  # replay's --history-until: before this instant nothing opens
    calm_trusted: float = 1.75  # classes whose relations are calmer than this on history are judged by them


@dataclass(frozen=True, slots=True)
class Watched:
    """What the watch knows about one machine."""

    machine: str
    state: str  # "learning" (rules only) or "watched" (baselines fitted)
    cadence_s: float | None
    last_at_ms: int | None
    score: float  # last score in robust sigmas, 0 while learning
    threshold: float
    learned_s: int  # span of history the baselines rest on, or collected so far
    series: int
    open_causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """One reading on its way to a score."""

    machine: Machine
    at_ms: int
    columns: Rows
    values: Array
    quiet: bool  # learn from it, open nothing


class Watching:
    """See the module's docstring. Not thread-safe: one owner per partition."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.fleet = Fleet()
        self.known: dict[str, Machine] = {}
        self.classes = Classes(self.settings.calm_trusted)
        # A list here collects every score: machine, instant, robust sigmas.
        self.scores: list[tuple[str, int, float]] | None = None
        self._models: list[tuple[str, Baselines]] = []

    def feed(self, heard: Sequence[Heard]) -> list[Verdict]:
        """Learn from or score each message, in order; return the conditions that began or ended."""
        out: list[Verdict] = []
        wave: dict[str, _Told] = {}
        for h in heard:
            if isinstance(h, Reading):
                if h.machine in wave:
                    out += self._score(wave.values())
                    wave = {}
                told = self._take(h, out)
                if told is not None:
                    wave[h.machine] = told
            elif isinstance(h, Event):
                out += self._event(h)
        if wave:
            out += self._score(wave.values())
        return out

    def judge(self, words: Iterable[Judgement]) -> None:
        """Take engineers' words on findings; of machines not heard of they are forgotten."""
        for j in words:
            if (m := self.known.get(j.machine)) is not None:
                m.taught.judge(j)

    def machines(self) -> dict[str, Watched]:
        """State of every machine seen."""
        return {name: self._watched(m) for name, m in self.known.items()}

    def expected(self, machine: str) -> dict[str, tuple[float, float]]:
        """Low and high of each scored metric, in its own unit, as they stand now; empty while learning."""
        m = self.known.get(machine)
        if m is None:
            return {}
        low, high = verdicts.band(self.fleet, m.rows)
        return {n: (float(a), float(b)) for n, a, b in zip(m.notebook.names, low, high, strict=False) if is_scored(n)}

    def take_models(self) -> list[tuple[str, Baselines]]:
        """Models fitted since the last call, with their machine; a restored watch starts with none."""
        models, self._models = self._models, []
        return models

    def drop(self, machine: str) -> None:
        """Forget a machine; unknown names are no error."""
        m = self.known.pop(machine, None)
        if m is not None and m.is_fitted:
            self.classes.leave(m)
            self.fleet.drop(m.rows)

    def snapshot(self) -> bytes:
        """Everything later verdicts depend on, as bytes; equal states give equal bytes."""
        return snapshots.pack(self.fleet, self.known.values())

    @classmethod
    def restore(cls, blob: bytes, settings: Settings | None = None) -> Watching:
        """The inverse of ``snapshot``; raises ``ValueError`` for bytes of another version or damaged ones."""
        watching = cls(settings)
        watching.fleet, machines = snapshots.unpack(blob)
        watching.known = {m.name: m for m in machines}
        for m in machines:
            if m.is_fitted:
                watching.classes.join(m)
        return watching

    def _watched(self, m: Machine) -> Watched:
        return Watched(
            machine=m.name,
            state="watched" if m.is_fitted else "learning",
            cadence_s=m.cadence_ms / 1000 if m.cadence_ms else None,
            last_at_ms=m.last_ms if m.last_ms >= 0 else None,
            score=m.score,
            threshold=THRESHOLD,
            learned_s=m.learned_s or m.notebook.span_s,
            series=len(m.notebook.names),
            open_causes=tuple(sorted(m.open_causes())),
        )

    def _take(self, r: Reading, out: list[Verdict]) -> _Told | None:
        m = self.known.get(r.machine)
        if m is None:
            m = self.known[r.machine] = Machine(r.machine)
        until = self.settings.learn_until_ms
        quiet = r.received_at_ms - r.at_ms > self.settings.backdated_s * 1000 or (until is not None and r.at_ms < until)
        r = m.rest_of(r)
        late = r.at_ms < m.last_ms
        if late and (m.is_fitted or not quiet):
            return None
        metrics = r.metrics if late else m.measured(r)
        if not metrics:
            return None
        columns = m.notebook.columns(tuple(metrics))
        values = np.fromiter(metrics.values(), dtype=float, count=len(metrics))
        kept = columns >= 0
        if not kept.all():
            columns, values = columns[kept], values[kept]
        if not late:
            m.heard_at(r.at_ms, r.metrics)
            turns = m.rules.look(metrics, r.format, r.at_ms, quiet)
            out.extend(verdicts.held(m, verdicts.of_rule(m, turn, r.at_ms)) for turn in turns)
            seen = m.eyes.look(m.name, metrics, len(m.notebook.names), r.at_ms, quiet)
            out.extend(verdicts.held(m, v) for v in seen)
            if self.scores is not None and m.eyes.score is not None:
                self.scores.append((m.name, r.at_ms, m.eyes.score))
            m.settle(r.at_ms, mended=any(not turn.opened for turn in turns), booted=m.rules.began_anew(metrics))
            if not quiet and m.is_due(self.settings.learn_s):
                self._fit(m)
        if not m.is_mature:
            m.notebook.note(r.at_ms, columns, values)
        return _Told(m, r.at_ms, columns, values, quiet) if m.is_fitted else None

    def _event(self, e: Event) -> list[Verdict]:
        m = self.known.get(e.machine)
        if m is None:
            m = self.known[e.machine] = Machine(e.machine)
        until = self.settings.learn_until_ms
        if until is not None and e.at_ms < until:
            return []
        before = m.events.get(e.code)
        if e.severity == 0:
            m.events.pop(e.code, None)
            m.settle(e.at_ms, mended=True)
            return [] if before is None else [verdicts.held(m, verdicts.of_event(m, e, before, opened=False))]
        if before is not None or len(m.events) >= MOST_EVENTS:
            return []
        m.events[e.code] = (e.at_ms, e.severity, e.text)
        return [verdicts.of_event(m, e, m.events[e.code], opened=True)]

    def _fit(self, m: Machine) -> None:
        m.notebook.close()
        table, grid_s, last_step = m.notebook.table()
        if len(table) < LEAST_ROWS:
            return
        names = m.notebook.names
        model = fitted(table, names, float(grid_s))
        if m.is_fitted:
            self.fleet.drop(m.rows)
        m.rows = self.fleet.add(len(names))
        m.links = self.fleet.settle(m.rows, model, table, last_step)
        m.grid_s, m.step, m.learned_s = grid_s, last_step, len(table) * grid_s
        m.calm, m.lineage = float(model.calm_), model.lineage()
        m.notebook.trim(0 if m.is_mature else KEPT_ROWS)
        self._models.append((m.name, model))
        self.classes.join(m)

    def _score(self, wave: Iterable[_Told]) -> list[Verdict]:
        told = list(wave)
        fleet = self.fleet
        rows, values, steps, grids, advanced = [], [], [], [], []
        for t in told:
            m = t.machine
            known = t.columns < len(m.rows)
            step = max(t.at_ms // (m.grid_s * 1000), m.step)
            advanced.append(step > m.step)
            m.step = step
            rows.append(m.rows[t.columns[known]])
            values.append(t.values[known])
            steps.append(np.full(len(rows[-1]), float(step)))
            grids.append(np.full(len(rows[-1]), float(m.grid_s)))
        fleet.hear(np.concatenate(rows), np.concatenate(values), np.concatenate(steps), np.concatenate(grids))
        wide = np.zeros((len(told), max(TOP, *(len(t.machine.rows) for t in told))), dtype=np.int64)
        for i, t in enumerate(told):
            wide[i, : len(t.machine.rows)] = t.machine.rows
        own = fleet.own_surprise(wide)
        counts = np.array([min(TOP, max(len(t.machine.rows), 1)) for t in told])
        level = own_level(own, THRESHOLD, counts)
        related = [
            (i, t.machine.links)
            for i, t in enumerate(told)
            if t.machine.links is not None and self.classes.of(t.machine).trusted
        ]
        linked: dict[int, tuple[float, verdicts.Linked]] = {}
        if related:
            apart = fleet.linked_surprise([k for _, k in related], [advanced[i] for i, _ in related])
            linked = {i: (apart.levels[k], apart.of(k)) for k, (i, _) in enumerate(related)}
        out: list[Verdict] = []
        for i, t in enumerate(told):
            out += self._conclude(t, own[i, : len(t.machine.rows)], float(level[i]), *linked.get(i, (0.0, None)))
        return out

    def _conclude(
        self, t: _Told, own: Array, level: float, apart: float, linked: verdicts.Linked | None
    ) -> list[Verdict]:
        m = t.machine
        by_past = THRESHOLD if linked is None else verdicts.OWN_BESIDE
        ratio, restless = level / by_past, 1.0
        if linked is not None and m.links is not None:
            restless = self.classes.of(m).restless
            ratio = max(ratio, verdicts.linked_ratio(apart, m.links, restless))
        if m.eyes.ratio is not None:  # one of the other eyes judges this machine alone
            ratio, own = m.eyes.ratio, np.full(len(own), m.eyes.ratio * by_past)
        ratio /= m.youth
        m.score = ratio * THRESHOLD
        if self.scores is not None and m.eyes.score is None:
            self.scores.append((m.name, t.at_ms, m.score))
        out: list[Verdict] = []
        may_open, signature, shares = not t.quiet and t.at_ms >= m.settles_ms, {}, (own, own)
        if ratio >= 1.0 and may_open and not m.condition.is_open:
            shares = verdicts.shares(own / by_past, linked, m.links, restless)
            signature = signature_of(m.notebook.names, np.maximum(*shares))
            may_open = ratio >= m.taught.holds(signature, t.at_ms).bar
        turn = m.condition.step(ratio, t.at_ms, m.grid_s * 1000, m.cadence_ms, may_open)
        if turn:
            said = verdicts.of_model(m, self.fleet, turn, ratio, THRESHOLD, t.at_ms, *shares)
            out.append(verdicts.held(m, m.taught.note(said, signature)))
        if m.condition.is_open:
            self.fleet.frozen[m.rows] = t.at_ms - m.condition.started_ms < FREEZE_MS
        elif turn:
            self.fleet.forget(m.rows[self.fleet.frozen[m.rows]])
            self.fleet.frozen[m.rows] = False
        return out
