"""One dead broker is one alarm and a dead site one incident; what we cannot hear is unknown, which resolves nothing."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from escalation.auditor import audit_house
from models.agreements import Contract, ContractLine
from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from models.mappings import GatewayMachine
from models.session import SYSTEM, Sessions, work
from models.telemetry import ProcessBeat
from telemetry import silence
from tests.cast import Cast

MANY = 4


class Yard:
    """Four more machines at Ada's mill, all reporting every ten seconds, each at a second of its own."""

    def __init__(self, sessions: Sessions, cast: Cast) -> None:
        self.sessions, self.cast, self.now = sessions, cast, cast.now
        self.path = silence.Path()
        with work(sessions, SYSTEM) as session:
            site = session.get_one(Machine, cast.plant_machine).site_id
            self.machines = {
                f"mill-{number}": Machine(
                    id=uuid.uuid4(), customer_id=cast.plant, name=f"mill-{number}", site_id=site, created_at=self.now
                )
                for number in range(MANY)
            }
            session.add_all(self.machines.values())
            session.flush()  # the states and lines refer to them
            contract = session.scalars(select(Contract.id).where(Contract.customer_id == cast.plant)).one()
            for one in self.machines.values():
                session.add(ContractLine(customer_id=cast.plant, contract_id=contract, machine_id=one.id))
            for machine_id in [cast.plant_machine, *(one.id for one in self.machines.values())]:
                session.add(
                    MachineState(
                        machine_id=machine_id, customer_id=cast.plant, last_received_at=self.now, last_at=self.now,
                        cadence_s=10.0, speaking="speaking", since=self.now, telemetry="detect",
                    )
                )  # fmt: skip
        self.ids = {"plant-db-1": cast.plant_machine, **{name: one.id for name, one in self.machines.items()}}

    def pass_time(self, seconds: int, speaking: set[str] | None = None, *, connected: bool = True) -> None:
        for _ in range(seconds // 5):
            self.now += timedelta(seconds=5)
            with work(self.sessions, SYSTEM) as session:
                for name, facts in (("bridge", {"connected": connected}), ("watch", {"lag_records": 0})):
                    session.merge(
                        ProcessBeat(
                            name=name, pid=1, state="running", started_at=self.now, beat_at=self.now, facts=facts
                        )
                    )
                for place, (name, machine_id) in enumerate(self.ids.items()):
                    if name in (speaking or set()) and connected and (self.now.second // 5 + place) % 2:
                        state = session.get_one(MachineState, machine_id)
                        state.since = state.since if state.speaking == "speaking" else self.now
                        state.last_received_at, state.speaking = self.now, "speaking"
                session.flush()  # the look reads the table
                silence.look(session, self.path, self.now)

    def speaking(self) -> dict[str, str]:
        with work(self.sessions, SYSTEM) as session:
            rows = session.execute(
                select(Machine.name, MachineState.speaking).join(Machine, Machine.id == MachineState.machine_id)
            )
            return {row.name: row.speaking for row in rows}

    def incidents(self) -> list[str]:
        with work(self.sessions, SYSTEM) as session:
            return list(session.scalars(select(Incident.title).where(Incident.cause == "silence")))


@pytest.fixture
def yard(sessions: Sessions, cast: Cast) -> Yard:
    return Yard(sessions, cast)


def test_a_site_that_falls_silent_is_one_incident_and_the_others_are_unknown(yard: Yard) -> None:
    yard.pass_time(60, set(yard.ids))
    yard.pass_time(180)
    assert yard.incidents() == ["Everything at Mill has fallen silent"]
    assert sorted(yard.speaking().values()) == ["silent", *["unknown"] * MANY]
    with work(yard.sessions, SYSTEM) as session:
        finding = session.scalars(select(Finding)).one()
        assert finding.evidence["others"] == MANY
        assert "nor from the 4 others at Mill" in finding.summary


def test_one_machine_alone_is_silent_itself(yard: Yard) -> None:
    yard.pass_time(60, set(yard.ids))
    yard.pass_time(120, set(yard.ids) - {"mill-2"})
    assert yard.incidents() == ["The machine has fallen silent"]
    assert yard.speaking()["mill-2"] == "silent"


def test_when_the_site_is_back_one_that_stays_away_is_missed_itself(yard: Yard) -> None:
    yard.pass_time(60, set(yard.ids))
    yard.pass_time(180)
    back = set(yard.ids) - {"mill-3"}
    yard.pass_time(30, back)
    assert yard.speaking()["mill-3"] == "unknown", "its patience runs once more"
    yard.pass_time(120, back)
    assert yard.speaking()["mill-3"] == "silent"
    assert len(yard.incidents()) == 2


def test_a_machine_behind_a_silent_gateway_is_unknown(yard: Yard) -> None:
    with work(yard.sessions, SYSTEM) as session:
        session.add(
            GatewayMachine(
                customer_id=yard.cast.plant,
                gateway_id=yard.ids["mill-0"],
                machine_id=yard.ids["mill-1"],
                created_at=yard.now,
            )
        )
    yard.pass_time(60, set(yard.ids))
    yard.pass_time(120, set(yard.ids) - {"mill-0", "mill-1"})
    assert (yard.speaking()["mill-0"], yard.speaking()["mill-1"]) == ("silent", "unknown")
    assert len(yard.incidents()) == 1


def test_a_dead_broker_is_one_alarm_and_no_incident_and_ends_with_it(yard: Yard) -> None:
    yard.pass_time(60, set(yard.ids))
    yard.pass_time(180, connected=False)
    assert yard.incidents() == []
    assert set(yard.speaking().values()) == {"unknown"}
    with work(yard.sessions, SYSTEM) as session:
        told = [alarm for alarm in audit_house(session, yard.now) if alarm.rule == "path_closed"]
    assert len(told) == 1
    assert told[0].words.endswith("no bridge is connected to its broker; 5 are unknown.")
    yard.pass_time(30, set(yard.ids))
    with work(yard.sessions, SYSTEM) as session:
        assert [alarm for alarm in audit_house(session, yard.now) if alarm.rule == "path_closed"] == []


def test_unknown_ends_no_silence(yard: Yard) -> None:
    yard.pass_time(60, set(yard.ids))
    yard.pass_time(120, set(yard.ids) - {"mill-2"})
    yard.pass_time(120, connected=False)
    with work(yard.sessions, SYSTEM) as session:
        assert session.scalars(select(Finding.ended_at)).all() == [None]
        assert session.scalars(select(Incident.condition_ended_at).where(Incident.cause == "silence")).all() == [None]
