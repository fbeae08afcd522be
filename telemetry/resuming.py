"""Conditions that stood when a watcher lost its state: each goes on from the instant it began, and ends as any. Plain.

A machine whose state is lost is learned again from history. When that comes to the instant at which a condition began,
`take_up` puts it back where it stood; what history tells after it decides whether it is over. The finding keeps its id.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from telemetry.course import Course
from telemetry.eyes import Warned
from telemetry.forecast import gauge_of
from telemetry.machine import Machine
from telemetry.verdict import Verdict

KINDS: Final = ("event", "rule", "anomaly", "forecast")  # silence stands in the database and is never lost


@dataclass(frozen=True, slots=True)
class Unended:
    """A finding whose condition has begun and not ended. `evidence` is its own, as it was written."""

    machine: str
    kind: str
    cause: str
    started_ms: int
    since_ms: int
    severity: int
    summary: str = ""
    metrics: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def finding_id(self) -> uuid.UUID:
        """The id its ending will bear."""
        return self.over(self.started_ms).finding_id

    @property
    def is_of_a_drive(self) -> bool:
        """Whether SMART's eye saw it, and not the baselines."""
        model = self.evidence.get("model")
        return self.kind == "anomaly" and isinstance(model, dict) and model.get("kind") == "smart"

    @property
    def needs_baselines(self) -> bool:
        """Whether only a fitted machine can say that it is over."""
        return self.kind == "anomaly" and not self.is_of_a_drive

    def over(self, at_ms: int) -> Verdict:
        """Its ending, for what nobody can follow any more."""
        return Verdict(
            self.machine, self.cause, self.kind, self.severity, 0.0, at_ms, self.started_ms, self.metrics,
            self.summary, self.summary, {}, False,
        )  # fmt: skip


def take_up(m: Machine, one: Unended) -> bool:
    """Put a condition back where it stood. False when the same stands already, or nothing looks for it any more."""
    if one.kind == "event":
        return _take_up_event(m, one)
    if one.kind == "rule":
        return _take_up_rule(m, one)
    if one.kind == "forecast":
        return _take_up_forecast(m, one)
    if one.is_of_a_drive:
        part = one.cause.partition(":")[2]
        return m.eyes.warned.setdefault(part, kept := Warned(one.started_ms, one.cause, one.metrics)) is kept
    return _take_up_anomaly(m, one)


def _take_up_event(m: Machine, one: Unended) -> bool:
    code = str(one.evidence.get("code", ""))
    kept = (one.started_ms, one.severity, str(one.evidence.get("text", "")))
    return m.events.setdefault(code, kept) is kept


def _take_up_rule(m: Machine, one: Unended) -> bool:
    metric = _first_metric(one)
    own = m.rules.go_on(str(one.evidence.get("rule", "")), metric, one.since_ms, one.started_ms)
    if own is None:
        return False
    if own != one.cause:
        m.joined[own] = one.cause
    return True


def _take_up_forecast(m: Machine, one: Unended) -> bool:
    metric = _first_metric(one)
    if gauge_of(metric) is None:
        return False
    course = m.eyes.forecasts.courses.setdefault(metric, Course())
    if course.started_ms >= 0:
        return False
    course.started_ms, course.unseen = one.started_ms, 0
    return True


def _take_up_anomaly(m: Machine, one: Unended) -> bool:
    c = m.condition
    if c.is_open:
        return False
    peak, threshold = one.evidence.get("peak"), one.evidence.get("threshold")
    c.started_ms, c.since_ms, c.calm_ms, c.over_ms = one.started_ms, one.since_ms, -1, -1
    c.cause, c.metrics, c.title = one.cause, one.metrics, one.summary
    c.peak = float(peak) / float(threshold) if peak and threshold else 1.0
    return True


def _first_metric(one: Unended) -> str:
    shown = one.evidence.get("metrics") or [{}]
    return str(shown[0].get("metric", one.metrics[0] if one.metrics else ""))
