"""The same claims for both brokers: who may come in, who hears what, and what is kept for a reader that is away."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from models.session import SYSTEM, Sessions, work
from telemetry import broker, broker_files, enrol
from tests.cast import Cast
from tests.rig import BROKERS, Rig, until

pytestmark = pytest.mark.parametrize("rig", BROKERS, indirect=True)

BRIDGE = "vigie-bridge"


def knock(rig: Rig, name: str, secret: str, **more: Any) -> str:
    """What the broker answers to these credentials; the connection ends again."""
    answers: list[str] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, more.pop("client_id", f"{name}-knocks"), **more)
    client.username_pw_set(name, secret)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.append(str(reason))
    client.connect("127.0.0.1", rig.mqtt_port)
    client.loop_start()
    until(lambda: answers, f"an answer for {name}")
    client.disconnect()
    client.loop_stop()
    return answers[0]


def listen(rig: Rig, name: str, secret: str, *topics: str, **more: Any) -> tuple[mqtt.Client, list[mqtt.MQTTMessage]]:
    """A client that has subscribed, and what it hears."""
    heard: list[mqtt.MQTTMessage] = []
    ready: list[bool] = []
    client = rig.client(name, secret, **more)
    client.on_message = lambda _client, _data, message: heard.append(message)
    client.on_subscribe = lambda *_: ready.append(True)
    client.subscribe([(topic, 1) for topic in topics])
    until(lambda: ready, f"{name} has subscribed")
    return client, heard


def come_back(rig: Rig, **more: Any) -> list[mqtt.MQTTMessage]:
    """The bridge takes its place again, and this is what it hears, from the first packet on."""
    heard: list[mqtt.MQTTMessage] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bridge", clean_session=False, **more)
    client.username_pw_set(BRIDGE, own(rig))
    client.on_message = lambda _client, _data, message: heard.append(message)
    client.connect("127.0.0.1", rig.mqtt_port)
    client.loop_start()
    rig.clients.append(client)
    return heard


def own(rig: Rig) -> str:
    return broker_files.bridge_secret(rig.data / "mqtt" / "bridge.secret")


def texts(heard: list[mqtt.MQTTMessage]) -> list[str]:
    return [message.payload.decode() for message in heard]


def sync(rig: Rig, sessions: Sessions) -> bool:
    files = broker_files.files_in(rig.data / "mqtt")
    return broker.sync_credentials(sessions, files, BRIDGE, rig.data / "mqtt" / "bridge.secret")


def changed(rig: Rig, sessions: Sessions, deed: Callable[..., Any]) -> Any:
    """Do something to plant-a's credential, and let the broker know as the duty desk does."""
    with work(sessions, SYSTEM) as session:
        machine = enrol.machine_named(session, "plant-a")
        assert machine is not None
        answer = deed(session, machine, datetime.now(UTC))
    sync(rig, sessions)
    return answer


def test_only_the_right_secret_comes_in(rig: Rig, cast: Cast) -> None:
    secret = rig.enrol(cast, "plant-a")
    rig.broker()
    assert knock(rig, "plant-a", secret) == "Success"
    assert "authori" in knock(rig, "plant-a", secret + "x")
    assert "authori" in knock(rig, "plant-a", "")
    assert "authori" in knock(rig, "nobody", secret)
    assert "authori" in knock(rig, "", "")


def test_a_machine_writes_under_its_own_name_only(rig: Rig, cast: Cast) -> None:
    a, b = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    _, heard = listen(rig, BRIDGE, own(rig), "vigie/#", "collectd/#", client_id="bridge")
    machine = rig.client("plant-a", a)
    for topic in ("vigie/plant-b/report", "vigie/plant-b", "collectd/plant-b/load/load", "other", "vigie/plant-a2/x"):
        machine.publish(topic, b"foreign", qos=1)
    machine.publish("collectd/plant-a/load/load", b"own 1", qos=1)
    machine.publish("vigie/plant-a/report", b"own 2", qos=1)
    rig.client("plant-b", b).publish("vigie/plant-b/report", b"own 3", qos=1).wait_for_publish(10)
    until(lambda: len(heard) >= 3, "what is allowed is heard")
    assert sorted(texts(heard)) == ["own 1", "own 2", "own 3"]


