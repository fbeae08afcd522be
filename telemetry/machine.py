"""What the watch holds of one machine, and when its condition opens and ends. Plain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.changes import Lately
from telemetry.eyes import Eyes
from telemetry.habits import Habits
from telemetry.notebook import Notebook
from telemetry.reading import Reading
from telemetry.relations import Links, Rows
from telemetry.restraint import Run
from telemetry.rulebook import RuleBook
from telemetry.rules import brought_by, explains, kind_of
from telemetry.teaching import Taught

Mask = NDArray[np.bool_]
DAY_S: Final = 86_400
MATURE_S: Final = 5 * DAY_S // 2  # history after which waiting for twice as much brings little
KEPT_ROWS: Final = 4320  # rows kept for the next fit: three days of minutes
LEAST_ROWS: Final = 30
LOOK_ROWS: Final = 8  # rows between two looks at whether there is enough to learn from
CONFIRM_MS: Final = 15_000  # a machine that speaks every few seconds must repeat itself before it is believed
LEAST_SPAN_S: Final = 0.1  # growth over less says nothing of a rate: the first export of a program that has just begun
CALM_SHARE: Final = 0.85  # the condition ends below this share of the threshold …
CALM_STEPS: Final = 2  # … for this many grid steps
SIGN_SHARE: Final = 0.5  # from here on something is visible: "since"
MENDED_MS: Final = 10 * 60 * 1000  # fans slow down, averages of minutes forget
BOOTED_MS: Final = 45 * 60 * 1000  # caches fill, and memory follows the work of half an hour
FREEZE_MS: Final = 2 * 3600 * 1000  # the recent past stands still while a condition is open, but not for ever


@dataclass(slots=True)
class Condition:
    """The model's condition on one machine: at most one is open."""

    sign_ms: int = -1
    over_ms: int = -1
    calm_ms: int = -1
    started_ms: int = -1
    since_ms: int = -1
    cause: str = ""
    peak: float = 0.0
    metrics: tuple[str, ...] = ()
    title: str = ""

    @property
    def is_open(self) -> bool:
        """A condition has begun and not ended."""
        return self.started_ms >= 0

    def step(self, ratio: float, at_ms: int, grid_ms: int, cadence_ms: float, may_open: bool) -> str:
        """Follow the score (1.0 is the threshold); returns "opened", "ended" or ""."""
        self.sign_ms = -1 if ratio < SIGN_SHARE else at_ms if self.sign_ms < 0 else self.sign_ms
        if not self.is_open:
            if ratio < 1.0 or not may_open:
                self.over_ms = -1
                return ""
            if self.over_ms < 0:
                self.over_ms = at_ms
            if cadence_ms < 0.75 * grid_ms and at_ms - self.over_ms < CONFIRM_MS:
                return ""
            self.started_ms, self.calm_ms, self.peak = at_ms, -1, ratio
            self.since_ms = self.sign_ms
            return "opened"
        self.peak = max(self.peak, ratio)
        if ratio >= CALM_SHARE:
            self.calm_ms = -1
            return ""
        if self.calm_ms < 0:
            self.calm_ms = at_ms
        return "ended" if at_ms - self.calm_ms >= CALM_STEPS * grid_ms else ""

    def shows(self, at_ms: int) -> None:
        """`step` for a score that shows something and is no reason to open, while nothing is open."""
        self.sign_ms = at_ms if self.sign_ms < 0 else self.sign_ms
        self.over_ms = -1

    def reset(self) -> None:
        """Closed: nothing of it stays."""
        self.over_ms = self.calm_ms = self.started_ms = self.since_ms = -1
        self.cause, self.title, self.peak, self.metrics = "", "", 0.0, ()


@dataclass(frozen=True, slots=True)
class Lane:
    """Where the values of a report go that is shaped like the one before: nothing is looked up anew."""

    names: tuple[str, ...]
    format: str
    fitted: Rows  # the machine's rows when this was found
    columns: Rows  # of the notebook
    rows: Rows  # of the fleet
    looked_at: bool  # by a rule, or by another eye

    def fits(self, r: Reading, fitted: Rows) -> bool:
        """Whether a report has this shape and the machine stands in the same rows."""
        return (
            self.fitted is fitted
            and self.names == tuple(r.metrics)
            and self.format == r.format
            and not r.counters
            and not r.deltas
        )


