"""Odd bodies and declared mappings: one alert is the same in every packing."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from models.inbound import InboundAlert
from models.session import SYSTEM, Sessions, work
from tests.http.conftest import Visitor
from tests.http.senders import Make, bearer, count, incidents
from tests.http.senders import make as make

WORDS = '{"HOSTNAME": "néon", "SERVICEDESC": "Café", "NOTIFICATIONTYPE": "PROBLEM", "SERVICESTATE": "CRITICAL"}'


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"HOSTNAME=n%E9on&SERVICEDESC=Caf%E9&NOTIFICATIONTYPE=PROBLEM&SERVICESTATE=CRITICAL", {}),
        (b"HOSTNAME=n\xe9on&SERVICEDESC=Caf\xe9&NOTIFICATIONTYPE=PROBLEM&SERVICESTATE=CRITICAL", {}),
        ("HOSTNAME=ne\u0301on&SERVICEDESC=Café&NOTIFICATIONTYPE=PROBLEM&SERVICESTATE=CRITICAL".encode(), {}),
        ('\ufeff{"HOSTNAME": "néon", "SERVICEDESC": "Café", "NOTIFICATIONTYPE": "PROBLEM", "SERVICESTATE": "CRITICAL"}'
         .encode(), {"Content-Type": "text/plain"}),
        ('{"host_name": "néon", "service_name": "Café", "notification_type": "Problem", "service_state": "CRITICAL"}'
         .encode("utf-16"), {"Content-Type": "application/json"}),
        ('{"HOSTNAME": "néon", "SERVICEDESC": "Café", "NOTIFICATIONTYPE": "PROBLEM", "SERVICESTATE": "CRITICAL"}'
         .encode("latin-1"), {"Content-Type": "application/json; charset=iso-8859-1"}),
        (gzip.compress('{"NAGIOS_HOSTNAME": "néon", "NAGIOS_SERVICEDESC": "Café", "NAGIOS_NOTIFICATIONTYPE": "PROBLEM",'
                       ' "NAGIOS_SERVICESTATE": "CRITICAL"}'.encode()),
         {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        ('{"HOSTNAME": "néon\\u0000", "SERVICEDESC": "Café", "NOTIFICATIONTYPE": "PROBLEM", "SERVICESTATE": "CRITICAL"}'
         .encode(), {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"payload=%7B%22HOSTNAME%22%3A%22n%C3%A9on%22%2C%22SERVICEDESC%22%3A%22Caf%C3%A9%22%2C%22NOTIFICATIONTYPE%22"
         b"%3A%22PROBLEM%22%2C%22SERVICESTATE%22%3A%22CRITICAL%22%7D", {}),
        (WORDS.encode("utf-16-le"), {"Content-Type": "application/json"}),
        (WORDS.encode("utf-32-be"), {"Content-Type": "application/json"}),
        (WORDS.encode(), {"Content-Type": "application/json; charset=iso-8859-1"}),
        (WORDS.encode(), {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        (gzip.compress(WORDS.encode()[:31]) + gzip.compress(WORDS.encode()[31:]), {"Content-Encoding": "gzip"}),
        (json.dumps(WORDS).encode(), {"Content-Type": "application/json"}),
        ((WORDS[:-1] + ', "n": ' + "9" * 6000 + "}").encode(), {"Content-Type": "application/json"}),
        (b"token=x&payload=" + quote(WORDS).encode(), {}),
        (b"host[name]=n%C3%A9on&service[name]=Caf%C3%A9&notification[type]=PROBLEM&service[state]=CRITICAL", {}),
    ],
)  # fmt: skip
def test_one_alert_is_the_same_in_every_packing(
    body: bytes, headers: dict[str, str], stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    said = stranger.client.post("/in/nagios", data=body, headers=form | headers | bearer(make("nagios")))
    assert said.status_code == 200, said.text
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(InboundAlert.key)).all() == ["néon/Café"]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"{", b"[1]", b'{"HOSTNAME": 1, "HOSTNAME": 2}', b"NOTIFICATIONTYPE=PROBLEM", b"HOSTNAME=a",
     b"HOSTNAME=a&NOTIFICATIONTYPE=NONSENSE", b"\x1f\x8b\x08broken", b'{"a":' * 5000, b"&" * 5000, b"=" * 5000,
     gzip.compress(b"a=" + b"b" * 5_000_000, mtime=0)],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_the_field_and_the_remedy(
    body: bytes, stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    said = stranger.client.post("/in/nagios", data=body, headers=bearer(make("nagios")))
    assert said.status_code == 422
    assert said.json is not None
    assert {"field", "problem", "remedy"} <= {name for name, words in said.json["errors"][0].items() if words}
    assert count(sessions, InboundAlert) == 0


def test_a_hook_is_read_by_the_mapping_its_door_declares(stranger: Visitor, make: Make, sessions: Sessions) -> None:
    mapping = {
        "items": "events",
        "key": ["device.name", "check"],
        "state": "was",
        "opens": ["kaputt"],
        "ends": ["heil"],
        "severity": "prio",
        "title": "words",
        "machine": "device.name",
    }
    headers = bearer(make("hook", mapping=mapping, severities={"rot": 1}))

    def say(*states: str) -> Any:
        events = [
            {"device": {"name": "plant-db-1"}, "check": str(at), "was": state, "prio": "rot", "words": f"oven {at}"}
            for at, state in enumerate(states)
        ]
        return stranger.client.post("/in/hook", json={"events": events}, headers=headers)

    assert say("kaputt", "kaputt", "heil").status_code == 200
    assert [(one.title, one.severity) for one in incidents(sessions)] == [("oven 0", 1), ("oven 1", 1)]
    say("heil", "kaputt")
    assert [one.title for one in incidents(sessions)] == ["oven 1"]
    said = say("vielleicht")
    assert (said.status_code, said.json["errors"][0]["field"]) == (422, "events.0.was")
    said = stranger.client.post("/in/hook", json={"events": [{"was": "kaputt"}]}, headers=headers)
    assert said.status_code == 422
    assert said.json is not None
    assert said.json["errors"][0]["field"] == "events.0.device.name"


def test_a_hook_without_a_mapping_understands_the_usual_names(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    headers = bearer(make("hook"))
    stranger.client.post("/in/hook", data={"id": "7", "status": "down", "subject": "Shop is down"}, headers=headers)
    assert [one.title for one in incidents(sessions)] == ["Shop is down"]
    stranger.client.post("/in/hook", json={"id": 7, "status": "up"}, headers=headers)
    assert incidents(sessions) == []


@pytest.mark.parametrize(
    ("opens", "ends"),
    [
        ({"alert_id": 8, "alert_transition": "Triggered"}, {"alert_id": 8, "alert_transition": "Recovered"}),
        ({"AlarmName": "cpu", "NewStateValue": "ALARM"}, {"AlarmName": "cpu", "NewStateValue": "OK"}),
        ({"ruleId": 9, "state": "alerting"}, {"ruleId": 9, "state": "ok"}),
        (  # the parameters of Zabbix' own webhooks
            {
                "event_id": "77",
                "event_value": "1",
                "event_severity": "Disaster",
                "event_name": "Disk",
                "host_name": "a",
            },
            {"event_id": "77", "event_value": "0", "event_severity": "Disaster", "event_name": "Disk"},
        ),
    ],
)
def test_senders_that_many_have_need_no_mapping(
    opens: dict[str, Any], ends: dict[str, Any], stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    headers = bearer(make("hook"))
    for body, left in ((opens, 1), (opens, 1), (ends, 0)):
        assert stranger.client.post("/in/hook", json=body, headers=headers).status_code == 200
        assert len(incidents(sessions)) == left
