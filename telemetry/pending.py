"""What one flush of a seat will store. Plain."""

from __future__ import annotations

from collections.abc import Container
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

    @property
    def names(self) -> set[str]:
        """Of every machine something is pending of; empty for one that could not be told."""
        said = {whose.name for told in (self.verdicts, self.answers, self.clocks, self.changes) for whose, _ in told}
        return said | self.reports.keys() | self.touched.keys() | {letter.machine for letter in self.letters.values()}

    def only(self, names: Container[str]) -> Pending:
        """What is pending of these machines. The ledger's lines of nobody come along."""
        return Pending(
            {name: reports for name, reports in self.reports.items() if name in names},
            {name: whose for name, whose in self.touched.items() if name in names},
            [told for told in self.verdicts if told[0].name in names],
            [told for told in self.answers if told[0].name in names],
            [told for told in self.clocks if told[0].name in names],
            [told for told in self.changes if told[0].name in names],
            {place: letter for place, letter in self.letters.items() if letter.machine in names},
            self.deliveries.only(names),
            self.count,
        )
