"""The document says what the API does: schemathesis sends what it allows and more, and holds each answer to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api import BASE, ROUTES
from app.hearing import DOORS
from app.openapi import document, statuses
from app.problems import KINDS
from tests.http.conftest import Visitor
from tests.http.world import Things

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 4  # of each operation and way of making them; the whole stays well under a minute


def test_the_document_is_openapi_3_1_and_names_every_route(stranger: Visitor) -> None:
    found = stranger.get("/api/openapi.json").json
    assert found is not None
    assert found["openapi"] == "3.1.0"
    told = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
    assert told == {(one.method, BASE + one.path) for one in ROUTES} | {("POST", path) for path in DOORS}
    ids = [operation["operationId"] for methods in found["paths"].values() for operation in methods.values()]
    assert len(set(ids)) == len(ids)


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    said = json.dumps(whole)
    for part in said.split('"$ref": "')[1:]:
        name = part.split('"')[0]
        assert name.removeprefix("#/components/schemas/") in whole["components"]["schemas"], name


def test_every_problem_kind_is_explained_on_the_readable_page(stranger: Visitor) -> None:
    page = stranger.get("/api/docs")
    assert page.status_code == 200
    for kind in KINDS:
        assert f'id="problem-{kind}"' in page.text
    for one in ROUTES:
        assert BASE + one.path in page.text
    assert "http" not in page.text.replace("http://127.0.0.1:8080", "").replace("https.", ""), "an outside asset?"


def test_every_route_says_what_may_go_wrong() -> None:
    for one in ROUTES:
        assert {401, 422, 503} <= set(statuses(one)), one.name


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_sent_gets_a_documented_answer(
    app: Flask, with_key: Callable[..., Visitor], world: dict[str, Things], mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    # Making up a case takes far longer than answering it, so each is sent by both: one of ours, and a customer.
    callers = {"ours": with_key(customer=None).headers, "a customer's": with_key(customer="plant").headers}
    known = world["plant"]
    seen: dict[str, Counter[int]] = {whose: Counter() for whose in callers}

    for result in schema.get_all_operations():
        operation = result.ok()
        # Its own name in place of a random one, or hardly a call would get past the 404. The password stays.
        # What the doors for telemetry are sent is no JSON that could be made up here: test_hearing.py knocks at them.
        if operation.path.endswith(("/me/password", "/me/sessions/{session}")) or operation.path in DOORS:
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case: Case) -> None:
            if mode is GenerationMode.POSITIVE:
                for name in case.path_parameters or {}:
                    case.path_parameters[name] = getattr(known, name)
            for whose, headers in callers.items():
                seen[whose][case.call_and_validate(headers=headers, checks=CHECKS).status_code] += 1

        holds()
    for whose, answers in seen.items():
        # The calls arrived: no door was shut before what is behind it was tried.
        assert sum(answers.values()) > 2 * len(ROUTES), (whose, answers)
        assert answers[200] > (10 if mode is GenerationMode.POSITIVE else 0), (whose, answers)  # else it seldom does
        assert answers[422] > 10, (whose, answers)
