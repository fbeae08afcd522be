"""Every machine is who it says: TLS, certificates, one place a name, overlaps, and cuts; the same of both brokers."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from app.free_port import free_port
from app.settings import Settings
from models.machines import MachineCredential
from models.session import SYSTEM, Sessions, work
from models.telemetry import ProcessBeat
from telemetry import broker, broker_files, broker_keeping, enrol, pki
from tests.cast import Cast
from tests.rig import BROKERS, Rig, until

pytestmark = pytest.mark.parametrize("rig", BROKERS, indirect=True)

BRIDGE = "vigie-bridge"


@dataclass
class Safe:
    """A plant whose broker speaks TLS, and the authority that signs for it."""

    rig: Rig
    cast: Cast
    sessions: Sessions
    authority: pki.Authority

    @property
    def folder(self) -> Path:
        return self.rig.data

    @property
    def settings(self) -> Settings:
        given = {name[6:].lower(): value for name, value in self.rig.environment.items() if name.startswith("VIGIE_")}
        return Settings(**given)  # type: ignore[arg-type]  # pydantic reads the texts

    def certify(self, machine: str) -> tuple[str, Path, Path]:
        """A certificate for a machine of ours: serial and files."""
        made = pki.issue_machine(self.authority, machine, datetime.now(UTC))
        with work(self.sessions, SYSTEM) as session:
            row = enrol.machine_named(session, machine)
            assert row is not None
            enrol.certified(session, row, made.serial, made.not_after, datetime.now(UTC))
        return made.serial, *self.write(made.serial, made)

    def write(self, name: str, made: pki.Issued) -> tuple[Path, Path]:
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_text(made.certificate)
        key.write_text(made.key)
        return certificate, key

    def keep(self) -> None:
        """What the duty desk does every two seconds."""
        broker.credentials_loop(self.settings, self.sessions)(datetime.now(UTC))

    def in_time(self, claim: Callable[[], bool], what: str) -> None:
        """Until it is so, with the duty desk at its work."""

        def turn() -> bool:
            self.keep()
            return claim()

        until(turn, what)

    def doing(self, deed: Callable[..., Any]) -> Any:
        with work(self.sessions, SYSTEM) as session:
            machine = enrol.machine_named(session, "plant-a")
            assert machine is not None
            answer = deed(session, machine, datetime.now(UTC))
        self.keep()
        return answer

    def client(self, door: int, name: str = "", secret: str = "", files: tuple[Path, Path] | None = None,
               **more: Any) -> mqtt.Client:  # fmt: skip
        """A client over TLS that does not come back by itself, not yet connected."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, more.pop("client_id", ""), reconnect_on_failure=False, **more)
        if name:
            client.username_pw_set(name, secret)
        if door != self.rig.mqtt_port:
            client.tls_set(str(pki.ca_file(self.authority.folder)), *([str(one) for one in files] if files else []))
        self.rig.clients.append(client)
        return client

    def answer(self, door: int, **who: Any) -> str:
        """What comes of knocking at a door."""
        said: list[str] = []
        client = self.client(door, **who)
        client.on_connect = lambda _client, _data, _flags, reason, _more: said.append(str(reason))
        client.on_disconnect = lambda _client, _data, _flags, reason, _more: said.append(f"cut: {reason}")
        try:
            client.connect("127.0.0.1", door)
        except OSError as problem:
            return f"no line: {problem}"
        client.loop_start()
        until(lambda: said, "an answer")
        first = said[0]
        client.disconnect()
        client.loop_stop()
        return first

    def connected(self, door: int, **who: Any) -> mqtt.Client:
        client = self.client(door, **who)
        client.connect("127.0.0.1", door)
        client.loop_start()
        until(client.is_connected, f"{who} is connected")
        return client

    @property
    def by_secret(self) -> int:
        return int(self.rig.extra["VIGIE_MQTT_TLS_PORT"])

    @property
    def by_certificate(self) -> int:
        return int(self.rig.extra["VIGIE_MQTT_CERT_PORT"])

    def ears(self, topic: str) -> list[tuple[str, bytes]]:
        """What the bridge's user hears, what waited for it included."""
        heard: list[tuple[str, bytes]] = []
        ready: list[bool] = []
        secret = broker_files.bridge_secret(self.folder / "mqtt" / "bridge.secret")
        client = self.client(self.rig.mqtt_port, BRIDGE, secret, client_id="bridge", clean_session=False)
        client.on_message = lambda _client, _data, message: heard.append((message.topic, message.payload))
        client.on_subscribe = lambda *_: ready.append(True)
        client.on_connect = lambda *_: client.subscribe(topic, 1)
        client.connect("127.0.0.1", self.rig.mqtt_port)
        client.loop_start()
        until(lambda: ready, "listening")
        return heard


