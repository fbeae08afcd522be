"""What the bridge says to machines: receipts the broker retains, nothing more of a machine that is gone, to a Sparkplug
node whose words no longer fit together, to be born again, and to all of them whether their primary host is there.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from telemetry import mqtt_tls
from telemetry.broker_access import HOST_USER, STATE_2_2
from telemetry.formats.sparkplug import NAMESPACE
from telemetry.formats.sparkplug_wire import rebirth

log = structlog.get_logger()

_KEEPALIVE_S: Final = 8
_MOST_SEEN: Final = 100_000
_MOST_UNBORN: Final = 1_000  # who is forgotten here is asked at its next word that does not fit
_OF_A_MACHINE: Final = ("receipt", "status")
# The id Sparkplug nodes are given for their primary host, and where both versions of the specification look for it.
HOST: Final = "vigie"
STATE: Final = f"{NAMESPACE}/STATE/{HOST}"  # 3.0: JSON with the instant of this session


class Elder:
    """The state of the primary host as nodes of Sparkplug 2.2 read it: a second connection, for the sake of its will.

    A connection has one will, and the bridge's own says the state in the words of 3.0. This one carries nothing else;
    a broker that does not know its user is told of in the log, and all else goes on. A thread of paho's.
    """

    def __init__(self, secret: str, host: str, port: int, ca: Path | None) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, HOST_USER)
        self._client.username_pw_set(HOST_USER, secret)
        self._client.will_set(STATE_2_2, b"OFFLINE", 1, retain=True)
        self._client.on_connect = self._on_connect
        if ca is not None:
            self._client.tls_set_context(mqtt_tls.context(mqtt_tls.Tls(ca)))
        self._client.reconnect_delay_set(5, 60)
        self._client.connect_async(host, port, _KEEPALIVE_S)
        self._client.loop_start()

    def leave(self) -> None:
        """Go politely: the broker says no will, the bridge has said that it leaves."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            log.warning("bridge.no_will_for_2_2", user=HOST_USER, why=str(reason))
            client.disconnect()
            return
        client.publish(STATE_2_2, b"ONLINE", 1, retain=True)


class Retained:
    """Filled by the desk's thread and by paho, told by the bridge's loop; deques need no lock."""

    def __init__(self, secret: str) -> None:
        self.receipts = 0  # published
        self._secret = secret
        self._elder: Elder | None = None
        self._waiting: deque[tuple[str, int | None]] = deque()  # None: the machine is gone
        self._unborn: deque[tuple[str, str]] = deque(maxlen=_MOST_UNBORN)
        self._asks: deque[tuple[str, bytes]] = deque()
        self._seen: deque[str] = deque(maxlen=_MOST_SEEN)
        self._since_ms = 0  # of this session, in its will and in its word that it is there: they must be the same
        self._is_new = False

    def make_will(self, client: mqtt.Client, host: str, port: int, ca: Path | None) -> None:
        """Have the broker say that the primary host is gone, should it go without a word. Before each connect."""
        if self._elder is None:
            self._elder = Elder(self._secret, host, port, ca)
        self._since_ms, self._is_new = time.time_ns() // 1_000_000, True
        client.will_set(STATE, self._host(online=False), 1, retain=True)

    def say_there(self, client: mqtt.Client, *, online: bool = True) -> None:
        """Tell Sparkplug nodes that their primary host is there, or takes its leave."""
        if self._elder is not None and not online:
            self._elder.leave()
        client.publish(STATE, self._host(online=online), 1, retain=True)
        client.publish(STATE_2_2, b"ONLINE" if online else b"OFFLINE", 1, retain=True)

    def _host(self, *, online: bool) -> bytes:
        return b'{"online":%s,"timestamp":%d}' % (b"true" if online else b"false", self._since_ms)

    def publish(self, machine: str, seq: int) -> None:
        """Tell a machine that everything up to `seq` is stored; told once connected."""
        self._waiting.append((machine, seq))

    def forget(self, machine: str) -> None:
        """Have the broker retain nothing more of a machine; done once connected."""
        self._waiting.append((machine, None))

    def ask_birth(self, group: str, node: str) -> None:
        """Ask a Sparkplug node for its birth certificates; asked once connected."""
        self._unborn.append((group, node))

    def ask(self, machine: str, question: bytes) -> None:
        """Ask a machine for a reading; asked once connected."""
        self._asks.append((machine, question))

    def saw(self, machine: bytes) -> None:
        """The broker handed us something it retains of this machine."""
        self._seen.append(machine.decode("utf-8", "replace"))

    def take_seen(self) -> set[str]:
        """Machines the broker was seen to retain something of, since the last call."""
        return {self._seen.popleft() for _ in range(len(self._seen))}

    def tell(self, client: mqtt.Client) -> None:
        """Publish what waits. Receipts by QoS 0: they are retained, and the next one says as much again."""
        if self._is_new:
            self._is_new = False
            self.say_there(client)
        while self._unborn:
            group, node = self._unborn.popleft()
            client.publish(f"{NAMESPACE}/{group}/NCMD/{node}", rebirth(time.time_ns() // 1_000_000), 0)
        while self._asks:
            machine, question = self._asks.popleft()
            client.publish(f"vigie/{machine}/ask", question, 1)  # once: nothing says it again
        while self._waiting:
            machine, seq = self._waiting.popleft()
            if seq is not None:
                client.publish(f"vigie/{machine}/receipt", b'{"seq": %d}' % seq, 0, retain=True)
                self.receipts += 1
            else:
                for word in _OF_A_MACHINE:
                    client.publish(f"vigie/{machine}/{word}", b"", 0, retain=True)


def may_be_ours(topic: bytes) -> bool:
    """Whether any payload under this topic could be no telemetry: the broker's own word, or `is_no_report`'s."""
    return topic.startswith(b"$") or topic.endswith((b"/receipt", b"/ask", b"/status"))


def is_no_report(levels: list[bytes], payload: bytes) -> bool:
    """The echo of what we publish ourselves, or a status taken back, which says nothing."""
    if len(levels) != 3 or levels[0] != b"vigie":
        return False
    return levels[2] in (b"receipt", b"ask") or (levels[2] == b"status" and not payload)
