"""Metrics that fall silent while their machine goes on speaking: a sensor that died, a plugin that hangs. Plain.

What a machine says together, by its names, is a round, and each round has a rhythm of its own. A metric is silent when
no round it belongs to was heard for as long as a machine of that rhythm may be quiet, while others are. Time counts by
arrival, and a pause of the whole machine counts against none of its metrics: that is the machine's silence, or ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from telemetry.patience import patience_s
from telemetry.reading import Reading
from telemetry.verdict import Verdict
from telemetry.vocabulary import word

CAUSE: Final = "silence:"  # and the first of the names
SEVERITY: Final = 3
LEARNED: Final = 20  # times a round was heard before its absence says anything
MOST_ROUNDS: Final = 24
_ROUND_MS: Final = 1_000  # what comes within is one
_LOOK_MS: Final = 5_000
_NAMED: Final = 5  # in a summary
_SHARED: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}  # the same names on many machines are held once
_MOST_SHARED: Final = 10_000
# Series that come and go with what they are about: containers, processes, who is signed in; anything with labels.
_COMES_AND_GOES: Final = re.compile(
    r"\{|(?:^|[._/-])(?:containers?|docker|pods?|process(?:es|list)?|procstat|programs?|sessions?|users?|alert|veth\w*)"
    r"(?:[._/-]|$)|[0-9a-f]{10}"
)


@dataclass(slots=True)
class _Round:
    last_ms: int
    usual_ms: float = 0.0
    off_ms: float = 0.0  # by how much a pause usually differs
    count: int = 0

    def heard(self, at_ms: int) -> None:
        pause = at_ms - self.last_ms
        if pause < _ROUND_MS:
            return
        self.last_ms = at_ms
        count = self.count = self.count + 1
        more = pause - self.usual_ms
        weight = 0.1 if count > 9 else 1 / count
        self.usual_ms += more * weight
        if count > 1:
            self.off_ms += ((more if more > 0 else -more) - self.off_ms) * weight

    def patience_ms(self, floor_s: float) -> float:
        return 1000 * patience_s(self.usual_ms / 1000 or None, floor_s)

    @property
    def is_learned(self) -> bool:
        return self.count >= LEARNED and self.off_ms <= self.usual_ms / 2


class Change(NamedTuple):
    """Some metrics fell silent together, or all of them are back."""

    cause: str
    names: tuple[str, ...]
    started_ms: int
    at_ms: int
    opened: bool
    last_ms: int = -1
    usual_ms: float = 0.0
    patience_ms: float = 0.0


class Metrics:
    """Of one machine: its rounds, and what is silent of it."""

    __slots__ = ("heard_ms", "look_ms", "rounds", "silent")

    def __init__(self) -> None:
        self.rounds: dict[tuple[str, ...], _Round] = {}
        self.silent: dict[str, tuple[int, frozenset[str]]] = {}  # by cause: since when, and which
        self.heard_ms = self.look_ms = -1

    def hear(self, metrics: Mapping[str, float], arrived_ms: int, floor_s: float) -> Sequence[Change]:
        """Note a report; what began and ended with it."""
        names = tuple(metrics)
        one = self.rounds.get(names)
        if one is None:
            self._meet(names, arrived_ms)
        else:
            one.heard(arrived_ms)
        pause = arrived_ms - self.heard_ms
        if pause > 0:
            self.heard_ms = arrived_ms
        if len(self.rounds) == 1 and not self.silent:
            return ()
        if pause > min(each.patience_ms(floor_s) for each in self.rounds.values()):
            for each in self.rounds.values():
                each.last_ms = arrived_ms
        if arrived_ms < self.look_ms:
            return ()
        self.look_ms = arrived_ms + _LOOK_MS
        return self._look(arrived_ms, floor_s)

    def settle(self) -> None:
        """It is worked on: what it says afterwards may be something else. What is silent stays so until it is heard."""
        self.rounds.clear()

    def _meet(self, names: tuple[str, ...], at_ms: int) -> None:
        if len(self.rounds) >= MOST_ROUNDS:
            del self.rounds[min(self.rounds, key=lambda key: self.rounds[key].last_ms)]
        if len(_SHARED) < _MOST_SHARED:
            names = _SHARED.setdefault(names, names)
        self.rounds[names] = _Round(at_ms)

    def _look(self, at_ms: int, floor_s: float) -> list[Change]:
        missed = {names for names, one in self.rounds.items() if at_ms - one.last_ms > one.patience_ms(floor_s)}
        there = {name for names in self.rounds.keys() - missed for name in names}
        changes = []
        for cause, (started_ms, silent) in list(self.silent.items()):
            if silent <= there:
                del self.silent[cause]
                changes.append(Change(cause, tuple(sorted(silent)), started_ms, at_ms, False))
        gone = [(names, self.rounds.pop(names)) for names in sorted(missed)]
        learned = [(names, one) for names, one in gone if one.is_learned]
        known = {name for _, silent in self.silent.values() for name in silent}
        fell = {name for names, _ in learned for name in names} - there - known
        fell = {name for name in fell if not comes_and_goes(name)}
        if fell:
            of = [one for names, one in learned if not fell.isdisjoint(names)]
            quickest = min(of, key=lambda one: one.usual_ms)
            cause, last_ms = CAUSE + min(fell)[:100], max(one.last_ms for one in of)
            self.silent[cause] = (at_ms, frozenset(fell))
            patience = quickest.patience_ms(floor_s)
            changes.append(Change(cause, tuple(sorted(fell)), at_ms, at_ms, True, last_ms, quickest.usual_ms, patience))
        return changes


def comes_and_goes(name: str) -> bool:
    """Whether a metric may end with what it is about, so that nobody misses it."""
    return _COMES_AND_GOES.search(name) is not None


def verdict(machine: str, change: Change) -> Verdict:
    """The change as the desk is told of it."""
    labels = [word(name).label or name for name in change.names]
    more = len(labels) - _NAMED
    named = ", ".join(labels[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    title = (
        f"{labels[0]} is no longer reported" if len(labels) == 1 else f"{len(labels)} metrics are no longer reported"
    )
    if not change.opened:
        said, evidence = f"{named}: reported again", {}
    else:
        last = datetime.fromtimestamp(change.last_ms / 1000, UTC)
        said = f"{named}: last reported {last:%H:%M:%S} UTC, until then every {change.usual_ms / 1000:.0f} s"
        said += "; the machine itself goes on speaking"
        evidence = {
            "since_ms": change.last_ms, "last_heard": last.isoformat(),
            "cadence_s": round(change.usual_ms / 1000, 3), "patience_s": change.patience_ms / 1000,
            "silent_s": (change.at_ms - change.last_ms) / 1000, "silent": list(change.names[:1000]),
        }  # fmt: skip
    score = (change.at_ms - change.last_ms) / 1000 if change.opened else 0.0
    return Verdict(
        machine, change.cause, "silence", SEVERITY, score, change.at_ms, change.started_ms, change.names[:20], title,
        said, evidence, change.opened,
    )  # fmt: skip


class Rhythms:
    """The metrics of every machine of a seat."""

    def __init__(self) -> None:
        self.of: dict[str, Metrics] = {}

    def hear(self, reading: Reading, floor_s: float, worked_on: bool) -> list[Verdict]:
        """What of a machine fell silent or is back, now that it said this."""
        one = self.of.get(reading.machine)
        if one is None:
            one = self.of[reading.machine] = Metrics()
        if worked_on:
            one.settle()
            return []
        found = one.hear(reading.metrics, reading.received_at_ms, floor_s)
        return [verdict(reading.machine, change) for change in found] if found else []

    def take_up(self, machine: str, cause: str, started_ms: int, names: Iterable[str]) -> None:
        """What is silent of a machine by the database's word: it will be over when these are heard."""
        self.of.setdefault(machine, Metrics()).silent.setdefault(cause, (started_ms, frozenset(names)))

    def forget(self, machine: str) -> None:
        self.of.pop(machine, None)

    def snapshot(self) -> list[Any]:
        """Plain values from which `restored` makes an equal one; names that many machines share stand there once."""
        shapes: dict[tuple[str, ...], int] = {}
        machines = {}
        for machine, one in self.of.items():
            rounds = [
                [shapes.setdefault(names, len(shapes)), r.last_ms, r.usual_ms, r.off_ms, r.count]
                for names, r in one.rounds.items()
            ]
            silent = [[cause, since, sorted(names)] for cause, (since, names) in one.silent.items()]
            machines[machine] = [rounds, silent, one.heard_ms, one.look_ms]
        return [[list(names) for names in shapes], machines]

    @staticmethod
    def restored(kept: Sequence[Any]) -> Rhythms:
        """The inverse of `snapshot`; of nothing, nothing."""
        found = Rhythms()
        shapes = [_shared(names) for names in kept[0]] if kept else []
        for machine, (rounds, silent, heard_ms, look_ms) in (kept[1] if kept else {}).items():
            one = found.of[machine] = Metrics()
            one.rounds = {shapes[at]: _Round(*rest) for at, *rest in rounds}
            one.silent = {cause: (since, frozenset(names)) for cause, since, names in silent}
            one.heard_ms, one.look_ms = heard_ms, look_ms
        return found


def _shared(names: Iterable[str]) -> tuple[str, ...]:
    key = tuple(names)
    return _SHARED.setdefault(key, key) if len(_SHARED) < _MOST_SHARED else key
