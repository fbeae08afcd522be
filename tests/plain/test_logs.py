"""What a log line may hold: the error and where it was, never what the variables held; and at no cost worth naming."""

from __future__ import annotations

import logging

import pytest
import structlog

from app import logs
from app.settings import Settings

SECRET = "the password of the plant"


@pytest.mark.parametrize("format", ["plain", "json"])
def test_an_error_in_the_log_tells_where_and_never_what_the_variables_held(
    format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.root.level)
    before = structlog.get_config()
    try:
        logs.set_up(Settings(log_format=format))
        _fail_with(SECRET)
    finally:
        structlog.configure(**before)
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "_fail_with" in said
    assert SECRET not in said


def _fail_with(secret: str) -> None:
    try:
        len(secret) / 0
    except ZeroDivisionError:
        structlog.get_logger("tests").exception("it failed", loop="tests")
