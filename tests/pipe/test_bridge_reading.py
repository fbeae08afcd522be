"""Both ways to read MQTT take the same messages out of the same bytes, however the network cuts them."""

from __future__ import annotations

import random
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from telemetry.bridge import Bridge
from telemetry.bridge_reading import AT_ONCE, READINGS, Quick
from telemetry.log import Done

WAYS = sorted(READINGS)
Taken = tuple[int, bytes, int, bytes]


class Wire:
    """A paho client on one end, the bytes a broker might send on the other."""

    def __init__(self, way: str) -> None:
        self.taken: list[Taken] = []
        self.ended: list[str] = []
        self._port = socket.create_server(("127.0.0.1", 0))
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, "bridge", clean_session=False, manual_ack=True, reconnect_on_failure=False
        )
        self.client.on_disconnect = lambda _client, _data, _flags, reason, _properties: self.ended.append(str(reason))
        self.reading = READINGS[way](self.client, lambda *message: self.taken.append(message[:4]))
        self.connect()

    def connect(self) -> None:
        if hasattr(self, "broker"):
            self.broker.close()
        self.client.connect("127.0.0.1", self._port.getsockname()[1])
        self.broker, _ = self._port.accept()
        self.broker.settimeout(5)
        self.broker.recv(1 << 16)  # its CONNECT
        self.say(b"\x20\x02\x00\x00")

    def say(self, data: bytes, patience_s: float = 0.05) -> None:
        """Send and have it read, as the bridge's loop would."""
        self.broker.sendall(data)
        self.read(patience_s)

    def read(self, patience_s: float = 0.05) -> None:
        while (sock := self.client.socket()) is not None and select.select([sock], [], [], patience_s)[0]:
            self.reading.read()

    def close(self) -> None:
        for sock in (self.client.socket(), self.broker, self._port):
            if isinstance(sock, socket.socket):
                sock.close()


class Silent:
    """A log that takes everything and says nothing of it."""

    def append(self, partition: int, body: bytes, done: Done) -> None:
        pass

    def away_s(self) -> float:
        return 0.0

    def close(self, timeout_s: float) -> None:
        pass


@pytest.fixture(params=WAYS)
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with closing(Wire(request.param)) as made:
        yield made


@pytest.fixture
def quick() -> Iterator[Wire]:
    with closing(Wire("quick")) as made:
        yield made


def publish(topic: bytes, payload: bytes, packet_id: int = 0, *, retain: bool = False, dup: bool = False) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + (packet_id.to_bytes(2, "big") if packet_id else b"") + payload
    length = bytearray()
    size = len(body)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes([0x30 | dup << 3 | bool(packet_id) << 1 | retain, *length]) + body


def any_messages(rng: random.Random, count: int) -> tuple[list[Taken], list[bytes]]:
    taken, packets = [], []
    for i in range(count):
        topic = rng.choice([b"vigie/a/report", b"vigie/\xff\xfe/report", b"x", b"vigie/" + b"n" * 300, b"\0"])
        size = rng.choice([0, 1, 7, 120, 125, 127, 128, 16_383, 16_384, 70_000, AT_ONCE + 5])
        payload = rng.randbytes(size)
        packet_id = rng.choice([0, i % 65_535 + 1])
        retain, dup = rng.random() < 0.3, packet_id > 0 and rng.random() < 0.3
        packet = publish(topic, payload, packet_id, retain=retain, dup=dup)
        taken.append((packet[0], topic, packet_id, payload))
        packets.append(packet)
        if rng.random() < 0.2:
            packets.append(rng.choice([b"\xd0\x00", b"\x90\x03\x00\x01\x01"]))  # PINGRESP, SUBACK
    return taken, packets


@pytest.mark.parametrize("seed", range(3))
def test_every_message_is_taken_once_and_in_order_wherever_the_bytes_are_cut(wire: Wire, seed: int) -> None:
    rng = random.Random(seed)
    expected, packets = any_messages(rng, 40)
    data = b"".join(packets)
    at = 0
    while at < len(data):
        piece = rng.choice([1, 2, 3, 50, 5_000, 400_000])
        wire.say(data[at : at + piece], 0.0)
        at += piece
    wire.read()
    assert wire.taken == expected
    assert wire.ended == []


