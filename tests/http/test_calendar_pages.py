"""Calendar pages: a year at a glance in two languages, when we are next open, and a form that rewrites nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.api import BASE
from app.pages.calendar_form import body_of, fill
from app.pages.calendar_words import _WORDS, say
from app.pages.fields import Form
from tests.http.conftest import Visitor
from tests.http.world import Things

MILL = {
    "name": "mill", "title": "The mill", "zone": "Europe/Paris", "hours": "Mon-Fri 8-12 13:30-18, Sat 9-12",
    "holidays": "FR", "closed": "2026-08-14 12-26", "half_days": "12-24 12:00\n",
    "date_hours": "2026-03-15 9:00-12:00 13:00-24:00", "breaks": "2026-03-10 10:00-11:00", "reason": "as agreed",
    "effective_on": "2026-01-01",
}  # fmt: skip


def posted(visitor: Visitor, path: str, form: dict[str, str]) -> Any:
    return visitor("POST", path, data={**form, "csrf": visitor.csrf})


def test_a_calendar_is_added_in_words_and_its_year_is_shown(visit: Callable[[str], Visitor], world: object) -> None:
    boss = visit("max")
    assert posted(boss, "/calendars/new", MILL).status_code == 303
    seen = boss.get("/calendars/mill?year=2026").text
    assert len(re.findall(r'<table class="month">', seen)) == 12
    assert len(re.findall(r'title="2026-\d\d-\d\d: ', seen)) == 365
    for said in (
        "2026-07-14: public holiday, closed, National Day",
        "2026-12-24: open for part of the usual hours, 08:00-12:00",
        "2026-03-15: open for part of the usual hours, 09:00-12:00 13:00-24:00",
        "2026-03-10: open as usual, 08:00-10:00 11:00-12:00 13:30-18:00",
        "2026-08-14: closed",
        "2026-12-26: closed",
        "Closed now; opens Tue 10 March 2026, 11:00 (Europe/Paris).",  # ten o'clock is a break
    ):
        assert said in seen, said


def test_the_page_answers_when_we_are_next_open_and_speaks_french(visit: Callable[[str], Visitor]) -> None:
    boss = visit("max")
    posted(boss, "/calendars/new", MILL)
    asked = boss.get("/calendars/mill?at=2026-07-13T19:00").text
    assert "<output>Closed now; opens Wed 15 July 2026, 08:00 (Europe/Paris).</output>" in asked
    french = boss.get("/calendars/mill?at=2026-07-15T09:00&language=fr&year=2026").text
    assert "<output>Ouvert, jusqu&#39;au mercredi 15 juillet 2026 à 12:00 (Europe/Paris).</output>" in french
    assert "2026-07-14: jour férié, fermé, Fête nationale" in french
    assert "no date and time" in boss.get("/calendars/mill?at=soon").text


def test_a_next_version_is_filled_in_from_the_last_and_leaves_it_standing(visit: Callable[[str], Visitor]) -> None:
    boss = visit("max")
    posted(boss, "/calendars/new", MILL)
    form = boss.get("/calendars/mill/change").text
    assert 'value="Mon-Fri 08:00-12:00 13:30-18:00, Sat 09:00-12:00"' in form
    later = {**MILL, "hours": "24x7", "effective_on": "2026-05-01", "reason": "round the clock"}
    assert posted(boss, "/calendars/mill/change", later).status_code == 303
    versions = boss.get(f"{BASE}/calendars/mill").json["versions"]  # type: ignore[index]
    assert [(one["version"], one["effective_on"]) for one in versions] == [(2, "2026-05-01"), (1, "2026-01-01")]
    assert "Closed now" in boss.get("/calendars/mill").text


def test_centres_are_combined_by_name(visit: Callable[[str], Visitor]) -> None:
    boss = visit("max")
    for name, zone in (("paris", "Europe/Paris"), ("tokyo", "Asia/Tokyo")):
        posted(boss, "/calendars/new", {**MILL, "name": name, "zone": zone})
    both = {"name": "sun", "title": "Sun", "parts": "paris, tokyo", "together": "union", "reason": "both"}
    assert posted(boss, "/calendars/new", both).status_code == 303
    assert 'value="paris tokyo"' in boss.get("/calendars/sun/change").text
    listed = boss.get("/calendars").text
    assert listed.index("paris") < listed.index("sun") < listed.index("tokyo")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("zone", "Mars", "Use an IANA name"),
        ("hours", "always", "&#39;always&#39; is not known"),
        ("hours", "", "is not known"),
        ("holidays", "FR-XX", "is not a region of FR"),
        ("half_days", "12-24", "Write a day and when it closes"),
        ("date_hours", "2026-12-24 nine", "Write a date and its intervals"),
        ("closed", "2026-02-31", "is not a date"),
        ("parts", "nowhere", "There is no calendar"),
        ("name", "The Mill", "Use small letters"),
        ("reason", "", "Give it a reason"),
        ("effective_on", "soon", "This is not a date"),
        ("title", "x" * 121, "At most 120 letters"),
        ("breaks", "2026-12-24 nine", "Write a date and its intervals"),
        ("whole", '{"union": []}', "This is no calendar: union: needs at least one calendar"),
        ("whole", "{", "This is no calendar"),
        ("whole", '{"union": [{"calendar": "nowhere"}]}', "There is no calendar"),
    ],
)
def test_a_wrong_field_is_said_beside_it_and_nothing_is_written(
    visit: Callable[[str], Visitor], field: str, value: str, said: str
) -> None:
    boss = visit("max")
    answer = posted(boss, "/calendars/new", {**MILL, field: value})
    assert answer.status_code == 422
    assert said in answer.text
    french = posted(boss, "/calendars/new?language=fr", {**MILL, field: value})
    assert (french.status_code, said in french.text) == (422, False)
    assert say("fr", "wrong_one").partition(" ;")[0] in french.text
    assert f'id="{field}-wrong"' in french.text
    assert boss.get("/calendars/mill").status_code == 404


def test_the_hours_of_a_contract_are_a_year_as_well(visit: Callable[[str], Visitor], world: dict[str, Things]) -> None:
    dee = visit("dee")
    assert "Open around the clock." in dee.get("/calendars/of/VC-plant?severity=1").text
    joinery = dee.get("/calendars/of/VC-joinery?severity=3&year=2026").text
    assert "2026-12-25: public holiday, closed, Christmas Day" in joinery
    assert dee.get("/calendars/of/VC-nowhere").status_code == 404
    assert dee.get("/calendars/nowhere").status_code == 404
    assert dee.get("/calendars").status_code == 200


def test_only_those_who_write_contracts_write_calendars(visit: Callable[[str], Visitor]) -> None:
    assert visit("dee").get("/calendars/new").status_code == 403
    assert visit("ada").get("/calendars").status_code == 403


def test_a_form_says_what_its_body_says() -> None:
    body = body_of(Form(MILL))
    assert body is not None
    assert body_of(Form(fill(body))) == body
    assert set(_WORDS["en"]) == set(_WORDS["fr"])


@pytest.mark.parametrize(
    "body",
    [
        {"union": [{"calendar": "paris"}, {"tz": "UTC", "weekly": {"mon": [["09:00", "12:00"]]}}]},
        {"intersect": [{"union": [{"calendar": "paris"}]}]},
        {"tz": "UTC", "weekly": {"mon": [["09:00:30", "12:00"]]}},
    ],
)
def test_a_calendar_that_the_fields_cannot_say_is_filled_in_whole(body: dict[str, Any]) -> None:
    assert body_of(Form(fill(body))) == body


def test_a_calendar_is_removed_when_nobody_names_it_and_refused_with_their_names(
    visit: Callable[[str], Visitor], world: object
) -> None:
    boss = visit("max")
    posted(boss, "/calendars/new", MILL)
    posted(boss, "/calendars/new", {"name": "sun", "title": "Sun", "parts": "mill", "together": "union", "reason": "x"})
    change = {"changes": {"hours": {"2": "calendar:mill"}}, "reason": "their own hours"}
    proposed = boss.post(f"{BASE}/contracts/VC-joinery/terms", change)
    assert proposed.status_code == 202, proposed.json
    refused = boss("DELETE", f"{BASE}/calendars/mill")
    assert refused.status_code == 409
    assert refused.json is not None
    assert refused.json["detail"] == ("The calendar mill is named by a proposal for contract VC-joinery, calendar sun.")
    assert refused.json["remedy"] == "Let them name another calendar first."
    page = posted(boss, "/calendars/mill/remove?language=fr", {})
    assert page.status_code == 409
    assert "une proposition pour le contrat VC-joinery le nomme, le calendrier sun le nomme" in page.text
    assert posted(boss, "/calendars/sun/remove", {}).status_code == 303
    confirmed = visit("root").post(f"{BASE}/proposals/{proposed.json['proposal']['id']}/confirm", {})  # type: ignore[index]
    assert confirmed.status_code == 200, confirmed.json
    assert "contract VC-joinery" in boss("DELETE", f"{BASE}/calendars/mill").json["detail"]  # type: ignore[index]
    boss.post(f"{BASE}/contracts/VC-joinery/terms", {"changes": {"hours": {"2": "24x7"}}, "reason": "more"})
    assert boss("DELETE", f"{BASE}/calendars/mill").status_code == 204
    assert boss.get(f"{BASE}/calendars/mill").status_code == 404
    assert visit("dee")("DELETE", f"{BASE}/calendars/sun").status_code == 403
