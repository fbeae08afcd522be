"""The packets of MQTT 3.1.1, read and built. Plain: bytes in, bytes out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

CONNECT: Final = 1
PUBLISH: Final = 3
PUBACK: Final = 4
PUBREL: Final = 6
SUBSCRIBE: Final = 8
UNSUBSCRIBE: Final = 10
PINGREQ: Final = 12
DISCONNECT: Final = 14

ACCEPTED: Final = 0
BAD_VERSION: Final = 1
BAD_CLIENT_ID: Final = 2
NOT_AUTHORISED: Final = 5
REFUSED_FILTER: Final = 0x80

PINGRESP: Final = b"\xd0\x00"
LEAVE: Final = b"\xe0\x00"
# To a client of MQTT 5, in its own form: unsupported protocol version.
NO_VERSION_5: Final = b"\x20\x03\x00\x84\x00"

_WORD: Final = struct.Struct(">H")


class Malformed(ValueError):
    """What came is not MQTT as we speak it; the connection cannot go on."""


class Oversize(Malformed):
    """A packet larger than we take."""


@dataclass(frozen=True, slots=True)
class Connect:
    """What a client says first. `level` is 4 for MQTT 3.1.1; of another level nothing else is filled in."""

    level: int
    client_id: str = ""
    clean: bool = True
    keepalive_s: int = 0
    username: str = ""
    password: bytes = b""
    will: tuple[str, bytes, int, bool] | None = None  # topic, payload, QoS, retain


@dataclass(frozen=True, slots=True)
class Publish:
    """A message on its way. `packet_id` is 0 for QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    packet_id: int = 0


def split(buffer: bytearray, largest: int) -> tuple[int, int, int] | None:
    """The packet at the front as (first byte, start of its body, end); None when it has not all come.

    Raises `Malformed`, also for one above `largest` bytes, as soon as its length is known.
    """
    length = 0
    for i in range(1, 5):
        if i >= len(buffer):
            return None
        byte = buffer[i]
        length |= (byte & 127) << 7 * (i - 1)
        if not byte & 128:
            if length > largest:
                raise Oversize(f"a packet of {length} bytes")
            end = i + 1 + length
            return (buffer[0], i + 1, end) if len(buffer) >= end else None
    raise Malformed("a length of more than four bytes")


def cut(data: bytes, at: int) -> tuple[int, int, int] | None:
    """The packet at `at` as (first byte, start of its body, end); None when it has not all come. Raises `Malformed`.

    For a peer we trust with the size of its packets; `split` is for one we do not.
    """
    size = len(data)
    if at + 2 > size:
        return None
    length, body, shift = data[at + 1], at + 2, 7
    if length > 127:
        length &= 127
        while True:
            if body >= size:
                return None
            byte = data[body]
            body += 1
            length |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 21:
                raise Malformed("a length of more than four bytes")
    end = body + length
    return (data[at], body, end) if end <= size else None


class Body:
    """Reading a packet's body from the front; every step raises `Malformed` when there is less than it wants."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        return self._take(1)[0]

    def word(self) -> int:
        return int(_WORD.unpack(self._take(2))[0])

    def binary(self) -> bytes:
        return self._take(self.word())

    def text(self) -> str:
        try:
            text = self.binary().decode("utf-8")
        except UnicodeDecodeError as problem:
            raise Malformed("a text that is not UTF-8") from problem
        if "\0" in text:
            raise Malformed("a text with a NUL")
        return text

    def rest(self) -> bytes:
        return self._take(len(self._data) - self._at)

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise Malformed("a packet that ends too soon")
        self._at += count
        return taken


def read_connect(data: bytes) -> Connect:
    """Raises `Malformed`."""
    body = Body(data)
    name, level = body.text(), body.byte()
    if name != "MQTT" or level != 4:
        return Connect(level)
    flags, keepalive_s = body.byte(), body.word()
    if flags & 1 or (flags >> 3 & 3) > 2:
        raise Malformed("connect flags")
    client_id = body.text()
    will = (body.text(), body.binary(), flags >> 3 & 3, bool(flags & 32)) if flags & 4 else None
    username = body.text() if flags & 128 else ""
    password = body.binary() if flags & 64 else b""
    return Connect(level, client_id, bool(flags & 2), keepalive_s, username, password, will)


def read_publish(first: int, data: bytes) -> Publish:
    """Raises `Malformed`."""
    body = Body(data)
    qos = first >> 1 & 3
    topic = body.text()
    if qos > 2 or not topic or "+" in topic or "#" in topic:
        raise Malformed("a publication's topic or QoS")
    packet_id = body.word() if qos else 0
    if qos and not packet_id:
        raise Malformed("a packet id of zero")
    return Publish(topic, body.rest(), qos, bool(first & 1), packet_id)


def read_filters(data: bytes, *, with_qos: bool) -> tuple[int, list[tuple[str, int]]]:
    """Packet id and filters of a SUBSCRIBE (`with_qos`) or UNSUBSCRIBE. Raises `Malformed`."""
    body = Body(data)
    packet_id = body.word()
    filters: list[tuple[str, int]] = []
    while body:
        filters.append((body.text(), body.byte() if with_qos else 0))
    if not packet_id or not filters:
        raise Malformed("a subscription to nothing")
    return packet_id, filters


def is_filter(text: str) -> bool:
    """Whether wildcards stand where MQTT 3.1.1 section 4.7.1 allows them."""
    levels = text.split("/")
    return bool(text) and all(
        (level == "#" and i == len(levels) - 1) or level == "+" or not ("#" in level or "+" in level)
        for i, level in enumerate(levels)
    )


def connect(client_id: str, username: str, password: bytes, keepalive_s: int = 10) -> bytes:
    """A clean session under a name and its secret."""

    def field(value: bytes) -> bytes:
        return _WORD.pack(len(value)) + value

    who = field(client_id.encode()) + field(username.encode()) + field(password)
    body = field(b"MQTT") + bytes((4, 0b11000010)) + _WORD.pack(keepalive_s) + who
    return b"\x10" + _length(len(body)) + body


def connack(code: int, *, session_present: bool = False) -> bytes:
    return bytes((0x20, 2, int(session_present), code))


def publish(message: Publish, *, duplicate: bool = False) -> bytes:
    """The packet that carries a message."""
    topic = message.topic.encode()
    tail = _WORD.pack(message.packet_id) if message.qos else b""
    size = 2 + len(topic) + len(tail) + len(message.payload)
    first = 0x30 | duplicate << 3 | message.qos << 1 | message.retain
    return b"".join((bytes((first,)), _length(size), _WORD.pack(len(topic)), topic, tail, message.payload))


def answer(kind: int, packet_id: int, codes: bytes = b"") -> bytes:
    """PUBACK and its kin: a first byte, a packet id, and for SUBACK what was granted."""
    return bytes((kind,)) + _length(2 + len(codes)) + _WORD.pack(packet_id) + codes


def _length(size: int) -> bytes:
    parts = bytearray()
    while size > 127:
        parts.append(size & 127 | 128)
        size >>= 7
    parts.append(size)
    return bytes(parts)
