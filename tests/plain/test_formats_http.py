"""What comes over HTTP, as decoded: OTLP as captured, remote_write, batches of our own."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import cramjam
import orjson
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from telemetry.formats import Decoder, batch, otlp, remote_write
from telemetry.formats.route import Route
from telemetry.machine import Machine
from telemetry.reading import Event, Reading, Refused
from telemetry.recording import messages
from telemetry.replay import decoded

NOW = 1_795_338_200_000
SHARED = pathlib.Path(os.environ.get("VIGIE_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared")
ROUTE = Route("x", "srv-1", (), NOW)


def name(metric: dict[str, Any], point: dict[str, Any], part: str = "", **more: str) -> str:
    """The name of a series, put together from the expectations by hand."""
    said = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in point["attributes"].items()}
    if not metric["name"].startswith("system."):
        said["service.name"] = metric["resource"]["service.name"]
    labels = [f'{k}="{v}"' for k, v in sorted(said.items())] + [f'{k}="{v}"' for k, v in more.items()]
    return f"{metric['name']}{part}" + (f"{{{','.join(labels)}}}" if labels else "")


def expected(metric: dict[str, Any], point: dict[str, Any]) -> dict[str, float]:
    if "value" in point:
        return {name(metric, point): float(point["value"])}
    out = {
        name(metric, point, f".{part}"): float(point[part]) for part in ("count", "sum", "min", "max") if part in point
    }
    if "bounds" in point:
        les = [*(f"{b:g}" for b in point["bounds"]), "+Inf"]
        return out | {
            name(metric, point, ".bucket", le=le): float(n) for le, n in zip(les, point["buckets"], strict=True)
        }
    base, side = 2 ** (2 ** -point["scale"]), point["positive"]
    for i, count in enumerate(side["buckets"]):
        if count:
            out[name(metric, point, ".bucket", le=f"{base ** (side['offset'] + i + 1):g}")] = float(count)
    return out


def test_otlp_as_captured_gives_exactly_what_its_expectations_hold() -> None:
    folder = SHARED / "captures" / "alerts"
    if not folder.exists():
        pytest.skip(f"the shared captures are not here: {folder}")
    wanted = [json.loads(line) for line in (folder / "otlp-python.expected.jsonl").read_text().splitlines()]
    lines = [json.loads(line) for line in decoded(messages(folder / "otlp-python.jsonl"))]
    assert len(wanted) == len(lines) == 11
    for want, line in zip(wanted, lines, strict=True):
        values: dict[str, float] = {}
        for metric in want["data"]:
            for point in metric["points"]:
                values |= expected(metric, point)
        # The expectations leave out the extremes of exponential histograms, which the bytes hold.
        told = {n: v for n, v in line["metrics"].items() if n in values or ".exp.m" not in n}
        assert told == pytest.approx(values, rel=1e-12)
        assert (line["machine"], line["format"], line["seq"]) == ("srv-00017", "otlp", None)
        assert line["facts"]["service.name"] == want["data"][0]["resource"]["service.name"]


JSON = {
    "resourceMetrics": [
        {
            "resource": {"attributes": [{"key": "host.name", "value": {"stringValue": "srv-9"}}]},
            "scopeMetrics": [
                {
                    "scope": {"name": "s"},
                    "metrics": [
                        {
                            "name": "system.network.io",
                            "unit": "By",
                            "sum": {
                                "aggregationTemporality": 2,
                                "isMonotonic": True,
                                "dataPoints": [
                                    {
                                        "asInt": "1234567890123",
                                        "timeUnixNano": str(NOW * 10**6),
                                        "startTimeUnixNano": "1",
                                    }
                                ],
                            },
                        },
                        {
                            "name": "hits",
                            "sum": {
                                "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
                                "isMonotonic": True,
                                "dataPoints": [
                                    {
                                        "asDouble": 30,
                                        "timeUnixNano": str(NOW * 10**6),
                                        "startTimeUnixNano": str((NOW - 10_000) * 10**6),
                                    }
                                ],
                            },
                        },
                        {"name": "t", "gauge": {"dataPoints": [{"asDouble": "NaN"}, {"asDouble": 2.5, "flags": 1}]}},
                    ],
                }
            ],
            "someFutureField": 1,
        }
    ]
}


def test_otlp_in_json_says_the_same_and_deltas_become_rates() -> None:
    (r,) = otlp.parse(ROUTE, orjson.dumps(JSON))
    assert isinstance(r, Reading)
    assert (r.machine, r.at_ms) == ("srv-1", NOW)  # live, the machine is whoever signed in
    assert r.metrics == {"system.network.io": 1_234_567_890_123.0, "hits": 30.0}
    assert r.counters == {"system.network.io"}
    assert r.deltas == {"hits": 10.0}
    assert Machine("srv-1").measured(r) == {"hits": 3.0}
    (same,) = Decoder(believes=True).decode("/v1/metrics", orjson.dumps(JSON), NOW)
    assert same.machine == "srv-9"


def test_a_point_whose_name_cannot_be_kept_takes_no_other_along() -> None:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    for label in ("good", "x" * 1001):
        scope.metrics.add(name=label).gauge.data_points.add(as_double=1.5, time_unix_nano=NOW * 10**6)
    with pytest.raises(Refused, match="bad_name") as caught:
        otlp.parse(ROUTE, request.SerializeToString())
    assert [dict(h.metrics) for h in caught.value.heard if isinstance(h, Reading)] == [{"good": 1.5}]


def test_a_resource_whose_attributes_cannot_be_kept_takes_no_other_along() -> None:
    sent = ExportMetricsServiceRequest()
    for host, key in (("a", "cloud.region"), ("b", "cloud\0region"), ("c", "cloud.region")):
        resource = sent.resource_metrics.add()
        for name, value in (("host.name", host), (key, "eu")):
            one = resource.resource.attributes.add()
            one.key, one.value.string_value = name, value
        metric = resource.scope_metrics.add().metrics.add()
        metric.name = "system.load"
        for value in (1, 2):
            metric.gauge.data_points.add(as_double=value, time_unix_nano=NOW * 10**6 + value * 10**9)
    with pytest.raises(Refused, match="resource attribute") as caught:
        otlp.parse(Route("", "x", (), NOW, True), sent.SerializeToString())
    assert [h.machine for h in caught.value.heard] == ["a", "a", "c", "c"]
    heard, bad, problem = otlp.judged(Route("", "b", (), NOW), sent.resource_metrics[1])
    assert (heard, bad, problem is not None and problem.reason) == ([], 2, "bad_name")


@pytest.mark.parametrize(
    "body", [b"\xff\xff\xff", b"{", b'{"resourceMetrics": 3}', b'{"resourceMetrics":[],"resourceMetrics":[]}']
)
def test_what_is_no_otlp_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        otlp.parse(ROUTE, body)


def series(**labels: str) -> Any:
    request = remote_write._write_request()()
    one = request.timeseries.add()
    for key, value in labels.items():
        one.labels.add(name=key, value=value)
    return request, one


def test_remote_write_names_series_by_their_labels_and_machines_by_their_instance() -> None:
    request, one = series(__name__="node_cpu_seconds_total", cpu="0", instance="srv-7:9100", job="node")
    one.samples.add(value=12.5, timestamp=NOW)
    one.samples.add(value=float("nan"), timestamp=NOW + 1000)
    packed = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
    body = remote_write.opened(packed)
    (r,) = remote_write.parse(ROUTE, body)
    assert isinstance(r, Reading)
    assert (r.machine, r.at_ms, dict(r.metrics)) == ("srv-1", NOW, {'node_cpu_seconds_total{cpu="0",job="node"}': 12.5})
    assert r.counters == {'node_cpu_seconds_total{cpu="0",job="node"}'}
    (told,) = Decoder(believes=True).decode("/api/v1/write", body, NOW)
    assert told.machine == "srv-7"


@pytest.mark.parametrize(
    ("instance", "machine"), [("srv-7:9100", "srv-7"), ("srv-7", "srv-7"), ("[::1]:9090", "::1"), ("", "")]
)
def test_an_instance_is_a_machine_without_its_port(instance: str, machine: str) -> None:
    _, one = series(__name__="up", instance=instance)
    assert remote_write.identity(one) == machine


def test_what_is_not_packed_or_too_large_is_refused() -> None:
    for body in (b"", b"plain", b"\xff" * 50):
        with pytest.raises(Refused):
            remote_write.opened(body)
    bomb = bytes(cramjam.snappy.compress_raw(b"\0" * (remote_write.MAX_OPENED + 1)))
    with pytest.raises(Refused, match="too_large"):
        remote_write.opened(bomb)


@pytest.mark.parametrize(
    "body",
    [
        b'{"machine":"a","seq":1,"metrics":{"x":1}}\n{"machine":"b","code":"ecc","severity":1,"text":"t"}\n',
        b'[{"machine":"a","seq":1,"metrics":{"x":1}},{"machine":"b","code":"ecc","severity":1,"text":"t"}]',
        b'{"reports":\n[{"machine":"a","seq":1,"metrics":{"x":1}},{"machine":"b","code":"ecc","severity":1,"text":"t"}]}',
    ],
)
def test_a_batch_may_be_lines_an_array_or_an_object(body: bytes) -> None:
    one, two = Decoder(believes=True).decode("/api/v1/reports", body, NOW)
    assert one == Reading("a", NOW, {"x": 1.0}, 1, NOW, "native")
    assert two == Event("b", NOW, "ecc", 1, "t", NOW, "native")


def test_a_bad_line_of_a_batch_takes_no_neighbour_along() -> None:
    items = batch.items_of(b'{"metrics":{"x":1}}\nnonsense\n{"metrics":{"x":2}}')
    assert [isinstance(item, Refused) for item in items] == [False, True, False]
    for body in (b"", b"[]", b"[1,", b'[{"a":1}' + b',{"a":1}' * 500 + b"]"):
        with pytest.raises(Refused):
            batch.items_of(body)


# As the JavaScript SDK 2.x writes it: counts bare, instants as texts, null for what is no number.
JAVASCRIPT = """{"resourceMetrics":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"srv-9"}},
{"key":"process.pid","value":{"intValue":42}},{"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},
{"stringValue":"b"}]}}}],"droppedAttributesCount":0},"scopeMetrics":[{"scope":{"name":"probe","version":"1.0"},"metrics":
[{"name":"hits","description":"","unit":"1","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":
[{"attributes":[{"key":"route","value":{"stringValue":"/b \\"x\\""}},{"key":"ok","value":{"boolValue":true}}],
"startTimeUnixNano":"1795338190000000000","timeUnixNano":"1795338199000000000","asInt":3}]}},
{"name":"load","description":"","unit":"","gauge":{"dataPoints":[{"attributes":[{"key":"cpu","value":{"intValue":0}}],
"startTimeUnixNano":"1795338199000000000","timeUnixNano":"1795338199000000000","asDouble":0.25},{"attributes":[],
"startTimeUnixNano":"1795338199000000000","timeUnixNano":"1795338199000000000","asDouble":null}]}},
{"name":"lat","description":"","unit":"ms","histogram":{"aggregationTemporality":1,"dataPoints":[{"attributes":[],
"bucketCounts":[0,2],"explicitBounds":[5],"count":2,"sum":20.5,"min":7,"max":13.5,
"startTimeUnixNano":"1795338189000000000","timeUnixNano":"1795338199000000000"}]}},
{"name":"exp","description":"","unit":"","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":
[{"attributes":[],"count":4,"sum":-1.5,"scale":0,"zeroCount":1,"positive":{"offset":0,"bucketCounts":[1]},"negative":
{"offset":1,"bucketCounts":[2]},"startTimeUnixNano":"1795338189000000000","timeUnixNano":"1795338199000000000"}]}}]}]}]}"""


def test_otlp_of_a_javascript_sdk_is_read_like_any_other() -> None:
    (r,) = Decoder(believes=True).decode("/v1/metrics", JAVASCRIPT.encode(), NOW)
    assert isinstance(r, Reading)
    assert (r.machine, r.at_ms) == ("srv-9", 1_795_338_199_000)
    assert r.metrics == {
        'hits{ok="true",route="/b \\"x\\""}': 3.0, 'load{cpu="0"}': 0.25,
        "lat.count": 2.0, "lat.sum": 20.5, "lat.min": 7.0, "lat.max": 13.5,
        'lat.bucket{le="5"}': 0.0, 'lat.bucket{le="+Inf"}': 2.0,
        "exp.count": 4.0, "exp.sum": -1.5, 'exp.bucket{le="-2"}': 2.0, 'exp.bucket{le="2"}': 1.0,
        'exp.bucket{le="0"}': 1.0,
    }  # fmt: skip
    assert r.facts == {"host.name": "srv-9", "process.pid": "42", "tags": "a,b"}
    assert r.deltas.keys() == {"lat.count", "lat.sum", 'lat.bucket{le="5"}', 'lat.bucket{le="+Inf"}'}
    assert set(r.deltas.values()) == {10.0}
    assert r.counters >= {'hits{ok="true",route="/b \\"x\\""}', "exp.count"}


def test_the_second_version_of_remote_write_is_refused_by_name_and_not_heard_as_nothing() -> None:
    with pytest.raises(Refused, match=r"remote_write 2\.0"):
        remote_write.request_of(b"\x22\x00\x22\x08__name__")
