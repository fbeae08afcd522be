"""From a machine's PUBLISH to the log and back to its PUBACK."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from models.machines import MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import LogRecord, ProcessBeat
from telemetry import enrol
from telemetry.bridge_reading import READINGS
from telemetry.envelope import Envelope, unpacked
from tests.cast import Cast
from tests.rig import BROKERS, Rig, until


@pytest.fixture(params=sorted(READINGS), autouse=True)
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here holds both ways to read the network to the same words."""
    monkeypatch.setenv("VIGIE_MQTT_READING", request.param)


def logged(sessions: Sessions) -> list[tuple[int, Envelope]]:
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(LogRecord).order_by(LogRecord.partition, LogRecord.position)).all()
        return [(row.partition, envelope) for row in rows for envelope in unpacked(row.body)]


@pytest.mark.parametrize("rig", BROKERS, indirect=True)
def test_every_message_is_in_the_log_in_its_machines_order(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    secrets = {name: rig.enrol(cast, name) for name in ("plant-a", "plant-b")}
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    for name, secret in secrets.items():
        client = rig.client(name, secret)
        for i in range(300):
            sent = client.publish(f"vigie/{name}/report", b"%d" % i, qos=1)
        sent.wait_for_publish(20)
    until(lambda: len(logged(sessions)) >= 600, "600 messages in the log")
    for name in secrets:
        topic = f"vigie/{name}/report".encode()
        mine = [(partition, envelope.payload) for partition, envelope in logged(sessions) if envelope.topic == topic]
        assert [payload for _, payload in mine] == [b"%d" % i for i in range(300)]
        assert {partition for partition, _ in mine} == {zlib.crc32(name.encode()) % 4}
    assert bridge.stop() == 0


def test_what_no_format_could_read_is_logged_all_the_same(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    client_secret = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    client = rig.client("plant-a", client_secret)
    payloads = [b"", b"\xff\xfe", b"{", b"x" * 200_000, b"\0", b"[" * 10_000]
    for payload in payloads:
        sent = client.publish("vigie/plant-a/nonsense/deeper", payload, qos=1)
    sent.wait_for_publish(20)
    until(lambda: len(logged(sessions)) >= len(payloads), "all of it is in the log")
    assert [envelope.payload for _, envelope in logged(sessions)] == payloads
    assert bridge.alive


def test_a_stored_report_is_receipted_to_its_machine_even_when_it_asks_later(
    rig: Rig, sessions: Sessions, cast: Cast
) -> None:
    secret, own = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    with work(sessions, SYSTEM) as session:
        machine = enrol.machine_named(session, "plant-b")
        assert machine is not None
        session.add(
            MachineState(
                machine_id=machine.id,
                customer_id=cast.plant,
                last_seq=2**40,
                last_received_at=datetime.now(UTC),
            )
        )
    heard: list[tuple[str, bytes]] = []
    reader = rig.client("plant-b", own)
    reader.on_message = lambda _client, _data, message: heard.append((message.topic, message.payload))
    reader.subscribe("vigie/plant-b/receipt", 1)
    until(lambda: heard, "the receipt comes")
    assert heard[0] == ("vigie/plant-b/receipt", b'{"seq": 1099511627776}')
    late: list[bytes] = []
    other = rig.client("plant-a", secret)
    other.on_message = lambda _client, _data, message: late.append(message.payload)
    other.subscribe("vigie/plant-b/receipt", 1)
    again = rig.client("plant-b", own, client_id="again")
    again.on_message = lambda _client, _data, message: heard.append((message.topic, message.payload))
    again.subscribe("vigie/plant-b/receipt", 1)
    until(lambda: len(heard) > 1, "a newcomer finds it retained")
    assert late == [], "a receipt is read by its machine only"


def test_what_the_broker_retains_of_a_machine_goes_with_it(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    """Else its namesake would take the old receipt for its own, and throw away what it has yet to send."""
    own = rig.enrol(cast, "plant-b")
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    machine_client = rig.client("plant-b", own)
    machine_client.publish("vigie/plant-b/status", b"online", 1, retain=True).wait_for_publish(10)
    with work(sessions, SYSTEM) as session:
        machine = enrol.machine_named(session, "plant-b")
        assert machine is not None
        state = MachineState(
            machine_id=machine.id, customer_id=cast.plant, last_seq=9, last_received_at=datetime.now(UTC)
        )
        session.add(state)
    heard: dict[str, bytes] = {}
    machine_client.on_message = lambda _client, _data, message: heard.update({message.topic: message.payload})
    machine_client.subscribe("vigie/plant-b/receipt", 1)
    until(lambda: heard.get("vigie/plant-b/receipt") == b'{"seq": 9}', "the receipt comes")
    with work(sessions, SYSTEM) as session:
        machine = enrol.machine_named(session, "plant-b")
        assert machine is not None
        machine.retired_at = datetime.now(UTC)
    until(lambda: heard.get("vigie/plant-b/receipt") == b"", "the receipt is taken back", 40)
    assert bridge.alive


def test_the_bridge_tells_how_it_fares(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    rig.broker()
    bridge = rig.bridge()

    def beat() -> ProcessBeat | None:
        with work(sessions, SYSTEM) as session:
            return session.get(ProcessBeat, "bridge")

    row = until(beat, "the bridge beats")
    assert row.pid == bridge.process.pid
    assert row.facts["unacknowledged"] == 0
