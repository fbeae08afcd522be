"""Starting and stopping, without the demo: nothing is left behind, whatever is killed and whatever is missing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.pipe import running
from tests.pipe.running import ROOT, Vigie, await_that, command


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_leaves_no_process_and_no_port(tmp_path: Path, number: signal.Signals) -> None:
    with running.running(tmp_path / "state", "--no-demo") as own:
        port = urlsplit(own.address).port or 0
        assert listens(port)
        own.family()
        assert own.stop(number) == 0
        assert own.left() == []
        assert not listens(port)
        assert "nothing is left running" in own.said()
        assert "did not stop" not in own.said()


def test_a_supervisor_killed_outright_leaves_nothing_and_starts_again_unaided(tmp_path: Path) -> None:
    data = tmp_path / "state"
    with running.running(data, "--no-demo") as first:
        first.family()
        first.stop(signal.SIGKILL)
        await_that(lambda: first.left() == [], "the end of every part")
    with running.running(data, "--no-demo") as second:
        assert second.stop() == 0


def test_everything_killed_at_once_starts_again_unaided(tmp_path: Path) -> None:
    data = tmp_path / "state"
    with running.running(data, "--no-demo") as first:
        for one in [*first.family(), psutil.Process(first.process.pid)]:
            with suppress(psutil.NoSuchProcess):  # backends end with their server
                one.kill()
        first.process.wait()
        assert (data / "postgres" / "postmaster.pid").exists()
    with running.running(data, "--no-demo") as second:
        assert second.stop() == 0


def test_without_mosquitto_the_embedded_broker_serves(tmp_path: Path) -> None:
    with running.running(tmp_path / "state", "--no-demo", environment={"VIGIE_MQTT_BROKER": "embedded"}) as own:
        assert "mosquitto" not in {one.name() for one in own.family()}
        done = command("check", data=own.data)
        assert "lets vigie-check in" in done.stdout, done.stdout
        assert own.stop() == 0
        assert own.left() == []


def test_a_database_of_another_postgresql_is_one_sentence(tmp_path: Path) -> None:
    data = tmp_path / "state"
    (data / "postgres").mkdir(parents=True)
    (data / "vigie.json").write_text('{"format": 1}')
    (data / "postgres" / "PG_VERSION").write_text("14\n")
    done = command("up", "--port", "0", "--mqtt-port", "0", data=data)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "was written by PostgreSQL 14, this Vigie brings PostgreSQL 18" in done.stderr


def test_a_clean_clone_holds_everything_a_start_needs(tmp_path: Path) -> None:
    """The committed files alone, without what lies about in this folder; with this environment's libraries."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git, or no repository: nothing to clone")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    argv = [sys.executable, "-m", "app.cli", "up", "--data", str(tmp_path / "s"), "--port", "0", "--mqtt-port", "0"]
    process = subprocess.Popen(
        [*argv, "--no-demo"], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    own = Vigie(process, tmp_path / "s")
    try:
        own.await_ready()
        own.family()
        asked = [sys.executable, "-c", "import app; print(app.__file__)"]
        done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.startswith(str(clone))
        assert own.stop() == 0
        assert own.left() == []
    finally:
        running.end(own)
