"""The embedded broker's insides, without a network: packets, queues, and who gets what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import load
from telemetry import broker_files, mqtt_wire
from telemetry.broker_access import Access
from telemetry.broker_sessions import Exchange, Full, Session
from telemetry.mqtt_wire import Malformed, Publish

ACCESS = Access(
    patterns=[("write", "vigie/%u/#"), ("read", "vigie/%u/receipt")],
    topics={
        "bridge": [("read", "vigie/#"), ("write", "vigie/+/receipt")],
        "second": [("read", "vigie/#")],
    },
)


def read_back(packet: bytes) -> Publish:
    found = mqtt_wire.split(bytearray(packet), 1 << 20)
    assert found is not None
    first, start, end = found
    assert end == len(packet)
    return mqtt_wire.read_publish(first, packet[start:])


def entered(exchange: Exchange, user: str, *, clean: bool = False) -> tuple[Session, list[Publish]]:
    session, _ = exchange.enter(user, clean=clean)
    heard: list[Publish] = []
    session.send = lambda packet: heard.append(read_back(packet))
    return session, heard


@given(st.text("abc/ü", min_size=1, max_size=300), st.binary(max_size=20_000), st.integers(0, 1), st.booleans())
def test_a_publication_is_read_as_it_was_built(topic: str, payload: bytes, qos: int, retain: bool) -> None:
    message = Publish(topic, payload, qos, retain, 77 if qos else 0)
    assert read_back(mqtt_wire.publish(message)) == message


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_malformed_and_nothing_worse(data: bytes) -> None:
    for read in (mqtt_wire.read_connect, lambda d: mqtt_wire.read_publish(0x32, d)):
        try:
            read(data)
        except Malformed:
            continue
    try:
        mqtt_wire.read_filters(data, with_qos=True)
        mqtt_wire.split(bytearray(data), 60)
    except Malformed:
        return


def test_a_connect_says_who_comes() -> None:
    packet = load.connect("plant-a", "s" * 200)
    found = mqtt_wire.split(bytearray(packet), 1 << 16)
    assert found is not None
    said = mqtt_wire.read_connect(packet[found[1] :])
    assert (said.level, said.client_id, said.username, said.password) == (4, "bench-plant-a", "plant-a", b"s" * 200)
    assert (said.clean, said.keepalive_s, said.will) == (True, 300, None)


@pytest.mark.parametrize(
    ("text", "good"),
    [(text, True) for text in ("#", "a/#", "+/a", "a/+", "$SYS/x")]
    + [(text, False) for text in ("", "#/a", "a#", "a+/b")],
)
def test_wildcards_stand_only_where_the_standard_lets_them(text: str, good: bool) -> None:
    assert mqtt_wire.is_filter(text) is good


def test_what_waits_for_a_user_waits_for_nobody_else() -> None:
    exchange = Exchange(ACCESS)
    bridge, _ = entered(exchange, "bridge")
    exchange.subscribe(bridge, "vigie/#", 1)
    exchange.leave(bridge)
    exchange.publish(Publish("vigie/a/report", b"1", 1, False))
    other, heard = entered(exchange, "a")
    other.resume()
    assert heard == []
    again, heard = entered(exchange, "bridge")
    again.resume()
    assert [message.payload for message in heard] == [b"1"]


def test_a_full_queue_takes_nothing_rather_than_lose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_files, "QUEUED_MESSAGES", 2)
    exchange = Exchange(ACCESS)
    away, _ = entered(exchange, "bridge")
    exchange.subscribe(away, "vigie/#", 1)
    exchange.leave(away)
    here, heard = entered(exchange, "second")
    exchange.subscribe(here, "vigie/#", 1)
    for payload in (b"1", b"2"):
        exchange.publish(Publish("vigie/a/report", payload, 1, False))
    with pytest.raises(Full):
        exchange.publish(Publish("vigie/a/report", b"3", 1, True))
    assert [message.payload for message in heard] == [b"1", b"2"]
    assert exchange.retained == {}


def test_the_window_bounds_what_is_under_way_and_an_acknowledgement_lets_the_next_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_files, "INFLIGHT", 3)
    exchange = Exchange(ACCESS)
    bridge, heard = entered(exchange, "bridge")
    exchange.subscribe(bridge, "vigie/#", 1)
    for i in range(10):
        exchange.publish(Publish("vigie/a/report", b"%d" % i, 1, False))
    assert [message.payload for message in heard] == [b"0", b"1", b"2"]
    bridge.acknowledged(heard[0].packet_id)
    bridge.acknowledged(60_000)
    assert [message.payload for message in heard] == [b"0", b"1", b"2", b"3"]


def test_a_slow_reader_loses_only_what_promises_nothing_and_it_is_counted() -> None:
    exchange = Exchange(ACCESS)
    bridge, heard = entered(exchange, "bridge")
    exchange.subscribe(bridge, "vigie/#", 1)
    bridge.slow = True
    exchange.publish(Publish("vigie/a/report", b"unpromised", 0, False))
    exchange.publish(Publish("vigie/a/report", b"promised", 1, False))
    assert heard == []
    assert exchange.dropped == 1
    bridge.slow = False
    bridge.pump()
    assert [message.payload for message in heard] == [b"promised"]


def test_an_empty_retained_message_forgets_the_one_before() -> None:
    exchange = Exchange(ACCESS)
    exchange.publish(Publish("vigie/a/receipt", b"5", 1, True))
    exchange.publish(Publish("vigie/a/receipt", b"", 1, True))
    machine, heard = entered(exchange, "a")
    exchange.subscribe(machine, "vigie/a/receipt", 1)
    exchange.give_retained(machine, "vigie/a/receipt")
    assert heard == []
