"""Slack, Teams, PagerDuty and declared providers against a receiver that behaves and one that does not."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest

from escalation.channels import Channel, ChannelError, Letter
from escalation.channels.chat import slack, teams
from escalation.channels.pagerduty import pagerduty
from escalation.channels.provider import Provider, delivery, is_receipt_of, provider_channel, read, receipt_path
from tests.sink import Sink, sink

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
HOUSE = "https://vigie.example"
KEY = b"k" * 32
SMS = {
    "url": "{url}/messages",
    "form": {"To": "{{to}}", "Body": "{{text}}", "StatusCallback": "{{receipt_url}}"},
    "headers": {"Authorization": "Bearer {{secret}}"},
    "id": "sid",
}


def letter(address: str, **body: Any) -> Letter:
    said = {"type": "vigie.incident.page", "text": "A <b> & c\nWhy: you", "path": "/incidents/VG-1001",
            "data": {"incident": "VG-1001", "machine": "plant-db-1", "severity": 1}}  # fmt: skip
    return Letter(uuid.UUID(int=7), uuid.UUID(int=8), address, "[VG-1001] Disk <!channel>", said | body, NOW)


def provider(url: str, **more: Any) -> Provider:
    return read("acme", {**SMS, "url": f"{url}/messages", **more}, "s3cret")


def sms(url: str) -> Channel:
    return provider_channel(provider(url), HOUSE, KEY, allow_private=True, deadline_s=1)


MAKE: dict[str, Callable[[str], tuple[Channel, str]]] = {
    "slack": lambda url: (slack(HOUSE, allow_private=True, deadline_s=1), f"{url}/services/T0/B0/x"),
    "teams": lambda url: (teams(HOUSE, allow_private=True, deadline_s=1), f"{url}/workflows/x"),
    "pagerduty": lambda url: (pagerduty(HOUSE, url, allow_private=True, deadline_s=1), "r" * 32),
    "sms": lambda url: (sms(url), "+33 6 12 34 56 78"),
}


def say(name: str, there: Sink, **body: Any) -> dict[str, Any]:
    channel, address = MAKE[name](there.url)
    return dict(channel(letter(address, **body), NOW).facts)


def test_slack_gets_blocks_in_which_a_machine_cannot_call_everybody() -> None:
    with sink() as there:
        assert say("slack", there) == {"status": 200}
    said = there.heard[0].json
    assert "<" not in said["text"]
    assert said["blocks"][1]["text"]["text"].startswith("A &lt;b&gt; &amp; c")
    assert said["blocks"][2]["elements"][0]["url"] == f"{HOUSE}/incidents/VG-1001"


def test_teams_gets_an_adaptive_card_with_a_way_to_the_incident() -> None:
    with sink(status=202) as there:
        say("teams", there)
    attachment = there.heard[0].json["attachments"][0]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["body"][0]["text"].startswith("\\[VG-1001\\] Disk")
    assert attachment["content"]["actions"][0]["url"] == f"{HOUSE}/incidents/VG-1001"


@pytest.mark.parametrize(
    ("type", "action"),
    [("vigie.incident.page", "trigger"), ("vigie.incident.alert", "trigger"),
     ("vigie.incident.acknowledged", "acknowledge"), ("vigie.incident.resolved", "resolve")],
)  # fmt: skip
def test_pagerduty_hears_of_one_incident_by_one_key(type: str, action: str) -> None:
    with sink(status=202) as there:
        assert say("pagerduty", there, type=type)["status"] == 202
    (heard,) = there.heard
    assert heard.path == "/v2/enqueue"
    assert heard.json["event_action"] == action
    assert heard.json["dedup_key"] == str(uuid.UUID(int=8))
    assert ("payload" in heard.json) == (action == "trigger")
    if action == "trigger":
        assert (heard.json["payload"]["severity"], heard.json["payload"]["source"]) == ("critical", "plant-db-1")


def test_what_we_send_as_pagerduty_our_own_door_understands() -> None:
    from escalation.inbound.events import Door
    from escalation.inbound.pagerduty import parse

    with sink(status=202) as there:
        say("pagerduty", there)
    (event,) = parse(there.heard[0].json, Door()).events
    assert (event.severity, event.machines[0]) == (1, "plant-db-1")


def test_a_provider_is_posted_what_its_declaration_says() -> None:
    with sink(status=201, answer=b'{"sid": "SM1"}') as there:
        assert say("sms", there) == {"status": 201, "provider": "acme", "theirs": "SM1"}
    (heard,) = there.heard
    fields = {name: values[0] for name, values in parse_qs(heard.body.decode()).items()}
    assert heard.headers["authorization"] == "Bearer s3cret"
    assert heard.headers["idempotency-key"] == str(uuid.UUID(int=7))
    assert fields["To"] == "+33 6 12 34 56 78"
    assert fields["Body"].endswith(f"{HOUSE}/incidents/VG-1001")
    assert len(fields["Body"]) <= 459
    assert fields["StatusCallback"] == HOUSE + receipt_path("acme", uuid.UUID(int=7), KEY)


def test_a_machines_words_cannot_ask_for_the_secret() -> None:
    with sink() as there:
        channel, address = MAKE["sms"](there.url)
        channel(letter(address, text="{{secret}} {{to}}"), NOW)
    assert b"s3cret" not in there.heard[0].body


def test_a_machines_words_give_a_voice_no_instructions() -> None:
    spoken = "<Response><Say>{{text_xml}}</Say></Response>"
    with sink() as there:
        voice = provider(there.url, channel="voice", form={"Twiml": spoken, "Said": "{{text}} {{subject_xml}}"})
        channel = provider_channel(voice, HOUSE, KEY, allow_private=True, deadline_s=1)
        channel(letter("+33 6 12 34 56 78", text='load < 3 & "up"</Say>\x00<Dial>+1</Dial>'), NOW)
    fields = {name: values[0] for name, values in parse_qs(there.heard[0].body.decode()).items()}
    (say_it,) = ElementTree.fromstring(fields["Twiml"])
    assert 'load < 3 & "up"</Say> <Dial>+1</Dial>' in (say_it.text or "")
    assert "load < 3 &" in fields["Said"], "what is no markup is told as it is"


@pytest.mark.parametrize("number", ["", "dee@example.org", "12", "+1; DROP", "0x41", "1" * 40])
def test_what_is_no_telephone_number_is_refused_for_good(number: str) -> None:
    with sink() as there, pytest.raises(ChannelError) as refused:
        sms(there.url)(letter(number), NOW)
    assert refused.value.permanent
    assert there.heard == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "is no object"),
        ({}, "acme.url"),
        ({"url": "https://a.example"}, "form or json"),
        ({"url": "https://a.example", "form": {}, "json": {}}, "form or json"),
        ({"url": "https://a.example", "form": {"a": "{{password}}"}}, "{{password}}"),
        ({"url": "https://a.example", "form": {}, "retries": 3}, "acme.retries"),
        ({"url": "https://a.example", "form": {}, "receipts": {"ok": 1}}, "acme.receipts"),
        ({"url": "https://a.example", "form": "To={{to}}"}, "acme.form"),
        ({"url": "https://a.example", "form": {}, "headers": ["Authorization"]}, "acme.headers"),
        ({"url": "https://a.example", "form": {}, "taken": 200}, "acme.taken"),
        ({"url": "https://a.example", "form": {}, "refused": ["4xx"]}, "acme.refused"),
        ({"url": "https://a.example", "form": {}, "longest": "long"}, "acme.longest"),
        ({"url": "https://a.example", "form": {}, "receipts": {"delivered": "ok"}}, "acme.receipts.delivered"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused_by_its_field(said: object, words: str) -> None:
    with pytest.raises(ValueError, match="acme") as refused:
        read("acme", said)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"MessageStatus": "delivered"}, ("delivered", "delivered")),
        ({"MessageStatus": "undelivered"}, ("failed", "undelivered")),
        ({"MessageStatus": "sent"}, ("", "sent")),
        ({"CallStatus": "no-answer"}, ("failed", "no-answer")),
        ({}, ("", "")),
    ],
)
def test_a_receipt_is_read_by_its_word(said: dict[str, str], outcome: tuple[str, str]) -> None:
    assert delivery(provider("https://a.example"), said) == outcome


def test_a_receipts_address_counts_for_one_message_of_one_provider() -> None:
    seal = receipt_path("acme", uuid.UUID(int=7), KEY).rpartition("/")[2]
    assert is_receipt_of("acme", uuid.UUID(int=7), seal, KEY)
    assert not is_receipt_of("acme", uuid.UUID(int=9), seal, KEY)
    assert not is_receipt_of("other", uuid.UUID(int=7), seal, KEY)
    assert not is_receipt_of("acme", uuid.UUID(int=7), seal, b"x" * 32)
    assert not is_receipt_of("acme", uuid.UUID(int=7), "é", KEY)


@pytest.mark.parametrize("name", sorted(MAKE))
@pytest.mark.parametrize(
    ("how", "permanent", "wait"),
    [
        ({"status": 500}, False, None),
        ({"status": 429, "headers": {"Retry-After": "120"}}, False, 120.0),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/inner"}}, False, None),
        ({"status": 410}, True, None),
        ({"status": 503, "answer": b"x" * 10_000_000}, False, None),
        ({"hang": True}, False, None),
    ],
    ids=["500", "429", "302", "410", "10 MB", "hang"],
)
def test_every_channel_understands_a_receiver_that_misbehaves(
    name: str, how: dict[str, Any], permanent: bool, wait: float | None
) -> None:
    if "hang" in how:
        how = {"hang": threading.Event()}
    if name == "pagerduty" and how.get("status") == 410:
        how = {"status": 400, "answer": b'{"status": "invalid event", "errors": ["Invalid routing key"]}'}
    with sink(**how) as there, pytest.raises(ChannelError) as refused:
        say(name, there)
    assert (refused.value.permanent, refused.value.retry_after_s) == (permanent, wait)
    assert len(there.heard) == 1


@pytest.mark.parametrize("name", sorted(MAKE))
def test_no_channel_reaches_into_the_house(name: str) -> None:
    with sink() as there:
        guarded: dict[str, Channel] = {
            "slack": slack(HOUSE),
            "teams": teams(HOUSE),
            "pagerduty": pagerduty(HOUSE, there.url.replace("http://", "https://")),
            "sms": provider_channel(provider(there.url.replace("http://", "https://")), HOUSE, KEY),
        }
        address = MAKE[name](there.url.replace("http://", "https://"))[1]
        with pytest.raises(ChannelError) as refused:
            guarded[name](letter(address), NOW)
    assert refused.value.permanent
    assert there.heard == []