def test_a_byte_at_a_time_comes_to_the_same(wire: Wire) -> None:
    for byte in publish(b"vigie/a/report", b"x" * 130, 7) + publish(b"vigie/a/report", b"", 8):
        wire.say(bytes([byte]), 0.001)
    wire.read()
    assert [message[2:] for message in wire.taken] == [(7, b"x" * 130), (8, b"")]


def test_half_a_message_of_a_connection_that_ended_is_forgotten(wire: Wire) -> None:
    whole = publish(b"vigie/a/report", b"first", 1)
    wire.say(whole[:9])
    wire.broker.close()
    wire.read()
    assert wire.ended != []
    assert wire.client.socket() is None
    wire.connect()
    wire.say(publish(b"vigie/a/report", b"second", 1))
    assert [message[3] for message in wire.taken] == [b"second"]


def test_acknowledgements_go_out_in_the_order_they_are_given(wire: Wire) -> None:
    wire.reading.acknowledge([])
    wire.reading.acknowledge([513, 2, 65_535])
    wire.client.loop_write()
    heard = b"".join(wire.broker.recv(4) for _ in range(3))
    assert heard == bytes([0x40, 2, 2, 1, 0x40, 2, 0, 2, 0x40, 2, 255, 255])


def test_what_the_log_confirms_between_two_connections_is_not_acknowledged_on_the_next() -> None:
    bridge, sent = Bridge(Silent(), 1, "bridge", "secret", "bridge-1"), []
    with closing(bridge._ear), closing(bridge._bell):
        bridge._reading.acknowledge = sent.extend  # type: ignore[method-assign]  # what it would put on the line
        connected = (
            bridge._client,
            None,
            SimpleNamespace(session_present=True),
            SimpleNamespace(is_failure=False),
            None,
        )
        bridge._on_connect(*connected)
        early, late, lost = (bridge._window.open(packet_id) for packet_id in (7, 8, 9))
        bridge._aside = [early]
        bridge._settle()
        assert sent == [7]
        bridge._on_disconnect(bridge._client, None, None, "gone", None)
        bridge._aside = [late]
        bridge._settle()  # the new socket may be open by now, and the broker has not answered on it
        bridge._on_connect(*connected)
        bridge._aside = [lost]
        bridge._settle()
        assert sent == [7]
        bridge._aside = [bridge._window.open(8)]
        bridge._settle()
        assert sent == [7, 8]


def test_a_refusing_broker_is_told_by_paho(wire: Wire) -> None:
    said: list[bool] = []
    wire.client.on_connect = lambda _client, _data, _flags, reason, _properties: said.append(reason.is_failure)
    wire.say(b"\x20\x02\x00\x05" + publish(b"vigie/a/report", b"after", 1))
    assert said == [True]
    assert wire.client.socket() is None
    assert wire.taken == []


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x32\x10\x00\x20",  # a topic longer than its packet
        b"\x32\x01\x00",  # too short for a topic's length
        b"\x32\x05\x00\x01x\x00\x00",  # packet id zero
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x36\x05\x00\x01x\x00\x01",  # QoS 3
        b"\x00\x00",  # no packet of this kind
    ],
)
def test_nonsense_ends_the_connection_and_takes_nothing(quick: Wire, nonsense: bytes) -> None:
    quick.say(publish(b"vigie/a/report", b"before", 3) + nonsense + b"\0" * 20)
    assert [message[3] for message in quick.taken] == [b"before"]
    assert quick.client.socket() is None
    assert len(quick.ended) == 1


def test_what_is_read_counts_as_a_sign_of_life(quick: Wire) -> None:
    quick.client._last_bytes_received = 0.0
    quick.say(publish(b"vigie/a/report", b"x", 1))
    assert quick.client._last_bytes_received > 0


def test_the_private_parts_of_paho_that_quick_uses_are_there(quick: Wire) -> None:
    client: Any = quick.client
    assert isinstance(quick.reading, Quick)
    for name in ("_sock_recv", "_loop_rc_handle", "_packet_queue", "_packet_handle", "_easy_log"):
        assert callable(getattr(client, name)), name
    fields = {"command", "have_remaining", "remaining_length", "packet", "to_process", "pos"}
    assert fields <= client._in_packet.keys()
    with client._msgtime_mutex:
        assert client._last_bytes_received > 0
    # An acknowledgement that found no connection must not go out on the next one.
    client._sock_close()
    quick.reading.acknowledge([5])
    quick.connect()
    quick.broker.settimeout(0.2)
    with pytest.raises(TimeoutError):
        quick.broker.recv(10)
