"""The duty board: who is on duty, what is missing ahead, and cover asked and taken on the page itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import delete, select

from models.duty import Cover, DutySchedule
from models.notices import Notice
from models.people import Shift
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor


@pytest.fixture
def rota(sessions: Sessions, cast: Cast) -> None:
    """Dee alone takes turns in Europe, until the twelfth."""
    layer = {"people": [str(cast.dee)], "first_day": "2026-03-02", "last_day": "2026-03-12"}
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        session.add(DutySchedule(name="Vélizy", unit="europe", zone="Europe/Paris", layers=[layer], changed_at=NOW))


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.usefixtures("rota")
def test_the_board_says_who_is_on_duty_and_where_nobody_is(visit: Callable[[str], Visitor]) -> None:
    said = text(visit("dee").get("/duty").text)
    assert "Nobody is on duty in Americas and Asia-Pacific. 1 gap in the next two weeks." in said
    assert "Dee confirmed" not in said  # she is senior
    assert "Dee senior" in said
    assert "Vélizy : nobody from Fri 09:00" in said


def test_without_any_schedule_the_board_says_how_to_make_one(visit: Callable[[str], Visitor], cast: Cast) -> None:
    said = text(visit("dee").get("/duty").text)
    assert "There is no schedule yet; duty stands on single shifts." in said
    assert "Eve" in said


@pytest.mark.usefixtures("rota")
def test_cover_is_asked_on_the_page_and_taken_by_another(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast
) -> None:
    dee, eve = visit("dee"), visit("eve")
    wanted = {"schedule": "Vélizy", "start": "2026-03-11T09:00", "end": "2026-03-11T17:00", "person": "",
              "reason": "a wedding", "csrf": dee.csrf}  # fmt: skip
    assert dee.post("/duty", data=wanted).status_code == 303
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(Cover)).one()
        assert (row.state, row.starts_at.isoformat()) == ("asked", "2026-03-11T08:00:00+00:00")  # nine in Paris
    assert "Take it" in eve.get("/duty").text
    assert "Take it" not in dee.get("/duty").text
    answered = eve.post(f"/duty/covers/{row.id}", data={"answer": "accepted", "csrf": eve.csrf})
    assert answered.status_code == 303
    assert "Eve stands in" in text(eve.get("/duty").text)


@pytest.mark.usefixtures("rota")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"start": "soon"}, "Choose a day and an hour."),
        ({"end": "2026-03-11T08:00"}, "The cover ends before it begins."),
        ({"schedule": "Paris"}, "Choose one of the schedules."),
        ({"person": "nobody-of-ours"}, "Choose one of ours, or anybody."),
    ],
)
def test_a_wrong_field_says_what_to_do_and_keeps_the_others(
    visit: Callable[[str], Visitor], wrong: dict[str, str], said: str
) -> None:
    dee = visit("dee")
    wanted = {"schedule": "Vélizy", "start": "2026-03-11T09:00", "end": "2026-03-11T17:00", "person": "",
              "reason": "a wedding", "csrf": dee.csrf, **wrong}  # fmt: skip
    answer = dee.post("/duty", data=wanted)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="a wedding"' in answer.text


@pytest.mark.usefixtures("rota")
def test_a_night_is_played_by_the_schedules_and_tells_nobody(
    visit: Callable[[str], Visitor], sessions: Sessions
) -> None:
    said = text(visit("dee").get("/duty/night?customer=plant&severity=1&at=2026-03-11T03:10").text)
    assert "Wed 03:10 1 engineer on duty Dee" in said
    assert "Max" in said  # the manager stands in for the lead nobody named
    late = text(visit("dee").get("/duty/night?tier=bronze&at=2026-03-20T03:10").text)
    assert "Dee" not in late.partition("What would have happened")[2]  # her turns end on the twelfth
    assert "Choose one of the customers." in visit("dee").get("/duty/night?customer=nobody").text
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Notice)).all() == []
