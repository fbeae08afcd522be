"""What one message said, with where it stands in the log, and the letter it becomes when we cannot use it. Plain."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from telemetry.deliveries import NOBODY
from telemetry.envelope import Envelope
from telemetry.reading import Heard, Reading, Refused


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
    """The machine a topic of ours names, as far as it can be read; empty for a foreign one."""
    levels = topic.split(b"/", 2)
    return levels[1].decode("utf-8", "replace")[:63] if levels[0] == b"vigie" and len(levels) > 1 else NOBODY


def names_in(told: Sequence[Told]) -> set[str]:
    """Every machine a batch speaks of."""
    names = {heard.machine for each in told for heard in each.heard}
    return names | {machine_of(each.envelope.topic) for each in told if each.refused is not None} - {NOBODY}


def to_ms(at: datetime | None) -> int:
    """Milliseconds since 1970; -1 where there is no instant."""
    return round(at.timestamp() * 1000) if at is not None else -1