def test_a_machine_hears_only_what_is_addressed_to_it(rig: Rig, cast: Cast) -> None:
    a, b = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    bridge = rig.client(BRIDGE, own(rig), client_id="bridge")
    bridge.publish("vigie/plant-b/receipt", b"for b", qos=1, retain=True).wait_for_publish(10)
    bridge.publish("vigie/plant-a/receipt", b"for a", qos=1, retain=True).wait_for_publish(10)
    _, a_heard = listen(rig, "plant-a", a, "#", "vigie/+/receipt", "vigie/plant-b/receipt")
    rig.client("plant-b", b).publish("vigie/plant-b/report", b"of b", qos=1).wait_for_publish(10)
    bridge.publish("vigie/plant-b/ask", b"ask b", qos=1).wait_for_publish(10)
    bridge.publish("vigie/plant-a/ask", b"ask a", qos=1).wait_for_publish(10)
    until(lambda: "ask a" in texts(a_heard), "a hears what is for it")
    assert set(texts(a_heard)) == {"for a", "ask a"}


def test_a_machine_can_write_nothing_that_we_say_to_it(rig: Rig, cast: Cast) -> None:
    a = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge, heard = listen(rig, BRIDGE, own(rig), "vigie/#", client_id="bridge")
    bridge.publish("vigie/plant-a/receipt", b"ours", qos=1, retain=True).wait_for_publish(10)
    command = "spBv1.0/G/NCMD/plant-a"
    machine, of_ours = listen(rig, "plant-a", a, "vigie/plant-a/receipt", "vigie/plant-a/ask", command)
    below = ("receipt/x", "ask/x", "ask/x/y", "ask/", "ask/report")
    for topic in ("vigie/plant-a/receipt", "vigie/plant-a/ask", command, *(f"vigie/plant-a/{word}" for word in below)):
        machine.publish(topic, b"forged", qos=1, retain=True)
    for word in ("report", "event", "status", "answer", "telegraf", "unheard-of/agent"):
        machine.publish(f"vigie/plant-a/{word}", word, qos=1)
    until(lambda: "unheard-of/agent" in texts(heard), "what may be said is heard")
    bridge.publish("vigie/plant-a/ask", b"asked", qos=1).wait_for_publish(10)
    until(lambda: "asked" in texts(of_ours), "the machine hears what we ask")
    assert texts(of_ours) == ["ours", "asked"]
    assert not {"forged"} & set(texts(heard))
    assert {"report", "event", "status", "answer", "telegraf", "unheard-of/agent"} <= set(texts(heard))


def test_a_newcomer_gets_nothing_it_did_not_subscribe_to(rig: Rig, cast: Cast) -> None:
    a = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge, _ = listen(rig, BRIDGE, own(rig), "vigie/#", client_id="bridge")
    bridge.publish("vigie/plant-a/receipt", b"1", qos=1, retain=True).wait_for_publish(10)
    _, heard = listen(rig, "plant-a", a, "vigie/plant-a/ask")
    bridge.publish("vigie/plant-a/ask", b"2", qos=1).wait_for_publish(10)
    until(lambda: heard, "the question comes")
    assert texts(heard) == ["2"]


