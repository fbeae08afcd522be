"""Errors as problem documents (RFC 9457) for programs and as a plain page for people; never a trace, never an echo."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from flask import Flask, Response, json, request
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

log = structlog.get_logger("vigie.web")

MEDIA_TYPE = "application/problem+json"

# name → status, title. `type` of a document is the name's place in the readable pages of the API.
KINDS: Mapping[str, tuple[int, str]] = {
    "malformed": (400, "The request cannot be read"),
    "not-signed-in": (401, "Nobody is signed in"),
    "not-allowed": (403, "This caller may not do that"),
    "cross-site": (403, "The request does not come from Vigie's own pages"),
    "not-found": (404, "There is no such thing"),
    "wrong-method": (405, "This address does not take that method"),
    "not-acceptable": (406, "No such representation"),
    "conflict": (409, "It does not fit what is already there"),
    "not-now": (409, "It cannot be done in this state"),
    "still-working": (409, "The same request is still being answered"),
    "changed-meanwhile": (412, "Somebody changed it meanwhile"),
    "too-large": (413, "The request is too large"),
    "not-json": (415, "The API takes application/json only"),
    "not-a-table": (415, "This address takes tables only"),
    "unsupported": (415, "The body is of a kind this address does not take"),
    "invalid": (422, "Some fields cannot be used"),
    "key-reused": (422, "The idempotency key was used for another request"),
    "too-often": (429, "Too many tries"),
    "broken": (500, "Something broke on our side"),
    "full": (507, "There is no room left"),
    "busy": (503, "Vigie cannot answer just now"),
}
_BY_STATUS = {400: "malformed", 401: "not-signed-in", 403: "not-allowed", 404: "not-found", 405: "wrong-method",
              406: "not-acceptable", 409: "conflict", 412: "changed-meanwhile", 413: "too-large", 415: "not-json",
              422: "invalid", 429: "too-often", 503: "busy"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, and what to do about it."""

    field: str
    problem: str
    remedy: str


class Problem(Exception):
    """An answer that is an error. `detail` is one sentence for a person and holds nothing secret."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.remedy = remedy

    @property
    def status(self) -> int:
        return KINDS[self.kind][0]

    @property
    def title(self) -> str:
        return KINDS[self.kind][1]

    def document(self) -> dict[str, object]:
        """The problem as RFC 9457 has it, with our `errors` and `remedy`."""
        body: dict[str, object] = {
            "type": f"/api/docs#problem-{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.remedy:
            body["remedy"] = self.remedy
        if self.errors:
            body["errors"] = [{"field": e.field, "problem": e.problem, "remedy": e.remedy} for e in self.errors]
        return body


def invalid(field: str, problem: str, remedy: str) -> Problem:
    """One field that has the right shape and still cannot be used."""
    return Problem("invalid", f"{field} {problem}.", errors=[FieldError(field, problem, remedy)])


def not_found(what: str) -> Problem:
    """The same words whether it does not exist or belongs to somebody else."""
    return Problem(
        "not-found", f"There is no {what} of that name here.", remedy="Check the address; list what there is."
    )


def answer(problem: Problem) -> Response:
    """The problem in the form the asker reads: JSON for the API, a page for people."""
    if _wants_page():
        response = Response(_page(problem), problem.status, content_type="text/html; charset=utf-8")
    else:
        response = Response(json.dumps(problem.document()) + "\n", problem.status, content_type=MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def _wants_page() -> bool:
    if request.path.startswith(("/api/", "/metrics", "/healthz", "/readyz")):
        return False
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "text/html"


def _page(problem: Problem) -> str:
    from app import problem_page  # the pages know this module, so it meets them late

    return problem_page.page_of(problem)


# Rules the schema holds, in words; by the constraint's name.
_BROKEN_RULES: Mapping[str, tuple[str, str, str]] = {
    "uq_customers_slug": ("slug", "is taken by another customer", "choose another short name"),
    "uq_sites_customer_id_name": ("name", "is taken by another site of this customer", "choose another name"),
    "uq_people_email": ("email", "belongs to somebody already", "use another address, or change that person"),
    "uq_house_sites_name": ("name", "is taken by another site of the house", "change that one"),
    "uq_machines_name": ("name", "is taken by another machine", "choose another name; it is unique in the whole house"),
    "uq_contracts_number": ("number", "is taken by another contract", "choose another number, or leave it out"),
    "uq_incidents_one_open": ("cause", "has an open incident on this machine already", "work on the open one"),
}


def of_database(error: DBAPIError) -> Problem:
    """What the database refused, in words; a rule without words here is our bug and is answered as such."""
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
    if isinstance(error, IntegrityError) and name in _BROKEN_RULES:
        field, problem, remedy = _BROKEN_RULES[name]
        return Problem("conflict", f"{field} {problem}.", errors=[FieldError(field, problem, remedy)])
    if isinstance(error, IntegrityError):
        log.error("rule_broken", constraint=name)
        return Problem("conflict", "It does not fit what is already there.", remedy="Read it again and try once more.")
    if isinstance(error, OperationalError):
        return busy()
    log.error("database_refused", error=type(error.orig).__name__, data=isinstance(error, DataError), exc_info=error)
    return broken()


def busy() -> Problem:
    """The database is away, or too many want it at once."""
    said = "The database does not answer just now."
    return Problem("busy", said, headers={"Retry-After": "2"}, remedy="Try again soon.")


def broken() -> Problem:
    """Our own fault, without a word about its inside."""
    return Problem("broken", "Something broke on our side; it is written down.", remedy="Try again in a while.")


def register(app: Flask) -> None:
    """Every error of this application leaves as a problem, the unforeseen ones as well."""

    @app.errorhandler(Problem)
    def known(error: Problem) -> Response:
        return answer(error)

    @app.errorhandler(HTTPException)
    def of_http(error: HTTPException) -> Response:
        if error.code is not None and error.code < 400:
            return Response(status=error.code, headers=error.get_headers())  # a redirect of the router is an answer
        status = error.code or 500
        if status not in _BY_STATUS:
            log.warning("odd_status", status=status)
        kind = _BY_STATUS.get(status, "malformed" if status < 500 else "broken")
        headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
        return answer(Problem(kind, _SAY.get(kind, KINDS[kind][1] + "."), headers=headers))

    @app.errorhandler(DBAPIError)
    def of_db(error: DBAPIError) -> Response:
        problem = of_database(error)
        if problem.status >= 500:
            log.error("database_error", path=_asked_for(), error=str(error.orig).splitlines()[0] if error.orig else "")
        return answer(problem)

    @app.errorhandler(PoolTimeout)
    def crowded(error: PoolTimeout) -> Response:
        log.warning("no_connection_left", path=_asked_for())
        return answer(busy())

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        # The last resort: the trace goes to the log, the asker gets a sentence.
        logging.getLogger("vigie.web").exception("unforeseen error answering %s %s", request.method, _asked_for())
        return answer(broken())


def _asked_for() -> str:
    """The path, for the log, without the tokens and seals that stand in some: who reads a log must not hold them."""
    path = request.path
    for name in _SECRETS & (request.view_args or {}).keys():
        path = path.replace(str((request.view_args or {})[name]), "…")
    return path


_SECRETS = frozenset({"token", "seal", "rest"})  # as the addresses name their places

_SAY = {
    "malformed": "The request cannot be read.",
    "not-found": "There is nothing at this address.",
    "wrong-method": "This address does not take that method; the Allow header says which it takes.",
    "too-large": "A request may hold 256 KiB at most.",
}
