"""The dead-man signal, and the alarm's second path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from escalation.auditor import Watchman
from escalation.channels import ChannelError, Letter, Receipt
from escalation.heartbeat import beat
from models.session import SYSTEM, Sessions, work
from models.telemetry import ProcessBeat
from tests.cast import Cast
from tests.sink import sink

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def test_a_desk_that_is_well_is_heard_and_one_that_is_not_falls_silent() -> None:
    with sink() as there:
        assert beat(f"{there.url}/ping/desk", NOW - timedelta(minutes=1), NOW, allow_private=True)
        assert not beat(there.url, NOW - timedelta(minutes=4), NOW, allow_private=True), "the watchman looks no more"
        assert not beat(there.url, None, NOW, allow_private=True), "it has not looked yet"
    assert [heard.path for heard in there.heard] == ["/ping/desk"]


def test_an_address_that_takes_no_signal_is_said() -> None:
    with sink(status=500) as there, pytest.raises(ChannelError):
        beat(there.url, NOW, NOW, allow_private=True)


def test_the_signal_does_not_reach_into_the_house() -> None:
    with sink() as there, pytest.raises(ChannelError, match=r"private|https"):
        beat(there.url.replace("http:", "https:"), NOW, NOW)
    assert there.heard == []


@pytest.mark.usefixtures("staffed")
def test_a_process_that_stands_still_silences_the_signal_and_alarms_by_the_second_path(
    sessions: Sessions, cast: Cast
) -> None:
    letters: list[Letter] = []

    def hook(letter: Letter, now: datetime) -> Receipt:
        letters.append(letter)
        return Receipt()

    watchman = Watchman(sessions, {"webhook": hook}, "https://watch.example/alarm")
    watchman.once(cast.now)
    assert (watchman.well_at, letters) == (cast.now, [])
    with work(sessions, SYSTEM) as session:
        session.add(
            ProcessBeat(
                name="watch", pid=1, host="here", started_at=cast.now, beat_at=cast.now, state="running", facts={}
            )
        )
    later = cast.now + timedelta(minutes=5)
    watchman.once(later)
    assert watchman.well_at == cast.now, "the signal falls silent within minutes"
    assert [(letter.address, letter.body["data"]["rule"]) for letter in letters] == [
        ("https://watch.example/alarm", "process_stuck")
    ]
