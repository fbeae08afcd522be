"""What may not be done is refused, stands on the security log, and disturbs nobody else; the same of both brokers."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import select

from models.security import SecurityEvent
from models.session import SYSTEM, Sessions, work
from telemetry import broker, broker_files, broker_watch, enrol, mqtt_wire
from telemetry.broker_keeping import sign_in
from telemetry.broker_watch import Watch
from telemetry.floods import CONNECTS_A_MINUTE, REFUSALS_A_MINUTE
from tests.cast import Cast
from tests.rig import BROKERS, Rig, until

pytestmark = pytest.mark.parametrize("rig", BROKERS, indirect=True)

OURS = frozenset({"vigie-bridge", "vigie-check"})


class Bystander:
    """A machine and the bridge, which go on as if nothing were."""

    def __init__(self, rig: Rig, secret: str) -> None:
        own = broker_files.bridge_secret(rig.data / "mqtt" / "bridge.secret")
        self.bridge, self.machine = rig.client("vigie-bridge", own), rig.client("plant-b", secret)
        self.heard: list[bytes] = []
        self.ends: list[object] = []
        self.sent = 0
        ready: list[bool] = []
        self.bridge.on_message = lambda _client, _data, message: self.heard.append(message.payload)
        self.bridge.on_subscribe = lambda *_: ready.append(True)
        self.bridge.subscribe("vigie/#", 1)
        until(lambda: ready, "the bridge listens")
        for client in (self.bridge, self.machine):
            client.on_disconnect = lambda *words: self.ends.append(words)

    def speaks(self) -> None:
        self.sent += 1
        self.machine.publish("vigie/plant-b/report", b"%d" % self.sent, qos=1)

    def was_not_disturbed(self) -> bool:
        until(lambda: len(self.heard) >= self.sent, "everything it said arrives")
        return (self.ends, self.heard) == ([], [b"%d" % (i + 1) for i in range(self.sent)])


@pytest.fixture
def watch(rig: Rig, sessions: Sessions) -> Watch:
    return Watch(sessions, broker_files.files_in(rig.data / "mqtt"), OURS)


def keep(rig: Rig, sessions: Sessions) -> None:
    files = broker_files.files_in(rig.data / "mqtt")
    broker.sync_credentials(sessions, files, "vigie-bridge", rig.data / "mqtt" / "bridge.secret")


def listen_closely(rig: Rig, watch: Watch) -> None:
    """Two calm turns, after which Mosquitto writes down each packet."""
    now = datetime.now(UTC)
    watch.turn(now - timedelta(seconds=2))
    watch.turn(now)
    log = rig.data / "mqtt" / "broker.log"

    def is_close() -> bool:
        sign_in("127.0.0.1", rig.mqtt_port, "vigie-check", "not this")
        return "Sending CONNACK" in log.read_text()

    if rig.broker_kind == "mosquitto":
        until(is_close, "Mosquitto writes down each packet")


def seen(sessions: Sessions) -> list[SecurityEvent]:
    with work(sessions, SYSTEM) as session:
        rows = list(session.scalars(select(SecurityEvent)))
        session.expunge_all()
        return rows


def counted(sessions: Sessions) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in seen(sessions):
        counts[row.kind] += row.count
    return counts


def test_each_attempt_is_refused_and_stands_on_the_log(rig: Rig, cast: Cast, sessions: Sessions, watch: Watch) -> None:
    a, b = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    listen_closely(rig, watch)
    bystander = Bystander(rig, b)
    for name, secret in (("plant-a", "guessed"), ("nobody", a), ("#", a), ("+/+", a), ("plant-b", a)):
        bystander.speaks()
        assert sign_in("127.0.0.1", rig.mqtt_port, name, secret) == mqtt_wire.NOT_AUTHORISED
    stray: list[mqtt.MQTTMessage] = []
    foreign = rig.client("plant-a", a, reconnect_on_failure=False)
    foreign.on_message = lambda _client, _data, message: stray.append(message)
    foreign.subscribe([("vigie/plant-b/receipt", 1), ("#", 1), ("$share/thieves/vigie/#", 1)])
    for topic in ("vigie/plant-b/report", "collectd/plant-b/cpu/cpu"):
        bystander.speaks()
        foreign.publish(topic, b"forged", qos=1).wait_for_publish(10)
    foreign.publish("vigie/plant-a/report", b"x" * (broker_files.LARGEST_PACKET + 1), qos=1)
    until(lambda: not foreign.is_connected(), "who sends too much is cut")
    with work(sessions, SYSTEM) as session:
        machine = enrol.machine_named(session, "plant-a")
        assert machine is not None
        enrol.rotate(session, machine, datetime.now(UTC))
    keep(rig, sessions)

    def stolen() -> bool:
        return sign_in("127.0.0.1", rig.mqtt_port, "plant-a", a) == mqtt_wire.NOT_AUTHORISED

    until(stolen, "the stolen secret opens nothing any more")
    with socket.create_connection(("127.0.0.1", rig.mqtt_port), timeout=10) as line, suppress(ConnectionResetError):
        line.sendall(b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n")
        while line.recv(1000):
            pass
    assert bystander.was_not_disturbed()
    assert stray == []

    def written() -> Counter[str] | None:
        watch.turn(datetime.now(UTC))
        counts = counted(sessions)
        return counts if counts["wrong_credential"] >= 6 and counts["malformed"] else None

    counts = until(written, "it is on the log")
    assert (counts["foreign_topic"], counts["foreign_listening"], counts["oversize"]) == (2, 3, 1)
    rows = seen(sessions)
    assert {row.address for row in rows} <= {"127.0.0.1", ""}
    topics = {row.detail.split(" ")[0]: row for row in rows if row.kind == "foreign_topic"}
    assert set(topics) == {"vigie/plant-b/report", "collectd/plant-b/cpu/cpu"}
    assert {(row.username, row.customer_id) for row in topics.values()} == {("plant-a", cast.plant)}


def test_who_floods_with_a_good_credential_is_kept_out_and_comes_back_later(
    rig: Rig, cast: Cast, sessions: Sessions, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand a minute, shortened: a few hundred at once, which is past the limit of a minute."""
    a, b = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    bystander = Bystander(rig, b)
    monkeypatch.setattr(broker_watch, "HELD_FOR", timedelta(seconds=40))
    for i in range(CONNECTS_A_MINUTE + 20):
        if i % 20 == 0:
            bystander.speaks()
        sign_in("127.0.0.1", rig.mqtt_port, "plant-a", a)

    def held() -> bool:
        watch.turn(datetime.now(UTC))
        keep(rig, sessions)
        return sign_in("127.0.0.1", rig.mqtt_port, "plant-a", a) == mqtt_wire.NOT_AUTHORISED

    until(held, "it is kept out")
    assert bystander.was_not_disturbed()
    flood = next(row for row in seen(sessions) if row.kind == "connect_flood")
    assert (flood.username, flood.done.split(" until")[0]) == ("plant-a", "kept out")
    with work(sessions, SYSTEM) as session:
        machine = enrol.machine_named(session, "plant-a")
        assert machine is not None
        for row in enrol.live(session, machine, datetime.now(UTC)):
            row.held_until = datetime.now(UTC)

    def back() -> bool:
        keep(rig, sessions)
        return sign_in("127.0.0.1", rig.mqtt_port, "plant-a", a) == mqtt_wire.ACCEPTED

    until(back, "it comes back by itself")


def test_a_flood_of_refusals_from_one_address_is_one_line_and_nobody_waits_for_it(
    rig: Rig, cast: Cast, sessions: Sessions, watch: Watch
) -> None:
    secret = rig.enrol(cast, "plant-b")
    rig.broker()
    bystander = Bystander(rig, secret)
    tries = REFUSALS_A_MINUTE + 50
    for i in range(tries):
        if i % 20 == 0:
            bystander.speaks()
        assert sign_in("127.0.0.1", rig.mqtt_port, f"guess-{i}", "x") == mqtt_wire.NOT_AUTHORISED
    assert bystander.was_not_disturbed()

    def written() -> bool:
        watch.turn(datetime.now(UTC))
        return counted(sessions)["wrong_credential"] == tries

    until(written, "each is counted")
    flood = next(row for row in seen(sessions) if row.kind == "connect_flood")
    assert (flood.address, flood.username) == ("127.0.0.1", "")
