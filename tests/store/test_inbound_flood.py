"""One alert that flaps two hundred times, and a fleet that cries in one minute (fault 32, at the doors)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from escalation.channels import Letter, Receipt
from escalation.deliver import deliver_once
from escalation.inbound import alertmanager, doors, nagios
from escalation.inbound.events import Batch, Door
from escalation.inbound.taking import take, take_in_parts
from models.inbound import InboundDoor
from models.incidents import OPEN_STATES, Incident
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast

FLEET = 40


@pytest.fixture
def door(sessions: Sessions, cast: Cast) -> InboundDoor:
    with work(sessions, SYSTEM) as session:
        return doors.make(session, cast.plant, "monitoring", "alertmanager", "a test", cast.now)[0]


def said(kind: str, state: str) -> Batch:
    return nagios.parse({"NOTIFICATIONTYPE": kind, "HOSTNAME": "plant-db-1", "HOSTSTATE": state}, Door())


def test_an_alert_that_flaps_two_hundred_times_is_one_incident_and_few_calls(
    sessions: Sessions, cast: Cast, door: InboundDoor
) -> None:
    now = cast.now
    for _ in range(20):
        with work(sessions, SYSTEM) as session:
            held = session.get_one(InboundDoor, door.id)
            for _ in range(10):
                take(session, held, said("PROBLEM", "DOWN"), now)
                take(session, held, said("RECOVERY", "UP"), now + timedelta(seconds=2))
                now += timedelta(seconds=5)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Incident)) == 1
        assert session.scalars(select(Incident.state)).one() == "resolved"
        calls = Counter(session.scalars(select(Notice.address).where(Notice.rung >= 0)))
    assert max(calls.values()) <= 3, "a quarter of an hour of flapping is at most a call each ten minutes"


def fleet(status: str) -> Batch:
    alerts: list[dict[str, Any]] = [
        {"status": status, "labels": {"alertname": "Down", "instance": f"m-{at}", "severity": "critical"},
         "startsAt": "2026-03-10T08:59:00Z", "fingerprint": f"f{at}"}
        for at in range(FLEET)
    ]  # fmt: skip
    return alertmanager.parse({"status": status, "groupKey": "{}", "alerts": alerts, "truncatedAlerts": 0}, Door())


def test_a_fleet_that_cries_at_once_is_told_as_few_letters_and_ends_as_one(
    sessions: Sessions, cast: Cast, door: InboundDoor
) -> None:
    letters: list[Letter] = []

    def mailbox(letter: Letter, now: Any) -> Receipt:
        letters.append(letter)
        return Receipt()

    taken = take_in_parts(sessions, door.id, fleet("firing"), cast.now)
    assert Counter(one.outcome for one in taken) == {"opened": FLEET}
    again = take_in_parts(sessions, door.id, fleet("firing"), cast.now + timedelta(seconds=1))
    assert Counter(one.outcome for one in again) == {"joined": FLEET}
    deliver_once(sessions, {"email": mailbox}, cast.now + timedelta(minutes=1))
    deliver_once(sessions, {"email": mailbox}, cast.now + timedelta(minutes=2))
    told = {subject for letter in letters for subject in subjects(letter)}
    assert len({subject.partition("]")[0] for subject in told}) == FLEET, "every incident is told"
    most = max(Counter(letter.address for letter in letters).values())
    assert most <= 2, "and nobody got a storm"
    take_in_parts(sessions, door.id, fleet("resolved"), cast.now + timedelta(minutes=5))
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).where(Incident.state.in_(OPEN_STATES))) == 0


def subjects(letter: Letter) -> list[str]:
    return [part["subject"] for part in letter.body.get("parts", [{"subject": letter.subject}])]
