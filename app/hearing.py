"""The doors for telemetry over HTTP, for those who cannot do MQTT: our own batches, OTLP, Prometheus' remote_write.

Each puts what it takes into the same log as the bridge, and answers well only once the log has it. What it refuses goes
there too, as a refusal: ledger and dead letters tell of it as of anything else.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import cast

import structlog
from flask import Blueprint, Flask, Response, current_app, request

from app.front import front, now
from app.problems import Problem
from app.speakers import speaker
from telemetry.doorstep import Away, Doorstep
from telemetry.envelope import Envelope
from telemetry.log_door import open_writer

log = structlog.get_logger("vigie.web")

LARGEST_OPENED = 16 << 20  # bytes of a body once unpacked
_BEFORE_RETRY_S = 5
_PIECE = 1 << 16  # bytes handed to the unpacker at once: what follows a member is copied, so a piece bounds the copies
_MOST_MEMBERS = 1000
_MADE = threading.Lock()
# Path and the module that takes what comes; loaded with the libraries it needs when somebody first comes.
DOORS = {
    "/api/v1/reports": "app.api.reports",
    "/v1/metrics": "app.api.otlp",
    "/api/v1/write": "app.api.remote_write",
}


def register(app: Flask) -> None:
    blueprint = Blueprint("hearing", __name__)
    for path, module in DOORS.items():
        blueprint.add_url_rule(path, module.rpartition(".")[2], partial(_enter, module), methods=["POST"])
    app.register_blueprint(blueprint)


def _enter(door: str) -> Response:
    """One batch: who speaks, what is in it, what the log says."""
    module = import_module(door)
    try:
        who = speaker()
        body = _opened(request.get_data(cache=True))
        at_ms = round(now().timestamp() * 1000)
        return cast(Response, module.take(who, body, at_ms, partial(put, at_ms)))
    except Problem as problem:
        if hasattr(module, "status"):
            return cast(Response, module.status(problem))  # OTLP has a form of its own for errors
        raise


def put(at_ms: int, messages: Sequence[tuple[str, str, bytes]]) -> None:
    """(machine, topic, payload) into the log. Raises Problem (503) when the log does not confirm."""
    envelopes = [(machine, Envelope(topic.encode("utf-8"), payload, at_ms)) for machine, topic, payload in messages]
    try:
        _doorstep().put(envelopes)
    except Away as away:
        log.warning("log_away", door=request.path, messages=len(envelopes), why=str(away))
        raise Problem(
            "busy",
            "The log does not take anything just now; nothing may be counted as received.",
            remedy="Send the same batch again; what was stored after all counts once.",
            headers={"Retry-After": str(_BEFORE_RETRY_S)},
        ) from away


def _doorstep() -> Doorstep:
    """One a process, made when first needed: a writer's thread does not outlive a fork."""
    with _MADE:
        made = current_app.extensions.get("vigie.doorstep")
        if made is None:
            settings = front().settings
            made = Doorstep(open_writer(settings, "web"), settings.partitions)
            current_app.extensions["vigie.doorstep"] = made
    return cast(Doorstep, made)


def _unpacked(packed: bytes) -> bytes:
    """All of it, up to one byte more than is taken. Of gzip every member (RFC 1952, 2.2): a sender that appends to what
    it packed before means each. Raises zlib.error for what is cut short, or followed by something else.
    """
    opened = bytearray()
    opener, members = None, 0
    for start in range(0, len(packed), _PIECE):
        rest = packed[start : start + _PIECE]
        while rest:
            if opener is None:
                members += 1
                if members > _MOST_MEMBERS:
                    raise zlib.error(f"more than {_MOST_MEMBERS} members")
                opener = zlib.decompressobj(47)  # zlib's and gzip's own heads alike
            opened += opener.decompress(rest, LARGEST_OPENED + 1 - len(opened))
            if len(opened) > LARGEST_OPENED:
                return bytes(opened)
            rest, opener = opener.unused_data, None if opener.eof else opener
    if opener is not None or not members:
        raise zlib.error("cut short")
    return bytes(opened)


def _opened(body: bytes) -> bytes:
    """The body without its packing. Raises Problem (400, 413, 415). Snappy is for the door that wants it."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity", "snappy"):
        return body
    if encoding not in ("gzip", "deflate"):
        said = "The body is packed in a way nobody here can open."
        raise Problem("unsupported", said, remedy="Send it plain, or with Content-Encoding gzip or deflate.")
    try:
        opened = _unpacked(body)
    except zlib.error:
        raise Problem(
            "malformed", f"The body is not whole {encoding}.", remedy="Pack it again, or send it plain."
        ) from None
    if len(opened) > LARGEST_OPENED:
        raise Problem(
            "too-large", f"The body opens to more than {LARGEST_OPENED >> 20} MiB.", remedy="Send less at once."
        )
    return opened