@pytest.fixture
def safe(rig: Rig, cast: Cast, sessions: Sessions) -> Safe:
    now = datetime.now(UTC)
    authority = pki.init(rig.data / "pki", "the plant's authority", now)
    made = pki.issue_server(authority, ["localhost", "127.0.0.1"], now)
    for path, content in zip(pki.server_files(authority.folder), (made.certificate, made.key), strict=True):
        path.write_text(content)
    rig.extra |= {
        "VIGIE_MQTT_TLS_HOST": "127.0.0.1",
        "VIGIE_MQTT_TLS_PORT": str(free_port()), "VIGIE_MQTT_CERT_PORT": str(free_port()),
    }  # fmt: skip
    return Safe(rig, cast, sessions, authority)


def test_the_line_is_tls_1_3_and_the_secret_counts_on_it(safe: Safe) -> None:
    secret = safe.rig.enrol(safe.cast, "plant-a")
    safe.rig.broker()
    assert safe.answer(safe.by_secret, name="plant-a", secret=secret) == "Success"
    assert "authori" in safe.answer(safe.by_secret, name="plant-a", secret="guessed")
    context = ssl.create_default_context(cafile=str(pki.ca_file(safe.authority.folder)))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", safe.by_secret), timeout=10) as line, pytest.raises(ssl.SSLError):
        context.wrap_socket(line, server_hostname="127.0.0.1")


def test_a_certificate_speaks_for_its_machine_and_ends_on_the_open_connection(safe: Safe) -> None:
    for name in ("plant-a", "plant-b"):
        safe.rig.enrol(safe.cast, name)
    serial, *files = safe.certify("plant-a")
    _, *others = safe.certify("plant-b")
    foreign = pki.init(safe.folder / "foreign", "somebody else", datetime.now(UTC))
    forged = safe.write("forged", pki.issue_machine(foreign, "plant-a", datetime.now(UTC)))
    safe.rig.broker()
    heard = safe.ears("vigie/#")
    machine = safe.connected(safe.by_certificate, files=files)
    neighbour = safe.connected(safe.by_certificate, files=others)
    for topic in ("vigie/plant-b/report", "vigie/plant-a/report"):
        machine.publish(topic, b"1", qos=1).wait_for_publish(10)
    until(lambda: heard, "what is its own arrives")
    assert heard == [("vigie/plant-a/report", b"1")]
    assert safe.answer(safe.by_certificate, files=forged) != "Success"
    assert safe.answer(safe.by_certificate, name="plant-a", secret="x") != "Success"

    def take_back(session: Any, machine: Any, now: datetime) -> None:
        row = session.query(MachineCredential).filter_by(serial=serial).one()
        assert enrol.revoke_one(session, row, now)

    safe.doing(take_back)
    safe.in_time(lambda: not machine.is_connected(), "the open connection is cut")
    assert safe.answer(safe.by_certificate, files=files) != "Success"
    assert neighbour.is_connected()
    _, *fresh = safe.certify("plant-a")
    safe.keep()
    until(lambda: safe.answer(safe.by_certificate, files=fresh) == "Success", "another certificate comes in")


