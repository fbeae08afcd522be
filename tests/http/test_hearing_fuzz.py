"""Whatever is sent to the doors for telemetry gets an answer that the API's document names, and never breaks one."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import cramjam
import pytest
from flask import Flask
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from app.openapi import document
from telemetry.formats import remote_write
from tests.cast import NOW
from tests.http.conftest import Visitor
from tests.http.doorsteps import plant as plant
from tests.http.doorsteps import settings as settings
from tests.plant import Plant

ROUNDS = 120  # each a body, a packing and a kind by chance, over all three doors
KINDS = ("application/json", "application/x-ndjson", "application/x-protobuf", "text/plain", "image/png", "", "x/y; =")
PACKINGS = ("", "gzip", "deflate", "snappy", "identity", "br", "gzip, gzip")
FITTING = {
    "/api/v1/reports": ("", "application/json"),
    "/v1/metrics": ("gzip", "application/x-protobuf"),
    "/api/v1/write": ("snappy", "application/x-protobuf"),
}
PIECES = (
    b"{", b"}", b"[", b"]", b":", b",", b'"metrics"', b'"machine"', b'"plant-db-1"', b'"resourceMetrics"', b'"seq"',
    b'"at"', b"-1", b"1e999", b"NaN", b"null", b'"\\ud800"', b'"\\u0000"', b"\xff", b"\x00", b"9" * 400, b"[" * 3000,
)  # fmt: skip


def whole_request() -> bytes:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.add(key="host.name").value.string_value = "plant-db-1"
    resource.scope_metrics.add().metrics.add(name="m").gauge.data_points.add(as_double=1.5)
    return bytes(request.SerializeToString())


def series_request() -> bytes:
    request = remote_write.request_of(b"")
    series = request.timeseries.add()
    for key, value in (("__name__", "load"), ("instance", "plant-db-1:9100")):
        series.labels.add(name=key, value=value)
    series.samples.add(value=1.5, timestamp=round(NOW.timestamp() * 1000) - 3000)
    return bytes(request.SerializeToString())


WHOLE = (
    whole_request(),
    json.dumps([{"machine": "plant-db-1", "metrics": {"a": 1}}, {"machine": 7}, [], {"metrics": {"a": [[]]}}]).encode(),
    b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "x", "gauge": {"dataPoints": [{}]}}]}]}]}',
    series_request(),
)  # fmt: skip


def body(rng: random.Random) -> bytes:
    """Bytes, words of the formats in no order, or a good request with some of its bytes turned."""
    way = rng.randrange(4)
    if way == 0:
        return rng.randbytes(rng.randrange(80))
    if way == 1:
        return b"".join(rng.choice(PIECES) for _ in range(rng.randrange(14)))
    turned = bytearray(rng.choice(WHOLE))
    for _ in range(rng.randrange(4) if way == 2 else 0):
        turned[rng.randrange(len(turned))] = rng.randrange(256)
    return bytes(turned)


def packed(rng: random.Random, plain: bytes, packing: str) -> bytes:
    if rng.random() < 0.2:
        return plain  # not as it says
    ways: dict[str, Callable[[bytes], Any]] = {
        "gzip": lambda b: gzip.compress(b, mtime=0), "deflate": zlib.compress, "snappy": cramjam.snappy.compress_raw,
    }  # fmt: skip
    return bytes(ways.get(packing, lambda b: b)(plain))


@pytest.mark.parametrize("door", ["/api/v1/reports", "/v1/metrics", "/api/v1/write"])
def test_whatever_a_door_for_telemetry_is_sent_gets_a_documented_answer(
    door: str, app: Flask, with_key: Callable[..., Visitor], plant: Plant
) -> None:
    documented = {int(status) for status in document()["paths"][door]["post"]["responses"]}
    who, rng, seen = with_key("plant", ["reports:write"]), random.Random(f"vigie {door}"), Counter[int]()
    for _ in range(ROUNDS):
        packing, kind = FITTING[door] if rng.random() < 0.5 else (rng.choice(PACKINGS), rng.choice(KINDS))
        headers = {"Content-Encoding": packing} if packing else {}
        sent = packed(rng, body(rng), packing)
        answer = who("POST", door, data=sent, headers=headers, content_type=kind)
        assert answer.status_code in documented, (answer.status_code, packing, kind, sent[:200])
        assert b"Traceback" not in answer.data
        seen[answer.status_code] += 1
    assert sum(count for status, count in seen.items() if status < 300) > 0, seen
    assert seen[400] + seen[422] > 10, seen
    assert seen[415] > 10, seen
    plant.settle()  # and the watcher makes of it what it can
