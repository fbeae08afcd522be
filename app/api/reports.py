"""`POST /api/v1/reports`: up to 500 reports at once, as NDJSON or JSON, each taken or refused by itself.

202: all are in the log. 207: some are, and `items` says which and why not. 422: none is. Whatever was refused will be
refused again unchanged; 429 and 503 ask for the same batch again, which then counts once (by machine and `seq`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from flask import Response, request

from app.identity import Caller
from app.problems import Problem
from app.speakers import machines_for, refused_by, why_not
from telemetry.formats import batch
from telemetry.formats.route import Route
from telemetry.reading import REASONS, Refused

_TYPES = ("application/json", "application/x-ndjson", "application/jsonl", "application/jsonlines", "text/plain")
_LONGEST = 65_536  # bytes of a refused report that are kept
Put = Callable[[Sequence[tuple[str, str, bytes]]], None]
Said = tuple[str, str, dict[str, Any]]


def take(who: Caller, body: bytes, at_ms: int, put: Put) -> Response:
    """Sort the batch, put it into the log, and tell of each report what became of it. Raises Problem."""
    if request.mimetype and request.mimetype not in _TYPES:
        said = "A batch is JSON or NDJSON."
        raise Problem("unsupported", said, remedy="Send Content-Type application/json or application/x-ndjson.")
    try:
        items = batch.items_of(body)
    except Refused as refused:
        kind = "too-large" if refused.reason == "too_large" else "malformed"
        said = f"The batch cannot be used: {refused.detail}."
        raise Problem(kind, said, remedy=f"Send up to {batch.MOST} reports, one JSON object each.") from None
    speaker = who.name if who.kind == "machine" else ""
    sorted_out = [_sorted_out(item, speaker) for item in items]
    known = machines_for(who, {said[0] for said in sorted_out if not isinstance(said, Refused)})
    told = [_judge(who, said, known, at_ms) for said in sorted_out]
    messages = [
        _message(who, said, item, became, known) for said, item, became in zip(sorted_out, items, told, strict=True)
    ]
    put(messages)
    bad = sum(became["status"] == "refused" for became in told)
    status = 202 if not bad else 422 if bad == len(told) else 207
    answer = {
        "received": len(told),
        "accepted": len(told) - bad,
        "refused": bad,
        "items": [{"index": i, **became} for i, became in enumerate(told)],
    }
    return Response(orjson.dumps(answer) + b"\n", status, content_type="application/json; charset=utf-8")


def _sorted_out(item: Any, speaker: str) -> Said | Refused:
    try:
        return batch.split(item, speaker)
    except Refused as refused:
        return refused


def _judge(who: Caller, said: Said | Refused, known: Any, at_ms: int) -> dict[str, str]:
    if isinstance(said, Refused):
        return _refusal(said)
    machine, what, report = said
    if machine not in known:
        reason, detail, remedy = why_not(who, machine)
        return {"status": "refused", "reason": reason, "detail": detail, "remedy": remedy}
    try:
        batch.understood(Route("", machine, (), at_ms), what, report)
    except Refused as refused:
        return _refusal(refused)
    return {"status": "accepted"}


def _refusal(refused: Refused) -> dict[str, str]:
    remedy = "Name the machine it is of." if refused.reason == "no_machine" else "Correct the report and send it alone."
    return {"status": "refused", "reason": refused.reason, "detail": refused.detail, "remedy": remedy}


def _message(
    who: Caller, said: Said | Refused, item: Any, became: dict[str, str], known: Any
) -> tuple[str, str, bytes]:
    """Where it goes: a machine's own report under its topic, refused there as well if it is one to refuse."""
    if not isinstance(said, Refused) and said[0] in known:
        return said[0], f"vigie/{said[0]}/{said[1]}", orjson.dumps(said[2])
    machine = "" if isinstance(said, Refused) else said[0]
    reason = became["reason"] if became["reason"] in REASONS else "bad_shape"
    sent = item.line if isinstance(item, batch.Unread) else orjson.dumps(item)
    return machine, refused_by(who, reason, "reports", machine), sent[:_LONGEST]
