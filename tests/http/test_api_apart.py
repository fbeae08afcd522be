"""Cy must never see Ada's things: every route, with every one of Ada's ids."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from app.api import BASE, ROUTES, Route
from tests.http.conftest import Visitor
from tests.http.world import CANARY, Things

BODIES: dict[str, dict[str, object]] = {
    "acts_reply": {"text": "let me in"},
    "acts_escalate": {"reason": "let me in"},
    "acts_create": {"customer": "plant", "machine": "plant-db-1", "title": "let me in"},
    "decisions_preview": {"ask": "detection", "customer": "plant", "machine": "plant-db-1"},
}

QUERIES = {"decisions_would": "?ask=detection&customer=plant&machine=plant-db-1"}


def _call(visitor: Visitor, one: Route, things: Things) -> TestResponse:
    path = BASE + things.fill(one.path) + QUERIES.get(one.name, "")
    body = BODIES.get(one.name, {}) if one.body is not None else None
    return visitor(one.method, path, **({"json": body} if body is not None else {}))


@pytest.mark.parametrize("by_key", [False, True], ids=["signed in", "by key"])
def test_no_route_shows_cy_what_is_adas(
    visit: Callable[[str], Visitor], with_key: Callable[..., Visitor], world: dict[str, Things], by_key: bool
) -> None:
    cy = with_key(customer="joinery") if by_key else visit("cy")
    leaks = []
    for one in ROUTES:
        if one.name == "me_set_password":
            continue
        answer = _call(cy, one, world["plant"])
        expected = {403, 404, 422} if one.parameters or one.is_unsafe or one.name in QUERIES else {200, 403}
        if CANARY["plant"] in answer.text or "plant-db-1" in answer.text or answer.status_code not in expected:
            leaks.append((one.name, answer.status_code, answer.text))
    assert leaks == []


READABLE = [one for one in ROUTES if one.method == "GET" and one.parameters and not one.staff]


def test_foreign_and_unknown_ids_get_the_same_answer_and_own_ones_another(
    visit: Callable[[str], Visitor], world: dict[str, Things]
) -> None:
    cy = visit("cy")
    unknown = Things(**dict.fromkeys(Things.__dataclass_fields__, "0190b6a0-0000-7000-8000-000000000000"))
    assert len(READABLE) > 8
    for one in READABLE:
        foreign = cy.get(BASE + world["plant"].fill(one.path))
        nowhere = cy.get(BASE + unknown.fill(one.path))
        assert foreign.status_code == nowhere.status_code == 404, one.name
        assert foreign.json == nowhere.json, one.name
        assert cy.get(BASE + world["joinery"].fill(one.path)).status_code == 200, one.name


def test_names_lead_no_further_than_ids(visit: Callable[[str], Visitor], world: dict[str, Things]) -> None:
    cy, dee = visit("cy"), visit("dee")
    label = dee.get(f"{BASE}/incidents/{world['plant'].incident}").json["label"]  # type: ignore[index]
    for path in ("/customers/plant", "/machines/plant-db-1", "/contracts/VC-plant", f"/incidents/{label}"):
        assert dee.get(BASE + path).status_code == 200, path
        assert cy.get(BASE + path).status_code == 404, path


@pytest.mark.parametrize(
    "query",
    [
        "/incidents?customer=plant",
        "/incidents?machine=plant-db-1",
        "/findings?machine=plant-db-1",
        "/decisions?customer=plant",
        "/machines?customer=plant",
        "/contracts?customer=plant",
    ],
)
def test_a_filter_by_a_foreign_name_is_a_wrong_field(visit: Callable[[str], Visitor], cast: object, query: str) -> None:
    answer = visit("cy").get(BASE + query)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["field"] in ("customer", "machine")


def test_a_customer_reads_replies_but_no_notes(visit: Callable[[str], Visitor], world: dict[str, Things]) -> None:
    path = f"{BASE}/incidents/{world['plant'].incident}/timeline"
    theirs, ours = visit("ada").get(path).json, visit("dee").get(path).json
    assert theirs is not None
    assert ours is not None
    assert "reply" in {entry["kind"] for entry in theirs["items"]}
    assert all(entry["public"] for entry in theirs["items"])
    assert "inner" not in str(theirs)
    assert "note" in {entry["kind"] for entry in ours["items"]}


def test_a_customer_knows_who_works_for_them_by_name(visit: Callable[[str], Visitor], world: dict[str, Things]) -> None:
    seen = visit("ada").get(f"{BASE}/incidents/{world['plant'].incident}").json
    assert seen is not None
    assert seen["owner"]["name"] == "Dee"
    assert visit("ada").get(f"{BASE}/people").status_code == 403


# The table of app/rights.py seen from outside: who gets past the door of which kind of route.
DOORS = {
    ("POST", "/customers"): {"max", "root"},
    ("POST", "/people"): {"max", "root"},
    ("POST", "/contracts"): {"max", "root"},
    ("POST", "/machines"): {"max", "root"},
    ("POST", "/tokens"): {"max", "root"},
    ("GET", "/people"): {"dee", "eve", "max", "root"},
    ("GET", "/platform/processes"): {"dee", "eve", "max", "root"},
    ("POST", "/incidents"): {"ada", "bo", "cy", "dee", "eve", "max", "root"},
    ("GET", "/incidents"): {"ada", "bo", "cy", "dee", "eve", "max", "root"},
    ("GET", "/decisions"): {"ada", "bo", "cy", "dee", "eve", "max", "root"},
}


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_each_role_gets_past_its_own_doors_only(visit: Callable[[str], Visitor], method: str, path: str) -> None:
    passed = set()
    for name in ("ada", "bo", "cy", "dee", "eve", "max", "root"):
        answer = visit(name)(method, BASE + path, **({"json": {}} if method == "POST" else {}))
        assert answer.status_code in (200, 403, 422)
        if answer.status_code != 403:
            passed.add(name)
    assert passed == DOORS[method, path]


def test_only_a_contact_who_may_escalates(visit: Callable[[str], Visitor], world: dict[str, Things]) -> None:
    path = f"{BASE}/incidents/{world['plant'].incident}/escalate"
    assert visit("bo").post(path, {"reason": "it burns"}).status_code == 403


def test_nobody_gets_nothing(stranger: Visitor) -> None:
    for one in ROUTES:
        path = BASE + one.path.replace("{", "").replace("}", "")
        assert stranger(one.method, path).status_code == 401, one.name
