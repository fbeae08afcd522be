"""The chip of a promise, and the line below it in the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.pages.promises import chip_of
from models.incidents import Promise

NOW = datetime(2026, 11, 23, 23, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (timedelta(minutes=59), "first response, 00:26"),
        (timedelta(hours=-5), "first response, 18:27"),
        (timedelta(hours=13), "first response, Tue 12:27"),
        (timedelta(days=9), "first response, 2 Dec 23:27"),
    ],
)
def test_the_day_is_told_where_the_hour_alone_would_not_tell_it(ahead: timedelta, told: str) -> None:
    promise = Promise(kind="respond", state="running", due_at=NOW + ahead, pauses=[])
    assert chip_of(promise, NOW, UTC)[1] == told
