"""Many MQTT messages in one log record, each whole: one poison message never takes its neighbours along. Plain."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_VERSION = 1
_RETAINED, _DUPLICATE = 1, 2
_UNMARKED = (False, False)
_HEAD = struct.Struct("<BI")  # version, how many
_EACH = struct.Struct("<QBHI")  # arrival ms, flags, length of topic, length of payload


class Damaged(ValueError):
    """A log record that is not one of ours or was cut; the words say where."""


class Envelope(NamedTuple):
    """One message as it came: nobody has looked inside. `topic` is bytes, because it may not be valid UTF-8."""

    topic: bytes
    payload: bytes
    arrived_ms: int  # our clock, epoch ms
    retained: bool = False  # handed to us as an old message, at subscribing
    duplicate: bool = False  # the broker sends it again


def framed(topic: bytes, payload: bytes, arrived_ms: int, *, retained: bool, duplicate: bool) -> tuple[bytes, ...]:
    """The pieces of one message, for `record_of`."""
    flags = (_RETAINED if retained else 0) | (_DUPLICATE if duplicate else 0)
    return _EACH.pack(arrived_ms, flags, len(topic), len(payload)), topic, payload


def record_of(pieces: Iterable[bytes], messages: int) -> bytes:
    """One record of so many messages, from all their pieces in order."""
    return b"".join((_HEAD.pack(_VERSION, messages), *pieces))


def packed(envelopes: Iterable[Envelope]) -> bytes:
    """One record. A topic has at most 65,535 bytes by MQTT's own rule."""
    each = [framed(e.topic, e.payload, e.arrived_ms, retained=e.retained, duplicate=e.duplicate) for e in envelopes]
    return record_of((piece for pieces in each for piece in pieces), len(each))


def unpacked(body: bytes) -> Iterator[Envelope]:
    """The messages of one record, in order. Raises `Damaged`, when it comes to the damage."""
    if len(body) < _HEAD.size:
        raise Damaged(f"{len(body)} bytes are no record")
    version, count = _HEAD.unpack_from(body)
    if version != _VERSION:
        raise Damaged(f"version {version} is unknown")
    at, size, each, head, new = _HEAD.size, len(body), _EACH.size, _EACH.unpack_from, tuple.__new__
    for item in range(count):
        if at + each > size:
            raise Damaged(f"cut in message {item} of {count}")
        arrived, flags, topic, payload = head(body, at)
        at += each
        middle = at + topic
        end = middle + payload
        if end > size:
            raise Damaged(f"cut in message {item} of {count}")
        marks = (flags & _RETAINED != 0, flags & _DUPLICATE != 0) if flags else _UNMARKED
        yield new(Envelope, (body[at:middle], body[middle:end], arrived, *marks))  # its own way costs a call more
        at = end
    if at != size:
        raise Damaged(f"{size - at} bytes after the last message")
