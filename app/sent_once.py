"""A form that is sent twice, by a double click or an impatient finger, is done once; no script is needed for that.

Each page draws a mark, and its forms carry it beside the token of the sign-in (`csrf`). The same form of the same page
with the same contents is the same form: whoever comes second waits for the first one's answer and is led where that
led. Page scripts send their token in a header and see to it themselves (static/js/acts.js).
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from datetime import timedelta
from typing import Final, cast

import structlog
from flask import Flask, Response, g, redirect, request
from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as AnyResponse

from app import identity
from app.front import as_house, now
from app.problems import Problem
from app.shields import CSRF_FIELD, CSRF_HEADER, FORMS, MARK_AFTER
from models.people import IdempotentAnswer

log = structlog.get_logger("vigie.web")

_KEPT: Final = timedelta(days=1)  # a page left open for longer is read again before it is used
_PATIENCE_S: Final = 5.0  # as long as a statement of ours may take
_LOOK_S: Final = 0.05
_MARK: Final = re.compile(r"[\w-]{1,64}", re.ASCII)


def register(app: Flask) -> None:
    app.before_request(_first_or_repeated)
    app.after_request(_settle)


def mark() -> str:
    """What the forms of the page that is drawn now are known by."""
    if "mark" not in g:
        g.mark = secrets.token_urlsafe(9)
    return cast(str, g.mark)


def shows_a_secret() -> None:
    """Said by who made something whose secret stands in the answer alone: sent again, it is neither made nor shown."""
    g.shows_a_secret = True


def _first_or_repeated() -> AnyResponse | None:
    """Take the form's place, or answer as the one that has it was answered. Raises Problem."""
    who = identity.caller()
    if who is None or request.method != "POST" or request.mimetype not in FORMS or CSRF_HEADER in request.headers:
        return None
    drawn = request.form.get(CSRF_FIELD, "").partition(MARK_AFTER)[2]
    if _MARK.fullmatch(drawn) is None:
        return None
    place = (f"form:{who.id}", f"{drawn}:{_digest().hex()}")
    until = time.monotonic() + _PATIENCE_S
    while not _taken(*place):
        found = _answer(*place)
        if found is not None:
            return found
        if time.monotonic() > until:
            raise Problem(
                "still-working",
                "This form was sent twice, and its first sending has no answer yet.",
                remedy="Look at the page in a moment; send it again from there only if it was not done.",
            )
        time.sleep(_LOOK_S)
    g.place = place
    return None


def _taken(caller: str, key: str) -> bool:
    row = {"caller": caller, "key": key, "request_digest": b"", "created_at": now()}
    with as_house() as session:
        session.execute(
            delete(IdempotentAnswer).where(
                IdempotentAnswer.caller == caller, IdempotentAnswer.created_at < now() - _KEPT
            )
        )
        first = insert(IdempotentAnswer).values(row).on_conflict_do_nothing().returning(IdempotentAnswer.key)
        return session.execute(first).scalar_one_or_none() is not None


def _answer(caller: str, key: str) -> AnyResponse | None:
    with as_house() as session:
        row = session.get(IdempotentAnswer, (caller, key))
        kept = json.loads(row.body) if row is not None and row.status is not None and row.body is not None else None
    if kept is None:
        return None
    if not kept["location"]:
        raise Problem(
            "conflict",
            "This form was sent twice and done once; the first answer, with the secret it showed, is not kept.",
            remedy="Look at the list; if you did not see the secret, make a new one there.",
        )
    return redirect(kept["location"], 303)


def _settle(response: Response) -> Response:
    """Keep where the form led. One that was refused, or only looked at something, may be sent as often as one likes."""
    place = g.pop("place", None)
    if place is None:
        return response
    caller, key = place
    location = response.headers.get("Location", "") if 300 <= response.status_code < 400 else ""
    keeps = bool(location) or (response.status_code == 200 and bool(g.get("shows_a_secret")))
    mine = (IdempotentAnswer.caller == caller, IdempotentAnswer.key == key)
    body = json.dumps({"location": location}).encode()
    try:
        with as_house() as session:
            if keeps:
                session.execute(update(IdempotentAnswer).where(*mine).values(status=response.status_code, body=body))
            else:
                session.execute(delete(IdempotentAnswer).where(*mine))
    except SQLAlchemyError as away:
        # The answer is what it is, and is given; who sends the form again is told that its first answer is not known.
        log.warning("form_answer_not_kept", path=request.path, problem=type(away).__name__)
    return response


def _digest() -> bytes:
    """Of everything the form holds, files included; not of how a browser parts them, which is new each time."""
    said = hashlib.sha256(request.full_path.encode())
    for name, value in request.form.items(multi=True):
        said.update(json.dumps([name, value]).encode())
    for name, file in request.files.items(multi=True):
        held = hashlib.file_digest(file.stream, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary stream
        file.stream.seek(0)
        said.update(json.dumps([name, file.filename, held]).encode())
    return said.digest()
