"""The doors for OTLP and Prometheus remote_write: points of others' exporters, each for the machine it is about."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import cramjam
from flask import Flask
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from tests.cast import Cast
from tests.http.conftest import Visitor
from tests.http.doorsteps import AT, PROTOBUF, basic, export, letters, otlp_request, series, write
from tests.http.doorsteps import plant as plant
from tests.http.doorsteps import secret as secret
from tests.http.doorsteps import settings as settings
from tests.plant import Plant

Key = Callable[..., Visitor]


def test_an_exporter_s_points_arrive_and_the_same_batch_again_counts_once(
    plant: Plant, with_key: Key, cast: Cast
) -> None:
    key = with_key("plant", ["reports:write"])
    body = otlp_request("plant-db-1").SerializeToString()
    for packed, encoding in ((gzip.compress(body), "gzip"), (zlib.compress(body), "deflate"), (body, "identity")):
        said = export(key, packed, **{"Content-Encoding": encoding})
        assert (said.status_code, said.mimetype, said.data) == (200, PROTOBUF, b"")
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 3, "scored": 1, "duplicate": 2}
    assert plant.stored(cast.plant_machine) == [(AT, {'system.memory.utilization{state="used"}': 1.5})]


def test_points_of_a_stranger_are_a_partial_success_with_the_remedy_and_a_dead_letter(
    plant: Plant, with_key: Key
) -> None:
    said = export(
        with_key("plant", ["reports:write"]), otlp_request("plant-db-1", "joinery-files", "").SerializeToString()
    )
    answer = ExportMetricsServiceResponse.FromString(said.data)
    assert said.status_code == 200
    assert answer.partial_success.rejected_data_points == 2
    assert "vigie machine add" in answer.partial_success.error_message
    plant.settle()
    assert {reason for reason, _ in letters(plant)} == {"unknown_machine", "no_machine"}
    assert plant.ledger("plant-db-1") == {"received": 1, "scored": 1}


def test_a_machine_exports_as_itself_under_its_whole_name_or_none(plant: Plant, app: Flask, secret: str) -> None:
    body = otlp_request("plant-db-1.example.org", "", "joinery-files").SerializeToString()
    said = app.test_client().post(
        "/v1/metrics", data=body, headers=basic("plant-db-1", secret) | {"Content-Type": PROTOBUF}
    )
    assert ExportMetricsServiceResponse.FromString(said.data).partial_success.rejected_data_points == 1
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 3, "scored": 1, "duplicate": 1, "refused": 1}


def test_otlp_in_json_is_answered_in_json_also_when_it_is_wrong(plant: Plant, with_key: Key) -> None:
    key = with_key("plant", ["reports:write"])
    body = {
        "resourceMetrics": [
            {
                "resource": {"attributes": [{"key": "host.name", "value": {"stringValue": "plant-db-1"}}]},
                "scopeMetrics": [
                    {
                        "metrics": [
                            {"name": "t", "gauge": {"dataPoints": [{"asInt": "3", "timeUnixNano": f"{AT}000000"}]}}
                        ]
                    }
                ],
            }
        ]
    }
    said = key.post("/v1/metrics", body)
    assert (said.status_code, said.json) == (200, {})
    wrong = key.post("/v1/metrics", {"resourceMetrics": 3})
    assert wrong.status_code == 400
    assert wrong.json is not None
    assert wrong.json["code"] == 3
    assert key("POST", "/v1/metrics", data=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert export(key, b"\xff\xff").status_code == 400
    assert export(key, b"").status_code == 200
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 1, "scored": 1}


def test_a_large_export_is_cut_into_messages_the_log_can_hold(plant: Plant, with_key: Key, cast: Cast) -> None:
    request = otlp_request("plant-db-1")
    scope = request.resource_metrics[0].scope_metrics[0]
    for n in range(3500):
        metric = scope.metrics.add(name=f"app.{n}.{'x' * 220}")
        metric.gauge.data_points.add(as_double=n, time_unix_nano=AT * 10**6)
    assert request.ByteSize() > 768 * 1024  # more than one message may hold
    assert export(with_key("plant", ["reports:write"]), request.SerializeToString()).status_code == 200
    plant.settle()
    assert letters(plant) == set()
    assert sum(len(metrics) for _, metrics in plant.stored(cast.plant_machine)) == 3501


# ---- remote_write


def test_what_prometheus_writes_arrives_by_instance_and_again_counts_once(
    plant: Plant, with_key: Key, cast: Cast
) -> None:
    key = with_key("plant", ["reports:write"])
    body = series({"__name__": "node_load1", "instance": "plant-db-1:9100", "job": "node"})
    assert [write(key, body).status_code for _ in range(2)] == [204, 204]
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 2, "scored": 1, "duplicate": 1}
    assert plant.stored(cast.plant_machine) == [(AT, {'node_load1{job="node"}': 7.5})]


def test_series_of_a_stranger_are_refused_for_good_and_the_others_are_stored(
    plant: Plant, with_key: Key, cast: Cast
) -> None:
    key = with_key("plant", ["reports:write"])
    said = write(
        key, series({"__name__": "up", "instance": "plant-db-1"}, {"__name__": "up", "instance": "elsewhere:1"})
    )
    assert said.status_code == 400
    assert said.json is not None
    assert "elsewhere" in said.json["detail"]
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 1, "scored": 1}
    assert letters(plant) == {("unknown_machine", f"door/unknown_machine/write/elsewhere/@{cast.plant}")}


def test_a_machine_that_scrapes_itself_writes_as_itself(plant: Plant, app: Flask, secret: str) -> None:
    headers = basic("plant-db-1", secret) | {"Content-Type": PROTOBUF, "Content-Encoding": "snappy"}
    client = app.test_client()
    own = series({"__name__": "up", "instance": "localhost:9090"})
    assert client.post("/api/v1/write", data=own, headers=headers).status_code == 204
    other = series({"__name__": "up", "instance": "joinery-files:9100"})
    assert client.post("/api/v1/write", data=other, headers=headers).status_code == 400


def test_what_is_no_remote_write_is_refused_for_good(with_key: Key, cast: Cast) -> None:
    key = with_key("plant", ["reports:write"])
    assert write(key, b"plain").status_code == 400
    assert write(key, bytes(cramjam.snappy.compress_raw(b"\xff\xff\xff"))).status_code == 400
    assert write(key, series(), **{"Content-Type": "application/json"}).status_code == 415
    second = f"{PROTOBUF};proto=io.prometheus.write.v2.Request"
    assert write(key, series(), **{"Content-Type": second}).status_code == 415


# ---- the log is away
