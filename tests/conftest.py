"""Fixtures every floor uses: a real PostgreSQL, sessions under the processes' roles, and the fixed cast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from app.free_port import free_port
from models import Base
from models.people import NamedPerson, Person
from models.session import SYSTEM, Sessions, make_engine, make_sessions, work
from tests import postgres
from tests.cast import Cast, settle
from tests.kafka_server import kafka as kafka

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes says something of the machine, and nothing of the claim.
settings.register_profile("vigie", deadline=None)
settings.load_profile("vigie")


# Files that wait for processes, hours of simulated telemetry or a browser, the longest kinds first. Handed out early,
# they leave the short files to fill the gaps at the end; in the order of chance one of them is left alone there.
_LONG = (
    "faults/test_watchers_change", "faults/test_26", "http/test_openapi", "faults/test_poison", "plain/test_lab_days",
    "faults/", "pipe/", "browser/", "house/", "agents/", "store/test_thresholds", "plain/", "stories/", "store/",
)  # fmt: skip


def _how_long(item: pytest.Item) -> int:
    place = item.path.relative_to(ROOT / "tests").as_posix()
    return next((rank for rank, beginning in enumerate(_LONG) if place.startswith(beginning)), len(_LONG))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; among files of one kind, and within each file, the order stays pytest-randomly's."""
    items.sort(key=_how_long)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of examples beside the repository; tests that need it are left out, loudly, where it is absent."""
    folder = Path(os.environ.get("VIGIE_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no example data: {folder} is absent (set VIGIE_SHARED to its folder)")
    return folder


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def pg_url(pg_server: str) -> str:
    """A migrated database, as the server's superuser."""
    url = postgres.create(pg_server, "vigie_tests")
    postgres.migrate(url)
    return url


@pytest.fixture
def database(pg_url: str) -> Iterator[str]:
    """The migrated database, every table empty again after the test."""
    yield pg_url
    postgres.empty(pg_url, [table.name for table in Base.metadata.sorted_tables])


@pytest.fixture(scope="session")
def engines(pg_url: str) -> dict[str, Engine]:
    """An engine a role for the whole run: what it compiled of our statements serves the next test too."""
    return {role: make_engine(postgres.as_role(pg_url, role), name=f"tests-{role}") for role in ("worker", "web")}


@pytest.fixture
def sessions(database: str, engines: dict[str, Engine]) -> Iterator[Sessions]:
    """Sessions as the workers have them."""
    yield make_sessions(engines["worker"])
    engines["worker"].dispose()


@pytest.fixture
def web_sessions(database: str, engines: dict[str, Engine]) -> Iterator[Sessions]:
    """Sessions as the web process has them: nothing is visible without a scope."""
    yield make_sessions(engines["web"])
    engines["web"].dispose()


@pytest.fixture
def cast(sessions: Sessions) -> Cast:
    """Ada, Bo, Cy and Dee with their customers, contracts and machines (tests/cast.py)."""
    with work(sessions, SYSTEM) as session:
        return settle(session)


@pytest.fixture
def staffed(sessions: Sessions, cast: Cast) -> None:
    """Somebody stands on every rung of the ladders in force."""
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.max).rungs = ["lead", "number-two", "number-one"]
        session.add(NamedPerson(customer_id=cast.plant, person_id=cast.dee, duty="account engineer"))


@pytest.fixture(name="free_port")
def a_free_port() -> int:
    return free_port()
