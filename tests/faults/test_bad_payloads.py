"""Fault 11: nonsense between good reports is diverted with its reason, and harms nobody."""

from __future__ import annotations

import json
import random
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models.agreements import Contract
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter
from telemetry import enrol, history, mqtt_wire
from telemetry.reading import REASONS
from tests.cast import Cast
from tests.rig import Rig, until

FUZZED = 4  # between any two good reports
TOPICS = (
    "vigie/plant-db-1/report", "vigie/plant-db-1/nothing/we/speak", "vigie/plant-db-1/glances/x",
    "vigie/plant-db-1/otlp", "vigie/plant-db-1/sparkplug/spBv1.0/g/NDATA/n", "vigie/plant-db-1/telegraf/x",
    "vigie/plant-db-1/nagios/x/7", "collectd/plant-db-1/a/b", "telemetry/s/plant-db-1/x",
)  # fmt: skip


@pytest.fixture
def watched(rig: Rig, sessions: Sessions, cast: Cast) -> str:
    """The secret of plant-db-1, under a contract that is in force by the real clock."""
    with work(sessions, SYSTEM) as session:
        today = datetime.now(UTC).date()
        contract = session.get_one(Contract, cast.plant_contract)
        contract.starts_on, contract.ends_on = today - timedelta(days=30), today + timedelta(days=30)
        machine = enrol.machine_named(session, "plant-db-1")
        assert machine is not None
        return enrol.rotate(session, machine, datetime.now(UTC))


def enrolled(sessions: Sessions, cast: Cast) -> str:
    """Somebody else's secret: hostile packets come in under it, and cost only its own connection."""
    with work(sessions, SYSTEM) as session:
        return enrol.rotate(session, enrol.enrol(session, cast.plant, "plant-spare", datetime.now(UTC))[0], cast.now)


def throw(port: int, packet: bytes) -> None:
    """Send it and look whether the broker still answers at all."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line, suppress(OSError):
        line.sendall(packet)


def stored(sessions: Sessions, cast: Cast) -> list[float]:
    now = datetime.now(UTC)
    with work(sessions, SYSTEM) as session:
        columns = history.reports(session, cast.plant_machine, None, now - timedelta(days=2), now + timedelta(days=1))
    counts = columns.values.get("count", []) if len(columns) else []
    return [float(count) for count in counts if count == count]  # what nonsense said after all is no neighbour


def nonsense() -> list[bytes]:
    """Fifty kinds of it."""
    metrics = [
        "null", "[]", '"x"', "1", "true", '{"": 1}', '{"a\\u0000": 1}', '{"a": "x"}', '{"a": ["x"]}', '{"a": 1e999}',
        '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', '{"a": 1, "a": 2}', '{"a": {"b": {"c": "x"}}}',
        json.dumps({f"m{i}": 1 for i in range(20_000)}), json.dumps({"n" * 5000: 1}), '{"a": 1' , '{"a" 1}', "{'a': 1}",
    ]  # fmt: skip
    seqs = ["-1", "1.5", '"1"', "9223372036854775808", "[]", "{}", "1e3", "true"]
    instants = [
        '"yesterday"',
        '"0001-01-01T00:00:00Z"',
        '"9999-12-31T23:59:59Z"',
        "-1",
        "1e30",
        '"2026-13-01"',
        "[]",
        "{}",
    ]
    whole = [
        b"", b"\0", b"\xff\xfe", b"{", b"}", b"[", b"[]", b"[[]]", b"null", b"hello", b'"text"', b"42", b"{}",
        b"[" * 50_000, b'{"surprise": 1}', b"<xml/>", b"x" * (1 << 20), b'{"metrics":' * 5_000,
    ]  # fmt: skip
    good = '"metrics": {"count": 1}'
    return (
        [f'{{"metrics": {each}}}'.encode() for each in metrics if each != "null"]
        + [f'{{"seq": {each}, {good}}}'.encode() for each in seqs]
        + [f'{{"at": {each}, {good}}}'.encode() for each in instants]
        + whole
    )


def fuzz(rng: random.Random) -> tuple[str, bytes]:
    """A good report with a few bytes turned, behind what no JSON begins with, under a topic it need not fit."""
    body = bytearray(b'{"at": 1790000000000, "metrics": {"cpu": 12.5, "nested": {"a": true}}, "facts": {"bios": "2"}}')
    for _ in range(rng.randint(1, 6)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return rng.choice(TOPICS), rng.choice([b"\x80", b"}", b"]", b":", b","]) + bytes(body)


def packets(user: str, secret: str) -> list[bytes]:
    """What no broker should have to read, some of it after a good sign-in."""
    hello = mqtt_wire.connect(user, user, secret.encode())
    topic = b"\x00\x16vigie/\xff\xfe\xc0/report123456"
    return [
        b"\x00\x00", b"\x10\xff\xff\xff\xff", rng_bytes(400), b"GET / HTTP/1.1\r\n\r\n", hello[:-3],
        hello + b"\x30" + bytes([len(topic)]) + topic, hello + b"\x36\x05\x00\x00ab", hello + hello,
        hello + b"\x82\x02\x00\x01", hello + b"\xf0\x00", hello + b"\x32\xff\xff\xff\x7f",
    ]  # fmt: skip


def rng_bytes(count: int) -> bytes:
    return random.Random(11).randbytes(count)


def test_fifty_kinds_of_nonsense_are_dead_letters_and_their_neighbours_are_stored(
    rig: Rig, sessions: Sessions, cast: Cast, watched: str
) -> None:
    rig.extra = {"VIGIE_FLUSH_S": "0.2"}
    rig.broker()
    bridge = rig.bridge()
    until(lambda: "bridge.connected" in bridge.words, "the bridge is connected")
    watcher = rig.watch()
    client = rig.client("plant-db-1", watched)
    kinds = nonsense()
    assert len(kinds) >= 50
    now_ms = time.time_ns() // 1_000_000
    rng, spare = random.Random(11), enrolled(sessions, cast)
    hostile = packets("plant-spare", spare)
    for number, payload in enumerate(kinds):
        client.publish("vigie/plant-db-1/report", payload, qos=1)
        for topic, turned in (fuzz(rng) for _ in range(FUZZED)):
            client.publish(topic, turned, qos=1)
        if number < len(hostile):
            throw(rig.mqtt_port, hostile[number])
        report = {"at": now_ms - (len(kinds) - number) * 1000, "metrics": {"count": number}}
        client.publish("vigie/plant-db-1/report", json.dumps(report), qos=1)
    until(lambda: len(stored(sessions, cast)) >= len(kinds), "every neighbour is stored", 180)
    assert stored(sessions, cast) == [float(number) for number in range(len(kinds))]
    with work(sessions, SYSTEM) as session:
        letters = {
            bytes(payload): reason for payload, reason in session.execute(select(DeadLetter.payload, DeadLetter.reason))
        }
    assert [payload[:60] for payload in kinds if payload not in letters] == []
    assert set(letters.values()) <= set(REASONS)
    assert len(letters) > len(kinds) + FUZZED * len(kinds) / 2
    assert bridge.alive
    assert watcher.alive
