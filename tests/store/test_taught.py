"""A word on an incident reaches the watcher that hears its machine, replaces the one before, and survives a restart."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from escalation import acts
from escalation.incident import Actor, NotNow
from models.base import new_id
from models.incidents import Finding, Incident
from models.session import SYSTEM, work
from telemetry import taught
from telemetry.teaching import LOUDER
from telemetry.verdict import Verdict
from tests.cast import Cast
from tests.plant import Plant, report

SIGNATURE = {"cpu": 0.8, "load": 0.6}


@pytest.fixture
def incident(plant: Plant, cast: Cast) -> uuid.UUID:
    """An incident of the model's on a machine that has spoken."""
    plant.tell("plant-db-1", report(plant.now, 1))
    plant.settle()
    row = {"customer_id": cast.plant, "machine_id": cast.plant_machine, "cause": "cpu", "severity": 3}
    with work(plant.sessions, SYSTEM) as session:
        made = Incident(id=new_id(), **row, title="Odd", began_at=plant.now, opened_at=plant.now, changed_at=plant.now)
        session.add(made)
        session.flush()
        evidence = {"signature": SIGNATURE, "peak": 11.5, "threshold": 5.75}
        at = {"started_at": plant.now, "opened_at": plant.now, "created_at": plant.now}
        finding = Finding(
            id=new_id(), kind="anomaly", summary="Odd", evidence=evidence, incident_id=made.id, **row, **at
        )
        session.add(finding)
        return made.id


def say(plant: Plant, incident: uuid.UUID, word: str) -> None:
    with work(plant.sessions, SYSTEM) as session:
        done = acts.verdict(session, incident, Actor(None, "Ada"), plant.now, word)
        assert not isinstance(done, NotNow)


def bar(plant: Plant, signature: dict[str, float] = SIGNATURE) -> float:
    """What the watcher asks of an alarm like this one, after its next beat."""
    plant.watcher._beat("watch")
    (seat,) = [s for s in plant.watcher.seats.values() if "plant-db-1" in s.watching.known]
    return seat.watching.known["plant-db-1"].taught.holds(signature, round(plant.now.timestamp() * 1000)).bar


def test_a_dismissal_acts_at_once_and_a_changed_mind_takes_it_back(plant: Plant, incident: uuid.UUID) -> None:
    assert bar(plant) == 1.0
    say(plant, incident, "false")
    assert bar(plant) == pytest.approx(LOUDER * 2.0)
    say(plant, incident, "true")
    assert bar(plant) == 1.0


def test_the_loudest_it_had_been_counts_once_it_has_ended(plant: Plant, cast: Cast, incident: uuid.UUID) -> None:
    say(plant, incident, "benign")
    with work(plant.sessions, SYSTEM) as session:
        finding = session.scalars(select(Finding).where(Finding.incident_id == incident)).one()
        started = round(finding.opened_at.timestamp() * 1000)
        ended = Verdict("plant-db-1", "cpu", "anomaly", 3, 1.0, started + 1, started, (), "", "",
                        {"peak": 17.25, "threshold": 5.75}, False)  # fmt: skip
        session.execute(update(Finding).where(Finding.id == finding.id).values(id=ended.finding_id))
        taught.keep_peak(session, ended)
    assert bar(plant) == pytest.approx(LOUDER * 3.0)


def test_words_are_forgotten_after_a_fortnight(plant: Plant, incident: uuid.UUID) -> None:
    say(plant, incident, "false")
    with work(plant.sessions, SYSTEM) as session:
        assert len(taught.judgements(session, plant.now)) == 1
        assert taught.judgements(session, plant.now + timedelta(days=15)) == []
