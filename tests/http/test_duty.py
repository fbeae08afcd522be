"""Duty over the API: schedules with turns and gaps, covers, and what routing may count on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import vobject
from sqlalchemy import select

from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor


@pytest.fixture
def max(visit: Callable[[str], Visitor]) -> Visitor:
    return visit("max")


@pytest.fixture
def dee(visit: Callable[[str], Visitor]) -> Visitor:
    return visit("dee")


def layer(*people: object, **more: object) -> dict[str, Any]:
    return {"people": [str(person) for person in people], "first_day": "2026-03-02", **more}


def schedule(cast: Cast, **more: object) -> dict[str, Any]:
    return {"name": "Vélizy", "unit": "europe", "zone": "Europe/Paris", "layers": [layer(cast.dee, cast.eve)], **more}


def made(max: Visitor, cast: Cast) -> dict[str, Any]:
    answer = max.post("/api/v1/duty/schedules", schedule(cast))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_schedule_says_who_is_on_duty_now_and_next(max: Visitor, cast: Cast) -> None:
    row = made(max, cast)
    (on_duty,) = max.get("/api/v1/duty/now").get_json()["items"]
    assert (on_duty["now"]["person"], on_duty["next"]["person"]) == ("Eve", "Dee")  # the second week of the rota
    assert on_duty["next"]["start"] == "2026-03-16T08:00:00Z"
    turns = max.get(f"/api/v1/duty/schedules/{row['id']}/turns?until=2026-03-25T00:00:00Z").get_json()
    assert [turn["person"] for turn in turns["items"]] == ["Eve", "Dee", "Eve"]
    assert turns["gaps"] == 0


def test_gaps_are_seen_before_they_happen(max: Visitor, cast: Cast) -> None:
    answer = max.post("/api/v1/duty/schedules", schedule(cast, layers=[layer(cast.dee, last_day="2026-03-12")]))
    turns = max.get(f"/api/v1/duty/schedules/{answer.get_json()['id']}/turns").get_json()
    assert [(turn["start"], turn["person"]) for turn in turns["items"]] == [
        ("2026-03-10T09:00:00Z", "Dee"),
        ("2026-03-13T08:00:00Z", "nobody"),
    ]
    assert turns["gaps"] == 1


def test_a_stale_change_of_a_schedule_is_refused(max: Visitor, cast: Cast) -> None:
    row = made(max, cast)
    path = f"/api/v1/duty/schedules/{row['id']}"
    changed = max("PUT", path, json=schedule(cast, name="Paris", version=1))
    assert (changed.status_code, changed.get_json()["version"]) == (200, 2)
    stale = max("PUT", path, json=schedule(cast, version=1))
    assert stale.status_code == 409
    assert "version 2" in stale.get_json()["detail"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"zone": "Mars/Base"}, "zone"),
        ({"layers": []}, "layers"),
        ({"layers": [{"people": [], "first_day": "2026-03-02"}]}, "layers.0.people"),
        ({"layers": [{"people": ["00000000-0000-0000-0000-000000000001"], "first_day": "2026-03-02"}]},
         "layers.0.people"),
        ({"unit": "moon"}, "unit"),
    ],
)  # fmt: skip
def test_a_wrong_schedule_names_its_field(max: Visitor, cast: Cast, wrong: dict[str, object], field: str) -> None:
    answer = max.post("/api/v1/duty/schedules", schedule(cast, **wrong))
    assert answer.status_code == 422
    assert field in [one["field"] for one in answer.get_json()["errors"]]


def test_the_first_to_accept_a_cover_has_the_turn_and_nobody_else(dee: Visitor, max: Visitor, cast: Cast) -> None:
    row = made(max, cast)
    span = {"start": "2026-03-11T09:00:00Z", "end": "2026-03-11T17:00:00Z", "reason": "a wedding"}
    asked = max.post(f"/api/v1/duty/schedules/{row['id']}/covers", span)
    assert asked.status_code == 201
    path = f"/api/v1/duty/covers/{asked.get_json()['id']}/answer"
    accepted = dee.post(path, {"answer": "accepted"})
    assert (accepted.status_code, accepted.get_json()["person_id"]) == (200, str(cast.dee))
    late = max.post(path, {"answer": "accepted"})
    assert (late.status_code, late.get_json()["detail"]) == (409, "This cover is accepted already.")
    turns = max.get(f"/api/v1/duty/schedules/{row['id']}/turns?until=2026-03-12T00:00:00Z").get_json()["items"]
    assert [(turn["person"], turn["why"]) for turn in turns] == [("Eve", ""), ("Dee", "cover"), ("Eve", "")]


def test_covers_are_read_page_by_page_the_next_first(max: Visitor, cast: Cast) -> None:
    row = made(max, cast)
    path = f"/api/v1/duty/schedules/{row['id']}/covers"
    for day in (13, 11, 12):
        max.post(path, {"start": f"2026-03-{day}T09:00:00Z", "end": f"2026-03-{day}T17:00:00Z"})
    first = max.get("/api/v1/duty/covers?limit=2").get_json()
    rest = max.get(f"/api/v1/duty/covers?limit=2&after={first['next']}").get_json()
    assert [one["starts_at"][8:10] for one in first["items"] + rest["items"]] == ["11", "12", "13"]
    assert rest["next"] is None


def test_a_cover_asked_of_one_is_not_anothers_to_take(dee: Visitor, max: Visitor, cast: Cast) -> None:
    row = made(max, cast)
    span = {"start": "2026-03-11T09:00:00Z", "end": "2026-03-11T17:00:00Z", "person": str(cast.eve)}
    asked = max.post(f"/api/v1/duty/schedules/{row['id']}/covers", span).get_json()
    answer = dee.post(f"/api/v1/duty/covers/{asked['id']}/answer", {"answer": "accepted"})
    assert (answer.status_code, answer.get_json()["detail"]) == (409, "Somebody else was asked.")
    past = {"start": "2026-03-01T09:00:00Z", "end": "2026-03-01T17:00:00Z"}
    assert max.post(f"/api/v1/duty/schedules/{row['id']}/covers", past).get_json()["detail"] == (
        "The time to be covered is over."
    )


def test_those_asked_for_cover_are_told_and_so_is_the_asker_of_the_answer(
    visit: Callable[[str], Visitor], sessions: Sessions, cast: Cast
) -> None:
    dee, eve, max = visit("dee"), visit("eve"), visit("max")
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.eve).notify = [{"channel": "email", "address": "eve@example.org",
                                                     "quiet": "00:00-23:59"}]  # fmt: skip

    def letters() -> list[tuple[str, uuid.UUID | None, bool]]:
        with work(sessions, SYSTEM) as session:
            rows = session.scalars(select(Notice).where(Notice.why == "cover").order_by(Notice.subject, Notice.address))
            return [(row.subject, row.person_id, row.next_try_at > row.created_at) for row in rows]

    row = made(max, cast)
    path, answers = f"/api/v1/duty/schedules/{row['id']}/covers", "/api/v1/duty/covers/{}/answer"
    span = {"start": "2026-03-20T08:00:00Z", "end": "2026-03-21T08:00:00Z"}
    given = dee.post(path, {**span, "reason": "a wedding"}).get_json()["id"]
    told = ("Cover is asked for", cast.eve, True)  # she keeps quiet hours, and the turn is days away
    assert told in letters()
    assert cast.dee not in {person for _, person, _ in letters()}
    no = eve.post(answers.format(given), {"answer": "declined"})  # one of many: the others are still asked
    assert (no.status_code, no.get_json()["state"]) == (200, "asked")
    assert max.post(answers.format(given), {"answer": "accepted"}).status_code == 200
    assert letters()[-1] == ("Cover: Max stands in for you", cast.dee, False)
    again = {"start": "2026-03-22T08:00:00Z", "end": "2026-03-23T08:00:00Z", "person": str(cast.eve)}
    asked = dee.post(path, again).get_json()["id"]
    assert eve.post(answers.format(asked), {"answer": "declined"}).get_json()["state"] == "declined"
    assert ("Cover: Eve cannot stand in for you", cast.dee, False) in letters()


def test_ones_own_presence_is_ones_own_word_and_others_need_the_right(dee: Visitor, max: Visitor, cast: Cast) -> None:
    mine = dee.patch(f"/api/v1/people/{cast.dee}/availability", {"present": False, "written": 3})
    assert (mine.status_code, mine.get_json()["present"], mine.get_json()["capacity"]) == (200, False, {"written": 3})
    assert dee.patch(f"/api/v1/people/{cast.eve}/availability", {"present": False}).status_code == 403
    assert max.patch(f"/api/v1/people/{cast.dee}/availability", {"present": True}).get_json()["away_since"] is None


def test_trainings_are_set_and_taken_away_for_known_subjects_only(max: Visitor, cast: Cast) -> None:
    path = f"/api/v1/people/{cast.dee}/trainings"
    assert max("PUT", f"{path}/storage", json={"level": "senior", "expires_on": "2026-12-31"}).status_code == 200
    assert max("PUT", f"{path}/sorcery", json={"level": "senior"}).get_json()["errors"][0]["field"] == "subject"
    shown = max.get(f"/api/v1/people/{cast.dee}/availability").get_json()["trainings"]
    assert shown == [{"subject": "storage", "level": "senior", "expires_on": "2026-12-31"}]
    assert max("DELETE", f"{path}/storage").status_code == 204
    assert max("DELETE", f"{path}/storage").status_code == 404


def test_an_engineer_is_detached_to_one_account_at_a_time(max: Visitor, cast: Cast) -> None:
    wanted = {"person": str(cast.dee), "customer": "plant", "reason": "migration"}
    first = max.post("/api/v1/detachments", wanted)
    assert first.status_code == 201
    assert max.post("/api/v1/detachments", {**wanted, "customer": "joinery"}).status_code == 409
    assert max.post(f"/api/v1/detachments/{first.get_json()['id']}/end").status_code == 409  # it has only just begun
    assert max.post("/api/v1/detachments", {**wanted, "person": str(cast.max)}).status_code == 422


def test_a_detachment_that_has_not_begun_is_called_off_and_makes_room_for_another(max: Visitor, cast: Cast) -> None:
    wanted = {"person": str(cast.dee), "customer": "plant", "reason": "migration", "start": "2026-03-20T08:00:00Z"}
    planned = max.post("/api/v1/detachments", wanted).get_json()["id"]
    page = max.get(f"/people/{cast.dee}").text
    assert ("Call it off" in page, "End it" in page) == (True, False)
    off = max.post(f"/api/v1/detachments/{planned}/end")
    assert (off.status_code, off.get_json()["ends_at"]) == (200, "2026-03-20T08:00:00Z")
    assert max.post(f"/api/v1/detachments/{planned}/end").status_code == 404
    again = max.post("/api/v1/detachments", {**wanted, "customer": "joinery"})
    assert again.status_code == 201
    assert max.post("/api/v1/detachments", {**wanted, "person": str(cast.eve)}).status_code == 201
    pages, after = [], ""
    while after is not None:
        part = max.get(f"/api/v1/detachments?limit=1{f'&after={after}' if after else ''}").get_json()
        assert "items" in part, part
        pages.append([one["person_id"] for one in part["items"]])
        after = part["next"]
    assert sorted(pages) == sorted([[str(cast.dee)], [str(cast.eve)]])


def test_the_feed_is_read_by_another_program_and_names_gaps(
    visit: Callable[[str], Visitor], with_key: Callable[..., Visitor], max: Visitor, cast: Cast
) -> None:
    max.post("/api/v1/duty/schedules", schedule(cast, layers=[layer(cast.dee, last_day="2026-03-12")]))
    program = with_key(scopes=["duty:read"])
    answer = program.get("/api/v1/duty/calendar.ics")
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    events = list(vobject.readOne(answer.get_data(as_text=True)).vevent_list)
    said = [event.summary.value for event in events]
    assert said == ["Vélizy: Dee", "Vélizy: nobody is on duty", "Europe: Dee", "Europe: Eve"]  # and single shifts
    assert events[0].dtend.value == datetime(2026, 3, 13, 8, tzinfo=UTC)
    eves = visit("eve").get("/api/v1/duty/calendar.ics?person=me").get_data(as_text=True)
    assert (eves.count("BEGIN:VEVENT"), "Vélizy" in eves) == (1, False)
    assert "VEVENT" not in max.get("/api/v1/duty/calendar.ics?person=me").get_data(as_text=True)
    assert program.get("/api/v1/duty/calendar.ics?person=somebody").status_code == 422
    assert with_key(scopes=["incidents:read"]).get("/api/v1/duty/calendar.ics").status_code == 403


def test_nobody_covers_their_own_turn_or_one_they_are_absent_in(dee: Visitor, max: Visitor, cast: Cast) -> None:
    row = made(max, cast)
    span = {"start": "2026-03-20T08:00:00Z", "end": "2026-03-21T08:00:00Z"}
    path = f"/api/v1/duty/schedules/{row['id']}/covers"
    own = dee.post(path, span).get_json()["id"]
    mine = dee.post(f"/api/v1/duty/covers/{own}/answer", {"answer": "accepted"})
    assert (mine.status_code, "your own turn" in mine.get_json()["detail"]) == (409, True)
    off = {"kind": "absent", "start": "2026-03-20T20:00:00Z", "end": "2026-03-20T22:00:00Z"}
    assert max.post(f"/api/v1/people/{cast.max}/times-off", off).status_code == 201
    away = max.post(f"/api/v1/duty/covers/{own}/answer", {"answer": "accepted"})
    assert (away.status_code, "absent from 2026-03-20 20:00" in away.get_json()["detail"]) == (409, True)
    assert max.post(f"/api/v1/duty/covers/{own}/answer", {"answer": "declined"}).status_code == 200


def test_a_covered_turn_may_come_back_to_whose_it_was(dee: Visitor, max: Visitor, cast: Cast) -> None:
    row = made(max, cast)
    span = {"start": "2026-03-20T08:00:00Z", "end": "2026-03-21T08:00:00Z"}
    path = f"/api/v1/duty/schedules/{row['id']}/covers"
    given = dee.post(path, span).get_json()["id"]
    assert max.post(f"/api/v1/duty/covers/{given}/answer", {"answer": "accepted"}).status_code == 200
    twice = max.post(path, span).get_json()["id"]
    theirs = max.post(f"/api/v1/duty/covers/{twice}/answer", {"answer": "accepted"})
    assert (theirs.status_code, "your own turn" in theirs.get_json()["detail"]) == (409, True)
    assert dee.post(f"/api/v1/duty/covers/{twice}/answer", {"answer": "accepted"}).status_code == 200
