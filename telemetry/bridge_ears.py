"""What the bridge listens to: its own topics, and those of declared mappings, which come and go while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from telemetry import mapped_topics
from telemetry.broker_access import OpenTopic, bridge_topics, topic_matches


class Line(Protocol):
    """A connection to the broker, as far as listening goes: paho's client."""

    def subscribe(self, topic: list[tuple[str, int]]) -> Any: ...

    def unsubscribe(self, topic: list[str]) -> Any: ...


class Ears:
    """`want` is for the desk's thread, everything else for the bridge's."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._wanted: Sequence[OpenTopic] = ()
        self._open: Sequence[OpenTopic] = ()
        self._heard: frozenset[str] = frozenset()

    def want(self, topics: Sequence[OpenTopic]) -> None:
        """From the next turn of the loop on, these and no others besides our own."""
        self._wanted = tuple(topics)

    def begin(self, client: Line) -> None:
        """Listen, on a new connection. The broker may remember what is not wanted any more."""
        gone = self._heard
        self._open, self._heard = self._wanted, frozenset(mapped_topics.filters(self._wanted))
        if left := sorted(gone - self._heard):
            client.unsubscribe(left)
        client.subscribe([(topic, 1) for topic in (*bridge_topics(), *sorted(self._heard))])
        self.on_change()

    def follow(self, client: Line) -> None:
        """Listen to what came to be wanted, and no longer to what is not."""
        if self._wanted is self._open or self._wanted == self._open:
            return
        self._open = self._wanted
        wanted = frozenset(mapped_topics.filters(self._open))
        if gone := sorted(self._heard - wanted):
            client.unsubscribe(gone)
        if new := sorted(wanted - self._heard):
            client.subscribe([(topic, 1) for topic in new])
        self._heard = wanted
        self.on_change()

    def machine_in(self, topic: bytes) -> bytes | None:
        """The machine a mapped topic names, so that what it speaks lies where everything of it lies."""
        if not self._open:
            return None
        words = topic.decode("utf-8", "replace")
        for one in self._open:
            if topic_matches(one.filter, words):
                return topic.split(b"/")[one.machine]
        return None


def topics_of(rows: Sequence[tuple[str, Any]]) -> list[OpenTopic]:
    """The open topics of stored mappings, (name, spec) each."""
    known = (mapped_topics.understood(name, spec) for name, spec in rows)
    return mapped_topics.open_topics(mapping for mapping in known if mapping is not None)
