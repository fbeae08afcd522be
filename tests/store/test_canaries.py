"""A canary's faults are known: how long each took to be found is told, and one not found in time raises an alarm."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app import canaries
from contracts import ledger
from contracts.decision import Ask
from escalation import canary_watch
from escalation.auditor import audit_house
from models.audit import AuditEntry
from models.base import new_id
from models.canaries import Canary, CanaryFault
from models.customers import Customer
from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from telemetry.canary import Aviary
from tests.cast import NOW, Cast
from tests.plant import Plant


def installed(sessions: Sessions, **more: int) -> uuid.UUID:
    with work(sessions, SYSTEM) as session:
        canaries.install(session, NOW, {}, actor="tests", **more)
        return session.scalars(select(Machine.id).where(Machine.name == "canary-1")).one()


def fault(sessions: Sessions, machine: uuid.UUID, at: datetime, found_s: float | None, mended: bool = True) -> None:
    with work(sessions, SYSTEM) as session:
        whose = session.get_one(Machine, machine).customer_id
        mended_at = at + timedelta(seconds=130) if mended else None
        session.add(CanaryFault(customer_id=whose, machine_id=machine, kind="fan", began_at=at, due_s=120,
                                mended_at=mended_at))  # fmt: skip
        if found_s is not None:
            seen = at + timedelta(seconds=found_s)
            session.add(Finding(id=new_id(), customer_id=whose, machine_id=machine, cause="fan:1", kind="rule",
                                severity=3, summary="", started_at=seen, opened_at=seen, created_at=seen))  # fmt: skip


def alarms(sessions: Sessions, now: datetime) -> list[str]:
    with work(sessions, SYSTEM) as session:
        return [alarm.rule for alarm in audit_house(session, now, []) if alarm.rule.startswith("canary")]


def test_latency_is_told_last_and_median(sessions: Sessions, cast: Cast) -> None:
    machine = installed(sessions)
    for hours, found_s in ((3, 40.0), (2, 20.0), (1, 30.0)):
        fault(sessions, machine, NOW - timedelta(hours=hours), found_s)
    with work(sessions, SYSTEM) as session:
        (one,) = canary_watch.canaries(session, NOW)
    assert one.last is not None
    assert (one.last.latency_s, one.median_s, one.missed(NOW)) == (30.0, 30.0, 0)


def test_a_fault_that_is_not_found_in_time_raises_an_alarm_until_the_next_is_found(
    sessions: Sessions, cast: Cast
) -> None:
    machine = installed(sessions)
    fault(sessions, machine, NOW, None, mended=False)
    assert alarms(sessions, NOW + timedelta(seconds=119)) == []
    assert alarms(sessions, NOW + timedelta(seconds=121)) == ["canary_unfound"]
    fault(sessions, machine, NOW + timedelta(minutes=5), 20.0)
    assert alarms(sessions, NOW + timedelta(minutes=8)) == []


def test_a_fault_found_too_late_is_not_found_in_time(sessions: Sessions, cast: Cast) -> None:
    machine = installed(sessions)
    fault(sessions, machine, NOW, 125.0)
    assert alarms(sessions, NOW + timedelta(minutes=3)) == ["canary_unfound"]


def test_a_canary_that_breaks_no_more_measures_nothing_and_that_is_said(sessions: Sessions, cast: Cast) -> None:
    installed(sessions)
    assert alarms(sessions, NOW + timedelta(minutes=30)) == []
    assert alarms(sessions, NOW + timedelta(minutes=32)) == ["canary_asleep"]


def test_a_fault_cut_short_by_a_restart_says_nothing(sessions: Sessions, cast: Cast) -> None:
    machine = installed(sessions)
    fault(sessions, machine, NOW, None)
    with work(sessions, SYSTEM) as session:
        session.scalars(select(CanaryFault)).one().void = True
    assert alarms(sessions, NOW + timedelta(minutes=5)) == []


def test_nothing_found_on_a_canary_ever_opens_or_calls(plant: Plant) -> None:
    """Its contract looks at telemetry in the shadow: the finding is stored, and that is all."""
    installed(plant.sessions)
    topic = "vigie/canary-1/event"
    said = {"at": round(plant.now.timestamp() * 1000), "code": "ecc", "severity": 1, "text": "made on purpose"}
    plant.tell("canary-1", said, topic=topic)
    plant.settle()
    assert plant.one(select(Finding.cause, Finding.shadow)) == [("event:ecc", True)]
    assert plant.one(select(Incident.id)) == []
    assert plant.one(select(Notice.id)) == []


def test_they_have_a_contract_of_their_own_and_go_without_a_trace_but_in_the_audit(
    sessions: Sessions, cast: Cast
) -> None:
    machine = installed(sessions, count=2)
    with work(sessions, SYSTEM) as session:
        whose = session.get_one(Machine, machine).customer_id
        holds = ledger.standing(session, whose, NOW, machine)
        answer = holds.decide(Ask("detection", asked_at=NOW, machine_id=machine, severity=1), NOW)
        assert type(answer).__name__ == "Shadow"
        assert session.get_one(Machine, machine).title.startswith("canary")
    fault(sessions, machine, NOW, 3.0)
    with work(sessions, SYSTEM) as session:
        assert canaries.remove(session, NOW, actor="tests") == 2
        assert session.scalar(select(Customer.id).where(Customer.slug == canaries.SLUG)) is None
        assert session.scalars(select(Canary)).all() == session.scalars(select(CanaryFault)).all() == []
        assert canaries.remove(session, NOW, actor="tests") == 0
        deeds = session.scalars(select(AuditEntry.deed).where(AuditEntry.subject == "canaries")).all()
    assert list(deeds) == ["canary.installed", "canary.removed"]


def test_installing_twice_changes_only_the_pace(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        first = canaries.install(session, NOW, {}, actor="tests")
        assert canaries.install(session, NOW, first, every_s=900, actor="tests") == first
        assert session.scalars(select(Canary.every_s)).all() == [900]


@pytest.mark.parametrize("more", [{"count": 0}, {"count": 21}, {"every_s": 10}, {"every_s": 10**6}])
def test_what_cannot_be_is_refused_in_words(sessions: Sessions, cast: Cast, more: dict[str, int]) -> None:
    with pytest.raises(canaries.CanaryError, match="1 to 20 canaries"):
        installed(sessions, **more)


def test_a_name_that_is_taken_is_refused(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(Machine(customer_id=cast.plant, name="canary-1", created_at=NOW))
    with pytest.raises(canaries.CanaryError, match="another customer"):
        installed(sessions)


class Board:
    """A switchboard nobody is behind: what is said goes nowhere."""

    class Line:
        is_drained = is_connected = True

        def say(self, said: bytes) -> None: ...

        def pump(self) -> None: ...

    def __init__(self, *names: str) -> None:
        self.lines = {name: self.Line() for name in names}

    def turn(self, wait_s: float) -> None: ...


def test_a_canary_breaks_once_it_is_heard_is_mended_when_found_and_voids_what_a_restart_cut_short(
    sessions: Sessions, cast: Cast
) -> None:
    machine = installed(sessions)
    bird = Aviary(sessions, Board("canary-1"))  # type: ignore[arg-type]

    def faults() -> list[tuple[str, bool, bool]]:
        with work(sessions, SYSTEM) as session:
            rows = session.scalars(select(CanaryFault).order_by(CanaryFault.began_at)).all()
            return [(row.kind, row.mended_at is not None, row.void) for row in rows]

    bird.begin(NOW)
    at = NOW + timedelta(minutes=3)
    bird._follow(at)
    assert faults() == []  # nothing of it has been heard yet
    with work(sessions, SYSTEM) as session:
        whose = session.get_one(Machine, machine).customer_id
        session.add(MachineState(machine_id=machine, customer_id=whose, last_at=at, speaking="speaking",
                                 health="healthy", latest={}, facts={}))  # fmt: skip
    bird._follow(at)
    assert faults() == [("fan", False, False)]
    with work(sessions, SYSTEM) as session:
        seen = at + timedelta(seconds=20)
        session.add(Finding(id=new_id(), customer_id=whose, machine_id=machine, cause="fan:1", kind="rule", severity=3,
                            summary="", started_at=seen, opened_at=seen, created_at=seen))  # fmt: skip
    bird._follow(at + timedelta(seconds=22))
    assert faults() == [("fan", True, False)]
    bird._follow(at + timedelta(minutes=11))
    assert faults()[1] == ("nic", False, False)
    Aviary(sessions, Board("canary-1")).begin(at + timedelta(minutes=12))  # type: ignore[arg-type]
    assert faults()[1] == ("nic", True, True)
