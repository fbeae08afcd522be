"""The small agent that reports the host it runs on, and keeps each report until the desk has stored it.

One thread, one connection. A report is numbered and on disk before it leaves; it is sent again after a reconnect, or
when receipts stay away, until the retained receipt `vigie/MACHINE/receipt` says that it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep, time
from typing import Any

import orjson
import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from telemetry import agent_vitals
from telemetry.agent_queue import Queue
from telemetry.diagnosing import Diagnoser
from telemetry.mqtt_tls import Tls, context, said

log = structlog.get_logger()

KEEPALIVE_S = 30
BATCH = 200  # reports in one message when there is something to catch up; about 150 KB
IN_FLIGHT = 4  # messages; more would only move the queue from our disk into the broker's memory
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
RESEND_AFTER_S = 60.0  # without a receipt: the broker may have lost what it acknowledged; doubled each time in vain
LONGEST_RESEND_S = 3600.0
FACTS_EVERY_S = 600.0
FAREWELL_S = 2.0


@dataclass(frozen=True)
class Address:
    """Where and as whom to report."""

    host: str
    port: int
    machine: str
    password: str  # empty when the certificate in `tls` says who it is
    tls: Tls | None = None


class Agent:
    """Guards the queue, the connection, and how far was sent on it."""

    def __init__(
        self,
        address: Address,
        queue: Queue,
        every_s: float,
        vitals: agent_vitals.Vitals,
        diagnoser: Diagnoser | None = None,
    ) -> None:
        self.address, self.queue, self.every_s, self.vitals = address, queue, every_s, vitals
        self.diagnoser = diagnoser  # without one nothing is heard of asks
        self.topic = f"vigie/{address.machine}"
        self.is_connected = False
        self._client: Client | None = None
        self._in_flight: set[int] = set()
        self._sent = 0
        self._receipt = 0
        self._receipt_due = 0.0
        self._resend_s = RESEND_AFTER_S
        self._look_due = 0.0
        self._connect_due = 0.0
        self._wait_s = FIRST_WAIT_S
        self._facts: dict[str, str] = {}
        self._facts_due = 0.0

    def run(self, is_over: Callable[[], bool]) -> None:
        """Report until `is_over`, then say goodbye. Raises OSError or sqlite3.Error when the state folder fails."""
        while not is_over():
            self.turn(min(self.every_s, 1.0))
        self._leave()

    def turn(self, wait_s: float) -> None:
        """One turn: look when it is time, connect when it is time, send what may be sent, wait for the network."""
        now_s = monotonic()
        if now_s >= self._look_due:
            on_time = now_s - self._look_due < self.every_s  # else it slept, and looks missed are not made up
            self._look_due = self._look_due + self.every_s if on_time else now_s + self.every_s
            self._look(now_s)
        if self._client is None:
            self._connect(now_s)
        self._resend_if_due(now_s)
        self._send()
        wait_s = max(0.0, min(wait_s, self._look_due - monotonic()))
        if self._client is None:
            sleep(wait_s)
        elif self._client.loop(wait_s):
            self._lost()

    def _look(self, now_s: float) -> None:
        metrics = self.vitals.read()
        if self.queue.dropped:
            metrics["agent_dropped"] = float(self.queue.dropped)
        body: dict[str, Any] = {"at": int(time() * 1000), "metrics": metrics}  # Any: a JSON document
        if now_s >= self._facts_due:
            self._facts_due = now_s + FACTS_EVERY_S
            seen = agent_vitals.facts()
            if seen != self._facts:
                self._facts = body["facts"] = seen
        gone = self.queue.put(orjson.dumps(body))
        if gone:
            log.warning("agent_queue_full", dropped=gone, total=self.queue.dropped)

    def _connect(self, now_s: float) -> None:
        if now_s < self._connect_due:
            return
        self._connect_due = now_s + self._wait_s
        self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
        # A new client each time: what was not received is in our own queue, and paho must not send it beside us.
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=self.address.machine, protocol=MQTTProtocolVersion.MQTTv311
        )
        if self.address.tls is not None:
            client.tls_set_context(context(self.address.tls))
        if self.address.password:
            client.username_pw_set(self.address.machine, self.address.password)
        client.will_set(f"{self.topic}/status", "offline", qos=1, retain=True)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_publish, client.on_message = self._published, self._heard
        try:
            client.connect(self.address.host, self.address.port, KEEPALIVE_S)
        except OSError as error:
            log.info("agent_no_broker", host=self.address.host, port=self.address.port, error=said(error))
            return
        self._client = client

    def _send(self) -> None:
        while self.is_connected and self._client is not None and len(self._in_flight) < IN_FLIGHT:
            waiting = self.queue.after(self._sent, BATCH)
            if not waiting:
                return
            bodies = [body for _, body in waiting]
            payload = bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]"
            info = self._client.publish(f"{self.topic}/report", payload, qos=1)
            self._in_flight.add(info.mid)
            self._sent = waiting[-1][0]

    def _resend_if_due(self, now_s: float) -> None:
        if not self.is_connected or now_s < self._receipt_due:
            return
        self._resend_s = min(self._resend_s * 2, LONGEST_RESEND_S)
        self._receipt_due = now_s + self._resend_s
        if self._receipt < self._sent and not self._in_flight:
            log.info("agent_resends", above=self._receipt, waiting=self.queue.length)
            self._sent = self._receipt

    def _leave(self) -> None:
        end = monotonic() + FAREWELL_S
        while self._client is not None and self.is_connected and self._in_flight and monotonic() < end:
            self._client.loop(0.1)
        if self._client is not None and self.is_connected:
            self._say_farewell(self._client)
        self._lost()

    def _say_farewell(self, client: Client) -> None:
        """Go when the broker has our last word.

        A socket closed over an unread answer is reset, and what the broker had not read by then is gone: it would speak
        our will, after our own word or instead of it.
        """
        end = monotonic() + FAREWELL_S
        word = client.publish(f"{self.topic}/status", "offline", qos=1, retain=True)
        while self.is_connected and not word.is_published() and monotonic() < end:
            client.loop(0.1)
        client.disconnect()
        while client.socket() is not None and monotonic() < end:
            client.loop(0.1)

    def _lost(self) -> None:
        self._client, self.is_connected = None, False
        self._in_flight.clear()

    # Called by paho from our own `loop`; they only take note.
    def _connected(self, client: Client, _: Any, flags: ConnectFlags, why: ReasonCode, more: Properties | None) -> None:
        if why.is_failure:
            self._wait_s = LONGEST_WAIT_S  # a wrong secret does not become right by asking faster
            log.warning("agent_refused", machine=self.address.machine, reason=str(why))
            return
        self.is_connected, self._wait_s = True, FIRST_WAIT_S
        self._sent = self._receipt
        self._receipt_due = monotonic() + self._resend_s
        client.publish(f"{self.topic}/status", "online", qos=1, retain=True)
        client.subscribe(f"{self.topic}/receipt", qos=1)
        if self.diagnoser is not None:
            client.subscribe(f"{self.topic}/ask", qos=1)
        log.info("agent_connected", machine=self.address.machine, waiting=self.queue.length)

    def _disconnected(
        self, client: Client, _: Any, flags: DisconnectFlags, why: ReasonCode, more: Properties | None
    ) -> None:
        self.is_connected = False

    def _published(self, client: Client, _: Any, mid: int, why: ReasonCode, more: Properties) -> None:
        self._in_flight.discard(mid)

    def _heard(self, client: Client, _: Any, received: MQTTMessage) -> None:
        if received.topic == f"{self.topic}/ask":
            self._asked(client, received)
            return
        try:
            seq = int(orjson.loads(received.payload)["seq"])
        except (ValueError, KeyError, TypeError):
            log.warning("agent_odd_receipt", payload=received.payload[:80].decode(errors="replace"))
            return
        self.queue.forget(seq)
        self._receipt = max(self._receipt, seq)
        self._sent = max(self._sent, seq)
        self._resend_s = RESEND_AFTER_S
        self._receipt_due = monotonic() + self._resend_s

    def _asked(self, client: Client, received: MQTTMessage) -> None:
        """Read what was asked and say it; the readings are quick, and nothing else waits for long."""
        answer = self.diagnoser.answer(bytes(received.payload), retained=received.retain) if self.diagnoser else None
        if answer is not None:
            client.publish(f"{self.topic}/answer", answer, qos=1)
