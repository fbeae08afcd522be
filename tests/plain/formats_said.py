"""Helpers of the tests of wire formats: messages in, what they say out; a protobuf writer for Sparkplug payloads."""

from __future__ import annotations

import base64
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import pytest

from telemetry.formats import Decoder
from telemetry.reading import Heard, Reading, Refused

NOW = 1_795_338_200_000
SHARED = pathlib.Path(os.environ.get("VIGIE_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")


def heard(*messages: tuple[str, str | bytes], believes: bool = True) -> list[Heard]:
    """What a recording of these messages says, cycles closed at the end."""
    decoder = Decoder(believes=believes)
    out: list[Heard] = []
    for topic, payload in messages:
        out += decoder.decode(topic, payload.encode() if isinstance(payload, str) else payload, NOW)
    return out + list(decoder.flush())


def readings(*messages: tuple[str, str | bytes], believes: bool = True) -> list[Reading]:
    return [h for h in heard(*messages, believes=believes) if isinstance(h, Reading)]


def only(*messages: tuple[str, str | bytes], believes: bool = True) -> Reading:
    (found,) = readings(*messages, believes=believes)
    return found


def refusal(topic: str, payload: str | bytes, believes: bool = True) -> Refused:
    with pytest.raises(Refused) as caught:
        heard((topic, payload), believes=believes)
    return caught.value


def shared(name: str) -> list[dict[str, Any]]:
    path = SHARED / "captures" / name
    if not path.exists():
        pytest.skip(f"the shared captures are not here: {path}")
    return [json.loads(line) for line in path.read_text().splitlines()]


def bytes_of(line: dict[str, Any]) -> bytes:
    return base64.b64decode(line["payload_b64"]) if "payload_b64" in line else line["payload"].encode()


# ---- Sparkplug payloads, byte by byte


def varint(n: int) -> bytes:
    out = b""
    while n > 0x7F:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def field(number: int, body: bytes | str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def metric(name: str, datatype: int, value: bytes, alias: int | None = None) -> bytes:
    named = (field(1, name) if name else b"") + (whole(2, alias) if alias is not None else b"")
    return field(2, named + (whole(4, datatype) if datatype else b"") + value)


def payload(metrics: Sequence[bytes], seq: int, at: int = NOW) -> bytes:
    return whole(1, at) + b"".join(metrics) + whole(3, seq)


def born(decoder: Decoder, node: str, *metrics: bytes, session: int = 0) -> list[Heard]:
    own = metric("bdSeq", 4, whole(11, session))
    return decoder.decode(f"spBv1.0/G 1/NBIRTH/{node}", payload([own, *metrics], 0), NOW)
