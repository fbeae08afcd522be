"""What a manager plans for one of ours: places kept for an account or a tier, and single shifts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from escalation import duty, intake, roster
from models.duty import Reservation
from models.people import Shift
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]
HOUR = timedelta(hours=1)


def passed(sessions: Sessions, cast: Cast) -> dict[str, str]:
    """Why each is passed over for an incident of Ada's plant, which is platinum."""
    with work(sessions, SYSTEM) as session:
        intake.report(session, desk.signal(cast.plant_machine, NOW, "fan"), NOW)
        return {one.name: one.reason for one in duty.on_duty(session, desk.the_incident(session), NOW).order.passed}


def test_places_kept_for_another_account_are_full_for_this_one_until_they_are_given_back(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    max_ = visit("max")
    wanted = {"person": str(cast.dee), "customer": "joinery", "mode": "written", "places": 6, "reason": "A migration"}
    made = max_.post("/api/v1/reservations", wanted)
    assert made.status_code == 201, made.text
    assert passed(sessions, cast)["Dee"] == "hands full for others: 6 written kept for Cy Joinery"
    assert "Cy Joinery" in visit("dee").get(f"/people/{cast.dee}").text
    assert [one["places"] for one in max_.get("/api/v1/reservations").get_json()["items"]] == [6]
    assert max_("DELETE", f"/api/v1/reservations/{made.get_json()['id']}").status_code == 204
    assert "Dee" not in passed(sessions, cast)


def test_a_tier_has_its_places_while_they_last_and_before_they_begin_nothing_is_kept(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    max_ = visit("max")
    wanted = {"person": str(cast.dee), "tier": "gold", "places": 6, "end": (NOW + HOUR).isoformat()}
    assert max_.post("/api/v1/reservations", wanted).status_code == 201
    later = {"person": str(cast.eve), "tier": "gold", "places": 6, "start": (NOW + HOUR).isoformat()}
    assert max_.post("/api/v1/reservations", later).status_code == 201
    assert passed(sessions, cast) == {"Dee": "hands full for others: 6 written kept for gold"}
    with work(sessions, SYSTEM) as session:
        people = {one.name: one.kept for one in roster.read(session, NOW + HOUR).engineers}
        assert (people["Dee"], len(people["Eve"])) == ((), 1)


def test_what_an_account_holds_already_is_counted_into_its_places(visit: Visit, sessions: Sessions, cast: Cast) -> None:
    wanted = {"person": str(cast.dee), "customer": "plant", "places": 2}
    assert visit("max").post("/api/v1/reservations", wanted).status_code == 201
    with work(sessions, SYSTEM) as session:
        intake.report(session, desk.signal(cast.plant_machine, NOW, "fan"), NOW)
        row = desk.the_incident(session)
        row.owner_id, row.state = cast.dee, "working"
    with work(sessions, SYSTEM) as session:
        (kept,) = next(one.kept for one in roster.read(session, NOW).engineers if one.person_id == cast.dee)
        assert (kept.places, kept.held, kept.name) == (2, 1, "Ada's Plant")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"customer": "plant", "tier": "gold"}, 422),
        ({"customer": None}, 422),
        ({"places": 0}, 422),
        ({"mode": "pigeon"}, 422),
        ({"customer": "nobody"}, 422),
        ({"person": "max"}, 409),
        ({"end": (NOW - HOUR).isoformat()}, 409),
    ],
)
def test_what_cannot_be_kept_is_refused(visit: Visit, cast: Cast, wrong: dict[str, object], status: int) -> None:
    given = {"person": str(cast.dee), "customer": "plant", "places": 1, **wrong}
    given = {name: value for name, value in given.items() if value is not None}
    if given["person"] == "max":
        given["person"] = str(cast.max)
    assert visit("max").post("/api/v1/reservations", given).status_code == status
    assert visit("dee").post("/api/v1/reservations", given).status_code == 403


def test_a_manager_keeps_and_frees_places_and_plans_shifts_on_a_persons_page(
    visit: Visit, sessions: Sessions, cast: Cast
) -> None:
    max_, page = visit("max"), f"/people/{cast.dee}"

    def does(**given: str) -> int:
        return max_.post(page, data={**given, "csrf": max_.csrf}).status_code

    assert does(do="reserve", kept_for="tier:platinum", kept_mode="remote", places="2", kept_why="The launch") == 303
    assert "2 remote for <b>platinum</b>" in max_.get(page).text
    assert does(do="reserve", kept_for="", kept_mode="remote", places="2") == 422
    assert does(do="reserve", kept_for="account:plant", kept_mode="remote", places="many") == 422
    assert does(do="reserve", kept_for="account:plant", kept_mode="x", places="1") == 422
    with work(sessions, SYSTEM) as session:
        (row,) = session.scalars(select(Reservation))
        session.execute(delete(Shift))
    assert does(do="release", id=str(row.id)) == 303
    assert "all of it is everybody" in max_.get(page).text
    span = {"shift_unit": "americas", "shift_start": "2026-03-11T09:00", "shift_end": "2026-03-11T17:00"}
    assert does(do="shift", **span) == 303
    assert "americas, a single shift" in max_.get(page).text
    assert does(do="shift", **span) == 422, "twice within the same time"
    assert does(do="shift", **{**span, "shift_end": "2026-03-11T08:00"}) == 422
    assert does(do="shift", **{**span, "shift_start": ""}) == 422
    with work(sessions, SYSTEM) as session:
        (shift,) = session.scalars(select(Shift))
        assert shift.starts_at.isoformat() == "2026-03-11T08:00:00+00:00"
    assert does(do="unshift", id=str(shift.id)) == 303
    assert "a single shift" not in max_.get(page).text.split("Turns ahead")[1].split("Add a single shift")[0]
    dee = visit("dee")
    assert dee.post(page, data={"do": "shift", **span, "csrf": dee.csrf}).status_code == 422, "a manager does that"


def test_a_single_shift_is_made_and_taken_away_through_the_api(visit: Visit, sessions: Sessions, cast: Cast) -> None:
    max_ = visit("max")
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
    wanted = {"person": str(cast.max), "unit": "europe", "start": NOW.isoformat(), "end": (NOW + 8 * HOUR).isoformat()}
    made = max_.post("/api/v1/duty/shifts", wanted)
    assert made.status_code == 201, made.text
    with work(sessions, SYSTEM) as session:
        assert roster.units_now(session, NOW) == {cast.max: {"europe"}}
    assert max_.post("/api/v1/duty/shifts", wanted).status_code == 409
    for wrong in ({"end": NOW.isoformat()}, {"end": (NOW + timedelta(days=40)).isoformat()}, {"person": str(cast.ada)}):
        assert max_.post("/api/v1/duty/shifts", {**wanted, **wrong}).status_code == 409
    assert max_.post("/api/v1/duty/shifts", {**wanted, "unit": "mars"}).status_code == 422
    assert visit("dee").post("/api/v1/duty/shifts", wanted).status_code == 403
    assert [one["unit"] for one in max_.get("/api/v1/duty/shifts").get_json()["items"]] == ["europe"]
    assert max_("DELETE", f"/api/v1/duty/shifts/{made.get_json()['id']}").status_code == 204
    with work(sessions, SYSTEM) as session:
        assert roster.units_now(session, NOW) == {}
