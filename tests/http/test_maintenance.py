"""Maintenance and dead letters over the API: planned, shown, called off; asked for again by whom it is granted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.cast import Cast
from tests.http.conftest import Hands, Visitor
from tests.http.world import Things

API = "/api/v1"
Visit = Callable[[str], Visitor]


def window(hands: Hands, **more: Any) -> dict[str, Any]:
    starts = hands()
    return {
        "customer": "plant", "machine": "plant-db-1", "title": "new disks", "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=2)).isoformat(), **more,
    }  # fmt: skip


def test_a_window_is_planned_shown_on_the_history_and_called_off(
    visit: Visit, world: dict[str, Things], hands: Hands
) -> None:
    dee = visit("dee")
    made = dee.post(f"{API}/maintenance", json=window(hands))
    assert made.status_code == 201, made.text
    assert made.json is not None
    assert made.json["runs_until"] is not None
    listed = dee.get(f"{API}/maintenance?machine=plant-db-1").json
    assert listed is not None
    assert made.json["id"] in {one["id"] for one in listed["items"]}
    end = (hands() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    history = dee.get(f"{API}/machines/plant-db-1/history?to={end}").json
    assert history is not None
    assert "new disks" in {one["title"] for one in history["maintenance"]}
    assert dee.get(made.headers["Location"]).json == made.json
    ended = dee.post(f"{made.headers['Location']}/end")
    assert ended.status_code == 200
    assert ended.json is not None
    assert (ended.json["ended_at"] is not None, ended.json["runs_until"]) == (True, None)
    assert dee.post(f"{made.headers['Location']}/end").status_code == 409


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ends_at": "2026-01-01T00:00:00Z"}, "ends_at"),
        ({"ends_at": "2099-01-01T00:00:00Z"}, "ends_at"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"machine": "nobody"}, "machine"),
        ({"machine": "joinery-files"}, "machine"),
        ({"site": "0190b6a0-0000-7000-8000-000000000000"}, "site"),
        ({"repeats": {"weekdays": []}}, "repeats.weekdays"),
        ({"repeats": {"weekdays": ["someday"]}}, "repeats.weekdays.0"),
        ({"title": " "}, "title"),
    ],
)
def test_a_window_that_cannot_be_names_the_field_and_what_to_do(
    visit: Visit, world: dict[str, Things], hands: Hands, change: dict[str, Any], field: str
) -> None:
    said = visit("dee").post(f"{API}/maintenance", json=window(hands, **change))
    assert said.status_code == 422, said.text
    assert said.json is not None
    assert field in {error["field"] for error in said.json["errors"]}
    assert all(error["remedy"] for error in said.json["errors"])


def test_a_repeated_window_must_hold_the_day_it_begins_on(visit: Visit, world: dict[str, Things], hands: Hands) -> None:
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    other = days[(hands().weekday() + 1) % 7]
    wrong = visit("dee").post(f"{API}/maintenance", json=window(hands, repeats={"weekdays": [other]}))
    assert wrong.status_code == 422
    right = visit("dee").post(
        f"{API}/maintenance",
        json=window(hands, repeats={"weekdays": [other, days[hands().weekday()]], "every_weeks": 2}),
    )
    assert right.status_code == 201, right.text


def test_a_customer_reads_its_own_windows_and_plans_none(
    visit: Visit, with_key: Callable[..., Visitor], world: dict[str, Things], hands: Hands
) -> None:
    key = with_key(customer="joinery")
    listed = key.get(f"{API}/maintenance").json
    assert listed is not None
    assert [one["id"] for one in listed["items"]] == [world["joinery"].window]
    assert key.post(f"{API}/maintenance", json=window(hands)).status_code == 403


def test_a_letter_is_asked_for_again_once_and_its_bytes_are_shown(
    visit: Visit, world: dict[str, Things], cast: Cast
) -> None:
    address = f"{API}/platform/dead-letters/{world['plant'].letter}"
    assert visit("dee").post(f"{address}/replay").status_code == 403, "an engineer reads, an operator sends"
    max_ = visit("max")
    before = max_.get(address).json
    assert before is not None
    assert (before["first"], before["last"], before["replay_asked_at"]) == ("canary-of-the-plant", "", None)
    asked = max_.post(f"{address}/replay")
    assert asked.status_code == 202, asked.text
    assert asked.json is not None
    assert asked.json["replay_asked_by"]
    assert max_.post(f"{address}/replay").status_code == 409
    rest = max_.post(f"{API}/platform/dead-letters/replay", json={"reason": "json"})
    assert (rest.status_code, rest.json) == (202, {"asked": 1})
