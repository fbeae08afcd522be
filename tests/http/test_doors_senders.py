"""Real senders at the doors: PagerDuty's own client, a live Alertmanager, and dedup keys that change."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from models.inbound import InboundChange
from models.incidents import Incident
from models.session import Sessions
from tests.http.conftest import Hands, Visitor
from tests.http.senders import Make, count, incidents, triggers, until
from tests.http.senders import live as live
from tests.http.senders import make as make


def test_pagerdutys_own_client_finds_what_it_expects(live: str, make: Make, sessions: Sessions) -> None:
    pagerduty = pytest.importorskip("pagerduty", reason="PagerDuty's client is not installed")

    def client_of(key: str) -> Any:
        client = pagerduty.EventsApiV2Client(key)
        # It insists on https://; below TLS the words are the same.
        setattr(client, "_url", live)  # noqa: B010
        return client

    client = client_of(make("pagerduty"))
    key = client.trigger("Disk sdc fails", "plant-db-1", severity="critical", custom_details={"smart": {"5": 12}})
    assert len(key) == 32, "the server makes a key for who brings none"
    assert client.trigger("Disk sdc fails (14)", "plant-db-1", dedup_key=key, severity="critical") == key
    (incident,) = incidents(sessions)
    assert incident.severity == 1
    assert client.acknowledge(key) == key
    assert [one.state for one in incidents(sessions)] == ["acknowledged"]
    assert client.resolve(key) == key
    assert client.resolve("never seen") == "never seen"
    assert incidents(sessions) == []
    changes = client_of(make("pagerduty"))
    changes.send_change_event(payload={"summary": "Firmware 4.2", "timestamp": "2026-03-10T08:00:00Z"})
    assert (count(sessions, InboundChange), count(sessions, Incident)) == (1, 1)
    stranger = client_of("0" * 32)
    with pytest.raises(pagerduty.Error):
        stranger.trigger("Disk sdc fails", "plant-db-1")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "'routing_key' is missing or blank"),
        ({"routing_key": "f" * 32, "event_action": "trigger"}, "Invalid routing key"),
        ({"event_action": "resolve"}, "'dedup_key' is missing or blank"),
        ({"event_action": "open"}, "'event_action' is invalid"),
        ({"event_action": "trigger"}, "'payload' is missing or blank"),
        ({"event_action": "trigger", "payload": {"source": "a", "severity": "info"}}, "'payload.summary' is missing"),
        ({"event_action": "trigger", "payload": {"summary": "a", "source": "a", "severity": "bad"}},
         "'payload.severity' is invalid"),
    ],
)  # fmt: skip
def test_an_invalid_event_is_answered_as_the_real_api_answers_it(
    body: dict[str, Any], error: str, stranger: Visitor, make: Make
) -> None:
    key = make("pagerduty")
    body = body if "routing_key" in body or not body else {"routing_key": key, **body}
    said = stranger.client.post("/v2/enqueue", json=body)
    assert said.status_code == 400
    assert said.json is not None
    assert said.json["status"] == "invalid event"
    assert any(error in each for each in said.json["errors"]), said.json


def test_a_dedup_key_that_changes_at_each_transition_is_still_one_alarm(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    key = make("pagerduty")

    def transition(unique: int, action: str, status: str, severity: str, alarm: str = "disk_space") -> None:
        details = {"alarm_id": "1795", "name": alarm, "chart": "disk_space._", "status": status, "old_status": "CLEAR"}
        payload = {"summary": f"disk is {status}", "source": "plant-db-1", "severity": severity,
                   "class": "disk_space._",
                   "group": "/", "timestamp": "2026-03-10T09:00:00.000", "custom_details": details}  # fmt: skip
        body = {"payload": payload, "routing_key": key, "event_action": action, "dedup_key": str(unique)}
        assert stranger.client.post("/v2/enqueue", json=body).status_code == 202

    transition(1, "trigger", "WARNING", "warning")
    transition(2, "trigger", "CRITICAL", "critical")
    transition(3, "trigger", "WARNING", "warning", alarm="inodes")
    assert sorted(one.severity for one in incidents(sessions)) == [1, 3]
    transition(4, "resolve", "CLEAR", "info")
    assert [one.severity for one in incidents(sessions)] == [3]


def test_a_resolve_under_a_new_key_ends_the_only_thing_it_can_mean(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    key = make("pagerduty")
    payload = {"summary": "CPU hot", "source": "plant-db-1", "severity": "error", "component": "cpu0", "class": "heat"}

    def say(action: str, unique: str, **more: str) -> None:
        body = {"routing_key": key, "event_action": action, "dedup_key": unique, "payload": payload | more}
        assert stranger.client.post("/v2/enqueue", json=body).status_code == 202

    say("trigger", "a-1")
    say("trigger", "b-1", component="cpu1")
    say("resolve", "a-2", component="cpu2")
    assert len(incidents(sessions)) == 2
    say("resolve", "a-2", summary="CPU is cool")
    assert [one.cause[-3:] for one in incidents(sessions)] == ["b-1"]


@pytest.mark.skipif(shutil.which("prometheus-alertmanager") is None, reason="no prometheus-alertmanager here")
def test_a_live_alertmanager_opens_repeats_and_ends(
    live: str, make: Make, sessions: Sessions, tmp_path: Path, free_port: int, hands: Hands
) -> None:
    config = {
        "route": {"receiver": "vigie", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s",
                  "repeat_interval": "2s"},
        "receivers": [{"name": "vigie", "webhook_configs": [{
            "url": f"{live}/in/alertmanager", "send_resolved": True,
            "http_config": {"authorization": {"credentials": make("alertmanager")}},
        }]}],
    }  # fmt: skip
    (tmp_path / "alertmanager.yml").write_text(json.dumps(config))  # JSON is YAML
    with running_alertmanager(tmp_path, free_port) as tell:
        until(lambda: tell("FanFailed"))
        tell("DiskFailed")
        until(lambda: len(incidents(sessions)) == 2)
        first = triggers(sessions)
        until(lambda: triggers(sessions) > first)  # it repeats by itself
        assert count(sessions, Incident) == 2
        hands.forward(minutes=5)
        tell("FanFailed", over=True)
        until(lambda: [one.title for one in incidents(sessions)] == ["DiskFailed on plant-db-1"])


@contextmanager
def running_alertmanager(folder: Path, port: int) -> Iterator[Callable[..., bool]]:
    """A real Alertmanager; what is yielded tells it of an alert, as Prometheus would."""
    http = PoolManager(retries=False, timeout=5)

    def tell(name: str, *, over: bool = False) -> bool:
        said = {
            "labels": {"alertname": name, "instance": "plant-db-1:9100", "severity": "warning"},
            "annotations": {"summary": f"{name} on plant-db-1"},
            "startsAt": "2026-01-01T00:00:00Z",
            **({"endsAt": "2026-01-01T00:00:01Z"} if over else {}),
        }
        url, headers = f"http://127.0.0.1:{port}/api/v2/alerts", {"Content-Type": "application/json"}
        try:
            return http.request("POST", url, body=json.dumps([said]), headers=headers).status == 200
        except HTTPError:  # it is not up yet
            return False

    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(
            [
                "prometheus-alertmanager",
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=subprocess.DEVNULL,
            stderr=out,
        )
        try:
            yield tell
        finally:
            process.terminate()
            process.wait(20)
            http.clear()
