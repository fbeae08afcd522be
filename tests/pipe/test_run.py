"""One command brings everything up, the link it prints signs in, and stopping leaves nothing behind."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.pipe import running
from tests.pipe.running import Vigie, await_that, command

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
        lines = command("status", data=house.data).stdout.splitlines()
        return {line.split()[0] for line in lines if " running " in line} >= set(PARTS)

    await_that(all_run, f"all of {PARTS} running in `vigie status`")


def test_check_finds_every_outside_part_in_order(house: Vigie) -> None:
    done = command("check", data=house.data)
    assert (done.returncode, "everything answers" in done.stdout) == (0, True), done.stdout


def test_a_second_copy_on_the_same_folder_is_one_sentence(house: Vigie) -> None:
    done = command("up", "--port", "0", "--mqtt-port", "0", data=house.data)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"vigie: another Vigie (pid {house.process.pid}) is already running on {house.data}: "
        "stop it, or name another folder with --data"
    ]


def test_a_port_in_use_is_one_sentence_that_names_port_and_option(house: Vigie, tmp_path: Path) -> None:
    port = urlsplit(house.address).port
    for option in ("--port", "--mqtt-port"):
        done = command("up", "--port", "0", "--mqtt-port", "0", option, str(port), data=tmp_path / "other")
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
    await_that(lambda: ", 1 restart, last ended by SIGKILL" in command("status", data=house.data).stdout, "its restart")
