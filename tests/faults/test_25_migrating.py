"""Fault 25: the schema goes up, down and up again while the version before it serves; nobody is told of a failure."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
from sqlalchemy import create_engine, make_url, select, text

from alembic import command
from app import keys, rights
from app.free_port import free_port
from models.incidents import Incident
from models.session import SYSTEM, make_engine, make_sessions, work
from tests import postgres
from tests.cast import settle
from tests.faults.deskwork import Worker, all_told, broken_chains, heard, owed, reach_by_web, utc_now
from tests.faults.history import Asked, Audited, History, Outcome
from tests.faults.judge import judge
from tests.rig import until
from tests.sink import Sink, sink

ROOT = Path(__file__).resolve().parents[2]
# The version before: its own code, its own idea of the schema, served by its own threads.
SERVE = """
import sys
from app import create_app
from app.settings import Settings
from werkzeug.serving import make_server
make_server("127.0.0.1", int(sys.argv[1]), create_app(Settings()), threaded=True).serve_forever()
"""
KNOWN_BY_IT = "from app.revisions import head; print(head())"
KEPT = ("incidents", "promises", "timeline", "notices", "decisions", "customers", "people")


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


def told_of_before() -> str:
    """The newest commit the changelog was written in whose schema is older than ours: what somebody may be running."""
    ours = {path.name for path in (ROOT / "alembic" / "versions").glob("*.py")}
    for commit in git("log", "-20", "--format=%H", "--", "CHANGELOG.md").decode().split():
        names = git("ls-tree", "--name-only", commit, "alembic/versions/").decode().split()
        if {Path(name).name for name in names if name.endswith(".py")} < ours:
            return commit
    return ""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The version before ours, unpacked."""
    try:
        commit = told_of_before()
    except (subprocess.CalledProcessError, FileNotFoundError):
        commit = ""
    if not commit:
        pytest.skip("no history to take an older version from: this is no clone, or a shallow one")
    packed = tmp_path / "before.tar"
    packed.write_bytes(git("archive", commit))
    folder = tmp_path / "before"
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Load(threading.Thread):
    """Reads and asks for incidents until told to stop, and keeps every answer."""

    def __init__(self, base: str, key: str) -> None:
        super().__init__(name="load")
        self.over = threading.Event()
        self.statuses: list[int] = []
        self.asked: list[Asked] = []
        self._base, self._pool = base, urllib3.PoolManager(timeout=60, retries=False)
        self._headers = {"Authorization": f"Bearer {key}"}

    def stop(self) -> None:
        """Ask no more; returns when the last answer is kept."""
        self.over.set()
        if self.ident is not None:
            self.join(60)

    def run(self) -> None:
        turn = 0
        while not self.over.wait(0.02):
            turn += 1
            for path in ("/api/v1/incidents", "/api/v1/customers", "/api/v1/people", "/api/v1/notices"):
                self.statuses.append(self._ask("GET", path))
            title = f"load-{turn}"
            body = {"customer": "plant", "machine": "plant-db-1", "severity": 3, "title": title, "cause": title}
            said = self._ask("POST", "/api/v1/incidents", json=body)
            self.statuses.append(said)
            self.asked.append(Asked(title, Outcome.OK if said == 201 else Outcome.FAILED))

    def _ask(self, method: str, path: str, **more: Any) -> int:
        return int(self._pool.request(method, self._base + path, headers=self._headers, **more).status)


@pytest.fixture
def there() -> Iterator[Sink]:
    """Where everybody of ours is reached."""
    with sink() as listening:
        yield listening


@pytest.fixture
def database_of_before(pg_server: str, before: Path, there: Sink) -> tuple[str, str]:
    """A database as the version before left it, with the cast in it; and the revision that is."""
    environment = {**os.environ, "PYTHONPATH": str(before)}
    known = subprocess.run([sys.executable, "-c", KNOWN_BY_IT], cwd=before, env=environment, check=True,
                           capture_output=True, text=True).stdout.strip()  # fmt: skip
    url = postgres.create(pg_server, "vigie_before")
    postgres.migrate(url)
    engine = make_engine(postgres.as_role(url, "worker"))
    with work(make_sessions(engine), SYSTEM) as session:
        cast = settle(session, utc_now())
    reach_by_web(make_sessions(engine), cast, there.url)
    engine.dispose()
    command.downgrade(postgres.alembic_config(url), known)
    return url, known


