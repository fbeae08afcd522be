"""The published ladder cases, climbed by the desk itself: intake, acts and ticks on a real database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from escalation import acts, climbing, intake
from escalation.incident import NotNow
from escalation.ladder import Convention, Ladder, Rung
from escalation.tick import tick_all
from models.agreements import Contract
from models.incidents import Incident
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import NOW, Cast

MINUTE = timedelta(minutes=1)
_PEOPLE = ("dee", "eve", "max")
_FILE = "10-ladders-selection.json"
_NAMES = ("LAD-01", "LAD-04", "LAD-07", "LAD-10", "LAD-13", "LAD-16")
# What no published case says and a desk meets: minutes from the opening, and which rungs ring when.
_OWN: dict[str, tuple[dict[str, Any], list[tuple[float, int]]]] = {
    "the policy is edited while it climbs": (
        {"rules": [10, 10], "events": [(5, "policy_edited")]}, [(0, 1), (10, 2)]),
    "said again while it goes on": ({"rules": [10, 10], "events": [(5, "ack"), (30, "again")]}, [(0, 1)]),
    "back within minutes of the page": ({"rules": [10, 10], "events": [(3, "ack"), (8, "trigger")]}, [(0, 1)]),
    "worked on, and back": ({"rules": [10, 10], "events": [(3, "claim"), (30, "trigger")]}, [(0, 1)]),
    "acknowledged, back, acknowledged": (
        {"rules": [10, 10], "events": [(5, "ack"), (30, "trigger"), (33, "ack")]}, [(0, 1), (30, 1)]),
    "resolved at the very minute of a page": ({"rules": [10, 10], "events": [(10, "resolve")]}, [(0, 1)]),
    "over a rung nobody can be reached on": ({"rules": [5, None, 5], "events": []}, [(0, 1), (5, 3)]),
}  # fmt: skip


def at(text: str, start: str) -> datetime:
    """An instant of a case on the clock of the house."""
    return NOW + (datetime.fromisoformat(text) - datetime.fromisoformat(start))


def opened(sessions: Sessions, cast: Cast, ladder: Ladder, patch: pytest.MonkeyPatch) -> uuid.UUID:
    with patch.context() as frozen, work(sessions, SYSTEM) as session:
        frozen.setattr(climbing, "ladder_of", lambda _: ladder)
        signal = desk.signal(cast.plant_machine, NOW, "fan", severity=3)
        found = intake.report(session, signal, NOW).incident_id
        assert found is not None
        return found


def happens(sessions: Sessions, cast: Cast, incident: uuid.UUID, kind: str, now: datetime) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        said: object = None
        match kind:
            case "ack":
                said = acts.acknowledge(session, incident, dee, now)
            case "claim":
                said = acts.claim(session, incident, dee, now)
            case "resolve":
                said = acts.resolve(session, incident, dee, now, "Done.")
            case "trigger":  # the condition had ended a minute before
                ended = now - MINUTE
                intake.condition_ended(session, cast.plant_machine, "fan", ended, ended)
                intake.report(session, desk.signal(cast.plant_machine, now, "fan", severity=3), now)
            case "again":
                intake.report(session, desk.signal(cast.plant_machine, now, "fan", severity=3), now)
            case "policy_edited":  # another ladder from now on; the one that climbs is its own
                session.get_one(Contract, cast.plant_contract).tier = "bronze"
        assert not isinstance(said, NotNow), said


def run(sessions: Sessions, incident: uuid.UUID, to: datetime, *, inclusive: bool) -> None:
    """Tick at each instant that is due by then, as the worker does."""
    while True:
        with work(sessions, SYSTEM) as session:
            due = session.get_one(Incident, incident).next_rung_at
        if due is None or due > to or (due == to and not inclusive):
            return
        tick_all(sessions, due)


def pages(sessions: Sessions, incident: uuid.UUID) -> list[tuple[float, int]]:
    """(minute, rung from 1) of every page, in order."""
    with work(sessions, SYSTEM) as session:
        rows = session.execute(
            select(Notice.created_at, Notice.rung).where(Notice.incident_id == incident, Notice.rung >= 0)
        )
        return sorted({((when - NOW).total_seconds() / 60, rung + 1) for when, rung in rows})


def rungs(delays: list[float | None]) -> tuple[Rung, ...]:
    """Each rung calls somebody of its own; one without a delay calls a schedule that nobody stands in."""
    calls = [f"person:{name}@example.org" for name in _PEOPLE]
    return tuple(
        Rung(
            timedelta(minutes=delay or 0), (calls[place] if delay is not None else "schedule:nobody",), f"rung {place}"
        )
        for place, delay in enumerate(delays)
    )


@pytest.mark.parametrize("name", _NAMES)
def test_the_desk_pages_as_the_published_case_says(
    name: str, shared: Path, sessions: Sessions, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = json.loads((shared / "sla-vectors" / _FILE).read_text())["cases"]
    assert sorted(case["id"] for case in cases if case["query"]["op"] == "ladder") == sorted(_NAMES)
    (case,) = (case for case in cases if case["id"] == name)
    query: Mapping[str, Any] = case["query"]
    delays = [rule["delay_min"] if rule.get("reachable", True) else None for rule in query["rules"]]
    timeout = query.get("ack_timeout_min")
    wears_off = timedelta(minutes=timeout) if timeout is not None else None
    ladder = Ladder(rungs(delays), Convention(query["delay_mode"]), query["loops"], wears_off)
    incident = opened(sessions, cast, ladder, monkeypatch)
    for event in query["events"]:
        now = at(event["at"], query["start"])
        run(sessions, incident, now, inclusive=False)
        happens(sessions, cast, incident, event["type"], now)
    run(sessions, incident, at(query["until"], query["start"]), inclusive=True)
    wanted = [((at(page["at"], query["start"]) - NOW).total_seconds() / 60, page["rung"])
              for page in case["expected"]["pages"]]  # fmt: skip
    assert pages(sessions, incident) == wanted


@pytest.mark.parametrize("name", _OWN)
def test_the_desk_pages_as_the_night_says(
    name: str, sessions: Sessions, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    night, wanted = _OWN[name]
    incident = opened(sessions, cast, Ladder(rungs(night["rules"])), monkeypatch)
    for minute, kind in night["events"]:
        now = NOW + minute * MINUTE
        run(sessions, incident, now, inclusive=False)
        happens(sessions, cast, incident, kind, now)
    run(sessions, incident, NOW + timedelta(hours=9), inclusive=True)
    assert pages(sessions, incident) == wanted


def test_what_flaps_was_acknowledged_as_flapping_and_calls_nobody_at_each_return(
    sessions: Sessions, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(sessions, cast, Ladder(rungs([10, 10])), monkeypatch)
    happens(sessions, cast, incident, "ack", NOW + MINUTE)
    with work(sessions, SYSTEM) as session:
        session.get_one(Incident, incident).flapping_since = NOW + MINUTE
    happens(sessions, cast, incident, "trigger", NOW + 30 * MINUTE)
    assert pages(sessions, incident) == [(0, 1)]
