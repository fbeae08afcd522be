"""The calendar of duty as a calendar program meets it: a challenge, a key as password, the change of clocks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import vobject

from tests.cast import Cast
from tests.http.conftest import Hands, Visitor
from tests.http.test_duty import layer, schedule

FEED = "/api/v1/duty/calendar.ics"


def basic(key: str, user: str = "calendar") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()}


def by_schedule(feed: str) -> list[Any]:
    """The turns by schedules, without the single shifts of the cast."""
    return [event for event in vobject.readOne(feed).vevent_list if event.description.value != "a single shift"]


def test_a_single_shift_stands_beside_the_schedules(visit: Callable[[str], Visitor], cast: Cast) -> None:
    every = vobject.readOne(visit("max").get(FEED).get_data(as_text=True)).vevent_list
    assert sorted(event.summary.value for event in every) == ["Europe: Dee", "Europe: Eve"]
    (mine,) = vobject.readOne(visit("max").get(f"{FEED}?person={cast.dee}").get_data(as_text=True)).vevent_list
    assert (mine.dtstart.value, mine.dtend.value) == (cast.now - timedelta(hours=2), cast.now + timedelta(days=30))


def test_a_calendar_program_subscribes_with_a_key_as_password(
    visit: Callable[[str], Visitor], stranger: Visitor, cast: Cast
) -> None:
    asked = stranger.client.get(FEED)
    assert (asked.status_code, asked.headers["WWW-Authenticate"].partition(" ")[0]) == (401, "Basic")
    made = visit("root").post("/api/v1/tokens", {"label": "my calendar", "scopes": ["duty:read"]})
    assert made.status_code == 201, made.text
    key = next(value for value in made.get_json().values() if str(value).startswith("vg_"))
    answer = stranger.client.get(FEED + "?person=me", headers=basic(key))
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    assert vobject.readOne(answer.text).x_wr_calname.value == "Duty"
    for wrong in (basic("vg_nonsense"), basic(""), {"Authorization": "Basic !!!"}, {"Authorization": "Digest x"}):
        assert stranger.client.get(FEED, headers=wrong).status_code == 401
    # a browser sends what it was given for Basic by itself, so it opens nothing but a feed
    assert stranger.client.get("/api/v1/me", headers=basic(key)).status_code == 401
    assert stranger.client.post(FEED, headers=basic(key)).status_code in (401, 405)


def test_turns_change_hands_at_the_same_local_hour_before_and_after_the_clocks_change(
    visit: Callable[[str], Visitor], cast: Cast
) -> None:
    made = visit("max").post("/api/v1/duty/schedules", schedule(cast))
    assert made.status_code == 201, made.text
    events = by_schedule(visit("max").get(FEED).get_data(as_text=True))
    starts = [event.dtstart.value for event in events]
    change = starts.index(datetime(2026, 3, 23, 8, tzinfo=UTC))
    assert starts[change + 1] == datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert [event.summary.value for event in events[:3]] == ["Vélizy: Dee", "Vélizy: Eve", "Vélizy: Dee"]
    ends = [event.dtend.value for event in events]
    assert ends[:-1] == [event.dtstart.value for event in events][1:], "no hole and nobody twice"
    assert len({event.uid.value for event in events}) == len(events)


def test_a_turn_without_end_is_the_same_event_at_every_look(
    visit: Callable[[str], Visitor], cast: Cast, hands: Hands
) -> None:
    assert visit("max").post("/api/v1/duty/schedules", schedule(cast, layers=[layer(cast.dee)])).status_code == 201

    def seen() -> tuple[str, datetime]:
        (event,) = by_schedule(visit("max").get(FEED).get_data(as_text=True))
        return event.uid.value, event.dtstart.value

    first = seen()
    hands.forward(minutes=7)
    assert seen() == first
    hands.forward(days=7)
    assert seen()[0] == first[0]
