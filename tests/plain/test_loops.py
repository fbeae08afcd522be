"""Loops run beside one another and survive their own failures."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from app.loops import Loop, running

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def test_a_body_that_fails_is_tried_again_and_disturbs_no_other() -> None:
    tried, other = [], threading.Event()
    again = threading.Event()

    def fails(now: datetime) -> None:
        tried.append(now)
        if len(tried) == 3:
            again.set()
        raise RuntimeError("on purpose")

    with running([Loop("fails", 0.001, fails), Loop("other", 0.001, lambda now: other.set())], clock=lambda: NOW):
        assert again.wait(30)
        assert other.wait(30)
    assert tried[:3] == [NOW] * 3


def test_leaving_the_block_ends_every_thread() -> None:
    ran = threading.Event()
    with running([Loop("quick", 0.001, lambda now: ran.set())]):
        assert ran.wait(30)
    assert "quick" not in {thread.name for thread in threading.enumerate()}
