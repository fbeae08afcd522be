"""Faults 4 and 5: the broker is killed, or forgets everything. Only the machines can help, and ours do: they keep each
report until its receipt, and send again above it.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.machines import MachineState
from models.session import SYSTEM, work
from telemetry.agent import Address, Agent
from telemetry.agent_queue import Queue
from tests.faults import ledgers
from tests.faults.history import History, Outcome, Receipt, Sent
from tests.faults.proxy import CALM, Proxy, Weather
from tests.faults.trial import Trial
from tests.rig import until


class Counting:
    """Vitals that count, in place of this host's."""

    def __init__(self) -> None:
        self.told = 0

    def read(self) -> dict[str, float]:
        time.sleep(0.002)  # an instant of its own for each: history holds one report an instant
        self.told += 1
        return {ledgers.METRIC: float(self.told)}


@contextmanager
def agent(folder: Path, name: str, secret: str, port: int) -> Iterator[Counting]:
    """Our agent, turning in a thread of its own, with its queue on disk. Its reports are numbered as it counts."""
    ended = threading.Event()
    vitals = Counting()

    def run() -> None:
        queue = Queue(folder / name)  # SQLite wants one thread for its whole life
        speaking = Agent(Address("127.0.0.1", port, name, secret), queue, 0.02, vitals)  # type: ignore[arg-type]
        while not ended.is_set():
            speaking.turn(0.02)
        queue.close()

    thread = threading.Thread(target=run, name=f"agent-{name}")
    thread.start()
    try:
        yield vitals
    finally:
        ended.set()
        thread.join(10)


def puback_seqs(proxy: Proxy) -> set[int]:
    """Numbers the broker has acknowledged to the machine behind this proxy."""
    carried: dict[tuple[int, int], int] = {}
    found: set[int] = set()
    for packet in list(proxy.wire):
        if packet.kind == "PUBLISH" and packet.inward and packet.seq >= 0:
            carried[packet.line, packet.id] = packet.seq
        elif packet.kind == "PUBACK" and not packet.inward and (packet.line, packet.id) in carried:
            found.add(carried[packet.line, packet.id])
    return found


def many(packet: bytes) -> tuple[str, int]:
    """Of a message with several reports the last number: they are acknowledged together."""
    topic, _, rest = packet.partition(b"/report")
    try:
        body = json.loads(rest[rest.index(b"[") if b"[" in rest[:8] else rest.index(b"{") :])
        return topic.rpartition(b"vigie/")[2].decode(), int((body[-1] if isinstance(body, list) else body)["seq"])
    except (ValueError, KeyError, IndexError):
        return "", -1


def broker_again(trial: Trial, *, forgetting: bool) -> None:
    assert trial.broker is not None
    if forgetting:
        trial.broker.process.send_signal(signal.SIGTERM)
        trial.broker.process.wait(20)
        shutil.rmtree(trial.rig.data / "mqtt" / "store")
    else:
        trial.broker.kill()
    trial.broker = trial.rig.broker()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("forgetting", [False, True], ids=["killed", "forgets"])
def test_0405_what_a_broker_loses_its_machines_send_again(trial: Trial, tmp_path: Path, forgetting: bool) -> None:
    (name, (machine_id, secret)) = next(iter(trial.enrol("plant-a").items()))
    bridge, to_bridge = trial.start_behind_proxy()
    to_machine = trial.proxy()
    to_machine.whose = many
    times = int(trial.pace(2, 3)) if not forgetting else 1
    holes = 0
    with agent(tmp_path, name, secret, to_machine.port) as vitals:
        for _ in range(times):
            before = vitals.told
            until(lambda: vitals.told > before + 60, "it reports")  # noqa: B023  called at once
            to_bridge.weather = Weather(silent=True)  # messages pile up in the broker, acknowledged
            time.sleep(trial.pace(0.7, 5))
            to_machine.weather = Weather(refuse=True)
            broker_again(trial, forgetting=forgetting)
            to_bridge.weather = CALM
            to_bridge.cut()
            connects = bridge.words.count("bridge.connected")
            until(lambda: bridge.words.count("bridge.connected") > connects, "the bridge is back", 180)  # noqa: B023
            time.sleep(1.0)  # what the broker still has comes now
            there = {each.seq for each in trial.log()}
            holes += len([seq for seq in puback_seqs(to_machine) if seq not in there])
            to_machine.weather = CALM
        last = vitals.told
        until(lambda: receipt_of(trial, machine_id) >= last, "everything is under a receipt", 180)
    numbers = range(1, vitals.told + 1)
    stored = ledgers.database(trial.rig.sessions, [(name, machine_id)])
    under = receipt_of(trial, machine_id)
    trial.faults = ["broker stopped, its store deleted" if forgetting else f"broker SIGKILL × {times}"]
    trial.counts |= {"acknowledged by the broker and lost by it": holes, "under a receipt": under}
    trial.verdict(
        History(
            sent=[Sent(name, seq, 0.0, Outcome.OK if seq <= last else Outcome.UNKNOWN) for seq in numbers],
            wire=list(to_bridge.wire),
            logged=trial.log(),
            stored=stored,
            counted=ledgers.delivery(trial.rig.sessions, [name]),
            receipts=[Receipt(name, under, frozenset(each.seq for each in stored))],
            log_in_order=False,
        )
    )


def receipt_of(trial: Trial, machine_id: object) -> int:
    with work(trial.rig.sessions, SYSTEM) as session:
        state = session.get(MachineState, machine_id)
        return state.last_seq or 0 if state is not None else 0
