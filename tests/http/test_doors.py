"""Who may come in at the doors, and that one condition is one incident, however often and by whomever it is said."""

from __future__ import annotations

import base64

import pytest
from sqlalchemy import select

from app import limits
from escalation.inbound import doors
from models.decisions import DecisionRow
from models.inbound import InboundAlert
from models.incidents import Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor
from tests.http.senders import Make, alert, bearer, count, group, incidents, nagios
from tests.http.senders import make as make


def test_a_token_is_taken_from_a_bearer_a_basic_secret_or_our_own_header(stranger: Visitor, make: Make) -> None:
    token = make("nagios")
    basic = base64.b64encode(f"door:{token}".encode()).decode()
    for headers in (bearer(token), {"Authorization": f"Basic {basic}"}, {"X-Vigie-Token": token}):
        said = stranger.client.post("/in/nagios", data=nagios("PROBLEM", "CRITICAL"), headers=headers)
        assert said.status_code == 200, said.text


def test_without_the_token_of_an_open_door_nothing_is_taken(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Cast
) -> None:
    token = make("nagios")
    with work(sessions, SYSTEM) as session:
        door = doors.find(session, token, None)
        assert door is not None
        doors.close(session, door, "a test", cast.now)
    tries: list[tuple[str, dict[str, str]]] = [
        ("/in/nagios", {}),
        ("/in/nagios", bearer("vgd_of-nobody-at-all-000000")),
        ("/in/nagios", bearer(token)),
        (f"/in/nagios/{make('nagios')}", {}),
    ]
    for path, headers in tries:
        said = stranger.client.post(path, data=nagios("PROBLEM", "CRITICAL"), headers=headers)
        assert (said.status_code, said.mimetype) == (401, "application/problem+json")
    assert count(sessions, InboundAlert) == 0


def test_a_slash_at_the_end_of_a_doors_address_is_no_other_door(stranger: Visitor, make: Make) -> None:
    token = make("pagerduty")
    event = {"routing_key": token, "event_action": "trigger", "dedup_key": "a",
             "payload": {"summary": "Oven cold", "source": "oven-1", "severity": "critical"}}  # fmt: skip
    assert stranger.client.post("/v2/enqueue/", json=event).status_code == 202
    said = stranger.client.post("/in/nagios/", data=nagios("PROBLEM", "CRITICAL"), headers=bearer(make("nagios")))
    assert said.status_code == 200, said.text


def test_a_door_that_allows_it_finds_its_token_in_the_path(stranger: Visitor, make: Make) -> None:
    token = make("hook", token_in_path=True)
    assert stranger.client.post(f"/in/hook/{token}", json={"id": "a", "title": "Oven cold"}).status_code == 200


def test_the_token_of_another_kind_of_door_is_told_where_to_go(stranger: Visitor, make: Make) -> None:
    said = stranger.client.post("/in/hook", json={"id": "a"}, headers=bearer(make("nagios")))
    assert said.status_code == 404
    assert said.json is not None
    assert "/in/nagios" in said.json["remedy"]


def test_an_alert_opens_one_incident_on_the_machine_it_names_and_ends_it(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Cast
) -> None:
    headers = bearer(make("alertmanager"))
    for _ in range(3):  # the sender repeats, and its twin says the same
        said = stranger.client.post("/in/alertmanager", json=group("firing", alert("firing")), headers=headers)
        assert said.status_code == 200, said.text
    (incident,) = incidents(sessions)
    assert (incident.machine_id, incident.severity, incident.channel) == (cast.plant_machine, 1, "alertmanager")
    assert incident.evidence["alert"]["labels"]["alertname"] == "DiskFails"
    stranger.client.post("/in/alertmanager", json=group("resolved", alert("resolved")), headers=headers)
    assert incidents(sessions) == []
    assert [one.id for one in incidents(sessions, "resolved")] == [incident.id]


