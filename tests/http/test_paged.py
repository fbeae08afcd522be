"""PagerDuty tells back what was done there: signed, idempotent, and no more than it can know."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import select

from app.settings import Settings
from escalation import acts, proving
from escalation.intake import report
from models.incidents import Incident, TimelineEntry
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor

SECRET = "s3cret-of-the-subscription"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"pagerduty_secret": SecretStr(f"older, {SECRET}")})


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> uuid.UUID:
    with work(sessions, SYSTEM) as session:
        made = report(session, desk.signal(cast.plant_machine, cast.now, "fan:1", severity=3), cast.now).incident_id
        assert made is not None
        return made


def tell(stranger: Visitor, kind: str, key: object, agent: str = "Jane Roe", secret: str = SECRET) -> Any:
    event = {"id": "01D", "event_type": kind, "agent": {"type": "user_reference", "summary": agent},
             "data": {"id": "PX", "type": "incident", "incident_key": key}}  # fmt: skip
    raw = json.dumps({"event": event}).encode()
    sign = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    headers = {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={sign}", "Content-Type": "application/json"}
    return stranger.client.post("/in/pagerduty/webhook", data=raw, headers=headers)


def state(sessions: Sessions, id: uuid.UUID) -> Incident:
    with work(sessions, SYSTEM) as session:
        return session.get_one(Incident, id)


def test_an_acknowledgement_there_stops_the_ladder_here_once(
    stranger: Visitor, sessions: Sessions, incident: uuid.UUID
) -> None:
    for outcome in ("acknowledged", "nothing"):
        assert tell(stranger, "incident.acknowledged", str(incident)).json == {"outcome": outcome}
    row = state(sessions, incident)
    assert (row.state, row.next_rung_at, row.owner_id) == ("acknowledged", None, None)
    with work(sessions, SYSTEM) as session:
        lines = session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "acknowledged")).all()
    assert lines == ["Jane Roe (PagerDuty) has seen it."]


def test_one_of_ours_who_is_paged_there_owns_what_they_acknowledge(
    stranger: Visitor, sessions: Sessions, incident: uuid.UUID, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).notify = [{"channel": "pagerduty", "address": "R" * 32}]
    tell(stranger, "incident.acknowledged", str(incident), agent="dee")
    assert state(sessions, incident).owner_id == cast.dee


def test_an_acknowledgement_that_wears_off_there_starts_the_ladder_again(
    stranger: Visitor, sessions: Sessions, incident: uuid.UUID, cast: Cast
) -> None:
    assert tell(stranger, "incident.unacknowledged", str(incident)).json == {"outcome": "nothing"}
    tell(stranger, "incident.acknowledged", str(incident))
    for outcome in ("open again", "nothing"):
        assert tell(stranger, "incident.unacknowledged", str(incident)).json == {"outcome": outcome}
    row = state(sessions, incident)
    assert (row.state, row.rung, row.ladder_round) == ("open", 0, 1)
    assert row.next_rung_at is not None
    with work(sessions, SYSTEM) as session:
        desk.done(acts.claim(session, incident, desk.actor(cast, "dee"), row.changed_at))
    assert tell(stranger, "incident.unacknowledged", str(incident)).json == {"outcome": "nothing"}, "Dee has it"


def test_what_is_resolved_there_goes_on_here_and_the_story_says_so(
    stranger: Visitor, sessions: Sessions, incident: uuid.UUID
) -> None:
    assert tell(stranger, "incident.resolved", str(incident)).json == {"outcome": "noted"}
    assert state(sessions, incident).is_open


@pytest.mark.parametrize("key", ["0b8e6b0e-6f0e-4a57-9d0c-2f6f5c1f8a11", "their own key", "", None, 7, ["x"]])
def test_what_is_not_ours_means_nothing(stranger: Visitor, key: object) -> None:
    assert tell(stranger, "incident.acknowledged", key).json == {"outcome": "nothing"}
    assert tell(stranger, "pagey.ping", key).json == {"outcome": "nothing"}


def test_a_test_page_acknowledged_there_proves_the_way(
    stranger: Visitor, sessions: Sessions, cast: Cast, hands: Hands
) -> None:
    with work(sessions, SYSTEM) as session:
        row = proving.send_test(session, session.get_one(Person, cast.dee),
                                {"channel": "pagerduty", "address": "R" * 32}, hands())  # fmt: skip
        key = row.notice_id
    hands.forward(minutes=1)
    assert tell(stranger, "incident.acknowledged", str(key)).json == {"outcome": "proved"}


def test_without_the_signature_nothing_is_done(
    stranger: Visitor, sessions: Sessions, incident: uuid.UUID, app: Flask
) -> None:
    assert tell(stranger, "incident.acknowledged", str(incident), secret="guessed").status_code == 401
    assert stranger.client.post("/in/pagerduty/webhook", data=b"{}").status_code == 401
    assert state(sessions, incident).state == "open"