def test_a_revoked_secret_ends_the_open_connection(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    a, b = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    lost, kept = rig.client("plant-a", a), rig.client("plant-b", b)
    ended: list[bool] = []
    lost.on_disconnect = lambda *_: ended.append(True)
    changed(rig, sessions, enrol.revoke)
    until(lambda: ended, "the open connection ends")
    assert "authori" in knock(rig, "plant-a", a)
    assert kept.is_connected()


def test_a_rotated_secret_ends_the_old_one_and_opens_with_the_new(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    a = rig.enrol(cast, "plant-a")
    rig.broker()
    ended: list[bool] = []
    rig.client("plant-a", a).on_disconnect = lambda *_: ended.append(True)
    fresh = changed(rig, sessions, enrol.rotate)
    until(lambda: ended, "the open connection ends")
    assert "authori" in knock(rig, "plant-a", a)
    assert knock(rig, "plant-a", fresh) == "Success"


def test_a_machine_enrolled_while_the_broker_runs_comes_in(rig: Rig, sessions: Sessions, cast: Cast) -> None:
    rig.broker()
    secret = rig.enrol(cast, "plant-new")
    assert sync(rig, sessions)
    until(lambda: knock(rig, "plant-new", secret) == "Success", "the new machine comes in")


def test_what_comes_while_the_bridge_is_away_waits_for_it(rig: Rig, cast: Cast) -> None:
    a = rig.enrol(cast, "plant-a")
    rig.broker()
    bridge, _ = listen(rig, BRIDGE, own(rig), "vigie/#", client_id="bridge", clean_session=False)
    bridge.disconnect()
    bridge.loop_stop()
    machine = rig.client("plant-a", a)
    for i in range(500):
        sent = machine.publish("vigie/plant-a/report", b"%d" % i, qos=1)
    sent.wait_for_publish(20)
    heard = come_back(rig)
    until(lambda: len(heard) >= 500, "all of it comes")
    assert texts(heard) == [str(i) for i in range(500)]


def test_what_the_bridge_did_not_acknowledge_comes_again(rig: Rig, cast: Cast) -> None:
    a = rig.enrol(cast, "plant-a")
    rig.broker()
    options = {"client_id": "bridge", "clean_session": False, "manual_ack": True}
    first, heard = listen(rig, BRIDGE, own(rig), "vigie/#", **options)
    machine = rig.client("plant-a", a)
    for i in range(100):
        sent = machine.publish("vigie/plant-a/report", b"%d" % i, qos=1)
    sent.wait_for_publish(20)
    until(lambda: len(heard) >= 100, "all of it was heard")
    for message in heard[:40]:
        first.ack(message.mid, 1)
    until(lambda: not first.want_write(), "the acknowledgements have left")  # ending the loop keeps back the others
    first.loop_stop()
    line = first.socket()
    assert line is not None
    line.close()
    again = come_back(rig, manual_ack=True)
    until(lambda: len(again) >= 60, "the rest comes again")
    assert texts(again) == [str(i) for i in range(40, 100)]
    assert all(message.dup for message in again)


def test_a_will_tells_of_a_broken_line_and_no_other_machines(rig: Rig, cast: Cast) -> None:
    a, b = rig.enrol(cast, "plant-a"), rig.enrol(cast, "plant-b")
    rig.broker()
    _, heard = listen(rig, BRIDGE, own(rig), "vigie/#", client_id="bridge")
    for name, secret, topic in (("plant-a", a, "vigie/plant-a/status"), ("plant-b", b, "vigie/plant-a/report")):
        client = mqtt.Client(CallbackAPIVersion.VERSION2, name, reconnect_on_failure=False)
        client.username_pw_set(name, secret)
        client.will_set(topic, f"will of {name}", 1, retain=True)
        client.connect("127.0.0.1", rig.mqtt_port)
        for _ in range(5):
            client.loop(0.05)
        if (line := client.socket()) is not None:
            line.close()
    until(lambda: heard, "the will is heard")
    assert texts(heard) == ["will of plant-a"]
    _, retained = listen(rig, BRIDGE, own(rig), "vigie/plant-a/#", client_id="late")
    until(lambda: retained, "it is retained")
    assert [(message.topic, message.retain) for message in retained] == [("vigie/plant-a/status", True)]


def test_nonsense_ends_its_own_connection_only(rig: Rig, cast: Cast) -> None:
    a = rig.enrol(cast, "plant-a")
    child = rig.broker()
    bridge, heard = listen(rig, BRIDGE, own(rig), "vigie/#", client_id="bridge")
    for bytes_ in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\xff\x7f",
        b"\x00" * 50,
        b"\x30\x02\x00\x00",
        b"\x10\x00",
    ):
        with socket.create_connection(("127.0.0.1", rig.mqtt_port), timeout=10) as line:
            line.sendall(bytes_)
            line.settimeout(10)
            try:
                assert line.recv(1) == b""
            except ConnectionResetError:
                continue
    rig.client("plant-a", a).publish("vigie/plant-a/report", b"fine", qos=2).wait_for_publish(10)
    until(lambda: heard, "the broker still carries")
    assert texts(heard) == ["fine"]
    assert child.alive
    assert bridge.is_connected()