def test_two_alertmanagers_at_two_doors_make_one_incident_that_ends_with_the_last(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    one, two = bearer(make("alertmanager")), bearer(make("alertmanager"))
    for headers in (one, two):
        stranger.client.post("/in/alertmanager", json=group("firing", alert("firing")), headers=headers)
    assert len(incidents(sessions)) == 1
    stranger.client.post("/in/alertmanager", json=group("resolved", alert("resolved")), headers=one)
    assert len(incidents(sessions)) == 1, "the other one still sees it"
    stranger.client.post("/in/alertmanager", json=group("resolved", alert("resolved")), headers=two)
    assert incidents(sessions) == []


def test_a_retry_that_was_overtaken_by_the_end_opens_nothing(
    stranger: Visitor, make: Make, sessions: Sessions, hands: Hands
) -> None:
    headers = bearer(make("alertmanager"))

    def say(status: str, **more: str) -> None:
        stranger.client.post("/in/alertmanager", json=group(status, alert(status, **more)), headers=headers)

    say("firing")
    say("resolved")
    say("firing")  # the first one again, held up on its way
    assert incidents(sessions) == []
    say("firing", starts="2026-03-10T08:45:00Z")
    assert len(incidents(sessions)) == 1, "a later start is a new beginning"
    assert len(incidents(sessions, "open", "resolved")) == 1, "so soon after the end it is the same incident"
    hands.forward(minutes=1)
    say("resolved", starts="2026-03-10T08:00:00Z")
    assert len(incidents(sessions)) == 1, "the end of the occurrence before ends nothing now"


def test_an_end_that_overtakes_its_beginning_leaves_nothing_open(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    of_nagios, of_alertmanager = bearer(make("nagios")), bearer(make("alertmanager"))

    def notify(kind: str, state: str, at: int) -> str:
        said = stranger.client.post("/in/nagios", data=nagios(kind, state, TIMET=str(at)), headers=of_nagios)
        return str(said.get_json()["outcomes"][0]["outcome"])

    def say(status: str, starts: str) -> None:
        told = group(status, alert(status, "f9", starts))
        stranger.client.post("/in/alertmanager", json=told, headers=of_alertmanager)

    # The first notification waits for its retry while the recovery gets through; and once more, after a good pair.
    at = 1_773_133_000
    assert notify("RECOVERY", "OK", at + 60) == "nothing"
    assert notify("PROBLEM", "CRITICAL", at) == "late"
    assert notify("PROBLEM", "CRITICAL", at + 120) == "opened"
    assert notify("RECOVERY", "OK", at + 180) == "resolved"
    assert notify("RECOVERY", "OK", at + 300) == "nothing"
    assert notify("PROBLEM", "CRITICAL", at + 240) == "late"
    say("firing", "2026-03-10T08:00:00Z")
    say("resolved", "2026-03-10T08:00:00Z")
    say("resolved", "2026-03-10T08:20:00Z")
    say("firing", "2026-03-10T08:20:00Z")
    assert incidents(sessions) == []


def test_a_number_that_is_none_breaks_nothing(stranger: Visitor, make: Make, sessions: Sessions) -> None:
    of_nagios, of_alertmanager = bearer(make("nagios")), bearer(make("alertmanager"))
    odd = nagios("PROBLEM", "²", NOTIFICATIONNUMBER="²", SERVICESTATEID="²", TIMET="²")
    assert stranger.client.post("/in/nagios", data=odd, headers=of_nagios).status_code == 200
    told = group("firing", alert("firing", "f7")) | {"truncatedAlerts": "²"}
    assert stranger.client.post("/in/alertmanager", json=told, headers=of_alertmanager).status_code == 200
    assert len(incidents(sessions)) == 2


def test_a_group_of_which_some_is_cut_off_is_over_when_it_says_so(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    headers = bearer(make("alertmanager"))
    firing = group("firing", alert("firing", "f1"), alert("firing", "f2"), cut_off=3)
    stranger.client.post("/in/alertmanager", json=firing, headers=headers)
    assert len(incidents(sessions)) == 2
    ended = group("resolved", alert("resolved", "f1"), cut_off=4)
    stranger.client.post("/in/alertmanager", json=ended, headers=headers)
    assert incidents(sessions) == []


def test_a_door_for_groups_keeps_one_incident_a_group(stranger: Visitor, make: Make, sessions: Sessions) -> None:
    headers = bearer(make("alertmanager", one_for="group"))
    firing = group("firing", alert("firing", "f1"), alert("firing", "f2", severity="warning"), cut_off=3)
    stranger.client.post("/in/alertmanager", json=firing, headers=headers)
    (incident,) = incidents(sessions)
    assert (incident.severity, "5 alerts" in incident.title) == (1, True)
    half = group("firing", alert("resolved", "f1"), alert("firing", "f2"))
    stranger.client.post("/in/alertmanager", json=half, headers=headers)
    assert len(incidents(sessions)) == 1
    stranger.client.post("/in/alertmanager", json=group("resolved", alert("resolved", "f2")), headers=headers)
    assert incidents(sessions) == []


def test_what_a_sender_declares_to_be_the_cause_joins_what_others_opened_for_it(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    firing = group("firing", alert("firing", vigie_cause="disk:/"))
    stranger.client.post("/in/alertmanager", json=firing, headers=bearer(make("alertmanager")))
    problem = nagios("PROBLEM", "CRITICAL", _SERVICEVIGIE_CAUSE="disk:/")
    said = stranger.client.post("/in/nagios", data=problem, headers=bearer(make("nagios")))
    assert said.json is not None
    assert said.json["outcomes"][0]["outcome"] == "joined"
    assert len(incidents(sessions)) == 1


def test_a_flapping_alert_keeps_its_incident_and_calls_nobody_twice_within_minutes(
    stranger: Visitor, make: Make, sessions: Sessions, hands: Hands
) -> None:
    headers = bearer(make("nagios"))
    for _ in range(20):
        stranger.client.post("/in/nagios", data=nagios("PROBLEM", "CRITICAL"), headers=headers)
        stranger.client.post("/in/nagios", data=nagios("RECOVERY", "OK"), headers=headers)
        hands.forward(seconds=10)
    assert count(sessions, Incident) == 1
    with work(sessions, SYSTEM) as session:
        from models.notices import Notice

        told: dict[str, int] = {}
        for notice in session.scalars(select(Notice)):
            told[notice.address] = told.get(notice.address, 0) + 1
    assert max(told.values()) <= 1, told


def test_a_recovery_that_flapping_swallowed_is_made_good_by_its_end(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    headers = bearer(make("nagios"))
    for kind, state in (("PROBLEM", "CRITICAL"), ("FLAPPINGSTART", "OK"), ("FLAPPINGSTOP", "OK")):
        stranger.client.post("/in/nagios", data=nagios(kind, state), headers=headers)
    assert incidents(sessions) == []


@pytest.mark.parametrize("over", ["DOWNTIMEEND", "DOWNTIMECANCELLED", "DOWNTIMEREMOVED"])
def test_a_recovery_that_a_downtime_swallowed_is_made_good_by_its_end(
    over: str, stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    headers = bearer(make("nagios"))
    for kind, state, open_after in (
        ("PROBLEM", "CRITICAL", 1), ("DOWNTIMESTART", "CRITICAL", 1), (over, "WARNING", 1), (over, "OK", 0),
        (over, "OK", 0), ("DOWNTIMESTART", "OK", 0), (over, "CRITICAL", 0),
    ):  # fmt: skip
        stranger.client.post("/in/nagios", data=nagios(kind, state), headers=headers)
        assert len(incidents(sessions)) == open_after, (kind, state)


def test_an_acknowledgement_stops_the_ladder_only_where_the_door_trusts_it(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    trusted, doubted = make("nagios"), make("nagios", acknowledges=False)
    for token, service in ((trusted, "a"), (doubted, "b")):
        for kind in ("PROBLEM", "ACKNOWLEDGEMENT"):
            stranger.client.post(
                "/in/nagios", data=nagios(kind, "CRITICAL", SERVICEDESC=service), headers=bearer(token)
            )
    found = {one.title[0]: (one.state, one.next_rung_at is None) for one in incidents(sessions)}
    assert found == {"a": ("acknowledged", True), "b": ("open", False)}


@pytest.mark.parametrize(
    ("kind", "status"), [("alertmanager", 503), ("nagios", 503), ("hook", 503), ("pagerduty", 429)]
)
def test_too_much_at_once_is_answered_as_its_sender_comes_again(
    kind: str, status: int, stranger: Visitor, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DOOR_CALLS", limits.Limit("door", burst=1, every_s=60))
    token = make(kind)
    path = "/v2/enqueue" if kind == "pagerduty" else f"/in/{kind}"
    body = {"routing_key": token, "event_action": "resolve", "dedup_key": "a", "id": "a", "status": "resolved",
            "alerts": [], **nagios("RECOVERY", "OK")}  # fmt: skip
    headers = {} if kind == "pagerduty" else bearer(token)
    first, second = (stranger.client.post(path, json=body, headers=headers) for _ in range(2))
    assert first.status_code in (200, 202), first.text
    assert second.status_code == status
    assert int(second.headers["Retry-After"]) > 0


def test_a_refusal_is_answered_with_its_words_and_kept(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        from models.agreements import Contract

        session.get_one(Contract, cast.joinery_contract).state = "suspended"
    headers = bearer(make("nagios", whose=cast.joinery))
    for _ in range(3):
        said = stranger.client.post("/in/nagios", data=nagios("PROBLEM", "CRITICAL"), headers=headers)
        assert said.status_code == 200
        assert said.json is not None
    decision = said.json["outcomes"][0]["decision"]
    assert decision["outcome"] == "refused"
    assert min(len(decision["reason"]), len(decision["remedy"])) > 10
    assert (count(sessions, Incident), count(sessions, DecisionRow)) == (0, 1)


def test_an_alert_reaches_no_machine_of_another_customer(
    stranger: Visitor, make: Make, sessions: Sessions, cast: Cast
) -> None:
    headers = bearer(make("nagios", whose=cast.joinery))
    stranger.client.post("/in/nagios", data=nagios("PROBLEM", "CRITICAL"), headers=headers)  # names Ada's machine
    (incident,) = incidents(sessions)
    assert (incident.customer_id, incident.machine_id) == (cast.joinery, None)


def test_a_resolved_group_whose_list_is_null_is_over_and_a_count_may_be_a_text(
    stranger: Visitor, make: Make, sessions: Sessions
) -> None:
    headers = bearer(make("alertmanager"))
    firing = group("firing", alert("firing", "f1")) | {"truncatedAlerts": "3"}
    assert stranger.client.post("/in/alertmanager", json=firing, headers=headers).status_code == 200
    ended = group("resolved") | {"alerts": None, "truncatedAlerts": 10**30}
    assert stranger.client.post("/in/alertmanager", json=ended, headers=headers).status_code == 200
    assert incidents(sessions) == []
