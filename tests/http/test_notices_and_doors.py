"""The pages of notices and of doors, and what an open browser is given to show."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module

import pytest
from flask import Flask
from sqlalchemy import select

from escalation import outbox
from escalation.intake import report
from models.inbound import InboundDoor
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor
from tests.http.test_pages import counting

Visit = Callable[[str], Visitor]


def form(visitor: Visitor, **fields: str) -> dict[str, str]:
    return {"csrf": visitor.csrf, **fields}


def test_a_door_is_made_on_its_page_and_its_token_shown_once(
    visit: Visit, stranger: Visitor, cast: Cast, sessions: Sessions
) -> None:
    max_ = visit("max")
    made = max_.post("/doors/new", data=form(max_, customer=str(cast.plant), name="Nagios", kind="nagios"))
    assert made.status_code == 200
    (token,) = re.findall(r'id="secret">(\S+)</code>', made.text)
    down = {"HOSTNAME": "a", "HOSTSTATE": "DOWN", "NOTIFICATIONTYPE": "PROBLEM"}
    said = stranger.client.post("/in/nagios", data=down, headers={"Authorization": f"Bearer {token}"})
    assert said.status_code == 200
    listed = max_.get("/doors").text
    assert token not in listed
    assert f"…{token[-4:]}" in listed
    with work(sessions, SYSTEM) as session:
        door = session.scalars(select(InboundDoor.id)).one()
    max_.post(f"/doors/{door}/close", data=form(max_))
    assert stranger.client.post("/in/nagios", headers={"X-Vigie-Token": token}).status_code == 401


def test_a_door_that_cannot_be_made_says_why_beside_the_field(visit: Visit, cast: Cast) -> None:
    max_ = visit("max")
    wrong = form(max_, customer=str(cast.plant), name="", kind="hook", mapping="{")
    said = max_.post("/doors/new", data=wrong)
    assert said.status_code == 422
    assert "It is not JSON" in said.text
    unknown = form(max_, customer=str(cast.plant), name="a", kind="hook", mapping='{"colour": "a"}')
    assert "mapping.colour is not known here" in max_.post("/doors/new", data=unknown).text


def test_an_engineer_sees_doors_and_makes_none(visit: Visit) -> None:
    dee = visit("dee")
    assert "Make a door" not in dee.get("/doors").text
    assert dee.get("/doors/new").status_code == 403


def test_the_log_shows_each_notice_and_sends_one_again(
    visit: Visit, cast: Cast, sessions: Sessions, app: Flask
) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        (notice, *_) = session.scalars(select(Notice))
        outbox.fail(session, notice, "mailbox full", cast.now, permanent=True)
        id = notice.id
    dee = visit("dee")
    said = dee.get("/notices?show=given-up").text
    assert "mailbox full" in said
    with counting(app) as asked:
        assert dee.post(f"/notices/{id}/send-again", data=form(dee)).status_code == 303
    assert any("pg_notify" in statement for statement in asked), "the sender is woken, and does not wait for its turn"
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Notice, id).state == "waiting"


def test_older_notices_are_a_page_further(
    visit: Visit, cast: Cast, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("app.pages.notices"), "MOST_SHOWN", 2)
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        body = {"type": "vigie.incident.alert", "text": "t", "path": "/", "data": {}}
        for n in range(5):
            draft = outbox.Draft(0, 50 + n, "email", f"n{n}@example.org", "s", body, f"why {n}")
            outbox.enqueue(session, desk.the_incident(session), draft, cast.now + desk.minutes(n + 1))
    dee, path, seen = visit("dee"), "/notices", []
    for _ in range(2):
        page = dee.get(path).text
        seen += re.findall(r"<small>why (\d)</small>", page)
        path = re.findall(r'href="(/notices\?before=[^"]+)">Older', page)[0]
    assert seen == ["4", "3", "2", "1"]
    assert "The newest" in dee.get(path).text
    assert "Older" not in dee.get("/notices?before=nonsense&show=given-up").text


def test_the_log_hides_what_lets_others_post_and_finds_what_a_provider_reports_failed(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        (notice, *_) = session.scalars(select(Notice))
        notice.channel, notice.address = "slack", "https://hooks.example/services/T0/B0/s3cretWORD"
        outbox.settle(session, notice.id, {"status": 200}, cast.now)
        notice.receipt = {"delivery": "failed", "said": "undelivered", "provider": "acme"}
    said = visit("dee").get("/notices?show=given-up").text
    assert "https://hooks.example/…WORD" in said
    assert "s3cret" not in said
    assert "acme reports undelivered" in said
    listed = visit("dee").get("/api/v1/notices?channel=slack").json
    assert listed is not None
    assert [one["address"] for one in listed["items"]] == ["https://hooks.example/…WORD"]


def test_an_open_browser_is_given_its_own_notices_until_it_has_shown_them(
    visit: Visit, cast: Cast, sessions: Sessions, hands: Hands
) -> None:
    dee, eve = visit("dee"), visit("eve")
    dee.post("/notices/browser/switch", data=form(dee))
    with work(sessions, SYSTEM) as session:
        assert [way["channel"] for way in session.get_one(Person, cast.dee).notify] == ["email", "browser"]
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
    given = dee.get("/notices/browser").json
    assert given is not None
    (one,) = given["notices"]
    assert one["path"].startswith("/incidents/VG-")
    assert eve.get("/notices/browser").json == {"notices": []}
    eve.post(f"/notices/browser/{one['id']}/shown")
    assert dee.get("/notices/browser").json == given, "nobody else's word counts"
    assert dee.post(f"/notices/browser/{one['id']}/shown").status_code == 204
    assert dee.get("/notices/browser").json == {"notices": []}


def test_what_no_page_has_shown_is_let_go(visit: Visit, cast: Cast, sessions: Sessions, hands: Hands) -> None:
    dee = visit("dee")
    dee.post("/notices/browser/switch", data=form(dee))
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
    hands.forward(minutes=11)
    assert dee.get("/notices/browser").json == {"notices": []}
    with work(sessions, SYSTEM) as session:
        assert outbox.let_go_unshown(session, hands()) == 1
        shown = session.scalars(select(Notice).where(Notice.channel == "browser")).one()
        assert shown.state == "not shown"
