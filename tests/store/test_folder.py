"""The data folder: one user at a time, only ever ours to erase, and a sentence for everything that is wrong with it."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from app import folder
from app.folder import FolderError

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def settle(data: Path, *, fresh: bool = False) -> folder.Claim:
    held = folder.claim(data)
    try:
        folder.furnish(held, now=NOW, fresh=fresh)
    except BaseException:
        held.release()
        raise
    return held


def test_a_second_copy_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "state"
    held = settle(data)
    with pytest.raises(FolderError, match=rf"another Vigie \(pid {os.getpid()}\) is already running on .*--data"):
        folder.claim(data)
    held.release()
    folder.claim(data).release()


def test_a_folder_of_somebody_else_is_neither_used_nor_erased(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderError, match="holds other files"):
        folder.claim(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_fresh_erases_what_the_folder_held(tmp_path: Path) -> None:
    data = tmp_path / "state"
    settle(data).release()
    (data / "postgres").mkdir()
    (data / "postgres" / "PG_VERSION").write_text("18")
    held = settle(data, fresh=True)
    assert sorted(entry.name for entry in data.iterdir()) == ["lock", "logs", "vigie.json"]
    held.release()


def test_an_erasure_cut_short_is_still_recognised_as_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "state"
    settle(data).release()
    (data / "mail").mkdir()
    (data / "postgres").mkdir()

    def cut_short(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", cut_short)
    with pytest.raises(KeyboardInterrupt):
        settle(data, fresh=True)
    monkeypatch.undo()
    settle(data, fresh=True).release()


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "state"
    settle(data).release()
    (data / "vigie.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(FolderError, match=r"another version of Vigie \(format 99, this one writes format 1\).*--fresh"):
        settle(data)


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 5 * 2**20))
    with pytest.raises(FolderError, match=r"the disk that holds .* is full \(5 MB left, 200 MB needed\)"):
        settle(tmp_path / "state")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be used: Not a directory"):
        folder.claim(tmp_path / "file" / "state")


def test_commands_beside_a_running_copy_learn_where_it_is(tmp_path: Path) -> None:
    data = tmp_path / "state"
    held = settle(data)
    held.note(port=8123, database_url="postgresql:///x")
    assert folder.what_runs(data) == {"port": 8123, "database_url": "postgresql:///x"}
    held.release()
    assert folder.what_runs(data) == {}
