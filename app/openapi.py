"""The OpenAPI 3.1 document, made from the very routes and shapes that answer; nothing in it is written twice."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app import openapi_doors, rights
from app.api import BASE, ROUTES, Route
from app.api.once import HEADER as IDEMPOTENCY
from app.problems import KINDS, MEDIA_TYPE
from app.shields import CSRF_HEADER

Json = dict[str, Any]  # Any: a JSON document
VERSION = "1.0.0"
_REFS = "#/components/schemas/{model}"

_INTRO = """Everything the pages do, for programs.

Send a key as `Authorization: Bearer vg_…` (make one with `vigie token add`). Bodies are `application/json`; unknown
fields are errors. Instants are RFC 3339 in UTC with Z, durations are seconds. Lists come page by page: send `next` as
`after`. A POST with an `Idempotency-Key` has one effect however often it is sent. An incident's `ETag` is its version;
send it as `If-Match` and nothing is done when somebody was faster. Errors are problem documents (RFC 9457) whose
`errors` name each field, what is wrong with it and what to do. What belongs to another customer does not exist: 404.
A contract's refusal is an answer, not an error: 200 with rule, reason and remedy."""

_PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "remedy": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "problem", "remedy"],
                "properties": {name: {"type": "string"} for name in ("field", "problem", "remedy")},
            },
        },
    },
}


@cache
def document() -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "info": {"title": "Vigie", "version": VERSION, "description": _INTRO},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys([*(_tag(one) for one in ROUTES), openapi_doors.TAG])],
        "security": [{"key": []}, {"session": []}],
        "paths": {**_paths(), **openapi_doors.paths()},
        "components": {
            "schemas": {**_schemas(), **openapi_doors.schemas(), "Problem": _PROBLEM},
            "securitySchemes": {
                **openapi_doors.security(),
                "key": {"type": "http", "scheme": "bearer", "description": "vg_KEYID_SECRET_CHECKSUM"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "vigie",
                    "description": f"a browser's sign-in (__Host-vigie over https); changes need {CSRF_HEADER} as well",
                },
            },
        },
    }


def statuses(one: Route) -> dict[int, list[str]]:
    """Every status a route may answer besides its own, with the kinds of problem behind it."""
    kinds = ["malformed", "not-signed-in", "not-allowed", "invalid", "busy", *one.problems]
    if one.parameters:
        kinds.append("not-found")
    if one.is_unsafe:
        kinds += ["cross-site", "too-often", "too-large"]
    if one.method == "POST":
        kinds += ["key-reused", "still-working"]
    if one.body is not None:
        kinds.append("not-json")
    if one.takes:
        kinds.append("not-a-table")
    if one.versioned:
        kinds.append("changed-meanwhile")
    if one.method in ("POST", "PATCH"):
        kinds.append("conflict")
    found: dict[int, list[str]] = {}
    for kind in dict.fromkeys(kinds):
        found.setdefault(KINDS[kind][0], []).append(kind)
    return dict(sorted(found.items()))


def _tag(one: Route) -> str:
    return {"acts": "incidents", "history": "machines", "exports": "machines", "erasure": "machines"}.get(
        one.tag, one.tag
    )


def _models() -> list[tuple[type[BaseModel], Any]]:
    shapes: list[tuple[type[BaseModel], Any]] = []
    for one in ROUTES:
        shapes += [(shape, "serialization") for shape in one.answers.values() if shape is not None]
        if one.body is not None:
            shapes.append((one.body, "validation"))
    return list(dict.fromkeys(shapes))


@cache
def _rendered() -> tuple[dict[Any, Json], Json]:
    return models_json_schema(_models(), ref_template=_REFS)


def _schemas() -> Json:
    found: Json = _rendered()[1].get("$defs", {})
    return found


def _paths() -> Json:
    paths: Json = {}
    for one in ROUTES:
        paths.setdefault(BASE + one.path, {})[one.method.lower()] = _operation(one)
    return paths


def _operation(one: Route) -> Json:
    said = inspect.getdoc(one.function) or ""
    operation: Json = {
        "operationId": one.name,
        "tags": [_tag(one)],
        "summary": said.split(". ")[0].split("\n")[0].rstrip("."),
        "description": f"{said}\n\n{_who(one)}",
        "parameters": [*_path_parameters(one), *_query_parameters(one), *_header_parameters(one)],
        "responses": {str(status): _answer(one, status) for status in one.answers},
    }
    for status, kinds in statuses(one).items():
        operation["responses"].setdefault(str(status), _problem(kinds))
    if one.versioned is False and one.method == "GET" and one.path == "/incidents/{incident}":
        operation["responses"]["304"] = {"description": "It is as the If-None-Match says."}
    if one.body is not None:
        schema = _rendered()[0][one.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if one.takes:
        operation["requestBody"] = {"required": True, "content": {name: _taken(name) for name in one.takes}}
    return operation


def _taken(media_type: str) -> Json:
    file: Json = {"type": "string", "format": "binary"}
    if media_type != "multipart/form-data":
        return {"schema": file}
    files = {"type": "array", "items": file, "minItems": 1}
    return {"schema": {"type": "object", "properties": {"file": files}, "required": ["file"]}}


def _who(one: Route) -> str:
    right = f"Needs the right `{one.right}`: {rights.RIGHTS[one.right]}." if one.right else "Any caller."
    return right + (" Vigie's own people only." if one.staff else "")


def _path_parameters(one: Route) -> list[Json]:
    pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}
        for name in one.parameters
    ]


def _query_parameters(one: Route) -> list[Json]:
    if one.query is None:
        return []
    schema = one.query.model_json_schema(ref_template=_REFS)
    found = []
    for name, given in schema["properties"].items():
        shape = dict(given)
        more = {"description": shape.pop("description")} if "description" in shape else {}
        if shape.get("default", ...) is None:
            del shape["default"]
        # A parameter that is absent is not sent; "null" is nothing an address can say.
        choices = [each for each in shape.pop("anyOf", []) if each.get("type") != "null"]
        if choices:
            shape |= choices[0] if len(choices) == 1 else {"anyOf": choices}
        found.append(
            {"name": name, "in": "query", "required": name in schema.get("required", []), **more, "schema": shape}
        )
    return found


def _header_parameters(one: Route) -> list[Json]:
    found: list[Json] = []
    if one.method == "POST":
        shape = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
        found.append({"name": IDEMPOTENCY, "in": "header", "required": False, "schema": shape,
                      "description": "the same key, the same request: one effect, the first answer"})  # fmt: skip
    if one.versioned:
        found.append({"name": "If-Match", "in": "header", "required": False,
                      "schema": {"type": "string", "pattern": '^"[0-9]{1,15}"$'},
                      "description": "the ETag that was seen"})  # fmt: skip
    return found


def _answer(one: Route, status: int) -> Json:
    said = {200: "Done.", 201: "Made.", 202: "Taken, and waits for somebody.", 204: "Done; nothing to say."}[status]
    shape = one.answers[status]
    found: Json = {"description": said}
    if one.gives:
        found["content"] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in one.gives}
    elif shape is not None:
        found["content"] = {"application/json": {"schema": _rendered()[0][shape, "serialization"]}}
    return found


def _problem(kinds: list[str]) -> Json:
    words = "; ".join(KINDS[kind][1] for kind in kinds)
    return {
        "description": words + ".",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
