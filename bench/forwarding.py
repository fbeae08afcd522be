"""What a message costs from the bridge's hands into Kafka (P3): ours and confluent-kafka, a process each.

    python -m bench.forwarding ours|confluent SERVERS TOPIC MESSAGES METRICS

Ours: messages framed, put into records by partition, and confirmed one by one, as the bridge does it. Theirs: the same
payloads by librdkafka, one record a message with its key, lz4, the same 50 ms. Both wait until Kafka has confirmed all.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from bench.load import values

MESSAGES: Final = 60_000
_MACHINES: Final = 200
_PARTITIONS: Final = 4
ROOT: Final = Path(__file__).resolve().parent.parent


def compared(servers: str, metrics: int, messages: int = MESSAGES) -> dict[str, float]:
    """CPU microseconds a message of each way; confluent-kafka is left out where it is not installed."""
    found: dict[str, float] = {}
    for way in ("ours", "confluent"):
        argv = [sys.executable, "-m", "bench.forwarding", way, servers, f"bench.{way}", str(messages), str(metrics)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found[way] = float(done.stdout.split()[-1])
        else:
            print(f"       {way} left out: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return found


def _messages(count: int, metrics: int) -> list[tuple[bytes, bytes]]:
    rng = random.Random(1)
    texts = [json.dumps(values(metrics, rng, 4.5)).encode() for _ in range(64)]
    return [
        (
            b"vigie/bench-%03d/report" % (i % _MACHINES),
            b'{"seq": %d, "at": 1790000000000, "metrics": %b}' % (i, texts[i % 64]),
        )
        for i in range(count)
    ]


def ours(servers: str, topic: str, count: int, metrics: int) -> float:
    from telemetry.ackwindow import AckWindow
    from telemetry.bridge_records import Records
    from telemetry.log_kafka import KafkaWriter

    sent = _messages(count, metrics)
    writer, bell, window = KafkaWriter(servers, topic, _PARTITIONS), threading.Event(), AckWindow()
    records = Records(writer, _PARTITIONS, bell.set)
    partition_of = {name: records.partition_of(name) for name, _ in sent}
    began = time.process_time()
    for i, (name, payload) in enumerate(sent):
        place = window.open(i % 65_535 + 1)
        records.add(partition_of[name], name, payload, 1_790_000_000_000, place, retained=False, duplicate=False)
        if i % 500 == 499:
            window.confirm(records.confirmed())
    records.write_all()
    while len(window):
        bell.wait(0.2)
        bell.clear()
        window.confirm(records.confirmed())
    took = time.process_time() - began
    writer.close(10)
    return 1e6 * took / count


def confluent(servers: str, topic: str, count: int, metrics: int) -> float:
    from confluent_kafka import Producer

    from telemetry.log_kafka import ensure_topic

    sent = _messages(count, metrics)
    ensure_topic(servers.split(","), topic, _PARTITIONS)
    confirmed = 0

    def told(problem: Any, _message: Any) -> None:
        nonlocal confirmed
        assert problem is None, problem
        confirmed += 1

    producer = Producer(
        {"bootstrap.servers": servers, "acks": "all", "compression.type": "lz4", "linger.ms": 50,
         "queue.buffering.max.messages": 1_000_000}
    )  # fmt: skip
    began = time.process_time()
    for i, (name, payload) in enumerate(sent):
        producer.produce(topic, payload, key=name, on_delivery=told)
        if i % 500 == 499:
            producer.poll(0)
    producer.flush()
    took = time.process_time() - began
    assert confirmed == count
    return 1e6 * took / count


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", category=DeprecationWarning, module="kafka")
    way = {"ours": ours, "confluent": confluent}[sys.argv[1]]
    print(way(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
