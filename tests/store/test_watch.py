"""What a watcher makes of the log: everything stored once, everything refused with its reason, and the sums hold."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, text

from models.agreements import Contract, ContractLine
from models.base import new_id
from models.decisions import DecisionRow
from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from models.session import SYSTEM, work
from models.telemetry import DeadLetter, DeliveryCount
from tests.cast import Cast
from tests.plant import Plant, report


def test_reports_become_history_a_state_and_a_receipt(plant: Plant, cast: Cast) -> None:
    for seq in range(1, 6):
        plant.tell("plant-db-1", report(plant.now, seq, cpu=seq, facts={"bios": "2.4.1"}))
        plant.now += timedelta(seconds=10)
    plant.settle()
    assert [metrics["cpu"] for _, metrics in plant.stored(cast.plant_machine)] == [1, 2, 3, 4, 5]
    with work(plant.sessions, SYSTEM) as session:
        state = session.get_one(MachineState, cast.plant_machine)
    assert (state.last_seq, state.speaking, state.telemetry) == (5, "speaking", "detect")
    assert state.latest == {"cpu": 5.0}
    assert state.facts == {"bios": "2.4.1"}
    assert state.cadence_s == 10.0
    assert plant.ledger("plant-db-1") == {"received": 5, "scored": 5}


def test_a_number_told_twice_counts_once_and_a_hole_holds_the_receipt_back(plant: Plant, cast: Cast) -> None:
    first = plant.now
    for seq in (1, 2, 4, 2, 4):
        plant.tell("plant-db-1", report(first + timedelta(seconds=seq), seq))
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 5, "scored": 3, "duplicate": 2, "missing": 1}
    with work(plant.sessions, SYSTEM) as session:
        assert session.get_one(MachineState, cast.plant_machine).last_seq == 2
    plant.tell("plant-db-1", report(first + timedelta(seconds=3), 3))
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 6, "scored": 3, "duplicate": 2, "late": 1}
    with work(plant.sessions, SYSTEM) as session:
        assert session.get_one(MachineState, cast.plant_machine).last_seq == 4
    assert len(plant.stored(cast.plant_machine)) == 4


def test_a_hard_fault_of_an_agent_that_is_behind_opens_its_incident_and_ends_it(plant: Plant, cast: Cast) -> None:
    first = plant.now
    for minute, broken in enumerate((0.0, 1.0, 1.0, 0.0, 0.0, 0.0)):
        at = plant.now = first + timedelta(minutes=minute)
        late = {
            "seq": 2 * minute + 1,
            "at": (at - timedelta(seconds=20)).isoformat(),
            "metrics": {"raid_degraded": broken},
        }
        plant.tell("plant-db-1", report(at, 2 * minute, cpu=5), late, at=at)
        plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 12, "scored": 6, "late": 6}
    ((kind, started, ended),) = plant.one(select(Finding.kind, Finding.started_at, Finding.ended_at))
    assert (kind, started - first, ended - first) == ("rule", timedelta(seconds=40), timedelta(seconds=220))
    assert plant.one(select(Incident.cause)) == [("raid",)]


def test_numbers_are_remembered_by_the_next_watcher(plant: Plant, cast: Cast) -> None:
    at = plant.now
    plant.tell("plant-db-1", report(at, 2**62))
    plant.settle()
    plant.watcher.stopping = True
    plant.watcher.run("first")
    successor = plant.watch("second")
    plant.tell("plant-db-1", report(at, 2**62))
    plant.readers[0].close()
    plant.settle(successor)
    assert plant.ledger("plant-db-1") == {"received": 2, "scored": 1, "duplicate": 1}


def test_a_machine_that_counts_anew_is_heard(plant: Plant) -> None:
    for seq, minute in ((8, 0), (9, 1), (1, 2), (2, 3)):
        at = plant.now + timedelta(minutes=minute)
        plant.tell("plant-db-1", report(at, seq), at=at)
    plant.now += timedelta(minutes=3)
    plant.settle()
    assert plant.ledger("plant-db-1")["scored"] == 4


def test_a_retained_report_is_an_old_one(plant: Plant) -> None:
    plant.tell("plant-db-1", {"metrics": {"cpu": 1.0}}, retained=True)
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 1, "duplicate": 1}


def test_a_report_from_the_future_is_refused_with_its_reason(plant: Plant, cast: Cast) -> None:
    plant.tell("plant-db-1", report(plant.now + timedelta(minutes=6)), report(plant.now))
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 2, "scored": 1, "refused": 1}
    ((reason, detail, machine),) = plant.one(select(DeadLetter.reason, DeadLetter.detail, DeadLetter.machine))
    assert (reason, machine) == ("future_instant", "plant-db-1")
    assert "360 s ahead" in detail


def test_a_stranger_is_refused_and_heard_once_enrolled(plant: Plant, cast: Cast) -> None:
    plant.tell("plant-new", report(plant.now))
    plant.settle()
    assert plant.one(select(DeadLetter.reason, DeadLetter.machine)) == [("unknown_machine", "plant-new")]
    with work(plant.sessions, SYSTEM) as session:
        machine = Machine(customer_id=cast.plant, name="plant-new", created_at=plant.now)
        session.add(machine)
        session.flush()  # the line refers to it
        session.add(ContractLine(customer_id=cast.plant, contract_id=cast.plant_contract, machine_id=machine.id))
    plant.now += timedelta(seconds=5)
    plant.tell("plant-new", report(plant.now))
    plant.settle()
    assert plant.ledger("plant-new") == {"received": 1, "scored": 1}


BAD: list[tuple[str, bytes]] = [
    ("empty", b""),
    ("not_json", b"{"),
    ("not_utf8", b"\xff\xfe\xfd"),
    ("not_a_number", b'{"metrics": {"a": NaN}}'),
    ("duplicate_key", b'{"metrics": {"a": 1, "a": 2}}'),
    ("bad_seq", b'{"seq": -1, "metrics": {"a": 1}}'),
    ("bad_seq", b'{"seq": 9223372036854775808, "metrics": {"a": 1}}'),
    ("bad_instant", b'{"at": "0001-01-01T00:00:00Z", "metrics": {"a": 1}}'),
    ("bad_instant", b'{"at": "9999-12-31T23:59:59Z", "metrics": {"a": 1}}'),
    ("too_deep", b'{"metrics": ' + b'{"a":' * 200 + b"1" + b"}" * 201),
    ("bad_shape", b'"hello"'),
    ("bad_shape", b'{"metrics": {"a": 1}, "surprise": true}'),
]


def test_a_bad_message_takes_no_neighbour_along(plant: Plant, cast: Cast) -> None:
    good = [report(plant.now + timedelta(seconds=i), i) for i in range(len(BAD) + 1)]
    mixed: list[Any] = [good[0]]
    for (_, payload), neighbour in zip(BAD, good[1:], strict=True):
        mixed += [payload, neighbour]
    plant.tell("plant-db-1", *mixed)
    plant.settle()
    letters = plant.one(select(DeadLetter.reason, DeadLetter.payload).order_by(DeadLetter.item))
    assert [(reason, bytes(payload)) for reason, payload in letters] == BAD
    assert len(plant.stored(cast.plant_machine)) == len(good)
    sums = plant.ledger("plant-db-1")
    assert (sums["received"], sums["scored"], sums["refused"]) == (len(mixed), len(good), len(BAD))


def test_a_text_the_database_cannot_hold_stops_nobody(plant: Plant, cast: Cast) -> None:
    plant.tell("plant-db-1", report(plant.now, 1, cpu=1, facts={"bios": "2\x004", "half": "\ud800"}))
    event = {"code": "fan", "severity": 2, "text": "fan\x00 stopped \udfff"}
    plant.tell("plant-db-1", event, topic="vigie/plant-db-1/event")
    plant.tell("plant-db-1", {"id": "a\x00b", "readings": ["\ud800"]}, topic="vigie/plant-db-1/answer")
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 3, "scored": 3}
    with work(plant.sessions, SYSTEM) as session:
        assert session.get_one(MachineState, cast.plant_machine).facts == {"bios": "2\\x004", "half": "\\ud800"}
    ((summary,),) = plant.one(select(Finding.summary).where(Finding.cause == "event:fan"))
    assert "fan\\x00 stopped \\udfff" in summary


def test_the_longest_code_an_event_may_have_opens_an_incident_and_a_longer_one_is_refused(plant: Plant) -> None:
    """In a script of three bytes a letter, no two of them alike: nothing makes them shorter in an index."""
    for letters in (800, 801):
        code = "".join(map(chr, range(0x4E00, 0x4E00 + letters)))
        plant.tell("plant-db-1", {"code": code, "severity": 1}, topic="vigie/plant-db-1/event")
    plant.settle()
    assert [len(cause) for (cause,) in plant.one(select(Incident.cause))] == [len("event:") + 800]
    assert plant.one(select(DeadLetter.reason)) == [("bad_name",)]


def test_a_damaged_record_is_a_dead_letter_too(plant: Plant, cast: Cast) -> None:
    plant.writer.append(zlib.crc32(b"plant-db-1") % 2, b"\x07garbage", lambda problem: None)
    plant.tell("plant-db-1", report(plant.now))
    plant.settle()
    assert plant.one(select(DeadLetter.reason, DeadLetter.payload)) == [("bad_payload", b"\x07garbage")]
    assert len(plant.stored(cast.plant_machine)) == 1


def test_topics_no_text_can_hold_are_letters(plant: Plant) -> None:
    plant.tell("plant-db-1", b"1", topic="vigie/plant-db-1/re\udcffport")
    plant.tell("plant-db-1", b"1", topic="vigie/plant-db-1/nonsense\0")
    plant.settle()
    topics = sorted(plant.one(select(DeadLetter.topic)))
    assert topics == [("vigie/plant-db-1/nonsense\\x00",), ("vigie/plant-db-1/re\\xffport",)]


def hot(now: datetime) -> dict[str, Any]:
    return {"at": round(now.timestamp() * 1000), "code": "ecc", "severity": 1, "text": "memory error"}


def test_what_a_platinum_machine_says_opens_one_incident_and_ends_it(plant: Plant, cast: Cast) -> None:
    topic = "vigie/plant-db-1/event"
    plant.tell("plant-db-1", hot(plant.now), topic=topic)
    plant.settle()
    plant.tell("plant-db-1", hot(plant.now), topic=topic)
    plant.settle()
    ((machine, cause, ended),) = plant.one(select(Incident.machine_id, Incident.cause, Incident.condition_ended_at))
    assert (machine, cause, ended) == (cast.plant_machine, "event:ecc", None)
    with work(plant.sessions, SYSTEM) as session:
        assert session.get_one(MachineState, cast.plant_machine).health == "deviates"
    plant.tell("plant-db-1", hot(plant.now) | {"severity": 0}, topic=topic)
    plant.settle()
    ((ended, finding_ended),) = plant.one(
        select(Incident.condition_ended_at, Finding.ended_at).join(Finding, Finding.incident_id == Incident.id)
    )
    assert ended is not None
    assert finding_ended is not None


def test_bronze_is_collected_and_the_decision_says_so_once(plant: Plant, cast: Cast) -> None:
    for _ in range(3):
        plant.tell("joinery-files", report(plant.now))
        plant.tell("joinery-files", hot(plant.now), topic="vigie/joinery-files/event")
        plant.now += timedelta(minutes=1)
        plant.settle()
    assert len(plant.stored(cast.joinery_machine)) == 3
    assert plant.one(select(Finding.id)) == []
    decisions = plant.one(
        select(DecisionRow.ask, DecisionRow.outcome).where(DecisionRow.machine_id == cast.joinery_machine)
    )
    assert sorted(decisions) == [("detection", "refused"), ("telemetry", "granted")]


def test_out_of_contract_nothing_is_kept_and_the_reason_is_counted(plant: Plant, cast: Cast) -> None:
    plant.now = datetime(2027, 3, 1, tzinfo=plant.now.tzinfo)
    plant.tell("plant-db-1", report(plant.now))
    plant.settle()
    assert plant.stored(cast.plant_machine) == []
    assert plant.ledger("plant-db-1") == {"received": 1, "refused": 1}
    ((reasons,),) = plant.one(select(DeliveryCount.reasons).where(DeliveryCount.machine == "plant-db-1"))
    ((ask, outcome, rule, remedy),) = plant.one(
        select(DecisionRow.ask, DecisionRow.outcome, DecisionRow.rule, DecisionRow.remedy)
    )
    assert (ask, outcome) == ("telemetry", "refused")
    assert reasons == {rule: 1}
    assert remedy


def test_a_zombie_commits_nothing(plant: Plant, cast: Cast) -> None:
    plant.tell("plant-db-1", report(plant.now, 1))
    plant.settle()
    with work(plant.sessions, SYSTEM) as session:
        session.execute(text("UPDATE log_positions SET owner = 'somebody else' WHERE reader = 'watch'"))
    plant.tell("plant-db-1", report(plant.now, 2))
    for _ in range(10):
        plant.watcher.turn(0.02)
    assert plant.ledger("plant-db-1") == {"received": 1, "scored": 1}


def test_a_zombie_with_nothing_in_hand_lets_go_and_lives(plant: Plant, cast: Cast) -> None:
    """Its state is due to be saved, and the partition is another's by now."""
    plant.tell("plant-db-1", report(plant.now))
    plant.settle()
    with work(plant.sessions, SYSTEM) as session:
        session.execute(text("UPDATE log_positions SET owner = 'somebody else' WHERE reader = 'watch'"))
    plant.watcher._snapshot_due = dict.fromkeys(plant.watcher.seats, 0.0)
    plant.watcher.turn(0.02)
    assert not plant.watcher.seats


