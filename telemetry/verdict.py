"""A verdict: a condition on one machine began or ended, with evidence a person can read. Plain."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# Names findings; a constant of ours, never to be changed: ids made with it stand in people's links.
_FINDINGS: Final = uuid.UUID("0b6d2f4e-6c1b-5d0a-9a52-7e0f4a0c9d11")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One transition of one condition.

    ``cause`` is stable: the same problem on the same machine has the same key (``memory``, ``disk:/var``,
    ``event:ecc``). ``started_ms`` is the instant the condition opened (never back-dated) and is the same on the
    opening and the ending verdict, so (machine, cause, started_ms) names the finding. ``at_ms`` is the instant of
    this transition. ``evidence`` is JSON-ready: ``since_ms`` (when the first sign was seen), ``threshold``,
    ``metrics`` (name, label, unit, observed, low, high, surprise), ``model`` and for a rule ``rule`` and ``cure``.
    ``metrics`` are the names most responsible first.
    """

    machine: str
    cause: str
    kind: str  # "anomaly" (the model), "rule" (a hard fault), "event" (the machine said so), "forecast"
    severity: int  # 1 gravest … 4
    score: float  # robust sigmas for an anomaly, the offending value for a rule
    at_ms: int
    started_ms: int
    metrics: tuple[str, ...]
    title: str  # a few words: "Memory in use is unusual"
    summary: str  # one line: "Memory in use 93 %, 41 to 55 expected, since 01:41"
    evidence: Mapping[str, Any]  # JSON values only; their shape depends on kind
    opened: bool  # True: begins; False: has ended
    holds: bool = False  # ended, but another condition with the same cause is still open: the incident's has not ended

    @property
    def key(self) -> tuple[str, str, int]:
        """Names the finding this transition belongs to."""
        return (self.machine, self.cause, self.started_ms)

    @property
    def finding_id(self) -> uuid.UUID:
        """The same finding has the same id whenever and wherever it is computed: live, after a restart, in replay."""
        return uuid.uuid5(_FINDINGS, f"{self.machine}\n{self.cause}\n{self.started_ms}")
