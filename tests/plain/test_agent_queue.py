"""The agent's queue: numbers are never given twice, reports stay until a receipt, and what is lost is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.agent_queue import Queue


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(tmp_path / "state" / "queue.sqlite", most=5)
    yield made
    made.close()


def fill(queue: Queue, count: int) -> int:
    return sum(queue.put(json.dumps({"at": n}).encode()) for n in range(count))


def numbers(queue: Queue) -> list[int]:
    return [seq for seq, _ in queue.after(0, 100)]


def test_a_report_carries_its_number(queue: Queue) -> None:
    fill(queue, 2)
    assert [json.loads(body) for _, body in queue.after(0, 9)] == [{"seq": 1, "at": 0}, {"seq": 2, "at": 1}]


def test_reports_stay_until_the_receipt_covers_them(queue: Queue) -> None:
    fill(queue, 4)
    assert numbers(queue) == numbers(queue) == [1, 2, 3, 4]
    queue.forget(2)
    assert numbers(queue) == [3, 4]
    queue.forget(2)
    assert numbers(queue) == [3, 4]


def test_numbers_survive_a_restart_even_when_nothing_waits(tmp_path: Path) -> None:
    first = Queue(tmp_path / "q")
    fill(first, 3)
    first.forget(3)
    first.close()
    second = Queue(tmp_path / "q")
    fill(second, 1)
    assert numbers(second) == [4]
    second.close()


def test_a_full_queue_drops_the_oldest_and_counts_them(queue: Queue) -> None:
    assert fill(queue, 8) == 3
    assert numbers(queue) == [4, 5, 6, 7, 8]
    assert queue.dropped == 3


def test_a_receipt_above_all_our_numbers_moves_the_waiting_reports_above_it(queue: Queue) -> None:
    fill(queue, 3)
    queue.forget(2)
    fill(queue, 2)
    queue.forget(500)
    assert numbers(queue) == [503, 504, 505]
    assert [json.loads(body)["at"] for _, body in queue.after(0, 9)] == [2, 0, 1]
    fill(queue, 1)
    assert queue.last == 506


def test_a_failed_write_gives_no_number_away(queue: Queue) -> None:
    with pytest.raises(Exception, match="NOT NULL"):
        queue.put(None)  # type: ignore[arg-type]  # what a bug would do
    fill(queue, 1)
    assert numbers(queue) == [1]
