"""A machine that should have spoken and did not is missed; one we could not hear is not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from contracts.tiers import DEFAULTS, Tier
from models.agreements import Contract, ContractTerms
from models.decisions import DecisionRow
from models.incidents import Finding, Incident
from models.machines import MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import ProcessBeat
from telemetry import silence
from tests.cast import Cast


class Watchtower:
    """A fleet of two with a clock: one on platinum, one on bronze, both reporting every ten seconds."""

    def __init__(self, sessions: Sessions, cast: Cast) -> None:
        self.sessions, self.cast, self.now = sessions, cast, cast.now
        self.path = silence.Path()
        with work(sessions, SYSTEM) as session:
            for machine, customer, telemetry in (
                (cast.plant_machine, cast.plant, "detect"),
                (cast.joinery_machine, cast.joinery, "collect"),
            ):
                session.add(
                    MachineState(
                        machine_id=machine, customer_id=customer, last_received_at=cast.now, last_at=cast.now,
                        cadence_s=10.0, speaking="speaking", since=cast.now, telemetry=telemetry,
                    )
                )  # fmt: skip
        self.beat()

    def beat(self, *, connected: bool = True, lag: int = 0, late: int = 0) -> None:
        with work(self.sessions, SYSTEM) as session:
            for name, facts in (
                ("bridge", {"connected": connected, "log_away_s": 0}),
                ("watch", {"lag_records": lag, "lag_s": late}),
            ):
                session.merge(
                    ProcessBeat(
                        name=name, pid=1, state="running", started_at=self.cast.now, beat_at=self.now, facts=facts
                    )
                )

    def look(self) -> None:
        with work(self.sessions, SYSTEM) as session:
            silence.look(session, self.path, self.now)

    def pass_time(self, seconds: int, *, up: bool = True, **beats: int) -> None:
        for _ in range(seconds // 5):
            self.now += timedelta(seconds=5)
            self.beat(connected=up, **beats)
            self.look()

    def hear(self, machine: object) -> None:
        with work(self.sessions, SYSTEM) as session:
            state = session.get_one(MachineState, machine)
            state.last_received_at, state.speaking, state.since = self.now, "speaking", self.now

    def speaking(self, machine: object) -> str:
        with work(self.sessions, SYSTEM) as session:
            return session.get_one(MachineState, machine).speaking

    def incidents(self) -> list[tuple[object, str, datetime | None]]:
        with work(self.sessions, SYSTEM) as session:
            rows = session.execute(select(Incident.machine_id, Incident.cause, Incident.condition_ended_at)).all()
            return [tuple(row) for row in rows]  # type: ignore[misc]


@pytest.fixture
def tower(sessions: Sessions, cast: Cast) -> Watchtower:
    return Watchtower(sessions, cast)


def test_a_machine_is_silent_only_after_its_own_rhythm(tower: Watchtower, cast: Cast) -> None:
    tower.look()
    tower.pass_time(50)
    assert tower.speaking(cast.plant_machine) == "speaking"
    tower.pass_time(10)
    assert tower.speaking(cast.plant_machine) == "silent"
    assert tower.incidents() == [(cast.plant_machine, "silence", None)]


def test_a_machine_is_not_silent_before_its_contract_says_so(tower: Watchtower, cast: Cast) -> None:
    with work(tower.sessions, SYSTEM) as session:
        contract = session.scalars(select(Contract).where(Contract.customer_id == cast.plant)).one()
        body = DEFAULTS[Tier(contract.tier)].to_json() | {"silence_s": 300}
        owned = {"customer_id": cast.plant, "contract_id": contract.id}
        begun = cast.now - timedelta(days=1)
        session.add(ContractTerms(**owned, version=1, effective_at=begun, body=body, created_at=begun))
    tower.look()
    tower.pass_time(300)
    assert (tower.speaking(cast.plant_machine), tower.incidents()) == ("speaking", [])
    assert tower.speaking(cast.joinery_machine) == "silent"  # another contract, which says nothing of it
    tower.pass_time(10)
    assert tower.incidents() == [(cast.plant_machine, "silence", None)]
    with work(tower.sessions, SYSTEM) as session:
        assert session.scalars(select(Finding.evidence["patience_s"].as_float())).one() == 300.0


def test_its_next_report_ends_the_silence(tower: Watchtower, cast: Cast) -> None:
    tower.look()
    tower.pass_time(60)
    tower.hear(cast.plant_machine)
    tower.look()
    ((machine, _, ended),) = tower.incidents()
    assert (machine, ended) == (cast.plant_machine, tower.now)
    with work(tower.sessions, SYSTEM) as session:
        assert session.scalars(select(Finding.ended_at)).one() == tower.now


def test_bronze_is_answered_and_nobody_is_called(tower: Watchtower, cast: Cast) -> None:
    tower.look()
    tower.pass_time(120)
    assert tower.speaking(cast.joinery_machine) == "silent"
    with work(tower.sessions, SYSTEM) as session:
        findings = session.scalars(select(Finding.machine_id)).all()
        answers = session.execute(
            select(DecisionRow.ask, DecisionRow.outcome).where(DecisionRow.machine_id == cast.joinery_machine)
        ).all()
    assert findings == [cast.plant_machine]
    assert answers == [("silence_watch", "refused")]


@pytest.mark.parametrize("down", [{"up": False}, {"lag": 5000}])
def test_while_the_way_is_closed_nobody_is_silent(tower: Watchtower, cast: Cast, down: dict[str, int]) -> None:
    tower.look()
    tower.pass_time(300, **down)  # type: ignore[arg-type]
    assert tower.speaking(cast.plant_machine) == "unknown"
    assert tower.incidents() == []


def test_the_time_the_way_was_closed_counts_against_nobody(tower: Watchtower, cast: Cast) -> None:
    tower.look()
    tower.pass_time(300, up=False)
    tower.pass_time(165)  # two minutes to connect again, and its patience
    assert tower.incidents() == []
    tower.pass_time(20)
    assert [machine for machine, _, _ in tower.incidents()] == [cast.plant_machine]


def test_no_word_of_bridge_or_watcher_means_unknown(tower: Watchtower, cast: Cast) -> None:
    tower.now += timedelta(minutes=10)
    tower.look()
    assert tower.speaking(cast.plant_machine) == "unknown"


def test_a_machine_never_heard_is_unknown_for_ever(tower: Watchtower, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        state = session.get_one(MachineState, cast.plant_machine)
        state.last_received_at, state.speaking = None, "unknown"
    tower.look()
    tower.pass_time(600)
    assert tower.speaking(cast.plant_machine) == "unknown"


def test_nobody_is_silent_while_what_arrived_has_not_been_heard_yet(tower: Watchtower) -> None:
    """Few records may hold many minutes when the watcher is starved: what counts is how old the newest heard one is."""
    tower.pass_time(300, lag=5, late=60)
    assert tower.incidents() == []
    assert tower.speaking(tower.cast.plant_machine) == "unknown"
    tower.hear(tower.cast.plant_machine)
    tower.pass_time(30)
    assert tower.incidents() == []
