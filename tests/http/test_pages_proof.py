"""Cover by proof on a page: both kinds of disagreement, and what somebody said is to be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from contracts import coverage
from models.machines import Machine, MachineState
from models.maintenance import MaintenanceWindow
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]


def test_machines_without_a_contract_and_machines_unheard_stand_on_one_page(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    hour = NOW.replace(minute=0) - timedelta(hours=2)
    with work(sessions, SYSTEM) as session:
        for machine in (cast.plant_machine, cast.joinery_machine):
            session.get_one(Machine, machine).created_at = NOW - timedelta(days=9)
        stray = Machine(customer_id=cast.plant, name="plant-stray", created_at=NOW - timedelta(days=9))
        session.add(stray)
        session.flush()
        for name in ("plant-stray", "plant-db-1"):
            session.add(DeliveryCount(machine=name, customer_id=cast.plant, hour=hour, received=9, scored=9))
        coverage.keep(session, NOW)
    text = visit("max").get("/coverage").text
    assert "disagree about 2 machines" in text
    uncovered, unheard = text.split("Under contract, not reporting")
    assert "plant-stray" in uncovered
    assert "joinery-files" in unheard
    assert "plant-db-1" not in text
    max_ = visit("max")
    gap = text.split('action="/coverage/')[1].split("/settle")[0]
    done = max_("POST", f"/coverage/{gap}/settle", data={"csrf": max_.csrf, "reason": "added to VC-9 tomorrow"})
    assert done.status_code == 303
    assert "added to VC-9 tomorrow" in visit("max").get("/coverage").text
    assert visit("ada").get("/coverage").status_code == 403


def test_the_fleet_shows_what_is_being_worked_on(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(MachineState(machine_id=cast.plant_machine, customer_id=cast.plant, speaking="speaking",
                                 health="healthy", telemetry="detect", last_received_at=NOW))  # fmt: skip
        session.add(MaintenanceWindow(customer_id=cast.plant, machine_id=cast.plant_machine, title="new disks",
                                      starts_at=NOW - timedelta(hours=1), ends_at=NOW + timedelta(hours=1),
                                      created_at=NOW))  # fmt: skip
    text = visit("dee").get("/fleet").text
    assert "healthy; in maintenance: new disks" in text
    assert "1 in maintenance" in text
