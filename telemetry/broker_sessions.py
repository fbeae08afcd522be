"""What the embedded broker keeps: sessions with their queues, retained messages, and who gets what. Plain, no network.

A message for a persistent session is kept until its reader acknowledged it, on this connection or a later one. When a
queue is full a message is not taken at all, so that its sender is not told a lie.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from telemetry import broker_files, mqtt_wire
from telemetry.broker_access import Access, topic_matches
from telemetry.mqtt_wire import Publish

FORGET_S: Final = 14 * 86400.0  # a persistent session that nobody came back to
_ROUTES: Final = 50_000  # topics remembered with their readers


class Full(RuntimeError):
    """A reader's queue is at its bound."""


@dataclass(eq=False)
class Session:
    """One client's place. `send` writes to its connection, None while it is away; `slow` while that has enough."""

    user: str
    clean: bool
    filters: dict[str, int] = field(default_factory=dict)  # filter → granted QoS
    waiting: deque[Publish] = field(default_factory=deque)
    waiting_bytes: int = 0
    unacknowledged: dict[int, Publish] = field(default_factory=dict)  # packet id → sent, in order
    half_taken: set[int] = field(default_factory=set)  # QoS 2 ids between PUBLISH and PUBREL
    send: Callable[[bytes], None] | None = None
    slow: bool = False
    left_at: float = 0.0
    _last_id: int = 0

    def has_room(self, message: Publish) -> bool:
        """Whether it can be kept until acknowledged."""
        return (
            len(self.waiting) < broker_files.QUEUED_MESSAGES
            and self.waiting_bytes + len(message.payload) <= broker_files.QUEUED_BYTES
        )

    def give(self, message: Publish) -> bool:
        """Send it or keep it. False when it is lost, as QoS 0 may be."""
        if message.qos == 0:
            if self.send is None or self.slow:
                return False
            self.send(mqtt_wire.publish(message))
            return True
        self.waiting.append(message)
        self.waiting_bytes += len(message.payload)
        self.pump()
        return True

    def pump(self) -> None:
        """Send of what waits as much as the window allows."""
        while self.send is not None and not self.slow and self.waiting:
            if len(self.unacknowledged) >= broker_files.INFLIGHT:
                return
            message = self.waiting.popleft()
            self.waiting_bytes -= len(message.payload)
            numbered = Publish(message.topic, message.payload, 1, message.retain, self._free_id())
            self.unacknowledged[numbered.packet_id] = numbered
            self.send(mqtt_wire.publish(numbered))

    def resume(self) -> None:
        """On a new connection: first again what was not acknowledged on the old one."""
        for message in self.unacknowledged.values():
            if self.send is not None:
                self.send(mqtt_wire.publish(message, duplicate=True))
        self.pump()

    def acknowledged(self, packet_id: int) -> None:
        if self.unacknowledged.pop(packet_id, None) is not None:
            self.pump()

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65535 + 1
            if self._last_id not in self.unacknowledged:
                return self._last_id


class Exchange:
    """All sessions and all retained messages. Not thread-safe."""

    def __init__(self, access: Access) -> None:
        self.sessions: dict[str, Session] = {}
        self.retained: dict[str, Publish] = {}
        self.dropped = 0
        self.rules = access
        self._routes: dict[str, list[tuple[Session, int]]] = {}

    def under(self, access: Access) -> None:
        """From now on these rules hold."""
        self.rules = access
        self._routes.clear()

    def may_write(self, user: str, topic: str) -> bool:
        return self.rules.allows(user, "write", topic)

    def enter(self, user: str, *, clean: bool) -> tuple[Session, bool]:
        """The session of this user and whether it was there before.

        One a user, whatever client id was given: otherwise any machine could take what waits for the bridge by giving
        the bridge's.
        """
        old = self.sessions.get(user)
        if old is not None and not clean and not old.clean:
            return old, True
        if old is not None:
            self.forget(old)
        session = self.sessions[user] = Session(user, clean)
        return session, False

    def leave(self, session: Session) -> None:
        """Its connection has ended."""
        session.send, session.slow = None, False
        session.left_at = time.monotonic()
        if session.clean and self.sessions.get(session.user) is session:
            self.forget(session)

    def forget(self, session: Session) -> None:
        del self.sessions[session.user]
        self._routes.clear()

    def forget_abandoned(self, now: float) -> None:
        for session in list(self.sessions.values()):
            if session.send is None and now - session.left_at > FORGET_S:
                self.forget(session)

    def subscribe(self, session: Session, filter_: str, qos: int) -> int:
        """The granted QoS, at most 1. What the reader may not read is held back at delivery, not here."""
        if not mqtt_wire.is_filter(filter_) or qos > 2:
            return mqtt_wire.REFUSED_FILTER
        session.filters[filter_] = min(qos, 1)
        self._routes.clear()
        return min(qos, 1)

    def give_retained(self, session: Session, filter_: str) -> None:
        """To a new subscription, what was retained under it; to nobody else, and only what that user may read."""
        for topic, message in self.retained.items():
            if topic_matches(filter_, topic) and self.rules.allows(session.user, "read", topic):
                qos = min(message.qos, session.filters[filter_])
                session.give(Publish(topic, message.payload, qos, True))

    def unsubscribe(self, session: Session, filter_: str) -> None:
        session.filters.pop(filter_, None)
        self._routes.clear()

    def publish(self, message: Publish) -> None:
        """Hand it to everyone who may read it. Raises `Full`, and then nobody got it, when it cannot be kept."""
        readers = self._readers(message.topic)
        if message.qos and not all(session.has_room(message) for session, qos in readers if qos):
            raise Full(message.topic)
        if message.retain:
            self._retain(message)
        for session, granted in readers:
            if not session.give(Publish(message.topic, message.payload, min(message.qos, granted), False)):
                self.dropped += session.send is not None

    def _readers(self, topic: str) -> list[tuple[Session, int]]:
        found = self._routes.get(topic)
        if found is None:
            if len(self._routes) >= _ROUTES:
                self._routes.clear()
            found = []
            for session in self.sessions.values():
                granted = [qos for filter_, qos in session.filters.items() if topic_matches(filter_, topic)]
                if granted and self.rules.allows(session.user, "read", topic):
                    found.append((session, max(granted)))
            self._routes[topic] = found
        return found

    def _retain(self, message: Publish) -> None:
        if message.payload:
            self.retained[message.topic] = Publish(message.topic, message.payload, min(message.qos, 1), True)
        else:
            self.retained.pop(message.topic, None)
