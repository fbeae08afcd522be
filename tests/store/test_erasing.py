"""Erasing takes just what was seen, from every place it lies in, and the ledger says what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from models.artefacts import ModelArtefact
from models.audit import AuditEntry
from models.base import new_id
from models.changes import MachineChange
from models.history import HistoryRemoval
from models.incidents import Finding
from models.machines import Machine, MachineState
from models.mappings import GatewayMachine
from models.restraints import Restraint, ScoreTrace
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter, DeliveryCount
from telemetry import enrol, erasing, history, retention, rollups, spans
from telemetry.erasing import Changed, Extent
from telemetry.watch import Watcher
from tests.cast import NOW, Cast
from tests.plant import Plant, report

START = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def fill(sessions: Sessions, cast: Cast, hours: int = 4, *, first: datetime = START) -> None:
    first_ms = round(first.timestamp() * 1000)
    reports = [(first_ms + minute * 60_000, {"cpu": float(minute)}) for minute in range(hours * 60)]
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, reports)])
        for hour in range(hours):
            counted = {"received": 62, "scored": 58, "late": 2, "duplicate": 1, "refused": 1}
            at = first + hour * HOUR
            session.add(DeliveryCount(machine="plant-db-1", customer_id=cast.plant, hour=at, **counted))
        rollups.roll(session, NOW)


def seen(sessions: Sessions, cast: Cast, start: datetime, end: datetime) -> tuple[Extent, str]:
    with work(sessions, SYSTEM) as session:
        extent = erasing.preview(session, session.get_one(Machine, cast.plant_machine), start, end)
    return extent, extent.seen(cast.plant_machine, start, end)


def erase(
    sessions: Sessions, cast: Cast, start: datetime, end: datetime, *, with_evidence: bool = False, now: datetime = NOW
) -> Extent:
    extent, word = seen(sessions, cast, start, end)
    with work(sessions, SYSTEM) as session:
        machine = session.get_one(Machine, cast.plant_machine)
        erasing.erase(
            session, machine, start, end, seen=word, actor="Ada", reason="our people's names", now=now,
            with_evidence=with_evidence,
        )  # fmt: skip
    with work(sessions, SYSTEM) as session:
        rollups.roll(session, NOW)
    return extent


def left(sessions: Sessions, cast: Cast) -> list[int]:
    """Minutes after the start of what is stored."""
    with work(sessions, SYSTEM) as session:
        columns = history.reports(session, cast.plant_machine, None, START - HOUR, START + 50 * HOUR)
    return [round((at / 1000 - START.timestamp()) / 60) for at in columns.at_ms.tolist()]


def counts(sessions: Sessions, cast: Cast) -> list[int]:
    with work(sessions, SYSTEM) as session:
        found = spans.read(session, cast.plant_machine, ["cpu"], START, START + 4 * HOUR, 100, "hours")
        days = spans.read(session, cast.plant_machine, ["cpu"], START, START + 24 * HOUR, 100, "days")
    hours = found.lines["cpu"].count.tolist() if "cpu" in found.lines else []
    assert sum(hours) == (int(days.lines["cpu"].count.sum()) if "cpu" in days.lines else 0)
    return hours


def test_reports_and_figures_of_the_span_go_and_what_stands_beside_stays(sessions: Sessions, cast: Cast) -> None:
    fill(sessions, cast)
    extent = erase(sessions, cast, START + timedelta(minutes=90), START + timedelta(minutes=150))
    assert (extent.reports, extent.figures) == (60, 2)
    assert left(sessions, cast) == [*range(90), *range(150, 240)]
    assert counts(sessions, cast) == [60, 30, 30, 60]


def test_the_ledger_keeps_its_sums_and_says_how_many_were_erased(sessions: Sessions, cast: Cast) -> None:
    fill(sessions, cast)
    erase(sessions, cast, START + timedelta(minutes=30), START + 2 * HOUR)
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(DeliveryCount).order_by(DeliveryCount.hour)).all()
        assert [row.erased for row in rows] == [30, 60, 0, 0]
        stored = session.scalar(select(func.sum(DeliveryCount.scored + DeliveryCount.late - DeliveryCount.erased)))
        assert all(row.received == row.scored + row.late + row.duplicate + row.refused for row in rows)
    assert stored == len(left(sessions, cast)) == 150


def test_what_came_later_than_it_was_measured_is_counted_where_it_came(sessions: Sessions, cast: Cast) -> None:
    fill(sessions, cast, hours=1)
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(DeliveryCount)).one()
        row.scored, row.late, row.received = 10, 0, 12
        session.add(DeliveryCount(machine="plant-db-1", customer_id=cast.plant, hour=START + 5 * HOUR,
                                  received=50, late=50))  # fmt: skip
    erase(sessions, cast, START, START + HOUR)
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(DeliveryCount.erased).order_by(DeliveryCount.hour)).all() == [10, 50]


def test_what_changed_since_it_was_seen_is_not_erased(sessions: Sessions, cast: Cast) -> None:
    fill(sessions, cast)
    _, word = seen(sessions, cast, START, START + HOUR)
    with work(sessions, SYSTEM) as session:
        at = round(START.timestamp() * 1000) + 30_500
        history.add(session, 2, [(cast.plant_machine, cast.plant, [(at, {"cpu": 1.0})])])
    with work(sessions, SYSTEM) as session:
        machine = session.get_one(Machine, cast.plant_machine)
    with work(sessions, SYSTEM) as session, pytest.raises(Changed):
        erasing.erase(session, machine, START, START + HOUR, seen=word, actor="Ada", reason="", now=NOW)
    assert len(left(sessions, cast)) == 241


def test_figures_whose_reports_are_gone_go_whole_and_with_what_they_were_made_of(
    sessions: Sessions, cast: Cast
) -> None:
    old = NOW.replace(hour=0) - timedelta(days=200)
    fill(sessions, cast, first=old)
    with work(sessions, SYSTEM) as session:
        retention.clear(session, NOW)
    extent = erase(sessions, cast, old + timedelta(minutes=30), old + timedelta(minutes=90))
    assert (extent.reports, extent.figures) == (0, 2)
    with work(sessions, SYSTEM) as session:
        found = spans.read(session, cast.plant_machine, ["cpu"], old, old + timedelta(days=1))
        erased = session.scalars(select(DeliveryCount.erased).order_by(DeliveryCount.hour)).all()
    assert found.lines["cpu"].count.tolist() == [60, 60]
    assert erased == [60, 60, 0, 0]


def test_letters_models_and_newest_values_go_and_it_is_on_record(sessions: Sessions, cast: Cast) -> None:
    fill(sessions, cast)
    with work(sessions, SYSTEM) as session:
        session.add(MachineState(machine_id=cast.plant_machine, customer_id=cast.plant, last_at=START + HOUR,
                                 latest={"cpu": 4.0}, facts={"bios": "1"}))  # fmt: skip
        session.add(ModelArtefact(customer_id=cast.plant, machine_id=cast.plant_machine, name="baselines",
                                  digest="a" * 64, body=b"", lineage={}, created_at=START + 26 * HOUR))  # fmt: skip
        session.add(DeadLetter(received_at=START + HOUR, topic="t", machine="plant-db-1", customer_id=cast.plant,
                               reason="bad_json", payload=b"{", partition=0, position=1, item=0))  # fmt: skip
        for at in (START + HOUR, START + 3 * HOUR):
            session.add(MachineChange(customer_id=cast.plant, machine_id=cast.plant_machine, at=at, kind="deployment",
                                      what="release 2", told_by="machine", told_at=at))  # fmt: skip
            session.add(ScoreTrace(machine_id=cast.plant_machine, hour=at, customer_id=cast.plant, scores=[1.5]))
            session.add(Restraint(customer_id=cast.plant, machine_id=cast.plant_machine, rule="weekly", words="cpu 97",
                                  began_at=at, score=9.0, threshold=8.0))  # fmt: skip
    extent = erase(sessions, cast, START, START + 2 * HOUR)
    assert (extent.letters, extent.changes, extent.models, extent.newest_values) == (1, 1, 1, True)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(DeadLetter)) == 0
        assert session.scalar(select(func.count()).select_from(ModelArtefact)) == 0
        state = session.get_one(MachineState, cast.plant_machine)
        assert (state.latest, state.facts) == ({}, {})
        for told in (MachineChange.at, ScoreTrace.hour, Restraint.began_at):
            assert session.scalars(select(told)).all() == [START + 3 * HOUR]
        row = session.scalars(select(HistoryRemoval)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.deed == "history.erased")).one()
    assert (row.kind, row.reports, row.actor, row.reason) == ("erased", 120, "Ada", "our people's names")
    assert (entry.actor, entry.facts["reports"], entry.facts["counted_in_ledger"]) == ("Ada", 120, 120)


def test_of_the_newest_values_only_those_told_since_the_span_stay(sessions: Sessions, cast: Cast) -> None:
    fill(sessions, cast)
    with work(sessions, SYSTEM) as session:
        session.add(MachineState(machine_id=cast.plant_machine, customer_id=cast.plant, last_at=START + 3.9 * HOUR,
                                 latest={"cpu": 4.0, "who_is_in": 2.0}, facts={"bios": "1"}))  # fmt: skip
        told = [(round((START + HOUR).timestamp() * 1000) + 1, {"who_is_in": 2.0})]
        history.add(session, 2, [(cast.plant_machine, cast.plant, told)])
        rollups.roll(session, NOW)
    extent = erase(sessions, cast, START, START + 2 * HOUR)
    assert extent.newest_values
    with work(sessions, SYSTEM) as session:
        state = session.get_one(MachineState, cast.plant_machine)
        assert (state.latest, state.facts) == ({"cpu": 4.0}, {"bios": "1"})
    assert not seen(sessions, cast, START, START + 2 * HOUR)[0].newest_values


def test_letters_that_hold_what_a_machine_sent_go_whoever_brought_it(sessions: Sessions, cast: Cast) -> None:
    payload = b'{"plant-db-1": [{"values": {"who_is_in": 2}}]}'
    mine = {
        "its own, before it was enrolled": ("vigie/plant-db-1/report", "plant-db-1", None, b"{"),
        "by a gateway": ("vigie/gw-1/thingsboard/v1/gateway/telemetry", "gw-1", cast.plant, payload),
        "by its customer's key": (f"door/unknown_machine/reports/plant-db-1/@{cast.plant}", "", None, b"{"),
        "at a door by itself, of another": ("door/not_its_own/reports/mill/plant-db-1", "plant-db-1", cast.plant, b"{"),
        "of a machine of others": ("vigie/plant-db-1/thingsboard/v1/gateway/telemetry", "joinery-files", cast.joinery,
                                   payload),
    }  # fmt: skip
    others = {
        "by a gateway, of others": ("vigie/gw-1/thingsboard/v1/gateway/telemetry", "gw-1", cast.plant, b"{"),
        "by another's key": (f"door/unknown_machine/reports/plant-db-1/@{cast.joinery}", "", None, b"{"),
        "of a name alike": ("vigie/plant-db-12/report", "plant-db-12", cast.plant, b"{"),
        "that merely says its name": ("vigie/joinery-files/report", "joinery-files", cast.joinery, payload),
    }
    with work(sessions, SYSTEM) as session:
        gateway, _ = enrol.enrol(session, cast.plant, "gw-1", START)
        session.add(GatewayMachine(customer_id=cast.plant, gateway_id=gateway.id, machine_id=cast.plant_machine,
                                   created_at=START))  # fmt: skip
        for item, (detail, (topic, name, customer, body)) in enumerate((mine | others).items()):
            session.add(DeadLetter(received_at=START + HOUR, topic=topic, machine=name, customer_id=customer,
                                   reason="set_apart", detail=detail, payload=body, partition=0, position=1,
                                   item=item))  # fmt: skip
    assert erase(sessions, cast, START, START + 2 * HOUR).letters == len(mine)
    with work(sessions, SYSTEM) as session:
        assert set(session.scalars(select(DeadLetter.detail))) == others.keys()


@pytest.mark.parametrize("with_evidence", [False, True])
def test_frozen_points_stay_as_the_record_of_work_unless_they_are_to_go(
    sessions: Sessions, cast: Cast, with_evidence: bool
) -> None:
    fill(sessions, cast)
    at = [round((START + minute * timedelta(minutes=1)).timestamp() * 1000) for minute in (30, 90)]
    with work(sessions, SYSTEM) as session:
        session.add(Finding(
            id=new_id(), customer_id=cast.plant, machine_id=cast.plant_machine, cause="cpu", kind="anomaly", severity=3,
            started_at=START, opened_at=START, summary="", created_at=NOW,
            evidence={"series": [{"name": "cpu", "at_ms": at, "observed": [1.0, 2.0]}]},
        ))  # fmt: skip
    extent = erase(sessions, cast, START, START + HOUR, with_evidence=with_evidence)
    assert extent.findings == 1
    with work(sessions, SYSTEM) as session:
        evidence = session.scalars(select(Finding.evidence)).one()
    assert evidence["series"][0]["at_ms"] == (at[1:] if with_evidence else at)
    assert evidence["series"][0]["observed"] == ([2.0] if with_evidence else [1.0, 2.0])
    assert ("erased" in evidence) is with_evidence


def test_another_machine_of_the_same_hours_is_left_alone(sessions: Sessions, cast: Cast) -> None:
    fill(sessions, cast)
    with work(sessions, SYSTEM) as session:
        reports = [(round(START.timestamp() * 1000), {"cpu": 1.0})]
        history.add(session, 9, [(cast.joinery_machine, cast.joinery, reports)])
        rollups.roll(session, NOW)
    erase(sessions, cast, START - HOUR, START + 10 * HOUR)
    assert left(sessions, cast) == []
    with work(sessions, SYSTEM) as session:
        assert len(history.reports(session, cast.joinery_machine, None, START, START + HOUR)) == 1


def learned(watcher: Watcher) -> tuple[str, int]:
    for seat in watcher.seats.values():
        if (known := seat.watching.machines().get("plant-db-1")) is not None:
            return known.state, known.learned_s
    return "not heard of", 0


def test_a_watcher_forgets_what_was_erased_and_learns_of_what_stays(
    plant: Plant, sessions: Sessions, cast: Cast
) -> None:
    start = plant.now
    past = [
        report(start - minute * timedelta(minutes=1), 300 - minute, cpu=20.0 + minute % 7)
        for minute in range(300, 0, -1)
    ]
    plant.tell("plant-db-1", *past)
    plant.tell("plant-db-1", report(plant.now, 300, cpu=21.0))
    plant.settle()
    state, before = learned(plant.watcher)
    assert state == "watched"
    for seat in plant.watcher.seats.values():
        plant.watcher._keep_snapshot(seat)
    erase(sessions, cast, start - timedelta(hours=6), start - timedelta(hours=2), now=plant.now)
    plant.watcher._beat("watch")
    assert learned(plant.watcher)[1] < before / 2
    # Whoever takes over from a snapshot of before forgets as well.
    plant.watcher._reader.close()
    plant.now += timedelta(minutes=5)
    successor = plant.watch("first")
    plant.settle(successor)
    assert learned(successor)[1] == before
    successor._beat("watch")
    assert learned(successor)[1] < before / 2
