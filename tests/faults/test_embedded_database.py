"""The embedded PostgreSQL comes back after anything that may happen to it, and never runs as root."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from app import embedded, leash

ROOT = Path(__file__).resolve().parents[2]
SELF = "SELECT current_user, count(*) FROM pg_database WHERE datname = 'vigie' GROUP BY 1"


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder with a short path: a socket's whole path must fit a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="vg-") as folder:
        made = Path(folder) / "data"
        made.mkdir(mode=0o700)
        yield made


def postmaster(data: Path) -> psutil.Process:
    return psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))


def answers(cluster: embedded.Cluster) -> bool:
    with psycopg.connect(cluster.dsn(embedded.WORKER)) as connection:
        return connection.execute(SELF).fetchone() == (embedded.WORKER, 1)


def test_it_starts_stops_and_starts_again(data: Path) -> None:
    for _ in range(2):
        with embedded.running(data) as cluster:
            assert answers(cluster)
        assert not (data / "postgres" / "postmaster.pid").exists()


def test_it_listens_on_no_port_and_lets_in_nobody_else(data: Path) -> None:
    with embedded.running(data) as cluster:
        assert [c for c in postmaster(data).net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
        assert cluster.sockets.stat().st_mode & 0o077 == 0


def test_a_killed_server_recovers_what_was_committed(data: Path) -> None:
    with embedded.running(data) as cluster:
        with psycopg.connect(cluster.dsn(embedded.OWNER), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        postmaster(data).kill()
    assert (data / "postgres" / "postmaster.pid").exists()
    with embedded.running(data) as cluster, psycopg.connect(cluster.dsn(embedded.OWNER)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_pid_file_that_names_another_program_does_not_stop_it(data: Path) -> None:
    with embedded.running(data):
        kept = (data / "postgres" / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        (data / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *kept[1:]]) + "\n")
        with embedded.running(data) as cluster:
            assert answers(cluster)
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_left_over_by_a_killed_parent_is_ended_first(data: Path) -> None:
    """As where the kernel tells nobody: the server is started without a leash, and its starter is gone."""
    cluster = embedded.prepare(data)
    argv = cluster.command()
    server = argv[argv.index("--") + 1 :]
    lowered = [sys.executable, "-I", leash.__file__, str(os.getpid()), "0", cluster.lower, "--", *server]
    with subprocess.Popen(lowered, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as left:
        embedded.wait_until_ready(cluster, lambda: left.poll() is None)
        with embedded.running(data) as again:
            assert answers(again)
        assert left.wait(30) == 0


def test_the_first_start_cut_short_is_begun_anew(data: Path) -> None:
    (data / "postgres.new").mkdir(mode=0o700)
    (data / "postgres.new" / "PG_VERSION").write_text("18\n")
    with embedded.running(data) as cluster:
        assert answers(cluster)


def test_a_folder_written_by_another_postgresql_is_named_in_one_sentence(data: Path) -> None:
    (data / "postgres").mkdir(mode=0o700)
    (data / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.EmbeddedError, match=r"was written by PostgreSQL 17, this Vigie brings PostgreSQL 18"):
        embedded.prepare(data)


def test_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 90) / "postgres"
    assert len(str(embedded.socket_folder(folder) / ".s.PGSQL.5432")) <= 100


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
def test_started_by_root_it_runs_as_an_ordinary_user_all_the_same(data: Path) -> None:
    with embedded.running(data) as cluster:
        assert cluster.lower == leash.NAMESPACE or postmaster(data).uids().real != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
def test_root_without_user_namespaces_lends_it_an_ordinary_account(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leash, "namespace_works", lambda: False)
    # A copy, so that no folder above our own installation is opened to that account by a test.
    reachable = Path(tempfile.mkdtemp(prefix="vg-pg-"))
    installed = embedded._binary("postgres").parents[2]
    copied = shutil.copytree(installed / f"pginstall{embedded.MAJOR}", reachable / installed.name / "pginstall")
    libraries = installed.with_name(installed.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, reachable / libraries.name)
    reachable.chmod(0o755)
    data.parent.chmod(0o755)
    monkeypatch.setattr(embedded, "_binary", lambda name: copied / "bin" / name)
    try:
        with embedded.running(data) as cluster:
            assert cluster.lower not in (leash.KEEP, leash.NAMESPACE)
            assert postmaster(data).uids().real != 0
            assert answers(cluster)
        with embedded.running(data) as cluster:
            assert answers(cluster)
    finally:
        shutil.rmtree(reachable)


def test_its_parents_death_ends_it_cleanly(data: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from app import embedded\n"
        "with embedded.running(Path(sys.argv[1])): print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(data)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as own:
        assert own.stdout is not None
        assert own.stdout.readline() == "up\n"
        server = postmaster(data)
        own.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 30
        while server.is_running() and server.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not (data / "postgres" / "postmaster.pid").exists()
