"""What real senders sent, taken line by line, leaves open what is stated beside each recording."""

from __future__ import annotations

import itertools
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
_COUNT = itertools.count()  # of doors, whose names are their customer's own


@pytest.fixture
def alerts(shared: Path) -> Path:
    folder = shared / "captures" / "alerts"
    if not folder.is_dir():
        pytest.skip(f"no recorded alerts: {folder} is absent")
    return folder


def _play(sessions: Sessions, cast: Cast, file: Path, times: int = 1) -> list[dict[str, Any]]:
    made: dict[str, InboundDoor] = {}
    count = next(_COUNT)
    said: list[dict[str, Any]] = []
    for turn in range(times):
        with work(sessions, SYSTEM) as session:

            def door_for(kind: str) -> InboundDoor:
                if kind not in made:
                    made[kind] = doors.make(session, cast.plant, f"{kind} {count}", kind, "a test", cast.now)[0]
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


@pytest.mark.parametrize("name", CAPTURES)
def test_each_line_sent_twice_leaves_open_what_it_left_once(
    name: str, sessions: Sessions, cast: Cast, alerts: Path, tmp_path: Path
) -> None:
    """A slow answer makes a sender come again with the very same request."""
    lines = [line for line in (alerts / f"{name}.jsonl").read_text().splitlines() if not _makes_a_key(line)]
    for times in (1, 2):
        (tmp_path / f"{times}.jsonl").write_text("\n".join(line for line in lines for _ in range(times)))
    once, twice = (_play(sessions, cast, tmp_path / f"{times}.jsonl") for times in (1, 2))
    assert [_open(state) for state in twice[1::2]] == [_open(state) for state in once]


def _makes_a_key(line: str) -> bool:
    """A trigger without a dedup_key is a new event each time it is sent; and so is what is said of it later."""
    said = json.loads(line)
    body = json.loads(said["body"]) if said["body"].startswith("{") else {}
    made = ("61332899d6f44c51b69325f4e3ab2825", "aefb46bc03bf4114a2ca82c2212748fa")
    return (body.get("event_action") == "trigger" and "dedup_key" not in body) or body.get("dedup_key") in made


def _open(state: dict[str, Any]) -> dict[str, Any]:
    if "incidents" not in state:
        return {name: state[name] for name in ("firing", "open_groups", "open") if name in state}
    return {key: (one["state"], one["severity"], one["occurrence"]) for key, one in state["incidents"].items()}
