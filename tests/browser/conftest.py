"""A real Chromium before the real application: PostgreSQL, a server on a port of its own, a believable night."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright
from sqlalchemy.engine import make_url
from werkzeug.serving import make_server

from app import create_app
from app.live import Hub
from app.settings import Settings
from models.session import SYSTEM, Sessions, make_engine, make_sessions, work
from tests import postgres
from tests.browser import seed
from tests.rig import until

SETTLED = "vigie_settled"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@dataclass
class House:
    """The running application and who may sign in to it."""

    address: str
    sessions: Sessions
    night: seed.Night


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def settled(pg_server: str) -> tuple[str, seed.Night]:
    """A database with a believable night in it, made once and copied for each test."""
    url = postgres.create(pg_server, SETTLED)
    postgres.migrate(url)
    engine = make_engine(postgres.as_role(url, "worker"), name="tests-seed")
    with work(make_sessions(engine), SYSTEM) as session:
        night = seed.settle_night(session, datetime.now(UTC))
    engine.dispose()  # a database is copied only while nobody is in it
    return url, night


@pytest.fixture
def house(pg_server: str, settled: tuple[str, seed.Night], tmp_path: Path) -> Iterator[House]:
    """The application over a copy of that database, as the web role, on a free port."""
    database, night = postgres.create(pg_server, "vigie_browser", SETTLED), settled[1]
    engine = make_engine(postgres.as_role(database, "worker"), name="tests-worker")
    sessions = make_sessions(engine)
    address = make_url(database).set(username="{role}", password=None).render_as_string(hide_password=False)
    app = _built(Settings(database_url=address.replace("%7Brole%7D", "{role}"), data=tmp_path, port=0))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="tests-web", daemon=True)
    thread.start()
    yield House(f"http://127.0.0.1:{server.server_port}", sessions, night)
    app.extensions["vigie.live"].stop()
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()
    pages = app.extensions["vigie.engine"]
    # A page that was left in mid-answer still holds its connection, which `dispose` would leave open for ever.
    until(lambda: pages.pool.checkedout() == 0, "the last answers are done")
    pages.dispose()
    engine.dispose()


_BUILT: list[Flask] = []


def _built(settings: Settings) -> Flask:
    """The application, built once a process (tests/http/conftest.py says why), with this test's settings."""
    if not _BUILT:
        _BUILT.append(create_app(settings))
    app = _BUILT[0]
    house = replace(app.extensions["vigie"], settings=settings)
    address = make_url(settings.database_for("web")).set(drivername="postgresql")
    app.extensions["vigie"] = house
    app.extensions["vigie.live"] = Hub(house.sessions, address.render_as_string(hide_password=False))
    app.extensions.pop("vigie.doorstep", None)
    return app


class Watched:
    """What a page must never do: complain, fail, or fetch from elsewhere."""

    def __init__(self, context: BrowserContext, house: House) -> None:
        self.complaints: list[str] = []
        self._house = house
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # "409" is how the desk says that an act does not fit now, "422" that a field does not; the page has the words.
        expected = any(status in message.text for status in ("409 (CONFLICT)", "422 (UNPROCESSABLE"))
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._house.address, "data:", "blob:")):
            self.complaints.append(f"elsewhere: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500 or (response.status == 404 and "/vendor/" not in response.url):
            self.complaints.append(f"{response.status}: {response.url}")


@pytest.fixture
def context(browser: Browser, house: House) -> Iterator[BrowserContext]:
    """A browser of its own, which fails the test when a page complained."""
    made = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=house.address)
    made.set_default_timeout(15_000)
    watched = Watched(made, house)
    yield made
    made.close()
    assert watched.complaints == []


@pytest.fixture
def page(context: BrowserContext, house: House) -> Page:
    """Dee, signed in, on the watch floor."""
    opened = context.new_page()
    opened.goto("/sign-in")
    opened.fill("#email", house.night.email)
    opened.fill("#password", seed.PASSWORD)
    opened.press("#password", "Enter")
    opened.wait_for_selector("html[data-ready] [data-queue]")
    return opened
