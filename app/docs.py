"""The API's document for programs, and the same thing as a page for people."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Flask, Response, current_app

from app import rights
from app.openapi import document
from app.problems import KINDS

blueprint = Blueprint("docs", __name__)


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/api/openapi.json")
def openapi() -> Response:
    """The document; it holds nothing of anybody, so everybody may read it."""
    body = json.dumps(document(), ensure_ascii=False) + "\n"
    response = Response(body, content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@blueprint.get("/api/docs")
def page() -> Response:
    """The same, readable."""
    template = current_app.jinja_env.get_template("api_docs.html")
    found = document()
    body = template.render(
        info=found["info"],
        nouns=_by_tag(found),
        problems=[(name, *about) for name, about in KINDS.items()],
        rights=rights.RIGHTS,
        roles=rights.ROLES,
        shapes=found["components"]["schemas"],
        type_of=type_of,
    )
    return Response(body, content_type="text/html; charset=utf-8")


def _by_tag(found: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    nouns: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in found["tags"]}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            answers = [
                (status, answer["description"], _shape(answer)) for status, answer in operation["responses"].items()
            ]
            nouns[operation["tags"][0]].append(
                operation | {"method": method.upper(), "path": path, "body": type_of(body), "answers": answers}
            )
    return list(nouns.items())


def _shape(answer: dict[str, Any]) -> str:
    for content in answer.get("content", {}).values():
        return type_of(content["schema"])
    return ""


def type_of(schema: dict[str, Any]) -> str:
    """A schema in a few words: "text", "list of MachineOut", "whole number or null"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return "list of " + type_of(schema.get("items", {}))
    known = {"date-time": "instant", "date": "date", "uuid": "id", "email": "mail address"}
    if schema.get("format") in known:
        return known[schema["format"]]
    plain = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false",
             "null": "null", "object": "object"}  # fmt: skip
    return plain.get(str(schema.get("type", "")), "")
