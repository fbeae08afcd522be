"""A plant with two days of quiet history and what releases are tested with: training, beats, a loud minute."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from models.machines import Machine
from models.releases import ModelRelease
from models.session import SYSTEM, work
from telemetry import history, release_training, releases
from telemetry.machine import Machine as Watched
from telemetry.seat import Seat
from tests.plant import Plant

METRICS = ("cpu", "load", "mem", "net")
NAME = "plant-db-1"


def calm(at: datetime, loud: float = 0.0) -> dict[str, float]:
    """What the machine says when nothing is wrong; ``loud`` is added to all of its metrics but one."""
    noise = random.Random(round(at.timestamp()))
    return {name: 50 + noise.gauss(0, 2) + (loud if name != "mem" else 0) for name in METRICS}


def remember(plant: Plant, hours: float = 12.0) -> None:
    """Quiet minutes up to now, stored as if they had been heard."""
    count = round(hours * 60)
    instants = [plant.now - timedelta(minutes=count - n) for n in range(count)]
    rows = [(round(at.timestamp() * 1000), calm(at)) for at in instants]
    with work(plant.sessions, SYSTEM) as session:
        history.add(session, 1, [(plant.cast.plant_machine, plant.cast.plant, rows)])


def speak(plant: Plant, minutes: int = 3, loud: float = 0.0) -> None:
    """Reports a minute apart, each dealt with."""
    said = []
    for _ in range(minutes):
        plant.now += timedelta(minutes=1)
        said.append({"at": round(plant.now.timestamp() * 1000), "metrics": calm(plant.now, loud)})
    plant.tell(NAME, *said)
    plant.settle()


def release(plant: Plant, **settings: Any) -> str:
    """A release of the machine, by its label."""
    with work(plant.sessions, SYSTEM) as session:
        machine = session.get_one(Machine, plant.cast.plant_machine)
        start = plant.now - timedelta(days=3)
        trained = release_training.train(session, [machine], start, plant.now, settings)
        made = release_training.keep(session, trained, start, plant.now, title="test", actor="Max", now=plant.now)
        return made.label


def seats(plant: Plant) -> Iterator[Seat]:
    return (seat for seat in plant.watcher.seats.values() if NAME in seat.watching.known)


def beat(plant: Plant) -> Seat:
    """A beat of the watcher; the machine's seat."""
    plant.watcher._beat("watch")
    return next(seats(plant))


def watched(plant: Plant) -> Watched:
    return beat(plant).watching.known[NAME]


def row(plant: Plant, label: str) -> ModelRelease:
    with work(plant.sessions, SYSTEM) as session:
        found = releases.find(session, label)
        session.expunge(found)
        return found