def test_a_signal_that_the_broker_loses_is_sent_again(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = safe.rig.enrol(safe.cast, "plant-a")
    safe.rig.broker()
    machine = safe.connected(safe.rig.mqtt_port, name="plant-a", secret=secret)
    with monkeypatch.context() as lost:
        lost.setattr(psutil.Process, "send_signal", lambda *_: None)
        safe.doing(lambda session, machine, now: enrol.revoke(session, machine, now))
    safe.in_time(lambda: not machine.is_connected(), "the broker is told again")
    files = broker_files.files_in(safe.folder / "mqtt")
    if files.pid.exists():  # Mosquitto's; the embedded one is told nothing
        safe.in_time(lambda: not files.unheard.exists(), "and is known to have heard")


def test_who_dies_before_the_broker_is_told_leaves_it_to_the_next_turn(
    safe: Safe, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = safe.rig.enrol(safe.cast, "plant-a")
    safe.rig.broker()
    machine = safe.connected(safe.rig.mqtt_port, name="plant-a", secret=secret)

    def dies(*_: object) -> bool:
        raise SystemExit("killed here")

    with monkeypatch.context() as deadly:
        deadly.setattr(broker_keeping, "_tell", dies)
        with pytest.raises(SystemExit):
            safe.doing(lambda session, machine, now: enrol.revoke(session, machine, now))
    safe.in_time(lambda: not machine.is_connected(), "the next turn tells the broker")


def test_nobody_takes_the_place_of_another_by_its_client_id(safe: Safe) -> None:
    a, b = safe.rig.enrol(safe.cast, "plant-a"), safe.rig.enrol(safe.cast, "plant-b")
    safe.rig.broker()
    safe.ears("vigie/#")
    bridge = safe.rig.clients[0]
    neighbour = safe.connected(safe.rig.mqtt_port, name="plant-b", secret=b, client_id="plant-b")
    ends: list[object] = []
    for client in (bridge, neighbour):
        client.on_disconnect = lambda *words: ends.append(words)
    for wanted in (BRIDGE, "plant-b", "bridge", "#", "+/+"):
        thief = safe.connected(safe.rig.mqtt_port, name="plant-a", secret=a, client_id=wanted, clean_session=False)
        thief.disconnect()
        thief.loop_stop()
    neighbour.publish("vigie/plant-b/report", b"1", qos=1).wait_for_publish(10)
    assert ends == []


def test_what_waits_for_the_bridge_cannot_be_had_by_giving_its_client_id(safe: Safe) -> None:
    a, b = safe.rig.enrol(safe.cast, "plant-a"), safe.rig.enrol(safe.cast, "plant-b")
    safe.rig.broker()
    safe.ears("vigie/#")
    safe.rig.clients[0].disconnect()
    safe.rig.clients[0].loop_stop()
    speaker = safe.connected(safe.rig.mqtt_port, name="plant-b", secret=b)
    speaker.publish("vigie/plant-b/report", b"secret", qos=1).wait_for_publish(10)
    stolen: list[object] = []
    for clean in (False, True):
        thief = safe.client(safe.rig.mqtt_port, "plant-a", a, client_id=BRIDGE, clean_session=clean)
        thief.on_message = lambda *words: stolen.append(words)
        thief.connect("127.0.0.1", safe.rig.mqtt_port)
        thief.loop_start()
        until(thief.is_connected, "the thief is in")
        thief.disconnect()
        thief.loop_stop()
    heard = safe.ears("vigie/#")
    until(lambda: heard, "it waited for the bridge")
    assert (stolen, heard) == ([], [("vigie/plant-b/report", b"secret")])


def test_an_overlap_lets_both_secrets_in_until_the_old_one_ends(safe: Safe) -> None:
    old = safe.rig.enrol(safe.cast, "plant-a")
    safe.rig.broker()
    heard = safe.ears("vigie/#")
    before = safe.connected(safe.rig.mqtt_port, name="plant-a", secret=old)
    login = safe.doing(lambda session, machine, now: enrol.overlap(session, machine, now, timedelta(seconds=3600)))
    assert login.username == "plant-a@b"
    after = until(lambda: _in(safe, login.username, login.secret), "the new secret comes in")
    assert before.is_connected()
    after.publish("vigie/plant-a/report", b"new", qos=1).wait_for_publish(10)
    before.publish("vigie/plant-a/report", b"old", qos=1).wait_for_publish(10)
    until(lambda: len(heard) == 2, "both speak for the machine")
    with work(safe.sessions, SYSTEM) as session:
        session.query(MachineCredential).filter_by(label="").update({"ends_at": datetime.now(UTC)})
    safe.keep()
    until(lambda: not before.is_connected(), "the old one ends by itself")
    assert after.is_connected()
    assert "authori" in safe.answer(safe.rig.mqtt_port, name="plant-a", secret=old)


def _in(safe: Safe, name: str, secret: str) -> mqtt.Client | None:
    client = safe.client(safe.rig.mqtt_port, name, secret)
    said: list[str] = []
    client.on_connect = lambda _client, _data, _flags, reason, _more: said.append(str(reason))
    client.connect("127.0.0.1", safe.rig.mqtt_port)
    client.loop_start()
    until(lambda: said, "an answer")
    return client if said == ["Success"] else None


def test_the_bridge_carries_over_tls_whichever_way_it_reads(safe: Safe) -> None:
    secret = safe.rig.enrol(safe.cast, "plant-a")
    safe.rig.extra["VIGIE_MQTT_CA"] = str(pki.ca_file(safe.authority.folder))
    safe.rig.broker()
    machine = safe.connected(safe.by_secret, name="plant-a", secret=secret)
    for reading in ("quick", "stock"):
        bridge = safe.rig.start("from telemetry import bridge\nbridge.main(settings)", VIGIE_MQTT_READING=reading)
        until(lambda: _beat(safe).get("connected"), "the bridge listens")
        for i in range(200):
            sent = machine.publish("vigie/plant-a/report", b'{"metrics": {"n": %d}, "pad": "%s"}' % (i, b"x" * 400), 1)
        sent.wait_for_publish(20)
        until(lambda: _beat(safe).get("received") == 200, "all of it is carried")
        assert bridge.stop() == 0
        with work(safe.sessions, SYSTEM) as session:
            session.query(ProcessBeat).delete()


def _beat(safe: Safe) -> dict[str, Any]:
    with work(safe.sessions, SYSTEM) as session:
        beat = session.query(ProcessBeat).filter_by(name="bridge").one_or_none()
        return dict(beat.facts) if beat else {}
