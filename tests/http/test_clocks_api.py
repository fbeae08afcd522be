"""Clocks and calendars through the API: explained, stopped, judged, counted again; versions that rewrite nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from app.api import BASE
from escalation.tick import tick
from models.session import SYSTEM, Sessions, work
from tests.http.conftest import Hands, Visitor
from tests.http.world import Things

OFFICE = {day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.fixture
def dee(visit: Callable[[str], Visitor]) -> Visitor:
    return visit("dee")


def got(visitor: Visitor, path: str) -> Any:
    answer = visitor.get(BASE + path)
    assert answer.status_code == 200, answer.text
    return answer.json


def sent(visitor: Visitor, path: str, body: Any = None, status: int = 200) -> Any:
    answer = visitor.post(BASE + path, body)
    assert answer.status_code == status, answer.text
    return answer.json


def test_a_clock_says_what_counted_in_segments_a_sentence_and_a_picture(
    dee: Visitor, visit: Callable[[str], Visitor], world: dict[str, Things], hands: Hands
) -> None:
    hands.forward(minutes=45)
    path = f"/incidents/{world['plant'].incident}/promises"
    (promise,) = got(dee, path)["items"]
    lasting = sum(_seconds(one) for one in promise["segments"] if one["kind"] == "counted")
    assert lasting == promise["elapsed_s"] == 2700
    assert [(one["percent"], one["at"][11:16]) for one in promise["thresholds"]] == [
        (50, "09:30"), (75, "09:45"), (90, "09:54"), (100, "10:00"),
    ]  # fmt: skip
    picture = ElementTree.fromstring(promise["svg"])
    title = picture.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == promise["explanation"]
    assert got(visit("ada"), path)["items"][0]["party"] == "customer"


def _seconds(segment: dict[str, str]) -> float:
    return (datetime.fromisoformat(segment["end"]) - datetime.fromisoformat(segment["start"])).total_seconds()


def test_a_visit_is_promised_and_kept_and_a_first_response_is_kept_by_writing(
    dee: Visitor, world: dict[str, Things], hands: Hands
) -> None:
    path = f"/incidents/{world['plant'].incident}/promises"
    visit = sent(dee, path, {"kind": "on_site"}, 201)
    assert (visit["kind"], visit["due_at"]) == ("on_site", "2026-03-10T11:00:00Z")
    assert dee.post(BASE + path, {"kind": "on_site"}).status_code == 409
    hands.forward(minutes=30)
    assert sent(dee, f"{path}/{visit['id']}/met")["state"] == "met"
    assert dee.post(f"{BASE}{path}/{visit['id']}/met").status_code == 409
    respond = dee.post(f"{BASE}{path}/{world['plant'].promise}/met")
    assert respond.status_code == 409
    assert respond.json is not None
    assert "act of its own" in respond.json["detail"]


def test_a_missed_promise_is_judged_and_one_that_runs_is_counted_again(
    dee: Visitor, world: dict[str, Things], hands: Hands, sessions: Sessions
) -> None:
    path = f"/incidents/{world['plant'].incident}/promises/{world['plant'].promise}"
    assert dee.post(f"{BASE}{path}/cause", {"cause": "capacity"}).status_code == 409
    again = sent(dee, f"{path}/recount", {"reason": "the clocks went wrong"})
    assert (again["moved"], again["before"]) == (False, again["after"])
    hands.forward(hours=2)
    with work(sessions, SYSTEM) as session:
        tick(session, hands.at)
    judged = sent(dee, f"{path}/cause", {"cause": "other", "note": "a flood"})
    assert (judged["cause"], judged["cause_note"], judged["state"]) == ("other", "a flood", "breached")
    assert dee.post(f"{BASE}{path}/recount", {"reason": "late"}).status_code == 409


def test_a_customer_stops_and_judges_nothing(visit: Callable[[str], Visitor], world: dict[str, Things]) -> None:
    ada, path = visit("ada"), f"{BASE}/incidents/{world['plant'].incident}/promises"
    for act, body in (("met", None), ("cause", {"cause": "other", "note": "x"}), ("recount", {"reason": "x"})):
        assert ada.post(f"{path}/{world['plant'].promise}/{act}", body).status_code == 403


def test_a_calendar_has_versions_says_when_it_is_open_and_shows_a_year(
    dee: Visitor, visit: Callable[[str], Visitor], hands: Hands
) -> None:
    boss = visit("max")
    body = {"tz": "Europe/Paris", "weekly": OFFICE, "holidays": "FR", "half_days": {"12-24": "12:00"}}
    made = sent(boss, "/calendars", {"name": "mill", "title": "Mill", "body": body, "reason": "first"}, 201)
    assert (made["is_open"], made["next_close"]) == (True, "2026-03-10T11:00:00Z")
    later = {"tz": "Europe/Paris", "always_open": True}
    sent(boss, "/calendars/mill/versions", {"body": later, "effective_on": "2026-04-01", "reason": "agreed"}, 201)
    seen = got(dee, "/calendars/mill?at=2026-03-14T10:00:00Z")
    assert (seen["is_open"], seen["next_open"]) == (False, "2026-03-16T08:00:00Z")
    assert got(dee, "/calendars/mill?at=2026-04-04T10:00:00Z")["is_open"] is True
    assert [one["version"] for one in seen["versions"]] == [2, 1]
    days = {one["date"]: one for one in got(dee, "/calendars/mill/year?year=2026")["days"]}
    assert len(days) == 365
    assert (days["2026-07-14"]["kind"], days["2026-07-14"]["note"]) == ("holiday", "National Day")
    assert (days["2026-12-24"]["kind"], days["2026-12-24"]["hours"]) == ("part", "09:00-12:00")
    assert days["2026-03-10"]["hours"] == "09:00-12:00 13:00-17:00"
    assert [one["name"] for one in got(dee, "/calendars")["items"]] == ["mill"]


def test_follow_the_sun_is_a_union_of_the_centres_by_name(visit: Callable[[str], Visitor]) -> None:
    boss = visit("max")
    for name, zone in (("sydney", "Australia/Sydney"), ("paris", "Europe/Paris"), ("denver", "America/Denver")):
        body = {"tz": zone, "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
        sent(boss, "/calendars", {"name": name, "title": name, "body": body, "reason": "a centre"}, 201)
    parts = [{"calendar": name} for name in ("paris", "sydney", "denver")]
    whole = {"name": "sun", "title": "Follow the sun", "body": {"union": parts}, "reason": "all"}
    sun = sent(boss, "/calendars", whole, 201)
    assert sun["zone"] == "Europe/Paris"
    assert got(boss, "/calendars/sun?at=2026-03-10T23:00:00Z")["is_open"] is True  # Sydney
    assert got(boss, "/calendars/sun?at=2026-03-10T20:00:00Z")["is_open"] is True  # Denver
    assert got(boss, "/calendars/sun?at=2026-03-10T07:00:00Z")["next_open"] == "2026-03-10T08:00:00Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tz": "Mars"}, "body.tz"),
        ({"weekly": {"mon": [["9", "17"]]}}, "body.weekly.mon"),
        ({"holidays": "FR-XX"}, "body.holidays"),
        ({"holidays": 7}, "body.holidays"),
        ({"union": [{"calendar": "nowhere"}]}, "body.calendar"),
        ({"union": 3}, "body.union"),
        ({"calendar": "a\u0000b"}, "body.calendar"),
        ({"calendar": "x", "tz": "UTC"}, "body.calendar"),
        ({"half_days": {"12-24": 12}}, "body.half_days.12-24"),
        ({"tides": {}}, "body.tides"),
    ],
)
def test_a_wrong_calendar_is_refused_by_field(visit: Callable[[str], Visitor], body: Any, field: str) -> None:
    answer = visit("max").post(f"{BASE}/calendars", {"name": "bad", "title": "Bad", "body": body, "reason": "try"})
    assert answer.status_code == 422, answer.text
    assert answer.json is not None
    assert answer.json["errors"][0]["field"] == field


def test_calendars_deep_inside_each_other_are_refused(visit: Callable[[str], Visitor]) -> None:
    body: dict[str, Any] = {"tz": "UTC"}
    for _ in range(50):
        body = {"union": [body]}
    answer = visit("max").post(f"{BASE}/calendars", {"name": "deep", "title": "Deep", "body": body, "reason": "try"})
    assert answer.status_code == 422


def test_a_change_of_contract_is_foreseen_before_it_reaches_the_clocks(
    visit: Callable[[str], Visitor], world: dict[str, Things]
) -> None:
    boss, contract = visit("max"), world["joinery"].contract
    assert sent(boss, f"/contracts/{contract}/forecast", {"change": "expiry"})["moved"] == 0
    foreseen = sent(boss, f"/contracts/{contract}/forecast", {"change": "upgrade", "tier": "platinum"})
    assert foreseen["moved"] == 1
    assert foreseen["words"][0] == "1 promise of 1 would move:"
    before = got(boss, f"/incidents/{world['joinery'].incident}/promises")["items"][0]["due_at"]
    done = sent(boss, f"/contracts/{contract}/consequences", {"change": "upgrade", "tier": "platinum"})
    after = got(boss, f"/incidents/{world['joinery'].incident}/promises")["items"][0]["due_at"]
    assert (done["effects"][0]["before"], done["effects"][0]["after"]) == (before, after)
    assert after < before
    assert visit("dee").post(f"{BASE}/contracts/{contract}/consequences", {"change": "expiry"}).status_code == 403


def test_a_site_may_name_the_region_whose_holidays_it_keeps(visit: Callable[[str], Visitor]) -> None:
    boss = visit("max")
    path = f"{BASE}/customers/plant/sites"
    made = boss.post(path, {"name": "Munich", "zone": "Europe/Berlin", "country": "DE-BY"})
    assert made.status_code == 201, made.text
    answer = boss.post(path, {"name": "Nowhere", "zone": "Europe/Berlin", "country": "DE-XX"})
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["field"] == "country"
