"""What every answer carries and every unsafe request must show: headers, same origin, CSRF token, size."""

from __future__ import annotations

import hmac
import secrets
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from app.front import (
    FILE_DOORS,
    LARGEST_BODY,
    LARGEST_FILE,
    LARGEST_MAIL,
    LARGEST_UPLOAD,
    MAIL_DOORS,
    UPLOADS,
    front,
)
from app.problems import Problem, invalid

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
MARK_AFTER = "."  # stands between the token and the mark of the page that holds it (app.sent_once)

_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def nonce() -> str:
    """The nonce of this answer, for a script or style of ours that stands in the page itself."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(18)
    return cast(str, g.nonce)


def register(app: Flask) -> None:
    app.before_request(_check_path)
    app.before_request(_check_size)
    app.before_request(_check_words)
    app.after_request(_dress)
    app.jinja_env.globals["nonce"] = nonce


def _check_path() -> None:
    """Nothing here has a NUL in its name, and the database takes none in a question."""
    if "\0" in request.path:
        raise Problem("not-found", "There is nothing at this address.")


def _check_size() -> None:
    # An Alertmanager knows no limit of its own, and hears a refusal as the last word on its alerts.
    is_large = request.path in UPLOADS or request.blueprint in ("doors", "hearing")
    largest = LARGEST_UPLOAD if is_large else LARGEST_BODY
    if request.endpoint in FILE_DOORS:
        largest = LARGEST_FILE
    elif request.endpoint in MAIL_DOORS:
        largest = LARGEST_MAIL
    request.max_content_length, request.max_form_memory_size = largest + 1, largest
    if (request.content_length or 0) > largest:  # before anything is read
        raise _too_large(largest)
    if request.headers.get("Transfer-Encoding") and len(request.get_data(cache=True)) > largest:
        # No length was said. Werkzeug reads up to its own limit and stops without a word; that limit is one byte more.
        raise _too_large(largest)


def _check_words() -> None:
    """No NUL in a question or in a form of ours, for the same reason. What others send us is read as what it is, and
    whoever signs in with one is told no more than with any other wrong password."""
    if request.blueprint in ("doors", "hearing", "sign_in"):
        return
    given = list(request.args.items(multi=True))
    if request.mimetype in FORMS:
        given += request.form.items(multi=True)
    for name, value in given:
        if "\0" in name or ("\0" in value and name != CSRF_FIELD):
            raise invalid(name.replace("\0", "")[:60] or "form", "holds a NUL character", "send it without")


def _too_large(largest: int) -> Problem:
    return Problem(
        "too-large",
        f"A request may hold {largest // 1024} KiB at most; this one holds more.",
        remedy="Send less at once.",
        headers={"Connection": "close"},
    )


def require_same_origin(csrf: str | None) -> None:
    """Refuse an unsafe request that another site could have sent.

    `csrf` is the token of the cookie session the request came with; None when it came without one (signing in).
    Programs with a key are not asked: a browser never sends a key by itself.
    """
    if request.method in SAFE:
        return
    if not _from_our_pages():
        raise Problem(
            "cross-site",
            "The request was not sent by a page of Vigie's own.",
            remedy="Use the pages, or a key: Authorization: Bearer vg_….",
        )
    if csrf is not None and not hmac.compare_digest(_given_token().encode(), csrf.encode()):
        raise Problem(
            "cross-site",
            f"The request lacks the token of this sign-in (header {CSRF_HEADER} or field {CSRF_FIELD}).",
            remedy="Load the page again and repeat.",
        )


def _given_token() -> str:
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.mimetype in FORMS:
        given = request.form.get(CSRF_FIELD)
    return (given or "").partition(MARK_AFTER)[0]


def _from_our_pages() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return _origin_of(origin) in {_origin_of(request.host_url), _origin_of(front().settings.address)}
    return site is not None


def _origin_of(address: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # a port that is no number
        return "", "", None


def _dress(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _POLICY.format(nonce=nonce()))
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    # Not "no-referrer": browsers would then send "Origin: null" with our own forms.
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if front().is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response
