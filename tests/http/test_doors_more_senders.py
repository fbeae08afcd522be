"""Senders beside the captured ones: what is open after each word is what they mean, with one incident for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from escalation.inbound.alertmanager import fingerprint
from models.incidents import Incident
from models.session import Sessions
from tests.cast import NOW
from tests.http.conftest import Visitor
from tests.http.senders import Make, alert, bearer, count, group, incidents, nagios
from tests.http.senders import make as make


class Sender:
    """One door, and what is open behind it after each word."""

    def __init__(self, stranger: Visitor, sessions: Sessions, path: str, token: str) -> None:
        self.stranger, self.sessions, self.path, self.token = stranger, sessions, path, token

    def say(self, body: Any, *, path: str = "") -> list[str]:
        said = self.stranger.client.post(path or self.path, json=body, headers=bearer(self.token))
        assert said.status_code in (200, 202), said.text
        return sorted(one.title for one in incidents(self.sessions))


def test_a_prometheus_that_takes_us_for_an_alertmanager(stranger: Visitor, make: Make, sessions: Sessions) -> None:
    sender = Sender(stranger, sessions, "/in/alertmanager/api/v2/alerts", make("alertmanager"))

    def told(minutes: float, name: str = "DiskFails") -> dict[str, Any]:
        labels = {"alertname": name, "instance": "plant-db-1:9100", "severity": "critical"}
        ends = (NOW + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
        return {"labels": labels, "annotations": {"summary": name}, "startsAt": "2026-03-10T08:00:00Z", "endsAt": ends,
                "generatorURL": "http://prometheus.example/graph"}  # fmt: skip

    assert sender.say([told(4)]) == ["DiskFails"]
    assert sender.say([told(4), told(4, "FanFails")]) == ["DiskFails", "FanFails"]
    assert sender.say([told(-1), told(5, "FanFails")]) == ["FanFails"]
    assert sender.say([told(-1)]) == ["FanFails"]
    # the same alert through an Alertmanager is the same alert
    labels = {"alertname": "FanFails", "instance": "plant-db-1:9100", "severity": "critical"}
    through = alert("firing", fingerprint(labels)) | {"labels": labels}
    assert sender.say(group("firing", through), path="/in/alertmanager") == ["FanFails"]
    assert sender.say([]) == ["FanFails"]
    assert count(sessions, Incident) == 2
    refused = stranger.client.post(sender.path, json=[{"annotations": {}}], headers=bearer(sender.token))
    assert (refused.status_code, refused.json and refused.json["errors"][0]["field"]) == (422, "[0].labels")


def test_the_fingerprint_is_the_one_alertmanager_gives() -> None:
    labels = {"alertname": "NodeHot", "instance": "node-01:9100", "job": "node", "severity": "warning", "site": "lyon"}
    assert fingerprint(labels) == "4a21c43bdb51eae7"


def test_a_grafana_s_alerts_open_and_end_one_by_one(stranger: Visitor, make: Make, sessions: Sessions) -> None:
    sender = Sender(stranger, sessions, "/in/alertmanager", make("alertmanager"))

    def told(*alerts: tuple[str, str], state: str = "alerting") -> dict[str, Any]:
        return group(
            "firing" if any(status == "firing" for _, status in alerts) else "resolved",
            *(
                alert(status, mark, instance="plant-db-1", grafana_folder="Plant é")
                | {"values": {"B": 22.5, "C": 1}, "valueString": "[ var='B' value=22.5 ]", "silenceURL": "https://g/s",
                   "dashboardURL": "", "panelURL": "", "imageURL": "https://g/i.png", "orgId": 1}
                for mark, status in alerts
            ),
        ) | {"orgId": 1, "title": "[FIRING:2] Disk", "state": state, "message": "**Firing**\n"}  # fmt: skip

    assert len(sender.say(told(("a1", "firing"), ("b2", "firing")))) == 2
    assert len(sender.say(told(("a1", "firing"), ("b2", "firing")))) == 2
    assert sender.say(told(("a1", "resolved"), ("b2", "firing"))) == ["Disk b2 fails"]
    assert sender.say(told(("b2", "resolved"), state="ok")) == []
    assert count(sessions, Incident) == 2


def test_what_ended_unsaid_ends_with_its_group_once_the_sender_tells_of_ends(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    sender = Sender(stranger, sessions, "/in/alertmanager", make("alertmanager"))
    a, b = "Disk a1 fails", "Disk b2 fails"
    # send_resolved: false. What is over is only listed no more, and when all is over nothing is said at all.
    assert sender.say(group("firing", alert("firing", "a1"), alert("firing", "b2"))) == [a, b]
    assert sender.say(group("firing", alert("firing", "b2"))) == [a, b], "not listed is not well"
    assert sender.say(group("firing", alert("firing", "b2"))) == [a, b], "nor is it when it is repeated"
    # send_resolved: true from here on
    listed = group("firing", alert("resolved", "b2"), alert("firing", "c3"))
    assert sender.say(listed) == [a, "Disk c3 fails"], "an alert goes by its own word, in a group that still fires"
    assert sender.say(group("resolved", alert("resolved", "c3"))) == [], "what was never said goes with the group"
    assert sender.say(group("resolved", alert("resolved", "c3"))) == []
    assert count(sessions, Incident) == 3
    assert sender.say(group("firing", alert("firing", "a1", "2026-03-10T08:50:00Z"))) == [a]


def test_a_client_of_the_first_events_api_is_answered_as_it_knows(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    path, key = "/generic/2010-04-15/create_event.json", make("pagerduty")

    def say(kind: str, **more: Any) -> TestResponse:
        return stranger.client.post(path, json={"service_key": key, "event_type": kind, **more})

    began = say(
        "trigger", description="plant-db-1: disk", incident_key="n/1", client="nagios", details={"host": "plant-db-1"}
    )
    assert (began.status_code, began.json) == (
        200, {"status": "success", "message": "Event processed", "incident_key": "n/1"})  # fmt: skip
    say("trigger", description="plant-db-1: disk", incident_key="n/1", details="a text")
    (one,) = incidents(sessions)
    assert (one.title, one.severity, one.machine_id is not None) == ("plant-db-1: disk", 2, True)
    say("acknowledge", incident_key="n/1")
    say("resolve", incident_key="n/1", description="well again")
    assert incidents(sessions) == []
    made = say("trigger", description="no key of its own")
    assert made.json is not None
    assert len(made.json["incident_key"]) == 32
    wrong = stranger.client.post(path, json={"event_type": "trigger"})
    assert (wrong.status_code, wrong.json and wrong.json["errors"]) == (400, ["Service key is missing or blank"])


def test_every_kind_of_notification_of_an_icinga_leaves_the_right_thing_open(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    sender = Sender(stranger, sessions, "/in/icinga", make("nagios"))
    disk = "Disk / on plant-db-1 is CRITICAL"
    for kind, state, left in (
        ("DOWNTIMESTART", "OK", []),
        ("CUSTOM (é)", "CRITICAL", []),
        ("FLAPPINGSTART", "CRITICAL", []),
        ("PROBLEM", "CRITICAL", [disk]),
        ("PROBLEM", "CRITICAL", [disk]),
        ("ACKNOWLEDGEMENT", "CRITICAL", [disk]),
        ("FLAPPINGSTART", "CRITICAL", [disk]),
        ("FLAPPINGEND", "CRITICAL", [disk]),
        ("DOWNTIMESTART", "CRITICAL", [disk]),
        ("DOWNTIMEREMOVED", "CRITICAL", [disk]),
        ("DOWNTIMEEND", "CRITICAL", [disk]),
        ("RECOVERY", "OK", []),
        ("RECOVERY", "OK", []),
        ("FLAPPINGEND", "OK", []),
    ):
        assert sender.say(nagios(kind, state)) == left, kind
    assert count(sessions, Incident) == 1


@pytest.mark.parametrize(
    ("problem", "recovery"),
    [
        ({"type": "Notification", "notification_type": "PROBLEM", "host": "plant-db-1", "service": "load",
          "check_result": {"state": 2.0, "output": "LOAD 22"}},
         {"type": "Notification", "notification_type": "RECOVERY", "host": "plant-db-1", "service": "load",
          "check_result": {"state": 0.0, "output": "LOAD 1"}}),
        ({"NOTIFICATIONTYPE": "PROBLEM", "HOSTNAME": "plant-db-1", "HOSTSTATE": "DOWN", "SERVICEDESC": "$SERVICEDESC$"},
         {"NOTIFICATIONTYPE": "RECOVERY", "HOSTNAME": "plant-db-1", "HOSTSTATE": "UP", "SERVICEDESC": ""}),
        ({"notification": {"type": "PROBLEM"}, "host": {"name": "plant-db-1"},
          "service": {"name": "ping", "state": "2"}},
         {"notification": {"type": "RECOVERY"}, "host": {"name": "plant-db-1"},
          "service": {"name": "ping", "state": "0"}}),
    ],
    ids=["event stream", "host", "nested"],
)  # fmt: skip
def test_icinga_s_own_shapes_are_one_condition_from_problem_to_recovery(
    problem: dict[str, Any], recovery: dict[str, Any], stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    sender = Sender(stranger, sessions, "/in/icinga", make("nagios"))
    assert len(sender.say(problem)) == len(sender.say(problem)) == 1
    assert sender.say(recovery) == []
    assert count(sessions, Incident) == 1


KUMA = {"key": "monitor.name", "state": "heartbeat.status", "opens": "0", "ends": "1", "ignores": ["2", "3"],
        "title": "msg", "machine": "monitor.hostname"}  # fmt: skip
ZABBIX = {"key": "event.id", "state": "event.value", "opens": "1", "ends": "0", "severity": "event.severity",
          "title": "event.name", "machine": "host", "starts": "event.clock", "at": "sent"}  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (KUMA, [({"heartbeat": {"monitorID": 3, "status": 0, "time": "2026-03-10 08:00:00"}, "msg": "[shop] [Down]",
                  "monitor": {"id": 3, "name": "shop", "hostname": "plant-db-1"}}, 1),
                ({"heartbeat": {"status": 2}, "msg": "pending", "monitor": {"name": "shop"}}, 1),
                ({"heartbeat": {"status": 1}, "msg": "[shop] [Up]", "monitor": {"name": "shop"}}, 0)]),
        (ZABBIX, [({"event": {"id": "77", "value": "1", "severity": "Disaster", "name": "é", "clock": "1773126000"},
                    "host": "plant-db-1", "sent": 1773126000123}, 1),
                  ({"event": {"id": 77, "value": 1, "severity": "Disaster", "name": "é", "clock": 1773126000},
                    "host": "plant-db-1", "sent": "1773126000123"}, 1),
                  ({"event": {"id": 77, "value": 0}, "host": "plant-db-1", "sent": "1773126090000"}, 0),
                  ({"event": {"id": 77, "value": 1, "clock": 1773126000}, "sent": 1773126001000}, 0)]),
        ({"key": "name", "state": "status"},
         [({"name": "backup", "status": "down"}, 1), ({"name": "backup", "status": "up"}, 0)]),
        ({}, [({"monitorID": "5", "alertTypeFriendlyName": "Down"}, 1),
              ({"monitorID": 5, "alertTypeFriendlyName": "Up"}, 0)]),
        ({}, [({"check_id": 5, "current_state": "DOWN"}, 1), ({"check_id": 5, "current_state": "UP"}, 0)]),
    ],
    ids=["uptime kuma", "zabbix", "healthchecks", "uptime robot", "pingdom"],
)  # fmt: skip
def test_a_declared_mapping_reads_what_others_send(
    mapping: dict[str, Any], words: list[tuple[dict[str, Any], int]], stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    sender = Sender(stranger, sessions, "/in/hook", make("hook", mapping=mapping))
    for body, left in words:
        assert len(sender.say(body)) == left, body
    assert count(sessions, Incident) == 1
