"""What one flush of a seat will store. Plain."""

from __future__ import annotations

from dataclasses import dataclass, field

from telemetry.changes import Change
from telemetry.clocks import Moved
from telemetry.deliveries import Deliveries
from telemetry.directory import Known
from telemetry.history import Report
from telemetry.reading import Answer
from telemetry.told import Letter
from telemetry.verdict import Verdict


@dataclass
class Pending:
    """Heard and not stored yet."""

    reports: dict[str, list[Report]] = field(default_factory=dict)
    touched: dict[str, Known] = field(default_factory=dict)
    verdicts: list[tuple[Known, Verdict]] = field(default_factory=list)
    answers: list[tuple[Known, Answer]] = field(default_factory=list)
    clocks: list[tuple[Known, Moved]] = field(default_factory=list)
    changes: list[tuple[Known, Change]] = field(default_factory=list)
    letters: dict[tuple[int, int], Letter] = field(default_factory=dict)
    deliveries: Deliveries = field(default_factory=Deliveries)
    count: int = 0  # of reports, events and letters
