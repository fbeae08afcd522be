"""Idempotency keys: the same request sent again has one effect and gets the first answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Response, request
from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.identity import Caller
from app.problems import FieldError, Problem
from models.people import IdempotentAnswer

HEADER = "Idempotency-Key"
# A client that has not repeated its request within a day has given up.
KEPT = timedelta(days=1)
_FORM = re.compile(r"[\x21-\x7e]{1,200}")
# Of an answer's headers only these say something about the thing made.
_HEADERS = ("Location", "ETag")


def answered(
    session: Session, who: Caller, now: datetime, secret: tuple[str, ...], work: Callable[[], Response]
) -> Response:
    """The answer of `work`, done once per caller and key. Without a key it is simply done.

    The key is written in the very transaction of the deed: equal requests wait for each other on its row, and a deed
    that fails leaves no key behind. Fields named in `secret` are not kept, so a repetition answers them with null.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return work()
    if not _FORM.fullmatch(key):
        wrong = FieldError(HEADER, "is not 1 to 200 visible ASCII characters", "send a UUID, for example")
        raise Problem("invalid", f"The {HEADER} cannot be used.", errors=[wrong])
    caller = f"{who.kind}:{who.id}"
    session.execute(
        delete(IdempotentAnswer).where(IdempotentAnswer.caller == caller, IdempotentAnswer.created_at < now - KEPT)
    )
    digest = _digest()
    row = {"caller": caller, "key": key, "request_digest": digest, "created_at": now}
    first = insert(IdempotentAnswer).values(row).on_conflict_do_nothing().returning(IdempotentAnswer.key)
    if session.execute(first).scalar_one_or_none() is None:
        return _repeated(session.get_one(IdempotentAnswer, (caller, key)), digest)
    response = work()
    session.execute(
        update(IdempotentAnswer)
        .where(IdempotentAnswer.caller == caller, IdempotentAnswer.key == key)
        .values(status=response.status_code, body=_kept(response, secret))
    )
    return response


def _repeated(row: IdempotentAnswer, digest: bytes) -> Response:
    if row.request_digest != digest:
        raise Problem(
            "key-reused", f"This {HEADER} was used for another request.", remedy="Take a new key for each new request."
        )
    if row.status is None or row.body is None:
        raise Problem("still-working", "The same request is still being answered.", headers={"Retry-After": "1"})
    kept = json.loads(row.body)
    response = Response(kept["body"], row.status, content_type=kept["type"])
    response.headers.update(kept["headers"])
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _kept(response: Response, secret: tuple[str, ...]) -> bytes:
    body = response.get_data(as_text=True)
    if secret:
        found = json.loads(body)
        for path in secret:
            _blank(found, path.split("."))
        body = json.dumps(found, ensure_ascii=False)
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    return json.dumps({"body": body, "type": response.content_type, "headers": headers}).encode()


def _blank(found: dict[str, object], path: list[str]) -> None:
    *above, last = path
    for name in above:
        below = found.get(name)
        if not isinstance(below, dict):
            return
        found = below
    if last in found:
        found[last] = None


def _digest() -> bytes:
    parts = (request.method, request.full_path, request.headers.get("If-Match", ""))
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + request.get_data(cache=True)).digest()
