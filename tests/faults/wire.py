"""MQTT packets out of a stream of bytes, as far as a transcript needs them: kind, id, sent again or not. Plain.

Both MQTT 3.1.1 and 5 look alike up to here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

KINDS: Final = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
    "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)  # fmt: skip
_WITH_ID: Final = frozenset({"PUBACK", "PUBREC", "PUBREL", "PUBCOMP"})


class Seen(NamedTuple):
    kind: str
    id: int
    dup: bool
    whole: bytes


class Stream:
    """One direction of one connection. Bytes in; whole packets out; a rest waits for more."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> Iterator[Seen]:
        self.rest += data
        while (length := _length(self.rest)) is not None and len(self.rest) >= length:
            packet, self.rest = self.rest[:length], self.rest[length:]
            yield _seen(packet)


def _length(data: bytes) -> int | None:
    """Of the first packet, header and all; None while too little of it is there."""
    length = 0
    for place in range(1, min(len(data), 5)):
        length |= (data[place] & 0x7F) << (7 * (place - 1))
        if not data[place] & 0x80:
            return 1 + place + length
    return None


def _seen(packet: bytes) -> Seen:
    kind = KINDS[packet[0] >> 4]
    start = 2
    while packet[start - 1] & 0x80:
        start += 1
    id_ = 0
    if kind == "PUBLISH" and packet[0] & 0x06:
        start += 2 + int.from_bytes(packet[start : start + 2], "big")
        id_ = int.from_bytes(packet[start : start + 2], "big")
    elif kind in _WITH_ID:
        id_ = int.from_bytes(packet[start : start + 2], "big")
    return Seen(kind, id_, kind == "PUBLISH" and bool(packet[0] & 0x08), packet)
