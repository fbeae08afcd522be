"""What we fail at on one word of one machine is set apart; its neighbours are stored, and the ledger adds up."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from escalation import auditor
from models.agreements import Contract, ContractLine
from models.mappings import GatewayMachine
from models.session import SYSTEM, work
from models.telemetry import DeadLetter, LogPosition
from telemetry import again, effects, enrol, forgetting, history, offences, positions, remembering, sifting
from telemetry.doorstep import Doorstep
from telemetry.log_postgres import PostgresWriter
from telemetry.reading import Heard, Reading
from telemetry.seat import Seat
from telemetry.watching import Watching
from tests.cast import Cast
from tests.plant import Plant, report

POISON = 66.6  # a value nothing of ours can live with
LETTER = (DeadLetter.machine, DeadLetter.reason, DeadLetter.apart)


def is_poison(word: Heard) -> bool:
    return isinstance(word, Reading) and POISON in word.metrics.values()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A traceback drawn with everything in its frames takes longer than what it tells of."""
    with capture_logs():
        yield


@pytest.fixture
def unscorable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring fails at poison, after it has changed what it holds."""
    feed = Watching.feed

    def failing(self: Watching, heard: Sequence[Heard]) -> Any:
        found = feed(self, heard)
        if any(map(is_poison, heard)):
            raise ArithmeticError("poison\0 \udfff in the scores")
        return found

    monkeypatch.setattr(Watching, "feed", failing)


@pytest.fixture
def unstorable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database refuses a flush that holds poison, and says so in the middle of its transaction."""
    add = history.add

    def failing(session: Session, part: int, rows: Any) -> None:
        add(session, part, rows)
        if any(POISON in metrics.values() for _, _, reports in rows for _, metrics in reports):
            session.execute(text("SELECT 1 / 0"))  # a DataError of the database's own

    monkeypatch.setattr(history, "add", failing)


def told(plant: Plant, *values: float, name: str = "plant-db-1", seq: int = 1) -> None:
    at = [plant.now + timedelta(seconds=i) for i in range(len(values))]
    plant.tell(name, *(report(when, seq + i, value) for i, (when, value) in enumerate(zip(at, values, strict=True))))


def stored(plant: Plant, machine: Any) -> list[float]:
    return [metrics["cpu"] for _, metrics in plant.stored(machine)]


