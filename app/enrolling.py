"""The door for machines that enrol themselves: `POST /api/v1/enrol` with a code, `POST /api/v1/enrol/collect` for what
became of it. Nobody is signed in here: the code, and then the ticket, is all a machine has.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import structlog
from flask import Blueprint, Flask, Response, request
from pydantic import Field

from app import limits
from app.front import as_house, front, now
from app.problems import Problem, invalid
from app.wire import In, Instant, MaybeLine, Out, read_body
from models.enrolment import Enrolment
from telemetry import enrol, enrolling, pki, security
from telemetry.broker_log import Sighting
from telemetry.csr import LARGEST_CSR, PkiError

log = structlog.get_logger("vigie.web")

ASK_AGAIN_S = 5
M = TypeVar("M", bound=In)
Fact = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Presented(In):
    code: str = Field(min_length=1, max_length=200, description="the enrolment code of its customer")
    name: str = Field(min_length=1, max_length=63, description="the name it wants; also its MQTT user")
    title: MaybeLine = ""
    source: str = Field("native", max_length=20, pattern="^[a-z0-9]+$", description="which agent it speaks through")
    csr: str = Field("", max_length=LARGEST_CSR, description="PEM; with it a certificate is asked for, else a secret")
    facts: dict[Fact, Fact] = Field(default_factory=dict, max_length=20, description="what it says of itself")


class Collecting(In):
    ticket: str = Field(min_length=1, max_length=200)


class Waiting(Out):
    state: str = Field(description="pending, approved, delivered, refused or lapsed")
    name: str
    ticket: str | None = Field(None, description="shown this once: with it the machine asks what became of it")
    ask_again_s: int
    until: Instant


class Credential(Out):
    state: str
    machine: str
    username: str
    password: str | None = Field(description="null when a certificate was asked for")
    certificate: str | None
    ca: str | None = Field(description="PEM; whom to believe about the broker. Null: it speaks without TLS")
    host: str
    port: int
    tls: bool
    topic: str


def register(app: Flask) -> None:
    blueprint = Blueprint("enrolling", __name__)
    blueprint.add_url_rule("/api/v1/enrol", "present", present, methods=["POST"])
    blueprint.add_url_rule("/api/v1/enrol/collect", "collect", collect, methods=["POST"])
    app.register_blueprint(blueprint)


def present() -> Response:
    """A machine presents a code. 201 with a ticket; it waits for a person now."""
    _hold_back(limits.ENROL_ADDRESS, "enrolment_flood")
    body = _body(Presented)
    facts = tuple(body.facts.items())
    asked = enrolling.Asked(body.name.strip().lower(), body.title, body.source, body.csr, facts)
    try:
        with as_house() as session:
            one, ticket = enrolling.present(session, body.code, asked, request.remote_addr or "", now())
            said = _waiting(one, ticket)
    except enrol.NoName as problem:
        raise invalid("name", f"cannot be used: {problem}", "choose another name") from None
    except PkiError as problem:
        raise invalid("csr", f"cannot be signed: {problem}", "make it anew, or leave it out for a secret") from None
    except enrolling.NotNow as problem:
        if problem.kind == "code":
            _note("wrong_code", body.name)
            raise Problem("not-allowed", str(problem), remedy=problem.remedy) from None
        kind = "conflict" if problem.kind == "name" else "too-often"
        raise Problem(kind, str(problem), remedy=problem.remedy) from None
    log.info("enrolment_asked", machine=asked.name, address=request.remote_addr)
    return _answer(said, 201)


def collect() -> Response:
    """What became of it: 202 while it waits; 200 with the credential, once; 403 refused, 409 fetched or lapsed."""
    _hold_back(limits.COLLECT_ADDRESS, "enrolment_flood")
    body = _body(Collecting)
    settings = front().settings
    try:
        authority = pki.authority_in(settings.pki_folder)
    except PkiError:
        authority = None  # then there are secrets only
    try:
        with as_house() as session:
            found = enrolling.collect(session, body.ticket, authority, now())
            said = None if found is None else _waiting(found[0])
    except enrolling.NotNow as problem:
        raise Problem("busy", str(problem), remedy=problem.remedy, headers={"Retry-After": "60"}) from None
    if found is None or said is None:
        _note("wrong_code", "")
        raise Problem("not-found", "Nobody waits with this ticket.", remedy="Present the code again.")
    one, given = found
    if given is not None:
        log.info("enrolment_delivered", machine=given.machine, address=request.remote_addr)
        return _answer(_credential(given), 200)
    if said.state == "pending":
        return _answer(said, 202)
    raise _no_more(said.state, one)


def _no_more(state: str, one: Enrolment) -> Problem:
    if state == "refused":
        return Problem("not-allowed", f"A person refused it: {one.reason}", remedy="Ask whoever gave you the code.")
    if state == "lapsed":
        return Problem("not-now", "It waited too long, and lapsed.", remedy="Present a code again.")
    return Problem(
        "not-now",
        "The credential was fetched already; it is delivered once.",
        remedy="If it was not this machine, have it taken back at the desk at once; else have it delivered again.",
    )


def _waiting(one: Enrolment, ticket: str | None = None) -> Waiting:
    return Waiting(state=one.state, name=one.name, ticket=ticket, ask_again_s=ASK_AGAIN_S, until=one.until)


def _credential(given: enrolling.Delivered) -> Credential:
    settings = front().settings
    port = settings.mqtt_cert_port if given.certificate else settings.mqtt_tls_port
    return Credential(
        state="delivered", machine=given.machine, username=given.username, password=given.secret or None,
        certificate=given.certificate or None, ca=given.ca or None if port else None,
        host=settings.mqtt_public_host or settings.mqtt_host, port=port or settings.mqtt_port, tls=bool(port),
        topic=f"vigie/{given.machine}/report",
    )  # fmt: skip


def _body(model: type[M]) -> M:
    if request.mimetype != "application/json":
        raise Problem(
            "not-json", "The body must be JSON and say so.", remedy="Send Content-Type: application/json.",
            headers={"Accept": "application/json"},
        )  # fmt: skip
    return read_body(model, request.get_data(cache=True))


def _answer(said: Out, status: int) -> Response:
    response = Response(said.model_dump_json() + "\n", status, content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    if status == 202:
        response.headers["Retry-After"] = str(ASK_AGAIN_S)
    return response


def _hold_back(limit: limits.Limit, kind: str) -> None:
    with as_house() as session:
        wait = limits.take(session, limit, request.remote_addr or "", now())
    if wait:
        _note(kind, "")
        said = f"More enrolments from this address than may come in so short a time; the next one in {wait} seconds."
        raise Problem("too-often", said, remedy="Wait, then go on.", headers={"Retry-After": str(wait)})


def _note(kind: str, name: str) -> None:
    """Into the security log; in a transaction of its own, since the request is refused."""
    with as_house() as session:
        seen = Sighting(now().timestamp(), kind, name[:100], request.remote_addr or "", detail=request.path)
        security.note(session, [seen], "http")
