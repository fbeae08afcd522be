"""The web application put together: settings, database and clock at hand, and every part of the front registered."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, current_app, g
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

from app.settings import Settings
from models.session import STAFF, Sessions, make_engine, make_sessions, work

# One request holds one connection at a time, and few of the many threads of a process work at the same instant.
POOL = 6
STATEMENT_TIMEOUT_MS = 5_000
# Forms and JSON of people; telemetry does not come this way.
LARGEST_BODY = 256 * 1024
# Where whole customers come in as files: ten thousand lines of a table weigh about a megabyte.
LARGEST_UPLOAD = 16 * 1024 * 1024
UPLOADS = ("/api/v1/imports", "/imports")
# Where a file is brought to an incident (escalation.attaching.LARGEST), with room for the form around it.
LARGEST_FILE = 26 * 1024 * 1024
FILE_DOORS = ("api.attachments_bring", "incident_attach")
# A mail with a file of that size in it, which mails carry a third larger (escalation.inbound.mail.LARGEST).
LARGEST_MAIL = 36 * 1024 * 1024
MAIL_DOORS = ("doors.come_in_by_mail",)

# Parts of the front that stand in modules of their own, each with `register(app)`.
PARTS = (
    "app.problems",
    "app.shields",
    "app.identity",
    "app.sent_once",
    "app.sign_in",
    "app.api",
    "app.docs",
    "app.health",
    "app.pages",
    "app.live",
    "app.doors",
    "app.acknowledge",
    "app.reached",
    "app.hearing",
    "app.enrolling",
)


@dataclass(frozen=True)
class Front:
    """What a request needs of the house."""

    settings: Settings
    sessions: Sessions
    clock: Callable[[], datetime]

    @property
    def is_https(self) -> bool:
        """Whether people reach us over https, which decides the cookie's name and flags."""
        return urlsplit(self.settings.address).scheme == "https"


def utc_now() -> datetime:
    return datetime.now(UTC)


def front() -> Front:
    """The front of the application that answers now."""
    return cast(Front, current_app.extensions["vigie"])


def now() -> datetime:
    """The instant of this request: the same one wherever it is asked."""
    if "now" not in g:
        g.now = front().clock()
    return cast(datetime, g.now)


@contextmanager
def as_house() -> Iterator[Session]:
    """A transaction that sees every customer: for finding out who asks, and for nothing they asked for."""
    with work(front().sessions, STAFF) as session:
        yield session


def build(settings: Settings, clock: Callable[[], datetime]) -> Flask:
    """The whole application. Connects to nothing before the first request."""
    app = Flask("app", static_folder="static", template_folder="templates")
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY + 1, MAX_FORM_MEMORY_SIZE=LARGEST_BODY, MAX_FORM_PARTS=100)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    engine = make_engine(
        settings.database_for("web"), pool_size=POOL, statement_timeout_ms=STATEMENT_TIMEOUT_MS, name="vigie-web"
    )
    app.extensions["vigie"] = Front(settings, make_sessions(engine), clock)
    app.extensions["vigie.engine"] = engine
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    for name in PARTS:
        import_module(name).register(app)
    atexit.register(engine.dispose)
    return app