@pytest.fixture(params=["unscorable", "unstorable"])
def fault(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue(request.param)
    return str(request.param)


def test_what_we_fail_at_goes_alone_and_its_neighbours_are_stored(plant: Plant, cast: Cast, fault: str) -> None:
    told(plant, 1, 2, POISON, 4)
    told(plant, 7, 8, name="joinery-files")
    plant.settle()
    assert stored(plant, cast.plant_machine) == [1, 2, 4]
    assert stored(plant, cast.joinery_machine) == [7, 8]
    ((machine, reason, apart, payload, detail),) = plant.one(select(*LETTER, DeadLetter.payload, DeadLetter.detail))
    assert (machine, reason, apart, json.loads(payload)["seq"]) == ("plant-db-1", "set_apart", [0], 3)
    assert detail.startswith("ArithmeticError: poison\\x00 \\udfff" if fault == "unscorable" else "")
    assert plant.ledger("plant-db-1") == {"received": 4, "scored": 3, "refused": 1, "missing": 1}
    assert plant.ledger("joinery-files") == {"received": 2, "scored": 2}
    assert "some of what plant-db-1 says is set apart" in plant.watcher.facts()["degraded"]
    with work(plant.sessions, SYSTEM) as session:
        (alarm,) = [one for one in auditor.audit_house(session, plant.now) if one.rule == "words_set_apart"]
    assert alarm.subject == "plant-db-1"
    assert "messages set apart since 2026-03-10 09:00 UTC: 1." in alarm.words


def test_of_an_array_only_the_words_we_fail_at_are_set_apart(
    plant: Plant, cast: Cast, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [1, POISON, 3, POISON, 5]
    plant.tell("plant-db-1", [report(plant.now + timedelta(seconds=i), i, value) for i, value in enumerate(values)])
    plant.settle()
    assert stored(plant, cast.plant_machine) == [1, 3, 5]
    assert plant.one(select(*LETTER)) == [("plant-db-1", "set_apart", [1, 3])]
    assert plant.ledger("plant-db-1") == {"received": 5, "scored": 3, "refused": 2, "missing": 2}
    monkeypatch.undo()  # it is mended
    doorstep = Doorstep(PostgresWriter(plant.url), 2)
    with work(plant.sessions, SYSTEM) as session:
        again.ask(session, [DeadLetter.reason == "set_apart"], "Dee", plant.now)
        assert again.send(session, doorstep, plant.now) == 1
    doorstep.close()
    plant.settle()
    assert sorted(stored(plant, cast.plant_machine)) == [1, 3, 5, pytest.approx(POISON), pytest.approx(POISON)]
    assert plant.ledger("plant-db-1") == {"received": 8, "scored": 3, "late": 2, "duplicate": 3}


def test_who_sits_there_next_leaves_out_the_same_words_and_counts_nothing_twice(
    plant: Plant, cast: Cast, fault: str
) -> None:
    told(plant, 1, POISON, 3)
    plant.settle()
    with work(plant.sessions, SYSTEM) as session:  # no state was kept: everything is heard again
        for row in session.scalars(select(LogPosition).where(LogPosition.reader == "watch")):
            row.snapshot, row.snapshot_position = None, 0
    plant.watcher.seats.clear()  # as if killed
    plant.readers[0].close()
    second = plant.watch("second")
    plant.now += timedelta(seconds=10)
    told(plant, 4, seq=4)
    plant.settle(second)
    assert stored(plant, cast.plant_machine) == [1, 3, 4]
    assert plant.ledger("plant-db-1") == {"received": 4, "scored": 3, "refused": 1, "missing": 1}
    assert plant.one(select(*LETTER)) == [("plant-db-1", "set_apart", [0])]


def test_a_watcher_killed_between_finding_a_word_and_storing_leaves_it_to_the_next(
    plant: Plant, cast: Cast, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sifting.Sifter._set_apart

    class Killed(BaseException):
        pass

    def killed(self: sifting.Sifter, *rest: Any) -> None:
        with pytest.raises(sifting.BeginAnew):
            found(self, *rest)
        raise Killed

    told(plant, 1, POISON, 3)
    monkeypatch.setattr(sifting.Sifter, "_set_apart", killed)
    with pytest.raises(Killed):
        plant.settle()
    monkeypatch.setattr(sifting.Sifter, "_set_apart", found)
    assert plant.one(select(*LETTER)) == []
    plant.readers[0].close()
    plant.settle(plant.watch("second"))
    assert stored(plant, cast.plant_machine) == [1, 3]
    assert plant.ledger("plant-db-1") == {"received": 3, "scored": 2, "refused": 1, "missing": 1}


def test_a_machine_that_offends_again_and_again_is_set_apart_whole(plant: Plant, cast: Cast, unscorable: None) -> None:
    for turn in range(offences.MUTED_AFTER):
        told(plant, POISON, seq=turn)
        plant.settle()
        plant.now += timedelta(seconds=1)
    told(plant, 5, seq=9)
    told(plant, 5, name="joinery-files")
    plant.settle()
    assert plant.ledger("plant-db-1")["refused"] == offences.MUTED_AFTER + 1
    assert stored(plant, cast.joinery_machine) == [5]
    assert "all of what plant-db-1 says is set apart" in plant.watcher.facts()["degraded"]


def test_what_fails_for_everybody_sets_nobody_apart(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*rest: Any) -> None:
        raise ValueError("nothing of this flush can be stored")

    told(plant, 1)
    monkeypatch.setattr(positions, "move", broken)
    monkeypatch.setattr(sifting, "MOST_MACHINES", 0)
    with pytest.raises(ValueError, match="nothing of this flush"):
        plant.settle()
    assert plant.one(select(*LETTER)) == []


@pytest.mark.parametrize("problem", [MemoryError(), OSError("the log is away")])
def test_what_is_no_words_fault_is_never_sifted(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def broken(self: Watching, heard: object) -> None:
        raise problem

    told(plant, 1)
    monkeypatch.setattr(Watching, "feed", broken)
    with pytest.raises(type(problem)):
        plant.settle()
    assert plant.one(select(*LETTER)) == []


def test_a_cycle_of_many_messages_that_we_fail_at_becomes_a_letter_that_can_be_sent_again(
    plant: Plant, cast: Cast, unscorable: None
) -> None:
    for field, value in (("user", b"1"), ("system", str(POISON).encode())):
        plant.tell("plant-db-1", value, topic=f"vigie/plant-db-1/values/{field}")
    told(plant, 1, name="joinery-files")
    for _ in range(300):
        plant.settle()
        plant.now += timedelta(seconds=2)
        if letters := plant.one(select(*LETTER, DeadLetter.payload, DeadLetter.topic)):
            break
    ((machine, reason, _, payload, topic),) = letters
    assert (machine, reason, topic) == ("plant-db-1", "set_apart", "vigie/plant-db-1/report")
    assert json.loads(payload)["metrics"] == {"user": 1, "system": POISON}
    assert plant.ledger("plant-db-1") == {"received": 1, "refused": 1}
    assert stored(plant, cast.joinery_machine) == [1]


def test_what_waits_for_the_rest_of_its_cycle_outlives_the_watcher_that_heard_it(plant: Plant, cast: Cast) -> None:
    """Also where it began before the state that was kept, and where it was complete already when that watcher died."""
    for snapshot in (True, False):
        plant.now += timedelta(seconds=60)
        plant.tell("plant-db-1", b"1", topic="vigie/plant-db-1/values/user")
        plant.settle()
        if snapshot:
            seat = plant.watcher.seats[zlib.crc32(b"plant-db-1") % 2]
            plant.watcher._keep_snapshot(seat)
        plant.tell("plant-db-1", b"2", topic="vigie/plant-db-1/values/system")
        plant.settle()
        plant.watcher.seats.clear()  # killed
        plant.readers[-1].close()
        plant.watcher = plant.watch(f"after {snapshot}")
        plant.settle()
        plant.now += timedelta(seconds=3)
        for _ in range(3):
            plant.settle()
        assert [reported for _, reported in plant.stored(cast.plant_machine)][-1] == {"user": 1, "system": 2}
        plant.watcher.seats.clear()
        plant.readers[-1].close()
        plant.watcher = plant.watch(f"long after {snapshot}")
        plant.settle()
        plant.now += timedelta(seconds=3)
        plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 2, "scored": 2}


def test_a_cycle_that_was_open_in_the_kept_state_and_stored_since_is_heard_again(plant: Plant, cast: Cast) -> None:
    """Nothing else came meanwhile: the kept state and what is stored stand at one position."""
    plant.tell("plant-db-1", b"1", topic="vigie/plant-db-1/values/user")
    plant.settle()
    partition = zlib.crc32(b"plant-db-1") % 2
    plant.watcher._keep_snapshot(plant.watcher.seats[partition])
    plant.now += timedelta(seconds=3)
    for _ in range(3):
        plant.settle()
    plant.watcher.seats.clear()  # killed
    plant.readers[-1].close()
    plant.watcher = plant.watch("after")
    plant.settle()
    assert plant.watcher.seats[partition].heard["plant-db-1"].latest == {"user": 1}
    assert plant.ledger("plant-db-1") == {"received": 1, "scored": 1}


def test_history_that_cannot_be_learned_from_keeps_no_machine_from_being_heard(
    plant: Plant, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(plant, 1)
    plant.settle()

    def broken(*rest: Any) -> None:
        raise ArithmeticError("poison in history")

    monkeypatch.setattr(remembering, "learn", broken)
    plant.watcher.seats.clear()
    plant.readers[0].close()
    with work(plant.sessions, SYSTEM) as session:
        for row in session.scalars(select(LogPosition).where(LogPosition.reader == "watch")):
            row.snapshot, row.snapshot_position = None, row.position
    second = plant.watch("second")
    told(plant, 2, seq=2)
    plant.settle(second)
    assert plant.ledger("plant-db-1") == {"received": 2, "scored": 2}
    second._beat("second")
    with work(plant.sessions, SYSTEM) as session:
        (alarm,) = [one for one in auditor.audit_house(session, plant.now) if one.rule == "history_unlearned"]
    assert "of 1 (plant-db-1) the stored history could not be learned from (ArithmeticError)" in alarm.words
    assert "plant-db-1" in second.facts()["degraded"]
    seat = second.seats[zlib.crc32(b"plant-db-1") % 2]
    second._keep_snapshot(seat)
    restored = Seat(0, 0, 0)
    restored.restore(seat.snapshot())
    assert restored.unlearned == {"plant-db-1": "ArithmeticError"}, "who sits there next knows of it"
    monkeypatch.setattr(forgetting, "learn", broken)
    plant.now += timedelta(hours=1)
    second._beat("second")
    assert "plant-db-1" in second.facts()["degraded"], "it was tried, and failed again"
    monkeypatch.undo()  # it is mended
    plant.now += timedelta(hours=1)
    second._beat("second")
    assert second.facts()["degraded"] == ""
    assert seat.watching.known["plant-db-1"].notebook.names == ["cpu"]


def test_no_record_is_passed_over_when_a_flush_fails_because_a_machine_was_taken_away(
    plant: Plant, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the log had read already for the seat that is given up is read again from where the new one begins."""
    add = history.add
    failures = iter([True])

    def taken_away(session: Session, part: int, rows: Any) -> None:
        if next(failures, False):
            told(plant, 2, seq=2)  # there is more in the log by then
            session.execute(
                text(
                    "INSERT INTO machine_states (machine_id, customer_id, speaking, health, telemetry, latest, facts, "
                    "seqs) SELECT gen_random_uuid(), id, 'unknown', 'unknown', '', '{}', '{}', '[]' FROM customers "
                    "LIMIT 1"
                )
            )
        add(session, part, rows)

    monkeypatch.setattr(history, "add", taken_away)
    told(plant, 1)
    plant.settle()
    told(plant, 3, seq=3)
    plant.settle()
    assert zlib.crc32(b"plant-db-1") % 2 in plant.watcher.seats
    assert plant.ledger("plant-db-1") == {"received": 3, "scored": 3}


def test_of_many_words_of_a_machine_the_one_that_cannot_be_stored_is_found_in_few_trials(
    plant: Plant, cast: Cast, unstorable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sifting, "_TRIALS", 4)
    values = [POISON if i == 27 else float(i) for i in range(29)]
    told(plant, *values)
    plant.settle()
    assert stored(plant, cast.plant_machine) == [value for value in values if value != POISON]
    assert plant.ledger("plant-db-1") == {"received": 29, "scored": 28, "refused": 1, "missing": 1}


def test_once_the_word_is_found_what_follows_is_tried_in_few_trials_again(
    plant: Plant, cast: Cast, unstorable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials: list[int] = []
    stores = sifting.Sifter._stores

    def counted(self: sifting.Sifter, units: Any) -> Exception | None:
        trials.append(len(units))
        return stores(self, units)

    monkeypatch.setattr(sifting.Sifter, "_stores", counted)
    monkeypatch.setattr(sifting, "_TRIALS", 4)
    values = [POISON if i in (1, 27) else float(i) for i in range(29)]
    told(plant, *values)
    plant.settle()
    assert stored(plant, cast.plant_machine) == [value for value in values if value != POISON]
    assert plant.ledger("plant-db-1") == {"received": 29, "scored": 27, "refused": 2, "missing": 2}
    assert len(trials) <= 26, "33 where every word that follows is tried"


def test_words_of_several_machines_in_one_letter_are_taken_out_of_the_ledger_where_they_were_counted(
    plant: Plant, cast: Cast, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with work(plant.sessions, SYSTEM) as session:
        gateway, _ = enrol.enrol(session, cast.plant, "gw-1", plant.now)
        contract = session.scalars(select(Contract.id).where(Contract.customer_id == cast.plant)).one()
        session.add(ContractLine(customer_id=cast.plant, contract_id=contract, machine_id=gateway.id))
        row = GatewayMachine(customer_id=cast.plant, gateway_id=gateway.id, machine_id=cast.plant_machine)
        row.created_at = plant.now
        session.add(row)
    body = {name: [{"values": {"t": value}} for value in (1.0, POISON)] for name in ("gw-1", "plant-db-1")}
    plant.tell("gw-1", body, topic="vigie/gw-1/thingsboard/v1/gateway/telemetry")
    plant.settle()
    assert [sorted(apart) for _, _, apart in plant.one(select(*LETTER))] == [[1, 3]]
    for name in body:
        assert plant.ledger(name) == {"received": 2, "scored": 1, "refused": 1}
    monkeypatch.undo()  # it is mended
    doorstep = Doorstep(PostgresWriter(plant.url), 2)
    with work(plant.sessions, SYSTEM) as session:
        again.ask(session, [DeadLetter.reason == "set_apart"], "Dee", plant.now)
        assert again.send(session, doorstep, plant.now) == 1
    doorstep.close()
    plant.now += timedelta(seconds=1)
    plant.settle()
    for name in body:
        assert plant.ledger(name).get("refused", 0) == 0
        assert plant.ledger(name)["received"] == 3, "both are heard again, beside the good one of before"


def overtaken(plant: Plant, session: Session) -> None:
    session.execute(text("UPDATE log_positions SET owner = 'another' WHERE reader = 'watch'"))


def deadlocked(plant: Plant, session: Session) -> None:
    raise OperationalError("", {}, DeadlockDetected("planted"))


@pytest.mark.parametrize("happening", [overtaken, deadlocked])
def test_what_happens_to_the_database_within_a_trial_ends_neither_the_watcher_nor_its_search(
    plant: Plant, cast: Cast, unstorable: None, monkeypatch: pytest.MonkeyPatch, happening: Any
) -> None:
    tried = sifting.Sifter._try
    store, turns = effects.store, iter([True])

    def trial(self: sifting.Sifter, *rest: Any) -> None:
        def failing(session: Session, *more: Any) -> None:
            if next(turns, False):
                happening(plant, session)
            store(session, *more)

        monkeypatch.setattr(effects, "store", failing)
        try:
            tried(self, *rest)
        finally:
            monkeypatch.setattr(effects, "store", store)

    monkeypatch.setattr(sifting.Sifter, "_try", trial)
    told(plant, 1, POISON, 3)
    plant.settle()
    assert next(turns, True) is True, "it happened"
    assert stored(plant, cast.plant_machine) == [1, 3]
    assert plant.ledger("plant-db-1") == {"received": 3, "scored": 2, "refused": 1, "missing": 1}


def test_a_database_that_hangs_while_it_is_asked_who_speaks_is_asked_again(
    plant: Plant, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet, turns = remembering.meet, iter([True, True])

    def hanging(*rest: Any, **more: Any) -> Any:
        if next(turns, False):
            raise OperationalError("", {}, DeadlockDetected("planted"))
        return meet(*rest, **more)

    monkeypatch.setattr(remembering, "meet", hanging)
    told(plant, 1, 2)
    plant.settle()
    assert stored(plant, cast.plant_machine) == [1, 2]
    assert plant.ledger("plant-db-1") == {"received": 2, "scored": 2}


def test_a_word_that_always_refers_to_what_is_not_there_is_set_apart_in_the_end(
    plant: Plant, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is a machine that was taken away; over and over it is a mistake of ours."""
    add = history.add
    times = 0

    def failing(session: Session, part: int, rows: Any) -> None:
        nonlocal times
        add(session, part, rows)
        if any(POISON in metrics.values() for _, _, reports in rows for _, metrics in reports):
            times += 1
            session.execute(
                text(
                    "INSERT INTO machine_states (machine_id, customer_id, speaking, health, telemetry, latest, facts, "
                    "seqs) SELECT gen_random_uuid(), id, 'unknown', 'unknown', '', '{}', '{}', '[]' FROM customers "
                    "LIMIT 1"
                )
            )

    monkeypatch.setattr(history, "add", failing)
    told(plant, 1, POISON, 3)
    plant.settle()
    assert sifting.MOST_ANEW < times < 20
    assert stored(plant, cast.plant_machine) == [1, 3]
    assert plant.one(select(*LETTER)) == [("plant-db-1", "set_apart", [0])]
    assert "some of what plant-db-1 says is set apart" in plant.watcher.facts()["degraded"]
