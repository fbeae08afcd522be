"""Declaring mappings and gateways through the API and the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.session import SYSTEM, Sessions, work
from telemetry import enrol
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

OVEN: dict[str, Any] = {
    "name": "oven",
    "topic": "bakery/{machine}/{probe}",
    "at": "$.Time",
    "zone": "Europe/Paris",
    "value": [{"path": "$.t", "metric": "{probe}.celsius", "unit": "Cel", "scale": 0.1}],
}


def test_a_mapping_is_declared_listed_and_removed(with_key: Callable[..., Visitor], cast: Cast) -> None:
    key = with_key()
    said = key.post("/api/v1/mappings", OVEN)
    assert said.status_code == 201, said.text
    assert said.headers["Location"] == "/api/v1/mappings/oven"
    listed = key.get("/api/v1/mappings").json
    assert listed is not None
    assert [item["spec"] for item in listed["items"]] == [OVEN]
    assert key.post("/api/v1/mappings", OVEN).status_code == 409
    assert key("DELETE", "/api/v1/mappings/oven").status_code == 204
    assert key("DELETE", "/api/v1/mappings/oven").status_code == 404


def test_a_mapping_that_cannot_be_used_names_the_field_and_the_remedy(
    with_key: Callable[..., Visitor], cast: Cast
) -> None:
    key = with_key()
    for change, field in (
        ({"topic": "bakery/oven"}, "topic"),
        ({"name": "glances"}, "name"),
        ({"value": [{"path": "t", "metric": "x"}]}, "value[0].path"),
        ({"value": []}, "value"),
        ({"colour": 1}, "colour"),
        ({"at": "$.Time", "zone": "Mars/Base"}, "zone"),
    ):
        said = key.post("/api/v1/mappings", OVEN | change)
        assert said.status_code == 422, said.text
        assert said.json is not None
        assert (said.json["errors"][0]["field"], bool(said.json["errors"][0]["remedy"])) == (field, True)


def test_only_our_own_declare_mappings_and_gateways(with_key: Callable[..., Visitor], cast: Cast) -> None:
    key = with_key("plant")
    assert key.post("/api/v1/mappings", OVEN).status_code == 403
    assert key("PUT", "/api/v1/machines/plant-db-1/speaks-for", json={"machines": []}).status_code == 403


def test_a_gateway_speaks_for_machines_of_its_own_customer_only(
    with_key: Callable[..., Visitor], cast: Cast, sessions: Sessions
) -> None:
    with work(sessions, SYSTEM) as session:
        enrol.enrol(session, cast.plant, "gw-1", NOW)
    key, path = with_key(), "/api/v1/machines/gw-1/speaks-for"
    said = key("PUT", path, json={"machines": ["plant-db-1"]})
    assert (said.status_code, said.json) == (200, {"gateway": "gw-1", "machines": ["plant-db-1"]})
    assert key("PUT", path, json={"machines": ["joinery-files"]}).status_code == 422
    assert key("PUT", path, json={"machines": ["nobody"]}).status_code == 422
    assert key.get(path).json == {"gateway": "gw-1", "machines": ["plant-db-1"]}
    assert with_key("joinery").get(path).status_code == 404
    assert key("PUT", path, json={"machines": []}).json == {"gateway": "gw-1", "machines": []}
