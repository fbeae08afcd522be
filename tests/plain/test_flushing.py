"""What a watcher stores together and when, and how long it rests between two turns."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from telemetry import flushing
from telemetry.admission import Fate
from telemetry.deliveries import Deliveries, _Line
from telemetry.directory import Known
from telemetry.seat import Seat
from telemetry.verdict import Verdict

SINCE = {0: 10.0, 1: 12.0, 2: 14.0}


def seats(*, telling: frozenset[int] = frozenset(), full: frozenset[int] = frozenset()) -> list[Seat]:
    """Four seats; the last has nothing pending."""
    out = [Seat(partition, 0, 0) for partition in range(4)]
    whose = Known(uuid.UUID(int=1), uuid.UUID(int=2), "m", "detect", "", datetime(2026, 1, 1, tzinfo=UTC))
    verdict = Verdict("m", "fan:1", "rule", 2, 1.0, 0, 0, (), "", "", {}, True)
    for partition in telling:
        out[partition].pending.verdicts.append((whose, verdict))
    for partition in full:
        out[partition].pending.count = flushing.REPORTS_AT_ONCE
    return out


def due(some: list[Seat], now_s: float, *, gathers: bool = False) -> set[int]:
    return {seat.partition for seat in flushing.due(some, SINCE, now_s, 5.0, gathers)}


@pytest.mark.parametrize(
    ("now_s", "stored"),
    [
        pytest.param(14.5, set(), id="nobody has waited for long enough"),
        pytest.param(15.0, {0, 1}, id="whoever has waited half as long comes along"),
        pytest.param(16.5, {0, 1, 2}, id="all that have something"),
    ],
)
def test_those_who_wait_share_a_transaction(now_s: float, stored: set[int]) -> None:
    assert due(seats(), now_s) == stored


def test_what_begins_is_stored_at_once_and_brings_nobody_along() -> None:
    assert due(seats(telling=frozenset({2})), 14.5) == {2}


def test_what_begins_while_it_gathers_waits_and_what_has_waited_does_not() -> None:
    assert due(seats(telling=frozenset({2})), 14.5, gathers=True) == set()
    assert due(seats(telling=frozenset({2})), 15.0, gathers=True) == {0, 1}


def test_a_seat_that_holds_as_much_as_may_be_is_stored() -> None:
    assert due(seats(full=frozenset({1})), 14.1, gathers=True) == {1}


@pytest.mark.parametrize(("short_of", "stored"), [(0, 3), (1, 0)])
def test_seats_that_together_hold_as_much_as_a_transaction_may_are_stored(
    short_of: int, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flushing, "TOGETHER", 3 * 5_000)
    some = seats()
    for seat in some[:3]:
        seat.pending.count = 5_000
    some[1].pending.count -= short_of
    assert len(due(some, 14.1, gathers=True)) == stored


@pytest.mark.parametrize(
    ("heard", "over_s", "rests_s"),
    [(3, 0.03, 0.03), (30, 0.03, 0.03), (60, 0.03, 0.06), (1_000, 0.03, 0.1), (360, 0.1, 0.1), (1, 0.0, 0.03)],
)
def test_a_breath_is_longer_where_more_is_heard_and_never_a_tenth_of_a_second(
    heard: int, over_s: float, rests_s: float
) -> None:
    assert flushing.breath(heard, over_s) == pytest.approx(rests_s)


@pytest.mark.parametrize(
    ("records", "messages", "most", "following"),
    [(16, 8_000, 16, 16), (16, 16, 16, 32), (64, 64, 64, 128), (1_000, 1_000, 1_000, 1_000), (4, 0, 16, 32)],
)
def test_records_that_hold_little_are_taken_by_more(records: int, messages: int, most: int, following: int) -> None:
    assert flushing.fitting(records, messages, most) == following


def test_the_ledger_of_several_is_their_sum_and_leaves_them_as_they_are() -> None:
    one, other = Deliveries(), Deliveries()
    for each, machine, fate in (
        (one, "a", Fate.SCORED), (one, "", Fate.REFUSED), (other, "", Fate.REFUSED), (other, "b", Fate.LATE),
    ):  # fmt: skip
        each.count(machine, None, 0, fate, "unknown_machine" if fate is Fate.REFUSED else "")
    for _ in range(2):  # a transaction that is tried again counts the same
        together = Deliveries.together([one, other])
        assert {key: line.scored + line.fates.total() for key, line in together._lines.items()} == {
            ("a", 0): 1, ("", 0): 2, ("b", 0): 1,
        }  # fmt: skip
        assert together._lines["", 0].reasons == {"unknown_machine": 2}
    assert one._lines["", 0] == _Line(fates=one._lines["", 0].fates, reasons=one._lines["", 0].reasons)
    assert one._lines["", 0].fates.total() == 1
