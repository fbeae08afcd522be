"""Whether this web process lives, whether it can answer, and its figures for Prometheus."""

from __future__ import annotations

import ipaddress
import time

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import identity
from app.front import as_house
from app.problems import Problem

# Anything may stand in a request line; a label must not grow with it.
_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
blueprint = Blueprint("health", __name__)

REGISTRY = CollectorRegistry()
REQUESTS = Counter("vigie_web_requests_total", "Requests answered", ["method", "endpoint", "status"], registry=REGISTRY)
SECONDS = Histogram("vigie_web_request_seconds", "Time to answer, seconds", ["endpoint"], registry=REGISTRY)


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.before_request_funcs.setdefault(None, []).insert(0, _start)
    app.after_request(_count)


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/readyz")
def ready() -> Response:
    """The database answers as well."""
    try:
        with as_house() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        said = "the database does not answer\n"
        return Response(said, 503, headers={"Retry-After": "2"}, content_type="text/plain; charset=utf-8")
    return Response("ready\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Figures of this process, for the machine itself and for our own people."""
    who = identity.caller()
    if not _is_loopback() and (who is None or not who.may("platform:read")):
        raise Problem("not-found", "There is nothing at this address.")
    return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _is_loopback() -> bool:
    # Behind a proxy on this machine everybody seems to be on loopback, unless the proxy is known and says who asks.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _start() -> None:
    g.started = time.perf_counter()


def _count(response: Response) -> Response:
    endpoint = request.endpoint or "none"
    REQUESTS.labels(request.method if request.method in _METHODS else "other", endpoint, response.status_code).inc()
    if "started" in g:
        SECONDS.labels(endpoint).observe(time.perf_counter() - g.started)
    return response
