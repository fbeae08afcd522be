"""The lab on a real broker and a real database: history, live, orders, silence, and taking up where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from app import demo
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import LabOrder
from telemetry.lab import orders, story
from telemetry.lab.cohort import LIVE_EVERY_S
from telemetry.lab.faults import Fault, Kind
from telemetry.lab.player import Switchboard
from telemetry.lab.stage import Stage, cohorts
from tests.lab_broker import Listener, broker, listening, until

NOW = datetime(2026, 11, 22, 20, 0, 30, tzinfo=UTC)
DAYS = timedelta(hours=12)
PLAYED = ("vmc-db-1", "vmc-db-2", "tst-web-1")  # the second one opens the story, the others follow


class Clock:
    """A clock the test moves: ten seconds whenever the play has had a turn of life."""

    def __init__(self) -> None:
        self.now = NOW


@contextmanager
def stage(sessions: Sessions, port: int, folder: Path, now: datetime) -> Iterator[Stage]:
    board = Switchboard(dict.fromkeys(PLAYED, "secret"), "127.0.0.1", port)
    made = Stage(sessions, board, cohorts(PLAYED, DAYS), folder / "state.json")
    made.begin(now)
    try:
        yield made
    finally:
        board.drain(5.0)
        made.save()
        board.close()


def turn_until(played: Stage, clock: Clock, claim: Callable[[], bool], step: timedelta = timedelta(seconds=1)) -> None:
    """Turn, a second of the play a turn, until the claim holds."""
    end = monotonic() + 60
    while not claim():
        assert monotonic() < end, "waited in vain"
        played._tick_due = played._others_due = 0.0  # the play's seconds need not take one
        played.turn(clock.now)
        if all(cohort.is_live(clock.now) for cohort in played.troupe):
            clock.now += step


@pytest.fixture
def house(sessions: Sessions) -> Sessions:
    with work(sessions, SYSTEM) as session:
        demo.install(session, NOW, "desk", {})
    return sessions


def gaps_s(listener: Listener, machine: str) -> list[float]:
    at = [report["at"] / 1000 for report in listener.reports(machine)]
    return [b - a for a, b in pairwise(at)]


def test_history_comes_first_in_arrays_then_a_report_every_ten_seconds(
    house: Sessions, free_port: int, tmp_path: Path
) -> None:
    clock = Clock()
    with broker(tmp_path, free_port), listening(free_port) as listener:
        with stage(house, free_port, tmp_path, NOW) as played:
            turn_until(played, clock, lambda: clock.now >= NOW + timedelta(seconds=60))
        for machine in PLAYED:
            reports = listener.reports(machine)
            assert [r["seq"] for r in reports] == list(range(1, len(reports) + 1))
            assert reports[0]["at"] / 1000 == pytest.approx((NOW - DAYS).timestamp(), abs=90)
            assert reports[0]["facts"]["simulated"]
            assert gaps_s(listener, machine).count(LIVE_EVERY_S) >= 4
            assert gaps_s(listener, machine).count(60.0) > 700
        messages = [topic for topic, _ in listener.heard if topic == "vigie/vmc-db-1/report"]
        assert len(messages) < 15


def test_the_opening_breaks_a_fan_as_soon_as_the_first_customers_are_live(
    house: Sessions, free_port: int, tmp_path: Path
) -> None:
    clock = Clock()
    victim = story.OPENING[0]
    with broker(tmp_path, free_port), listening(free_port) as listener:
        with stage(house, free_port, tmp_path, NOW) as played:
            turn_until(played, clock, lambda: clock.now >= NOW + timedelta(seconds=90))
        last = listener.reports(victim)[-1]["metrics"]
        before = listener.reports(victim)[-60]["metrics"]
    assert last["fan_rpm.1"] == 0
    assert last["temp_c.cpu"] > before["temp_c.cpu"] + 10
    with work(house, SYSTEM) as session:
        assert [(r.fault.kind, r.fault.machine) for r in orders.running(session)] == [(Kind.FAN, victim)]


def test_a_silent_machine_leaves_without_farewell_and_comes_back_when_cured(
    house: Sessions, free_port: int, tmp_path: Path
) -> None:
    clock = Clock()
    with broker(tmp_path, free_port), listening(free_port) as listener:
        with stage(house, free_port, tmp_path, NOW) as played:
            turn_until(played, clock, lambda: played.began is not None)
            with work(house, SYSTEM) as session:
                orders.place(session, Fault(Kind.SILENT, "tst-web-1", clock.now), None, clock.now)
            begun = clock.now
            turn_until(played, clock, lambda: clock.now >= begun + timedelta(seconds=60))
            turn_until(played, clock, lambda: listener.statuses("tst-web-1")[-1:] == ["offline"])
            silent_at = listener.reports("tst-web-1")[-1]["at"]
            with work(house, SYSTEM) as session:
                orders.place_cure(session, "tst-web-1", clock.now)
            turn_until(played, clock, lambda: listener.reports("tst-web-1")[-1]["at"] > silent_at)
            turn_until(played, clock, lambda: listener.statuses("tst-web-1")[-1:] == ["online"])
            told = len(listener.reports("tst-web-1"))  # the last words from before may have come late
            turn_until(played, clock, lambda: len(listener.reports("tst-web-1")) > told)
            others = gaps_s(listener, "vmc-db-1")
        back = listener.reports("tst-web-1")
    assert back[-1]["seq"] == back[-2]["seq"] + 1
    assert back[-1]["metrics"]["uptime_s"] < 60
    assert max(others) <= 60


def test_an_order_the_lab_cannot_carry_out_is_answered(house: Sessions, free_port: int, tmp_path: Path) -> None:
    clock = Clock()
    with work(house, SYSTEM) as session:
        session.add(LabOrder(kind="fan", machine="nobody", asked_at=NOW))
        session.add(LabOrder(kind="gremlin", machine="vmc-db-1", asked_at=NOW))
    with broker(tmp_path, free_port), stage(house, free_port, tmp_path, NOW) as played:
        turn_until(played, clock, lambda: played.board.lines["vmc-db-1"].is_connected)
    with work(house, SYSTEM) as session:
        outcomes = [row.outcome for row in session.query(LabOrder).order_by(LabOrder.id)]
    assert outcomes == ["refused: the lab plays no machine of this name", "refused: no such kind of fault"]


def test_a_restarted_lab_fills_the_gap_and_goes_on_counting(house: Sessions, free_port: int, tmp_path: Path) -> None:
    clock = Clock()
    with broker(tmp_path, free_port), listening(free_port) as listener:
        with stage(house, free_port, tmp_path, NOW) as played:
            turn_until(played, clock, lambda: clock.now >= NOW + timedelta(seconds=30))
        told = listener.reports("vmc-db-1")
        _stored(house, told[-1]["at"], told[-1]["seq"])
        clock.now += timedelta(hours=2)
        with stage(house, free_port, tmp_path, clock.now) as played:
            resumed = clock.now
            turn_until(played, clock, lambda: clock.now >= resumed + timedelta(seconds=20))
        reports = listener.reports("vmc-db-1")
    assert [r["seq"] for r in reports] == list(range(1, len(reports) + 1))
    assert max(gaps_s(listener, "vmc-db-1")[len(told) :]) <= 90
    assert len(reports) - len(told) >= 119


def test_machines_the_product_knows_nothing_of_tell_their_history_again_under_new_numbers(
    house: Sessions, free_port: int, tmp_path: Path
) -> None:
    clock = Clock()
    with broker(tmp_path, free_port), listening(free_port) as listener:
        for _ in range(2):
            with stage(house, free_port, tmp_path, clock.now) as played:
                turn_until(played, clock, lambda: played.began is not None)
        until(lambda: len(listener.reports("vmc-db-2")) > 1300)
        numbers = [r["seq"] for r in listener.reports("vmc-db-2")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_reports_made_while_the_broker_is_away_arrive_when_it_is_back(
    house: Sessions, free_port: int, tmp_path: Path
) -> None:
    clock = Clock()
    with broker(tmp_path, free_port), stage(house, free_port, tmp_path, NOW) as played:
        turn_until(played, clock, lambda: clock.now >= NOW + timedelta(seconds=20))
        gone = clock.now
        _stop_and_go_on(played, clock, gone, free_port, tmp_path)


def _stop_and_go_on(played: Stage, clock: Clock, gone: datetime, port: int, folder: Path) -> None:
    for line in played.board.lines.values():
        line.cut()  # the line breaks; the machine itself goes on
        line.muted = False
        line._due = monotonic() + 0.3
    with listening(port) as listener:
        turn_until(played, clock, lambda: clock.now >= gone + timedelta(seconds=60))
        turn_until(played, clock, lambda: all(line.is_drained for line in played.board.lines.values()))
        numbers = [r["seq"] for r in listener.reports("vmc-db-1")]
    assert len(numbers) >= 5
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _stored(sessions: Sessions, at_ms: int, seq: int) -> None:
    """What the watcher would have written."""
    with work(sessions, SYSTEM) as session:
        for name in PLAYED:
            machine = session.query(Machine).filter_by(name=name).one()
            session.add(
                MachineState(
                    machine_id=machine.id,
                    customer_id=machine.customer_id,
                    last_at=datetime.fromtimestamp(at_ms / 1000, UTC) - timedelta(seconds=15),
                    last_seq=seq - 1,
                )
            )
