"""Recordings: one JSON object a line, plain or gzip: ``{t_ms, topic, qos, retain, payload | payload_b64}``.

A request over HTTP (``{t_ms, method, path, headers, body | body_b64}``) is a message whose topic is the path, its body
unpacked as its headers say.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import heapq
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson


class BadRecording(ValueError):
    """A line that is no recorded message; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a broker carried; ``t_ms`` is when it arrived, epoch milliseconds."""

    t_ms: int
    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False

    def line(self) -> bytes:
        """The message as one line of a recording; bytes that are no UTF-8 go as base64."""
        body: dict[str, Any] = {"t_ms": self.t_ms, "topic": self.topic, "qos": self.qos, "retain": self.retain}
        try:
            body["payload"] = self.payload.decode("utf-8")
        except UnicodeDecodeError:
            body["payload_b64"] = base64.b64encode(self.payload).decode("ascii")
        return orjson.dumps(body) + b"\n"


def messages(path: Path) -> Iterator[Message]:
    """A recording's messages in the order they stand. Raises ``BadRecording``, ``OSError``."""
    with path.open("rb") as raw:
        stream: BinaryIO = raw
        if raw.read(2) == b"\x1f\x8b":
            raw.seek(0)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 20)
        else:
            raw.seek(0)
        number = 0
        try:
            for line in stream:
                number += 1
                if line.strip():
                    yield message_of(line)
        except (BadRecording, EOFError, gzip.BadGzipFile) as e:
            raise BadRecording(f"{path}, line {number}: {e}") from None


def message_of(line: bytes) -> Message:
    """One line as a message."""
    try:
        d = orjson.loads(line)
        if "topic" not in d and "path" in d:
            return _request(d)
        t_ms, topic = d["t_ms"], d["topic"]
        text = d.get("payload")
        payload = base64.b64decode(d["payload_b64"], validate=True) if text is None else text.encode("utf-8")
        qos, retain = d.get("qos", 0), d.get("retain", False)
    except KeyError as e:
        raise BadRecording(f"{e} is missing; a message has t_ms, topic, and payload or payload_b64") from None
    except (ValueError, TypeError, AttributeError, binascii.Error) as e:
        raise BadRecording(f"not a recorded message ({type(e).__name__}: {e})") from None
    if not isinstance(t_ms, int) or isinstance(t_ms, bool) or not isinstance(topic, str):
        raise BadRecording("t_ms is a whole number, topic a text")
    return Message(t_ms, topic, payload, qos if isinstance(qos, int) else 0, bool(retain))


def _request(d: dict[str, Any]) -> Message:
    text = d.get("body")
    body = base64.b64decode(d["body_b64"], validate=True) if text is None else text.encode("utf-8")
    encoding = {name.lower(): value for name, value in d.get("headers", {}).items()}.get("content-encoding", "")
    body = _unpacked(body, encoding)
    if not isinstance(d["t_ms"], int) or not isinstance(d["path"], str):
        raise BadRecording("t_ms is a whole number, path a text")
    return Message(d["t_ms"], d["path"].partition("?")[0], body)


def _unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its packing; as it is when it is not packed as its header says."""
    if encoding == "snappy":
        import cramjam  # only recordings of Prometheus need it

        try:
            return bytes(cramjam.snappy.decompress_raw(body))
        except cramjam.DecompressionError:
            return body
    if encoding in {"gzip", "deflate"}:
        with suppress(zlib.error):
            return zlib.decompress(body, 47)
    return body


def merged(paths: Iterable[Path]) -> Iterator[Message]:
    """Several recordings as one stream in time order; within one file the order of its lines stands."""
    return heapq.merge(*(messages(p) for p in paths), key=lambda m: m.t_ms)