def test_two_watchers_share_and_hand_over(plant: Plant, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are renewed at every look here, so that no time has to pass."""
    monkeypatch.setattr("telemetry.log_shares._RENEW_S", 0.0)
    names = ["plant-db-1", "joinery-files"]
    for name in names:
        plant.tell(name, report(plant.now, 1))
    plant.settle()
    second = plant.watch("second")
    seated: Callable[[], list[set[int]]] = lambda: [set(watcher.seats) for watcher in (plant.watcher, second)]  # noqa: E731
    for _ in range(20):
        second.turn(0.01)
        plant.watcher.turn(0.01)
    assert sorted(map(len, seated())) == [1, 1]
    assert set.union(*seated()) == {0, 1}
    for name in names:
        plant.tell(name, report(plant.now, 2), report(plant.now, 1))
    for _ in range(50):
        plant.now += timedelta(milliseconds=1)
        second.turn(0.01)
        plant.watcher.turn(0.01)
    for name in names:
        assert plant.ledger(name) == {"received": 3, "scored": 2, "duplicate": 1}


def test_a_customer_taken_away_while_heard_stops_nobody_else(plant: Plant, cast: Cast) -> None:
    for seq in (1, 2):
        plant.now += timedelta(seconds=10)
        plant.tell("joinery-files", report(plant.now, seq))
        plant.tell("plant-db-1", report(plant.now, seq))
        plant.settle()
        with work(plant.sessions, SYSTEM) as session:
            session.execute(delete(ContractLine).where(ContractLine.customer_id == cast.joinery))
            session.execute(delete(Machine).where(Machine.id == cast.joinery_machine))
    assert len(plant.stored(cast.plant_machine)) == 2
    assert plant.one(select(DeadLetter.machine, DeadLetter.reason)) == [("joinery-files", "unknown_machine")]


def test_a_machine_made_again_under_its_old_name_begins_anew(plant: Plant, cast: Cast) -> None:
    """Its numbers and instants are compared with nothing the machine before it said."""
    late = plant.now + timedelta(hours=1)
    for seq in (7, 8, 9):
        plant.tell("joinery-files", report(late + timedelta(seconds=seq), seq), at=late + timedelta(seconds=seq))
    plant.settle()
    with work(plant.sessions, SYSTEM) as session:
        old = session.get_one(Machine, cast.joinery_machine)
        again = Machine(id=new_id(), customer_id=old.customer_id, name=old.name, created_at=plant.now)
        session.execute(delete(ContractLine).where(ContractLine.customer_id == cast.joinery))
        session.delete(old)
        session.flush()  # the name must be free before it is given again
        session.add(again)
        session.flush()
        contract = session.scalars(select(Contract.id).where(Contract.customer_id == cast.joinery)).one()
        session.add(ContractLine(customer_id=cast.joinery, contract_id=contract))
    plant.now += timedelta(minutes=1)  # the directory asks again
    for seq in (8, 9):
        plant.tell("joinery-files", report(plant.now, seq))
        plant.settle()
        plant.now += timedelta(seconds=10)
    assert len(plant.stored(again.id)) == 2
    with work(plant.sessions, SYSTEM) as session:
        state = session.get_one(MachineState, again.id)
    assert (state.last_seq, state.speaking) == (9, "speaking")
    assert plant.ledger("joinery-files") == {"received": 5, "scored": 5}


def test_what_is_held_of_a_machine_taken_away_between_two_messages_stores_nothing(plant: Plant, cast: Cast) -> None:
    """The seat has it pending when its name is asked again: neither an error nor a row for nobody."""
    plant.settings = plant.settings.model_copy(update={"flush_s": 3600.0})
    plant.watcher._settings = plant.settings
    plant.tell("joinery-files", report(plant.now, 1))
    plant.watcher.turn(0.02)
    plant.watcher.turn(0.02)
    with work(plant.sessions, SYSTEM) as session:
        session.execute(delete(ContractLine).where(ContractLine.customer_id == cast.joinery))
        session.execute(delete(Machine).where(Machine.id == cast.joinery_machine))
    plant.now += timedelta(minutes=1)
    plant.tell("joinery-files", report(plant.now, 2))
    plant.tell("plant-db-1", report(plant.now, 1))
    plant.watcher.turn(0.02)
    plant.watcher._settings = plant.settings.model_copy(update={"flush_s": 0.01})
    plant.settle()
    assert len(plant.stored(cast.plant_machine)) == 1
    assert plant.one(select(DeadLetter.machine, DeadLetter.reason)) == [("joinery-files", "unknown_machine")]
    assert plant.ledger("joinery-files") == {"received": 1, "scored": 1}
    assert plant.ledger("") == {"received": 1, "refused": 1}


def test_a_partition_that_cannot_be_stored_any_more_keeps_no_other_from_being_handed_over(
    plant: Plant, cast: Cast
) -> None:
    plant.watcher._settings = plant.settings.model_copy(update={"flush_s": 3600.0})
    for name in ("joinery-files", "plant-db-1"):  # in partitions of their own
        plant.tell(name, report(plant.now, 1))
    for _ in range(4):
        plant.watcher.turn(0.02)
    with work(plant.sessions, SYSTEM) as session:
        session.execute(delete(ContractLine).where(ContractLine.customer_id == cast.joinery))
        session.execute(delete(Machine).where(Machine.id == cast.joinery_machine))
    plant.watcher.stopping = True
    plant.watcher.run("first")
    assert not plant.watcher.seats
    assert len(plant.stored(cast.plant_machine)) == 1
    plant.readers[0].close()
    plant.now += timedelta(minutes=1)
    plant.settle(plant.watch("second"))
    assert plant.one(select(DeadLetter.machine, DeadLetter.reason)) == [("joinery-files", "unknown_machine")]
    assert plant.ledger("plant-db-1") == {"received": 1, "scored": 1}
