"""From scores to words: which metrics, expected against observed, since when, in one line. Plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from telemetry.rules import kind_of
from telemetry.vocabulary import amount, word


@dataclass(frozen=True, slots=True)
class Witness:
    """One metric that speaks for an anomaly. ``share`` 1.0 means: alone at the threshold."""

    metric: str
    observed: float
    low: float
    high: float
    share: float
    told_by: str  # "past" (unlike its own past) or "others" (unlike what the other metrics say)

    @property
    def is_within(self) -> bool:
        """Whether it stands within what is shown as expected: then only its course was unusual."""
        return self.low <= self.observed <= self.high

    def as_json(self) -> dict[str, Any]:
        """With label and unit, for a screen."""
        w = word(self.metric)
        return asdict(self) | {"label": w.label, "unit": w.unit, "share": round(self.share, 3)}


def clock(at_ms: int) -> str:
    """An instant for a sentence, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M")


# Busy processors and disks and slow answers come of something: what fills or breaks explains them, never the reverse.
HARDLY_LESS: Final = 0.5  # of the loudest
_SYMPTOMS: Final = frozenset({"cpu", "disk-speed", "processes", "latency", "requests", "power"})
_ROOTS: Final = frozenset({"memory", "disk", "drive", "ecc"})


def is_root(metric: str) -> bool:
    """Whether the metric tells of something that fills or breaks."""
    return kind_of(word(metric).family) in _ROOTS


def led(witnesses: Sequence[Witness]) -> list[Witness]:
    """The witnesses with the one in front that names the problem: the first, unless that is only a symptom of another
    that would be enough by itself. One that stands where it is expected to stand names nothing while another, hardly
    less loud, does not.
    """
    first = witnesses[0]
    if first.is_within:
        outside = (w for w in witnesses[1:] if not w.is_within and w.share >= HARDLY_LESS * first.share)
        first = next(outside, first)
        witnesses = [first, *(other for other in witnesses if other is not first)]
    if kind_of(word(first.metric).family) in _SYMPTOMS:
        for w in witnesses[1:]:
            if is_root(w.metric) and w.share >= 1.0:
                return [w, *(other for other in witnesses if other is not w)]
    return list(witnesses)


def cause_of(witnesses: Sequence[Witness]) -> str:
    """The family of the first witness: stable while the same problem lasts, the same when it comes back."""
    return word(witnesses[0].metric).family


def title_of(witnesses: Sequence[Witness]) -> str:
    """A few words for a list."""
    first = witnesses[0]
    w = word(first.metric)
    said = f"{w.label} unusually {'high' if first.observed > (first.low + first.high) / 2 else 'low'}"
    return f"{said} beside the other metrics" if first.told_by == "others" else said


def sentence_of(witnesses: Sequence[Witness], since_ms: int) -> str:
    """One line: "Memory in use 93 %, 41 to 55 expected, since 01:41; also Swap in use"."""
    first = witnesses[0]
    w = word(first.metric)
    line = f"{w.label} {_values(first, w.unit)} expected"
    if first.told_by == "others":
        line += " from the other metrics"
    line += f", since {clock(since_ms)}"
    others = [word(o.metric).label for o in witnesses[1:3]]
    return f"{line}; also {', '.join(others)}" if others else line


def _values(w: Witness, unit: str) -> str:
    """Observed and band, with as many digits as it takes to tell them apart."""
    seen, low, high = amount(w.observed, unit), amount(w.low, ""), amount(w.high, "")
    if amount(w.observed, "") in (low, high):
        seen, low, high = f"{w.observed:.5g} {unit}".rstrip(), f"{w.low:.5g}", f"{w.high:.5g}"
    return f"{seen}, {low}" if low == high else f"{seen}, {low} to {high}"
