"""One command brings everything up, the link it prints signs in, and stopping leaves nothing behind."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.pipe import running
from tests.pipe.running import ROOT, Vigie, await_that

PARTS = ("broker", "web", "watch", "bridge", "work", "lab", "agent", "postgres", "supervisor")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vigie]:
    """One Vigie with its demo, up for all tests of this file."""
    with running.running(tmp_path_factory.mktemp("house") / "state") as vigie:
        yield vigie


def ask(address: str, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def vigie(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "app.cli", *arguments]
    environment = {**os.environ, "VIGIE_DATA": str(data)}
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_link_it_prints_signs_in_once(house: Vigie) -> None:
    address, path = house.address, urlsplit(house.link).path
    here = {"Origin": address, "Sec-Fetch-Site": "same-origin"}
    assert ask(address, "GET", path)[0] == 200
    status, headers, _ = ask(address, "POST", path, here)
    assert status == 303
    cookie = headers["Set-Cookie"].split(";")[0]
    status, _, page = ask(address, "GET", "/", {"Cookie": cookie})
    assert status == 200
    assert "<html" in page
    assert ask(address, "POST", path, here)[0] >= 400


def test_every_part_is_a_process_of_its_own_and_known_to_the_platform_page(house: Vigie) -> None:
    def all_run() -> bool:
        lines = vigie("status", data=house.data).stdout.splitlines()
        return {line.split()[0] for line in lines if " running " in line} >= set(PARTS)

    await_that(all_run, f"all of {PARTS} running in `vigie status`")


def test_check_finds_every_outside_part_in_order(house: Vigie) -> None:
    done = vigie("check", data=house.data)
    assert (done.returncode, "everything answers" in done.stdout) == (0, True), done.stdout


def test_a_second_copy_on_the_same_folder_is_one_sentence(house: Vigie) -> None:
    done = vigie("up", "--port", "0", "--mqtt-port", "0", data=house.data)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"vigie: another Vigie (pid {house.process.pid}) is already running on {house.data}: "
        "stop it, or name another folder with --data"
    ]


def test_a_port_in_use_is_one_sentence_that_names_port_and_option(house: Vigie, tmp_path: Path) -> None:
    port = urlsplit(house.address).port
    for option in ("--port", "--mqtt-port"):
        done = vigie("up", "--port", "0", "--mqtt-port", "0", option, str(port), data=tmp_path / "other")
        sentence = f"port {port} is in use by another program: stop it, or choose another port with {option}"
        assert (done.returncode, done.stderr) == (1, f"vigie: {sentence}\n")
    assert not (tmp_path / "other" / "postgres").exists()


def test_a_killed_part_comes_back_and_says_so(house: Vigie) -> None:
    before = house.part("vigie bridge")
    assert before is not None
    before.kill()
    await_that(lambda: "bridge ended by SIGKILL; starting it again" in house.said(), "the end of the bridge told")

    def back() -> bool:
        now = house.part("vigie bridge")
        return now is not None and now.pid != before.pid

    await_that(back, "another bridge")
    await_that(lambda: ", 1 restart, last ended by SIGKILL" in vigie("status", data=house.data).stdout, "its restart")


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
        done = vigie("check", data=own.data)
        assert "lets vigie-check in" in done.stdout, done.stdout
        assert own.stop() == 0
        assert own.left() == []


def test_a_database_of_another_postgresql_is_one_sentence(tmp_path: Path) -> None:
    data = tmp_path / "state"
    (data / "postgres").mkdir(parents=True)
    (data / "vigie.json").write_text('{"format": 1}')
    (data / "postgres" / "PG_VERSION").write_text("14\n")
    done = vigie("up", "--port", "0", "--mqtt-port", "0", data=data)
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
