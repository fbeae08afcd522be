"""`vigie record` against a real broker: what was published is in the recording; an absent broker is said so."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from app.free_port import free_port
from telemetry.recorder import Broker, CannotRecord, record
from telemetry.recording import messages


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed: recording from a real broker is not tried")
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n")
    process = subprocess.Popen([program, "-c", str(config)])
    try:
        _await(port)
        yield Broker("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(10)


def _await(port: int) -> None:
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("mosquitto did not listen")


def test_what_was_published_is_in_the_recording(broker: Broker, tmp_path: Path) -> None:
    sent = [("vigie/a/report", b'{"metrics":{"x":1}}'), ("odd", b"\xff\x00")]
    stop = threading.Event()

    def publish() -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.connect(broker.host, broker.port)
        client.loop_start()
        while not stop.wait(0.1):
            for topic, payload in sent:
                client.publish(topic, payload, qos=1)
        client.disconnect()
        client.loop_stop()

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        count = record(tmp_path / "r.jsonl.gz", broker, ["#"], seconds=20, most=4)
    finally:
        stop.set()
        thread.join()
    heard = list(messages(tmp_path / "r.jsonl.gz"))
    assert count == len(heard) == 4
    assert {(m.topic, m.payload) for m in heard} == set(sent)
    assert all(m.qos == 1 for m in heard)


def test_a_broker_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        nobody = Broker("127.0.0.1", s.getsockname()[1])
        with pytest.raises(CannotRecord, match="no broker"):
            record(tmp_path / "r.jsonl", nobody, ["#"], seconds=1)
