"""Faults 9 and 10: the log confirms out of order, or is away."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from sqlalchemy import text

from models.session import SYSTEM, work
from tests.faults.proxy import Proxy
from tests.faults.trial import FULL, Trial
from tests.rig import until

# One partition's confirmations come so much later than the others'.
SLOW_PARTITION = """
import threading
from telemetry.log_kafka import KafkaWriter
quick = KafkaWriter.append
def append(self, partition, body, done):
    late = lambda problem: threading.Timer(0.4, done, [problem]).start()
    quick(self, partition, body, late if partition == 0 else done)
KafkaWriter.append = append
"""
QUICK = (
    ""
    if FULL
    else """
import telemetry.bridge
telemetry.bridge.KEEPALIVE_S = 3
telemetry.bridge._SLOW_LOG_S = 3
"""
)


def test_09_confirmations_out_of_order_are_acknowledged_in_order_of_arrival(trial: Trial, kafka: str) -> None:
    trial.on_kafka(kafka)
    machines = trial.enrol(*(f"plant-{number}" for number in range(8)))  # in every partition
    _, proxy = trial.start_behind_proxy(SLOW_PARTITION)
    for each in trial.connect(machines):
        each.speak(trial.pace(60, 200))
    time.sleep(trial.pace(4, 30))
    trial.settle()
    acks = [packet for packet in proxy.kinds("PUBACK") if packet.inward]
    trial.faults = ["one partition confirms 0.4 s later than the others"]
    trial.counts["acknowledgements on the wire"] = len(acks)
    history = trial.history()
    assert {each.partition for each in history.logged or ()} > {0}
    trial.verdict(history)


@contextmanager
def kafka_suspended(servers: str) -> Iterator[None]:
    """The test run's own Kafka broker, a child of this process, takes a nap."""
    port = int(servers.rpartition(":")[2])
    brokers = [
        child for child in psutil.Process().children()
        if any(line.status == psutil.CONN_LISTEN and line.laddr.port == port for line in child.net_connections("tcp"))
    ]  # fmt: skip
    assert len(brokers) == 1
    brokers[0].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        brokers[0].send_signal(signal.SIGCONT)


@contextmanager
def table_locked(trial: Trial) -> Iterator[None]:
    """The embedded log cannot be written to."""
    with work(trial.rig.sessions, SYSTEM) as session:
        session.execute(text("SET LOCAL lock_timeout = '5s'"))
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        session.execute(text("LOCK TABLE log_records IN ACCESS EXCLUSIVE MODE"))
        yield


@pytest.mark.timeout(600)
@pytest.mark.parametrize("log", ["kafka", "postgres"])
def test_10_while_the_log_is_away_nothing_is_acknowledged_and_memory_is_flat(
    trial: Trial, log: str, request: pytest.FixtureRequest
) -> None:
    if log == "kafka":
        trial.on_kafka(request.getfixturevalue("kafka"))
    machines = trial.enrol("plant-a", "plant-b")
    bridge, proxy = trial.start_behind_proxy(QUICK)
    # What goes away is the log of a plant at work: a watcher that is only starting ends, for the supervisor to restart.
    until(lambda: any("watch.partition_taken" in child.words for child in trial.rig.children), "the watcher sits")
    speakers = trial.connect(machines)
    for each in speakers:
        each.speak(trial.pace(500, 150))
    until(lambda: all(each.acknowledged > 300 for each in speakers), "messages flow")
    process = psutil.Process(bridge.process.pid)
    away_s = trial.pace(10, 180)
    with kafka_suspended(trial.kafka) if log == "kafka" else table_locked(trial):
        time.sleep(1.0)  # what the log had confirmed by then is acknowledged
        began = time.time()
        # The broker hands out so many and waits for the first of them to be acknowledged: no more can be in memory.
        until(lambda: _unacknowledged(proxy) >= 1_900, "the broker's window is full", away_s)
        before = process.memory_info().rss
        time.sleep(max(0.0, away_s - (time.time() - began)))
        after = process.memory_info().rss
        ended = time.time()
    grown = (after - before) / (1 << 20)
    trial.settle(120)
    assert bridge.words.count("bridge.connected") == 1, "the connection to the broker was kept"
    assert proxy.kinds("PINGREQ")
    assert "log_away" in bridge.words or "log.away" in bridge.words
    assert grown < 16
    trial.faults = [f"{log} away {away_s:.0f} s"]
    trial.counts["grown meanwhile, MB"] = round(grown, 1)
    history = trial.history()
    history.away = [(began, ended)]
    trial.verdict(history)


def _unacknowledged(proxy: Proxy) -> int:
    handed_out = sum(not packet.inward for packet in proxy.kinds("PUBLISH"))
    return handed_out - sum(packet.inward for packet in proxy.kinds("PUBACK"))
