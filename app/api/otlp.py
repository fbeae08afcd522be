"""`POST /v1/metrics`: OpenTelemetry's exporters, protobuf or JSON.

200 with `partial_success` tells of points that are refused and would be refused again; 429 and 503 carry Retry-After,
and exporters send the same batch again, which then counts once. Any other 4xx is final.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from flask import Response, request
from google.protobuf.json_format import MessageToDict

from app.identity import Caller
from app.problems import Problem
from app.speakers import machines_for, refused_by, why_not
from telemetry.formats import otlp
from telemetry.formats.route import Route
from telemetry.reading import Refused

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
LARGEST_PART = 1 << 19  # bytes of one message in the log
_CODES = {400: 3, 401: 16, 403: 7, 413: 8, 415: 3, 429: 8, 503: 14}  # HTTP status to google.rpc.Code
Put = Callable[[Sequence[tuple[str, str, bytes]]], None]


def take(who: Caller, body: bytes, at_ms: int, put: Put) -> Response:
    """Sort the points by machine, put them into the log, and tell how many are refused. Raises Problem."""
    if request.mimetype not in (_PROTOBUF, _JSON):
        said = "OTLP over HTTP is protobuf or JSON."
        raise Problem("unsupported", said, remedy=f"Send Content-Type {_PROTOBUF} or {_JSON}.")
    try:
        sent = otlp.request_of(body, is_json=request.mimetype == _JSON) if body else None
    except Refused as refused:
        raise Problem("malformed", f"The request cannot be read: {refused.detail}.") from None
    resources = list(sent.resource_metrics) if sent is not None else []
    if sum(map(otlp.points_in, resources)) > otlp.MAX_POINTS:
        raise Problem("too-large", f"A request may hold {otlp.MAX_POINTS} points at most.", remedy="Export more often.")
    names = [_machine(who, resource) for resource in resources]
    known = machines_for(who, {name for name in names if name})
    messages: list[tuple[str, str, bytes]] = []
    refusals: list[tuple[int, str]] = []
    for name, resource in zip(names, resources, strict=True):
        points = otlp.points_in(resource)
        if name not in known:
            reason, detail, remedy = why_not(who, name)
            refusals.append((points, f"{name or 'A resource without host.name'}: {detail}. {remedy}"))
            first = next(otlp.parts(resource, LARGEST_PART))[0]
            messages.append((name, refused_by(who, reason, "otlp", name), first[:65_536]))
            continue
        _, bad, problem = otlp.judged(Route("", name, (), at_ms), resource)
        if problem is not None:
            refusals.append((bad, f"{name}: {problem.detail}"))
        messages += [(name, f"vigie/{name}/otlp", part) for part, _ in otlp.parts(resource, LARGEST_PART)]
    if messages:
        put(messages)
    whys = dict.fromkeys(f"{why.rstrip('. ')}." for _, why in refusals)  # sentences, each once
    return _answer(sum(count for count, _ in refusals), " ".join(whys)[:1000])


def _machine(who: Caller, resource: Any) -> str:
    """Who the resource is of. A machine speaks as itself, under its whole host name as well."""
    said = otlp.identity(resource.resource)
    if who.kind == "machine" and (not said or said == who.name or said.startswith(f"{who.name}.")):
        return who.name
    return said


def _answer(refused: int, why: str) -> Response:
    answer = otlp.Response()
    if refused:
        answer.partial_success.rejected_data_points = refused
        answer.partial_success.error_message = why
    if request.mimetype == _JSON:
        return Response(orjson.dumps(MessageToDict(answer)), 200, content_type=_JSON)
    return Response(answer.SerializeToString(), 200, content_type=_PROTOBUF)


def status(problem: Problem) -> Response:
    """A problem as OTLP wants it: google.rpc.Status in the encoding of the request."""
    said = " ".join(filter(None, (problem.detail, problem.remedy)))
    code = _CODES.get(problem.status, 2)
    if request.mimetype == _JSON:
        response = Response(orjson.dumps({"code": code, "message": said}), problem.status, content_type=_JSON)
    else:
        text = said.encode()[:2000]
        length = bytes([len(text) & 0x7F | 0x80, len(text) >> 7]) if len(text) > 127 else bytes([len(text)])
        response = Response(b"\x08" + bytes([code]) + b"\x12" + length + text, problem.status, content_type=_PROTOBUF)
    response.headers.update(problem.headers)
    return response
