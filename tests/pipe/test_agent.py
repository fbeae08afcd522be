"""The agent on a real broker: its will, its receipts, and nothing lost while the broker or the desk is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from telemetry import agent_vitals
from telemetry.agent import Address, Agent
from telemetry.agent_queue import Queue
from tests.lab_broker import broker, listening, until

ME = "this-host-test"


@contextmanager
def running(folder: Path, port: int, every_s: float = 0.05) -> Iterator[Agent]:
    queue = Queue(folder / "queue.sqlite")
    made = Agent(Address("127.0.0.1", port, ME, "secret"), queue, every_s, agent_vitals.Vitals())
    try:
        yield made
    finally:
        made.run(lambda: True)
        queue.close()


def turn_until(agent: Agent, claim: Callable[[], bool]) -> None:
    end = monotonic() + 30
    while not claim():
        assert monotonic() < end, "waited in vain"
        agent.turn(0.05)


def test_it_reports_this_host_and_tells_its_facts_once(tmp_path: Path, free_port: int) -> None:
    with broker(tmp_path, free_port), listening(free_port) as listener:
        with running(tmp_path, free_port) as agent:
            turn_until(agent, lambda: len(listener.reports(ME)) >= 4)
        reports = listener.reports(ME)
    assert [r["seq"] for r in reports[:4]] == [1, 2, 3, 4]
    assert {"cpu_util", "load_1", "mem_used_pct", "disk_used_pct./", "disk_free_gb./", "procs"} <= set(
        reports[3]["metrics"]
    )
    assert set(reports[0]["facts"]) >= {"os", "kernel", "cpu", "mounts"}
    assert "facts" not in reports[1]


def test_it_says_online_and_offline(tmp_path: Path, free_port: int) -> None:
    with broker(tmp_path, free_port), listening(free_port) as listener:
        with running(tmp_path, free_port) as agent:
            turn_until(agent, lambda: listener.statuses(ME) == ["online"])
        until(lambda: listener.statuses(ME) == ["online", "offline"])


def test_its_will_speaks_when_it_is_cut_off(tmp_path: Path, free_port: int) -> None:
    with broker(tmp_path, free_port), listening(free_port) as listener, running(tmp_path, free_port) as agent:
        turn_until(agent, lambda: agent.is_connected)
        assert agent._client is not None
        agent._client.socket().close()  # type: ignore[union-attr]  # as when the process is killed
        until(lambda: "offline" in listener.statuses(ME))


def test_a_receipt_empties_the_queue(tmp_path: Path, free_port: int) -> None:
    with broker(tmp_path, free_port), listening(free_port) as listener, running(tmp_path, free_port) as agent:
        turn_until(agent, lambda: len(listener.reports(ME)) >= 3)
        listener.receipt(ME, 2)
        turn_until(agent, lambda: agent.queue.after(0, 1)[0][0] == 3)


def test_everything_above_the_receipt_is_sent_again_on_the_next_start(tmp_path: Path, free_port: int) -> None:
    with broker(tmp_path, free_port), listening(free_port) as listener:
        with running(tmp_path, free_port) as agent:
            turn_until(agent, lambda: len(listener.reports(ME)) >= 5)
            last = agent.queue.last
        listener.receipt(ME, 3)
        listener.heard.clear()
        with running(tmp_path, free_port, every_s=60) as agent:
            turn_until(agent, lambda: len(listener.reports(ME)) >= last - 3 + 1)
        numbers = {r["seq"] for r in listener.reports(ME)}
    assert numbers >= set(range(4, last + 2))


def test_nothing_is_lost_while_the_broker_is_away(tmp_path: Path, free_port: int) -> None:
    with running(tmp_path, free_port) as agent:
        turn_until(agent, lambda: agent.queue.length >= 10)
        agent._connect_due = 0.0
        with broker(tmp_path, free_port), listening(free_port) as listener:
            agent._connect_due = 0.0
            turn_until(agent, lambda: len(listener.reports(ME)) >= 12)
            numbers = [r["seq"] for r in listener.reports(ME)]
    assert numbers[:12] == list(range(1, 13))


def test_what_the_broker_acknowledged_and_lost_is_sent_again(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.agent.RESEND_AFTER_S", 0.3)
    with broker(tmp_path, free_port), listening(free_port) as listener, running(tmp_path, free_port) as agent:
        agent._resend_s = 0.3
        turn_until(agent, lambda: [r["seq"] for r in listener.reports(ME)].count(1) >= 2)


def test_a_lost_state_folder_does_not_use_numbers_twice(tmp_path: Path, free_port: int) -> None:
    with broker(tmp_path, free_port), listening(free_port) as listener:
        listener.receipt(ME, 900)
        with running(tmp_path, free_port) as agent:
            turn_until(agent, lambda: any(r["seq"] > 900 for r in listener.reports(ME)))
        first = min(r["seq"] for r in listener.reports(ME) if r["seq"] > 900)
    assert first == 901


def test_an_odd_receipt_changes_nothing(tmp_path: Path, free_port: int) -> None:
    with broker(tmp_path, free_port), listening(free_port) as listener, running(tmp_path, free_port) as agent:
        turn_until(agent, lambda: len(listener.reports(ME)) >= 2)
        for payload in ("", "[]", '{"seq": "x"}', '{"seq": null}', "\xff"):
            listener.client.publish(f"vigie/{ME}/receipt", payload, qos=1).wait_for_publish(10)
        count = agent.queue.last
        turn_until(agent, lambda: agent.queue.last > count + 2)
        assert agent.queue.after(0, 1)[0][0] == 1
        assert agent.is_connected
