"""The part of protobuf's wire format that a Sparkplug B payload uses (sparkplug_b.proto, Eclipse Sparkplug 3.0). Plain.

Only what a metric needs is decoded; data sets, templates and properties are stepped over.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from telemetry.formats.strict import MAX_METRICS, MAX_PAYLOAD
from telemetry.reading import Refused

_COMPRESSED: Final = "SPBV1.0_COMPRESSED"
_SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
_TEXTS: Final = frozenset({12, 14, 15})
Scalar = float | str | None
Field = tuple[int, int, int | bytes]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it stands on the wire; integers are still unsigned."""

    name: str = ""
    alias: int | None = None
    timestamp: int | None = None
    datatype: int = 0
    is_null: bool = False
    raw: int | float | str | None = None

    def declared(self, name: str, datatype: int) -> Metric:
        """The metric with what its birth said of its alias."""
        return replace(self, name=name, datatype=self.datatype or datatype)

    def value(self) -> Scalar:
        """A number, a text, or None for null, not-a-number, and kinds that are neither."""
        if self.is_null or self.raw is None or isinstance(self.raw, str):
            return None if self.is_null else self.raw if isinstance(self.raw, str) else None
        bits = _SIGNED_BITS.get(self.datatype)
        if bits is not None and isinstance(self.raw, int):
            low = self.raw & ((1 << bits) - 1)
            return float(low - (1 << bits) if low >> (bits - 1) else low)
        as_float = float(self.raw)
        return as_float if math.isfinite(as_float) else None


@dataclass(frozen=True, slots=True)
class Payload:
    """One message: its instant (epoch ms), session sequence, metrics."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric] = field(default_factory=list)
    uuid: str = ""
    body: bytes = b""


def payload_of(data: bytes) -> Payload:
    """Decode a payload, opening a compressed envelope; anything malformed is ``Refused``."""
    message = _payload(data)
    if message.uuid == _COMPRESSED:
        return _payload(_inflate(message))
    return message


def _inflate(message: Payload) -> bytes:
    algorithm = next((m.raw for m in message.metrics if m.name == "algorithm"), "DEFLATE")
    # 47 accepts zlib and gzip headers alike; senders that write bare deflate are tried second.
    for window in (47, -15) if algorithm in ("DEFLATE", "GZIP") else ():
        opener = zlib.decompressobj(window)
        try:
            body = opener.decompress(message.body, MAX_PAYLOAD + 1)
        except zlib.error:
            continue
        if len(body) > MAX_PAYLOAD:
            raise Refused("too_large", "the compressed body opens to more than we accept")
        return body
    raise Refused("bad_payload", "the compressed body cannot be opened")


def _payload(data: bytes) -> Payload:
    timestamp = seq = None
    metrics: list[Metric] = []
    uuid, body = "", b""
    for number, wire, value in _fields(data):
        if number == 1 and wire == 0 and isinstance(value, int):
            timestamp = value
        elif number == 2 and isinstance(value, bytes):
            if len(metrics) >= MAX_METRICS:
                raise Refused("too_many_metrics")
            metrics.append(_metric(value))
        elif number == 3 and wire == 0 and isinstance(value, int):
            seq = value
        elif number == 4 and isinstance(value, bytes):
            uuid = _text(value)
        elif number == 5 and isinstance(value, bytes):
            body = value
    return Payload(timestamp, seq, metrics, uuid, body)


def _metric(data: bytes) -> Metric:
    name, alias, timestamp, datatype, is_null = "", None, None, 0, False
    raw: int | float | str | None = None
    for number, wire, value in _fields(data):
        if isinstance(value, bytes):
            if number == 1:
                name = _text(value)
            elif number == 15:
                raw = _text(value)
            elif number == 12 and wire == 5:
                raw = struct.unpack("<f", value)[0]
            elif number == 13 and wire == 1:
                raw = struct.unpack("<d", value)[0]
        elif number == 2:
            alias = value
        elif number == 3:
            timestamp = value
        elif number == 4:
            datatype = value
        elif number == 7:
            is_null = bool(value)
        elif number in (10, 11, 14):
            raw = int(bool(value)) if number == 14 else value
    if raw is not None and not isinstance(raw, str) and datatype in _TEXTS:
        raw = None
    return Metric(name, alias, timestamp, datatype, is_null, raw)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not_utf8", "a text inside the payload") from None


def _fields(data: bytes) -> Iterator[Field]:
    """Field number, wire type, and an integer (varint) or the bytes of a fixed or length-delimited field."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise Refused("bad_payload", "field number 0")
        if wire == 0:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise Refused("bad_payload", f"wire type {wire}")
        if at + size > end:
            raise Refused("bad_payload", "cut short")
        yield number, wire, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise Refused("bad_payload", "a number is cut short")
