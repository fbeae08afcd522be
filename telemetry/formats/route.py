"""Where a message came from, once its source is known. Plain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Route:
    """One message's way in: the machine named by the topic, and the topic levels after the part that names it.

    ``believes``: a payload may name another machine than the topic does. True for recordings, whose messages somebody
    chose; false for live messages, where the broker has bound the topic, and nothing else, to whoever signed in.
    """

    topic: str
    machine: str
    rest: tuple[str, ...]
    received_at_ms: int
    believes: bool = False
