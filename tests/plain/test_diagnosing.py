"""The agent's side of remote diagnostics: four readings, and no for everything else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from telemetry import diagnosing
from telemetry.agent_queue import Queue
from telemetry.diagnosing import Diagnoser

ME = "hvs-db-1"
NOW = int(time.time() * 1000)


def ask(**more: Any) -> bytes:
    now = int(time.time() * 1000)
    asked = {"id": "0199-aaaa", "machine": ME, "reading": "disk_usage", "asked_at": now, "expires_at": now + 60_000}
    return json.dumps({name: value for name, value in {**asked, **more}.items() if value is not None}).encode()


@pytest.fixture
def heard() -> set[str]:
    return set()


@pytest.fixture
def diagnoser(heard: set[str]) -> Diagnoser:
    def seen(ask_id: str) -> bool:
        known = ask_id in heard
        heard.add(ask_id)
        return known

    return Diagnoser(ME, ["nginx.service"], seen)


def said(diagnoser: Diagnoser, payload: bytes, **more: Any) -> dict[str, Any]:
    answer = diagnoser.answer(payload, **more)
    assert answer is not None
    body: dict[str, Any] = json.loads(answer)
    return body


def test_disks_are_told_by_mount_and_size(diagnoser: Diagnoser) -> None:
    answer = said(diagnoser, ask())
    assert (answer["id"], answer["reading"]) == ("0199-aaaa", "disk_usage")
    assert all(
        {"mount", "size_gb", "used_pct"} <= set(disk) or "unreadable" in disk for disk in answer["result"]["disks"]
    )


def test_processes_are_told_by_name_and_never_by_their_arguments(diagnoser: Diagnoser) -> None:
    answer = said(diagnoser, ask(reading="processes"))
    assert answer["result"]["running"] >= len(answer["result"]["processes"]) > 0
    known = {"pid", "name", "user", "state", "cpu_s", "rss_mb", "since"}
    assert {name for process in answer["result"]["processes"] for name in process} == known


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("vigie watch --name watch", "vigie watch"),
        ("sender --key=k3y", "sender"),
        ("backup-of-the-night s3cret", "backup-of-the-night"),
        ("Web Content", "Web Content"),
        ("systemd-timesyncd", "systemd-timesyncd"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_title_that_a_process_gave_itself_is_cut_before_its_arguments(
    diagnoser: Diagnoser, monkeypatch: pytest.MonkeyPatch, title: str, name: str
) -> None:
    info = {"pid": 7, "name": title, "username": "app", "cpu_times": None, "memory_info": None, "create_time": 1.0,
            "status": "sleeping"}  # fmt: skip
    monkeypatch.setattr(diagnosing.psutil, "process_iter", lambda _: [SimpleNamespace(info=info)])
    told = said(diagnoser, ask(reading="processes"))["result"]
    assert [process["name"] for process in told["processes"]] == [name]


def test_a_program_that_is_absent_is_said_plainly(diagnoser: Diagnoser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing.shutil, "which", lambda *_, **__: None)
    assert said(diagnoser, ask(reading="smart"))["result"] == {
        "unavailable": "smartctl is not installed on this machine"
    }
    tail = ask(id="0199-bbbb", reading="log_tail", unit="nginx.service", lines=5)
    assert said(diagnoser, tail)["result"] == {"unavailable": "journalctl is not installed on this machine"}


def test_the_last_lines_of_a_unit_its_owner_has_named(diagnoser: Diagnoser, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(diagnosing.shutil, "which", lambda *_, **__: "/usr/bin/journalctl")
    monkeypatch.setattr(diagnosing, "_run", lambda command: asked.append(command) or "one\ntwo\nthree\n")
    answer = said(diagnoser, ask(reading="log_tail", unit="nginx.service", lines=2))
    assert answer["result"] == {"unit": "nginx.service", "lines": ["two", "three"]}
    assert asked == [["/usr/bin/journalctl", "-u", "nginx.service", "-n", "2", "--no-pager", "-q", "-o", "short-iso"]]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"reading": "shell"}, "unknown_ask"),
        ({"reading": None}, "unknown_ask"),
        ({"reading": ["processes"]}, "unknown_ask"),
        ({"machine": "hvs-db-2"}, "wrong_machine"),
        ({"machine": None}, "wrong_machine"),
        ({"expires_at": NOW - 1_000, "asked_at": NOW - 60_000}, "expired"),
        ({"expires_at": 4_102_444_800_000}, "malformed"),
        ({"asked_at": None}, "malformed"),
        ({"asked_at": "now"}, "malformed"),
        ({"asked_at": NOW + 3_600_000, "expires_at": NOW + 3_660_000}, "malformed"),
        ({"unit": "nginx.service"}, "malformed"),
        ({"reading": "log_tail", "unit": "sshd.service", "lines": 5}, "unit_not_allowed"),
        ({"reading": "log_tail", "unit": "-n; reboot", "lines": 5}, "malformed"),
        ({"reading": "log_tail", "unit": "nginx.service", "lines": 5_000}, "malformed"),
        ({"reading": "log_tail", "unit": "nginx.service", "lines": True}, "malformed"),
        ({"reading": "log_tail", "unit": "nginx.service"}, "malformed"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_its_reason(diagnoser: Diagnoser, more: dict[str, Any], reason: str) -> None:
    assert said(diagnoser, ask(**more))["refused"] == reason


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"id": 7}', b'{"id": "../../etc"}', b'{"id": "0199-aaaa", "run": "id"}',
     b'{"id": "0199-aaaa", "x": "' + b"x" * 5_000 + b'"}'],
)  # fmt: skip
def test_what_is_no_ask_gets_no_answer(diagnoser: Diagnoser, payload: bytes) -> None:
    assert diagnoser.answer(payload) is None


def test_an_ask_heard_twice_or_found_lying_about_is_not_answered(diagnoser: Diagnoser) -> None:
    assert diagnoser.answer(ask(), retained=True) is None
    assert diagnoser.answer(ask()) is not None
    assert diagnoser.answer(ask()) is None


def test_an_ask_is_remembered_over_a_restart(tmp_path: Path) -> None:
    for known in (False, True):
        queue = Queue(tmp_path / "queue.sqlite")
        assert queue.is_asked_again("0199-aaaa") is known
        queue.close()


def test_a_long_answer_is_shortened_and_says_so(diagnoser: Diagnoser, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {"processes": [{"pid": n, "name": "x" * 200} for n in range(2_000)]}
    monkeypatch.setitem(diagnosing._READ, "processes", lambda: many)  # type: ignore[arg-type]
    payload = diagnoser.answer(ask(reading="processes"))
    assert payload is not None
    assert len(payload) <= diagnosing.LARGEST_ANSWER
    result = json.loads(payload)["result"]
    assert result["left_out"] + len(result["processes"]) == 2_000