def rows(url: str) -> dict[str, set[object]]:
    """The rows of the tables that tell of incidents, by their ids."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {table: set(connection.scalars(text(f"SELECT id FROM {table}"))) for table in KEPT}  # noqa: S608
    engine.dispose()
    return found


@pytest.mark.timeout(300)
def test_25_the_version_before_serves_and_tells_while_the_schema_goes_up_down_and_up(
    before: Path, database_of_before: tuple[str, str], there: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, known = database_of_before
    engine = make_engine(postgres.as_role(url, "worker"))
    sessions = make_sessions(engine)
    with work(sessions, SYSTEM) as session:
        key = keys.make(session, label="load", scopes=list(rights.RIGHTS), customer_id=None, made_by=None,
                        actor="tests", now=utc_now()).text  # fmt: skip
    with ExitStack() as ends:
        ends.callback(engine.dispose)
        place, server_said = _serve(before, url, tmp_path, ends)
        worker = Worker(postgres.as_role(url, "worker"), tmp_path, before).start()
        ends.callback(worker.end)
        load = Load(f"http://127.0.0.1:{place}", key)
        ends.callback(load.stop)
        until(lambda: _answers(place), "the version before serves")
        load.start()
        until(lambda: len(load.asked) > 3 and there.heard, "load flows and is told of")
        for step in ("head", known, "head"):
            kept = rows(url)
            with _in_the_way(url, caplog):
                (command.upgrade if step == "head" else command.downgrade)(postgres.alembic_config(url), step)
            now = rows(url)
            assert [table for table in kept if kept[table] - now[table]] == [], f"rows lost on the way to {step}"
            more = len(load.asked) + 3
            until(lambda: len(load.asked) > more, f"load flows at {step}")  # noqa: B023  called at once
        load.stop()
        until(lambda: all_told(sessions), "every due notice is told")
        assert [status for status in load.statuses if status >= 500] == [], server_said.read_text()[-3000:]
        with work(sessions, SYSTEM) as session:
            effects = [Audited(title) for title in session.scalars(select(Incident.title))]
            due, chains = owed(session), broken_chains(session)
    assert judge(History(asked=load.asked, audited=effects, due=due, told=heard(there))) == []
    assert chains == []


def _serve(before: Path, url: str, tmp_path: Path, ends: ExitStack) -> tuple[int, Path]:
    """The web process of the version before; answers its port and where it writes what it has to say."""
    place = free_port()
    role_url = make_url(url).set(username="ROLE").render_as_string(hide_password=False).replace("ROLE", "{role}")
    environment = {**os.environ, "PYTHONPATH": str(before), "VIGIE_DATABASE_URL": role_url,
                   "VIGIE_DATA": str(tmp_path / "data")}  # fmt: skip
    said = tmp_path / "server.log"
    with said.open("wb") as out:
        server = subprocess.Popen([sys.executable, "-c", SERVE, str(place)], cwd=before, env=environment, stdout=out,
                                  stderr=out)  # fmt: skip
    ends.callback(server.wait, 10)
    ends.callback(server.kill)
    return place, said


@contextmanager
def _in_the_way(url: str, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Somebody holds a table every migration needs, until one gave way to them."""
    engine, said = create_engine(url), len(caplog.messages)
    with engine.connect() as holder:
        holder.execute(text("LOCK TABLE alembic_version IN SHARE MODE"))

        def let_go() -> None:
            until(lambda: any("in use" in line for line in caplog.messages[said:]), "the migration gives way")
            holder.rollback()

        letting_go = threading.Thread(target=let_go)
        letting_go.start()
        yield
        letting_go.join()
    engine.dispose()


def _answers(place: int) -> bool:
    try:
        return bool(urllib3.request("GET", f"http://127.0.0.1:{place}/healthz", timeout=5, retries=False).status < 500)
    except urllib3.exceptions.HTTPError:
        return False
