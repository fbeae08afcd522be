"""Where cores are few, a model takes longer to be written down than a transaction may rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from models.artefacts import ModelArtefact
from models.incidents import Finding
from models.session import SYSTEM, work
from telemetry import shelf
from tests.plant import Plant
from tests.store.modelled import remember, speak, watched

REST_S = 0.3


@pytest.fixture
def impatient(plant: Plant) -> Iterator[None]:
    """The database ends every transaction that rests for a third of a second, unless it asked for more."""

    def shorten(session: Session, transaction: Any, connection: Any) -> None:
        connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {round(REST_S * 1000)}"))

    event.listen(plant.sessions, "after_begin", shorten)
    yield
    event.remove(plant.sessions, "after_begin", shorten)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    dumped = shelf.dumped

    def slowly(*args: Any, **more: Any) -> shelf.Artefact:
        time.sleep(3 * REST_S)
        return dumped(*args, **more)

    monkeypatch.setattr(shelf, "dumped", slowly)


@pytest.mark.usefixtures("impatient", "slow")
def test_what_is_fitted_reaches_the_shelf_however_long_it_takes_to_write_down(plant: Plant) -> None:
    remember(plant)
    speak(plant, 90)
    plant.watcher.turn(0.02)
    assert len(plant.one(select(ModelArtefact.digest))) == 1
    assert not watched(plant).release


@pytest.mark.usefixtures("impatient", "slow")
def test_an_incident_opens_with_its_model_however_long_that_takes_to_write_down(plant: Plant) -> None:
    remember(plant)
    speak(plant, 90)
    speak(plant, 6, loud=300.0)
    assert {kind for (kind,) in plant.one(select(Finding.kind))} == {"anomaly"}


@pytest.mark.usefixtures("impatient")
def test_what_is_known_of_a_machine_may_take_its_time_to_learn(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    from telemetry import remembering

    learn = remembering.learn

    def slowly(*args: Any, **more: Any) -> None:
        time.sleep(3 * REST_S)
        learn(*args, **more)

    monkeypatch.setattr(remembering, "learn", slowly)
    remember(plant)
    speak(plant, 2)
    plant.watcher = plant.watch("second")
    plant.readers[0].close()
    speak(plant, 2)
    with work(plant.sessions, SYSTEM) as session:
        assert session.scalar(text("SELECT count(*) FROM machine_states")) == 1


def test_models_wait_for_a_database_that_is_away(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(plant)
    put, tries = shelf.put, []

    def away(session: Session, *args: Any, **more: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return put(session, *args, **more)

    monkeypatch.setattr(shelf, "put", away)
    speak(plant, 90)
    for _ in range(3):
        plant.watcher.turn(0.02)
    assert len(tries) == 2
    assert len(plant.one(select(ModelArtefact.digest))) == 1
