"""What every test at the doors for telemetry needs: a small log behind them, and its ends tidied up."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import cramjam
import pytest
from flask import Flask
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from sqlalchemy import make_url, select
from werkzeug.test import TestResponse

from app.settings import Settings
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter
from telemetry import enrol
from telemetry.formats import remote_write
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor
from tests.plant import Plant

AT = round(NOW.timestamp() * 1000) - 3000  # exporters measure before they send
PROTOBUF = "application/x-protobuf"


@pytest.fixture
def settings(database: str) -> Settings:
    url = make_url(database).set(username="ROLE").render_as_string(hide_password=False)
    return Settings(database_url=url.replace("ROLE", "{role}"), partitions=2)


@pytest.fixture
def plant(database: str, sessions: Sessions, cast: Cast, tmp_path: Path, app: Flask) -> Iterator[Plant]:
    a_plant = Plant(database, sessions, cast, tmp_path)
    yield a_plant
    a_plant.writer.close(5)
    for reader in a_plant.readers:
        reader.close()
    if "vigie.doorstep" in app.extensions:
        app.extensions["vigie.doorstep"].close()


@pytest.fixture
def secret(sessions: Sessions, cast: Cast) -> str:
    with work(sessions, SYSTEM) as session:
        return enrol.rotate(session, session.get_one(Machine, cast.plant_machine), NOW)


def basic(machine: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{machine}:{secret}'.encode()).decode()}"}


def letters(plant: Plant) -> set[tuple[str, str]]:
    return set(plant.one(select(DeadLetter.reason, DeadLetter.topic)))


def otlp_request(*hosts: str, value: float = 1.5) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    for host in hosts:
        resource = request.resource_metrics.add()
        if host:
            resource.resource.attributes.add(key="host.name").value.string_value = host
        metric = resource.scope_metrics.add().metrics.add(name="system.memory.utilization")
        point = metric.gauge.data_points.add(as_double=value, time_unix_nano=AT * 10**6)
        point.attributes.add(key="state").value.string_value = "used"
    return request


def export(key: Visitor, body: bytes, **headers: str) -> TestResponse:
    return key("POST", "/v1/metrics", data=body, headers={"Content-Type": PROTOBUF} | headers)


def write(key: Visitor, body: bytes, **headers: str) -> TestResponse:
    sent = {"Content-Type": PROTOBUF, "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
    return key("POST", "/api/v1/write", data=body, headers=sent | headers)


def series(*named: dict[str, str]) -> bytes:
    request = remote_write._write_request()()
    for labels in named:
        one = request.timeseries.add()
        for name, value in labels.items():
            one.labels.add(name=name, value=value)
        one.samples.add(value=7.5, timestamp=AT)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
