"""What comes to the desk from telemetry, and what became of it. Plain."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Signal:
    """Something looks wrong on a machine. `evidence` is JSON and is frozen into the incident it opens."""

    machine_id: uuid.UUID
    cause: str  # stable: the same problem on the same machine has the same cause ("memory", "disk:/var", "silence")
    kind: str  # anomaly, rule, forecast, event, silence
    severity: int  # 1 gravest to 4
    seen_at: datetime  # the report that made us sure
    title: str
    summary: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    finding_id: uuid.UUID | None = None  # the row in `findings`, already written in this transaction or before
    began_at: datetime | None = None  # first sign by the evidence; `seen_at` when not known
    at_once: bool = False  # of a fleet event, or a person said so: never held back
    brings: frozenset[str] = frozenset()  # kinds of cause ("disk-speed") that are symptoms of this one


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a signal.

    `shown`: the contract lets it be seen on the page and opens no incident. `held`: the desk holds it back and its
    finding says why. `known`: this very finding had its answer
    before, and nothing was written again.
    """

    outcome: Literal["opened", "joined", "shown", "shadow", "refused", "held", "known"]
    incident_id: uuid.UUID | None
    decision_id: uuid.UUID | None
    words: str  # the decision's reason, for a log line
