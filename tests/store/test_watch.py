"""What a watcher makes of the log: everything stored once, everything refused with its reason, and the sums hold."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text

from app.settings import Settings
from models.agreements import ContractLine
from models.decisions import DecisionRow
from models.incidents import Finding, Incident
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter, DeliveryCount, LogPosition
from telemetry import history
from telemetry.envelope import Envelope, packed
from telemetry.log_postgres import PostgresReader, PostgresWriter
from telemetry.watch import Watcher
from tests import postgres
from tests.cast import Cast


class Plant:
    """A log to write to, a clock to turn, and watchers to sit before it."""

    def __init__(self, url: str, sessions: Sessions, cast: Cast, data: Path) -> None:
        self.url = postgres.as_role(url, "worker")
        self.sessions, self.cast = sessions, cast
        self.now = cast.now
        self.settings = Settings(data=data, database_url=self.url, partitions=2, flush_s=0.01)
        self.writer = PostgresWriter(self.url)
        self.readers: list[PostgresReader] = []
        self.watcher = self.watch("first")

    def watch(self, name: str) -> Watcher:
        reader = PostgresReader(self.url, 2, "watch", f"{name}/x")
        self.readers.append(reader)
        return Watcher(self.settings, self.sessions, reader, f"{name}/x", lambda: self.now)

    def tell(self, machine: str, *payloads: Any, topic: str = "", at: datetime | None = None, **flags: bool) -> None:
        """Put messages into the log as the bridge would; `at` is their arrival."""
        arrived = round((at or self.now).timestamp() * 1000)
        envelopes = [
            Envelope(
                (topic or f"vigie/{machine}/report").encode("utf-8", "surrogateescape"),
                payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
                arrived,
                **flags,
            )
            for payload in payloads
        ]
        kept: Queue[Exception | None] = Queue()
        self.writer.append(zlib.crc32(machine.encode()) % 2, packed(envelopes), kept.put)
        assert kept.get(timeout=30) is None, "the log did not keep what was told"

    def settle(self, watcher: Watcher | None = None) -> None:
        """Until everything in the log is dealt with."""
        watcher = watcher or self.watcher
        for _ in range(200):
            self.now += timedelta(milliseconds=1)
            watcher.turn(0.02)
            with work(self.sessions, SYSTEM) as session:
                ends = dict(session.execute(positions("write")).all())
                done = dict(session.execute(positions("watch")).all())
            if self.writer.away_s() == 0 and all(done.get(p, 0) >= end for p, end in ends.items()):
                return
        pytest.fail("the watcher does not reach the end of the log")

    def one(self, query: Any) -> Any:
        with work(self.sessions, SYSTEM) as session:
            return session.execute(query).all()

    def stored(self, machine_id: Any) -> list[tuple[int, dict[str, float]]]:
        with work(self.sessions, SYSTEM) as session:
            start = self.now - timedelta(days=30)
            return list(history.reports(session, machine_id, None, start, self.now + timedelta(days=1)).rows())

    def ledger(self, machine: str) -> dict[str, int]:
        names = ("received", "scored", "refused", "duplicate", "late", "missing")
        row = self.one(
            select(*(func.coalesce(func.sum(getattr(DeliveryCount, name)), 0) for name in names)).where(
                DeliveryCount.machine == machine
            )
        )[0]
        return {name: count for name, count in zip(names, row, strict=True) if count}


def positions(reader: str) -> Any:
    return select(LogPosition.partition, LogPosition.position).where(LogPosition.reader == reader)


@pytest.fixture
def plant(database: str, sessions: Sessions, cast: Cast, tmp_path: Path) -> Iterator[Plant]:
    a_plant = Plant(database, sessions, cast, tmp_path)
    yield a_plant
    a_plant.writer.close(5)
    for reader in a_plant.readers:
        reader.close()


def report(now: datetime, seq: int | None = None, cpu: float = 10.0, **more: Any) -> dict[str, Any]:
    return {"seq": seq, "at": round(now.timestamp() * 1000), "metrics": {"cpu": cpu}, **more}


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
        plant.tell("plant-db-1", report(plant.now + timedelta(minutes=minute), seq))
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
