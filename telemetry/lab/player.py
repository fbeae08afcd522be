"""The lab's door to MQTT: one connection a machine, each with its own credential, all driven by one selector loop.

Sixty clients with a thread each would wake sixty times where one loop wakes six times a second.
"""

from __future__ import annotations

import json
import selectors
import socket
from collections import deque
from time import monotonic
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from telemetry.lab.reports import REPORTS_A_MESSAGE, message

log = structlog.get_logger()

KEEPALIVE_S = 30
MESSAGES_IN_FLIGHT = 2  # a line; enough to hide the round trip, few enough to keep history here and not in the broker
QUEUE_MOST = 2 * 360 + REPORTS_A_MESSAGE  # two hours without a broker; what is older is dropped, and counted
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
CONNECT_TIMEOUT_S = 2.0
MISC_EVERY_S = 5.0


class Line:
    """One machine's connection. Guards what was said and not yet received; nothing here blocks but the TCP connect."""

    def __init__(self, machine: str, secret: str, board: Switchboard) -> None:
        self.machine = machine
        self.topic = f"vigie/{machine}"
        self.queue: deque[bytes] = deque()
        self.in_flight: set[int] = set()
        self.stored = 0
        self.muted = False
        self.is_connected = False
        self.dropped = 0
        self._due = 0.0
        self._wait_s = FIRST_WAIT_S
        self.client = self._make_client(secret, board)

    def _make_client(self, secret: str, board: Switchboard) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=self.machine, protocol=MQTTProtocolVersion.MQTTv311)
        client.username_pw_set(self.machine, secret)
        client.will_set(f"{self.topic}/status", "offline", qos=1, retain=True)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        client.on_message = self._heard
        client.on_socket_open = lambda _, __, held: board.opened(self, held)
        client.on_socket_close = lambda _, __, held: board.closed(held)
        client.on_socket_register_write = lambda _, __, held: board.wants(self, held, True)
        client.on_socket_unregister_write = lambda _, __, held: board.wants(self, held, False)
        return client

    @property
    def is_drained(self) -> bool:
        """Everything said was received by the broker."""
        return not self.queue and not self.in_flight

    def say(self, report: bytes) -> None:
        """Queue a report; the oldest is dropped, and counted, when two hours wait already."""
        self.queue.append(report)
        if len(self.queue) > QUEUE_MOST:
            self.queue.popleft()
            self.dropped += 1

    def pump(self) -> None:
        """Publish what the line may carry now."""
        while self.is_connected and self.queue and len(self.in_flight) < MESSAGES_IN_FLIGHT:
            batch = [self.queue.popleft() for _ in range(min(len(self.queue), REPORTS_A_MESSAGE))]
            info = self.client.publish(f"{self.topic}/report", message(batch), qos=1)
            self.in_flight.add(info.mid)

    def connect_if_due(self, host: str, port: int, now_s: float) -> None:
        """Try to connect when it is time to. `now_s` is monotonic."""
        if self.muted or self.client.socket() is not None or now_s < self._due:
            return
        self._due = now_s + self._wait_s
        self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        try:
            self.client.connect(host, port, KEEPALIVE_S)
        except OSError as error:
            log.debug("lab_no_broker", machine=self.machine, error=str(error))

    def cut(self) -> None:
        """Fall silent as a machine without power does: no farewell, so that the broker publishes the will."""
        self.muted = True
        held = self.client.socket()
        if isinstance(held, socket.socket):
            held.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Say goodbye politely."""
        if self.is_connected:
            self.client.publish(f"{self.topic}/status", "offline", qos=1, retain=True)
            self.client.disconnect()

    # Called by paho from our own loop; they only take note.
    def _connected(self, client: Client, _: Any, flags: ConnectFlags, why: ReasonCode, more: Properties | None) -> None:
        if why.is_failure:
            self._wait_s = LONGEST_WAIT_S  # a wrong secret does not become right by asking faster
            log.warning("lab_refused", machine=self.machine, reason=str(why))
            return
        self.is_connected, self._wait_s = True, FIRST_WAIT_S
        client.publish(f"{self.topic}/status", "online", qos=1, retain=True)
        client.subscribe(f"{self.topic}/receipt", qos=1)

    def _disconnected(
        self, client: Client, _: Any, flags: DisconnectFlags, why: ReasonCode, more: Properties | None
    ) -> None:
        self.is_connected = False

    def _published(self, client: Client, _: Any, mid: int, why: ReasonCode, more: Properties) -> None:
        self.in_flight.discard(mid)

    def _heard(self, client: Client, _: Any, received: MQTTMessage) -> None:
        try:
            self.stored = max(self.stored, int(json.loads(received.payload)["seq"]))
        except (ValueError, KeyError, TypeError):
            log.warning("lab_odd_receipt", machine=self.machine)


class Switchboard:
    """All lines and the selector that drives them."""

    def __init__(self, secrets: dict[str, str], host: str, port: int) -> None:
        self.host, self.port = host, port
        self._selector = selectors.DefaultSelector()
        self._misc_due = 0.0
        self.lines = {name: Line(name, secret, self) for name, secret in secrets.items()}

    def turn(self, wait_s: float) -> None:
        """Move bytes for at most `wait_s` seconds, then let every line connect, publish and keep itself alive."""
        self._move(wait_s)
        now_s = monotonic()
        if now_s >= self._misc_due:
            self._misc_due = now_s + MISC_EVERY_S
            for line in self.lines.values():
                line.client.loop_misc()
        for line in self.lines.values():
            line.connect_if_due(self.host, self.port, now_s)
            line.pump()

    def _move(self, wait_s: float) -> None:
        for key, events in self._selector.select(max(0.0, wait_s)):
            line: Line = key.data
            if events & selectors.EVENT_READ:
                line.client.loop_read()
            if events & selectors.EVENT_WRITE:
                line.client.loop_write()

    def drain(self, longest_s: float) -> bool:
        """Turn until everything said was received, at most so long; whether it was."""
        end = monotonic() + longest_s
        while any(not line.is_drained for line in self.lines.values() if not line.muted):
            if monotonic() >= end:
                return False
            self.turn(0.05)
        return True

    def close(self) -> None:
        """Say goodbye on every line; a second is enough for a loopback broker, and nobody waits for a lost one."""
        for line in self.lines.values():
            line.leave()
        end = monotonic() + 1.0
        while monotonic() < end and any(line.client.socket() is not None for line in self.lines.values()):
            self._move(0.05)
        for line in self.lines.values():
            line.cut()
            while line.client.socket() is not None:
                line.client.loop_read()  # reads the end that `cut` made, and lets paho close
        self._selector.close()

    # Called by paho whenever it opens, fills, empties or closes a socket, so that the selector never holds a dead one.
    def opened(self, line: Line, held: Any) -> None:
        self._selector.register(held, selectors.EVENT_READ, line)

    def closed(self, held: Any) -> None:
        self._selector.unregister(held)

    def wants(self, line: Line, held: Any, write: bool) -> None:
        self._selector.modify(held, selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0), line)
