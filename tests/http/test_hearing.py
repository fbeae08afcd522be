"""The doors for telemetry over HTTP: into the same log, by who may, and answered so that the retry is right."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import limits
from models.machines import Machine, MachineState
from models.security import SecurityEvent
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter
from telemetry import enrol
from telemetry.doorstep import Away, Doorstep
from telemetry.log import Done
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor
from tests.http.doorsteps import AT, basic, export, letters, otlp_request, series, write
from tests.http.doorsteps import plant as plant
from tests.http.doorsteps import secret as secret
from tests.http.doorsteps import settings as settings
from tests.plant import Plant

Key = Callable[..., Visitor]


def report(machine: str | None = "plant-db-1", seq: int | None = None, cpu: float = 5.0, **more: Any) -> dict[str, Any]:
    named = {"machine": machine} if machine else {}
    return {**named, "seq": seq, "at": AT - 600_000 + (seq or 0) * 1000, "metrics": {"cpu": cpu}, **more}


def state(plant: Plant, machine_id: Any) -> MachineState | None:
    with work(plant.sessions, SYSTEM) as session:
        return session.get(MachineState, machine_id)


# ---- our own batches


def test_a_batch_of_a_machine_becomes_history_and_sent_again_it_counts_once(
    plant: Plant, cast: Cast, app: Flask, secret: str
) -> None:
    body = "\n".join(json.dumps(report(None, seq, cpu=seq)) for seq in range(1, 501)).encode()
    client = app.test_client()
    for packed, headers in ((body, {}), (gzip.compress(body), {"Content-Encoding": "gzip"})):
        said = client.post("/api/v1/reports", data=packed, headers=basic("plant-db-1", secret) | headers)
        assert said.status_code == 202, said.text
        assert said.json is not None
        assert (said.json["received"], said.json["accepted"], said.json["refused"]) == (500, 500, 0)
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 1000, "scored": 500, "duplicate": 500}
    assert [metrics["cpu"] for _, metrics in plant.stored(cast.plant_machine)] == [float(n) for n in range(1, 501)]


def test_every_member_of_a_gzip_is_read_and_none_is_dropped_in_silence(
    plant: Plant, cast: Cast, app: Flask, secret: str
) -> None:
    lines = [json.dumps(report(None, seq, cpu=seq)).encode() + b"\n" for seq in range(1, 4)]
    appended = b"".join(gzip.compress(line, mtime=0) for line in lines)
    padded = gzip.compress(b"\n" * 200_000, compresslevel=0, mtime=0) + appended  # past what is unpacked at once
    headers = basic("plant-db-1", secret) | {"Content-Encoding": "gzip"}
    client = app.test_client()
    for packed in (appended, padded):
        said = client.post("/api/v1/reports", data=packed, headers=headers)
        assert (said.status_code, (said.json or {})["received"]) == (202, 3)
    for spoilt in (appended[:-1], appended + b"more", gzip.compress(b"", mtime=0) * 1001):
        assert client.post("/api/v1/reports", data=spoilt, headers=headers).status_code == 400
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 6, "scored": 3, "duplicate": 3}
    assert [metrics["cpu"] for _, metrics in plant.stored(cast.plant_machine)] == [1.0, 2.0, 3.0]


def test_what_a_machine_says_badly_is_counted_with_it_and_kept_as_it_came(
    plant: Plant, app: Flask, secret: str
) -> None:
    body = b'{"seq": 1, "metrics": {"cpu": 1}}\n{"seq": 2, "metrics": {"cpu":}}\n{"machine": "joinery-files"}\n'
    said = app.test_client().post("/api/v1/reports", data=body, headers=basic("plant-db-1", secret))
    assert said.status_code == 207
    plant.tell("plant-db-1", b"cpu,host=x usage", topic="telegraf/plant-db-1/cpu")
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 4, "scored": 1, "refused": 3}
    kept = {(row.topic, row.payload) for row in plant.one(select(DeadLetter.topic, DeadLetter.payload))}
    assert kept == {
        ("door/not_json/reports//plant-db-1", b'{"seq": 2, "metrics": {"cpu":}}'),
        ("door/not_its_own/reports/joinery-files/plant-db-1", b'{"machine":"joinery-files"}'),
        ("telegraf/plant-db-1/cpu", b"cpu,host=x usage"),
    }
    tried = plant.one(select(SecurityEvent.kind, SecurityEvent.username, SecurityEvent.detail, SecurityEvent.door))
    assert tried == [("foreign_machine", "plant-db-1", "for joinery-files in reports", "http")]


def test_each_report_is_taken_or_refused_by_itself_with_reason_and_remedy(
    plant: Plant, with_key: Key, cast: Cast
) -> None:
    key = with_key("plant", ["reports:write"])
    items = [
        report(seq=1),
        report("no-such-machine", 1),
        report("joinery-files", 1),  # another customer's: as unknown as nobody's
        {"machine": "plant-db-1", "seq": -1, "metrics": {}},
        "nonsense",
        {"machine": "plant-db-1", "code": "ecc", "severity": 1, "text": "DIMM A2"},
        report(None, 2),
    ]
    said = key.post("/api/v1/reports", items)
    assert said.status_code == 207
    assert said.json is not None
    told = [(item["status"], item.get("reason")) for item in said.json["items"]]
    assert told == [
        ("accepted", None), ("refused", "unknown_machine"), ("refused", "unknown_machine"), ("refused", "bad_seq"),
        ("refused", "bad_shape"), ("accepted", None), ("refused", "no_machine"),
    ]  # fmt: skip
    assert all(item["remedy"] for item in said.json["items"] if item["status"] == "refused")
    plant.settle()
    assert plant.ledger("plant-db-1") == {"received": 3, "scored": 2, "refused": 1}
    assert letters(plant) == {
        ("unknown_machine", f"door/unknown_machine/reports/no-such-machine/@{cast.plant}"),
        ("unknown_machine", f"door/unknown_machine/reports/joinery-files/@{cast.plant}"),
        ("bad_seq", "vigie/plant-db-1/report"),
        ("bad_shape", f"door/bad_shape/reports//@{cast.plant}"),
        ("no_machine", f"door/no_machine/reports//@{cast.plant}"),
    }
    assert state(plant, cast.joinery_machine) is None


def test_a_batch_nothing_of_which_can_be_used_says_so(plant: Plant, with_key: Key) -> None:
    assert with_key("plant", ["reports:write"]).post("/api/v1/reports", [report("nobody")]).status_code == 422


def test_a_machine_speaks_for_itself_only(plant: Plant, app: Flask, secret: str, cast: Cast) -> None:
    said = app.test_client().post(
        "/api/v1/reports", json=[report("joinery-files", 1), report(None, 1)], headers=basic("plant-db-1", secret)
    )
    assert said.json is not None
    assert [item.get("reason") for item in said.json["items"]] == ["not_its_own", None]
    plant.settle()
    assert state(plant, cast.joinery_machine) is None


@pytest.mark.parametrize("path", ["/api/v1/reports", "/v1/metrics", "/api/v1/write"])
def test_nobody_comes_in_without_a_secret_or_a_key_with_the_right(
    path: str, app: Flask, secret: str, with_key: Key, visit: Callable[[str], Visitor], cast: Cast
) -> None:
    client = app.test_client()
    for headers in ({}, basic("plant-db-1", "wrong"), basic("nobody", secret), {"Authorization": "Basic %%%"}):
        assert client.post(path, data=b"{}", headers=headers).status_code == 401
    assert with_key("plant", ["machines:read"]).post(path, {}).status_code == 403
    assert visit("dee").post(path, {}).status_code == 401  # a browser's cookie does not open these doors


def test_a_machine_s_secret_opens_no_other_door_and_ends_when_it_is_revoked(
    app: Flask, secret: str, sessions: Sessions, cast: Cast, plant: Plant
) -> None:
    client, headers = app.test_client(), basic("plant-db-1", secret)
    assert client.get("/api/v1/machines", headers=headers).status_code == 401
    assert client.post("/api/v1/reports", json=report(None, 1), headers=headers).status_code == 202
    with work(sessions, SYSTEM) as session:
        enrol.revoke(session, session.get_one(Machine, cast.plant_machine), NOW)
    assert client.post("/api/v1/reports", json=report(None, 2), headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"[1,", {}, 400),
        (b"[" + b",".join([b'{"metrics":{"a":1}}'] * 501) + b"]", {}, 413),
        (b"{}", {"Content-Type": "text/html"}, 415),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"x" * 100, mtime=0)[:-9], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b" " * (17 << 20), mtime=0), {"Content-Encoding": "gzip"}, 413),
    ],
)
def test_what_is_no_batch_is_refused_for_good(
    body: bytes, headers: dict[str, str], status: int, app: Flask, secret: str
) -> None:
    said = app.test_client().post("/api/v1/reports", data=body, headers=basic("plant-db-1", secret) | headers)
    assert (said.status_code, said.mimetype) == (status, "application/problem+json")


# ---- OTLP


class Deaf:
    """A log that takes everything and confirms nothing."""

    def __init__(self, away: float) -> None:
        self.away, self.taken = away, 0

    def append(self, partition: int, body: bytes, done: Done) -> None:
        self.taken += 1

    def away_s(self) -> float:
        return self.away

    def close(self, timeout_s: float) -> None: ...


@pytest.mark.parametrize("path", ["/api/v1/reports", "/v1/metrics", "/api/v1/write"])
def test_while_the_log_is_away_the_sender_is_asked_to_come_again(
    path: str, app: Flask, with_key: Key, cast: Cast
) -> None:
    app.extensions["vigie.doorstep"] = Doorstep(Deaf(60.0), 2)
    key = with_key("plant", ["reports:write"])
    if path == "/api/v1/reports":
        said = key.post(path, [report(seq=1)])
    elif path == "/v1/metrics":
        said = export(key, otlp_request("plant-db-1").SerializeToString())
    else:
        said = write(key, series({"__name__": "up", "instance": "plant-db-1"}))
    assert (said.status_code, said.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("path", ["/api/v1/reports", "/v1/metrics", "/api/v1/write"])
def test_who_sends_too_many_batches_is_told_when_to_come_again_and_what_it_sent_then_counts(
    path: str, plant: Plant, with_key: Key, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "API_CALLS", limits.Limit("api", burst=1, every_s=30))
    key = with_key("plant", ["reports:write"])

    def send() -> Any:  # Any: the test client's response
        if path == "/api/v1/reports":
            return key.post(path, [report(seq=1)])
        if path == "/v1/metrics":
            return export(key, otlp_request("plant-db-1").SerializeToString())
        return write(key, series({"__name__": "up", "instance": "plant-db-1"}))

    first, second = send(), send()
    assert first.status_code in (200, 202, 204)
    assert (second.status_code, second.headers["Retry-After"]) == (429, "30")
    plant.settle()
    assert plant.ledger("plant-db-1").get("received") == 1


def test_no_thanks_without_the_log_s_word(monkeypatch: pytest.MonkeyPatch) -> None:
    from telemetry import doorstep
    from telemetry.envelope import Envelope

    monkeypatch.setattr(doorstep, "PATIENCE_S", 0.01)
    deaf = Deaf(0.0)
    with pytest.raises(Away):
        Doorstep(deaf, 2).put([("m", Envelope(b"vigie/m/report", b"{}", AT))])
    assert deaf.taken == 1
