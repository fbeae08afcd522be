"""The link in a mail, receipts of providers, and the log of notices."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import select

from app import sealing
from app.sealing import link_key
from app.settings import Settings
from escalation import outbox
from escalation.channels import acklink
from escalation.channels.letter import compose
from escalation.channels.provider import receipt_path
from escalation.deliver import letter_of
from escalation.intake import report
from models.incidents import Incident, TimelineEntry
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import NOW, Cast
from tests.http.conftest import Hands, Visitor

HOUSE = "https://vigie.example"


@pytest.fixture
def settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings.model_copy(update={"data": tmp_path_factory.mktemp("data")})


@pytest.fixture
def page_to_dee(sessions: Sessions, cast: Cast) -> Notice:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        return session.scalars(select(Notice).where(Notice.rung == 0).limit(1)).one()


def state(sessions: Sessions) -> tuple[str, object]:
    with work(sessions, SYSTEM) as session:
        incident = session.scalars(select(Incident)).one()
        return incident.state, incident.owner_id


def test_looking_at_the_link_of_a_mail_changes_nothing_and_its_button_acknowledges(
    stranger: Visitor, settings: Settings, sessions: Sessions, page_to_dee: Notice
) -> None:
    mail = compose(letter_of(page_to_dee), "Vigie <vigie@vigie.example>", HOUSE, link_key(settings)).get_content()
    (path,) = re.findall(rf"Acknowledge: {HOUSE}(/acknowledge/\S+)", mail)
    for _ in range(3):  # a scanner follows the link
        said = stranger.get(path)
        assert (said.status_code, "I have it" in said.text) == (200, True)
        stranger("HEAD", path)
        assert state(sessions) == ("open", None)
    assert "nobody further is called" in stranger.post(path).text
    assert state(sessions) == ("acknowledged", page_to_dee.person_id)
    assert "nothing was changed" in stranger.get(path).text
    assert stranger.post(path).status_code == 200


def test_a_link_sealed_before_the_secret_was_changed_still_counts(
    stranger: Visitor, app: Flask, sessions: Sessions, page_to_dee: Notice
) -> None:
    old, new = (f"whsec_{base64.b64encode(letter * 24).decode()}" for letter in (b"o", b"n"))
    house = app.extensions["vigie"]
    changed = house.settings.model_copy(update={"webhook_secret": SecretStr(f"{new}, {old}")})
    object.__setattr__(house, "settings", changed)
    assert sealing.link_key(changed) == acklink.key_of(new), "what is sealed from now on, the new one seals"
    for secret, status in ((old, 200), (new, 200), ("whsec_b3RoZXI=", 404)):
        assert stranger.get(acklink.path(page_to_dee.id, acklink.key_of(secret))).status_code == status


def test_in_one_letter_each_page_has_a_link_of_its_own(
    stranger: Visitor, settings: Settings, sessions: Sessions, cast: Cast, page_to_dee: Notice
) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now, cause="fan:1"), cast.now)
        other = session.scalars(select(Notice).where(Notice.rung == 0, Notice.incident_id != page_to_dee.incident_id))
        letter = letter_of(page_to_dee, [other.first() or page_to_dee])
    mail = compose(letter, "Vigie <vigie@vigie.example>", HOUSE, link_key(settings)).get_content()
    first, second = re.findall(rf"Acknowledge: {HOUSE}(/acknowledge/\S+)", mail)
    stranger.post(second)
    with work(sessions, SYSTEM) as session:
        had = {one.state for one in session.scalars(select(Incident).where(Incident.id == page_to_dee.incident_id))}
    assert had == {"open"}, "to have one is not to have all"
    assert "nobody further is called" in stranger.post(first).text


def test_another_site_cannot_press_the_button(
    stranger: Visitor, settings: Settings, sessions: Sessions, page_to_dee: Notice
) -> None:
    path = acklink.path(page_to_dee.id, link_key(settings))
    assert stranger.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert stranger.client.post(path).status_code == 403
    assert state(sessions) == ("open", None)


@pytest.mark.parametrize("spoil", ["", "x", "A" * 43, "é", "../x"])
def test_a_made_up_link_is_as_unknown_as_any_other(spoil: str, stranger: Visitor, page_to_dee: Notice) -> None:
    assert stranger.get(f"/acknowledge/{spoil}").status_code == 404
    forged = acklink.path(page_to_dee.id, b"another key")
    assert stranger.post(forged).status_code == 404


def test_a_link_counts_for_a_day_and_for_people_of_ours(
    stranger: Visitor, settings: Settings, hands: Hands, page_to_dee: Notice
) -> None:
    path = acklink.path(page_to_dee.id, link_key(settings))
    hands.forward(hours=25)
    assert stranger.get(path).status_code == 404


@pytest.fixture
def provider(settings: Settings) -> None:
    said = {"acme": {"url": "https://sms.example/send", "form": {"To": "{{to}}", "Body": "{{text}}"}}}
    (settings.data / "providers.json").write_text(json.dumps(said))


def test_a_receipt_shows_on_the_notice_and_a_failure_in_the_story(
    stranger: Visitor, settings: Settings, sessions: Sessions, page_to_dee: Notice, provider: None
) -> None:
    path = receipt_path("acme", page_to_dee.id, link_key(settings))
    with work(sessions, SYSTEM) as session:
        outbox.settle(session, page_to_dee.id, {"status": 201}, NOW)

    def hear(word: str) -> str:
        assert stranger.client.post(path, data={"MessageStatus": word}).status_code == 204
        with work(sessions, SYSTEM) as session:
            return session.get_one(Notice, page_to_dee.id).state

    assert [hear(word) for word in ("sent", "undelivered", "undelivered")] == ["taken", "failed", "failed"]
    with work(sessions, SYSTEM) as session:
        told = session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "notice")).all()
    assert told == ["Dee could not be told by email: acme reports undelivered"]
    assert [hear(word) for word in ("delivered", "sent", "failed")] == ["delivered", "delivered", "delivered"]


def test_a_receipt_that_overtakes_our_own_note_is_not_lost(
    stranger: Visitor, settings: Settings, sessions: Sessions, page_to_dee: Notice, provider: None
) -> None:
    path = receipt_path("acme", page_to_dee.id, link_key(settings))
    stranger.client.post(path, data={"MessageStatus": "delivered"})
    with work(sessions, SYSTEM) as session:
        outbox.settle(session, page_to_dee.id, {"status": 201}, NOW)
        assert session.get_one(Notice, page_to_dee.id, populate_existing=True).state == "delivered"


def test_a_receipt_without_our_seal_is_nowhere(
    stranger: Visitor, sessions: Sessions, page_to_dee: Notice, provider: None
) -> None:
    path = receipt_path("acme", page_to_dee.id, b"another key")
    assert stranger.client.post(path, data={"MessageStatus": "delivered"}).status_code == 404
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Notice, page_to_dee.id).receipt == {}


def test_the_log_says_how_far_each_notice_has_come_and_sends_one_again(
    visit: Callable[[str], Visitor], sessions: Sessions, page_to_dee: Notice
) -> None:
    dee = visit("dee")
    path = f"/api/v1/notices/{page_to_dee.id}"
    assert dee.post(f"{path}/send-again").status_code == 409
    with work(sessions, SYSTEM) as session:
        outbox.settle(session, page_to_dee.id, {"server": "mail"}, NOW + timedelta(seconds=1))
    said = dee.get(path).json
    assert said is not None
    assert (said["state"], said["receipt"], said["next_try_at"]) == ("taken", {"server": "mail"}, None)
    again = dee.post(f"{path}/send-again")
    assert again.status_code == 202
    listed = dee.get("/api/v1/notices?state=open&channel=email").json
    assert listed is not None
    assert str(page_to_dee.id) in [one["id"] for one in listed["items"]]


def test_customers_do_not_see_whom_of_ours_was_called(visit: Callable[[str], Visitor], page_to_dee: Notice) -> None:
    assert visit("ada").get("/api/v1/notices").status_code == 403
