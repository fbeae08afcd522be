"""An alert two groups tell of, of which one cut it off and is over: open while the other speaks, and no longer."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from escalation.inbound import doors, left_open, reading, standing, taking
from models.inbound import InboundDoor
from models.incidents import OPEN_STATES, Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast

HOUR = timedelta(hours=1)


class Sender:
    """An Alertmanager whose receiver `few` lists one alert a group, and `quiet` is told nothing of ends."""

    def __init__(self, sessions: Sessions, cast: Cast) -> None:
        self.sessions, self.now = sessions, cast.now
        with work(sessions, SYSTEM) as session:
            self.door: uuid.UUID = doors.make(session, cast.plant, "am", "alertmanager", "a test", cast.now)[0].id

    def tell(self, group: str, *firing: str, over: tuple[str, ...] = (), cut_off: int = 0) -> list[str]:
        """What fires at the door after this notification of a group."""
        alerts: list[dict[str, Any]] = [
            {"status": status, "labels": {"alertname": name}, "annotations": {}, "fingerprint": f"{name:0>16}",
             "startsAt": "2026-03-10T08:00:00Z", "endsAt": self.now.isoformat() if status == "resolved" else ""}
            for status, names in (("firing", firing), ("resolved", over)) for name in names]  # fmt: skip
        body = {"version": "4", "groupKey": group, "status": "firing" if firing else "resolved", "receiver": group,
                "truncatedAlerts": cut_off, "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
                "alerts": alerts}  # fmt: skip
        with work(self.sessions, SYSTEM) as session:
            door = session.get_one(InboundDoor, self.door)
            taking.take(session, door, reading.parse(door.kind, body, doors.manner(door), self.now), self.now)
        return self.firing()

    def firing(self) -> list[str]:
        with work(self.sessions, SYSTEM) as session:
            said = standing.standing(session, session.get_one(InboundDoor, self.door))["firing"]
            open_now = session.scalars(select(Incident).where(Incident.state.in_(OPEN_STATES))).all()
        assert len(open_now) == len(said), "one incident for each that fires, and no other"
        return sorted(key.lstrip("0") for key in said)

    def later(self, span: timedelta) -> list[str]:
        self.now += span
        left_open.settle(self.sessions, self.now)
        return self.firing()


@pytest.fixture
def sender(sessions: Sessions, cast: Cast) -> Sender:
    """`quiet` told of both, `few` listed one and cut the other off."""
    made = Sender(sessions, cast)
    assert made.tell("quiet", "Fan", "Pump") == ["Fan", "Pump"]
    made.tell("few", "Pump")
    assert made.tell("few", "Fan", cut_off=1) == ["Fan", "Pump"]
    return made


def test_it_stays_open_while_the_other_group_speaks_and_ends_when_that_has_fallen_silent(sender: Sender) -> None:
    assert sender.tell("few", over=("Fan",), cut_off=1) == ["Pump"]
    assert sender.later(4 * HOUR) == ["Pump"]
    assert sender.tell("quiet", "Pump") == ["Pump"]
    assert sender.later(48 * HOUR) == ["Pump"], "a `repeat_interval` of two days"
    assert sender.later(72 * HOUR) == ["Pump"], "an Alertmanager forgets what it told after five days and tells it anew"
    assert sender.later(2 * HOUR) == [], "and not for ever"
    sender.now += timedelta(minutes=5)
    assert sender.tell("quiet", "Pump") == ["Pump"], "said again, it is back"
    assert sender.later(30 * HOUR) == ["Pump"], "and nobody has said since that it is over"


def test_a_group_that_fell_silent_before_is_not_believed(sender: Sender) -> None:
    sender.now += 122 * HOUR
    assert sender.tell("few", over=("Fan",), cut_off=1) == []


def test_the_other_groups_own_end_ends_it(sender: Sender) -> None:
    assert sender.tell("few", over=("Fan",), cut_off=1) == ["Pump"]
    assert sender.tell("quiet", over=("Pump",)) == []


def test_the_first_group_speaks_of_it_again_and_is_heard(sender: Sender) -> None:
    assert sender.tell("few", over=("Fan",), cut_off=1) == ["Pump"]
    assert sender.tell("few", "Pump") == ["Pump"]
    assert sender.later(30 * HOUR) == ["Pump"], "it fires there, whatever the other says"
    assert sender.tell("few", over=("Pump",)) == []


def test_a_group_that_fires_again_may_have_cut_it_off_again_and_nothing_ends_before_it_is_over(sender: Sender) -> None:
    assert sender.tell("few", over=("Fan",), cut_off=1) == ["Pump"]
    assert sender.later(20 * HOUR) == ["Pump"]
    assert sender.tell("few", "Fan", cut_off=1) == ["Fan", "Pump"]
    assert sender.later(110 * HOUR) == ["Fan", "Pump"], "the other has fallen silent, and this one cuts off as before"
    assert sender.tell("few", "Fan") == ["Fan", "Pump"]
    assert sender.later(timedelta()) == ["Fan"], "it lists all that fires now"
