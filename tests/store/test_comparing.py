"""Replaying stored history under two models says what one opens that the other does not, and what was said of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from models.changes import MachineChange
from models.incidents import Finding
from models.machines import Machine
from models.releases import ModelComparison, ReleaseArtefact
from models.session import SYSTEM, work
from telemetry import comparing, erasing, history, releases
from telemetry.comparing import Compared
from tests.cast import Cast
from tests.plant import Plant
from tests.store.modelled import calm, release, remember


def problem(plant: Plant, loud: float) -> None:
    """Half an hour of it and half an hour of calm, stored; the clock goes on."""
    rows = []
    for minute in range(60):
        plant.now += timedelta(minutes=1)
        rows.append((round(plant.now.timestamp() * 1000), calm(plant.now, loud if minute < 30 else 0.0)))
    with work(plant.sessions, SYSTEM) as session:
        history.add(session, 2, [(plant.cast.plant_machine, plant.cast.plant, rows)])


def compare(plant: Plant, a: str, b: str, hours: float = 1.0) -> Compared:
    with work(plant.sessions, SYSTEM) as session:
        models = releases.find_or_own(session, a), releases.find_or_own(session, b)
        start, end = plant.now - timedelta(hours=hours), plant.now + timedelta(minutes=1)
        found = comparing.compare(session, models[0], models[1], start, end)
        comparing.keep(session, found, models[0], models[1], start, end, actor="Max", now=plant.now)
        return found


def test_a_stricter_model_loses_what_the_usual_one_opens_and_the_word_on_it_is_told(plant: Plant, cast: Cast) -> None:
    remember(plant)
    usual, strict = release(plant), release(plant, threshold=2.0)
    problem(plant, loud=40.0)
    at = plant.now - timedelta(minutes=55)
    with work(plant.sessions, SYSTEM) as session:
        session.add(
            Finding(customer_id=cast.plant, machine_id=cast.plant_machine, cause="cpu", kind="rule", severity=3,
                    summary="", created_at=at, started_at=at, opened_at=at, verdict="true", judged_at=plant.now)
        )  # fmt: skip
    found = compare(plant, usual, strict)
    assert (len(found.of("a")), len(found.of("b")), len(found.of("both"))) == (1, 0, 0)
    assert found.of("a")[0].one.note == "true"
    ((result,),) = plant.one(select(ModelComparison.result))
    assert (result["lost_count"], result["gained_count"], result["a"], result["b"]) == (1, 0, "M-1", "M-2")
    assert result["lost"][0]["verdict"] == "true"
    assert len(compare(plant, strict, usual).of("b")) == 1


def test_a_model_against_itself_gains_and_loses_nothing(plant: Plant) -> None:
    remember(plant)
    usual = release(plant)
    problem(plant, loud=40.0)
    found = compare(plant, usual, usual)
    assert (len(found.of("both")), len(found.pairs)) == (1, 1)


def test_a_fleet_may_take_minutes_to_think_over_between_two_reads(plant: Plant) -> None:
    remember(plant)
    usual = release(plant)
    problem(plant, loud=40.0)
    allowed = []
    with work(plant.sessions, SYSTEM) as session:
        one = releases.find_or_own(session, usual)
        comparing.compare(
            session, one, one, plant.now - timedelta(hours=1), plant.now + timedelta(minutes=1),
            said=lambda _: allowed.append(session.scalar(text("SHOW idle_in_transaction_session_timeout"))),
        )  # fmt: skip
    assert allowed == ["15min", "15min"]
    with work(plant.sessions, SYSTEM) as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"


def test_own_learning_can_be_compared_with(plant: Plant) -> None:
    remember(plant)
    usual = release(plant)
    problem(plant, loud=30.0)
    found = compare(plant, "own", usual)
    assert (found.a, found.b, len(found.of("both"))) == ("own", "M-1", 1)


def test_where_no_history_is_there_is_nothing_to_compare(plant: Plant) -> None:
    remember(plant)
    usual = release(plant)
    plant.now += timedelta(days=40)
    with pytest.raises(comparing.NothingToCompare):
        compare(plant, usual, usual)


def test_what_was_learned_of_erased_history_is_erased(plant: Plant, cast: Cast) -> None:
    remember(plant)
    release(plant)
    start, end = plant.now - timedelta(hours=2), plant.now - timedelta(hours=1)
    with work(plant.sessions, SYSTEM) as session:
        machine = session.get_one(Machine, cast.plant_machine)
        extent = erasing.preview(session, machine, start, end)
        assert extent.models == 1
        erasing.erase(session, machine, start, end, seen=extent.seen(machine.id, start, end), actor="Ada",
                      reason="asked", now=plant.now)  # fmt: skip
    assert plant.one(select(ReleaseArtefact.id)) == []
    with work(plant.sessions, SYSTEM) as session:
        releases.check(session, releases.find(session, "M-1"))  # what is gone is no tampering
        with pytest.raises(releases.NotNow):
            releases.promote(session, releases.find(session, "M-1"), actor="Max", reason="", now=plant.now)


def test_what_shifted_with_a_release_is_taken_for_it_in_a_comparison_too(plant: Plant, cast: Cast) -> None:
    remember(plant)
    usual, at = release(plant), plant.now
    problem(plant, loud=40.0)
    with work(plant.sessions, SYSTEM) as session:
        session.add(MachineChange(customer_id=cast.plant, machine_id=cast.plant_machine, at=at, kind="deployment",
                                  what="release 2", told_by="api", told_at=at))  # fmt: skip
    assert len(compare(plant, usual, usual).pairs) == 0
