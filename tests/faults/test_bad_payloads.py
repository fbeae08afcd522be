"""Fault 11: nonsense between good reports is diverted with its reason, and harms nobody."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models.agreements import Contract
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter
from telemetry import enrol, history
from telemetry.reading import REASONS
from tests.cast import Cast
from tests.rig import Rig, until


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


def stored(sessions: Sessions, cast: Cast) -> list[float]:
    now = datetime.now(UTC)
    with work(sessions, SYSTEM) as session:
        columns = history.reports(session, cast.plant_machine, None, now - timedelta(days=2), now + timedelta(days=1))
    return columns.values["count"].tolist() if len(columns) else []


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
        b"[" * 50_000, b'{"surprise": 1}', b"<xml/>",
    ]  # fmt: skip
    good = '"metrics": {"count": 1}'
    return (
        [f'{{"metrics": {each}}}'.encode() for each in metrics if each != "null"]
        + [f'{{"seq": {each}, {good}}}'.encode() for each in seqs]
        + [f'{{"at": {each}, {good}}}'.encode() for each in instants]
        + whole
    )


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
    for number, payload in enumerate(kinds):
        client.publish("vigie/plant-db-1/report", payload, qos=1)
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
    assert bridge.alive
    assert watcher.alive
