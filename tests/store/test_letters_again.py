"""Dead letters sent the way again after a fix: judged anew, and received stays what was received."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models.agreements import Contract, ContractLine
from models.base import new_id
from models.machines import Machine
from models.session import SYSTEM, work
from models.telemetry import DeadLetter, DeliveryCount
from telemetry import again
from telemetry.doorstep import Away, Doorstep
from telemetry.log_postgres import PostgresWriter
from telemetry.told import AtDoor
from tests.cast import Cast
from tests.plant import Plant, report


@pytest.fixture
def doorstep(plant: Plant) -> Iterator[Doorstep]:
    step = Doorstep(PostgresWriter(plant.url), 2)
    yield step
    step.close()


def ask_and_send(plant: Plant, doorstep: Doorstep, *which: object) -> int:
    with work(plant.sessions, SYSTEM) as session:
        again.ask(session, which, "Dee", plant.now)  # type: ignore[arg-type]  # clauses, as a test writes them
    with work(plant.sessions, SYSTEM) as session:
        return again.send(session, doorstep, plant.now)


def test_a_report_of_a_stranger_counts_once_the_machine_is_enrolled(
    plant: Plant, cast: Cast, doorstep: Doorstep
) -> None:
    said = plant.now
    plant.tell("newcomer", report(said, 1), report(said + timedelta(seconds=10), 2), at=said + timedelta(seconds=11))
    plant.settle()
    assert plant.ledger("") == {"received": 2, "refused": 2}
    machine = Machine(id=new_id(), customer_id=cast.plant, name="newcomer", created_at=plant.now)
    with work(plant.sessions, SYSTEM) as session:
        session.add(machine)
        session.flush()  # the line refers to it
        contract = session.scalars(select(Contract.id).where(Contract.customer_id == cast.plant)).one()
        session.add(ContractLine(customer_id=cast.plant, contract_id=contract, machine_id=machine.id))
    plant.now += timedelta(minutes=5)
    assert ask_and_send(plant, doorstep, DeadLetter.machine == "newcomer") == 2
    plant.settle()
    assert len(plant.stored(machine.id)) == 2
    assert plant.ledger("newcomer") == {"received": 2, "scored": 2}
    assert plant.ledger("") == {}
    with work(plant.sessions, SYSTEM) as session:
        letters = session.scalars(select(DeadLetter)).all()
        assert {(letter.replay_asked_by, letter.replayed_at is not None) for letter in letters} == {("Dee", True)}
        assert session.scalar(select(DeliveryCount.reasons).where(DeliveryCount.machine == "")) == {}


def test_what_is_still_wrong_is_refused_again_and_counted_once(plant: Plant, cast: Cast, doorstep: Doorstep) -> None:
    plant.tell("plant-db-1", b"{not json", report(plant.now, 1))
    plant.settle()
    before = plant.ledger("plant-db-1")
    assert before == {"received": 2, "scored": 1, "refused": 1}
    for _ in range(2):
        assert ask_and_send(plant, doorstep) == 1
        plant.settle()
        assert plant.ledger("plant-db-1") == before
    waiting = plant.one(select(DeadLetter.reason).where(DeadLetter.replayed_at.is_(None)))
    assert waiting == [("not_json",)], "the newest refusal waits, the ones before are done"


def test_good_neighbours_in_an_array_are_told_before(plant: Plant, cast: Cast, doorstep: Doorstep) -> None:
    plant.tell("plant-db-1", [report(plant.now, 1), {"seq": 2, "at": "never", "metrics": {"cpu": 1}}])
    plant.settle()
    ask_and_send(plant, doorstep)
    plant.settle()
    assert len(plant.stored(cast.plant_machine)) == 1
    ledger = plant.ledger("plant-db-1")
    assert ledger == {"received": 3, "scored": 1, "duplicate": 1, "refused": 1}


def test_a_letter_is_asked_for_once_and_one_without_a_readable_topic_never(
    plant: Plant, cast: Cast, doorstep: Doorstep
) -> None:
    plant.tell("plant-db-1", b"x")
    plant.tell("plant-db-1", b"x", topic="vigie/plant-db-1/\udcff")
    plant.settle()
    with work(plant.sessions, SYSTEM) as session:
        assert len(again.ask(session, [], "Dee", plant.now)) == 1
        assert again.ask(session, [], "Dee", plant.now) == []


def test_nothing_is_marked_while_the_log_is_away(plant: Plant, cast: Cast) -> None:
    class Nowhere(Doorstep):
        def __init__(self) -> None:
            pass

        def put(self, messages: object) -> None:
            raise Away("the log is away")

    plant.tell("plant-db-1", b"x")
    plant.settle()
    with work(plant.sessions, SYSTEM) as session:
        again.ask(session, [], "Dee", plant.now)
    again.sending_loop(plant.sessions, Nowhere)(plant.now)
    assert plant.one(select(DeadLetter.replayed_at)) == [(None,)]
    assert plant.ledger("plant-db-1") == {"received": 1, "refused": 1}


def test_an_hour_the_ledger_no_longer_has_does_no_harm(plant: Plant, cast: Cast, doorstep: Doorstep) -> None:
    plant.tell("plant-db-1", b"x")
    plant.settle()
    with work(plant.sessions, SYSTEM) as session:
        session.execute(update(DeliveryCount).values(received=0, refused=0, reasons={}))
    assert ask_and_send(plant, doorstep) == 1
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 1, "refused": 1}


@pytest.mark.parametrize("whose", ["plant", "ours", "joinery"])
def test_what_a_door_refused_of_a_stranger_is_taken_once_it_is_enrolled_for_whoever_brought_it(
    plant: Plant, cast: Cast, doorstep: Doorstep, whose: str
) -> None:
    customer = {"plant": str(cast.plant), "ours": "", "joinery": str(cast.joinery)}[whose]
    door = AtDoor("unknown_machine", "reports", "plant-new", customer=customer)
    plant.tell("plant-new", {"machine": "plant-new", **report(plant.now, 1)}, topic=door.topic)
    plant.settle()
    assert plant.ledger("") == {"received": 1, "refused": 1}
    with work(plant.sessions, SYSTEM) as session:
        machine = Machine(id=new_id(), customer_id=cast.plant, name="plant-new", created_at=plant.now)
        session.add(machine)
        session.flush()
        contract = session.scalars(select(Contract.id).where(Contract.customer_id == cast.plant)).one()
        session.add(ContractLine(customer_id=cast.plant, contract_id=contract, machine_id=machine.id))
    plant.now += timedelta(minutes=5)  # a watcher asks again after a while
    assert ask_and_send(plant, doorstep) == 1
    plant.settle()
    if whose == "joinery":
        assert plant.ledger("") == {"received": 1, "refused": 1}
    else:
        assert plant.ledger("") == {}
        assert plant.ledger("plant-new")["scored"] == 1
