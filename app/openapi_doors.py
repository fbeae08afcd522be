"""The doors for telemetry over HTTP in the API's document: what each takes, how much of it, and what it answers."""

from __future__ import annotations

from typing import Any

from app.hearing import LARGEST_OPENED
from app.problems import KINDS, MEDIA_TYPE
from telemetry.formats import batch

Json = dict[str, Any]  # Any: a JSON document
TAG = "telemetry"
_MIB = LARGEST_OPENED >> 20
_SIZE = (
    f"Up to {_MIB} MiB, also once unpacked; Content-Encoding gzip or deflate, chunked or not. A machine comes with "
    "Basic NAME:SECRET and speaks for itself; a key with the right reports:write speaks for its customer's machines. "
    "What is accepted stands in the log before the answer leaves; the same sent again counts once."
)
_AGAIN = "Nothing may be counted as received: send the same again after Retry-After seconds."


def security() -> Json:
    """How machines say who they are."""
    return {"machine": {"type": "http", "scheme": "basic", "description": "a machine's name and its secret"}}


def paths() -> Json:
    """The three doors."""
    return {
        "/api/v1/reports": {"post": _reports()},
        "/v1/metrics": {"post": _otlp()},
        "/api/v1/write": {"post": _remote_write()},
    }


def schemas() -> Json:
    """The shapes of these doors."""
    instant = {"description": "RFC 3339, or epoch milliseconds", "anyOf": [{"type": "string"}, {"type": "integer"}]}
    number = {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}, {"type": "object"}]}
    return {
        "TelemetryReport": {
            "type": "object",
            "properties": {
                "machine": {"type": "string", "description": "may be left out by a machine that speaks for itself"},
                "seq": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
                "at": instant,
                "metrics": {"type": "object", "additionalProperties": number},
                "facts": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "TelemetryAnswer": {
            "type": "object",
            "required": ["received", "accepted", "refused", "items"],
            "properties": {
                **{name: {"type": "integer", "minimum": 0} for name in ("received", "accepted", "refused")},
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/TelemetryItem"}},
            },
        },
        "TelemetryItem": {
            "type": "object",
            "required": ["index", "status"],
            "properties": {
                "index": {"type": "integer", "minimum": 0},
                "status": {"enum": ["accepted", "refused"]},
                **{name: {"type": "string"} for name in ("reason", "detail", "remedy")},
            },
        },
        "RpcStatus": {
            "type": "object",
            "description": "google.rpc.Status",
            "properties": {
                "code": {"type": "integer"}, "message": {"type": "string"}, "details": {"type": "array"},
            },
        },
    }  # fmt: skip


def _reports() -> Json:
    report = {"$ref": "#/components/schemas/TelemetryReport"}
    whole = {"anyOf": [
        report, {"type": "array", "items": report, "maxItems": batch.MOST},
        {"type": "object", "required": ["reports"],
         "properties": {"reports": {"type": "array", "items": report, "maxItems": batch.MOST}}},
    ]}  # fmt: skip
    told = {"application/json": {"schema": {"$ref": "#/components/schemas/TelemetryAnswer"}}}
    line = {"schema": {"type": "string", "description": "one report a line"}}
    return _door(
        "reports_take",
        f"Up to {batch.MOST} reports at once, each taken or refused by itself.",
        {"application/json": {"schema": whole}, "application/x-ndjson": line, "application/jsonl": line},
        {
            "202": {"description": "All are in the log.", "content": told},
            "207": {"description": "Some are; `items` tells of each, with reason and remedy.", "content": told},
            "422": {"description": "None is, and none would be if it was sent again unchanged.", "content": told},
        },
        [400, 401, 403, 413, 415, 429, 503],
    )


def _otlp() -> Json:
    kinds = ("application/json", "application/x-protobuf")
    body = {kind: {"schema": {"type": "object" if kind.endswith("json") else "string"}} for kind in kinds}
    body["application/x-protobuf"]["schema"]["format"] = "binary"
    status: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/RpcStatus"}},
                    "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}}}  # fmt: skip
    answers: Json = {
        "200": {
            "description": "Taken; `partial_success` tells of points that are refused and would be refused again.",
            "content": body,
        }
    }
    for code in (400, 401, 403, 413, 415, 429, 503):
        answers[str(code)] = {**_said(code), "content": {**status, **_problem()}}
    return _door(
        "otlp_take",
        "OpenTelemetry's metrics, protobuf or JSON, delta or cumulative; `host.name` names the machine.",
        body, answers, [],
    )  # fmt: skip


def _remote_write() -> Json:
    body = {"application/x-protobuf": {"schema": {"type": "string", "format": "binary"}}}
    return _door(
        "remote_write_take",
        "Prometheus' remote_write 1.0, protobuf in snappy; `instance` without its port names the machine.",
        body,
        {"204": {"description": "All of it is in the log."}},
        [400, 401, 403, 413, 415, 429, 503],
    )


def _door(name: str, summary: str, body: Json, answers: Json, wrong: list[int]) -> Json:
    found: Json = {
        "operationId": name,
        "tags": [TAG],
        "summary": summary,
        "description": _SIZE,
        "security": [{"machine": []}, {"key": []}],
        "requestBody": {"required": True, "content": body},
        "responses": {**answers, **{str(code): {**_said(code), "content": _problem()} for code in wrong}},
    }
    found["responses"] = dict(sorted(found["responses"].items()))
    return found


def _said(code: int) -> Json:
    words = "; ".join(title for status, title in KINDS.values() if status == code)
    if code not in (429, 503):
        return {"description": words + "."}
    wait = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return {"description": f"{words}. {_AGAIN}", "headers": wait}


def _problem() -> Json:
    return {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
