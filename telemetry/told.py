"""What one message said, with where it stands in the log, and the letter it becomes when we cannot use it. Plain."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from telemetry.deliveries import NOBODY
from telemetry.envelope import Envelope
from telemetry.formats.sources import DOOR, SOURCES
from telemetry.reading import Heard, Reading, Refused

_KEY: Final = "@"  # no machine's name begins so
_DOOR_LEVELS: Final = 5


@dataclass(frozen=True, slots=True)
class Letter:
    """A message we could not use, with where it stands in the log."""

    envelope: Envelope
    machine: str
    reason: str
    detail: str
    position: int
    item: int
    customer_id: uuid.UUID | None = None
    apart: tuple[int, ...] | None = None  # which words of the message it stands for, where we failed at them
    # How many refusals of it the ledger counted, by the line and the reason they were counted with; grows as they are.
    counted: dict[tuple[str, str], int] = field(default_factory=dict)


class Told(NamedTuple):
    """What one message said, with where it came from. `refused` when it said nothing we understand."""

    envelope: Envelope
    position: int
    item: int
    heard: tuple[Heard, ...] = ()
    refused: Refused | None = None


def ahead(reading: Reading) -> str:
    """How far in the future a report says it was measured."""
    by = (reading.at_ms - reading.received_at_ms) / 1000
    at = datetime.fromtimestamp(reading.at_ms / 1000, UTC).isoformat(timespec="seconds")
    return f"{at} is {by:.0f} s ahead of our clock"


def machine_of(topic: bytes) -> str:
    """The machine that spoke under a topic, as far as it can be read: the broker and our doors let nobody write under
    another's name. Empty where it says none.
    """
    levels = topic.decode("utf-8", "replace").split("/")
    if levels[0] == DOOR:
        return levels[-1][:63] if len(levels) == _DOOR_LEVELS and not levels[-1].startswith(_KEY) else NOBODY
    if levels[0] == "vigie":
        return levels[1][:63] if len(levels) > 1 else NOBODY
    for source in SOURCES:
        if source.matches(levels) and len(levels) > source.machine:
            return levels[source.machine][:63]
    return NOBODY


def who_spoke(each: Told) -> str:
    """Of a message that was refused: the machine by its topic, or by the declared mapping that read the topic."""
    by_mapping = each.refused.machine if each.refused is not None else ""
    return by_mapping or machine_of(each.envelope.topic)


@dataclass(frozen=True, slots=True)
class AtDoor:
    """What a door over HTTP refused: why, what it was, of whom it spoke, and who brought it."""

    reason: str
    kind: str  # reports, otlp, write
    about: str
    machine: str = ""  # that brought it with its own secret
    customer: str | None = None  # whose key brought it; empty: a key of ours

    @property
    def topic(self) -> str:
        """Where it goes into the log, so that ledger and letters tell of it as of anything else."""
        who = self.machine if self.customer is None else f"{_KEY}{self.customer}"
        return "/".join([DOOR, self.reason, self.kind, self.about.replace("/", "|"), who])

    @staticmethod
    def read(topic: str) -> AtDoor | None:
        """The inverse of `topic`; None for any other."""
        levels = topic.split("/")
        if levels[0] != DOOR or len(levels) != _DOOR_LEVELS:
            return None
        reason, kind, about, who = levels[1:]
        whose = who.removeprefix(_KEY) if who.startswith(_KEY) else None
        return AtDoor(reason, kind, about, "" if whose is not None else who, whose)


def whole(readings: Iterable[Reading], position: int) -> list[Told]:
    """Cycles that are complete, as messages of their own behind the record at this position."""
    return [Told(Envelope(b"", b"", each.received_at_ms), position, -1, (each,)) for each in readings]


def names_in(told: Sequence[Told]) -> set[str]:
    """Every machine a batch speaks of."""
    names = {heard.machine for each in told for heard in each.heard}
    return names | {who_spoke(each) for each in told if each.refused is not None} - {NOBODY}


def to_ms(at: datetime | None) -> int:
    """Milliseconds since 1970; -1 where there is no instant."""
    return round(at.timestamp() * 1000) if at is not None else -1
