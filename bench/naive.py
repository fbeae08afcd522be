"""The pipeline one would write first, as a yardstick: `python -m bench.naive bridge|watch …`.

Stock paho that acknowledges by itself, one Kafka record a message with default settings, `json`, and a moving average a
metric in Python. It keeps no history, no state, no ledger, and loses what it had acknowledged when it is killed.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import paho.mqtt.client as mqtt
from kafka import KafkaConsumer, KafkaProducer
from paho.mqtt.enums import CallbackAPIVersion


def bridge(port: int, user: str, secret: str, kafka: str, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "naive-bridge", clean_session=False)
    client.username_pw_set(user, secret)

    def arrived(_client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        producer.send(topic, message.payload, key=message.topic.encode())

    def connected(client: mqtt.Client, *_: Any) -> None:
        client.subscribe("vigie/+/report", 1)
        print("ready", flush=True)

    client.on_message = arrived
    client.on_connect = connected
    client.connect("127.0.0.1", port)
    client.loop_forever()


def watch(kafka: str, topic: str) -> None:
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka, group_id="naive", auto_offset_reset="earliest")
    averages: dict[tuple[bytes, str], tuple[float, float]] = {}
    count, told_at = 0, 0.0
    while True:
        for messages in consumer.poll(timeout_ms=200).values():
            for message in messages:
                report = json.loads(message.value)
                for metric, value in report["metrics"].items():
                    mean, spread = averages.get((message.key, metric), (value, 0.0))
                    off = value - mean
                    averages[message.key, metric] = (mean + 0.01 * off, 0.99 * spread + 0.01 * off * off)
                count += 1
        if time.monotonic() - told_at > 0.2:
            told_at = time.monotonic()
            print(count, flush=True)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    if sys.argv[1] == "bridge":
        bridge(int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]).read_text(encoding="utf-8"), *sys.argv[5:7])
    else:
        watch(*sys.argv[2:4])
