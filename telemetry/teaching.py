"""What engineers' verdicts teach: the next alarm like one that was dismissed must be louder. Plain.

An alarm's *signature* is which metrics spoke and how loudly: the square root of each one's share, the eight loudest,
scaled to length 1. Of one machine's incidents of the last fortnight that were judged:
  * *likeness*: those whose signature lies within a cosine of 0.8 vote. Where the dismissed (benign, false) are at least
    twice the confirmed and one more, an alarm must be 1.3 times as loud as the loudest of them;
  * *level*: every dismissal raises the machine's threshold by a twentieth, every confirmation lowers it by one, never
    below where it began nor above double.
One verdict is one entry under its finding: given again it replaces, withdrawn it is gone, and everything is counted
anew each time, so that nothing of it stays. A machine belongs to one customer, so nothing crosses between customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from telemetry.features import Array
from telemetry.verdict import Verdict

Signature = Mapping[str, float]
WORDS: Final = ("true", "benign", "false")
LOUDEST: Final = 8
ALIKE: Final = 0.8
LOUDER: Final = 1.3
UP: Final = 1.05
DOWN: Final = 0.95
MOST: Final = 2.0
FORTNIGHT_MS: Final = 14 * 86_400_000
MOST_KEPT: Final = 500  # incidents of one machine that are remembered


def signature_of(names: Sequence[str], shares: Array) -> dict[str, float]:
    """Which metrics spoke: at most eight, of length 1; empty when none did."""
    order = np.argsort(-shares, kind="stable")[:LOUDEST]
    loud = np.sqrt(np.maximum(shares[order], 0.0))
    length = float(np.sqrt((loud**2).sum()))
    if length <= 0:
        return {}
    return {names[i]: round(float(v) / length, 4) for i, v in zip(order, loud, strict=True) if v > 0}


def likeness(a: Signature, b: Signature) -> float:
    """Cosine: 1 the same, 0 nothing in common."""
    return sum(weight * b.get(name, 0.0) for name, weight in a.items())


@dataclass(frozen=True, slots=True)
class Case:
    """An incident of the model's, as it is compared with later ones."""

    started_ms: int
    peak: float  # 1.0 is the threshold
    signature: Signature


@dataclass(frozen=True, slots=True)
class Judgement:
    """An engineer's word on a finding. ``case`` where the machine itself may have forgotten it."""

    machine: str
    finding: str
    word: str  # "true", "benign", "false"; "" withdraws
    at_ms: int  # counts from here on
    case: Case | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What an alarm must reach, and why. 1.0 is the machine's own threshold."""

    bar: float = 1.0
    level: float = 1.0
    dismissed: int = 0
    confirmed: int = 0
    like: tuple[str, ...] = ()  # findings that ask for more, the loudest first

    @property
    def reason(self) -> str:
        """One sentence, empty when nothing restrains."""
        if self.like and self.bar > self.level:
            times = f"{self.dismissed} like it {'was' if self.dismissed == 1 else 'were'} dismissed within a fortnight"
            return f"{times}, {self.confirmed} confirmed: it must be {self.bar:.2f} times the threshold."
        if self.level > 1.0:
            return f"Dismissals have raised this machine's threshold to {self.level:.2f} times its start."
        return ""


@dataclass(slots=True)
class Taught:
    """One machine's incidents and what was said of them."""

    cases: dict[str, Case] = field(default_factory=dict)
    judged: dict[str, tuple[str, int]] = field(default_factory=dict)

    def note(self, said: Verdict, signature: Signature) -> Verdict:
        """Remember an incident that opened, or how loud it had been when it ended; the verdict with its signature."""
        finding = str(said.finding_id)
        peak = float(said.evidence["peak"]) / float(said.evidence["threshold"])
        if not said.opened:
            if finding in self.cases:
                self.cases[finding] = replace(self.cases[finding], peak=peak)
            return said
        self._forget(said.started_ms)
        self.cases[finding] = Case(said.started_ms, peak, dict(signature))
        return replace(said, evidence={**said.evidence, "signature": dict(signature)})

    def judge(self, j: Judgement) -> None:
        """Take, replace or withdraw a word."""
        if not j.word:
            self.judged.pop(j.finding, None)
            return
        if j.finding not in self.cases and j.case is not None:
            self.cases[j.finding] = j.case
        if j.finding in self.cases:
            self.judged[j.finding] = (j.word, j.at_ms)

    def holds(self, signature: Signature, now_ms: int) -> Held:
        """What an alarm with this signature must reach now."""
        votes = sorted(
            (at, finding, word == "true", self.cases[finding])
            for finding, (word, at) in self.judged.items()
            if at <= now_ms and now_ms - self.cases[finding].started_ms <= FORTNIGHT_MS
        )
        level = 1.0
        for _, _, was_true, _ in votes:
            level = min(max(level * (DOWN if was_true else UP), 1.0), MOST)
        alike = [v for v in votes if likeness(signature, v[3].signature) >= ALIKE]
        confirmed = sum(v[2] for v in alike)
        dismissed = sorted((v for v in alike if not v[2]), key=lambda v: -v[3].peak)
        if len(dismissed) < 2 * confirmed + 1:
            return Held(level, level, len(dismissed), confirmed)
        bar = max(level, LOUDER * dismissed[0][3].peak)
        return Held(bar, level, len(dismissed), confirmed, tuple(v[1] for v in dismissed))

    def _forget(self, now_ms: int) -> None:
        old = [f for f, case in self.cases.items() if now_ms - case.started_ms > FORTNIGHT_MS]
        for finding in old + list(self.cases)[: max(0, len(self.cases) - len(old) - MOST_KEPT)]:
            self.cases.pop(finding, None)
            self.judged.pop(finding, None)

    def state(self) -> dict[str, Any]:
        """As JSON."""
        cases = {f: [c.started_ms, c.peak, dict(c.signature)] for f, c in self.cases.items()}
        return {"cases": cases, "judged": {f: list(v) for f, v in self.judged.items()}}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Taught:
        """The inverse of ``state``."""
        cases = {f: Case(c[0], c[1], c[2]) for f, c in state["cases"].items()}
        return cls(cases, {f: (v[0], v[1]) for f, v in state["judged"].items()})
