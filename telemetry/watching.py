"""Readings in, verdicts out: the pure core that live watching and replay share. Plain: no clock, no database, no
network.

What ``feed`` does with a reading, by its own instant (event time), never by a clock:
  * older than the machine's newest: kept out of the scores (history stores it; a score counts once), and looked at by
    rules alone when it comes as ``Late`` (``belated.py``). Of a second part of the newest instant counts what the first
    did not say;
  * arrived more than ``Settings.backdated_s`` after its instant (history sent in bulk): learned from, opens nothing;
  * otherwise: the machine is fitted as soon as ``Settings.learn_s`` of history is there, then every reading is scored.
    A back-dated history of days is fitted in one go at the first live reading; a younger machine again at twice the
    history, until it has three days.
Rules (``rules.py``) and events need no history and work from the first live reading; ``eyes.py`` judges drives and
machines with one metric, and ``teaching.py`` holds back what engineers dismissed.

Feeding is deterministic: the same readings in the same order bring the same verdicts in the same order, however they
are cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING

from telemetry import belated, changes, snapshots, verdicts
from telemetry.classes import Classes
from telemetry.fleet import Fleet
from telemetry.habits import seen_in
from telemetry.machine import KEPT_ROWS, LEAST_ROWS, Lane, Machine
from telemetry.reading import Event, Fed, Late, Reading
from telemetry.resuming import Unended, take_up
from telemetry.scoring import Score, Told, score
from telemetry.teaching import Judgement
from telemetry.training import fitted
from telemetry.verdict import Verdict
from telemetry.verdicts import THRESHOLD
from telemetry.vocabulary import is_scored
from telemetry.watched import Settings, Watched
from telemetry.waves import waves

if TYPE_CHECKING:  # scikit-learn takes its second when something is first fitted or loaded
    from telemetry.baselines import Baselines

__all__ = ["Settings", "Verdict", "Watched", "Watching"]

MOST_EVENTS = 200  # open event codes a machine


class Watching:
    """See the module's docstring. Not thread-safe: one owner per partition."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.fleet = Fleet()
        self.known: dict[str, Machine] = {}
        self.classes = Classes(self.settings.calm_trusted)
        # A list here collects every score: machine, instant, robust sigmas.
        self.scores: list[Score] | None = None
        self._models: list[tuple[str, Baselines]] = []
        self.changes = changes.Noted()

    def feed(self, heard: Sequence[Fed]) -> list[Verdict]:
        """Learn from or score each message, in order; return the conditions that began or ended."""
        found: list[tuple[int, Verdict]] = []
        for batch in waves(heard, self._may_fit):
            wave, named = list[Told](), len(found)
            for place, h in batch:
                if isinstance(h, Reading):
                    told = self._take(place, h, found)
                    if told is not None:
                        wave.append(told)
                elif isinstance(h, Event):
                    found += [(place, v) for v in self._event(h)]
                elif isinstance(h, Late):
                    found += [(place, v) for v in self._look_back(h.reading)]
            if wave:
                found += score(self.fleet, self.classes, wave, self.scores)
            found[named:] = [(place, changes.named(v, self.known[v.machine].lately)) for place, v in found[named:]]
        found.sort(key=itemgetter(0))  # as if they had come one by one
        return [verdict for _, verdict in found]

    def _may_fit(self, name: str, readings: int) -> bool:
        m = self.known.get(name)
        return readings >= LEAST_ROWS - 1 if m is None else m.may_be_due(readings)

    def judge(self, words: Iterable[Judgement]) -> None:
        """Take engineers' words on findings; of machines not heard of they are forgotten."""
        for j in words:
            if (m := self.known.get(j.machine)) is not None:
                m.taught.judge(j)

    def machines(self) -> dict[str, Watched]:
        """State of every machine seen."""
        return {name: self._watched(m) for name, m in self.known.items()}

    def machine(self, name: str) -> Watched | None:
        """State of one machine; None for one not seen."""
        return self._watched(m) if (m := self.known.get(name)) is not None else None

    def health(self, name: str) -> str:
        """How a machine stands, in a word: unknown, learning, healthy, or deviates while a condition is open."""
        if (m := self.known.get(name)) is None:
            return "unknown"
        return "deviates" if m.open_causes() else "healthy" if m.is_fitted else "learning"

    def expected(self, machine: str) -> dict[str, tuple[float, float]]:
        """Low and high of each scored metric, in its own unit, as they stand now; empty while learning."""
        if (m := self.known.get(machine)) is None:
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
        for m in (one for one in machines if one.is_fitted):
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

    def _take(self, place: int, r: Reading, found: list[tuple[int, Verdict]]) -> Told | None:
        m = self.known.get(r.machine)
        if m is None:
            m = self.known[r.machine] = Machine(r.machine)
        until = self.settings.learn_until_ms  # `is_quiet`, said once more: it is asked of every report
        quiet = r.received_at_ms - r.at_ms > self.settings.backdated_s * 1000 or (until is not None and r.at_ms < until)
        lane = m.lane
        if lane is not None and r.at_ms > m.last_ms >= 0 and lane.fits(r, m.rows):
            return self._along(place, m, r, lane, quiet, found)
        m.lane = None
        r = m.rest_of(r)
        before_ms, late = m.last_ms, r.at_ms < m.last_ms
        if late and (m.is_fitted or not quiet):
            return None
        metrics = r.metrics if late else m.measured(r)
        if not metrics:
            return None
        is_new_shape = m.notebook.is_new(names := tuple(metrics))
        columns = m.notebook.columns(names)
        values = list(metrics.values())
        if (kept := m.notebook.kept) is not None:
            values = list(compress(values, kept))
        if not late:
            m.heard_at(r.at_ms, r.metrics)
            if is_new_shape or m.lately.names:
                self.changes.look(m.name, m.lately, metrics, r.at_ms, is_new_shape)
            self._look(place, m, metrics, r, quiet, found, before_ms)
            if not quiet and m.is_due(self.settings.learn_s):
                self._fit(m)
        if not m.is_mature:
            m.notebook.note(r.at_ms, columns, values)
        if not m.is_fitted:
            return None
        rows, known = m.placed(columns)
        if metrics is r.metrics and not late and kept is None and known is None:
            m.lane = Lane(names, r.format, m.rows, columns, rows, m.rules.is_looking or m.eyes.is_looking)
        return Told(place, m, r.at_ms, rows, values if known is None else list(compress(values, known)), quiet)

    def _along(
        self, place: int, m: Machine, r: Reading, lane: Lane, quiet: bool, found: list[tuple[int, Verdict]]
    ) -> Told | None:
        """`_take` for a fitted machine that says again what it said the last time, later."""
        metrics = r.metrics
        m.heard_at(r.at_ms, metrics)
        if m.lately.names:
            self.changes.look(m.name, m.lately, metrics, r.at_ms, False)
        if lane.looked_at and not m.goes_on(metrics, r.at_ms):
            self._look(place, m, metrics, r, quiet, found)
        elif m.booted_ms == r.at_ms:
            self.changes.booted(m.name, m.lately, r.at_ms)
        if not m.is_mature:
            if not quiet and m.is_due(self.settings.learn_s):
                self._fit(m)
            m.notebook.note(r.at_ms, lane.columns, list(metrics.values()))
            if m.rows is not lane.fitted:
                m.lane = None
                return Told(place, m, r.at_ms, m.placed(lane.columns)[0], list(metrics.values()), quiet)
        return Told(place, m, r.at_ms, lane.rows, metrics.values(), quiet)

    def _look(
        self, place: int, m: Machine, metrics: Mapping[str, float], r: Reading, quiet: bool,
        found: list[tuple[int, Verdict]], before_ms: int = -1,
    ) -> None:  # fmt: skip
        """Rules and the other eyes, which need no history. ``before_ms``: of the report before."""
        turns = m.rules.look(metrics, r.format, r.at_ms, quiet, before_ms)
        if turns:
            found += [(place, verdicts.held(m, verdicts.of_rule(m, turn, r.at_ms))) for turn in turns]
        seen = m.eyes.look(m.name, metrics, len(m.notebook.names), r.at_ms, quiet)
        if seen:
            found += [(place, verdicts.held(m, v)) for v in seen]
        if self.scores is not None and m.eyes.score is not None:
            self.scores.append((m.name, r.at_ms, m.eyes.score))
        mended = bool(turns) and any(not turn.opened for turn in turns)
        booted = m.rules.began_anew(metrics)
        m.settle(r.at_ms, mended=mended, booted=booted)
        if booted:
            self.changes.booted(m.name, m.lately, r.at_ms)

    def _look_back(self, r: Reading) -> list[Verdict]:
        m = self.known.setdefault(r.machine, Machine(r.machine))
        found, booted = belated.look(m, r, self.settings.is_quiet(r))
        if booted:
            self.changes.booted(m.name, m.lately, r.at_ms)
        return found

    def resume(self, one: Unended) -> bool:
        """A condition that had begun before the machine's state was lost goes on. False when it stands already, or
        nothing looks for it any more."""
        m = self.known.setdefault(one.machine, Machine(one.machine))
        if one.needs_baselines and not m.is_fitted and m.notebook.span_s >= self.settings.learn_s:
            self._fit(m)  # of what was normal before it began
        return take_up(m, one)

    def _event(self, e: Event) -> list[Verdict]:
        m = self.known.setdefault(e.machine, Machine(e.machine))
        if changes.is_change(e):
            change = changes.of_event(e)
            m.lately.note(change.at_ms, change.kind, change.what)
            if e.severity or e.code not in m.events:
                return []
        if (until := self.settings.learn_until_ms) is not None and e.at_ms < until:
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
        its = self.classes.of(m)
        trusted = m.links is not None and its.trusted
        own = verdicts.OWN_BESIDE if trusted else verdicts.THRESHOLD
        m.habits.learn(seen_in(model, table, names, last_step, own, trusted, its.bar), last_step * grid_s * 1000)
