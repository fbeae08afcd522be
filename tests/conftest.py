"""Fixtures every floor uses: a real PostgreSQL, sessions under the processes' roles, and the fixed cast."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

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


# Files that wait for processes, brokers or a browser, the longest first.
_WAITING = (
    "faults/test_watchers_change", "faults/test_26", "faults/test_poison", "faults/test_watcher_killed",
    "pipe/test_run", "faults/", "pipe/", "agents/", "browser/",
)  # fmt: skip
_BUSY = ("http/test_openapi", "plain/test_lab_days", "house/", "store/test_thresholds")  # … that take long by working
_SPREAD = 0.8  # of a run, by its files, in which the waiting ones begin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that wait over the run, so that the processes side by side seldom all wait at once, and begin
    the long ones early, so that none is left alone at the end. Else the order stays pytest-randomly's."""
    places = dict.fromkeys(item.path.relative_to(ROOT / "tests").as_posix() for item in items)
    waiting = sorted((place for place in places if place.startswith(_WAITING)), key=lambda p: _rank(p, _WAITING))
    busy = sorted((place for place in places if not place.startswith(_WAITING)), key=lambda p: _rank(p, _BUSY))
    turn = {place: _SPREAD * number / len(waiting) for number, place in enumerate(waiting)}
    turn |= {place: number / len(busy) for number, place in enumerate(busy)}
    items.sort(key=lambda item: turn[item.path.relative_to(ROOT / "tests").as_posix()])


def _rank(place: str, kinds: tuple[str, ...]) -> int:
    return next((rank for rank, beginning in enumerate(kinds) if place.startswith(beginning)), len(kinds))


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


@pytest.fixture
def sessions(database: str) -> Iterator[Sessions]:
    """Sessions as the workers have them."""
    engine = make_engine(postgres.as_role(database, "worker"), name="tests-worker")
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def web_sessions(database: str) -> Iterator[Sessions]:
    """Sessions as the web process has them: nothing is visible without a scope."""
    engine = make_engine(postgres.as_role(database, "web"), name="tests-web")
    yield make_sessions(engine)
    engine.dispose()


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


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
