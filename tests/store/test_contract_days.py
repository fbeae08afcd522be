"""What contracts do as days pass: ends told once each and written down, gaps between cover and telemetry found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from contracts import contracting, coverage, covering, proposals
from escalation import contract_watch
from models.agreements import (
    Contract,
    ContractNotice,
    CoverageGap,
)
from models.customers import Customer
from models.machines import Machine, MachineState
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount
from tests.cast import NOW, Cast
from tests.store.dealing import MAX, version


def notices(sessions: Sessions) -> Sequence[tuple[str, str]]:
    with work(sessions, SYSTEM) as session:
        rows = session.execute(select(Notice.address, Notice.subject).order_by(Notice.created_at, Notice.address))
        return [(row.address, row.subject) for row in rows]


def test_the_end_is_told_to_those_who_sign_and_to_ours_once_each_and_then_written_down(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
        session.get_one(Contract, cast.joinery_contract).ends_on = None
        contracting.set_end(session, session.get_one(Contract, cast.plant_contract), date(2026, 5, 9), "x", MAX, NOW)
    for _ in range(2):
        contract_watch.once(sessions, NOW)
    assert notices(sessions) == [
        ("ada@example.org", "Le contrat VC-plant de Ada's Plant prend fin le 2026-05-09"),
        ("max@example.org", "Contract VC-plant of Ada's Plant ends on 2026-05-09"),
    ]
    for days in range(1, 62):
        contract_watch.once(sessions, NOW + timedelta(days=days))
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(ContractNotice).order_by(ContractNotice.written_at)).all()
        assert [(row.kind, row.days_before) for row in rows] == [
            ("expiry", 60), ("expiry", 30), ("expiry", 7), ("ended", -1),
        ]  # fmt: skip
        assert session.get_one(Contract, cast.plant_contract).state == "expired"
    assert len([one for one in notices(sessions) if one[0] == "ada@example.org"]) == 4


def test_a_contract_in_its_days_of_grace_is_not_written_down_as_expired(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        version(proposals.propose(session, contract, {"grace_days": 5}, "x", MAX, NOW))
        contracting.set_end(session, contract, date(2026, 3, 11), "x", MAX, NOW)
    for days, state in ((2, "active"), (6, "active"), (7, "expired")):
        contract_watch.once(sessions, NOW + timedelta(days=days))
        with work(sessions, SYSTEM) as session:
            assert session.get_one(Contract, cast.plant_contract).state == state
    assert any("is honoured" in str(body) for body in _bodies(sessions))


def _bodies(sessions: Sessions) -> list[Any]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(Notice.body)))


def test_a_machine_that_reports_without_a_line_is_a_finding_until_it_has_one(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        spare = Machine(customer_id=cast.plant, name="plant-spare", created_at=NOW - timedelta(days=9))
        session.add(spare)
        session.add(DeliveryCount(machine="plant-spare", hour=NOW, customer_id=cast.plant, received=3, refused=3))
        by_others = {"received": 2, "refused": 2, "reasons": {"not_its_own": 2}}  # which are no reports of its own
        session.add(DeliveryCount(machine="joinery-files", hour=NOW, customer_id=cast.joinery, **by_others))
        for name in ("plant_machine", "joinery_machine"):
            session.get_one(Machine, getattr(cast, name)).created_at = NOW - timedelta(days=9)
        session.add(
            MachineState(
                machine_id=cast.plant_machine, customer_id=cast.plant, last_received_at=NOW - timedelta(hours=1)
            )
        )
        session.flush()
        found = {(one.machine_id, one.kind) for one in coverage.disagreements(session, NOW)}
        assert found == {(spare.id, "uncovered"), (cast.joinery_machine, "unheard")}
        assert {one.machine_id for one in coverage.disagreements(session, NOW, cast.plant)} == {spare.id}
    for _ in range(2):
        contract_watch.once(sessions, NOW)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(CoverageGap)) == 2
        gap = session.scalars(select(CoverageGap).where(CoverageGap.kind == "uncovered")).one()
        assert gap.told == ["Max"]
        contract = session.get_one(Contract, cast.plant_contract)
        covering.add_line(session, contract, covering.NewLine(machine_id=spare.id), MAX, NOW)
    contract_watch.once(sessions, NOW + timedelta(minutes=5))
    with work(sessions, SYSTEM) as session:
        gap = session.scalars(select(CoverageGap).where(CoverageGap.kind == "uncovered")).one()
        assert gap.ended_at == NOW + timedelta(minutes=5)
    told = [subject for address, subject in notices(sessions) if address == "max@example.org"]
    assert sorted(subject for subject in told if "machines" in subject) == [
        "Ada's Plant: machines report without a contract (1)",
        "Cy Joinery: machines under contract do not report (1)",
    ]
