"""Who gets in, who may say what to whom, and what happens when a secret ends: the same of both brokers."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from app.settings import Settings
from models.session import SYSTEM, Sessions, work
from telemetry import broker, broker_files, enrol
from tests.cast import Cast
from tests.rig import BROKERS, Rig, until

pytestmark = pytest.mark.parametrize("rig", BROKERS, indirect=True)


def answer_to(rig: Rig, name: str, secret: str | None) -> str:
    """What the broker says to a CONNECT."""
    said: list[str] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, f"asks-{name}")
    if secret is not None:
        client.username_pw_set(name, secret)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: said.append(str(reason))
    client.connect("127.0.0.1", rig.mqtt_port)
    client.loop_start()
    until(lambda: said, "the broker answers")
    client.disconnect()
    client.loop_stop()
    return said[0]


def ears(rig: Rig, *topics: str) -> list[tuple[str, bytes]]:
    """What the bridge's user hears."""
    heard: list[tuple[str, bytes]] = []
    client = rig.client("vigie-bridge", broker_files.bridge_secret(rig.data / "mqtt" / "bridge.secret"))
    client.on_message = lambda _client, _data, message: heard.append((message.topic, message.payload))
    granted: list[Any] = []
    client.on_subscribe = lambda _client, _data, _mid, codes, _properties: granted.extend(codes)
    client.subscribe([(topic, 1) for topic in topics])
    until(lambda: len(granted) == len(topics), "subscribed")
    return heard


def say(client: mqtt.Client, topic: str, payload: bytes) -> None:
    client.publish(topic, payload, qos=1).wait_for_publish(10)


def test_only_the_right_secret_gets_in(rig: Rig, cast: Cast) -> None:
    secret = rig.enrol(cast, "plant-a")
    other = rig.enrol(cast, "plant-b")
    rig.broker()
    assert answer_to(rig, "plant-a", secret) == "Success"
    for name, wrong in (("plant-a", other), ("plant-a", ""), ("plant-z", secret), ("x", None)):
        assert answer_to(rig, name, wrong) == "Not authorized"


def test_a_machine_speaks_under_its_own_name_only(rig: Rig, cast: Cast) -> None:
    secret = rig.enrol(cast, "plant-a")
    rig.enrol(cast, "plant-b")
    rig.broker()
    heard = ears(rig, "vigie/#", "collectd/+/#")
    machine = rig.client("plant-a", secret)
    for topic in ("vigie/plant-b/report", "vigie/plant-ab/report", "vigie/report", "collectd/plant-b/cpu", "other"):
        say(machine, topic, b"forged")
    say(machine, "collectd/plant-a/cpu", b"own")
    say(machine, "vigie/plant-a/report", b"own")
    until(lambda: len(heard) == 2, "what is its own arrives")
    assert sorted(heard) == [("collectd/plant-a/cpu", b"own"), ("vigie/plant-a/report", b"own")]


def test_a_machine_reads_nothing_of_another(rig: Rig, cast: Cast) -> None:
    secret, other = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    ears(rig, "vigie/#")
    spy = rig.client("plant-a", secret)
    heard: list[str] = []
    spy.on_message = lambda _client, _data, message: heard.append(message.topic)
    spy.subscribe([(topic, 1) for topic in ("#", "vigie/#", "vigie/+/receipt", "vigie/plant-b/report", "$SYS/#")])
    spy.subscribe("vigie/plant-a/receipt", 1)
    machine = rig.client("plant-b", other)
    say(machine, "vigie/plant-b/report", b"secret")
    bridge = rig.clients[0]
    bridge.publish("vigie/plant-b/receipt", b"2", qos=1, retain=True).wait_for_publish(10)
    bridge.publish("vigie/plant-a/receipt", b"1", qos=1, retain=True).wait_for_publish(10)
    until(lambda: heard, "its own receipt arrives")
    assert set(heard) == {"vigie/plant-a/receipt"}


def test_a_revoked_secret_ends_the_open_connection_and_a_new_one_opens(
    rig: Rig, cast: Cast, sessions: Sessions
) -> None:
    secret, bystander_secret = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    settings = Settings(data=rig.data, database_url=rig.environment["VIGIE_DATABASE_URL"], mqtt_port=rig.mqtt_port)
    turn = broker.credentials_loop(settings, sessions)
    bystander = rig.client("plant-b", bystander_secret)
    ends: list[object] = []
    bystander.on_disconnect = lambda *words: ends.append(words)
    machine = rig.client("plant-a", secret, reconnect_on_failure=False)
    with work(sessions, SYSTEM) as session:
        row = enrol.machine_named(session, "plant-a")
        assert row is not None
        fresh = enrol.rotate(session, row, datetime.now(UTC))
    turn(datetime.now(UTC))
    until(lambda: not machine.is_connected(), "the old secret's connection ends")
    assert answer_to(rig, "plant-a", secret) == "Not authorized"
    assert answer_to(rig, "plant-a", fresh) == "Success"
    assert ends == []


def test_a_late_reader_of_the_password_file_signals_nobody_else(rig: Rig, cast: Cast, sessions: Sessions) -> None:
    """The number in the pid file may belong to another process by now."""
    rig.broker().stop()
    files = broker_files.files_in(rig.data / "mqtt")
    files.pid.write_text(str(os.getpid()))
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _frame: heard.append(number))
    try:
        rig.enrol(cast, "plant-a")
        changed = broker.sync_credentials(sessions, files, "vigie-bridge", files.folder / "bridge.secret")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert changed
    assert heard == []
