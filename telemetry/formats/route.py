"""Where a message came from, once its source is known. Plain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """One message's way in: the machine named by the topic, and the topic levels after the part that names it."""

    topic: str
    machine: str
    rest: tuple[str, ...]
    received_at_ms: int
