"""Two ways for the bridge to read MQTT and to answer it, behind one switch: `quick`, all that is there in one piece,
and `stock`, paho's own loop.

paho takes the network byte by byte, one packet a call, and makes an object and a log line of each. Quick cuts the
PUBLISH packets out of one large piece itself and leaves every other packet to paho, and it writes the acknowledgements
of many messages as one. For that it uses private parts of paho 2.2, which is pinned; tests/pipe/test_bridge_reading.py
names them. Neither way decides what is acknowledged: that is `AckWindow`'s.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.exception import MalformedPacket

from telemetry.mqtt_wire import Malformed, cut

log = structlog.get_logger()

# First byte of the packet, topic, packet id (0: QoS 0), payload, arrival in epoch ms.
Take = Callable[[int, bytes, int, bytes, int], None]

AT_ONCE: Final = 1 << 18  # bytes; Mosquitto's window of 2,000 messages of 300 bytes is twice as much
# After a piece the network is left alone for so long: ten messages a turn cost a third of ten turns.
BREATH_S: Final = 0.004
_PUBLISH, _PUBACK = 0x30, 0x40
_QOS: Final = 0x06
_LEAVE_S: Final = 2.0
_DISCONNECT: Final = b"\xe0\x00"


class Reading(Protocol):
    """Belongs to the bridge's thread."""

    def read(self) -> None:
        """Take what is there; the socket was said to be readable. A connection that ended is paho's to tell."""

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Send a PUBACK for each, in this order, on the present connection."""

    def pause(self) -> float:
        """Seconds for which there is no use in looking at the network."""


class Stock:
    """paho's own loop, by its public names; of a message only its raw topic is private."""

    def __init__(self, client: mqtt.Client, take: Take) -> None:
        self._client, self._take = client, take
        client.on_message = self._arrived

    def read(self) -> None:
        self._client.loop_read()
        while _waits(self._client.socket()):
            self._client.loop_read()

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        for packet_id in packet_ids:
            self._client.ack(packet_id, 1)

    def pause(self) -> float:
        return 0.0

    def _arrived(self, client: Any, data: Any, message: mqtt.MQTTMessage) -> None:
        first = _PUBLISH | message.dup << 3 | message.qos << 1 | message.retain
        topic: bytes = message._topic  # paho decodes it only on demand, and raises when it is not UTF-8
        packet_id = message.mid if message.qos else 0
        self._take(first, topic, packet_id, bytes(message.payload), time.time_ns() // 1_000_000)


class Quick:
    """Everything that is there at once."""

    def __init__(self, client: mqtt.Client, take: Take) -> None:
        self._client, self._take = client, take
        self._socket: object = None  # the connection that `_rest` came on
        self._rest = b""  # the front of a packet that has not all come
        self._again_at = 0.0

    def pause(self) -> float:
        return max(0.0, self._again_at - time.monotonic())

    def read(self) -> None:
        client = self._client
        if client._sock is not self._socket:
            self._socket, self._rest = client._sock, b""
        try:
            piece = client._sock_recv(AT_ONCE)
        except BlockingIOError:
            return
        except OSError as problem:
            client._easy_log(mqtt.MQTT_LOG_ERR, "failed to receive on socket: %s", problem)
            piece = b""
        if not piece:
            client._loop_rc_handle(mqtt.MQTT_ERR_CONN_LOST)
            return
        if len(piece) < AT_ONCE:
            self._again_at = time.monotonic() + BREATH_S
        with client._msgtime_mutex:
            client._last_bytes_received = time.monotonic()
        try:
            self._understand(self._rest + piece if self._rest else piece)
        except Malformed:
            client._loop_rc_handle(mqtt.MQTT_ERR_PROTOCOL)
        if _waits(client._sock):
            self.read()  # at most one TLS record, of which a piece was the front

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        if packet_ids:
            many = b"".join([b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in packet_ids])
            self._client._packet_queue(_PUBACK, many, 0, 0)

    def _understand(self, data: bytes) -> None:
        at, arrived_ms, take = 0, time.time_ns() // 1_000_000, self._take
        while (found := cut(data, at)) is not None:
            first, body, end = found
            if first & 0xF0 == _PUBLISH and first & _QOS < 4:
                tail = body + 2 + int.from_bytes(data[body : body + 2], "big")
                topic, packet_id = data[body + 2 : tail], 0
                if first & _QOS:
                    packet_id = int.from_bytes(data[tail : tail + 2], "big")
                    tail += 2
                    if not packet_id:
                        raise Malformed("a packet id of zero")
                if tail > end:
                    raise Malformed("a packet that ends too soon")
                take(first, topic, packet_id, data[tail:end], arrived_ms)
            elif not self._handed_over(first, data[body:end]):
                return
            at = end
        self._rest = data[at:]

    def _handed_over(self, first: int, body: bytes) -> bool:
        """Have paho deal with a packet that is no telemetry; whether the connection still stands."""
        client, coming = self._client, cast("dict[str, Any]", self._client._in_packet)
        coming.update(
            command=first, have_remaining=1, remaining_length=len(body), packet=bytearray(body), to_process=0, pos=0
        )
        try:
            answer = client._packet_handle()
        except MalformedPacket as problem:
            raise Malformed(str(problem)) from problem
        finally:
            coming.update(command=0, have_remaining=0, remaining_length=0, packet=bytearray())
        if answer > 0:
            client._loop_rc_handle(answer)
        return client._sock is self._socket


def _waits(sock: object) -> bool:
    """Whether TLS holds bytes that it has taken from the network already, so that the network would not call again."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def take_leave(client: mqtt.Client) -> None:
    """Say goodbye and wait until the broker has closed its side.

    A socket closed with unread messages in it resets the connection, and the broker then loses acknowledgements it had
    not read yet: it would send again what is in the log.
    """
    sock = client.socket()
    if not isinstance(sock, socket.socket):
        return
    try:
        sock.settimeout(_LEAVE_S)
        sock.sendall(_DISCONNECT)
        sock.shutdown(socket.SHUT_WR)
        until = time.monotonic() + _LEAVE_S
        while sock.recv(1 << 16) and time.monotonic() < until:
            pass
    except OSError as problem:
        log.info("bridge.leave_cut_short", why=str(problem))
    client.disconnect()


READINGS: Final[dict[str, Callable[[mqtt.Client, Take], Reading]]] = {"quick": Quick, "stock": Stock}
