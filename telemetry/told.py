"""What one message said, with where it stands in the log, and the letter it becomes when we cannot use it. Plain."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from telemetry.deliveries import NOBODY
from telemetry.envelope import Envelope
from telemetry.reading import Heard, Refused


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


def machine_of(topic: bytes) -> str:
    """The machine a topic of ours names, as far as it can be read; empty for a foreign one."""
    levels = topic.split(b"/", 2)
    return levels[1].decode("utf-8", "replace")[:63] if levels[0] == b"vigie" and len(levels) > 1 else NOBODY


def names_in(told: Sequence[Told]) -> set[str]:
    """Every machine a batch speaks of."""
    names = {heard.machine for each in told for heard in each.heard}
    return names | {machine_of(each.envelope.topic) for each in told if each.refused is not None} - {NOBODY}
