"""How people are reached, said through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from escalation.intake import report
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]
WAYS = [
    {"channel": "sms", "address": "+33 6 12 34 56 78", "quiet": "09:00-12:00", "loud": 1},
    {"channel": "slack", "address": "https://hooks.slack.example/services/T/B/x"},
    {"channel": "browser", "address": ""},
]


def test_everybody_says_how_they_are_reached_and_is_reached_so(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    dee = visit("dee")
    said = dee("PUT", f"/api/v1/people/{cast.dee}/ways", json={"ways": WAYS})
    assert said.status_code == 200, said.text
    assert [way["channel"] for way in (dee.get(f"/api/v1/people/{cast.dee}/ways").json or {})["ways"]] == [
        "sms", "slack", "browser"
    ]  # fmt: skip
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        told = {one.channel: one for one in session.scalars(select(Notice).where(Notice.person_id == cast.dee))}
    assert set(told) == {"sms", "slack", "browser"}
    assert told["sms"].next_try_at > cast.now, "it is ten in Paris, and quiet for a severity that is not 1"
    assert told["slack"].next_try_at == cast.now


@pytest.mark.parametrize(
    ("way", "field"),
    [
        ({"channel": "pigeon", "address": "x"}, "ways.0.channel"),
        ({"channel": "email", "address": "nobody"}, "ways.0.address"),
        ({"channel": "slack", "address": "ftp://x"}, "ways.0.address"),
        ({"channel": "sms", "address": "dee@example.org"}, "ways.0.address"),
        ({"channel": "pagerduty", "address": "short"}, "ways.0.address"),
        ({"channel": "email", "address": "a@example.org", "quiet": "late"}, "ways.0.quiet"),
        ({"channel": "email", "address": "a@example.org", "loud": 9}, "ways.0.loud"),
    ],
)
def test_a_way_that_leads_nowhere_is_refused_by_its_field(
    way: dict[str, Any], field: str, visit: Visit, cast: Cast
) -> None:
    said = visit("dee")("PUT", f"/api/v1/people/{cast.dee}/ways", json={"ways": [way]})
    assert said.status_code == 422
    assert [one["field"] for one in (said.json or {})["errors"]] == [field]


def test_whom_others_reach_how_is_for_a_manager(visit: Visit, cast: Cast) -> None:
    path, body = f"/api/v1/people/{cast.eve}/ways", {"ways": [{"channel": "email", "address": "eve@example.org"}]}
    assert visit("dee")("PUT", path, json=body).status_code == 403
    assert visit("max")("PUT", path, json=body).status_code == 200
