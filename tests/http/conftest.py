"""The web application on the test database, with a clock moved by hand, and people at their browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import make_url, select
from werkzeug.test import TestResponse

from app import create_app, keys, rights
from app.identity import begin, digest, make_sign_in_link
from app.live import Hub
from app.settings import Settings
from escalation.attic import Attic
from models.people import Person, WebSession
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.world import CANARY, Things, furnish


class Hands:
    """A clock that moves only when a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


class Visitor:
    """Somebody at a browser or a program with a key: sends what such a client sends by itself."""

    def __init__(self, client: FlaskClient, *, csrf: str = "", key: str = "") -> None:
        self.client, self.csrf = client, csrf
        self.headers = {"Authorization": f"Bearer {key}"} if key else {"Sec-Fetch-Site": "same-origin"}
        if csrf:
            self.headers["X-CSRF-Token"] = csrf

    def __call__(self, method: str, path: str, **more: Any) -> TestResponse:
        headers = self.headers | more.pop("headers", {})
        return self.client.open(path, method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> TestResponse:
        return self("POST", path, **({"json": body} if body is not None else {}), **more)

    def patch(self, path: str, body: Any, **more: Any) -> TestResponse:
        return self("PATCH", path, json=body, **more)


@pytest.fixture
def hands() -> Hands:
    return Hands(NOW)


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    url = make_url(database).set(username="ROLE").render_as_string(hide_password=False)
    return Settings(database_url=url.replace("ROLE", "{role}"), data=tmp_path)


_BUILT: dict[str, Flask] = {}


@pytest.fixture
def app(settings: Settings, hands: Hands) -> Iterator[Flask]:
    """The application, with this test's clock, settings and data folder.

    Built once a process for settings of one kind: its rules, templates and statements are compiled once then, which is
    most of what a short test takes. A test that changes it builds its own with `create_app`.
    """
    kind = settings.model_copy(update={"data": Path()}).model_dump_json()
    if kind not in _BUILT:
        _BUILT[kind] = create_app(settings, clock=hands)
    application = _BUILT[kind]
    house = replace(application.extensions["vigie"], settings=settings, clock=hands)
    address = make_url(settings.database_for("web")).set(drivername="postgresql")
    application.extensions["vigie"] = house
    application.extensions["vigie.live"] = Hub(house.sessions, address.render_as_string(hide_password=False))
    application.extensions.pop("vigie.doorstep", None)
    yield application
    application.extensions["vigie.engine"].dispose()


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    """A browser nobody is signed in with."""
    return Visitor(app.test_client())


@pytest.fixture
def visit(app: Flask, cast: Cast, sessions: Sessions, hands: Hands) -> Callable[[str], Visitor]:
    """`visit("dee")`: her browser, signed in."""

    def signed_in(name: str) -> Visitor:
        with app.test_request_context(), work(sessions, SYSTEM) as session:
            token = begin(session, session.get_one(Person, getattr(cast, name)), hands(), agent="tests", address="")
            csrf = session.scalars(select(WebSession.csrf).where(WebSession.token_hash == digest(token))).one()
        client = app.test_client()
        client.set_cookie("vigie", token)
        return Visitor(client, csrf=csrf)

    return signed_in


@pytest.fixture
def with_key(app: Flask, cast: Cast, sessions: Sessions, hands: Hands) -> Callable[..., Visitor]:
    """`with_key(customer="plant", scopes=[…])`: a program; every right unless told."""

    def made(customer: str | None = None, scopes: list[str] | None = None) -> Visitor:
        given = scopes if scopes is not None else list(rights.RIGHTS)
        with work(sessions, SYSTEM) as session:
            key = keys.make(
                session,
                label="a program",
                scopes=given,
                customer_id=getattr(cast, customer) if customer else None,
                made_by=None,
                actor="tests",
                now=hands(),
            )
        return Visitor(app.test_client(), key=key.text)

    return made


@pytest.fixture
def link_for(cast: Cast, sessions: Sessions, hands: Hands) -> Callable[[str], str]:
    """`link_for("dee")`: the path of a one-time link."""

    def made(name: str) -> str:
        with work(sessions, SYSTEM) as session:
            return make_sign_in_link(session, getattr(cast, name), hands())

    return made


@pytest.fixture
def world(cast: Cast, sessions: Sessions, settings: Settings) -> dict[str, Things]:
    """One row of everything for "plant" and for "joinery"."""
    for canary in CANARY.values():
        Attic(settings.data).put(canary.encode())
    with work(sessions, SYSTEM) as session:
        return {whose: furnish(session, cast, whose) for whose in CANARY}