@dataclass(slots=True)
class Machine:
    """One machine. ``rows`` are its series in the fleet, in the order of the notebook's first ``len(rows)`` names."""

    name: str
    notebook: Notebook = field(default_factory=Notebook)
    rules: RuleBook = field(default_factory=RuleBook)
    eyes: Eyes = field(default_factory=Eyes)
    taught: Taught = field(default_factory=Taught)
    habits: Habits = field(default_factory=Habits)
    lately: Lately = field(default_factory=Lately)
    held: Run | None = None  # what last kept a condition from opening
    condition: Condition = field(default_factory=Condition)
    events: dict[str, tuple[int, int, str]] = field(default_factory=dict)  # code → started, severity, text
    rates: dict[str, tuple[int, float]] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)  # a rule's own cause → the open condition's it went with
    settles_ms: int = -1  # until then what looks odd is the return itself
    booted_ms: int = -1  # when it was seen to have booted, the last time
    rows: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    links: Links | None = None
    grid_s: int = 60
    step: int = -1
    calm: float = float("inf")
    learned_s: int = 0
    lineage: dict[str, Any] = field(default_factory=dict)
    release: str = ""  # M-3: what it is judged by was promoted, not learned by itself (`installing.py`)
    stricter: float = 1.0  # its threshold in times of the usual one
    last_ms: int = -1
    last: Mapping[str, float] | None = None  # what was said at ``last_ms``; None: not known any more
    cadence_ms: float = 0.0
    score: float = 0.0
    trusted_class: tuple[str, ...] = ()
    looked_at: int = 0  # rows there were when a fit was last considered
    lane: Lane | None = None  # of its last report
    _placed: tuple[Rows, Rows, Rows, Mask | None] | None = None  # of `placed`: asked last, and its answer

    @property
    def is_fitted(self) -> bool:
        """Baselines are there."""
        return len(self.rows) > 0

    @property
    def is_mature(self) -> bool:
        """No refit is waited for: the notebook is not kept any more."""
        return self.learned_s >= MATURE_S or bool(self.release)

    @property
    def youth(self) -> float:
        """Factor on the threshold: an hour of history knows half of what a day knows."""
        return _youth(self.learned_s) if len(self.rows) else 1.0

    def placed(self, columns: Rows) -> tuple[Rows, Mask | None]:
        """The fleet's rows of a report's columns, and which of them have one (None: all). The same twice is free."""
        kept = self._placed
        if kept is None or kept[0] is not columns or kept[1] is not self.rows:
            known = columns < len(self.rows)
            rows = self.rows[columns[known]]
            # Told in the order they are kept, they are the very rows, which whoever scores them can see at a glance.
            rows = self.rows if np.array_equal(rows, self.rows) else rows
            kept = (columns, self.rows, rows, None if known.all() else known)
            self._placed = kept
        return kept[2], kept[3]

    def may_be_due(self, more: int) -> bool:
        """Whether `is_due` could say yes within so many readings; it never says less than that."""
        return not self.is_mature and len(self.notebook.steps) + more + 1 >= max(LEAST_ROWS, self.looked_at + LOOK_ROWS)

    def is_due(self, learn_s: int) -> bool:
        """Whether there is enough (or twice as much as last time) to learn from."""
        rows = len(self.notebook.steps)
        if rows < max(LEAST_ROWS, self.looked_at + LOOK_ROWS) or self.is_mature:
            return False
        if self.condition.is_open and self.is_fitted:
            return False  # a condition taken up again without baselines ends by those that are fitted now
        self.looked_at = rows
        span = self.notebook.span_s
        return span >= (2 * self.learned_s if self.is_fitted else learn_s)

    def open_causes(self) -> set[str]:
        """Causes of all conditions open now: rules, events, the model."""
        causes = self._hard_causes() | self.eyes.open_causes()
        return causes | {self.condition.cause} if self.condition.is_open and self.condition.cause else causes

    def under(self, cause: str) -> str:
        """The open cause the model's finding follows from, else its own."""
        open_now = self.open_causes()
        if cause in open_now:
            return cause
        foretold = self.eyes.forecasts.open_causes() - self._hard_causes()
        under = _explained(cause, open_now - foretold)
        if under != cause:
            return under
        return next((one for one in sorted(foretold) if kind_of(cause) in brought_by(one)), cause)

    def _hard_causes(self) -> set[str]:
        """What rules and the machine itself say is wrong now."""
        causes = {self.joined.get(own, own) for own in self.rules.firing()}
        return causes | {f"event:{code}" for code in self.events}

    def joins(self, own: str) -> str:
        """The cause a rule that has just fired goes under: what explains it or what it explains, if that is open."""
        fired = self.rules.firing()
        if fired.count(own) == 1:
            open_now = {self.joined.get(other, other) for other in fired if other != own}
            anomaly = self.condition.cause if self.condition.is_open else ""
            cause = own if own == anomaly else _explained(own, open_now | {anomaly})
            # The second disk that fills is no more of what the first one slowed.
            taken = any(at == anomaly and kind_of(other) == kind_of(own) != kind_of(anomaly)
                        for other, at in self.joined.items() if other != own)  # fmt: skip
            if cause == own and explains(own, anomaly) and not taken:
                cause = anomaly
            if cause != own:
                self.joined[own] = cause
        return self.joined.get(own, own)

    def parts(self, own: str) -> str:
        """The cause a rule that ends went under."""
        return self.joined.get(own, own) if own in self.rules.firing() else self.joined.pop(own, own)

    def settle(self, at_ms: int, *, mended: bool = False, booted: bool = False) -> None:
        """Something was mended, or the machine booted: its return itself is nothing unusual."""
        if booted:
            self.booted_ms = at_ms
        if mended or booted:
            self.settles_ms = max(self.settles_ms, at_ms + (BOOTED_MS if booted else MENDED_MS))

    def heard_at(self, at_ms: int, metrics: Mapping[str, float]) -> None:
        """Note the instant and what was said; the cadence follows slowly, so one gap does not change it."""
        gap = at_ms - self.last_ms
        if self.last_ms >= 0 and gap > 0:
            weight = 1.0 if self.cadence_ms == 0 else 0.1 if gap < 4 * self.cadence_ms else 0.0
            self.cadence_ms += (gap - self.cadence_ms) * weight
        self.last = metrics if gap or self.last is None else {**self.last, **metrics}
        self.last_ms = at_ms

    def goes_on(self, metrics: Mapping[str, float], at_ms: int) -> bool:
        """Hear a report shaped as the one before for rules and other eyes, where nothing begins or ends by it; False
        where they have to look."""
        if not (self.rules.is_calm(metrics) and self.eyes.goes_on(metrics, at_ms)):
            return False
        if self.rules.began_anew(metrics):
            self.settle(at_ms, booted=True)
        return True

    def rest_of(self, r: Reading) -> Reading:
        """The reading itself; of a second part of the newest instant only what the first did not say."""
        if r.at_ms != self.last_ms:
            return r
        known = self.last
        return replace(r, metrics={} if known is None else {n: v for n, v in r.metrics.items() if n not in known})

    def measured(self, r: Reading) -> Mapping[str, float]:
        """The reading's values with counters and deltas turned into growth a second.

        A counter's first value or reset is no value.
        """
        if not r.counters and not r.deltas:
            return r.metrics
        out: dict[str, float] = {}
        for name, value in r.metrics.items():
            if name in r.deltas:
                if r.deltas[name] >= LEAST_SPAN_S:
                    out[name] = value / r.deltas[name]
                continue
            if name not in r.counters:
                out[name] = value
                continue
            before = self.rates.get(name)
            self.rates[name] = (r.at_ms, value)
            if before is not None and r.at_ms > before[0] and value >= before[1]:
                out[name] = (value - before[1]) * 1000.0 / (r.at_ms - before[0])
        return out


@lru_cache(maxsize=10_000)
def _youth(learned_s: int) -> float:
    return 1.0 + 0.25 * max(0.0, float(np.log2(DAY_S / max(learned_s, 60))))


def _explained(cause: str, by: Iterable[str]) -> str:
    """The first of these causes that brings this one with it, else itself."""
    return next((other for other in sorted(by) if explains(other, cause)), cause)
