"""The part of protobuf's wire format that a Sparkplug B payload uses (sparkplug_b.proto, Eclipse Sparkplug 3.0). Plain.

Only what a metric needs is decoded: numbers and texts, alone or in arrays, data sets and template instances. Bytes,
files, properties and template definitions are stepped over.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from telemetry.formats.strict import MAX_DEPTH, MAX_METRICS, MAX_PAYLOAD
from telemetry.reading import Refused

_COMPRESSED: Final = "SPBV1.0_COMPRESSED"
_SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
_TEXTS: Final = frozenset({12, 14, 15})
_ARRAYS: Final = {22: "b", 23: "h", 24: "i", 25: "q", 26: "B", 27: "H", 28: "I", 29: "Q", 30: "f", 31: "d", 34: "q"}
_BOOLEANS: Final = 32
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
    raw: int | float | str | bytes | None = None
    inner: tuple[tuple[str, float | str], ...] = ()  # of a data set or a template instance
    problem: Refused | None = None  # why it cannot be read; then nothing else is known of it

    def declared(self, name: str, datatype: int) -> Metric:
        """The metric with what its birth said of its alias."""
        return replace(self, name=name, datatype=self.datatype or datatype)

    def leaves(self) -> Iterator[tuple[str, float | str]]:
        """Every number and text of the metric, with what stands behind its name; none for null and not-a-number."""
        if self.is_null:
            return
        if isinstance(self.raw, bytes):
            for i, item in enumerate(array_of(self.datatype, self.raw)):
                if math.isfinite(item):
                    yield f"/{i}", item
            return
        yield from self.inner
        if (value := self.value()) is not None:
            yield "", value

    def value(self) -> Scalar:
        """A number, a text, or None for null, not-a-number, and kinds that are neither."""
        if self.is_null or self.raw is None or isinstance(self.raw, bytes):
            return None
        if isinstance(self.raw, str):
            return self.raw
        if (bits := _SIGNED_BITS.get(self.datatype)) and isinstance(self.raw, int):
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

    def session(self) -> int | None:
        """``bdSeq``, which some write signed and some unsigned."""
        return next((m.raw for m in self.metrics if m.name == "bdSeq" and isinstance(m.raw, int)), None)


def payload_of(data: bytes) -> Payload:
    """Decode a payload, opening a compressed envelope; anything malformed is ``Refused``.

    Some senders pack the whole payload with gzip instead: its first byte begins no message of protobuf.
    """
    if data[:2] == b"\x1f\x8b":
        return _payload(_opened(data, (31,)))
    message = _payload(data)
    if message.uuid != _COMPRESSED:
        return message
    inner = _payload(_inflate(message))
    return replace(inner, seq=message.seq if inner.seq is None else inner.seq)


def rebirth(at_ms: int) -> bytes:
    """A command to a node to send its births again."""
    name = b"Node Control/Rebirth"
    metric = b"\x0a" + _number(len(name)) + name + b"\x18" + _number(at_ms) + b"\x20\x0b\x70\x01"
    return b"\x08" + _number(at_ms) + b"\x12" + _number(len(metric)) + metric


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _inflate(message: Payload) -> bytes:
    algorithm = next((m.raw for m in message.metrics if m.name == "algorithm"), "DEFLATE")
    # 47 accepts zlib and gzip headers alike; senders that write bare deflate are tried second.
    return _opened(message.body, (47, -15) if algorithm in ("DEFLATE", "GZIP") else ())


def _opened(packed: bytes, windows: Sequence[int]) -> bytes:
    for window in windows:
        opener = zlib.decompressobj(window)
        try:
            body = opener.decompress(packed, MAX_PAYLOAD + 1)
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
            try:
                metrics.append(_metric(value))
            except Refused as refused:  # it takes no neighbour along
                metrics.append(Metric(problem=refused))
        elif number == 3 and wire == 0 and isinstance(value, int):
            seq = value
        elif number == 4 and isinstance(value, bytes):
            uuid = _text(value)
        elif number == 5 and isinstance(value, bytes):
            body = value
    return Payload(timestamp, seq, metrics, uuid, body)


def _metric(data: bytes, depth: int = 0) -> Metric:
    name, alias, timestamp, datatype, is_null = "", None, None, 0, False
    raw: int | float | str | bytes | None = None
    inner: list[tuple[str, float | str]] = []
    for number, wire, value in _fields(data):
        if isinstance(value, bytes):
            if number == 1:
                name = _text(value)
            elif number == 15:
                raw = _text(value)
            elif number == 16:
                raw = value
            elif number == 17:
                inner = list(_data_set(value))
            elif number == 18:
                inner = list(_template(value, depth + 1))
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
    return Metric(name, alias, timestamp, datatype, is_null, raw, tuple(inner))


def _template(data: bytes, depth: int) -> Iterator[tuple[str, float | str]]:
    """The members of an instance; a definition tells of types, not of the machine."""
    if depth > MAX_DEPTH:
        raise Refused("too_deep", "a template inside templates")
    fields = list(_fields(data))
    if any(number == 5 and value for number, _, value in fields):
        return
    for number, _, value in fields:
        if number == 2 and isinstance(value, bytes):
            member = _metric(value, depth)
            for inner, leaf in member.leaves():
                yield f"/{member.name}{inner}", leaf


def _data_set(data: bytes) -> Iterator[tuple[str, float | str]]:
    """The numbers of a table, as ``/column/row``; its texts would not tell one report from the next."""
    columns: list[str] = []
    types: list[int] = []
    rows: list[bytes] = []
    for number, wire, value in _fields(data):
        if number == 2 and isinstance(value, bytes):
            columns.append(_text(value))
        elif number == 3 and isinstance(value, bytes):
            at = 0
            while at < len(value):
                one, at = _varint(value, at)
                types.append(one)
        elif number == 3 and wire == 0 and isinstance(value, int):
            types.append(value)
        elif number == 4 and isinstance(value, bytes):
            rows.append(value)
    if len(rows) * len(columns) > MAX_METRICS:
        raise Refused("too_many_metrics", "a data set")
    for place, row in enumerate(rows):
        cells = [cell for number, _, cell in _fields(row) if number == 1 and isinstance(cell, bytes)]
        if not len(columns) == len(types) == len(cells):
            raise Refused("bad_payload", f"a data set of {len(columns)} columns: a type or a cell is missing")
        for column, datatype, cell in zip(columns, types, cells, strict=True):
            leaf = Metric(datatype=datatype, raw=_cell(cell)).value()
            if isinstance(leaf, float):
                yield f"/{column}/{place}", leaf


def _cell(data: bytes) -> int | float | None:
    found: int | float | None = None
    for number, wire, value in _fields(data):
        if isinstance(value, int) and number in (1, 2, 5):
            found = value
        elif isinstance(value, bytes) and (number, wire) in {(3, 5), (4, 1)}:
            found = struct.unpack("<f" if wire == 5 else "<d", value)[0]
    return found


def array_of(datatype: int, data: bytes) -> list[float]:
    """The numbers of a packed array (datatypes 22 to 34); nothing for plain bytes and for texts."""
    if datatype == _BOOLEANS:
        count = int.from_bytes(data[:4], "little")
        if count > 8 * (len(data) - 4) or count > MAX_METRICS:
            raise Refused("bad_payload", "an array of booleans is cut short")
        return [float(data[4 + i // 8] >> (7 - i % 8) & 1) for i in range(count)]
    if (code := _ARRAYS.get(datatype)) is None:
        return []
    size = struct.calcsize(f"<{code}")
    if len(data) % size or len(data) // size > MAX_METRICS:
        raise Refused("bad_payload", "an array is cut short or too long")
    return [float(item) for item in struct.unpack(f"<{len(data) // size}{code}", data)]


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
