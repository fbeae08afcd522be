"""Staying with an incident after one's turn, from its own page: asked of its owner when their turn ends, not before."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select

from escalation import acts, intake, still_held
from escalation.incident import Actor
from escalation.intake import Signal
from models.duty import DutySchedule, TurnEnd
from models.incidents import Incident
from models.people import Shift
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Hands, Visitor
from tests.http.test_pages import MOST_QUERIES, counting

HOUR = timedelta(hours=1)
SCRIPT = {"Accept": "application/json"}
Visit = Callable[[str], Visitor]


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> str:
    """The label of one of severity 2 that Dee has claimed; her turn ends nine hours later, in Paris at seven."""
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        session.add(Shift(person_id=cast.dee, unit="europe", starts_at=NOW - HOUR, ends_at=NOW + 9 * HOUR))
        signal = Signal(cast.plant_machine, "fan:1", "rule", 2, NOW, "A fan stands still", "Fan 1.", {}, None)
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NOW)
        return session.get_one(Incident, opened).label


def choices(page: str) -> list[str]:
    found = re.search(r'data-stays="([^"]*)"', page)
    return [one.split("|")[0] for one in found[1].split(",")] if found else []


def stays(who: Visitor, label: str, **form: str) -> tuple[int, str]:
    answer = who.post(f"/incidents/{label}/stay", data=form, headers=SCRIPT)
    return answer.status_code, str(answer.get_json()["said"])


def test_its_owner_is_asked_from_half_an_hour_before_the_end_and_nobody_else(
    visit: Visit, incident: str, hands: Hands
) -> None:
    dee, eve = visit("dee"), visit("eve")
    hands.forward(hours=8, minutes=29)
    assert choices(dee.get(f"/incidents/{incident}").text) == []
    assert "on shift until 19:00" in dee.get(f"/incidents/{incident}").text
    hands.forward(minutes=1)
    page = dee.get(f"/incidents/{incident}").text
    assert "Your turn ends at 19:00" in page
    assert choices(page)[0] == "2026-03-10T19:00Z", "an hour after seven in Paris"
    assert len(choices(page)) == 5
    assert choices(eve.get(f"/incidents/{incident}").text) == []
    hands.forward(hours=3)
    page = dee.get(f"/incidents/{incident}").text
    assert "Your turn ended at 19:00 with this in your hands" in page
    assert choices(page)[0] == "2026-03-10T21:30Z"
    assert "no shift now" in page


def test_who_says_that_they_stay_is_asked_no_more_and_everybody_reads_until_when(
    visit: Visit, incident: str, hands: Hands, sessions: Sessions
) -> None:
    dee, eve = visit("dee"), visit("eve")
    hands.forward(hours=8, minutes=40)
    until = choices(dee.get(f"/incidents/{incident}").text)[-1]
    assert stays(dee, incident, until=until, reason="The part comes at seven.")[0] == 200
    for who in (dee, eve):
        page = who.get(f"/incidents/{incident}").text
        assert choices(page) == []
        assert "stays until Wed 07:00" in page or "stays until 07:00" in page
    assert still_held.attend(sessions, NOW + 9 * HOUR)[0] == 0
    does = dee.post(f"/incidents/{incident}/undo", headers=SCRIPT)
    assert does.status_code == 200
    assert len(choices(dee.get(f"/incidents/{incident}").text)) == 5, "taken back, it is asked again"
    assert still_held.attend(sessions, NOW + 9 * HOUR)[0] == 1


def test_each_wrong_word_is_refused_with_what_to_do(visit: Visit, incident: str, hands: Hands) -> None:
    dee, eve = visit("dee"), visit("eve")
    until = f"{NOW + 10 * HOUR:%Y-%m-%dT%H:%MZ}"
    assert stays(dee, incident, until="", reason="so") == (
        422,
        "Until when you stay is still empty; nothing was changed.",
    )
    for wrong in ("tomorrow", "2026-13-40T00:00Z", "2026-03-10T20:00", "²026-03-10T20:00Z", "0000-01-01T00:00Z"):
        status, said = stays(dee, incident, until=wrong, reason="so")
        assert (status, "is no instant" in said) == (422, True), wrong
    assert stays(dee, incident, until=until, reason=" ")[0] == 422
    assert stays(eve, incident, until=until, reason="so") == (
        409, "Only whoever has it can stay with it. Claim it, or offer to stand beside."
    )  # fmt: skip
    assert stays(dee, incident, until=f"{NOW:%Y-%m-%dT%H:%MZ}", reason="so")[0] == 409
    assert "Nobody stays longer than 12 hours" in stays(dee, incident, until="9999-12-31T23:59Z", reason="so")[1]


def test_what_is_offered_or_was_taken_after_the_turn_asks_nothing(
    visit: Visit, incident: str, hands: Hands, cast: Cast
) -> None:
    dee = visit("dee")
    hands.forward(hours=8, minutes=40)
    offer = {"taker": str(cast.eve), "state": "The fan is ordered."}
    assert dee.post(f"/api/v1/incidents/{incident}/handover", offer).status_code == 201
    assert choices(dee.get(f"/incidents/{incident}").text) == []
    assert dee.post(f"/incidents/{incident}/keep", headers=SCRIPT).status_code == 200
    assert len(choices(dee.get(f"/incidents/{incident}").text)) == 5
    asked = {"title": "The press stands still", "severity": 2, "machine": "plant-db-1"}
    hands.forward(hours=2)
    late = visit("ada").post("/api/v1/incidents", asked).get_json()["incident"]["label"]
    assert dee.post(f"/incidents/{late}/claim", headers=SCRIPT).status_code == 200
    assert choices(dee.get(f"/incidents/{late}").text) == []


def test_the_form_without_script_keeps_it_too(visit: Visit, incident: str, hands: Hands, sessions: Sessions) -> None:
    dee = visit("dee")
    hands.forward(hours=8, minutes=40)
    form = dee.get(f"/incidents/{incident}/acts?act=stay").text
    until = re.findall(r'<option value="(2026-[^"]*)"', form)[0]
    sent = {"until": until, "reason": "The part comes.", "csrf": dee.csrf}
    assert dee.post(f"/incidents/{incident}/stay", data=sent, headers={"Accept": "text/html"}).status_code == 303
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(TurnEnd)).one().reason == "The part comes."
    assert 'action="/incidents/' in form
    assert "/stay" not in dee.get(f"/incidents/{incident}/acts").text


def test_schedules_and_the_end_of_a_turn_take_the_page_not_over_its_bound(
    app: Flask, visit: Visit, incident: str, hands: Hands, sessions: Sessions, cast: Cast
) -> None:
    layer = {"people": [str(cast.eve)], "first_day": "2026-03-02", "days": 7, "handover": "09:00"}
    with work(sessions, SYSTEM) as session:
        session.add(DutySchedule(name="Vélizy", unit="europe", zone="Europe/Paris", layers=[layer], changed_at=NOW))
    dee = visit("dee")
    dee.get(f"/incidents/{incident}")
    hands.forward(hours=8, minutes=40)
    with counting(app) as asked:
        assert len(choices(dee.get(f"/incidents/{incident}").text)) == 5
    assert len(asked) <= MOST_QUERIES
