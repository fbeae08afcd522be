"""Changes told for machines over the API and through PagerDuty: into the log, once, by who may, for theirs only."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.pages import changed
from escalation.intake import Signal, report
from models.changes import MachineChange
from models.inbound import InboundChange, InboundDoor
from models.incidents import Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor
from tests.http.doorsteps import plant as plant
from tests.http.doorsteps import settings as settings
from tests.http.senders import Make
from tests.http.senders import make as make
from tests.http.test_hearing import Key
from tests.plant import Plant
from tests.plant import report as report_of

TOLD = select(MachineChange.what, MachineChange.told_by, MachineChange.at)


def test_a_pipeline_tells_of_a_release_and_the_machine_has_it_once(plant: Plant, with_key: Key, cast: Cast) -> None:
    pipeline = with_key("plant", ["reports:write", "machines:read"])
    at = (NOW - timedelta(minutes=3)).isoformat()
    body = {"machines": ["plant-db-1", str(cast.plant_machine)], "what": "release 2.3.1", "at": at}
    for _ in range(2):
        said = pipeline("POST", "/api/v1/changes", json=body)
        assert (said.status_code, said.json["machines"]) == (202, ["plant-db-1"]), said.text
    plant.settle()
    assert plant.one(TOLD) == [("release 2.3.1", "api", NOW - timedelta(minutes=3))]
    (row,) = pipeline("GET", "/api/v1/machines/plant-db-1/changes").json["items"]
    assert (row["kind"], row["what"], row["told_by"]) == ("deployment", "release 2.3.1", "api")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"machines": ["joinery-files"], "what": "x"}, 422, "machines.0"),
        ({"machines": ["plant-db-1", "plant-db-1", str(uuid.UUID(int=7))], "what": "x"}, 422, "machines.2"),
        ({"machines": [], "what": "x"}, 422, "machines"),
        ({"machines": ["plant-db-1"], "what": "  "}, 422, "what"),
        ({"machines": ["plant-db-1"], "what": "x", "at": (NOW + timedelta(hours=1)).isoformat()}, 422, "at"),
        ({"machines": ["plant-db-1"], "what": "x", "at": (NOW - timedelta(days=30)).isoformat()}, 422, "at"),
    ],
)
def test_what_cannot_be_told_is_refused_by_field(with_key: Key, body: dict[str, Any], status: int, field: str) -> None:
    said = with_key("plant", ["reports:write"]).post("/api/v1/changes", body)
    assert (said.status_code, said.json["errors"][0]["field"]) == (status, field), said.text


def test_who_may_only_read_tells_nothing(with_key: Key) -> None:
    said = with_key("plant", ["machines:read"]).post("/api/v1/changes", {"machines": ["plant-db-1"], "what": "x"})
    assert said.status_code == 403


@pytest.mark.parametrize("payload", [{"source": "plant-db-1.plant.example:9100"},
                                     {"source": "ci", "custom_details": {"host": "plant-db-1"}}])  # fmt: skip
def test_a_change_event_of_pagerdutys_api_reaches_the_machine_it_names_once(
    plant: Plant, make: Make, stranger: Visitor, sessions: Sessions, cast: Cast, payload: dict[str, Any]
) -> None:
    at = NOW - timedelta(minutes=2) + timedelta(microseconds=123_456)
    said = {"summary": "Build Success: erp 4.2", "timestamp": at.isoformat(), **payload}
    body = {"routing_key": make("pagerduty"), "payload": said}
    for _ in range(2):
        assert stranger("POST", "/v2/change/enqueue", json=body).status_code == 202
    plant.settle()
    assert [row[:2] for row in plant.one(TOLD)] == [("Build Success: erp 4.2", "pagerduty")]
    beside = Incident(customer_id=cast.plant, machine_id=None, began_at=NOW, evidence={})
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(InboundChange.at)).all() == [at]
        assert changed.near(session, beside) == {}, "of a machine that was named no other is told"


def test_a_change_event_that_names_no_machine_is_kept_for_the_customer_alone(
    plant: Plant, make: Make, stranger: Visitor
) -> None:
    body = {"routing_key": make("pagerduty"), "payload": {"summary": "x", "source": "acme-pipeline"}}
    assert stranger("POST", "/v2/change/enqueue", json=body).status_code == 202
    plant.settle()
    assert plant.one(TOLD) == []


def test_the_incident_and_the_machines_chart_tell_of_the_release_before_it(
    plant: Plant, visit: Callable[[str], Visitor], with_key: Key, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        door = InboundDoor(customer_id=cast.plant, name="ci", kind="pagerduty", token_hash=b"t", token_end="t",
                           settings={}, created_at=NOW)  # fmt: skip
        session.add(door)
        session.flush()
        for summary, minutes in (("erp 4.2", 5), ("Deploy of the whole site", 30)):
            session.add(InboundChange(customer_id=cast.plant, door_id=door.id, digest=summary.encode(), summary=summary,
                                      at=NOW - timedelta(minutes=minutes), received_at=NOW, facts={}))  # fmt: skip
        began = NOW - timedelta(minutes=1)
        seen = {"metric": "mem_used_pct", "label": "Memory in use", "unit": "%", "observed": 93.0}
        evidence = {"since_ms": round(began.timestamp() * 1000), "rule": "memory", "threshold": 97, "metrics": [seen]}
        signal = Signal(cast.plant_machine, "memory", "rule", 2, NOW, "Memory is in use", "m", evidence, began_at=began)
        report(session, signal, NOW)
        session.flush()
        label = session.scalars(select(Incident)).one().label
    dee = visit("dee")
    assert "It began 4 min after erp 4.2 (announced for the customer" in dee.get(f"/incidents/{label}").text
    for minutes in range(20, 0, -1):
        plant.tell("plant-db-1", report_of(NOW - timedelta(minutes=minutes), 20 - minutes, cpu=50 + minutes))
    at = (NOW - timedelta(minutes=11)).isoformat()
    told = with_key("plant", ["reports:write"]).post(
        "/api/v1/changes", {"machines": ["plant-db-1"], "what": "release <2.3.1>", "at": at}
    )
    assert told.status_code == 202, told.text
    plant.settle()
    page = dee.get("/machines/plant-db-1?span=1h").text
    assert "release &lt;2.3.1&gt;</span>" in page or "release &lt;2.3.1&gt; <span" in page
    assert '<line class="changed"' in page
    assert "release <2.3.1>" not in page.replace("release <2.3.1>\\", "")
    page = dee.get(f"/incidents/{label}").text
    assert "It began 10 min after release &lt;2.3.1&gt;." in page
