"""`POST /api/v1/write`: Prometheus' remote_write, version 1.0.

204: all samples are in the log. 400: some series are refused, and would be again; the others are in the log.
503 and 429 carry Retry-After, and Prometheus sends the same again, which then counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Response, request

from app.identity import Caller
from app.problems import Problem
from app.speakers import machines_for, refused_by, why_not
from telemetry.formats import remote_write
from telemetry.formats.route import Route
from telemetry.reading import Refused

LARGEST_PART = 1 << 19  # bytes of one message in the log
_ITSELF = frozenset({"", "localhost", "127.0.0.1", "::1"})
Put = Callable[[Sequence[tuple[str, str, bytes]]], None]


def take(who: Caller, body: bytes, at_ms: int, put: Put) -> Response:
    """Sort the series by machine and put them into the log. Raises Problem."""
    if request.mimetype != "application/x-protobuf" or "v2" in request.mimetype_params.get("proto", ""):
        said = "remote_write is protobuf, version 1.0, packed with snappy."
        raise Problem("unsupported", said, remedy="Set protobuf_message: prometheus.WriteRequest.")
    try:
        sent = remote_write.request_of(remote_write.opened(body))
    except Refused as refused:
        kind = "too-large" if refused.reason == "too_large" else "malformed"
        raise Problem(kind, f"The request cannot be read: {refused.detail}.") from None
    named = [(_machine(who, remote_write.identity(series)), series) for series in sent.timeseries]
    known = machines_for(who, {name for name, _ in named if name})
    refusals: dict[str, int] = {}
    messages: list[tuple[str, str, bytes]] = []
    for name in dict.fromkeys(name for name, _ in named):
        own = [series for other, series in named if other == name]
        parts = list(remote_write.parts(own, LARGEST_PART))
        if name not in known:
            reason, detail, remedy = why_not(who, name)
            refusals[f"{name or 'a series without instance'}: {detail}. {remedy}"] = len(own)
            messages.append((name, refused_by(who, reason, "write", name), parts[0][:65_536]))
            continue
        messages += [(name, f"vigie/{name}/remote_write", part) for part in parts]
        for part in parts:
            try:
                remote_write.parse(Route("", name, (), at_ms), part)
            except Refused as refused:
                refusals[f"{name}: {refused.detail}"] = 1
    if messages:
        put(messages)
    if refusals:
        said = "; ".join(f"{why} ({count} series)" for why, count in list(refusals.items())[:10])
        raise Problem("malformed", f"Some series are refused, the others are stored. {said}")
    return Response(status=204)


def _machine(who: Caller, instance: str) -> str:
    """Who a series is of. A machine that scrapes itself need not know its own name."""
    if who.kind == "machine" and (instance in _ITSELF or instance.startswith(f"{who.name}.")):
        return who.name
    return instance
