"""Fleet events, what is held back and why nothing alarmed, as people and programs read them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from escalation import intake
from models.agreements import ContractLine
from models.fleet_events import FleetEvent
from models.incidents import Finding, Incident
from models.machines import Machine
from models.restraints import Restraint, ScoreTrace
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]


@pytest.fixture
def event(sessions: Sessions, cast: Cast) -> FleetEvent:
    """Four of Ada's machines fall silent together."""
    with work(sessions, SYSTEM) as session:
        site = session.get_one(Machine, cast.plant_machine).site_id
        ids = [uuid.uuid4() for _ in range(4)]
        session.add_all(
            [
                Machine(id=id, customer_id=cast.plant, name=f"plant-x-{n}", site_id=site, rack="R7", created_at=NOW)
                for n, id in enumerate(ids)
            ]
        )
        session.flush()

        session.add_all(
            [ContractLine(customer_id=cast.plant, contract_id=cast.plant_contract, machine_id=id) for id in ids]
        )
        session.flush()
        signals = []
        for id in ids:
            found = desk.finding(session, id, NOW, "silence")
            signals.append(desk.signal(id, NOW, "silence", kind="silence", finding_id=found, title="It is silent"))
        intake.report_all(session, signals, NOW)
        return session.scalars(select(FleetEvent)).one()


def test_the_parent_stands_on_the_floor_and_has_a_page_with_its_children(
    visit: Visit, event: FleetEvent, sessions: Sessions
) -> None:
    dee = visit("dee")
    assert f"{event.label}: 4 machines in rack R7 at Mill: silence" in dee.get("/").text
    page = dee.get(f"/fleet-events/{event.label}").text
    with work(sessions, SYSTEM) as session:
        label = session.scalars(select(Incident)).one().label
    for said in (label, "VC-plant", "plant-x-3", "One incident and one call each".lower()):
        assert said in page.replace("One incident", "one incident")
    case = dee.get(f"/incidents/{label}").text
    assert "4 machines of this contract, 0 recovered" in case
    assert f"/fleet-events/{event.label}" in case


def test_programs_read_the_parent_and_a_customer_only_their_own_part(visit: Visit, event: FleetEvent) -> None:
    body = visit("dee").get(f"/api/v1/fleet-events/{event.label}").json
    assert (body["machines"], body["place"], len(body["members"])) == (4, "rack", 4)
    (child,) = body["children"]
    assert (child["contract"], child["machines"], child["answer"]) == ("VC-plant", 4, "opened")
    ada = visit("ada")
    assert ada.get(f"/api/v1/fleet-events/{event.label}").status_code in (403, 404)
    assert ada.get(f"/fleet-events/{event.label}").status_code in (303, 403, 404)
    behind = ada.get(f"/api/v1/incidents/{child['label']}/machines").json
    assert (behind["machines"], len(behind["items"])) == (4, 4)
    assert visit("cy").get(f"/api/v1/incidents/{child['label']}/machines").status_code == 404


def test_where_a_machine_stands_is_declared_and_shown(visit: Visit, cast: Cast) -> None:
    root = visit("root")
    placed = root.post("/api/v1/machines/plant-db-1/place", {"rack": "R9", "software": "erp 4.2", "broker": "north"})
    assert [placed.json[name] for name in ("rack", "software", "broker")] == ["R9", "erp 4.2", "north"]
    assert root.post("/api/v1/machines/plant-db-1/place", {"shelf": "1"}).status_code == 422


def test_why_answers_for_an_instant_in_words(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    at = NOW - timedelta(minutes=10)
    with work(sessions, SYSTEM) as session:
        scores = [None] * 60
        scores[at.minute] = 6.5
        session.add(
            ScoreTrace(
                machine_id=cast.plant_machine, customer_id=cast.plant, scores=scores,
                hour=at.replace(minute=0, second=0, microsecond=0),
            )
        )  # fmt: skip
        session.add(
            Restraint(
                machine_id=cast.plant_machine, customer_id=cast.plant, rule="weekly", words="It does so every week.",
                began_at=at, ended_at=at, score=6.5, threshold=8.6,
            )
        )  # fmt: skip
    body = visit("dee").get(f"/api/v1/machines/plant-db-1/why?at={at:%Y-%m-%dT%H:%M:%SZ}").json
    assert (body["score"], body["threshold"], body["alarmed"]) == (6.5, 8.6, False)
    assert "weekly" in [reason["rule"] for reason in body["reasons"]]
    page = visit("dee").get(f"/machines/plant-db-1/why?at={at:%Y-%m-%dT%H:%M:%SZ}").text
    assert "It does so every week." in page
    assert "Why did it not alarm at" in visit("dee").get("/machines/plant-db-1").text
    ahead = visit("dee").get("/api/v1/machines/plant-db-1/why?at=2030-01-01T00:00:00Z")
    assert ahead.status_code == 422


def test_what_is_held_back_stands_on_the_platform_page_and_opens_when_somebody_says_so(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    with work(sessions, SYSTEM) as session:
        found = desk.finding(session, cast.plant_machine, NOW)
        row = session.get_one(Finding, found)
        row.held_back, row.held_words = "budget", "Held back because seven were dismissed."
    dee = visit("dee")
    assert "Held back because seven were dismissed." in dee.get("/platform").text
    (held,) = dee.get("/api/v1/findings?held_back=true").json["items"]
    assert held["held_words"].startswith("Held back because")
    opened = dee.post(f"/api/v1/findings/{found}/open")
    assert (opened.status_code, opened.json["outcome"]) == (200, "opened")
    assert dee.post(f"/api/v1/findings/{found}/open").status_code == 409


def test_a_contract_shows_its_false_alarms_and_lets_them_be_lifted(visit: Visit, cast: Cast) -> None:
    root = visit("root")
    stands = root.get("/api/v1/contracts/VC-plant/restraint").json
    assert (stands["budget"], stands["dismissed"], stands["backs_off"]) == (5, 0, False)
    assert root.post("/api/v1/contracts/VC-plant/restraint/lift").json["lifted"] is True
    assert root.post("/api/v1/contracts/VC-plant/restraint/restore").json["lifted"] is False
