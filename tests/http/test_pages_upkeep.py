"""Maintenance and dead letters on pages: a form that says what is wrong, buttons that do what they say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from models.maintenance import MaintenanceWindow
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter
from tests.http.conftest import Hands, Visitor
from tests.http.world import Things

Visit = Callable[[str], Visitor]
FORM = "/customers/plant/maintenance/new"


def fields(hands: Hands, **more: object) -> dict[str, object]:
    begins = hands() + timedelta(days=1)
    return {
        "title": "monthly patches", "place": "", "starts": f"{begins:%Y-%m-%dT%H:%M}",
        "ends": f"{begins + timedelta(hours=3):%Y-%m-%dT%H:%M}", "zone": "Europe/Paris", "weeks": "1", **more,
    }  # fmt: skip


def test_a_planned_window_stands_on_the_machines_page_until_it_is_called_off(
    visit: Visit, world: dict[str, Things], sessions: Sessions, hands: Hands
) -> None:
    dee = visit("dee")
    page = dee.get(f"{FORM}?machine=plant-db-1")
    assert f'value="machine:{world["plant"].machine}" selected' in page.text
    assert 'href="/fleet"' in page.text, "the way to other pages stays"
    place = f"machine:{world['plant'].machine}"
    made = dee.post(FORM, data=fields(hands, place=place))
    assert (made.status_code, made.headers["Location"]) == (303, "/machines/plant-db-1")
    shown = dee.get("/machines/plant-db-1").text
    assert "monthly patches" in shown
    assert "Call it off" in shown
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(MaintenanceWindow).where(MaintenanceWindow.title == "monthly patches")).one()
        assert row.made_by
    ended = dee.post(f"/maintenance/{row.id}/end", data={"back": "https://elsewhere.example/"})
    assert (ended.status_code, ended.headers["Location"]) == (303, "/machines/plant-db-1")
    assert "monthly patches" not in dee.get("/machines/plant-db-1").text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": ""}, "Give it a few words"),
        ({"place": "machine:x"}, "Choose one of the places"),
        ({"starts": "soon"}, "Choose a date and a time"),
        ({"ends": "2020-01-01T00:00"}, "is not after its beginning"),
        ({"ends": "2099-01-01T00:00"}, "longer than 31 days"),
        ({"zone": "Nowhere"}, "Choose a zone"),
        ({"weeks": "0"}, "A number from 1 to 52"),
        ({"until": "2020-01-01"}, "before its first day"),
    ],
)
def test_a_wrong_field_says_what_is_wrong_beside_it_and_nothing_is_written(
    visit: Visit, world: dict[str, Things], sessions: Sessions, hands: Hands, change: dict[str, object], said: str
) -> None:
    answer = visit("dee").post(FORM, data=fields(hands, **change))
    assert answer.status_code == 422
    assert said in answer.text
    with work(sessions, SYSTEM) as session:
        titles = session.scalars(select(MaintenanceWindow.title)).all()
    assert "monthly patches" not in titles


def test_letters_are_sent_again_by_those_who_may(visit: Visit, world: dict[str, Things], sessions: Sessions) -> None:
    assert "Send again" not in visit("dee").get("/platform").text
    max_ = visit("max")
    assert "Send again" in max_.get("/platform").text
    done = max_.post("/platform/letters", data={"reason": "json", "machine": "canary-of-the-plant"})
    assert (done.status_code, done.headers["Location"]) == (303, "/platform")
    with work(sessions, SYSTEM) as session:
        asked = session.scalars(select(DeadLetter.machine).where(DeadLetter.replay_asked_at.is_not(None))).all()
    assert asked == ["canary-of-the-plant"]
