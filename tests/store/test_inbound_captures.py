"""What real senders sent, taken line by line, leaves open what is stated beside each recording."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from escalation.inbound import doors
from escalation.inbound.replaying import replay
from models.inbound import InboundAlert, InboundDoor
from models.incidents import OPEN_STATES, Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast

CAPTURES = (
    "alertmanager-fire-resolve",
    "alertmanager-group5",
    "alertmanager-truncated",
    "pagerduty-py-pagerduty",
    "nagios",
)
# Said of the line, not of what is open.
_NOT_STATE = ("type", "state", "number", "about", "action", "answered")


@pytest.fixture
def alerts(shared: Path) -> Path:
    folder = shared / "captures" / "alerts"
    if not folder.is_dir():
        pytest.skip(f"no recorded alerts: {folder} is absent")
    return folder


def _play(sessions: Sessions, cast: Cast, file: Path, times: int = 1) -> list[dict[str, Any]]:
    made: dict[str, InboundDoor] = {}
    said: list[dict[str, Any]] = []
    for turn in range(times):
        with work(sessions, SYSTEM) as session:

            def door_for(kind: str) -> InboundDoor:
                if kind not in made:
                    made[kind] = doors.make(session, cast.plant, kind, kind, "a test", cast.now)[0]
                return session.merge(made[kind])

            said = list(replay(session, door_for, file, cast.now + timedelta(minutes=turn)))
    return said


@pytest.mark.parametrize("name", CAPTURES)
def test_each_line_leaves_open_what_is_stated_for_it(name: str, sessions: Sessions, cast: Cast, alerts: Path) -> None:
    expected = json.loads((alerts / "expected.json").read_text())[f"{name}.jsonl"]["after"]
    assert _play(sessions, cast, alerts / f"{name}.jsonl") == expected


@pytest.mark.parametrize("name", CAPTURES)
def test_what_is_open_in_the_end_has_one_incident_each_and_no_other_is_open(
    name: str, sessions: Sessions, cast: Cast, alerts: Path
) -> None:
    _play(sessions, cast, alerts / f"{name}.jsonl")
    with work(sessions, SYSTEM) as session:
        going_on = select(InboundAlert.incident_id).where(InboundAlert.state != "resolved")
        open_now = select(Incident.id).where(Incident.state.in_(OPEN_STATES))
        assert sorted(session.scalars(going_on)) == sorted(session.scalars(open_now))  # type: ignore[type-var]
        ever = session.scalar(select(func.count()).select_from(Incident))
        conditions = session.scalar(select(func.count()).select_from(InboundAlert))
        assert ever == conditions, "a condition that comes back within the half hour opens the same incident again"


@pytest.mark.parametrize("name", [name for name in CAPTURES if name.startswith(("alertmanager", "nagios"))])
def test_a_recording_sent_twice_leaves_open_what_it_left_the_first_time(
    name: str, sessions: Sessions, cast: Cast, alerts: Path
) -> None:
    once = json.loads((alerts / "expected.json").read_text())[f"{name}.jsonl"]["after"][-1]
    twice = _play(sessions, cast, alerts / f"{name}.jsonl", times=2)[-1]
    assert twice == once
    with work(sessions, SYSTEM) as session:
        ever = session.scalar(select(func.count()).select_from(Incident))
        assert ever == session.scalar(select(func.count()).select_from(InboundAlert))
